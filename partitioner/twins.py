"""Functions made at start: every stage runs the same program, so it has made a twin of each, with its own captures.

Such a function needs no copy with what it captures: a stage runs its twin. That gives the same answers if what the
function can reach through its captures is the same on every stage and stays so: the recording saw nothing written after
the start (else it is state), and no text assigns a captured variable once the function that declares it has returned.
The runtime compares both twins before it trusts them, and runs here what was made later.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from pipetrace.partitioner.calling import Facts, is_connect
from pipetrace.partitioner.graph import Graph
from pipetrace.partitioner.items import Classification, Item
from pipetrace.partitioner.reach import Reach
from pipetrace.partitioner.recording import NONE, Capture, Recording
from pipetrace.partitioner.refusal import Refusal

_LIFTED = frozenset({"captures-unsendable"})
"""Causes that say nothing against a twin: it captures on its stage what cannot be sent there."""
THIS = "this"
"""Kind of the capture that stands for the `this` of an arrow function."""
_PRIMITIVE = frozenset({"undefined", "null", "boolean", "number", "string", "bigint", "symbol"})


class Twins:
    """Which units of a recording a stage can run by the twin that its own start made."""

    def __init__(self, recording: Recording, graph: Graph, classes: Classification, facts: Facts, reach: Reach) -> None:
        self._recording = recording
        self._graph = graph
        self._ties = classes.ties
        self._facts = facts
        self._reach = reach

    def help(self, unit: int, refusals: Iterable[Refusal]) -> bool:
        """Whether a unit moves as a twin: it would stay for these reasons, or call back for what it captures."""
        found = tuple(refusals)
        if not found and not self._calls_back(unit):
            return False
        return all(self._is_lifted(unit, refusal) for refusal in found) and self.can_be(unit)

    def _calls_back(self, unit: int) -> bool:
        """Whether a copy would have captured a function of the entry stage, and wait for what that returns."""
        return any(
            shape.klass == "function"
            for capture in self._recording.captures.get(unit, ())
            if not capture.module_level
            for shape in self._recording.slot(unit, f"capture:{capture.name}")
        )

    def _is_lifted(self, unit: int, refusal: Refusal) -> bool:
        if refusal.cause in _LIFTED:
            return True
        # The `this` of an arrow function is captured like a variable.
        return refusal.cause == "uses-this" and self._recording.functions[unit].kind == "arrow"

    def can_be(self, unit: int) -> bool:
        """Whether a function was made at start, and a stage's own captures stay what the entry stage's are."""
        if unit in self._tied or not self._recording.ancestors(unit) or not self.made_at_start(unit):
            return False
        if any(not self._is_passed_on_to(unit, other) for other in self.beyond(unit)):
            return False
        return all(self._stays(unit, capture) for capture in self.outside(unit))

    def made_at_start(self, unit: int) -> bool:
        """Whether nothing says that a function was made after initialisation.

        Where the recording does not know by which call it was registered, the text must not lead from anything that
        ran later to a function around it.
        """
        ruptures = self._recording.ruptures.get(unit, ())
        if ruptures:
            return all(rupture.count == rupture.during_init for rupture in ruptures)
        return self._later.isdisjoint(self._recording.ancestors(unit))

    def outside(self, unit: int) -> tuple[Capture, ...]:
        """The local variables that a unit shares with functions that are not part of it, by place and name.

        They belong to functions that ran at start: those around the unit, and those around others made at start.
        """
        around = frozenset(self._recording.ancestors(unit))
        inside = self._reach.of_unit(unit)
        found = {
            (capture.scope, capture.line, capture.name): capture
            for function in sorted(inside)
            for capture in self._local(function)
            if (capture.scope in around or (capture.scope in self._makers and capture.scope not in inside))
        }
        return tuple(found[key] for key in sorted(found))

    def _stays(self, unit: int, capture: Capture) -> bool:
        declaring = self._recording.functions.get(capture.scope)
        if declaring is None or capture.nondeterministic or (capture.scope, capture.name) in self._facts.assigned:
            return False
        if capture.reassigned and (declaring.is_async or declaring.is_generator):
            return False
        if capture.kind in ("function", "class"):
            return True  # what it captures in turn counts by itself
        shapes = () if capture.kind == THIS else self._recording.slot(unit, f"capture:{capture.name}")
        seen = {shape.klass for shape in shapes}
        return (bool(seen) and seen <= _PRIMITIVE) or not self._leads_to_state(capture, seen)

    def _leads_to_state(self, capture: Capture, classes: set[str]) -> bool:
        """Whether a variable holds state, or whoever touched state to which no module-level name leads has it too.

        The function may reach that state through it on a path that was never recorded.
        """
        file = self._recording.file_of(capture.scope)
        for item in self._ties:
            if item.file == file and item.line == capture.line and (item.name == capture.name or item.described):
                return True
            if _is_hidden(item) and item.object_class.startswith("instance:") and item.object_class in classes:
                return True
        return (capture.scope, capture.name) in self._beside_state

    @cached_property
    def _tied(self) -> frozenset[int]:
        """Units that something ties, or something that runs inside them."""
        cells = self._graph.cells
        return frozenset(unit for item in self._ties for cell in item.cells for unit in cells[cell].path)

    def beyond(self, unit: int) -> tuple[int, ...]:
        """The units that followed from a unit and are taken to run outside, by a function that it was given.

        A twin has what it captured on its own stage, and if such a function led there, they would run there, too.
        """
        return tuple(sorted(self._beyond.get(unit, ())))

    def _is_passed_on_to(self, unit: int, other: int) -> bool:
        """Whether a unit led to another one by calling `next`, which a stage passes on to the entry stage.

        Both are called as middleware is, and the other one was not registered with anything that the unit captures. The
        runtime watches that it is so: run on a stage, the other one is a violation.
        """
        ruptures = self._recording.ruptures.get(other, ())
        if not ruptures or not self._is_middleware(unit) or not self._is_middleware(other):
            return False
        names = {
            capture.name
            for function in self._reach.of_unit(unit)
            for capture in self._recording.captures.get(function, ())
        }
        return all(rupture.callee.partition(".")[0].rstrip("()") not in names for rupture in ruptures)

    def _is_middleware(self, unit: int) -> bool:
        arguments = self._recording.arguments(unit)
        return is_connect(tuple(shapes[0].klass if shapes else "undefined" for shapes in arguments))

    @cached_property
    def _beyond(self) -> dict[int, set[int]]:
        rows, graph = self._recording.invocations, self._graph
        paths = [frozenset(cell.path) for cell in graph.cells]
        # Of millions of invocations there are few sets of units that caused one, so these are numbered.
        numbers: dict[frozenset[int], int] = {frozenset(): 0}
        sets = [frozenset[int]()]
        steps: dict[int, tuple[int, frozenset[int]]] = {}
        caused_by = np.zeros(len(rows), dtype=np.int64).data
        causes, cells = graph.index.of(rows.parent).data, np.ascontiguousarray(graph.cell_of).data
        functions = np.ascontiguousarray(rows.function).data
        beyond: set[tuple[frozenset[int], int]] = set()
        steady = ~np.isin(rows.chain, np.fromiter(graph.init, dtype=np.int64, count=len(graph.init)))
        for at in np.flatnonzero(steady).data:
            before = caused_by[causes[at]] if causes[at] != NONE else 0
            step = steps.get(before * len(paths) + cells[at])
            if step is None:
                path = paths[cells[at]]
                left = sets[before] - path
                caused = sets[before] | path if left else path
                if caused not in numbers:
                    numbers[caused] = len(sets)
                    sets.append(caused)
                step = steps[before * len(paths) + cells[at]] = (numbers[caused], left)
            caused_by[at] = step[0]
            if step[1]:
                beyond.add((step[1], functions[at]))
        found: dict[int, set[int]] = {}
        for left, function in beyond:
            for unit in left:
                found.setdefault(unit, set()).add(function)
        return found

    @cached_property
    def _beside_state(self) -> frozenset[tuple[int, str]]:
        """Local variables that functions capture which touched such state."""
        return frozenset(
            (capture.scope, capture.name)
            for item in self._ties
            if _is_hidden(item)
            for function in item.functions
            for capture in self._local(function)
        )

    def _local(self, function: int) -> list[Capture]:
        """The local variables that a function captures; `this` of an arrow function is one of what is around it."""
        info = self._recording.functions[function]
        found = [capture for capture in self._recording.captures.get(function, ()) if not capture.module_level]
        if info.kind == "arrow" and info.uses_this:
            for outer in self._recording.ancestors(function):
                if self._recording.functions[outer].kind != "arrow":
                    found.append(Capture("this", outer, False, THIS, line=self._recording.functions[outer].line))
                    break
        return found

    @cached_property
    def _makers(self) -> frozenset[int]:
        """Functions that made others at start."""
        made = (unit for unit in self._graph.units if self.made_at_start(unit))
        return frozenset(function for unit in made for function in self._recording.ancestors(unit))

    @cached_property
    def _later(self) -> frozenset[int]:
        """Functions that something could call which ran after initialisation."""
        return frozenset().union(*(self._reach.of_unit(unit) for unit in self._graph.units))


def _is_hidden(item: Item) -> bool:
    """Whether an item is state that guards do not cover, since no module-level name leads to it."""
    return item.klass == "state" and not item.module_level
