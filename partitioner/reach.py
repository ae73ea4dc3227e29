"""Which functions could run: by the text of the program, and because the recording saw them."""

from __future__ import annotations

from functools import cached_property

from pipetrace.partitioner.graph import Graph
from pipetrace.partitioner.recording import Recording

_LISTEN = frozenset(
    {"on", "once", "addListener", "prependListener", "prependOnceListener", "addEventListener", "subscribe"}
)


class Reach:
    """The functions that each function and each unit of a recording could run."""

    def __init__(self, recording: Recording, graph: Graph) -> None:
        self._recording = recording
        self._graph = graph
        self._known: dict[int, frozenset[int]] = {}

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
