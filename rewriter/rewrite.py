"""From a plan and the source to a staged application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipetrace.errors import PipetraceError
from pipetrace.partitioner.plan import Plan
from pipetrace.rewriter.check import check_files
from pipetrace.rewriter.decide import Decisions, decide
from pipetrace.rewriter.diff import join_diffs, unified_diff
from pipetrace.rewriter.edit_file import FileChange, rewrite_file
from pipetrace.rewriter.emit import MARKER, check_output, emit
from pipetrace.rewriter.format import uses_eslint
from pipetrace.rewriter.imported import guard_imports
from pipetrace.rewriter.in_place import check_in_place, write_in_place
from pipetrace.rewriter.orders import FileOrders, Orders, orders_of
from pipetrace.rewriter.package import files_leading_outside, is_dependency, read_recorded, views_of
from pipetrace.rewriter.refusals import Refusal
from pipetrace.rewriter.staged_plan import carried_out
from pipetrace.rewriter.view import FileView


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What `rewrite` did."""

    output: Path
    """The staged application."""
    files: tuple[FileChange, ...]
    """Those that are rewritten, or get guards when they are loaded."""
    moved: tuple[str, ...]
    """Ids of the handlers that are moved."""
    refusals: tuple[Refusal, ...]
    """Handlers that the plan moves and that stay on the entry stage."""
    notes: tuple[str, ...]
    """Other orders of the plan that were not carried out, a sentence each."""
    diff: str
    """All changes of files, without guards, as a unified difference, in the form that git applies."""

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
                    "lines_guarded": file.lines_guarded,
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


def rewrite(
    plan: Plan, source_root: Path, output_dir: Path | None, *, force: bool = False, guarded: bool = True
) -> Rewritten:
    """Write the staged application of a plan; the source is only read, unless it is to be changed in place.

    Args:
        plan: which handlers move, what is guarded.
        source_root: directory of the package that was recorded.
        output_dir: directory to make; it may exist if it is empty. None: the source itself is changed.
        force: replace a staged application that is there.
        guarded: put guards in; False only to measure what they cost.

    Raises PipetraceError if the source is not the one that was recorded, or the directory may not be written.
    """
    content = plan.to_json()
    if not source_root.is_dir():
        raise PipetraceError(
            f"The application's directory {source_root} is not there; name the right one with --source."
        )
    if (source_root / MARKER).is_file():
        raise PipetraceError(
            f"{source_root} is a staged application itself; name the original's directory with --source, or take back "
            "what was rewritten in place with --undo."
        )
    if output_dir is None:
        check_in_place(source_root)
    else:
        check_output(output_dir, source_root, force=force)
    contents = read_recorded(content, source_root)
    orders = orders_of(content)
    own = {path: data for path, data in contents.items() if not is_dependency(path)}
    views, unreadable = views_of({**own, **files_leading_outside(source_root, contents)}, source_root)
    guard_imports(orders, views)
    decisions = decide(orders, views, unreadable)
    files = _rewrite_files(orders, views, decisions, source_root, guarded=guarded)
    check_files(files)
    diff = join_diffs((file.path, unified_diff(file.path, views[file.path].text, file.text)) for file in files)
    if output_dir is None:
        write_in_place(source_root, carried_out(content, decisions), files, diff)
    else:
        emit(source_root, output_dir, carried_out(content, decisions), files, diff)
    return Rewritten(
        output=output_dir or source_root,
        files=tuple(files),
        moved=tuple(decisions.moves),
        refusals=decisions.refusals,
        notes=tuple(note for file in files for note in file.notes),
        diff=diff,
    )


def _rewrite_files(
    orders: Orders, views: Mapping[str, FileView], decisions: Decisions, source_root: Path, *, guarded: bool
) -> list[FileChange]:
    """Rewrite each file that needs it."""
    root = source_root.resolve()
    linted = uses_eslint(root)
    changes: list[FileChange] = []
    for path, view in views.items():
        mine = orders.files.get(path, FileOrders())
        known = (orders.constants, orders.apart)
        change = rewrite_file(view, mine, decisions.moves, root, *known, guarded=guarded, linted=linted)
        if change is not None:
            changes.append(change)
    return sorted(changes, key=lambda change: change.path)
