"""The trace as Trace Event JSON, for ui.perfetto.dev and chrome://tracing.

Each process is a thread of nested slices. Causality is drawn as flows from the invocation that brought
another about; chains are asynchronous spans; CPU, memory and event-loop delay are counters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pipetrace.report import queries
from pipetrace.report.costs import function_name
from pipetrace.report.figures import place
from pipetrace.report.queries import Tables
from pipetrace.report.slices import Slice, nested_slices, origin_ns

Event = dict[str, Any]


def render(tables: Tables, limit: int) -> Iterator[str]:
    """The document in parts, with at most ``limit`` invocations; one event a line."""
    meta = tables.meta()
    other = {key: meta.get(key) for key in ("app_name", "node_version", "created", "tool_version")}
    yield f'{{"displayTimeUnit":"ms","otherData":{json.dumps(other)},"traceEvents":[\n'
    for number, event in enumerate(_events(tables, limit)):
        yield (",\n" if number else "") + json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    yield "\n]}\n"


def _events(tables: Tables, limit: int) -> Iterator[Event]:
    origin = origin_ns(tables)
    processes = {row[0]: row for row in queries.processes(tables)}
    threads = _threads(processes)
    for process_id, row in processes.items():
        where = threads[process_id]
        label = f"{row[1]} {row[4]}".strip()
        yield {"ph": "M", "name": "process_name", **where, "args": {"name": label}}
        yield {"ph": "M", "name": "thread_name", **where, "args": {"name": "event loop"}}
    functions = queries.functions(tables)
    slices = list(nested_slices(tables, origin, limit))
    known = {each.invocation_id: each for each in slices}
    ends: dict[int, int] = {}
    for each in slices:
        function = functions.get(each.function_id)
        name = function_name(function) if function else f"function {each.function_id}"
        arguments: dict[str, Any] = {"chain": each.chain_id, "cpu_us": each.cpu_ns / 1000}
        if function:
            arguments["source"] = place(function.file, function.line)
        if each.trigger:
            arguments["trigger"] = each.trigger
        if each.sampled:
            arguments["memory_watched"] = True
        yield {
            "ph": "X",
            "cat": each.kind,
            "name": name,
            **threads.get(each.process_id, _unknown(each.process_id)),
            "ts": _us(each.start_ns),
            "dur": _us(each.end_ns - each.start_ns),
            "args": arguments,
        }
        ends[each.chain_id] = max(ends.get(each.chain_id, 0), each.end_ns)
        yield from _flow(each, known, threads)
    for chain_id, process_id, kind, event, start in tables.rows(
        "select chain_id, process_id, kind, event, start_ns from chain order by start_ns, chain_id"
    ):
        if chain_id in ends:
            span = {"cat": f"chain,{kind}", "id": chain_id, "name": event or kind}
            span |= threads.get(process_id, _unknown(process_id))
            yield {"ph": "b", **span, "ts": _us(start - origin)}
            yield {"ph": "e", **span, "ts": _us(max(ends[chain_id], start - origin))}
    yield from _counters(tables, origin, threads)


def _flow(each: Slice, known: dict[int, Slice], threads: dict[int, Event]) -> Iterator[Event]:
    """The arrow from the cause, unless the cause is the slice around this one, where nesting shows it."""
    cause = known.get(each.parent_id) if each.parent_id is not None else None
    if cause is None or each.enclosing == cause.invocation_id:
        return
    flow = {"cat": "causes", "name": "causes", "id": each.invocation_id}
    # An arrow belongs to the slice that encloses its beginning, so it leaves just before the cause ends.
    leaves = max(cause.start_ns, min(cause.end_ns, each.start_ns) - 1)
    source = threads.get(cause.process_id, _unknown(cause.process_id))
    target = threads.get(each.process_id, _unknown(each.process_id))
    yield {"ph": "s", **flow, **source, "ts": _us(leaves)}
    yield {"ph": "f", "bp": "e", **flow, **target, "ts": _us(each.start_ns)}


def _counters(tables: Tables, origin: int, threads: dict[int, Event]) -> Iterator[Event]:
    for process_id, t_s, cpu, rss, heap, delay_mean, delay_max, _ in queries.samples(tables):
        where = {**threads.get(process_id, _unknown(process_id)), "ts": _us(round(t_s * 1e9) - origin)}
        for name, values in (
            ("CPU %", {"cpu": cpu}),
            ("memory (bytes)", {"resident": rss, "heap": heap}),
            ("event-loop delay (µs)", {"mean": delay_mean, "max": delay_max}),
        ):
            measured = {key: value for key, value in values.items() if value is not None}
            if measured:
                yield {"ph": "C", "name": name, **where, "args": measured}


def _threads(processes: dict[int, tuple[Any, ...]]) -> dict[int, Event]:
    """Process and thread numbers; a number that the system used twice is replaced by our own."""
    found: dict[int, Event] = {}
    used = set()
    for process_id, row in processes.items():
        pid, tid = row[2] or process_id, row[3] or row[2] or process_id
        if (pid, tid) in used:
            pid = tid = 10_000_000 + process_id
        used.add((pid, tid))
        found[process_id] = {"pid": pid, "tid": tid}
    return found


def _unknown(process_id: int) -> Event:
    return {"pid": 10_000_000 + process_id, "tid": 10_000_000 + process_id}


def _us(ns: float) -> float:
    return round(ns / 1000, 3)
