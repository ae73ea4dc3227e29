"""The graph of a recording: what each unit costs, and which invocations run inside which unit.

A *unit* is one function with everything it calls and every closure made inside it: the smallest thing that can
move to another stage. Units enclose one another, so the recording is folded into *cells*: a cell is a path of
units, outermost first, that some invocations ran inside. If a set of units is moved, a cell runs on the stage of
the first moved unit on its path, and on the entry stage where there is none. That one rule gives the load of
every stage for every possible plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipetrace.partitioner.recording import CALL, HANDLER, INIT, RESUME, Floats, Ints, Recording

Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """Invocations that ran inside the same path of units, after initialisation."""

    path: Path
    cpu_us: float
    """CPU in total, as it would be without the observer."""
    calls: int
    """How often the last unit of the path was entered from the one before it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A function that was called by the event loop, by a library, or for its promise."""

    function: int
    calls: int
    cpu_us: float
    """CPU in total, with all that runs inside it."""
    own_us: float
    """CPU in total of its own invocations."""

    @property
    def mean_us(self) -> float:
        """CPU of one call, with all that runs inside it."""
        return self.cpu_us / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class Graph:
    """Cells, units, and for every invocation the cell that it belongs to."""

    cells: tuple[Cell, ...]
    units: Mapping[int, Unit]
    cell_of: Ints
    """By index of the invocation."""
    root_of: Ints
    """By index of the invocation: index of the invocation that entered its innermost unit."""
    init: frozenset[int]
    """Chains that began with the evaluation of a module."""
    requests: int
    cpu_us: float
    """CPU of all handlers after initialisation."""
    index: Mapping[int, int]
    """Index of an invocation by its id."""

    def instance(self, recording: Recording, at: int, unit: int) -> int:
        """Index of the invocation that entered ``unit`` around the invocation with index ``at``."""
        rows = recording.invocations
        seen = at
        while True:
            root = int(self.root_of[seen])
            if int(rows.function[root]) == unit:
                return root
            parent = self.index.get(int(rows.parent[root]))
            if parent is None:
                return root
            seen = parent


def build_graph(recording: Recording) -> Graph:
    """Fold the invocations of a recording into cells and units."""
    rows = recording.invocations
    index = {int(number): position for position, number in enumerate(rows.id.tolist())}
    init = frozenset(_init_chains(recording))
    paths, path_of, root_of = _paths(recording, index)
    cpu = _estimated_cpu(recording, path_of)
    steady = ~np.isin(rows.chain, np.fromiter(init, dtype=np.int64, count=len(init))) & (rows.kind != INIT)
    enters = steady & ((rows.kind == HANDLER) | (rows.kind == CALL)) & (root_of == np.arange(len(rows)))
    used = np.unique(path_of)
    number_of = np.full(len(paths), -1, dtype=np.int64)
    number_of[used] = np.arange(len(used))
    total = np.bincount(path_of[steady], weights=cpu[steady], minlength=len(paths))
    calls = np.bincount(path_of[enters], minlength=len(paths))
    cells = tuple(Cell(paths[p], float(total[p]), int(calls[p])) for p in used.tolist())
    return Graph(
        cells=cells,
        units=_units(cells),
        cell_of=number_of[path_of],
        root_of=root_of,
        init=init,
        requests=sum(1 for chain in recording.chains.values() if chain.kind == "http"),
        cpu_us=float(total.sum()),
        index=index,
    )


def _init_chains(recording: Recording) -> set[int]:
    chains = {chain.id for chain in recording.chains.values() if chain.kind == "init"}
    rows = recording.invocations
    begun = (rows.kind == INIT) & (rows.chain == rows.id)
    chains.update(int(chain) for chain in rows.chain[begun].tolist())
    return chains


def _units(cells: tuple[Cell, ...]) -> dict[int, Unit]:
    calls: dict[int, int] = {}
    inclusive: dict[int, float] = {}
    own: dict[int, float] = {}
    for cell in cells:
        if not cell.path:
            continue
        last = cell.path[-1]
        calls[last] = calls.get(last, 0) + cell.calls
        own[last] = own.get(last, 0.0) + cell.cpu_us
        for unit in cell.path:
            inclusive[unit] = inclusive.get(unit, 0.0) + cell.cpu_us
    return {
        unit: Unit(unit, calls[unit], inclusive[unit], own[unit])
        for unit in sorted(inclusive)
        if calls.get(unit, 0) > 0
    }


def _estimated_cpu(recording: Recording, path_of: Ints) -> Floats:
    """CPU of each invocation in microseconds; sampled ones count as the mean of unsampled ones of their kind."""
    rows = recording.invocations
    if len(rows) == 0:
        return np.zeros(0, dtype=np.float64)
    cost = rows.cpu_ns.astype(np.float64) / 1000.0
    keys = np.stack([path_of, rows.function, rows.kind], axis=1)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    group = group.reshape(-1)
    size = int(group.max()) + 1
    plain = ~rows.sampled
    count = np.bincount(group[plain], minlength=size)
    total = np.bincount(group[plain], weights=cost[plain], minlength=size)
    mean = np.divide(total, count, out=np.zeros(size), where=count > 0)
    return np.where(rows.sampled & (count[group] > 0), mean[group], cost)


class _Inside:
    """Decides whether a handler that was triggered from inside a unit runs inside it as well."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._lexical: dict[int, frozenset[int]] = {}
        self._passes: dict[int, bool] = {}

    def prefix(self, path: Path, function: int, nested: bool) -> Path:
        """The part of ``path`` that still encloses an invocation of ``function``."""
        for depth, unit in enumerate(path):
            if not self._is_inside(path[depth:], unit, function, nested):
                return path[:depth]
        return path

    def _is_inside(self, around: Path, unit: int, function: int, nested: bool) -> bool:
        if function in around or not self._lexical_of(function).isdisjoint(around):
            return True
        ruptures = self._recording.ruptures.get(function, ())
        if any(rupture.during_init > 0 for rupture in ruptures):
            # Registered on every stage alike; reached from here only through a function that came in, as `next`.
            return not self._takes_functions(unit)
        if ruptures:
            return True
        at_top = not self._lexical_of(function)
        return not ((at_top or nested) and self._takes_functions(unit))

    def _lexical_of(self, function: int) -> frozenset[int]:
        found = self._lexical.get(function)
        if found is None:
            found = self._lexical[function] = frozenset(self._recording.ancestors(function))
        return found

    def _takes_functions(self, unit: int) -> bool:
        found = self._passes.get(unit)
        if found is None:
            local = {
                f"capture:{capture.name}"
                for capture in self._recording.captures.get(unit, ())
                if not capture.module_level
            }
            slots = self._recording.shapes.get(unit, {})
            found = self._passes[unit] = any(
                shape.klass == "function"
                for slot, shapes in slots.items()
                if slot.startswith("arg") or slot in local
                for shape in shapes
            )
        return found


