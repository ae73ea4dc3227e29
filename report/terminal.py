"""The report as a summary for the terminal: the diagnosis, the figures, and the first rows of each table."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipetrace.report import words
from pipetrace.report.figures import headline_figures, place, sentence, short_name, subtitle, title
from pipetrace.report.model import Plan, Report, State

ROWS = 10
REFUSALS = 5
BAR = 12
PLACE = 26
WITH_BARS = 100
"""Columns from which there is room for bars."""

_STYLE = {"gain": "bold green", "nothing": "bold yellow", "open": "bold cyan", "empty": "bold yellow"}


def render(report: Report, console: Console) -> None:
    """Print the report to ``console``; whether there is colour is the console's choice."""
    recording = report.recording
    console.print(Text(subtitle(recording), style="dim"))
    console.print()
    console.print(Padding(_code(report.diagnosis, _STYLE[report.verdict]), (0, 2)))
    notes = Table.grid(padding=(0, 1, 0, 0))
    for note in report.notes:
        notes.add_row(Text("·", style="dim"), _code(note))
    if report.notes:
        console.print(Padding(notes, (0, 2)))
    console.print()
    figures = Table.grid(padding=(0, 2))
    figures.add_column(style="dim")
    figures.add_column()
    for figure in headline_figures(recording):
        figures.add_row(figure.name, f"{figure.value}  {figure.detail}".rstrip())
    console.print(Padding(figures, (0, 2)))
    if report.handlers:
        _section(console, "Handlers", _handlers(report, console.width >= WITH_BARS), len(report.handlers))
    if report.chains:
        _section(console, "Events", _chains(report, console.width >= WITH_BARS), len(report.chains))
    if report.state:
        _section(console, "State", _state(report.state, report.plan is not None), len(report.state))
    if report.plan is not None:
        if report.plan.refusals:
            _section(console, "Not moved", _refusals(report.plan), len(report.plan.refusals), REFUSALS)
        if report.plan.scaling:
            _section(console, f"{report.plan.machine.capitalize()}s", _scaling(report.plan), 0)
            for each in report.plan.what_if[:3]:
                console.print(Padding(_code(each.sentence), (0, 2)))
    if report.problems:
        _section(console, "Problems", _problems(report), len(report.problems))
    for cut in report.cuts:
        console.print(Padding(Text(cut, style="dim"), (0, 2)))


def _section(console: Console, name: str, table: Table, rows: int, shown: int = ROWS) -> None:
    console.print()
    console.print(Text(name, style="bold"))
    console.print(Padding(table, (0, 2)))
    if rows > shown:
        console.print(Padding(Text(f"and {words.count(rows - shown)} more", style="dim"), (0, 2)))


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False, collapse_padding=True)
    for name, kind in columns:
        match kind:
            case "number":
                table.add_column(name, justify="right", no_wrap=True)
            case "fixed":
                table.add_column(name, no_wrap=True)
            case _:
                table.add_column(name, overflow="fold", min_width=10)
    return table


def _handlers(report: Report, bars: bool) -> Table:
    planned = report.plan is not None
    columns = [("handler", "text"), ("where", "fixed"), ("calls", "number"), ("CPU p50", "number")]
    columns += [("p99", "number"), ("share", "number"), *([("", "fixed")] if bars else [])]
    table = _table(*columns, *([("stage", "fixed")] if planned else []))
    for handler in report.handlers[:ROWS]:
        row: list[str | Text] = [
            Text(title(handler), style="bold"),
            _place(handler.file, handler.line),
            words.count(handler.calls),
            words.microseconds(handler.cpu.p50),
            words.microseconds(handler.cpu.p99),
            words.percent(handler.share),
            *([_bar(handler.share, "cyan")] if bars else []),
        ]
        if planned:
            moved = handler.decision == "moved"
            stage = f"→ {handler.stage}" if moved else handler.stage
            row.append(Text(stage, style="green" if moved else "dim"))
        table.add_row(*row)
    return table


def _chains(report: Report, bars: bool) -> Table:
    columns = [("event", "text"), ("count", "number"), ("CPU p50", "number"), ("p99", "number")]
    columns += [("wall p50", "number"), ("share", "number"), *([("", "fixed")] if bars else [])]
    table = _table(*columns)
    for chain in report.chains[:ROWS]:
        table.add_row(
            Text(chain.event or chain.kind, style="bold"),
            words.count(chain.count),
            words.microseconds(chain.cpu.p50),
            words.microseconds(chain.cpu.p99),
            words.microseconds(chain.wall.p50),
            words.percent(chain.share),
            *([_bar(chain.share, "blue")] if bars else []),
        )
    return table


def _state(state: tuple[State, ...], planned: bool) -> Table:
    table = _table(
        ("state", "text"), ("where", "fixed"), *([("owner", "fixed")] if planned else []), ("used by", "text")
    )
    for each in state[:ROWS]:
        names = [short_name(handler) for handler in each.handlers]
        row: list[str | Text] = [
            Text(each.name, style="bold"),
            _place(each.file, each.line),
        ]
        table.add_row(*row, *([each.owner] if planned else []), words.joined(names, 4))
    return table


def _refusals(plan: Plan) -> Table:
    table = Table.grid(padding=(0, 0, 0, 1))
    for refusal in plan.refusals[:REFUSALS]:
        first, *others = refusal.objections
        more = f" (and {words.plural(len(others), 'more reason')})" if others else ""
        share = f"  {words.percent(refusal.share)}" if refusal.share is not None else ""
        table.add_row(Text(short_name(refusal.handler), style="bold").append(share, style="not bold dim"))
        table.add_row(Padding(_code(sentence(first.sentence)).append(more, style="dim"), (0, 0, 0, 2)))
        if first.remedy:
            table.add_row(Padding(_code(f"→ {first.remedy}", "green"), (0, 0, 0, 2)))
    return table


def _scaling(plan: Plan) -> Table:
    table = _table(("", "number"), ("speed-up", "number"), ("", "fixed"), ("limited by", "text"))
    most = max(point.speedup for point in plan.scaling) or 1.0
    for point in plan.scaling:
        chosen = point.machines == plan.machines
        table.add_row(
            Text(words.count(point.machines), style="bold" if chosen else ""),
            words.times(point.speedup),
            _bar(point.speedup / most, "green" if chosen else "bright_black"),
            _code(point.limit),
        )
    return table


def _problems(report: Report) -> Table:
    table = _table(("kind", "fixed"), ("where", "fixed"), ("problem", "text"))
    for problem in report.problems[:ROWS]:
        where = _place(problem.file, problem.line)
        table.add_row(Text(problem.kind, style="yellow"), where, _code(problem.text))
    return table


def _place(file: str, line: int) -> Text:
    where = place(file, line)
    return Text(where if len(where) <= PLACE else "…" + where[1 - PLACE :], style="dim")


def _bar(share: float, style: str) -> Text:
    eighths = round(max(0.0, min(share, 1.0)) * BAR * 8)
    full, rest = divmod(eighths, 8)
    return Text(("█" * full + " ▏▎▍▌▋▊▉"[rest]).rstrip().ljust(BAR), style=style)


def _code(sentence: str, style: str = "") -> Text:
    """A sentence whose `quoted` names stand out, the quotes taken away."""
    text = Text(style=style)
    for number, part in enumerate(sentence.split("`")):
        text.append(part, style="bold" if number % 2 else "")
    return text
