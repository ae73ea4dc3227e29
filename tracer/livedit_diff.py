"""V8's difference of two source texts, as its live edit takes it: by lines first, then by characters.

A live edit is sent as a whole new text, and the engine finds out by itself what changed. What it finds decides
which functions go over to the new text, so a planner must know it beforehand, ties included: both levels use
Myers' search for the shortest edit script in linear space (forwards and backwards until the two meet), greedy
in a fixed order. Runs of changed lines are compared by characters when they are short enough on both sides.
Node 20 and newer behave so. Positions count UTF-16 code units.

The engine's backward search prefers the shorter of two paths, so that it can pass the edge of its area, and
then what it answers means nothing; such texts are refused here and must be planned otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

CHUNK_LIMIT = 800
"""Runs of changed lines that are this long on either side are not compared by characters."""
_SMALL = 3000
"""Up to this many items in both sequences together, plain loops are faster than arrays."""

Point = tuple[int, int]
Search = Callable[[Sequence[int], Sequence[int], Point, Point], tuple[Point, Point]]
Units = NDArray[np.uint16]
Items = NDArray[np.int64]


class Unpredictable(Exception):  # noqa: N818
    """The engine's search leaves its area, so nobody can tell what it finds."""


@dataclass(frozen=True, slots=True)
class Change:
    """A range of the old text and what stands in its place in the new one."""

    start: int
    end: int
    new_start: int
    new_end: int


def units(text: str) -> Units:
    """Return the UTF-16 code units of a text."""
    return np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype="<u2")


