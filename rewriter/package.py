"""The files of a package as the rewriter finds them, checked against the plan and parsed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pipetrace.errors import PipetraceError
from pipetrace.javascript.parse import JavaScriptSyntaxError, parse
from pipetrace.rewriter.format import EDITABLE, is_es_module
from pipetrace.rewriter.outside import may_lead_outside
from pipetrace.rewriter.view import FileView

_MARK = b"\xef\xbb\xbf"


def read_recorded(plan: Mapping[str, Any], source_root: Path) -> dict[str, bytes]:
    """Read all files of the plan: path → content.

    Raises PipetraceError if one is not what was recorded. Node takes a byte order mark off before it hands
    a text on, so a mark is no difference.
    """
    contents: dict[str, bytes] = {}
    for entry in plan["files"]:
        path = entry["path"]
        file = source_root / path
        try:
            data = file.read_bytes()
        except OSError as error:
            raise PipetraceError(
                f"{file} cannot be read, though it was recorded; put it back, or record and partition again."
            ) from error
        if entry["sha256"] not in {hashlib.sha256(part).hexdigest() for part in (data, data.removeprefix(_MARK))}:
            raise PipetraceError(
                f"{file} has changed since it was recorded, so the plan does not fit; record and partition again."
            )
        contents[path] = data
    return contents


def is_dependency(path: str) -> bool:
    """Whether a recorded file is not the package's own: the staged application links to it and must not write it."""
    return "node_modules" in PurePosixPath(path).parts or path.startswith("../")


def views_of(contents: Mapping[str, bytes], source_root: Path) -> tuple[dict[str, FileView], dict[str, str]]:
    """Parse files: path → view, and path → reason for those that cannot be edited."""
    views: dict[str, FileView] = {}
    unreadable: dict[str, str] = {}
    for path, data in contents.items():
        outcome = _view(path, data, source_root)
        if isinstance(outcome, str):
            unreadable[path] = outcome
        else:
            views[path] = outcome
    return views, unreadable


def _view(path: str, data: bytes, source_root: Path) -> FileView | str:
    suffix = Path(path).suffix
    if suffix not in EDITABLE:
        return f"it is a {suffix} file"
    try:
        text = data.decode("utf-8")
        parsed = parse(text, path)
        is_module = is_es_module(source_root.resolve() / path, parsed.goal == "module")
        if is_module != (parsed.goal == "module"):
            parsed = parse(text, path, "module" if is_module else "script")
    except UnicodeDecodeError:
        return "it is not UTF-8"
    except JavaScriptSyntaxError as error:
        return error.why
    return FileView(parsed, is_module=is_module)


def files_leading_outside(source_root: Path, known: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the other JavaScript files of the package that may name a file outside of it by a relative path."""
    found: dict[str, bytes] = {}
    for path in _javascript_files(source_root):
        if path in known:
            continue
        try:
            data = (source_root / path).read_bytes()
        except OSError:
            continue
        if may_lead_outside(data.decode("utf-8", "replace"), path):
            found[path] = data
    return found


def _javascript_files(source_root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(source_root):
        place = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if name not in ("node_modules", ".git") and not (place / name / ".pipetrace" / "staged.json").is_file()
        )
        for name in sorted(files):
            if name.endswith((".js", ".mjs", ".cjs")) and not (place / name).is_symlink():
                yield (place / name).relative_to(source_root).as_posix()
