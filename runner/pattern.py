"""What several byte strings of the same origin have in common: fixed pieces with gaps between them.

Two runs of the *original* differ in dates, ids and counters. A pattern learned from them says which bytes vary by
themselves; only those are left out when the staged application is compared. A gap always covers whole words, so
that `17:59:59` and `17:59:58` leave out the time and not one digit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_WORD = re.compile(rb"[A-Za-z0-9_.:+%-]+|[^A-Za-z0-9_.:+%-]", re.DOTALL)
_ALIGN_LIMIT = 6000
"""Tokens that are aligned one by one; a longer stretch without the same count becomes one gap."""

_Token = bytes | None


@dataclass(frozen=True, slots=True)
class Pattern:
    """Fixed pieces in order; between two pieces anything may stand. One piece = exactly these bytes."""

    pieces: tuple[bytes, ...]

    @property
    def exact(self) -> bool:
        """Whether nothing varies."""
        return len(self.pieces) == 1

    @property
    def fixed(self) -> int:
        """Number of bytes that are compared."""
        return sum(map(len, self.pieces))

    def matches(self, value: bytes) -> bool:
        """Whether the fixed pieces occur in `value` in their order, the first and last at its ends."""
        first, *rest = self.pieces
        if not rest:
            return value == first
        last = rest.pop()
        if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
            return False
        position, end = len(first), len(value) - len(last)
        for piece in rest:
            found = value.find(piece, position, end)
            if found < 0:
                return False
            position = found + len(piece)
        return True


def learn(samples: Sequence[bytes]) -> Pattern:
    """The pattern of at least one sample; exact when all are equal."""
    first, *others = dict.fromkeys(samples)
    if not others:
        return Pattern((first,))
    tokens: list[_Token] = list(_WORD.findall(first))
    for other in others:
        tokens = _common(tokens, list(_WORD.findall(other)))
    pieces: list[bytes] = []
    current: list[bytes] = []
    for token in tokens:
        if token is None:
            pieces.append(b"".join(current))
            current = []
        else:
            current.append(token)
    return Pattern((*pieces, b"".join(current)))


def _common(known: list[_Token], other: Sequence[_Token]) -> list[_Token]:
    """`known` with a gap (None) wherever `other` has something else; gaps that touch become one."""
    start = 0
    while start < min(len(known), len(other)) and known[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(known), len(other)) - start and known[-1 - end] == other[-1 - end]:
        end += 1
    left, right = known[start : len(known) - end], list(other[start : len(other) - end])
    middle: list[_Token] = []
    if len(left) == len(right):
        middle = [a if a == b else None for a, b in zip(left, right, strict=True)]
    elif max(len(left), len(right)) <= _ALIGN_LIMIT:
        position = other_position = 0
        for block in SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks():
            if block.a > position or block.b > other_position:
                middle.append(None)
            middle += left[block.a : block.a + block.size]
            position, other_position = block.a + block.size, block.b + block.size
    else:
        middle = [None]
    joined = [*known[:start], *middle, *known[len(known) - end :]]
    return [
        token for index, token in enumerate(joined) if token is not None or index == 0 or joined[index - 1] is not None
    ]
