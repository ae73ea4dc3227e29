"""Which of two invocations of one chain certainly ran before the other, as far as a trace can tell."""

from __future__ import annotations

from pipetrace.partitioner.graph import Graph
from pipetrace.partitioner.recording import NONE, RESUME, Recording

_FAR = 10_000
"""Ancestors looked at; longer chains of causes count as unordered."""


class Causality:
    """Answers questions about the order of two invocations, given by their indices."""

    def __init__(self, recording: Recording, graph: Graph) -> None:
        rows = recording.invocations
        self._index = graph.index
        self._parent = rows.parent
        self._first = rows.first
        self._kind = rows.kind
        self._start = rows.start_ns
        self._wall = rows.wall_ns

    def is_ancestor(self, earlier: int, later: int) -> bool:
        """Whether ``earlier`` caused ``later``, over any number of steps."""
        at: int | None = later
        for _ in range(_FAR):
            if at is None:
                return False
            if at == earlier:
                return True
            at = self._cause(at)
        return False

    def is_before(self, earlier: int, later: int) -> bool:
        """Whether ``earlier`` must have ended before ``later`` began.

        True for an ancestor, and for what an async function waited for: an invocation that descends from an
        earlier part of the function and ended before the part that continues it.
        """
        at: int | None = later
        end = int(self._start[earlier]) + int(self._wall[earlier])
        for _ in range(_FAR):
            if at is None:
                return False
            if at == earlier:
                return True
            if int(self._kind[at]) == RESUME and end <= int(self._start[at]):
                begun = self._index.get(int(self._first[at]))
                if begun is not None and self.is_ancestor(begun, earlier):
                    return True
            at = self._cause(at)
        return False

    def is_within(self, inner: int, outer: int) -> bool:
        """Whether ``inner`` began while ``outer`` was on the stack."""
        begin = int(self._start[inner])
        return int(self._start[outer]) <= begin < int(self._start[outer]) + int(self._wall[outer])

    def _cause(self, at: int) -> int | None:
        parent = int(self._parent[at])
        if parent == NONE and int(self._kind[at]) == RESUME:
            parent = int(self._first[at])
        return self._index.get(parent)
