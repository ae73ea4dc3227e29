"""Remembers the files of a few directories and puts them back exactly as they were.

Every start of an application in `verify` has to begin from the same files, and applications write files. Only
what changed is written back, in place (an inode number may be part of an ETag), with its old times. A change is
seen by size, inode and change time, which a program cannot set; contents are kept in a private directory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

LEFT_OUT = frozenset({"node_modules", ".git", ".hg", ".svn", "__pycache__", ".venv"})
"""Directories that are neither remembered nor restored."""

SIZE_LIMIT = 256 * 1024 * 1024
COUNT_LIMIT = 50_000


@dataclass(frozen=True, slots=True)
class _Entry:
    mode: int
    size: int
    inode: int
    accessed_ns: int
    modified_ns: int
    changed_ns: int
    copy: Path | None
    """Where the content is kept; None for directories and links."""
    target: str | None
    """Target of a symbolic link."""


@dataclass(slots=True)
class Snapshot:
    """The remembered files. Use as a context manager: the end restores them and drops the copies."""

    roots: tuple[Path, ...]
    store: Path
    entries: dict[Path, _Entry] = field(default_factory=dict)
    skipped: str = ""
    """One sentence when the directories were too large to remember; '' when all is remembered."""
    changed: set[str] = field(default_factory=set)
    """Paths that were restored so far."""

    def restore(self) -> list[Path]:
        """Put every file back as it was remembered and return the paths that had changed."""
        if self.skipped:
            return []
        now = {path: path.lstat() for root in self.roots for path in _walk(root)}
        restored = [path for path in now if path not in self.entries]
        for path in sorted(restored, reverse=True):
            if path.is_dir() and not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.rmdir()
            else:
                path.unlink(missing_ok=True)
        directories = []
        for path, entry in self.entries.items():
            stat = now.get(path)
            if entry.copy is None and entry.target is None:
                if stat is None:
                    path.mkdir(mode=entry.mode & 0o7777)
                    restored.append(path)
                directories.append((path, entry))
            elif stat is None or _signature(stat) != (entry.size, entry.inode, entry.modified_ns, entry.changed_ns):
                self._put_back(path, entry, stat)
                restored.append(path)
        for path, entry in reversed(directories):
            with contextlib.suppress(OSError):
                os.utime(path, ns=(entry.accessed_ns, entry.modified_ns))
        self.changed.update(str(path) for path in restored)
        return restored

    def _put_back(self, path: Path, entry: _Entry, stat: os.stat_result | None) -> None:
        if entry.target is not None:
            path.unlink(missing_ok=True)
            path.symlink_to(entry.target)
        elif entry.copy is not None:
            if stat is not None and (path.is_symlink() or path.is_dir()):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            with entry.copy.open("rb") as source, path.open("r+b" if path.exists() else "wb") as file:
                shutil.copyfileobj(source, file)
                file.truncate()
            path.chmod(entry.mode & 0o7777)
            os.utime(path, ns=(entry.accessed_ns, entry.modified_ns))
        after = path.lstat()
        self.entries[path] = _Entry(
            entry.mode, entry.size, after.st_ino, entry.accessed_ns, after.st_mtime_ns, after.st_ctime_ns,
            entry.copy, entry.target,
        )  # fmt: skip

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.restore()
        finally:
            shutil.rmtree(self.store, ignore_errors=True)


def remember(roots: Iterable[Path], *, size_limit: int = SIZE_LIMIT, count_limit: int = COUNT_LIMIT) -> Snapshot:
    """Copy the files below `roots` (nested roots count once) and return what restores them."""
    kept: list[Path] = []
    for root in sorted({root.resolve() for root in roots if root.exists()}):
        if not any(root.is_relative_to(other) and not LEFT_OUT & set(root.relative_to(other).parts) for other in kept):
            kept.append(root)
    snapshot = Snapshot(tuple(kept), Path(tempfile.mkdtemp(prefix="pipetrace-files-")))
    total = count = 0
    try:
        found: list[tuple[Path, os.stat_result]] = []
        for root in kept:
            for path in _walk(root):
                stat = path.lstat()
                found.append((path, stat))
                total, count = total + stat.st_size, count + 1
                if total > size_limit or count > count_limit:
                    snapshot.skipped = (
                        f"{root} holds more than {size_limit // 1024**2} MB or {count_limit} files, so files "
                        "that the application writes were not put back between the runs"
                    )
                    return snapshot
        for number, (path, stat) in enumerate(found):
            snapshot.entries[path] = _remember(path, stat, snapshot.store / str(number))
    except BaseException:
        shutil.rmtree(snapshot.store, ignore_errors=True)
        raise
    return snapshot


def _remember(path: Path, stat: os.stat_result, copy: Path) -> _Entry:
    target = str(path.readlink()) if path.is_symlink() else None
    kept = None
    if target is None and not path.is_dir():
        shutil.copyfile(path, copy)
        kept = copy
    return _Entry(
        stat.st_mode, stat.st_size, stat.st_ino, stat.st_atime_ns, stat.st_mtime_ns, stat.st_ctime_ns, kept, target
    )


def _signature(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns


def _walk(root: Path) -> Iterator[Path]:
    """Directories before what they hold; sockets, pipes and devices are left out."""
    if root.is_file():
        yield root
        return
    for folder, directories, files in os.walk(root):
        directories[:] = sorted(set(directories) - LEFT_OUT)
        for name in directories:
            yield Path(folder, name)
        for name in sorted(files):
            path = Path(folder, name)
            if path.is_symlink() or path.is_file():
                yield path
