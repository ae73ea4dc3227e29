"""Which functions could run: by the text of the program, and because the recording saw them."""

from __future__ import annotations

from functools import cached_property

from pipetrace.partitioner.graph import Graph
from pipetrace.partitioner.homes import ModuleNames, Name
from pipetrace.partitioner.recording import Recording

_EXPORTS = ("module", "exports")
"""Names by which a module of CommonJS gives away what has no name of its own."""
_LISTEN = frozenset(
    {"on", "once", "addListener", "prependListener", "prependOnceListener", "addEventListener", "subscribe"}
)


class Reach:
    """The functions that each function and each unit of a recording could run."""

    def __init__(self, recording: Recording, graph: Graph) -> None:
        self._recording = recording
        self._graph = graph
        self._known: dict[int, frozenset[int]] = {}
        self._widely: dict[int, frozenset[int]] = {}
        self._names = ModuleNames(recording)

    def by_text(self, function: int) -> frozenset[int]:
        """The functions that a function could call by the text of the program, itself included."""
        known = self._known.get(function)
        if known is not None:
            return known
        recording = self._recording
        found = {function}
        waiting = [function]
        while waiting:
            at = waiting.pop()
            following = [*self._children.get(at, ()), *recording.calls.get(at, ())]
            for capture in recording.captures.get(at, ()):
                following += self._declared.get((capture.scope, capture.name), ())
            for capture in recording.captures.get(at, ()):
                if capture.module_level:
                    following += self._listeners.get(capture.name, ())
            for other in following:
                if other not in found and other in recording.functions:
                    found.add(other)
                    waiting.append(other)
        self._known[function] = frozenset(found)
        return self._known[function]

    def of_unit(self, unit: int) -> frozenset[int]:
        """The functions that could run inside a unit, by its text or because they were seen to."""
        return frozenset().union(*(self.by_text(function) for function in sorted(self._seen.get(unit, {unit}))))

    def at_most(self, unit: int) -> frozenset[int]:
        """As `of_unit`, with the methods of objects that the unit could get by the names it uses.

        What is watched for rests on this: a superset costs nothing but a watch.
        """
        return frozenset().union(*(self._widest(function) for function in sorted(self._seen.get(unit, {unit}))))

    def _widest(self, function: int) -> frozenset[int]:
        known = self._widely.get(function)
        if known is not None:
            return known
        recording = self._recording
        found = {function}
        waiting = [function]
        passed: set[Name] = set()
        while waiting:
            at = waiting.pop()
            following = [*self.by_text(at)]
            names = [(capture.scope, capture.name) for capture in recording.captures.get(at, ())]
            if recording.functions[at].uses_this:
                for around in (at, *recording.ancestors(at)):
                    names += self._holders.get(around, ())
            following += self._held_by(names, passed)
            for other in following:
                if other not in found and other in recording.functions:
                    found.add(other)
                    waiting.append(other)
        self._widely[function] = frozenset(found)
        return self._widely[function]

    def _held_by(self, names: list[Name], passed: set[Name]) -> list[int]:
        """The functions that some names hold, and those of the names that these lead on to."""
        recording = self._recording
        found: list[int] = []
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in passed:
                continue
            passed.add(name)
            found += recording.held.get(name, ())
            waiting += recording.leads.get(name, ())
            waiting += self._names.homes(name)
            home = self._names.home_of(name)
            if home is not None:
                waiting += [(home, each) for each in _EXPORTS]
        return found

    @cached_property
    def _holders(self) -> dict[int, list[Name]]:
        """By function: the names that hold it, and so may what is beside it."""
        found: dict[int, list[Name]] = {}
        for name, functions in self._recording.held.items():
            for function in functions:
                found.setdefault(function, []).append(name)
        return found

    @cached_property
    def _children(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for info in self._recording.functions.values():
            if info.parent is not None:
                found.setdefault(info.parent, []).append(info.id)
        return found

    @cached_property
    def _declared(self) -> dict[tuple[int, str], list[int]]:
        """By the function or module that declares a name: the functions that the text gives that name to."""
        found: dict[tuple[int, str], list[int]] = {}
        for info in self._recording.functions.values():
            if info.name and info.parent is not None:
                found.setdefault((info.parent, info.name), []).append(info.id)
        return found

    @cached_property
    def _listeners(self) -> dict[str, list[int]]:
        """By the name of an emitter: the functions that listen to it, which whoever emits an event runs."""
        found: dict[str, list[int]] = {}
        for function, ruptures in self._recording.ruptures.items():
            for rupture in ruptures:
                emitter, _, method = rupture.callee.rpartition(".")
                if method in _LISTEN and emitter:
                    found.setdefault(emitter, []).append(function)
        return found

    @cached_property
    def _seen(self) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        for cell in self._graph.cells:
            for depth, unit in enumerate(cell.path):
                found.setdefault(unit, {unit}).update(cell.path[depth:])
        return found
