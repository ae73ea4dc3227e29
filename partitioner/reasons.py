"""Why a handler stays, and what holds the CPU of the entry stage: the sentences of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipetrace.partitioner.analysis import Analysis
from pipetrace.partitioner.graph import Cell
from pipetrace.partitioner.items import LIBRARY, Item
from pipetrace.partitioner.names import a_noun
from pipetrace.partitioner.refusal import Refusal

_STORE = (
    "Move {name} to a store that all stages reach, or cut the heavy part that does not need it into an async "
    "function of its own."
)
_STATELESS = (
    "If no answer depends on that, as on a cache or a pool, plan again with `--stateless {name}`; else cut the heavy "
    "part that does not need it into an async function of its own."
)


@dataclass(frozen=True, slots=True)
class Blame:
    """What keeps some CPU on the entry stage, the largest part first."""

    kind: str
    """'item', 'refusal' or 'light'."""
    key: str
    cpu_us: float
    item: Item | None = None
    unit: int | None = None


def refusals_of(analysis: Analysis, unit: int, moved: frozenset[int]) -> tuple[Refusal, ...]:
    """Every reason for which a unit is not moved, the most telling first; empty if only the solver decided."""
    outer = _enclosing(analysis, unit, moved)
    if outer is not None:
        name = analysis.name(outer)
        return (
            Refusal("nested-in-moved", f"{analysis.name(unit)} runs inside {name}, which is moved as a whole.", ""),
        )
    ties = analysis.ties_of.get(unit, ())
    shared = tuple(_by_item(analysis, unit, item) for item in ties)
    if analysis.is_heavy(unit):
        # Where a word of the user does away with a tie, the handler may move in a form in which the rest is no reason.
        of_library = [item.object_class == LIBRARY for item in ties]
        first = (refusal for refusal, is_first in zip(shared, of_library, strict=True) if is_first)
        last = (refusal for refusal, is_first in zip(shared, of_library, strict=True) if not is_first)
        return (*first, *analysis.mobilities[unit].refusals, *last)
    if shared:
        return shared
    mean = analysis.graph.units[unit].mean_us
    return (
        Refusal(
            "too-light",
            f"{analysis.name(unit)} takes {milliseconds(mean)} of CPU a call; moving pays from "
            f"{milliseconds(analysis.threshold_us)} on.",
            "",
        ),
    )


def _enclosing(analysis: Analysis, unit: int, moved: frozenset[int]) -> int | None:
    """The moved unit that every call of ``unit`` runs inside, if there is one."""
    found: int | None = None
    for cell in analysis.cells_of(unit):
        if cell.calls == 0:
            continue
        outer = next((other for other in cell.path[:-1] if other in moved), None)
        if outer is None:
            return None
        found = found if found is not None else outer
    return found


def _by_item(analysis: Analysis, unit: int, item: Item) -> Refusal:
    name = analysis.name(unit)
    of_library = item.object_class == LIBRARY
    remedy = _STATELESS.format(name=item.id) if of_library else _STORE.format(name=item.mention)
    through = _through(analysis, unit, item)
    others = _partners(analysis, unit, item)
    what = item.label
    if item.klass == "resource":
        return Refusal(
            "captures-resource",
            f"{name}{through} uses {what}, {a_noun(item.object_class)} that is bound to the process that made it.",
            f"Keep what uses {item.mention} in a function of its own, and move the rest.",
        )
    if others:
        sentence = f"{name}{through} shares {what} with {listed(others)}, so they stay together."
    elif of_library:
        sentence = f"{name}{through} changes {what}, so it stays with it."
    elif not item.module_level:
        sentence = f"{name}{through} changes {what}, which no module-level name leads to, so it stays with it."
    else:
        sentence = f"{name}{through} changes {what} from one chain to the next, so it stays with it."
    if item.guessed:
        sentence = f"{sentence[:-1]} (it is handed to library code that may change it)."
    return Refusal("shares-state", sentence, remedy)


def _through(analysis: Analysis, unit: int, item: Item) -> str:
    """' calls `x`, which' where not the unit itself touches the item but something inside it."""
    cells = [analysis.graph.cells[cell] for cell in item.cells]
    if any(cell.path and cell.path[-1] == unit for cell in cells):
        return ""
    inner = next(cell.path[-1] for cell in cells if unit in cell.path)
    return f" triggers {analysis.name(inner)}, which"


def _partners(analysis: Analysis, unit: int, item: Item) -> list[str]:
    found: dict[str, None] = {}
    for number in item.cells:
        path = analysis.graph.cells[number].path
        if path and unit not in path:
            found.setdefault(analysis.brief(path[-1]))
    return list(found)


def blames(analysis: Analysis, cells: Sequence[Cell]) -> list[Blame]:
    """What keeps these cells on the entry stage, gathered by cause, the largest first."""
    found: dict[str, Blame] = {}
    for cell in cells:
        if cell.cpu_us <= 0:
            continue
        blame = _blame(analysis, cell)
        known = found.get(blame.key)
        total = blame.cpu_us + (known.cpu_us if known else 0.0)
        found[blame.key] = Blame(blame.kind, blame.key, total, blame.item, blame.unit)
    return sorted(found.values(), key=lambda blame: (-blame.cpu_us, blame.key))


def _blame(analysis: Analysis, cell: Cell) -> Blame:
    heavy = [unit for unit in cell.path if analysis.is_heavy(unit)]
    tied = [item for unit in reversed(heavy) for item in analysis.ties_of.get(unit, ())]
    if tied:
        item = min(tied, key=lambda item: (item.klass != "state", item.guessed, -len(item.cells), item.id))
        return Blame("item", f"item {item.id}", cell.cpu_us, item=item)
    for unit in reversed(heavy):
        if analysis.mobilities[unit].refusals:
            return Blame("refusal", f"refusal {unit}", cell.cpu_us, unit=unit)
    return Blame("light", "light", cell.cpu_us)


def phrase(analysis: Analysis, blame: Blame) -> str:
    """A blame as the end of a sentence: '83 % of the CPU is in handlers that share `db` (lib/db.js:4)'."""
    part = f"{percent(analysis.share(blame.cpu_us))} of the handlers' CPU is"
    if blame.item is not None:
        users = {path[-1] for path in (analysis.graph.cells[cell].path for cell in blame.item.cells) if path}
        verb = "handlers that share" if len(users) > 1 else "a handler that changes"
        if blame.item.klass == "resource":
            verb = "handlers that use" if len(users) > 1 else "a handler that uses"
        return f"{part} in {verb} {blame.item.label}"
    if blame.unit is not None:
        refusal = analysis.mobilities[blame.unit].refusals[0]
        return f"{part} in a handler that cannot move: {refusal.sentence[:-1]}"
    return f"{part} in handlers of less than {milliseconds(analysis.threshold_us)} a call"


def percent(share: float) -> str:
    """A share as people write it."""
    if 0 < share < 0.005:
        return "less than 1 %"
    return f"{share * 100:.0f} %"


def factor(speedup: float) -> str:
    """A speed-up, rounded as the plan file has it and then to one digit, a half down: no promise grows by rounding."""
    return f"{round(speedup, 2) - 1e-6:.1f}×"


def milliseconds(microseconds: float) -> str:
    """A duration in milliseconds with two significant digits."""
    value = microseconds / 1000.0
    if value >= 10:
        return f"{value:.0f} ms"
    return f"{value:.1f} ms" if value >= 1 else f"{value:.2g} ms"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Names in a sentence: 'a, b and c', or 'a, b, c and 4 others'."""
    if len(names) > most:
        rest = len(names) - most
        return f"{', '.join(names[:most])} and {rest} other{'s' if rest > 1 else ''}"
    if len(names) > 1:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return names[0] if names else ""
