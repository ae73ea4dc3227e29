"""Instrumented files kept on disk between recordings, and the ids that files had, so that they fit again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from functools import cache
from pathlib import Path
from typing import Any

from pipetrace import __version__

_KEPT_DAYS = 30


class TransformCache:
    """Answers of the transform server by content; a cache that cannot be written is a slow one, no error.

    The text holds ids, so the key holds them too; ``ids`` remembers which ids the files of an application had.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = (directory or _user_directory()) / "transform" / _engine()

    def load(self, key: str) -> dict[str, Any] | None:
        """Return what was stored under a key, or None."""
        try:
            found = json.loads(self._path(key).read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def store(self, key: str, value: dict[str, Any]) -> None:
        """Keep a value of JSON data."""
        path = self._path(key)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with contextlib.suppress(OSError, ValueError):
            # It holds the text of applications, which others may not be allowed to read.
            self._directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(value, separators=(",", ":")), encoding="utf-8")
            draft.replace(path)

    def load_ids(self, app_root: str) -> dict[str, tuple[int, int, int]]:
        """Return path → (file id, first function id, functions) as the last recording of an application had them."""
        found = self.load(_digest("ids", app_root)) or {}
        return {path: (entry[0], entry[1], entry[2]) for path, entry in found.items()}

    def store_ids(self, app_root: str, ids: dict[str, tuple[int, int, int]]) -> None:
        """Keep the ids of a recording's files."""
        self.store(_digest("ids", app_root), {path: list(entry) for path, entry in ids.items()})

    def prune(self) -> None:
        """Remove what other versions of pipetrace left long ago."""
        oldest = time.time() - _KEPT_DAYS * 86400
        with contextlib.suppress(OSError):
            for other in self._directory.parent.iterdir():
                if other != self._directory and other.stat().st_mtime < oldest:
                    shutil.rmtree(other, ignore_errors=True)

    def _path(self, key: str) -> Path:
        return self._directory / key[:2] / f"{key[2:]}.json"


def cache_key(source: str, path: str, form: str, memory: str, file_id: int, function_base: int) -> str:
    """Return the key of an instrumented file."""
    return _digest(path, form, memory, str(file_id), str(function_base), source)


def _digest(*parts: str) -> str:
    found = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        found.update(str(len(data)).encode() + b":" + data)
    return found.hexdigest()


@cache
def _engine() -> str:
    """Hash of the code that makes the instrumented text, so that a changed pipetrace never takes old answers."""
    room = Path(__file__).parent
    found = hashlib.sha256(__version__.encode())
    for path in sorted([*room.glob("*.py"), *(room.parent / "javascript").glob("*.py")]):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _user_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or ""
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "pipetrace"  # noqa: PTH117
