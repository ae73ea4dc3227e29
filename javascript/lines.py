"""Lines and columns of a text, as JavaScript engines count them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

_TERMINATOR = re.compile("\r\n|[\n\r\u2028\u2029]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


class LineIndex:
    """Translates between offsets (Python string indices) and positions (1-based line, 0-based column).

    Columns count UTF-16 code units, because engines, editors and source maps do; without characters
    beyond U+FFFF they are plain differences of offsets. A line ends after LF, CR, CR LF, U+2028 or U+2029.
    """

    __slots__ = ("_astral", "starts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts: list[int] = [0]
        """Offset at which each line begins."""
        self.starts += [match.end() for match in _TERMINATOR.finditer(text)]
        self._astral = [] if text.isascii() else [match.start() for match in _ASTRAL.finditer(text)]

    def position(self, offset: int) -> tuple[int, int]:
        """Return (1-based line, 0-based UTF-16 column) of an offset, the end of the text included."""
        line = bisect_right(self.starts, offset)
        start = self.starts[line - 1]
        column = offset - start
        if self._astral:
            column += bisect_left(self._astral, offset) - bisect_left(self._astral, start)
        return line, column

    def offset(self, line: int, column: int) -> int:
        """Return the offset of (1-based line, 0-based UTF-16 column), held inside the text.

        A column inside a surrogate pair gives the offset of the whole character.
        """
        if line < 1:
            return 0
        if line > len(self.starts):
            return len(self.text)
        start = self.starts[line - 1]
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        if not self._astral:
            return min(start + column, end)
        at = start
        while column > 0 and at < end:
            column -= 2 if self.text[at] > "\uffff" else 1
            if column < 0:
                break
            at += 1
        return at