class Differ:
    """Compares texts; what it has compared once it remembers, so that planning can try variants of a text."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], tuple[Change, ...]] = {}

    def changes(self, old: str, new: str) -> list[Change]:
        """Return the changes in order, as the engine sees them; raises Unpredictable."""
        first, second = units(old), units(new)
        starts1, starts2 = _line_starts(first), _line_starts(second)
        numbers: dict[bytes, int] = {}
        lines1, lines2 = _line_numbers(first, starts1, numbers), _line_numbers(second, starts2, numbers)
        prefix = _common(lines1, lines2)
        suffix = _common(lines1[prefix:][::-1], lines2[prefix:][::-1])
        runs = shortest_edits(lines1[prefix : len(lines1) - suffix], lines2[prefix : len(lines2) - suffix])
        found: list[Change] = []
        for run in runs:
            start, end = starts1[prefix + run.start], starts1[prefix + run.end]
            new_start, new_end = starts2[prefix + run.new_start], starts2[prefix + run.new_end]
            if max(end - start, new_end - new_start) >= CHUNK_LIMIT:
                found.append(Change(start, end, new_start, new_end))
                continue
            found += [
                Change(start + one.start, start + one.end, new_start + one.new_start, new_start + one.new_end)
                for one in self._characters(first[start:end], second[new_start:new_end])
            ]
        return found

    def _characters(self, old: Units, new: Units) -> tuple[Change, ...]:
        key = (old.tobytes(), new.tobytes())
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = tuple(shortest_edits(old.tolist(), new.tolist()))
        return known


def shortest_edits(old: Sequence[int], new: Sequence[int]) -> list[Change]:
    """Return the changes of the edit script that the engine chooses among short ones; raises Unpredictable."""
    points = _path(old, new)
    if not points:
        return []
    found: list[Change] = []
    opened: Point | None = None

    def close(at: Point) -> None:
        nonlocal opened
        if opened is not None:
            found.append(Change(opened[0], at[0], opened[1], at[1]))
            opened = None

    for (x, y), (to_x, to_y) in pairwise(points):
        while x < to_x and y < to_y and old[x] == new[y]:
            close((x, y))
            x, y = x + 1, y + 1
        step = (to_x - x) - (to_y - y)
        if step in (1, -1):
            opened = opened or (x, y)
            x, y = (x + 1, y) if step == 1 else (x, y + 1)
        while x < to_x and y < to_y and old[x] == new[y]:
            close((x, y))
            x, y = x + 1, y + 1
    close(points[-1])
    return found


def _path(old: Sequence[int], new: Sequence[int]) -> list[Point]:
    """Return points of the edit path in order: the ends of all middle snakes."""
    if not old and not new:
        return []
    search: Search = _middle_by_loops if len(old) + len(new) <= _SMALL else _middle_by_arrays
    points: list[Point] = []
    # Areas still to be divided, the first one last; an area without extent is a point of the path.
    pending: list[tuple[Point, Point]] = [((0, 0), (len(old), len(new)))]
    while pending:
        top, bottom = pending.pop()
        if top == bottom:
            points.append(top)
            continue
        start, end = search(old, new, top, bottom)
        if not (top[0] <= start[0] <= end[0] <= bottom[0] and top[1] <= start[1] <= end[1] <= bottom[1]):
            raise Unpredictable
        pending.append((end, bottom))
        pending.append((top, start))
    return points


def _middle_by_loops(old: Sequence[int], new: Sequence[int], top: Point, bottom: Point) -> tuple[Point, Point]:
    """Return the ends of the middle snake of an area: a run of equal items and the step before or behind it.

    Diagonals are numbered by x - y, counted from the top left corner forwards and from the bottom right one
    backwards; `ahead` and `back` hold how far the paths have come on each.
    """
    left, upper = top
    right, lower = bottom
    delta = (right - left) - (lower - upper)
    odd = delta % 2 != 0
    size = (right - left) + (lower - upper)
    ahead, back = [0] * (size + 2), [0] * (size + 2)
    ahead[1], back[-1] = left, right
    for d in range(size // 2 + 2):
        for k in range(-d, d + 1, 2):
            if k == -d or (k != d and ahead[k - 1] < ahead[k + 1]):
                from_x = x = ahead[k + 1]
            else:
                from_x = ahead[k - 1]
                x = from_x + 1
            y = upper + (x - left) - k
            from_y = y if d == 0 or from_x != x else y - 1
            while x < right and y < lower and old[x] == new[y]:
                x += 1
                y += 1
            ahead[k] = x
            if odd and -d < k - delta < d and x >= back[k - delta]:
                return (from_x, from_y), (x, y)
        for k in range(d, -d - 1, -2):
            if k == d or (k != -d and back[k - 1] > back[k + 1]):
                from_x = x = back[k - 1]
            else:
                from_x = back[k + 1]
                x = from_x - 1
            y = upper + (x - left) - (k + delta)
            from_y = y if d == 0 or from_x != x else y + 1
            while left < x and upper < y and old[x - 1] == new[y - 1]:
                x -= 1
                y -= 1
            back[k] = x
            if not odd and -d <= k + delta <= d and x <= ahead[k + delta]:
                return (x, y), (from_x, from_y)
    raise Unpredictable


def _middle_by_arrays(old: Sequence[int], new: Sequence[int], top: Point, bottom: Point) -> tuple[Point, Point]:
    """The same for long sequences: all diagonals of one step at once, which do not depend on one another."""
    left, upper = top
    right, lower = bottom
    size = (right - left) + (lower - upper)
    if size <= _SMALL:
        return _middle_by_loops(old, new, top, bottom)
    first, second = np.asarray(old[left:right], np.int64), np.asarray(new[upper:lower], np.int64)
    width, height = len(first), len(second)
    delta = width - height
    odd = delta % 2 != 0
    middle = size + 2  # where diagonal 0 stands
    ahead, back = np.zeros(2 * middle + 1, np.int64), np.zeros(2 * middle + 1, np.int64)
    ahead[middle + 1], back[middle - 1] = 0, width
    for d in range(size // 2 + 2):
        k = np.arange(-d, d + 1, 2)
        lefts, rights = ahead[middle + k - 1], ahead[middle + k + 1]
        down = (k == -d) | ((k != d) & (lefts < rights))
        from_x = np.where(down, rights, lefts)
        x = np.where(down, rights, lefts + 1)
        reached = _follow(first, second, x, x - k)
        ahead[middle + k] = reached
        if odd:
            met = (k - delta > -d) & (k - delta < d)
            met[met] = reached[met] >= back[middle + k[met] - delta]
            if met.any():
                at = int(np.argmax(met))
                return _ends(left, upper, int(k[at]), int(from_x[at]), int(x[at]), int(reached[at]), d)
        k = np.arange(d, -d - 1, -2)
        lefts, rights = back[middle + k - 1], back[middle + k + 1]
        up = (k == d) | ((k != -d) & (lefts > rights))
        from_x = np.where(up, lefts, rights)
        x = np.where(up, lefts, rights - 1)
        flipped = _follow(first[::-1], second[::-1], width - x, height - (x - k - delta))
        reached = width - flipped
        back[middle + k] = reached
        if not odd:
            met = (k + delta >= -d) & (k + delta <= d)
            met[met] = reached[met] <= ahead[middle + k[met] + delta]
            if met.any():
                at = int(np.argmax(met))
                far, near = _ends(left, upper, int(k[at]) + delta, int(from_x[at]), int(x[at]), int(reached[at]), -d)
                return near, far
    raise Unpredictable


def _ends(left: int, upper: int, k: int, from_x: int, x: int, reached: int, d: int) -> tuple[Point, Point]:
    """Return where a step began and where the run behind it ended; d is negative for steps backwards."""
    from_y = x - k
    if d != 0 and from_x == x:
        from_y += -1 if d > 0 else 1
    return (left + from_x, upper + from_y), (left + reached, upper + reached - k)


def _follow(first: Items, second: Items, x: Items, y: Items) -> Items:
    """Return how far the runs of equal items reach that begin at the given places."""
    x, y = x.copy(), y.copy()
    going = np.flatnonzero((x < len(first)) & (y < len(second)) & (x >= 0) & (y >= 0))
    while len(going):
        going = going[first[x[going]] == second[y[going]]]
        x[going] += 1
        y[going] += 1
        going = going[(x[going] < len(first)) & (y[going] < len(second))]
    return x


def _line_starts(text: Units) -> list[int]:
    """Return where lines begin, and the end of the text."""
    terminators = (text == 10) | (text == 13) | (text == 0x2028) | (text == 0x2029)
    if len(text) > 1:
        terminators[:-1] &= ~((text[:-1] == 13) & (text[1:] == 10))
    return [0, *(np.flatnonzero(terminators) + 1).tolist(), len(text)]


def _line_numbers(text: Units, starts: Sequence[int], numbers: dict[bytes, int]) -> list[int]:
    """Return a number for each line; equal lines have equal numbers."""
    whole = text.tobytes()
    return [numbers.setdefault(whole[2 * start : 2 * end], len(numbers)) for start, end in pairwise(starts)]


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many items at the start are equal."""
    shorter = min(len(first), len(second))
    return next((index for index in range(shorter) if first[index] != second[index]), shorter)
