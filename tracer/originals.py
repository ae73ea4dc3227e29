"""Places in compiled files, told as places in the files that were compiled: made for a trace, and read from one."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipetrace.tracer.source_maps import Compiled, Points, SourceText, UnusableMapError, compiled, decode
from pipetrace.tracer.static_tables import LoadedFile

_FAR = 20
"""Lines of an original beyond which one compiled line holds too much for one place (it is minified)."""


@dataclass(frozen=True, slots=True)
class MappedFiles:
    """What the source maps of the recorded files say."""

    tables: Mapping[str, Mapping[str, Sequence[Any]]]
    """Rows of ``source`` and ``original``."""
    unusable: tuple[tuple[int, str], ...]
    """(id, sentence) of each file whose map says nothing."""


NO_MAPS = MappedFiles({}, ())


def map_files(files: Iterable[LoadedFile], app_root: Path, node: str) -> MappedFiles:
    """Read the source maps of the files that stand on disk as they were recorded."""
    found: list[tuple[LoadedFile, Compiled]] = []
    unusable: list[tuple[int, str]] = []

    def refuse(file: LoadedFile, why: UnusableMapError) -> None:
        unusable.append((file.file_id, f"Lines of {file.path} are those of the compiled file: {why}."))

    for file in files:
        if file.status != "instrumented" or file.reason:
            continue
        path = app_root / file.path
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if b"sourceMappingURL=" not in data or hashlib.sha256(data).hexdigest() != file.sha256:
            continue
        try:
            one = compiled(data.decode("utf-8", "replace").removeprefix("\ufeff"), path)
        except UnusableMapError as error:
            refuse(file, error)
            continue
        if one is not None:
            found.append((file, one))
    rows = _Rows()
    for (file, _), points in zip(found, decode([one for _, one in found], app_root, node), strict=True):
        if isinstance(points, UnusableMapError):
            refuse(file, points)
        else:
            rows.add(file.file_id, points)
    return MappedFiles(rows.tables(), tuple(unusable))


class _Rows:
    """The rows of the two tables, with a point only where the line of the original becomes another."""

    def __init__(self) -> None:
        self._sources: dict[SourceText, int] = {}
        self._points: list[tuple[int, int, int, int, int]] = []

    def add(self, file_id: int, points: Points) -> None:
        ids = [self._sources.setdefault(source, len(self._sources)) for source in points.sources]
        before: tuple[int, int, int] | None = None
        for (line, column), (source, source_line, _) in zip(points.starts, points.origins, strict=True):
            place = (line, source, source_line)
            if place != before:
                self._points.append((file_id, line, column, ids[source], source_line))
            before = place

    def tables(self) -> dict[str, dict[str, Sequence[Any]]]:
        names = ("file_id", "line", "col", "source_id", "source_line")
        return {
            "source": {
                "source_id": list(self._sources.values()),
                "path": [source.path for source in self._sources],
                "sha256": [source.sha256 for source in self._sources],
            },
            "original": dict(zip(names, zip(*self._points, strict=True), strict=True)) if self._points else {},
        }


class Originals:
    """Answers where a place in a recorded file was written; without source maps that is the place itself."""

    def __init__(
        self,
        rows: Iterable[tuple[str, int, int, str, int]] = (),
        hashes: Mapping[str, str] | None = None,
        functions: Mapping[tuple[str, int], int] | None = None,
    ) -> None:
        """Take (file, line, column, source, its line) in order, and the column of the only function on a line."""
        self._functions = dict(functions or {})
        self._lines: dict[str, dict[int, list[tuple[int, str, int]]]] = {}
        for file, line, column, source, source_line in rows:
            self._lines.setdefault(file, {}).setdefault(line, []).append((column, source, source_line))
        self.hashes = dict(hashes or {})
        """SHA-256 of every original, by path."""
        names = "|".join(re.escape(file) for file in sorted(self._lines, key=len, reverse=True))
        self._mention = re.compile(rf"(?<![\w./-])({names}):(\d+)\b") if names else None

    def place(self, file: str, line: int, column: int | None = None) -> tuple[str, int]:
        """Return the original's path and line; without a column that of the line's function, else its first word.

        A line without an original, or (asked for without a column) with too many, stays as it is.
        """
        points = self._lines.get(file, {}).get(line)
        if not points:
            return file, line
        if column is None:
            column = self._functions.get((file, line))
        if column is not None:
            _, source, source_line = points[max(0, bisect_right(points, column, key=lambda point: point[0]) - 1)]
            return source, source_line
        lines = [found for _, _, found in points]
        if max(lines) - min(lines) > _FAR or len({source for _, source, _ in points}) > 1:
            return file, line
        return points[0][1], points[0][2]

    def text(self, sentence: str) -> str:
        """Return a sentence with every ``file:line`` in it told as the original's."""
        if self._mention is None:
            return sentence

        def tell(match: re.Match[str]) -> str:
            file, line = self.place(match[1], int(match[2]))
            return f"{file}:{line}"

        return self._mention.sub(tell, sentence)


def read_originals(rows: Callable[[str], Iterable[tuple[Any, ...]]]) -> Originals:
    """Read them from a trace through what answers an SQL query; older traces know of none."""
    if not list(rows("select 1 from duckdb_tables() where table_name = 'original'")):
        return Originals()
    return Originals(
        rows(
            """select f.path, o.line, o.col, s.path, o.source_line
               from original o join file f using (file_id) join source s using (source_id) order by 1, 2, 3"""
        ),
        dict(rows("select path, sha256 from source order by path")),
        {
            (file, line): column
            for file, line, column in rows(
                """select path, line, any_value(col) from "function" join file using (file_id)
                   where kind <> 'module' and kind <> 'kernel' group by 1, 2 having count(*) = 1"""
            )
        },
    )