def _paths(recording: Recording, index: Mapping[int, int]) -> tuple[list[Path], Ints, Ints]:
    """For every invocation the number of its path, and the invocation that entered the path's last unit."""
    rows = recording.invocations
    inside = _Inside(recording)
    paths: list[Path] = [()]
    numbers: dict[Path, int] = {(): 0}
    steps: dict[tuple[int, int, int, bool], tuple[int, bool]] = {}

    def step(before: int, function: int, kind: int, nested: bool) -> tuple[int, bool]:
        known = steps.get((before, function, kind, nested))
        if known is not None:
            return known
        path = paths[before]
        if kind == HANDLER:
            path = inside.prefix(path, function, nested)
        again = function in path
        if not again:
            path = (*path, function)
        number = numbers.get(path)
        if number is None:
            number = numbers[path] = len(paths)
            paths.append(path)
        steps[(before, function, kind, nested)] = (number, again)
        return number, again

    count = len(rows)
    path_of = [-1] * count
    root_of = [-1] * count
    function, kind = rows.function.tolist(), rows.kind.tolist()
    nested, parent, first = rows.nested.tolist(), rows.parent.tolist(), rows.first.tolist()
    waiting: list[int] = []
    pending = [False] * count
    for begin in range(count):
        waiting.append(begin)
        while waiting:
            at = waiting[-1]
            if path_of[at] >= 0:
                waiting.pop()
                continue
            pending[at] = True
            is_resume = kind[at] == RESUME
            before = index.get(first[at] if is_resume and first[at] >= 0 else parent[at], -1)
            if before >= 0 and path_of[before] < 0 and not pending[before]:
                waiting.append(before)
                continue
            waiting.pop()
            if before >= 0 and path_of[before] < 0:
                before = -1  # A broken trace: two invocations that name each other as their cause.
            if kind[at] == INIT:
                path_of[at], root_of[at] = 0, at
            elif is_resume and before >= 0 and function[before] == function[at]:
                path_of[at], root_of[at] = path_of[before], root_of[before]
            else:
                start = path_of[before] if before >= 0 else 0
                path_of[at], again = step(start, function[at], kind[at], nested[at])
                root_of[at] = at
                if again:
                    root = root_of[before]
                    while function[root] != paths[path_of[at]][-1]:
                        root = root_of[index[parent[root]]]
                    root_of[at] = root
    return paths, np.asarray(path_of, dtype=np.int64), np.asarray(root_of, dtype=np.int64)
