"""The trace in the format of speedscope: what ran when, and the CPU by causal chain.

There is one *evented* profile a process (slices in the order of time) and one *sampled* profile of the whole
recording: its stacks are causal, from the event to the invocation, weighted with the CPU of the invocation.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pipetrace.report import queries
from pipetrace.report.costs import function_name
from pipetrace.report.queries import FunctionRow, Tables
from pipetrace.report.slices import Slice, nested_slices, origin_ns

SCHEMA = "https://www.speedscope.app/file-format-schema.json"
DEEPEST = 200


class _Frames:
    """The frames of a file, each once."""

    def __init__(self, functions: dict[int, FunctionRow]) -> None:
        self._functions = functions
        self._numbers: dict[object, int] = {}
        self.all: list[dict[str, Any]] = []

    def function(self, function_id: int) -> int:
        function = self._functions.get(function_id)
        if function is None:
            return self._number(function_id, {"name": f"function {function_id}"})
        frame = {"name": function_name(function), "file": function.file, "line": function.line}
        return self._number(function_id, frame)

    def event(self, kind: str, event: str) -> int:
        return self._number((kind, event), {"name": event or kind})

    def _number(self, key: object, frame: dict[str, Any]) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.all)
            self.all.append(frame)
        return self._numbers[key]


def render(tables: Tables, limit: int) -> Iterator[str]:
    """The document in parts, with at most ``limit`` invocations."""
    meta = tables.meta()
    frames = _Frames(queries.functions(tables))
    slices = list(nested_slices(tables, origin_ns(tables), limit))
    labels = {row[0]: f"{row[1]} process {row[2]}" for row in queries.processes(tables)}
    profiles = [_causal(tables, slices, frames)] if slices else []
    by_process: dict[int, list[Slice]] = {}
    for each in slices:
        by_process.setdefault(each.process_id, []).append(each)
    for process_id, own in by_process.items():
        profiles.append(_evented(labels.get(process_id, f"process {process_id}"), own, frames))
    if not profiles:
        empty = {"type": "evented", "name": "nothing was recorded", "unit": "nanoseconds"}
        profiles.append({**empty, "startValue": 0, "endValue": 0, "events": []})
    document = {
        "$schema": SCHEMA,
        "exporter": f"pipetrace@{meta.get('tool_version', '')}",
        "name": f"{meta.get('app_name', '')} ({tables.name})",
        "activeProfileIndex": 0,
        "shared": {"frames": frames.all},
        "profiles": profiles,
    }
    yield from json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).iterencode(document)
    yield "\n"


def _evented(name: str, slices: list[Slice], frames: _Frames) -> dict[str, Any]:
    events: list[dict[str, Any]] = []
    stack: list[tuple[int, int]] = []

    def close(until: float) -> None:
        while stack and stack[-1][1] <= until:
            frame, end = stack.pop()
            events.append({"type": "C", "frame": frame, "at": end})

    for each in slices:
        close(each.start_ns)
        frame = frames.function(each.function_id)
        events.append({"type": "O", "frame": frame, "at": each.start_ns})
        stack.append((frame, each.end_ns))
    close(float("inf"))
    return {
        "type": "evented",
        "name": name,
        "unit": "nanoseconds",
        "startValue": events[0]["at"],
        "endValue": max(event["at"] for event in events),
        "events": events,
    }


def _causal(tables: Tables, slices: list[Slice], frames: _Frames) -> dict[str, Any]:
    chains = {row[0]: (row[1], row[2]) for row in tables.rows("select chain_id, kind, event from chain")}
    firsts = dict(tables.rows("select invocation_id, first_id from invocation where first_id is not null"))
    stacks: dict[int, tuple[int, ...]] = {}
    weights: Counter[tuple[int, ...]] = Counter()
    for each in sorted(slices, key=lambda one: (one.start_ns, one.invocation_id)):
        first = firsts.get(each.invocation_id)
        if first in stacks:
            stack = stacks[first]
        else:
            root = (frames.event(*chains.get(each.chain_id, ("", "unknown event"))),)
            above = stacks.get(each.parent_id, root) if each.parent_id is not None else root
            frame = frames.function(each.function_id)
            # A timer that arms itself would grow a frame a tick.
            stack = above if frame in above or len(above) >= DEEPEST else (*above, frame)
        stacks[each.invocation_id] = stack
        weights[stack] += each.cpu_ns
    total = sum(weights.values())
    return {
        "type": "sampled",
        "name": "CPU by causal chain",
        "unit": "nanoseconds",
        "startValue": 0,
        "endValue": total,
        "samples": [list(stack) for stack in weights],
        "weights": list(weights.values()),
    }
