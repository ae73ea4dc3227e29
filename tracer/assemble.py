"""From what a recording left behind to the tables of a trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipetrace.tracer.cpu_profile import CpuProfile
from pipetrace.tracer.listen import Listener
from pipetrace.tracer.metrics import ProcessSample, sample_table
from pipetrace.tracer.originals import NO_MAPS, MappedFiles
from pipetrace.tracer.run_time import Bound, RunTime
from pipetrace.tracer.spool import Parts, SpoolTables
from pipetrace.tracer.spool_thread import Table
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
    bounds = _bounds(collected)
    for name in _SPOOLED:
        for part in _parts(getattr(collected.spool, name)):
            table = dict(part)
            if name == "invocation" and bounds:
                table["cpu_ns"] = _bounded_cpu(table, bounds)
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


def _parts(table: Table | Parts) -> Iterator[Table]:
    if isinstance(table, Parts):
        yield from table
    else:
        yield table


def _bounds(collected: Collected) -> dict[int, Bound]:
    """By process: what the run time of its main thread says of its invocations, where that is known."""
    bounds = {
        process_id: ran.bound()
        for (pid, thread), process_id in process_ids(collected.spool).items()
        if thread == 0 and (ran := collected.run_times.get(pid)) is not None
    }
    if bounds:
        for part in collected.spool.invocation:
            bound = bounds.get(int(part["process_id"][0]))
            if bound is not None:
                bound.add(part["start_ns"], part["wall_ns"], part["cpu_ns"])
    return bounds


def _bounded_cpu(part: Table, bounds: Mapping[int, Bound]) -> NDArray[np.int64]:
    """The CPU of some invocations of one process, without what their thread waited for a core."""
    bound = bounds.get(int(part["process_id"][0]))
    cpu: NDArray[np.int64] = part["cpu_ns"]
    return cpu if bound is None else bound.lowered(part["start_ns"], part["wall_ns"], cpu)


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
