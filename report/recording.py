"""The figures of a recording as a whole, its timeline, and the problems that the recorder noted."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pipetrace.report import queries, words
from pipetrace.report.model import Listener, Overhead, Problem, Process, Recording, Timeline, TimelinePoint
from pipetrace.report.queries import Tables

REQUEST_KINDS = ("http", "datagram")
"""Chains that answer somebody: what is counted as a request."""

_UNITS = {"_s": 1e6, "_ms": 1e3, "_us": 1.0, "_ns": 1e-3}


def read_recording(tables: Tables, meta: Mapping[str, Any]) -> Recording:
    """The figures of the recording; a figure that was not measured is None."""
    chains, invocations, sampled, cpu_s = queries.totals(tables)
    by_kind = queries.chain_counts(tables)
    requests = sum(by_kind.get(kind, 0) for kind in REQUEST_KINDS)
    duration = float(meta.get("duration_s") or 0.0)
    rows = queries.samples(tables)
    processes = tuple(_process(row) for row in queries.processes(tables))
    main = next((process.process_id for process in processes if process.kind == "main"), None)
    own = [row for row in rows if main is None or row[0] == main]
    files = queries.file_counts(tables)
    return Recording(
        app_name=str(meta.get("app_name") or ""),
        command=shlex.join(str(word) for word in meta.get("command") or ()),
        created=str(meta.get("created") or ""),
        tool_version=str(meta.get("tool_version") or ""),
        node_version=str(meta.get("node_version") or ""),
        trace=tables.name,
        duration_s=duration,
        init_s=queries.init_seconds(tables, meta.get("init_end_ns")),
        complete=bool(meta.get("complete")),
        partial_reason=str(meta.get("partial_reason") or ""),
        exit=_exit(meta),
        memory_mode=str(meta.get("memory_mode") or ""),
        processes=processes,
        listeners=tuple(
            Listener(
                each.get("process_id", 0),
                each.get("kind", ""),
                each.get("address") or "",
                each.get("port", 0),
            )
            for each in meta.get("listeners") or ()
        ),
        requests=requests,
        requests_per_s=requests / duration if duration else 0.0,
        chains=chains,
        invocations=invocations,
        sampled_invocations=sampled,
        handler_cpu_s=cpu_s,
        cpu_mean=_over(own, 2, np.mean, 100),
        cpu_peak=_over(own, 2, np.max, 100),
        loop_delay_p50_us=_over(own, 5, np.median),
        loop_delay_p99_us=_over(own, 6, lambda values: np.percentile(values, 99)),
        loop_delay_max_us=_over(own, 6, np.max),
        rss_peak=_peak(own, 3),
        heap_peak=_peak(own, 4),
        gc_share=sum(row[7] or 0 for row in own) / 1e9 / duration if own and duration else None,
        lost_records=int(meta.get("lost_records") or 0),
        overhead=_overhead(meta.get("overhead") or {}),
        files_instrumented=files.get("instrumented", 0),
        files_left_alone=files.get("left alone", 0),
    )


def read_timelines(tables: Tables, points: int) -> tuple[Timeline, ...]:
    """The figures of each process over time, merged into at most ``points`` intervals; main process first."""
    rows = queries.samples(tables)
    if not rows:
        return ()
    origin = min(row[1] for row in rows)
    labels = {row[0]: _process_label(_process(row)) for row in queries.processes(tables)}
    by_process: dict[int, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_process.setdefault(row[0], []).append(row)
    found = []
    for process_id, own in by_process.items():
        step = -(-len(own) // points)
        merged = tuple(_point(own[start : start + step], origin) for start in range(0, len(own), step))
        found.append(Timeline(process_id, labels.get(process_id, f"process {process_id}"), merged))
    return tuple(found)


def read_problems(tables: Tables) -> tuple[Problem, ...]:
    """The recorder's problems, then the files that it left alone."""
    noted = [
        Problem(
            kind,
            file,
            lines[0],
            text + (f" (also line {words.joined(tuple(map(str, lines[1:])), 6)})" if lines[1:] else ""),
        )
        for kind, file, lines, text in queries.problems(tables)
    ]
    said = {problem.file for problem in noted if problem.file}
    left = [
        Problem("left alone", path, 0, reason or "The file was not instrumented.")
        for path, reason in queries.files_left_alone(tables)
        if path not in said
    ]
    return (*noted, *left)


def _process(row: tuple[Any, ...]) -> Process:
    process_id, kind, pid, thread_id, argv, lifetime, exit_code = row
    return Process(process_id, kind or "", pid or 0, thread_id or 0, argv or "", lifetime, exit_code)


def _process_label(process: Process) -> str:
    if process.kind == "worker":
        return f"worker thread {process.thread_id} of {process.pid}"
    return f"{process.kind} process {process.pid}" if process.kind == "child" else "main process"


def _over(rows: list[tuple[Any, ...]], column: int, how: Any, divisor: float = 1.0) -> float | None:
    values = [row[column] for row in rows if row[column] is not None]
    return float(how(values)) / divisor if values else None


def _peak(rows: list[tuple[Any, ...]], column: int) -> int | None:
    return max((row[column] for row in rows if row[column] is not None), default=None)


def _point(rows: list[tuple[Any, ...]], origin: float) -> TimelinePoint:
    return TimelinePoint(
        t_s=rows[0][1] - origin,
        cpu=_over(rows, 2, np.mean, 100),
        rss=_over(rows, 3, np.max),
        delay_mean_us=_over(rows, 5, np.mean),
        delay_max_us=_over(rows, 6, np.max),
    )


def _exit(meta: Mapping[str, Any]) -> str:
    ended_by = meta.get("signal")
    if ended_by:
        known = isinstance(ended_by, int) and ended_by in set(signal.Signals)
        return f"ended by {signal.Signals(ended_by).name if known else ended_by}"
    code = meta.get("exit_code")
    return "" if code is None else f"exit code {code}"


def _overhead(figures: Mapping[str, Any]) -> tuple[Overhead, ...]:
    rest = {name: value for name, value in figures.items() if value is not None}
    known = [Overhead(said, wording(rest.pop(name))) for name, (said, wording) in _KNOWN_COSTS.items() if name in rest]
    return (*known, *(Overhead(*_in_words(name, value)) for name, value in rest.items()))


_KNOWN_COSTS: dict[str, tuple[str, Callable[[float], str]]] = {
    "slow_down": ("slower while recorded", lambda value: f"at least {value:.2f}×"),
    "sampled_time_share": ("of the handlers' time watched", words.percent),
    "written_bytes": ("written", words.size),
    "start_up_s": ("to start up", words.seconds),
    "agent_share": ("of the CPU was the recorder's", words.percent),
    "records": ("records", words.count),
}
"""Figure of the recorder → what stands behind its value, and how the value is worded; the most telling first."""


def _in_words(name: str, value: Any) -> tuple[str, str]:
    """A figure that this module does not know, with its unit taken from the ending of its name."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        for ending, factor in _UNITS.items():
            if name.endswith(ending):
                return name.removesuffix(ending).replace("_", " "), words.microseconds(value * factor)
        if name.endswith("_bytes"):
            return name.removesuffix("_bytes").replace("_", " "), words.size(value)
        if isinstance(value, float):
            return name.replace("_", " "), f"{value:.3g}"
        return name.replace("_", " "), words.count(value)
    return name.replace("_", " "), str(value)
