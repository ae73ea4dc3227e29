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

from pipetrace.partitioner.outside import outside_work
from pipetrace.partitioner.recording import CALL, HANDLER, INIT, NONE, RESUME, Bools, Floats, Ints, Recording

Path = tuple[int, ...]

_ENOUGH = 10
"""Invocations that were not sampled from which their later half tells what the others will cost."""
_LISTEN = frozenset({"on", "once", "addListener", "prependListener", "prependOnceListener", "addEventListener"})


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
    outer_of: Ints
    """By index of an invocation that entered a unit: index of that which entered the unit around it, or NONE."""
    init: frozenset[int]
    """Chains that began with the evaluation of a module."""
    requests: int
    cpu_us: float
    """CPU of all handlers after initialisation."""
    outside_us: float
    """CPU of Node and of libraries outside of them, as far as the recording tells; 0 where it was too short."""
    libraries: Mapping[str, float]
    """Of that, what libraries took that no handler can be told for, in microseconds, dearest first."""
    index: Mapping[int, int]
    """Index of an invocation by its id."""

    def instance(self, recording: Recording, at: int, unit: int) -> int:
        """Index of the invocation that entered ``unit`` around the invocation with index ``at``; NONE if none did."""
        function = recording.invocations.function
        root = int(self.root_of[at])
        while root != NONE and int(function[root]) != unit:
            root = int(self.outer_of[root])
        return root


def build_graph(recording: Recording) -> Graph:
    """Fold the invocations of a recording into cells and units."""
    rows = recording.invocations
    index = {int(number): position for position, number in enumerate(rows.id.tolist())}
    init = frozenset(_init_chains(recording))
    paths, path_of, root_of, outer_of = _paths(recording, index, init)
    cpu = _estimated_cpu(recording, path_of)
    steady = ~np.isin(rows.chain, np.fromiter(init, dtype=np.int64, count=len(init))) & (rows.kind != INIT)
    outside = outside_work(recording, float(cpu[steady].sum()), steady)
    cpu = cpu + outside.given
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
        outer_of=outer_of,
        init=init,
        requests=sum(1 for chain in recording.chains.values() if chain.kind == "http"),
        cpu_us=float(total.sum()),
        outside_us=outside.rest_us,
        libraries=outside.libraries,
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
    """CPU of each invocation in microseconds, as it will be.

    Sampled ones count as the mean of unsampled ones of their kind. Code gets cheaper while the engine compiles it and
    caches fill: where the later half of a kind was cheaper than all of it, that half stands for all.
    """
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
    late = plain & (_rank(group, plain) * 2 >= count[group]) & (count[group] >= _ENOUGH)
    late_count = np.bincount(group[late], minlength=size)
    late_total = np.bincount(group[late], weights=cost[late], minlength=size)
    settled = np.divide(late_total, late_count, out=mean.copy(), where=late_count > 0)
    settled = np.minimum(settled, mean)
    scale = np.divide(settled, mean, out=np.ones(size), where=mean > 0)
    return np.where(rows.sampled & (count[group] > 0), settled[group], cost * scale[group])


def _rank(group: Ints, chosen: Bools) -> Ints:
    """By row: how many of the chosen rows of its group come before it."""
    order = np.argsort(group, kind="stable")
    before: Ints = np.cumsum(chosen[order]) - chosen[order]
    first = np.searchsorted(group[order], group[order], side="left")
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = before - before[first]
    return rank


def takes_functions(recording: Recording, unit: int) -> bool:
    """Whether functions were seen among a unit's arguments or the local names that it captures."""
    local = {f"capture:{capture.name}" for capture in recording.captures.get(unit, ()) if not capture.module_level}
    return any(
        shape.klass == "function"
        for slot, shapes in recording.shapes.get(unit, {}).items()
        if slot.startswith("arg") or slot in local
        for shape in shapes
    )


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
        if nested and any(rupture.callee.rpartition(".")[2] in _LISTEN for rupture in ruptures):
            # Whoever emits an event runs its listeners; `next` is no event.
            return True
        if any(rupture.during_init > 0 for rupture in ruptures):
            # Registered on every stage alike; reached from here only through a function that came in, as `next`.
            return not self._takes_functions(unit)
        for creator in self._recording.ancestors(function):
            if any(rupture.during_init > 0 for rupture in self._recording.ruptures.get(creator, ())):
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
            found = self._passes[unit] = takes_functions(self._recording, unit)
        return found


