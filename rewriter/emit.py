"""Writes a staged application: all of it or nothing, beside its place first and then by one rename."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipetrace.errors import PipetraceError
from pipetrace.rewriter.diff import join_diffs, unified_diff
from pipetrace.rewriter.edit_file import FileChange
from pipetrace.rewriter.format import package_type
from pipetrace.rewriter.stage_tree import copy_package, copy_runtime, link_node_modules, pin_package_type

MARKER = ".pipetrace/staged.json"
"""Only a directory that has this file is ever replaced."""


def check_output(output: Path, source: Path, *, force: bool) -> None:
    """Raise PipetraceError unless a staged application may be written to `output`."""
    place, package = output.resolve(), source.resolve()
    if place == package or package.is_relative_to(place):
        raise PipetraceError(
            f"{output} contains the source itself, which is never changed; choose another directory with -o."
        )
    if output.is_symlink() or not output.exists():
        if output.is_symlink():
            raise PipetraceError(f"{output} is a symbolic link; choose another directory with -o.")
        return
    if not output.is_dir():
        raise PipetraceError(f"{output} is a file; choose another directory with -o.")
    if not any(output.iterdir()):
        return
    if not (output / MARKER).is_file():
        raise PipetraceError(
            f"{output} is not empty and holds no staged application, so it is not replaced; "
            "choose another directory with -o."
        )
    if not force:
        raise PipetraceError(f"{output} is not empty; use --force to replace the staged application in it.")


def emit(
    source: Path,
    output: Path,
    plan: Mapping[str, Any],
    files: Sequence[FileChange],
    diff: str,
) -> None:
    """Write the staged application; `check_output` must have allowed it."""
    with _replacing(output) as folder:
        exclude = frozenset({output.resolve(), folder.resolve()})
        copy_package(source, folder, exclude)
        pin_package_type(folder, output, package_type(source.resolve()), package_type(output.resolve().parent))
        link_node_modules(source, folder)
        copy_runtime(folder)
        for file in files:
            if file.rewritten or (folder / file.path).is_symlink():
                _write_source(source, folder, file)
        write_records(folder, plan, files, diff)


def _write_source(source: Path, folder: Path, file: FileChange) -> None:
    target = folder / file.path
    original = source / file.path
    if target.is_symlink():
        target.unlink()
    target.write_bytes(file.text.encode("utf-8"))
    shutil.copystat(original, target)


def write_records(
    folder: Path, plan: Mapping[str, Any], files: Sequence[FileChange], diff: str, *, in_place: bool = False
) -> None:
    """Write what the runtime and `run` need beside the sources: plan, texts to load, maps, differences and hashes."""
    records = folder / ".pipetrace"
    records.mkdir(exist_ok=in_place)
    for file in files:
        _write_json(records / "maps" / f"{file.path}.map", file.source_map, indent=None)
        if len(file.texts) > 1:
            place = records / "loaded" / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.loaded.encode("utf-8"))
    guards = join_diffs((file.path, unified_diff(file.path, file.text, file.loaded)) for file in files)
    (records / "guards.diff").write_bytes(guards.encode("utf-8"))
    (records / "changes.diff").write_bytes(diff.encode("utf-8"))
    _write_json(records / "plan.json", plan)
    trace = plan["trace"]
    hashes = {file.path: _sha256(file.text) for file in files if file.rewritten}
    loaded = {file.path: "module" if file.is_module else "commonjs" for file in files if len(file.texts) > 1}
    staged = {
        "format": "pipetrace-staged",
        "version": 1,
        "in_place": in_place,
        "entry": trace["entry"],
        "command": trace["command"],
        "cwd": trace["cwd"],
        "app_root": trace["app_root"],
        "files": [
            {
                "path": entry["path"],
                "sha256": hashes.get(entry["path"], entry["sha256"]),
                "original_sha256": entry["sha256"],
                "rewritten": entry["path"] in hashes,
                "loaded": loaded.get(entry["path"], ""),
            }
            for entry in plan["files"]
        ],
    }
    _write_json(folder / MARKER, staged)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _write_json(path: Path, content: Mapping[str, Any], indent: int | None = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    separators = (",", ":") if indent is None else None
    text = json.dumps(content, indent=indent, ensure_ascii=True, separators=separators)
    path.write_text(text + "\n", encoding="utf-8")


@contextmanager
def _replacing(output: Path) -> Iterator[Path]:
    """Give a new directory beside `output` that takes its place when all went well, and is removed if not."""
    parent = output.resolve().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=parent))
    except OSError as error:
        raise PipetraceError(
            f"{parent} cannot be written to ({error.strerror}); choose another directory with -o."
        ) from error
    old = folder.with_name(folder.name + "-old")
    try:
        yield folder
        if output.exists():
            output.rename(old)
        try:
            folder.rename(output)
        except OSError:
            if old.exists():
                old.rename(output)
            raise
    except OSError as error:
        raise PipetraceError(
            f"{output} could not be written ({error.strerror}: {error.filename}); free the space or choose "
            "another directory with -o."
        ) from error
    finally:
        if folder.exists():
            shutil.rmtree(folder)
    if old.exists():
        # A read-only directory in the old application must not keep it alive.
        for place, _, _ in os.walk(old):
            Path(place).chmod(0o700)
        shutil.rmtree(old)
