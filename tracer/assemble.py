"""From what a recording left behind to the tables of a trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipetrace.tracer.cpu_profile import CpuProfile
from pipetrace.tracer.listen import Listener
from pipetrace.tracer.metrics import ProcessSample, sample_table
from pipetrace.tracer.originals import NO_MAPS, MappedFiles
from pipetrace.tracer.run_time import RunTime
from pipetrace.tracer.spool import SpoolTables
from pipetrace.tracer.static_tables import LoadedFile, static_tables
from pipetrace.tracer.trace import TraceWriter
from pipetrace.tracer.transform import Problem

_FUNCTION_COLUMNS = {
    "invocation": ("function_id",),
    "rupture": ("function_id",),
    "shape": ("function_id",),
    "location": ("scope_function_id",),
}
_FILE_COLUMNS = {"rupture": ("file_id",), "location": ("file_id",), "problem": ("file_id",)}
_SPOOLED = ("process", "invocation", "chain", "rupture", "shape", "location", "access", "problem")


@dataclass(frozen=True, slots=True)
class Collected:
    """Everything that one recording left."""

    directory: Path
    """The application's directory of the run."""
    app_root: Path
    spool: SpoolTables
    files: Sequence[LoadedFile]
    problems: Sequence[Problem]
    profile: CpuProfile
    samples: Sequence[ProcessSample]
    listeners: Sequence[Listener]
    mapped: MappedFiles = NO_MAPS
    run_times: Mapping[int, RunTime] = field(default_factory=dict)
    """pid → how long its main thread ran."""


def process_ids(spool: SpoolTables) -> dict[tuple[int, int], int]:
    """Return (pid, thread) → id of the process."""
    table = spool.process
    return {
        (int(pid), int(thread)): int(process_id)
        for process_id, pid, thread in zip(table["process_id"], table["pid"], table["thread_id"], strict=True)
    }


def listener_entries(listeners: Iterable[Listener], ids: Mapping[tuple[int, int], int]) -> list[dict[str, Any]]:
    """Return the servers for ``meta``; those of processes that are not the application's are left out."""
    return [
        {
            "process_id": ids[listener.pid, 0],
            "kind": listener.kind,
            "port": listener.port,
            "address": listener.address,
            "index": listener.index,
            "secure": listener.secure,
        }
        for listener in listeners
        if (listener.pid, 0) in ids
    ]


def write_tables(writer: TraceWriter, collected: Collected) -> None:
    """Write every table but ``meta``."""
    files, function_ids, file_ids = _dense(collected.files)
    for name, rows in static_tables(files).items():
        writer.write(name, rows)
    for name in _SPOOLED:
        table = dict(getattr(collected.spool, name))
        if name == "invocation" and collected.run_times:
            table["cpu_ns"] = _bounded_cpu(collected)
        for column in _FUNCTION_COLUMNS.get(name, ()):
            table[column] = _renumber(table[column], function_ids)
        for column in _FILE_COLUMNS.get(name, ()):
            table[column] = _renumber(table[column], file_ids)
        writer.write(name, table)
    for name, found in collected.mapped.tables.items():
        numbered = {"file_id": _renumber(found["file_id"], file_ids)} if "file_id" in found else {}
        writer.write(name, {**found, **numbered})
    writer.write(
        "problem",
        {
            "kind": [problem.kind for problem in collected.problems],
            "file_id": [int(file_ids[problem.file_id]) for problem in collected.problems],
            "line": [problem.line for problem in collected.problems],
            "text": [problem.text for problem in collected.problems],
        },
    )
    hot = collected.profile.hot(files, collected.app_root)
    writer.write(
        "hot",
        {
            "function_id": [row.function_id for row in hot],
            "self_us": [row.self_us for row in hot],
            "total_us": [row.total_us for row in hot],
            "samples": [row.samples for row in hot],
        },
    )
    ids = process_ids(collected.spool)
    writer.write("sample", sample_table(list(collected.samples), collected.directory, ids))


def _bounded_cpu(collected: Collected) -> NDArray[np.int64]:
    """Return the CPU of all invocations, without what their threads waited for a core, as far as that is known."""
    columns = ("start_ns", "wall_ns", "cpu_ns", "process_id")
    table = {name: np.asarray(collected.spool.invocation[name]).astype(np.int64) for name in columns}
    cpu = table["cpu_ns"].copy()
    for (pid, thread), process_id in process_ids(collected.spool).items():
        ran = collected.run_times.get(pid)
        if thread == 0 and ran is not None:
            mine = table["process_id"] == process_id
            cpu[mine] = ran.bounded(table["start_ns"][mine], table["wall_ns"][mine], cpu[mine])
    return cpu


def _dense(files: Sequence[LoadedFile]) -> tuple[list[LoadedFile], NDArray[Any], NDArray[Any]]:
    """Return the files with dense ids, and the maps from the ids of the recording to them (-1: none).

    While recording, ids may have gaps, because files keep the ids of the recording before.
    """
    functions = np.full(max((file.function_base + _count(file) for file in files), default=0), -1, dtype=np.int64)
    numbers = np.full(max((file.file_id for file in files), default=-1) + 1, -1, dtype=np.int64)
    found: list[LoadedFile] = []
    base = 0
    for index, file in enumerate(files):
        count = _count(file)
        if file.status == "instrumented":
            functions[file.function_base : file.function_base + count] = np.arange(base, base + count)
        numbers[file.file_id] = index
        found.append(replace(file, file_id=index, function_base=base))
        base += count
    return found, functions, numbers


def _renumber(values: Any, numbers: NDArray[Any]) -> Any:
    """Return ids mapped to dense ones; NULL stays NULL, and what has no number becomes it."""
    if len(values) == 0:
        return values
    if isinstance(values, np.ndarray) and values.dtype != object:
        absent = np.ma.getmaskarray(values)
        plain = np.ma.filled(values, 0).astype(np.int64)
    else:
        absent = np.fromiter((value is None for value in values), dtype=bool, count=len(values))
        plain = np.array([0 if value is None else value for value in values], dtype=np.int64)
    known = (plain >= 0) & (plain < len(numbers))
    mapped = np.where(known, numbers[np.where(known, plain, 0)] if len(numbers) else -1, -1)
    return np.ma.masked_array(mapped, mask=absent | (mapped < 0))


def _count(file: LoadedFile) -> int:
    return len(file.static.functions) if file.static else 0
