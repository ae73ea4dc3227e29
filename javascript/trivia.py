"""What stands between tokens: white space, comments and parentheses that belong to no node of the tree."""

from __future__ import annotations

import re

_TRIVIA = re.compile(r"(?:\s|\ufeff|//[^\n\r\u2028\u2029]*|/\*.*?\*/)*", re.DOTALL)


def skip_trivia(text: str, offset: int) -> int:
    """Return the offset of the first character at or after `offset` that is neither blank nor comment.

    `offset` must stand between two tokens.
    """
    match = _TRIVIA.match(text, offset)
    assert match is not None  # the pattern matches the empty string
    return match.end()


def with_parentheses(text: str, lower: int, start: int, end: int) -> tuple[int, int]:
    """Widen an expression's range [start, end) to the parentheses around it, looking back as far as `lower`.

    Between `lower` and `start` may stand only blanks, comments and opening parentheses: `lower` is the
    end of the token before the expression, for example of the `=` in front of an initialiser.
    """
    depth = 0
    outer = at = skip_trivia(text, lower)
    while at < start and text[at] == "(":
        depth += 1
        at = skip_trivia(text, at + 1)
    if at != start:
        return start, end
    if depth == 0:
        return start, end
    for _ in range(depth):
        closing = skip_trivia(text, end)
        if closing >= len(text) or text[closing] != ")":
            return start, end
        end = closing + 1
    return outer, end


def find_token(text: str, offset: int, token: str) -> int:
    """Return the offset of `token` at or after `offset`, stepping over comments and single characters.

    Only for gaps without strings, templates and regular expressions, such as between the parameters of
    an arrow function and its `=>`. Returns -1 when the text ends first.
    """
    while offset < len(text):
        offset = skip_trivia(text, offset)
        if text.startswith(token, offset):
            return offset
        offset += 1
    return -1
