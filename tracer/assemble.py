"""Puts together the trace of a run: the agents' spool, the text's tables, profiles and process figures."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipetrace import __version__
from pipetrace.tracer.control import Observation
from pipetrace.tracer.launch import Application
from pipetrace.tracer.listen import Listener
from pipetrace.tracer.profile import hot_functions
from pipetrace.tracer.spool import SpoolTables, read_spool
from pipetrace.tracer.static_tables import LoadedFile, static_tables
from pipetrace.tracer.trace import TraceWriter
from pipetrace.tracer.transform import Problem

_DYNAMIC = ("process", "invocation", "chain", "rupture", "shape", "location", "access", "problem")


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has ended, with all that was observed."""

    directory: Path
    application: Application
    cwd: Path
    started: float
    ended: float
    """Seconds since the epoch."""
    ending: str
    status: int
    observation: Observation
    files: list[LoadedFile]
    problems: list[Problem]
    force: bool
    transform_s: float
    memory: str
    on_port: str | None
    listeners: list[Listener]


def write_trace(run: Run, path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Write the trace file and return its meta values and the number of rows per table.

    Raises PipetraceError when the disk does not take it; nothing is left at ``path`` then.
    """
    spool = read_spool(run.directory / "spool")
    static = static_tables(run.files)
    counts: dict[str, int] = {}
    with TraceWriter(path, force=run.force) as writer:

        def add(table: str, rows: Any) -> None:
            writer.write(table, rows)
            counts[table] = counts.get(table, 0) + (len(next(iter(rows.values()))) if rows else 0)

        for table in _DYNAMIC:
            add(table, getattr(spool, table))
        for table, rows in static.items():
            add(table, rows)
        add("problem", {
            name: [getattr(problem, name) for problem in run.problems] for name in ("kind", "file_id", "line", "text")
        })
        add("sample", _samples(run, spool))
        add("hot", _hot(run, static))
        meta = _meta(run, spool)
        writer.commit(meta)
    return meta, counts


def _process_ids(spool: SpoolTables) -> dict[int, int]:
    rows = zip(spool.process["pid"], spool.process["process_id"], spool.process["thread_id"], strict=True)
    return {int(pid): int(process) for pid, process, thread in rows if int(thread) == 0}


def _samples(run: Run, spool: SpoolTables) -> dict[str, list[Any]]:
    processes = _process_ids(spool)
    rows = [row for row in run.observation.samples if row["pid"] in processes]
    columns: dict[str, list[Any]] = {"process_id": [processes[row["pid"]] for row in rows]}
    for name in (
        "t_ns", "cpu_percent", "rss_bytes", "heap_bytes", "loop_delay_mean_ns", "loop_delay_max_ns", "gc_ns"
    ):
        columns[name] = [row.get(name) for row in rows]
    return columns


def _hot(run: Run, static: dict[str, dict[str, list[Any]]]) -> dict[str, list[Any]]:
    """Profiles name functions by file, line and name; of several on one line the outermost is meant."""
    functions = static["function"]
    files = {file.file_id: file.path for file in run.files}
    known: dict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)
    if functions:
        for number, file, line, name in zip(
            functions["function_id"], functions["file_id"], functions["line"], functions["name"], strict=True
        ):
            known[files[file], line].append((name, number))
    totals: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for profile in run.observation.profiles:
        for (path, line, name), (own, total, samples) in hot_functions(profile).items():
            if not Path(path).is_relative_to(run.application.root):
                continue
            candidates = known.get((Path(path).relative_to(run.application.root).as_posix(), line), [])
            match = next((number for known_name, number in candidates if known_name == name), None)
            if match is None and candidates:
                match = candidates[0][1]
            if match is not None:
                for index, value in enumerate((own, total, samples)):
                    totals[match][index] += value
    return {
        "function_id": list(totals),
        "self_us": [row[0] for row in totals.values()],
        "total_us": [row[1] for row in totals.values()],
        "samples": [int(row[2]) for row in totals.values()],
    }


def _meta(run: Run, spool: SpoolTables) -> dict[str, Any]:
    crashed = run.ending == "exit" and run.status < 0
    reason = f"the application was ended by signal {-run.status}" if crashed else ""
    if spool.lost_records:
        reason = f"{spool.lost_records} records could not be written"
    processes = _process_ids(spool)
    agents = run.observation.agents
    return {
        "tool_version": __version__,
        "created": datetime.fromtimestamp(run.started, UTC).isoformat(timespec="seconds"),
        "command": list(run.application.command),
        "cwd": str(run.cwd),
        "app_root": str(run.application.root),
        "entry": run.application.entry,
        "app_name": run.application.name,
        "node_version": run.application.node_version,
        "duration_s": round(run.ended - run.started, 3),
        "complete": not reason,
        "partial_reason": reason,
        "ending": run.ending,
        "exit_code": run.status if run.ending == "exit" and run.status >= 0 else None,
        "signal": -run.status if crashed else None,
        "memory_mode": run.memory,
        "init_end_ns": spool.init_end_ns,
        "lost_records": spool.lost_records,
        "overhead": {
            "transform_s": round(run.transform_s, 3),
            "spool_bytes": sum(int(row.get("bytes") or 0) for row in agents),
            "sampled_ms": round(sum(float(row.get("sampled_ms") or 0) for row in agents), 1),
            "total_ms": round(sum(float(row.get("total_ms") or 0) for row in agents), 1),
        },
        "on_port": run.on_port,
        "listeners": [
            {
                "process_id": processes.get(listener.pid), "kind": listener.kind, "port": listener.port,
                "address": listener.address, "index": listener.index,
            }
            for listener in run.listeners
        ],
        "trouble": run.observation.trouble,
    }
