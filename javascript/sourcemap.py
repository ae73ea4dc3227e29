"""Source maps, version 3 (ECMA-426), of a text that was put together from pieces of another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipetrace.javascript.lines import LineIndex

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TOKEN = re.compile(r"[\w$]+|[^\w$\s]+")
_NEW_LINE = re.compile("\\A|(?:\r\n|[\r\n\u2028\u2029])(?!\\Z)")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the edited text: taken over from the original at `start`, or new and belonging there."""

    text: str
    start: int
    """Offset in the original."""
    verbatim: bool


def source_map(
    pieces: Sequence[Piece], original: str, path: str, source_name: str, *, content: bool = True
) -> dict[str, Any]:
    """Return the map of the concatenated pieces back to the original.

    Text taken over is mapped at each word and each run of other characters, new text line by line to
    the place where it was put. Columns are UTF-16 code units.
    """
    result: dict[str, Any] = {"version": 3, "file": path, "sources": [source_name]}
    if content:
        result["sourcesContent"] = [original]
    result["names"] = []
    result["mappings"] = _mappings(pieces, original)
    return result


def _mappings(pieces: Sequence[Piece], original: str) -> str:
    generated = LineIndex("".join(piece.text for piece in pieces))
    source = LineIndex(original)
    out: list[str] = []
    digits: dict[int, str] = {}
    line = column = source_line = source_column = 0
    separator = ""
    for offset, source_offset in _points(pieces):
        next_line, next_column = generated.position(offset)
        next_source_line, next_source_column = source.position(source_offset)
        if next_line - 1 > line:
            separator = ";" * (next_line - 1 - line)
            line, column = next_line - 1, 0
        out.append(separator)
        for delta in (
            next_column - column,
            0,
            next_source_line - 1 - source_line,
            next_source_column - source_column,
        ):
            encoded = digits.get(delta)
            if encoded is None:
                encoded = digits[delta] = encode_vlq(delta)
            out.append(encoded)
        column, source_line, source_column = next_column, next_source_line - 1, next_source_column
        separator = ","
    return "".join(out)


def _points(pieces: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """Yield the pairs (offset in the edited text, offset in the original) that are mapped."""
    base = 0
    for piece in pieces:
        if piece.verbatim:
            shift = piece.start
            for match in _TOKEN.finditer(piece.text):
                at = match.start()
                yield base + at, shift + at
        else:
            for match in _NEW_LINE.finditer(piece.text):
                yield base + match.end(), piece.start
        base += len(piece.text)


def encode_vlq(value: int) -> str:
    """Return a signed number in the base-64 form of source maps: 5 bits a digit, the sign in the lowest."""
    rest = -value << 1 | 1 if value < 0 else value << 1
    out = ""
    while True:
        digit, rest = rest & 31, rest >> 5
        if not rest:
            return out + _DIGITS[digit]
        out += _DIGITS[digit | 32]
