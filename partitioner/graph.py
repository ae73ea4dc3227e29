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
from pipetrace.partitioner.paths import Path, fold_paths
from pipetrace.partitioner.positions import Positions
from pipetrace.partitioner.recording import CALL, HANDLER, INIT, NO_IDS, NONE, Bools, Floats, Ints, Recording

_MOST_KEYS = 1 << 20
_ENOUGH = 10
"""Invocations that were not sampled from which their later half tells what the others will cost."""


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
    index: Positions
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
    index = Positions(rows.id)
    init = frozenset(_init_chains(recording))
    folded = fold_paths(recording, index, init)
    paths, path_of, root_of = folded.paths, folded.path_of, folded.root_of
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
        outer_of=folded.outer_of,
        init=init,
        requests=len(recording.chains.get("http", ())),
        cpu_us=float(total.sum()),
        outside_us=outside.rest_us,
        libraries=outside.libraries,
        index=index,
    )


def _init_chains(recording: Recording) -> set[int]:
    chains = set(recording.chains.get("init", NO_IDS).tolist())
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
    group, size = _groups(path_of, rows.function, rows.kind)
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


def _groups(*columns: Ints) -> tuple[Ints, int]:
    """By row: the number of its combination of values, none of them negative; and how many there are."""
    keys = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        keys = _dense(keys * (int(column.max()) + 1) + column)
    return keys, int(keys.max()) + 1


def _dense(keys: Ints) -> Ints:
    """The ranks of keys, which are not negative, among those that occur."""
    highest = int(keys.max())
    if highest > _MOST_KEYS + 2 * len(keys):
        return np.unique(keys, return_inverse=True)[1].reshape(-1)
    occurs = np.zeros(highest + 1, dtype=np.bool_)
    occurs[keys] = True
    ranks: Ints = (np.cumsum(occurs) - 1)[keys]
    return ranks


def _rank(group: Ints, chosen: Bools) -> Ints:
    """By row: how many of the chosen rows of its group come before it."""
    # Of short numbers NumPy's stable sort takes linear time.
    small = group.astype(np.uint16) if int(group.max()) < 1 << 16 else group
    order = np.argsort(small, kind="stable")
    before: Ints = np.cumsum(chosen[order]) - chosen[order]
    sizes = np.bincount(group)
    first = np.cumsum(sizes) - sizes
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = before - before[np.repeat(first, sizes)]
    return rank
