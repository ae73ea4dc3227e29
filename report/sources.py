"""Excerpts of the application's source, shown only where the file is still the one that was recorded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipetrace.report.model import Excerpt

MAXIMUM_LINE = 240


class Sources:
    """Reads excerpts below ``app_root``; ``budget`` bounds the bytes that all excerpts together may have."""

    def __init__(self, app_root: Path, hashes: dict[str, str], budget: int) -> None:
        self._root = app_root
        self._hashes = hashes
        self._budget = budget
        self._files: dict[str, list[str] | None] = {}
        self.refused = 0
        """Number of excerpts that did not fit into the budget."""

    def excerpt(self, path: str, first: int, last: int, most: int) -> Excerpt | None:
        """Lines ``first`` to ``last`` (1-based) of a file, at most ``most``; None where there are none."""
        lines = self._lines(path)
        if lines is None or not 0 < first <= len(lines):
            return None
        wanted = lines[first - 1 : max(first, last)]
        shown = [line if len(line) <= MAXIMUM_LINE else line[:MAXIMUM_LINE] + " …" for line in wanted[:most]]
        text = "\n".join(shown)
        if len(text) > self._budget:
            self.refused += 1
            return None
        self._budget -= len(text)
        return Excerpt(first, text, len(wanted) - len(shown))

    def _lines(self, path: str) -> list[str] | None:
        if path not in self._files:
            self._files[path] = self._read(path)
        return self._files[path]

    def _read(self, path: str) -> list[str] | None:
        recorded = self._hashes.get(path)
        try:
            content = (self._root / path).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() != recorded:
            return None
        return content.decode("utf-8", "replace").splitlines()
