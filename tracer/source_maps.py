"""The way from compiled text back to what people wrote, by the source map that a compiler left.

Functions keep their places in the compiled text, which is what gets rewritten; lines that people read are those of the
original. A map counts when it fits: its positions exist in its sources, and its sources can be read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import subprocess
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from pipetrace.errors import PipetraceError
from pipetrace.javascript.lines import LineIndex

_DECODER = Path(__file__).parent / "agent" / "source_points.js"
_PATIENCE_S = 60.0
_COMMENT = re.compile(r"(?://|/\*)[#@][ \t]*sourceMappingURL=([^\s*]+)[ \t]*(?:\*/)?\s*\Z")
_TAIL = 100
"""Characters of a map's address that a sentence shows."""


class UnusableMapError(PipetraceError):
    """A source map that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A text with its source map, both read."""

    text: str
    map: dict[str, Any]
    base: Path
    """Directory that the map's sources are relative to."""


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file that compiled text was made of."""

    path: str
    """Relative to the application's directory where that is possible, with `/`."""
    sha256: str
    lines: int


@dataclass(frozen=True, slots=True)
class Points:
    """Where positions of a compiled text lead; both sequences have equal length and are in order."""

    sources: tuple[SourceText, ...]
    starts: tuple[tuple[int, int], ...]
    """(1-based line, 0-based column) in the compiled text from which on an origin holds, up to the end of its line."""
    origins: tuple[tuple[int, int, int], ...]
    """(index of the source, 1-based line, 0-based column)."""


class OriginalLines(LineIndex):
    """Positions of a compiled text's offsets, told as positions of the one source that it was made of."""

    __slots__ = ("_points",)

    def __init__(self, text: str, points: Points) -> None:
        super().__init__(text)
        self._points = points

    def position(self, offset: int) -> tuple[int, int]:
        """Return (1-based line, 0-based column) in the source; what the compiler added stands where it was put."""
        at = bisect_right(self._points.starts, super().position(offset)) - 1
        return self._points.origins[at][1:] if at >= 0 else (1, 0)


def compiled(text: str, path: Path) -> Compiled | None:
    """Return a text with the source map that its last line names; None where it names none.

    Raises UnusableMapError where that cannot be read, or is no source map.
    """
    match = _COMMENT.search(text, max(0, text.rfind("sourceMappingURL=") - 4)) if "sourceMappingURL=" in text else None
    if match is None:
        return None
    url = match[1]
    data, base = _inline(url) if url.startswith("data:") else _beside(url, path)
    try:
        found = json.loads(data.decode("utf-8").removeprefix(")]}'"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("version") != 3:
        raise UnusableMapError("its source map is damaged")
    return Compiled(text, found, base or path.parent)


def map_beside(text: str, path: Path) -> str:
    """Return the content of the map file that a text names; '' where there is none, or the text holds it."""
    try:
        found = None if "sourceMappingURL=data:" in text else compiled(text, path)
    except UnusableMapError:
        return ""
    return json.dumps(found.map) if found else ""


def decode(texts: Sequence[Compiled], app_root: Path, node: str) -> list[Points | UnusableMapError]:
    """Return where the positions of each text lead, or why its map cannot be used."""
    if not texts:
        return []
    requests = json.dumps([{"text": text.text, "map": text.map} for text in texts])
    try:
        run = subprocess.run(
            [node, str(_DECODER)],
            input=requests.encode("ascii"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=True,
            env={key: value for key, value in os.environ.items() if key != "NODE_OPTIONS"},
        )
        answers = json.loads(run.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return [UnusableMapError("its source map could not be decoded") for _ in texts]
    found: list[Points | UnusableMapError] = []
    for text, answer in zip(texts, answers, strict=True):
        try:
            found.append(_points(text, answer, app_root))
        except UnusableMapError as error:
            found.append(error)
    return found


def _points(text: Compiled, answer: dict[str, Any], app_root: Path) -> Points:
    flat = answer.get("points")
    if not flat:
        raise UnusableMapError("its source map holds no positions that can be read")
    contents = _contents(text.map)
    sources = tuple(_source(name, contents.get(name), text, app_root) for name in answer["sources"])
    starts: list[tuple[int, int]] = []
    origins: list[tuple[int, int, int]] = []
    for at in range(0, len(flat), 5):
        line, column, source, source_line, source_column = flat[at : at + 5]
        if not 0 <= source_line < sources[source].lines:
            raise UnusableMapError(f"its source map does not fit {sources[source].path}; compile again")
        starts.append((line + 1, column))
        origins.append((source, source_line + 1, source_column))
    return Points(sources, tuple(starts), tuple(origins))


def _contents(found: dict[str, Any]) -> dict[str, str]:
    """Return the texts that a map holds of its sources, by name."""
    maps = [found, *(section.get("map") for section in found.get("sections") or () if isinstance(section, dict))]
    return {
        name: content
        for one in maps
        if isinstance(one, dict)
        for name, content in zip(one.get("sources") or (), one.get("sourcesContent") or (), strict=False)
        if isinstance(name, str) and isinstance(content, str)
    }


def _source(name: str, content: str | None, text: Compiled, app_root: Path) -> SourceText:
    """Return what is known of a source: its file, else the text that the map holds of it.

    Raises UnusableMapError where there is neither.
    """
    path = _path(name, str(text.map.get("sourceRoot") or ""), text.base, app_root)
    try:
        data = path.read_bytes()
    except OSError:
        if content is None:
            raise UnusableMapError(f"the source {name[:_TAIL]} of its source map is not there") from None
        data = content.encode("utf-8", "replace")
    shown = PurePosixPath(os.path.relpath(path, app_root)).as_posix()
    lines = len(LineIndex(data.decode("utf-8", "replace")).starts)
    return SourceText(shown, hashlib.sha256(data).hexdigest(), lines)


def _path(name: str, root: str, base: Path, app_root: Path) -> Path:
    """Return the file that a map means; a bundler's scheme (`webpack://…`) stands for the application's directory."""
    full = name if not root or "://" in name or name.startswith("/") else f"{root.rstrip('/')}/{name}"
    parts = urlsplit(full)
    if parts.scheme == "file":
        return Path(os.path.normpath(unquote(parts.path)))
    if parts.scheme and parts.netloc + parts.path:
        below = unquote(parts.path).lstrip("/")
        return Path(os.path.normpath(app_root / below))
    return Path(os.path.normpath(base / full))


def _inline(url: str) -> tuple[bytes, Path | None]:
    head, _, data = url.partition(",")
    try:
        return (base64.b64decode(data, validate=True) if head.endswith(";base64") else unquote_to_bytes(data)), None
    except (binascii.Error, ValueError):
        raise UnusableMapError("its source map is damaged") from None


def _beside(url: str, path: Path) -> tuple[bytes, Path | None]:
    parts = urlsplit(url)
    if parts.scheme not in ("", "file"):
        raise UnusableMapError(f"its source map {url[:_TAIL]} is not a file")
    file = Path(os.path.normpath(path.parent / unquote(parts.path)))
    try:
        return file.read_bytes(), file.parent
    except OSError as error:
        raise UnusableMapError(f"its source map {url[:_TAIL]} cannot be read ({error.strerror})") from None
