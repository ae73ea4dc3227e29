"""What a rewrite did, in lines for the terminal."""

from __future__ import annotations

from pipetrace.rewriter.rewrite import Rewritten


def summary_lines(result: Rewritten) -> list[str]:
    """Return the lines: files with their changes, handlers with their cost, refusals with reason and remedy."""
    lines: list[str] = []
    for file in result.files:
        if not file.rewritten:
            continue
        lines.append(f"{file.path}: {_lines(file.lines_added, file.lines_removed)}")
        lines += [
            f"  {change.form} {change.handler}: {_lines(change.lines_added, change.lines_removed)}"
            for change in file.handlers
        ]
    for refusal in result.refusals:
        lines.append(f"Kept on the entry stage: {refusal.sentence} {refusal.remedy}".rstrip())
    lines += [f"Note: {note}" for note in result.notes]
    if result.moved:
        lines += _totals(result)
    else:
        lines.append("No handler is moved, so the staged application is a plain copy of the original.")
    lines.append(f"Wrote {result.output}")
    return lines


def _totals(result: Rewritten) -> list[str]:
    changed = sum(max(file.lines_added, file.lines_removed) for file in result.files)
    guarded = [file.lines_guarded for file in result.files if file.lines_guarded]
    lines = [f"{_count(changed, 'line')} changed for {_count(len(result.moved), 'moved handler')}"]
    if guarded:
        lines.append(
            f"{_count(sum(guarded), 'line')} of {_count(len(guarded), 'file')} get guards when they are loaded; "
            "see .pipetrace/guards.diff"
        )
    return lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _lines(added: int, removed: int) -> str:
    return f"+{added} −{removed} lines"  # noqa: RUF001
