"""Which functions a live edit reaches: V8's mapping of the function literals of an old text to those of a new one.

A function goes over to the new text, with all closures made from it, when both its ends map through the
difference of the texts to the ends of one function of the new text, and no scope around it has changed. If not,
its closures silently keep the old code. An end that lies where text is inserted maps to before the insertion.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipetrace.tracer.livedit_diff import Change


@dataclass(frozen=True, slots=True)
class Literal:
    """The place of one function in a text, as the engine counts it (UTF-16 code units)."""

    start: int
    """The `(` of the parameters; of an arrow its first token."""
    end: int


@dataclass(frozen=True, slots=True)
class Reach:
    """What becomes of the functions of a text."""

    lost: frozenset[int]
    """Functions that keep the old code."""
    confused: frozenset[int]
    """Functions that would get the code of another one."""
    changed: frozenset[int]
    """Functions in whose own text something changes, so that no activation of them may be under way."""
    outside: bool
    """Something changes outside of all functions."""


def map_functions(changes: Sequence[Change], old: Mapping[int, Literal], new: Mapping[int, Literal]) -> Reach:
    """Follow all functions through the changes; both mappings go from a function's number to its place."""
    translate = _Translation(changes)
    by_place = {(literal.start, literal.end): number for number, literal in new.items()}
    lost, confused = set(), set()
    for number, literal in old.items():
        start, end = translate(literal.start), translate(literal.end)
        found = None if start is None or end is None else by_place.get((start, end))
        if found is None:
            lost.add(number)
        elif found != number:
            confused.add(number)
    changed, outside = _changed(changes, old)
    return Reach(frozenset(lost), frozenset(confused), frozenset(changed), outside)


class _Translation:
    """Positions of function ends in the old text → in the new text; None inside of a change."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes
        self._ends = [change.end for change in changes]

    def __call__(self, position: int) -> int | None:
        index = bisect_left(self._ends, position)
        if index < len(self._changes) and self._changes[index].start < position:
            return None
        if index == 0:
            return position
        before = self._changes[index - 1]
        return position + before.new_end - before.end


def _changed(changes: Sequence[Change], old: Mapping[int, Literal]) -> tuple[set[int], bool]:
    """Return the innermost function at each change, and whether some change lies in none."""
    ordered = sorted(old.items(), key=lambda item: (item[1].start, -item[1].end))
    found: set[int] = set()
    outside = False
    stack: list[tuple[int, Literal]] = []
    at = 0
    for change in changes:
        while at < len(ordered) and ordered[at][1].start <= change.start:
            stack.append(ordered[at])
            at += 1
        while stack and stack[-1][1].end <= change.start:
            stack.pop()
        # A function that was opened later may have ended before one that was opened earlier.
        stack = [item for item in stack if item[1].end > change.start]
        if stack:
            found.add(stack[-1][0])
        else:
            outside = True
    return found, outside
