"""Collects what the transformations want done to one file, so that they nest, and renders it in one go.

Each operation carries a tag (the handler it serves, or that it waits until the file is loaded), so that the text can
also be rendered with the operations of some tags alone: what people read, and how many lines one handler costs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from pipetrace.javascript.edits import Edits


@dataclass(frozen=True, slots=True)
class _Wrap:
    tag: str
    start: int
    end: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class _Insert:
    tag: str
    offset: int
    text: str
    order: int


@dataclass(frozen=True, slots=True)
class _Replace:
    tag: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Copy:
    tag: str
    start: int
    end: int
    before: str
    after: str


_Operation: TypeAlias = _Wrap | _Insert | _Replace | _Copy


class Surgery:
    """Operations on one text, in original offsets."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._wraps: list[_Wrap] = []
        self._inserts: list[_Insert] = []
        self._replaces: list[_Replace] = []
        self._copies: list[_Copy] = []

    def wrap(self, tag: str, start: int, end: int, before: str, after: str) -> None:
        """Put `before` and `after` around [start, end). Of equal ranges the first call is the outer one."""
        self._wraps.append(_Wrap(tag, start, end, before, after))

    def insert(self, tag: str, offset: int, text: str, *, statement: bool = False) -> None:
        """Put `text` at `offset`: behind what closes there, in front of what is wrapped there.

        `statement`: it is a statement of its own, and so comes before what belongs to the one that begins there.
        """
        self._inserts.append(_Insert(tag, offset, text, 0 if statement else 1))

    def replace(self, tag: str, start: int, end: int, text: str) -> None:
        """Put `text` in the place of [start, end)."""
        self._replaces.append(_Replace(tag, start, end, text))

    def copy(self, tag: str, start: int, end: int, before: str, after: str) -> None:
        """Put [start, end) once more, with what is done inside it, at the end of the file between two texts."""
        self._copies.append(_Copy(tag, start, end, before, after))

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of all operations, each once, sorted."""
        operations: list[_Operation] = [*self._wraps, *self._inserts, *self._replaces, *self._copies]
        return tuple(sorted({operation.tag for operation in operations}))

    def edits(self, only: Callable[[str], bool] = lambda tag: True, tail: str = "") -> Edits:
        """Return the edits of the tags that `only` accepts; `tail` goes to the very end of the file."""
        edits = Edits(self.text)
        wraps = [(index, wrap) for index, wrap in enumerate(self._wraps) if only(wrap.tag)]
        # Openings at one offset: the longest range first. Closings: the shortest first.
        for _, wrap in sorted(wraps, key=lambda item: (item[1].start, -item[1].end, item[0])):
            edits.insert(wrap.start, wrap.before, order=2)
        closings = sorted(wraps, key=lambda item: (item[1].end, -item[1].start, -item[0]))
        for _, wrap in closings:
            edits.insert(wrap.end, wrap.after, order=-1)
        for insert in self._inserts:
            if only(insert.tag):
                edits.insert(insert.offset, insert.text, order=insert.order)
        for replace in self._replaces:
            if only(replace.tag):
                edits.replace(replace.start, replace.end, replace.text)
        end = len(self.text)
        newline = "\r\n" if "\r\n" in self.text else "\n"
        at_line_start = self.text.endswith(("\n", "\r"))
        for copy in sorted((copy for copy in self._copies if only(copy.tag)), key=lambda copy: copy.start):
            edits.insert(end, ("" if at_line_start else newline) + copy.before, order=10)
            edits.copy(copy.start, copy.end, end, order=10)
            # What closes at the very end of the copied text is no part of it for the editor.
            closing = "".join(wrap.after for _, wrap in closings if copy.start < wrap.start and wrap.end == copy.end)
            edits.insert(end, closing + copy.after + (newline if at_line_start else ""), order=10)
        if tail:
            edits.insert(end, ("" if at_line_start else newline) + tail + (newline if at_line_start else ""), order=11)
        return edits
