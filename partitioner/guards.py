"""What the rewriter must watch over: guarded state, sources that run once, values of initialisation to share.

The text of the program bounds what a moved handler could touch: the module-level names that it captures, and those
of every function that it could call. The recording says what it did touch. Where the text allows more than the
recording saw, and the thing is state elsewhere or could become so, it gets a guard.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipetrace.partitioner import plan
from pipetrace.partitioner.analysis import Analysis
from pipetrace.partitioner.recording import Capture, Recording

_TIMERS = frozenset({"setInterval", "setTimeout", "setImmediate"})
_FIXED = frozenset({"function", "class", "import"})
_CONTAINERS = frozenset({"new"})
_LISTENERS = frozenset({"signal", "connection", "other"})

Name = tuple[int, str]
"""A module-level name: module function and name."""


def reachable(recording: Recording, function: int) -> frozenset[int]:
    """The functions that a function could call by the text of the program, itself included."""
    children = _children(recording)
    at_top = {
        (info.parent, info.name): info.id
        for info in recording.functions.values()
        if info.name and info.parent is not None and recording.functions[info.parent].kind == "module"
    }
    found = {function}
    waiting = [function]
    while waiting:
        at = waiting.pop()
        following = [*children.get(at, ()), *recording.calls.get(at, ())]
        following += [
            at_top[(capture.scope, capture.name)]
            for capture in recording.captures.get(at, ())
            if capture.module_level and (capture.scope, capture.name) in at_top
        ]
        for other in following:
            if other not in found and other in recording.functions:
                found.add(other)
                waiting.append(other)
    return frozenset(found)


def _children(recording: Recording) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for info in recording.functions.values():
        if info.parent is not None:
            found.setdefault(info.parent, []).append(info.id)
    return found


def _module_names(recording: Recording, functions: frozenset[int]) -> dict[Name, Capture]:
    found: dict[Name, Capture] = {}
    for function in sorted(functions):
        for capture in recording.captures.get(function, ()):
            if capture.module_level:
                known = found.get((capture.scope, capture.name))
                if known is None or (capture.nondeterministic and not known.nondeterministic):
                    found[(capture.scope, capture.name)] = capture
    return found


def _written_by_functions(recording: Recording) -> frozenset[Name]:
    """Module-level names that some function assigns."""
    return frozenset(
        (capture.scope, capture.name)
        for function, captures in recording.captures.items()
        for capture in captures
        if capture.module_level and capture.writes and recording.functions[function].kind != "module"
    )


def guards_of(
    analysis: Analysis, moved: Mapping[int, str], owners: Mapping[str, str]
) -> tuple[plan.Guard, ...]:
    """Guards for a plan: ``moved`` gives the stage of each moved unit, ``owners`` the stage of each item of state."""
    recording, items = analysis.recording, analysis.classes.items
    written = _written_by_functions(recording)
    runs_away = {
        number for number, cell in enumerate(analysis.graph.cells) if any(unit in moved for unit in cell.path)
    }
    found: dict[Name, tuple[plan.Guard, set[str]]] = {}
    for unit, stage in sorted(moved.items()):
        for name, capture in _module_names(recording, reachable(recording, unit)).items():
            if capture.kind in _FIXED or name[0] not in recording.functions:
                continue
            file = recording.file_of(name[0])
            item = items.get(f"{file}:{capture.name}")
            owner = owners.get(f"{file}:{capture.name}", "entry")
            if owner == stage:
                continue
            form = _guard_form(capture, item is not None and bool(item.cells), item and item.form, name in written)
            touched = item is not None and (
                not runs_away.isdisjoint(item.readers) or (bool(item.functions) and not item.cells)
            )
            if form is None or (touched and not (item is not None and item.cells)):
                continue
            if item is not None and item.cells and any(cell in runs_away for cell in item.readers):
                if owner == "entry":
                    continue
            guard, units = found.setdefault(
                name,
                (
                    plan.Guard(
                        f"{file}:{capture.name}", capture.name, file, item.line if item else capture.line, form, owner, ()
                    ),
                    set(),
                ),
            )
            units.add(analysis.ids[unit])
    return tuple(
        plan.Guard(g.location, g.name, g.file, g.line, g.form, g.owner, tuple(sorted(units)))
        for _, (g, units) in sorted(found.items(), key=lambda entry: entry[1][0].location)
    )
