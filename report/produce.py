"""Makes a report or an export of a trace in the form that was asked for, and writes it to its place."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

from rich.console import Console

from pipetrace.report import html, json_report, markdown, perfetto, speedscope, terminal, words
from pipetrace.report.build import Detail, build_report
from pipetrace.report.files import check_free, write_file
from pipetrace.report.model import Report
from pipetrace.report.opening import find_plan, open_tables
from pipetrace.report.planned import PlanDocument
from pipetrace.report.queries import Tables
from pipetrace.report.slices import count_invocations

MOST_BYTES = 2_000_000
"""An HTML report stays below this; detail is halved until it does."""

FILE_WIDTH = 100
"""Columns of a terminal report that is written to a file."""

Say = Callable[[str], None]

EXPORTS: dict[str, tuple[str, Callable[[Tables, int], Iterator[str]]]] = {
    "perfetto": ("perfetto.json", perfetto.render),
    "speedscope": ("speedscope.json", speedscope.render),
}
"""Format → ending of the default file name, and what renders it."""


def make_report(
    trace: Path,
    form: str | None,
    output: Path | None,
    *,
    plan: Path | None,
    force: bool,
    with_source: bool,
    say: Say,
) -> None:
    """Report on a trace.

    Without a form the summary goes to the terminal and an HTML file is written beside it. ``-`` as output is
    standard output. ``say`` receives remarks for the user, line by line.
    """
    page = output if form == "html" else None
    if form in (None, "html") and page is None:
        page = output or Path(f"pipetrace-report-{trace.stem}.html")
    if page is not None and str(page) != "-":
        check_free(page, force)
    with open_tables(trace) as tables:
        document, path, remark = find_plan(plan, tables.meta())
        if remark:
            say(remark)
        report = build_report(tables, document, path, with_source=with_source)
        if page is not None:
            # The file comes first: whoever cuts the summary short with `| head` still has it.
            text = html_within(tables, report, document, path, with_source=with_source)
            wrote = _write(page, text, force)
        else:
            wrote = ""
    if form is None:
        terminal.render(report, Console())
    elif page is None:
        wrote = _write(output or Path("-"), _text(report, form, output), force)
    if wrote:
        say(wrote)
    if form is None and report.recording.chains:
        say(_next_step(report, trace))


def html_within(
    tables: Tables,
    report: Report,
    plan: PlanDocument | None,
    path: str,
    *,
    with_source: bool,
    most_bytes: int = MOST_BYTES,
) -> str:
    """The report as HTML of at most ``most_bytes``, with less detail where that is needed."""
    detail = Detail()
    page = html.render(report)
    while len(page.encode()) > most_bytes and detail != detail.less():
        detail = detail.less()
        page = html.render(build_report(tables, plan, path, detail=detail, with_source=with_source))
    return page


def make_export(trace: Path, form: str, output: Path | None, *, limit: int, force: bool, say: Say) -> None:
    """Export a trace in one of EXPORTS, with at most ``limit`` invocations."""
    ending, render = EXPORTS[form]
    path = output or Path(f"pipetrace-{trace.stem}.{ending}")
    if str(path) != "-":
        check_free(path, force)
    with open_tables(trace) as tables:
        total = count_invocations(tables)
        if total > limit:
            say(
                f"Only the first {words.count(limit)} of {words.count(total)} invocations are exported; "
                "--limit takes more."
            )
        if str(path) == "-":
            sys.stdout.writelines(render(tables, limit))
        else:
            write_file(path, render(tables, limit), force)
            say(f"Wrote {path}")


def _text(report: Report, form: str, output: Path | None) -> str:
    if form == "md":
        return markdown.render(report)
    if form == "json":
        return json_report.render(report)
    if output is None:
        terminal.render(report, Console())
        return ""
    text = StringIO()
    terminal.render(report, Console(file=text, width=FILE_WIDTH))
    return "\n".join(line.rstrip() for line in text.getvalue().split("\n"))


def _write(path: Path, text: str, force: bool) -> str:
    """Write a report, and return the line that says so; nothing for standard output."""
    if str(path) == "-":
        sys.stdout.write(text)
        return ""
    write_file(path, [text], force)
    return f"Wrote {path}"


def _next_step(report: Report, trace: Path) -> str:
    if report.plan is None:
        return f"Next: pipetrace partition {trace}"
    if report.plan.moved:
        return f"Next: pipetrace rewrite {report.plan.path} -o staged/"
    return f"Other numbers of machines: pipetrace partition {trace} --machines N"
