"""A plan on the terminal: the diagnosis first, then stages, handlers, state, scaling."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipetrace.partitioner.plan import Handler, Plan
from pipetrace.partitioner.reasons import listed, milliseconds, percent

_MOST_HANDLERS = 12
_MOST_STATE = 10


def show_plan(plan: Plan, console: Console, *, every: bool = False) -> None:
    """Print a plan; ``every`` lists all handlers and all state."""
    console.print(Text(plan.diagnosis, style="bold"))
    _stages(plan, console)
    _handlers(plan, console, every)
    _state(plan, console, every)
    _scaling(plan, console)
    for what in plan.what_if:
        console.print(Text(what.sentence))
    if plan.objective.gap > 0.005:
        gap = percent(plan.objective.gap)
        console.print(Text(f"The busiest event loop is at most {gap} above the optimum.", style="dim"))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0), title_style="")
    for column in columns:
        number = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if number else "left", overflow="fold", no_wrap=number)
    return table


def _stages(plan: Plan, console: Console) -> None:
    table = _table("\nStages", "stage", ">replicas", ">load of each", "owns")
    for stage in plan.stages:
        owns = listed([f"`{name}`" for name in stage.owns], most=4)
        table.add_row(stage.id, str(stage.replicas), f"{stage.load:.2f}", Text(owns))
    console.print(table)


def _handlers(plan: Plan, console: Console, every: bool) -> None:
    handlers = plan.handlers if every else plan.handlers[:_MOST_HANDLERS]
    missing = [handler for handler in plan.handlers[len(handlers) :] if handler.moved]
    table = _table("\nHandlers", "handler", ">CPU a call", ">calls", ">share", "stage", "why")
    for handler in (*handlers, *missing):
        table.add_row(
            Text(handler.id, style="bold" if handler.moved else ""),
            milliseconds(handler.cpu_us),
            str(handler.calls),
            percent(handler.share),
            Text(_where(handler)),
            Text(handler.reason.sentence),
        )
    console.print(table)
    left = len(plan.handlers) - len(handlers) - len(missing)
    if left > 0:
        console.print(Text(f"and {left} more, all lighter; --all lists them", style="dim"))


def _where(handler: Handler) -> str:
    return f"→ {handler.stage} ({handler.form})" if handler.moved else handler.stage


def _state(plan: Plan, console: Console, every: bool) -> None:
    shown = [state for state in plan.state if every or state.klass in ("state", "resource")]
    if not shown:
        return
    shown.sort(key=lambda state: (state.klass != "state", -len(state.handlers), state.id))
    table = _table("\nState", "what", "class", "stage", "used by", "seen")
    for state in shown if every else shown[:_MOST_STATE]:
        seen = ""
        if state.evidence:
            first = state.evidence[0]
            seen = f"{_short(first.writer)}:{first.writer_line} writes, {_short(first.reader)}:{first.reader_line} uses"
        used = listed([_short(handler) for handler in state.handlers])
        table.add_row(Text(state.id), state.klass, state.owner or "each its own", Text(used), Text(seen))
    console.print(table)
    if not every and len(shown) > _MOST_STATE:
        console.print(Text(f"and {len(shown) - _MOST_STATE} more; --all lists them", style="dim"))


def _short(handler: str) -> str:
    return handler.rpartition("#")[2]


def _scaling(plan: Plan, console: Console) -> None:
    unit = "machines" if plan.transport == "nats" else "cores"
    table = _table("\nScaling", f">{unit}", ">speed-up", "limit")
    for point in plan.scaling:
        table.add_row(str(point.machines), f"{point.speedup:.1f}×", Text(point.limit))
    console.print(table)
