"""A plan on the terminal: the diagnosis first, then stages, handlers, state, scaling."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipetrace.partitioner.plan import Handler, Plan, State
from pipetrace.partitioner.reasons import factor, listed, milliseconds, percent

_MOST_HANDLERS = 12
_MOST_STATE = 10
_WORTH_SAYING = 0.05


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


def _title(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="underline"))


def _table(*columns: str) -> Table:
    """A table without lines; columns marked '>' hold figures."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        figures = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if figures else "left", no_wrap=figures, overflow="fold")
    return table


def _stages(plan: Plan, console: Console) -> None:
    _title(console, "Stages")
    table = _table("stage", ">replicas", ">load of each", "owns")
    names = {state.id: f"the {_what(state)}" for state in plan.state if _what(state) != state.id}
    for stage in plan.stages:
        owns = listed(list(dict.fromkeys(names.get(name, f"`{name}`") for name in stage.owns)), most=4)
        table.add_row(stage.id, str(stage.replicas), f"{stage.load:.2f}", Text(owns))
    console.print(table)
    outside = plan.model.outside_share
    if outside >= _WORTH_SAYING:
        said = f"Node and libraries take {percent(outside)} of all CPU outside of handlers; that stays on the entry."
        console.print(Text(said, style="dim"))


def _handlers(plan: Plan, console: Console, every: bool) -> None:
    shown = plan.handlers if every else plan.handlers[:_MOST_HANDLERS]
    shown += tuple(handler for handler in plan.handlers[len(shown) :] if handler.moved)
    if not shown:
        return
    _title(console, "Handlers")
    for handler in shown:
        head = Text(f"{_share(handler.share):>5}  ")
        head.append(handler.id, style="bold" if handler.moved else "")
        head.append(f"  {milliseconds(handler.cpu_us)} × {handler.calls}  ", style="dim")
        head.append(_where(handler), style="green" if handler.moved else "")
        console.print(head)
        console.print(Padding(Text(handler.reason.sentence, style="dim"), (0, 0, 0, 7)))
    left = len(plan.handlers) - len(shown)
    if left > 0:
        console.print(Text(f"       and {left} more that are lighter; --all lists them", style="dim"))


def _share(share: float) -> str:
    return "<1 %" if share < 0.005 else percent(share)


def _where(handler: Handler) -> str:
    return f"→ {handler.stage} ({handler.form})" if handler.moved else f"stays on {handler.stage}"


def _state(plan: Plan, console: Console, every: bool) -> None:
    shown = [state for state in plan.state if every or state.klass in ("state", "resource")]
    if not shown:
        return
    shown.sort(key=lambda state: (state.klass != "state", -len(state.handlers), state.id))
    _title(console, "State")
    table = _table("what", "class", "stage", "used by", "seen")
    rows = _gathered(shown)
    for state, count in rows if every else rows[:_MOST_STATE]:
        seen = ""
        if state.evidence:
            first = state.evidence[0]
            seen = f"{_short(first.writer)}:{first.writer_line} writes, {_short(first.reader)}:{first.reader_line} uses"
        used = listed([_short(handler) for handler in state.handlers])
        what = _what(state) if count == 1 else f"{_what(state)}, and {count - 1} more"
        table.add_row(Text(what), state.klass, _owner(state), Text(used), Text(seen))
    console.print(table)
    if not every and len(rows) > _MOST_STATE:
        console.print(Text(f"and {len(rows) - _MOST_STATE} more; --all lists them", style="dim"))


def _gathered(shown: list[State]) -> list[tuple[State, int]]:
    """Objects that are told by the same words, once, with their number."""
    found: dict[tuple[str, ...], tuple[State, int]] = {}
    for state in shown:
        key = (_what(state), state.klass, state.owner, *state.handlers)
        first, count = found.get(key, (state, 0))
        found[key] = (first, count + 1)
    return list(found.values())


def _what(state: State) -> str:
    """What tells a state apart: its id, or a description where it has no name in the source."""
    return state.name if " " in state.name or state.id.startswith("(") else state.id


def _owner(state: State) -> str:
    if state.owner:
        return state.owner
    return "every stage" if state.klass == "init-only" else "with its chain"


def _short(handler: str) -> str:
    return handler.rpartition("#")[2]


def _scaling(plan: Plan, console: Console) -> None:
    _title(console, "Scaling")
    table = _table(">machines" if plan.transport == "nats" else ">cores", ">speed-up", "limit")
    before = ""
    for point in plan.scaling:
        limit = "the same" if point.limit == before else point.limit
        table.add_row(str(point.machines), factor(point.speedup), Text(limit))
        before = point.limit
    console.print(table)
