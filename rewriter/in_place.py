"""Writes the edits of a plan into the source itself, where git can tell them apart, and takes them back."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipetrace.errors import PipetraceError
from pipetrace.rewriter.edit_file import FileChange
from pipetrace.rewriter.emit import MARKER, write_records
from pipetrace.rewriter.stage_tree import RUNTIME, copy_runtime

RECORDS = ".pipetrace"
_ORIGINALS = f"{RECORDS}/original"


def check_in_place(source: Path) -> None:
    """Raise PipetraceError unless the package is in a git tree without changes of its own."""
    try:
        done = subprocess.run(
            ["git", "status", "--porcelain", "--", "."], cwd=source, capture_output=True, text=True, check=False
        )
    except OSError:
        raise PipetraceError("--in-place needs git, which was not found; make a copy with -o instead.") from None
    if done.returncode != 0:
        raise PipetraceError(
            f"{source} is in no git tree, so nobody could tell the changes from yours; make a copy with -o instead."
        )
    changed = [line[3:] for line in done.stdout.splitlines()]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise PipetraceError(
            f"The git tree of {source} is not clean ({changed[0]}{more}); commit or remove that first, so that the "
            "changes can be told from yours."
        )


def write_in_place(source: Path, plan: Mapping[str, Any], files: Sequence[FileChange], diff: str) -> None:
    """Write the edits; `check_in_place` must have allowed it. All of them are written or none."""
    rewritten = [file for file in files if file.rewritten]
    try:
        for file in rewritten:
            kept = source / _ORIGINALS / file.path
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / file.path, kept)
        write_records(source, plan, files, diff, in_place=True)
        copy_runtime(source)
        for file in rewritten:
            _replace(source / file.path, file.text.encode("utf-8"))
    except BaseException as error:
        for file in rewritten:
            kept = source / _ORIGINALS / file.path
            if kept.is_file():
                _replace(source / file.path, kept.read_bytes())
        _remove_records(source)
        if isinstance(error, OSError):
            raise PipetraceError(
                f"{source} could not be written to ({error.strerror}: {error.filename}) and is as it was; free the "
                "space, or make a copy with -o."
            ) from error
        raise


def undo(source: Path) -> list[str]:
    """Give the files that were rewritten in place their original content; returns their paths.

    Raises PipetraceError if nothing was rewritten there, or a file was changed afterwards; then nothing is touched.
    """
    marker = source / MARKER
    described = _read(marker)
    if described is None or not described.get("in_place"):
        raise PipetraceError(
            f"{source} was not rewritten in place; name the package's directory with --source, and remove "
            "staged copies by hand."
        )
    rewritten = [entry for entry in described["files"] if entry["rewritten"]]
    contents: dict[str, bytes] = {}
    for entry in rewritten:
        path, kept = source / entry["path"], source / _ORIGINALS / entry["path"]
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            raise PipetraceError(
                f"{path} has changed since it was rewritten, so it is not replaced; take your change out, undo, and "
                "put it in again."
            )
        if not kept.is_file() or hashlib.sha256(kept.read_bytes()).hexdigest() != entry["original_sha256"]:
            raise PipetraceError(f"{kept} is gone or damaged; restore {path} with git checkout instead.")
        contents[entry["path"]] = kept.read_bytes()
    for name, content in contents.items():
        _replace(source / name, content)
    _remove_records(source)
    return list(contents)


def _read(marker: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(marker.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise PipetraceError(f"{marker} cannot be read ({error}); restore the files with git checkout.") from None
    return value if isinstance(value, dict) else None


def _replace(path: Path, content: bytes) -> None:
    """Give a file other content by one rename, with its mode and, through a link, where the link leads."""
    place = path.resolve()
    aside = place.with_name(f".{place.name}.pipetrace")
    aside.write_bytes(content)
    shutil.copymode(place, aside)
    aside.replace(place)


def _remove_records(source: Path) -> None:
    shutil.rmtree(source / RECORDS, ignore_errors=True)
    runtime = source / "node_modules" / RUNTIME
    shutil.rmtree(runtime, ignore_errors=True)
    for empty in (runtime.parent, runtime.parent.parent):
        if empty.is_dir() and not any(os.scandir(empty)):
            empty.rmdir()
