"""From a V8 CPU profile to time per application function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

Key = tuple[str, int, str]
"""Absolute path, 1-based line and name of a function."""


def hot_functions(profile: Mapping[str, Any]) -> dict[Key, tuple[float, float, int]]:
    """Self time, total time (µs, what it called included) and samples for each function that was on the stack.

    A sample counts once in the total of a function, however often the function stands on its stack.
    """
    nodes = {node["id"]: node for node in profile.get("nodes", [])}
    parent = {child: node["id"] for node in nodes.values() for child in node.get("children", [])}
    self_us: dict[int, float] = defaultdict(float)
    hits: dict[int, int] = defaultdict(int)
    for node, delta in zip(profile.get("samples", []), profile.get("timeDeltas", []), strict=False):
        self_us[node] += max(0, delta)
        hits[node] += 1
    result: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for node, microseconds in self_us.items():
        on_stack = set()
        at: int | None = node
        while at is not None:
            on_stack.add(_key(nodes[at]["callFrame"]))
            at = parent.get(at)
        own = _key(nodes[node]["callFrame"])
        result[own][0] += microseconds
        result[own][2] += hits[node]
        for key in on_stack:
            result[key][1] += microseconds
    return {key: (own, total, int(samples)) for key, (own, total, samples) in result.items() if key[0]}


def _key(frame: Mapping[str, Any]) -> Key:
    url = str(frame.get("url", ""))
    path = unquote(urlsplit(url).path) if url.startswith("file:") else url
    return path if path.startswith("/") else "", int(frame.get("lineNumber", -1)) + 1, str(frame.get("functionName", ""))
