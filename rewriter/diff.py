"""Unified differences between original and rewritten files, in the form that git applies."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unified_diff(path: str, before: str, after: str) -> str:
    """Return the difference of one file; '' if there is none. Lines end where LF stands, as for git."""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}", n=3)
    out: list[str] = []
    for line in lines:
        if line.endswith("\n"):
            out.append(line)
        else:
            out.append(f"{line}\n\\ No newline at end of file\n")
    return "".join(out)


def join_diffs(diffs: Iterable[tuple[str, str]]) -> str:
    """Join the differences of several files, given with their paths."""
    return "".join(f"diff --git a/{path} b/{path}\n{diff}" for path, diff in diffs if diff)


def count_changes(before: str, after: str) -> tuple[int, int]:
    """Return how many lines were added and removed; a changed line counts as both."""
    added = removed = 0
    matcher = difflib.SequenceMatcher(None, _lines(before), _lines(after), autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind != "equal":
            removed += end - start
            added += new_end - new_start
    return added, removed


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    lines = [part + "\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines
