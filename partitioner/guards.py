"""What the rewriter must watch over: guarded state, sources that run once, values of initialisation to share.

The text of the program bounds what a moved handler could touch: the module-level names that it captures, and those
of every function that it could call. The recording says what it did touch. Where the text allows more than the
recording saw, and the thing is state elsewhere or could become so, it gets a guard.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from pipetrace.partitioner import plan
from pipetrace.partitioner.analysis import Analysis
from pipetrace.partitioner.homes import ModuleNames, Name
from pipetrace.partitioner.items import Item
from pipetrace.partitioner.recording import Capture, Recording
from pipetrace.partitioner.twins import THIS

_TIMERS = frozenset({"setInterval", "setTimeout", "setImmediate"})
_FIXED = frozenset({"function", "class", "import"})
_STATEFUL = frozenset({"new"})
"""Kinds of initialisers that make something which is probably meant to change."""
_LISTENERS = frozenset({"signal", "connection", "other"})


def _written_by_functions(recording: Recording) -> frozenset[Name]:
    """Module-level names that some function assigns."""
    return frozenset(
        (capture.scope, capture.name)
        for function, captures in recording.captures.items()
        for capture in captures
        if capture.module_level and capture.writes and recording.functions[function].kind != "module"
    )


def guards_of(analysis: Analysis, moved: Mapping[int, str], owners: Mapping[str, str]) -> tuple[plan.Guard, ...]:
    """Guards for a plan: ``moved`` gives the stage of each moved unit, ``owners`` the stage of each tied item."""
    recording, cells = analysis.recording, analysis.graph.cells
    away = frozenset(number for number, cell in enumerate(cells) if any(unit in moved for unit in cell.path))
    written = _written_by_functions(recording)
    names = ModuleNames(recording)
    found: dict[str, plan.Guard] = {}
    units: dict[str, set[str]] = {}
    for unit, stage in sorted(moved.items()):
        by_name = names.used_by(analysis.reach.of_unit(unit))
        for name, capture in names.used_by(analysis.reach.at_most(unit)).items():
            if name[0] not in recording.functions:
                continue
            file = recording.file_of(name[0])
            location = f"{file}:{capture.name}"
            # A name that is imported is guarded by what it stands for.
            item = analysis.classes.items.get(location) if capture.home else _item_of(analysis, names, location)
            if capture.kind in _FIXED and (item is None or not item.cells):
                continue  # as long as it keeps no state in properties of its own
            owner = owners.get(location if item is None else item.id, "entry")
            form = _guard_form(capture, item, name in written, away)
            if form == "object" and name not in by_name and (item is None or not item.cells):
                # Watching for changes is enough: a method may have read it where the recording does not tell.
                form = None
            if form is None or owner == stage:
                continue
            line = item.line if item is not None and item.id == location else capture.line
            reads = () if item is None else tuple(own for own, seen in item.steady if not away.isdisjoint(seen))
            found.setdefault(location, plan.Guard(location, capture.name, file, line, form, owner, (), reads))
            units.setdefault(location, set()).add(analysis.ids[unit])
    for item, strangers in _strangers(analysis, moved, owners):
        own = plan.Guard(item.id, item.name, item.file, item.line, item.form, owners[item.id], ())
        found.setdefault(item.id, own)
        units.setdefault(item.id, set()).update(analysis.ids[function] for function in strangers)
        for function, capture in strangers.items():
            location = f"{recording.file_of(capture.scope)}:{capture.name}"
            other = plan.Guard(
                location, capture.name, recording.file_of(capture.scope), capture.line, "variable", own.owner, ()
            )
            found.setdefault(location, other)
            units.setdefault(location, set()).add(analysis.ids[function])
    return tuple(
        dataclasses.replace(found[location], handlers=tuple(sorted(units[location]))) for location in sorted(found)
    )


def constants_of(
    analysis: Analysis, moved: Mapping[int, str], guards: tuple[plan.Guard, ...]
) -> tuple[plan.Constant, ...]:
    """Names that moved handlers may use, and whose values are neither state nor guarded.

    They are module-level names, and the local ones that twins capture, which have their line with them.
    """
    recording = analysis.recording
    written = _written_by_functions(recording)
    apart = {guard.location for guard in guards} | {item.id for item in analysis.classes.ties}
    found: dict[str, plan.Constant] = {}
    units: dict[str, set[str]] = {}
    names = ModuleNames(recording)
    for unit in sorted(moved):
        for name, capture in names.used_by(analysis.reach.at_most(unit)).items():
            if name[0] not in recording.functions:
                continue
            location = f"{recording.file_of(name[0])}:{capture.name}"
            plain = capture.init_kind == "literal" and name not in written
            if plain or location in apart:
                continue
            if capture.home is not None and capture.home[1]:
                homes = (f"{recording.file_of(module)}:{own}" for module, own in names.homes(name))
                if not apart.isdisjoint(homes):
                    continue
            file = recording.file_of(name[0])
            found.setdefault(location, plan.Constant(location, capture.name, file, capture.line, ()))
            units.setdefault(location, set()).add(analysis.ids[unit])
        for capture in analysis.mobilities[unit].outside:
            if capture.kind in ("function", "class", THIS) or capture.init_kind in ("literal", "function"):
                continue
            file = recording.file_of(capture.scope)
            location = f"{file}:{capture.name}@{capture.line}"
            found.setdefault(location, plan.Constant(location, capture.name, file, capture.line, ()))
            units.setdefault(location, set()).add(analysis.ids[unit])
    return tuple(
        dataclasses.replace(found[location], handlers=tuple(sorted(units[location]))) for location in sorted(found)
    )


def _item_of(analysis: Analysis, names: ModuleNames, location: str) -> Item | None:
    """What was seen of a variable, by this name or another one that means the same."""
    items = analysis.classes.items
    if location in items:
        return items[location]
    return next((items[name] for name in sorted(names.same(location)) if name in items), None)


def _strangers(
    analysis: Analysis, moved: Mapping[int, str], owners: Mapping[str, str]
) -> list[tuple[Item, dict[int, Capture]]]:
    """State that left the entry stage, with the functions that name it and may run elsewhere, too.

    These were never seen to run with it, or others that were not could call them. Each has with it the name by which it
    could use the state.
    """
    recording = analysis.recording
    names = ModuleNames(recording)
    found: list[tuple[Item, dict[int, Capture]]] = []
    for item in analysis.classes.ties:
        owner = owners.get(item.id, "entry")
        if owner == "entry":
            continue
        at_home: set[int] = set()
        for unit, stage in moved.items():
            if stage == owner:
                at_home |= analysis.reach.of_unit(unit)
        same = names.same(f"{item.file}:{item.name}")
        abroad = {
            callee
            for caller, info in recording.functions.items()
            if info.kind != "module" and caller not in at_home
            for callee in analysis.reach.by_text(caller)
        }
        strangers = {
            function: capture
            for function, captures in sorted(recording.captures.items())
            if recording.functions[function].kind != "module" and (function not in at_home or function in abroad)
            for capture in captures
            if not same.isdisjoint(names.meanings(capture))
        }
        if strangers:
            found.append((item, strangers))
    return found


def _guard_form(
    capture: Capture, item: Item | None, is_written: bool, away: frozenset[int]
) -> Literal["variable", "object"] | None:
    """How to guard a name that moved handlers could reach; None where nothing can go wrong.

    A tied item lives where all cells that touch it run. Anything else that a moved handler was seen to use is
    known to stay unchanged. What remains was not seen there: it is guarded if some function assigns it, or if it
    is a collection or an object with state that the recording never saw in use.
    """
    if item is not None and item.cells:
        return item.form
    if item is not None and not away.isdisjoint(item.readers):
        return None
    if is_written:
        return "variable"
    seen = item is not None and item.functions
    return "object" if capture.init_kind in _STATEFUL and not seen else None


def init_values_of(analysis: Analysis, moved: Mapping[int, str]) -> tuple[plan.InitValue, ...]:
    """Module-level names with an initialiser that differs from run to run, and that moved handlers could read."""
    recording = analysis.recording
    names = ModuleNames(recording)
    found: dict[tuple[str, str], plan.InitValue] = {}
    for unit in sorted(moved):
        for (module, name), capture in names.used_by(analysis.reach.at_most(unit)).items():
            if capture.nondeterministic and module in recording.functions:
                file = recording.file_of(module)
                found[(file, name)] = plan.InitValue(
                    file, name, capture.line, f"The value of `{name}` differs from run to run."
                )
    return tuple(found[key] for key in sorted(found))


def sources_of(analysis: Analysis) -> tuple[plan.Source, ...]:
    """Functions that timers and listeners of initialisation call: they fire on the entry stage only.

    Every stage runs the same program, so every stage would set the same timers. Servers need no entry here, since
    no other stage listens.
    """
    recording = analysis.recording
    kinds: dict[int, Literal["timer", "listener"]] = {}
    rows = recording.invocations
    roots = rows.chain == rows.id
    begun = [
        (chain, function)
        for chain in ("timer", *sorted(_LISTENERS))
        for function in sorted(rows.functions(roots & recording.is_of_kind(chain)))
        if recording.functions[function].kind != "module"
    ]
    for chain, function in begun:
        if chain == "timer" and (_at_init(recording, function) or not recording.ruptures.get(function)):
            kinds[function] = "timer"
        elif chain != "timer" and _at_init(recording, function):
            kinds.setdefault(function, "listener")
    for function, ruptures in recording.ruptures.items():
        for rupture in ruptures:
            if rupture.during_init > 0 and rupture.callee.rpartition(".")[2] in _TIMERS:
                kinds[function] = "timer"
    found = []
    for function, kind in kinds.items():
        info = recording.functions.get(function)
        if info is not None:
            place = (recording.file_of(function), info.start, info.end)
            found.append(plan.Source(analysis.ids[function], info.key, *place, kind, "entry"))
    return tuple(sorted(found, key=lambda source: source.handler))


def staying_of(analysis: Analysis, moved: Mapping[int, str]) -> tuple[plan.Source, ...]:
    """Handlers that a moved twin led to by calling `next`: they run where that was made, on the entry stage."""
    recording = analysis.recording
    staying = {other for unit in moved for other in analysis.mobilities[unit].beyond} - set(moved)
    found = []
    for function in sorted(staying):
        info = recording.functions[function]
        place = (recording.file_of(function), info.start, info.end)
        found.append(plan.Source(analysis.ids[function], info.key, *place, "handler", "entry"))
    return tuple(found)


def _at_init(recording: Recording, function: int) -> bool:
    return any(rupture.during_init > 0 for rupture in recording.ruptures.get(function, ()))