def _paths(recording: Recording, index: Mapping[int, int], init: frozenset[int]) -> tuple[list[Path], Ints, Ints, Ints]:
    """Paths, and for every invocation the number of its path, the entry of its last unit, and of the one around.

    A handler runs where the function that made it ran. Mostly that is what triggered it too; where it is not (a
    listener on a request is triggered by the connection), the latest invocation of its maker counts.
    """
    rows = recording.invocations
    folder = _Folder(recording, init)
    count = len(rows)
    kind, parent, first = rows.kind.tolist(), rows.parent.tolist(), rows.first.tolist()
    waiting: list[int] = []
    pending = [False] * count
    for begin in range(count):
        waiting.append(begin)
        while waiting:
            at = waiting[-1]
            if folder.path_of[at] >= 0:
                waiting.pop()
                continue
            pending[at] = True
            cause = first[at] if kind[at] == RESUME and first[at] >= 0 else parent[at]
            before = index.get(cause, NONE)
            if before >= 0 and folder.path_of[before] < 0 and not pending[before]:
                waiting.append(before)
                continue
            waiting.pop()
            if before >= 0 and folder.path_of[before] < 0:
                before = NONE  # A broken trace: two invocations that name each other as their cause.
            folder.place(at, before)
    columns = (np.asarray(column, dtype=np.int64) for column in (folder.path_of, folder.root_of, folder.outer_of))
    return (folder.paths, *columns)  # type: ignore[return-value]


class _Folder:
    """Gives one invocation after the other its path."""

    def __init__(self, recording: Recording, init: frozenset[int]) -> None:
        rows = recording.invocations
        self.paths: list[Path] = [()]
        self.path_of = [NONE] * len(rows)
        self.root_of = [NONE] * len(rows)
        self.outer_of = [NONE] * len(rows)
        self._numbers: dict[Path, int] = {(): 0}
        self._steps: dict[tuple[int, int, bool], int] = {}
        self._inside = _Inside(recording)
        self._recording = recording
        self._registered = _registering(recording)
        self._latest: dict[tuple[int, int], int] = {}
        self._function, self._kind = rows.function.tolist(), rows.kind.tolist()
        self._nested, self._chain = rows.nested.tolist(), rows.chain.tolist()
        self._init = init

    def place(self, at: int, before: int) -> None:
        """Place the invocation with index ``at``, whose cause has the index ``before`` and is placed already."""
        function, kind = self._function[at], self._kind[at]
        if kind == INIT:
            self.path_of[at], self.root_of[at] = 0, at
            return
        if kind == RESUME and before >= 0 and self._function[before] == function:
            self.path_of[at], self.root_of[at] = self.path_of[before], self.root_of[before]
            return
        path, root = self._around(at, before, function, kind)
        if function in path:
            self.path_of[at], self.root_of[at] = self._number(path), root
        else:
            self.path_of[at], self.root_of[at], self.outer_of[at] = self._number((*path, function)), at, root
        if self._chain[at] not in self._init:
            self._latest[(self._chain[at], function)] = self._latest[(NONE, function)] = at

    def _around(self, at: int, before: int, function: int, kind: int) -> tuple[Path, int]:
        """The path of units around an invocation, and the entry of the last of them."""
        start = self.path_of[before] if before >= 0 else 0
        path, root = self.paths[start], self.root_of[before] if before >= 0 and self.paths[start] else NONE
        if kind != HANDLER:
            return path, root
        step = (start, function, self._nested[at])
        length = self._steps.get(step)
        if length is None:
            length = self._steps[step] = len(self._inside.prefix(path, function, self._nested[at]))
        path, root = self._cut(path, root, length)
        makers = self._makers_of(function)
        inner = next((maker for maker in makers if maker in path), None)
        if inner is not None:
            return self._cut(path, root, path.index(inner) + 1)
        for maker in self._recording.ancestors(function):
            made = self._latest.get((self._chain[at], maker), self._latest.get((NONE, maker), NONE))
            if made != NONE:
                path = self.paths[self.path_of[made]]
                return self._cut(path, self.root_of[made], path.index(maker) + 1)
        return path, root

    def _makers_of(self, function: int) -> Path:
        """The functions that make a handler, innermost first; where it stands at the top, those that register it."""
        return self._recording.ancestors(function) or self._registered.get(function, ())

    def _cut(self, path: Path, root: int, length: int) -> tuple[Path, int]:
        path = path[:length]
        while root != NONE and (not path or self._function[root] != path[-1]):
            root = self.outer_of[root]
        return path, root

    def _number(self, path: Path) -> int:
        number = self._numbers.get(path)
        if number is None:
            number = self._numbers[path] = len(self.paths)
            self.paths.append(path)
        return number


def _registering(recording: Recording) -> dict[int, Path]:
    """By function: the functions whose text registers it after initialisation, innermost first."""
    by_file: dict[int, list[int]] = {}
    for info in recording.functions.values():
        if info.kind not in ("module", "kernel"):
            by_file.setdefault(info.file, []).append(info.id)
    found: dict[int, Path] = {}
    for function, ruptures in recording.ruptures.items():
        makers: list[int] = []
        for rupture in ruptures:
            if rupture.file is None or rupture.during_init >= rupture.count:
                continue
            around = [
                number
                for number in by_file.get(rupture.file, ())
                if recording.functions[number].line <= rupture.line <= recording.functions[number].end_line
            ]
            around.sort(key=lambda number: (recording.functions[number].start, -recording.functions[number].end))
            makers += [number for number in reversed(around) if number not in makers and number != function]
        if makers:
            found[function] = tuple(makers)
    return found
