"""From a plan and the source to a staged application."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipetrace.errors import PipetraceError
from pipetrace.javascript.parse import JavaScriptSyntaxError, parse
from pipetrace.partitioner.plan import Plan
from pipetrace.rewriter.check import check_files
from pipetrace.rewriter.decide import Decisions, decide
from pipetrace.rewriter.diff import join_diffs, unified_diff
from pipetrace.rewriter.edit_file import FileChange, rewrite_file
from pipetrace.rewriter.emit import check_output, emit
from pipetrace.rewriter.format import EDITABLE, is_es_module
from pipetrace.rewriter.orders import FileOrders, Orders, orders_of
from pipetrace.rewriter.refusals import Refusal
from pipetrace.rewriter.staged_plan import carried_out
from pipetrace.rewriter.view import FileView


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What `rewrite` did."""

    output: Path
    """The staged application."""
    files: tuple[FileChange, ...]
    moved: tuple[str, ...]
    """Ids of the handlers that are moved."""
    refusals: tuple[Refusal, ...]
    """Handlers that the plan moves and that stay on the entry stage."""
    notes: tuple[str, ...]
    """Other orders of the plan that were not carried out, a sentence each."""
    diff: str
    """All changes as a unified difference, in the form that git applies."""

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data, without the texts."""
        return {
            "output": str(self.output),
            "moved": list(self.moved),
            "files": [
                {
                    "path": file.path,
                    "lines_added": file.lines_added,
                    "lines_removed": file.lines_removed,
                    "handlers": [
                        {
                            "handler": change.handler,
                            "form": change.form,
                            "lines_added": change.lines_added,
                            "lines_removed": change.lines_removed,
                        }
                        for change in file.handlers
                    ],
                }
                for file in self.files
            ],
            "refusals": [refusal.to_json() for refusal in self.refusals],
            "notes": list(self.notes),
        }


def rewrite(plan: Plan, source_root: Path, output_dir: Path, *, force: bool = False) -> Rewritten:
    """Write the staged application of a plan; the source is only read.

    Args:
        plan: which handlers move, what is guarded.
        source_root: directory of the package that was recorded.
        output_dir: directory to make; it may exist if it is empty.
        force: replace a staged application that is there.

    Raises PipetraceError if the source is not the one that was recorded, or the directory may not be written.
    """
    content = plan.to_json()
    if not source_root.is_dir():
        raise PipetraceError(
            f"The application's directory {source_root} is not there; name the right one with --source."
        )
    if (source_root / ".pipetrace" / "staged.json").is_file():
        raise PipetraceError(
            f"{source_root} is a staged application itself; name the original's directory with --source."
        )
    check_output(output_dir, source_root, force=force)
    texts = _read_sources(content, source_root)
    orders = orders_of(content)
    views, unreadable = _views(orders, texts, source_root)
    decisions = decide(orders, views, unreadable)
    files = _rewrite_files(orders, views, decisions, source_root)
    check_files(files)
    diff = join_diffs((file.path, unified_diff(file.path, views[file.path].text, file.text)) for file in files)
    emit(source_root, output_dir, carried_out(content, decisions), files, diff)
    return Rewritten(
        output=output_dir,
        files=tuple(files),
        moved=tuple(decisions.moves),
        refusals=decisions.refusals,
        notes=tuple(note for file in files for note in file.notes),
        diff=diff,
    )


def _read_sources(plan: Mapping[str, Any], source_root: Path) -> dict[str, bytes]:
    """Read all files of the plan and see that they are those that were recorded."""
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
        # Node takes a byte order mark off before it hands a text on.
        versions = (data, data.removeprefix(b"\xef\xbb\xbf"))
        if entry["sha256"] not in {hashlib.sha256(version).hexdigest() for version in versions}:
            raise PipetraceError(
                f"{file} has changed since it was recorded, so the plan does not fit; record and partition again."
            )
        contents[path] = data
    return contents


def _views(
    orders: Orders, contents: Mapping[str, bytes], source_root: Path
) -> tuple[dict[str, FileView], dict[str, str]]:
    views: dict[str, FileView] = {}
    unreadable: dict[str, str] = {}
    for path in orders.files:
        if Path(path).suffix not in EDITABLE:
            unreadable[path] = f"it is a {Path(path).suffix} file"
            continue
        data = contents.get(path)
        if data is None:
            continue
        try:
            text = data.decode("utf-8")
            parsed = parse(text, path)
        except UnicodeDecodeError:
            unreadable[path] = "it is not UTF-8"
            continue
        except JavaScriptSyntaxError as error:
            unreadable[path] = error.why
            continue
        is_module = is_es_module(source_root.resolve() / path, parsed.goal == "module")
        if is_module != (parsed.goal == "module"):
            try:
                parsed = parse(text, path, "module" if is_module else "script")
            except JavaScriptSyntaxError as error:
                unreadable[path] = error.why
                continue
        views[path] = FileView(parsed, is_module=is_module)
    return views, unreadable


def _rewrite_files(
    orders: Orders, views: Mapping[str, FileView], decisions: Decisions, source_root: Path
) -> list[FileChange]:
    """Rewrite each file that needs it; none at all if no handler moves."""
    if not decisions.moves:
        return []
    changes: list[FileChange] = []
    for path, view in views.items():
        wanted = orders.files.get(path, FileOrders())
        name = (source_root.resolve() / path).as_posix()
        change = rewrite_file(view, wanted, decisions.moves, name)
        if change is not None:
            changes.append(change)
    return sorted(changes, key=lambda change: change.path)
