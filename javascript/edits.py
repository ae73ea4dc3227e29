"""Edits at offsets of the original text, applied all at once; nothing is ever printed again from a tree.

The edited text is the original, cut into pieces at the edits. Every offset given to `Edits` counts in
the original, whatever was edited before. No edits give the same text, character by character.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from pipetrace.javascript.sourcemap import Piece, source_map

_Gap: TypeAlias = tuple[int, int, str | None]
"""A range that does not stay: (start, end, replacement), None where it is moved."""


class EditConflict(ValueError):  # noqa: N818
    """Two edits contradict each other, or an offset lies outside of the text: a bug of the caller.

    The edit that raised it was not recorded.
    """


@dataclass(frozen=True, slots=True)
class _Insertion:
    order: int
    sequence: int
    text: str


@dataclass(frozen=True, slots=True)
class _Move:
    order: int
    sequence: int
    start: int
    end: int
    to: int


class Edits:
    """Collects edits of one text.

    At one offset stand, from left to right: insertions and moved texts, by `order` and then in the
    sequence of the calls; behind them the text (or its replacement) that begins there. So an insertion
    at the start of a replaced or moved range comes before it and one at its end after it; neither
    travels with a moved range, only what lies strictly inside does. Where the end of one piece of code
    is the start of the next, give closing text a negative and opening text a positive order.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._insertions: dict[int, list[_Insertion | _Move]] = {}
        self._offsets: list[int] = []
        """Sorted offsets of the insertions and of the targets of moves."""
        self._replaced: dict[int, tuple[int, str]] = {}
        """Start of each replaced range → (end, replacement); the ranges are disjoint."""
        self._replaced_starts: list[int] = []
        self._moves: list[_Move] = []
        self._copies = False
        self._sequence = 0
        self._rendered: list[Piece] | None = None

    def insert(self, offset: int, s: str, *, order: int = 0) -> None:
        """Insert `s` before the character at `offset`."""
        self._check_offsets(offset, offset)
        self._check_outside_replaced(offset, "an insertion")
        if s:
            self._place(offset, _Insertion(order, self._next(), s))

    def replace(self, start: int, end: int, s: str) -> None:
        """Replace [start, end) by `s`; an empty range is an insertion."""
        self._check_offsets(start, end)
        if start == end:
            self.insert(start, s)
            return
        before = bisect_left(self._replaced_starts, end) - 1
        if before >= 0 and self._replaced[self._replaced_starts[before]][0] > start:
            other = self._replaced_starts[before]
            raise EditConflict(f"range {start}-{end} overlaps replaced range {other}-{self._replaced[other][0]}")
        inside = bisect_right(self._offsets, start)
        if inside < len(self._offsets) and self._offsets[inside] < end:
            raise EditConflict(f"text was put at {self._offsets[inside]}, inside range {start}-{end}")
        for move in self._moves:
            if move.start < end and start < move.end and not move.start <= start < end <= move.end:
                raise EditConflict(f"range {start}-{end} overlaps moved range {move.start}-{move.end}")
        self._next()
        insort(self._replaced_starts, start)
        self._replaced[start] = end, s

    def remove(self, start: int, end: int) -> None:
        """Remove [start, end)."""
        self.replace(start, end, "")

    def move(self, start: int, end: int, to: int, *, order: int = 0) -> None:
        """Move [start, end), with the edits strictly inside, to before the character at `to`.

        `order` places it among the insertions at `to`. A move of nothing, or to its own start or end,
        changes nothing.
        """
        self._check_offsets(start, end)
        self._check_offsets(to, to)
        if start == end or to in (start, end):
            return
        for offset in (start, end, to):
            self._check_outside_replaced(offset, "an end or the target of a move")
        for other in self._moves:
            apart = other.end <= start or end <= other.start
            within = other.start <= start and end <= other.end
            around = start <= other.start and other.end <= end
            if not apart and (within == around or not (within or around)):
                raise EditConflict(f"range {start}-{end} overlaps moved range {other.start}-{other.end}")
        move = _Move(order, self._next(), start, end, to)
        if _has_cycle([*self._moves, move]):
            raise EditConflict(f"range {start}-{end} cannot be moved into itself, to {to}")
        self._moves.append(move)
        self._place(to, move)

    def copy(self, start: int, end: int, to: int, *, order: int = 0) -> None:
        """Put [start, end) once more, with the edits strictly inside, before the character at `to` outside of it.

        `order` places it among the insertions at `to`.
        """
        self._check_offsets(start, end)
        self._check_offsets(to, to)
        for offset in (start, end, to):
            self._check_outside_replaced(offset, "an end or the target of a copy")
        if start < to < end:
            raise EditConflict(f"range {start}-{end} cannot be copied into itself, to {to}")
        if start < end:
            self._copies = True
            self._place(to, _Move(order, self._next(), start, end, to))

    def apply(self) -> str:
        """Return the edited text."""
        return "".join(piece.text for piece in self._pieces())

    def source_map(self, path: str, source_name: str, *, content: bool = True) -> dict[str, Any]:
        """Return the source map (version 3) of the edited text.

        Args:
            path: name of the edited file.
            source_name: name of the original, as seen from the map.
            content: whether the map carries the original text.
        """
        return source_map(self._pieces(), self.text, path, source_name, content=content)

    def places(self, offsets: Iterable[int]) -> list[int]:
        """Return where characters of the original stand in the edited text.

        A character that was replaced stands where its replacement begins; insertions before it count.
        """
        starts: list[tuple[int, int, int]] = []
        base = 0
        for piece in self._pieces():
            if piece.verbatim:
                starts.append((piece.start, len(piece.text), base))
            base += len(piece.text)
        starts.sort()
        found = []
        for offset in offsets:
            index = bisect_right(starts, offset, key=lambda entry: entry[0]) - 1
            start, length, place = starts[index] if index >= 0 else (0, 0, 0)
            found.append(place + min(offset - start, length))
        return found

    def spans(self) -> list[tuple[int, int, int]]:
        """Return the edited text as triples (characters kept, characters new, characters of the original left out).

        Lengths are UTF-16 code units, as engines count. Raises EditConflict where text was moved or copied.
        """
        if self._moves or self._copies:
            raise EditConflict("text that was moved or copied has no spans")
        found: list[tuple[int, int, int]] = []
        kept = new = at = 0
        for piece in self._pieces():
            left_out = _units(self.text[at : piece.start]) if piece.start > at else 0
            at = max(at, piece.start)
            if left_out or (piece.verbatim and new):
                found.append((kept, new, left_out))
                kept = new = 0
            if piece.verbatim:
                kept += _units(piece.text)
                at += len(piece.text)
            else:
                new += _units(piece.text)
        found.append((kept, new, _units(self.text[at:])))
        return found

    def __bool__(self) -> bool:
        """Tell whether there is any edit."""
        return bool(self._insertions or self._replaced)

    def _next(self) -> int:
        self._sequence += 1
        self._rendered = None
        return self._sequence

    def _check_offsets(self, start: int, end: int) -> None:
        if not 0 <= start <= end <= len(self.text):
            raise EditConflict(f"range {start}-{end} lies outside of a text of {len(self.text)} characters")

    def _check_outside_replaced(self, offset: int, what: str) -> None:
        before = bisect_left(self._replaced_starts, offset) - 1
        if before >= 0:
            start = self._replaced_starts[before]
            end = self._replaced[start][0]
            if offset < end:
                raise EditConflict(f"{what} at {offset} lies inside replaced range {start}-{end}")

    def _place(self, offset: int, what: _Insertion | _Move) -> None:
        known = self._insertions.get(offset)
        if known is None:
            self._insertions[offset] = [what]
            insort(self._offsets, offset)
        else:
            known.append(what)

    def _pieces(self) -> list[Piece]:
        if self._rendered is None:
            gaps: list[_Gap] = [(start, end, text) for start, (end, text) in self._replaced.items()]
            gaps += [(move.start, move.end, None) for move in self._moves]
            # Of two ranges with one start the longer is a move, and contains the other.
            gaps.sort(key=lambda gap: (gap[0], -gap[1], gap[2] is not None))
            self._rendered = list(self._render(0, len(self.text), gaps, edges=True))
        return self._rendered

    def _render(self, low: int, high: int, gaps: list[_Gap], *, edges: bool) -> Iterator[Piece]:
        """Yield the pieces of [low, high), whose replaced and moved ranges are `gaps`.

        `edges` tells whether insertions at the two ends belong to the range.
        """
        at = low
        for start, end, replacement in gaps[bisect_left(gaps, low, key=lambda gap: gap[0]) :]:
            if start >= high:
                break
            if start < at or end > high or (not edges and (start, end, replacement) == (low, high, None)):
                continue  # inside a range that is moved away, around this one, or this one itself
            yield from self._plain(at, start, gaps, skip_low=not edges and at == low, skip_high=False)
            if replacement:
                yield Piece(replacement, start, verbatim=False)
            at = end
        yield from self._plain(at, high, gaps, skip_low=not edges and at == low, skip_high=not edges)

    def _plain(self, low: int, high: int, gaps: list[_Gap], *, skip_low: bool, skip_high: bool) -> Iterator[Piece]:
        """Yield text between two gaps, with what was put into it and at its ends."""
        first = (bisect_right if skip_low else bisect_left)(self._offsets, low)
        last = (bisect_left if skip_high else bisect_right)(self._offsets, high)
        at = low
        for offset in self._offsets[first:last]:
            if offset > at:
                yield Piece(self.text[at:offset], at, verbatim=True)
                at = offset
            for item in sorted(self._insertions[offset], key=lambda item: (item.order, item.sequence)):
                if isinstance(item, _Move):
                    yield from self._render(item.start, item.end, gaps, edges=False)
                else:
                    yield Piece(item.text, offset, verbatim=False)
        if high > at:
            yield Piece(self.text[at:high], at, verbatim=True)


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text) + sum(character > "\uffff" for character in text)


def _has_cycle(moves: list[_Move]) -> bool:
    """Tell whether a range would end up inside itself, directly or by way of other moved ranges."""

    def home(move: _Move) -> _Move | None:
        around = [other for other in moves if other.start < move.to < other.end]
        return min(around, key=lambda other: other.end - other.start, default=None)

    for move in moves:
        current: _Move | None = move
        for _ in moves:
            current = home(current) if current is not None else None
            if current is move:
                return True
    return False
