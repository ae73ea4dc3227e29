"""The assignment problem as a mixed integer program for HiGHS: the optimum, or a bound on it.

Binary x[u, s] puts candidate u on stage s. y[w, s] says that work w runs on stage s, and q[w, s] that its messages
go there; both follow from x by inequalities that the objective makes tight, so they stay continuous. z is the
busiest load.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from pipetrace.partitioner.cut import ENTRY_WEIGHT, MESSAGE_WEIGHT
from pipetrace.partitioner.problem import ENTRY, Layout, Placement, Problem

_NODES = 4000
"""A limit in nodes and not in time, so that the same trace gives the same plan on any machine."""


@dataclass(frozen=True, slots=True)
class Exact:
    """The solver's answer: a placement if it found one, and a lower bound of its objective."""

    placement: Placement | None
    bound: float


class _Rows:
    """Collects the rows of the constraint matrix."""

    def __init__(self) -> None:
        self._row: list[int] = []
        self._column: list[int] = []
        self._value: list[float] = []
        self.lower: list[float] = []
        self.upper: list[float] = []

    def add(self, terms: list[tuple[int, float]], lower: float, upper: float) -> None:
        row = len(self.lower)
        for column, value in terms:
            self._row.append(row)
            self._column.append(column)
            self._value.append(value)
        self.lower.append(lower)
        self.upper.append(upper)

    def matrix(self, columns: int) -> csr_array:
        return csr_array((self._value, (self._row, self._column)), shape=(len(self.lower), columns))


class _Columns:
    """Numbers the variables: x, then y, then q, then z."""

    def __init__(self, problem: Problem, layout: Layout) -> None:
        self.stages = layout.stages
        self._y = len(problem.units) * self.stages
        self._q = self._y + len(problem.works) * self.stages
        self.z = self._q + len(problem.works) * self.stages
        self.count = self.z + 1
        self.binaries = self._y

    def x(self, unit: int, stage: int) -> int:
        return unit * self.stages + stage

    def y(self, work: int, stage: int) -> int:
        return self._y + work * self.stages + stage

    def q(self, work: int, stage: int) -> int:
        return self._q + work * self.stages + stage


def solve_exactly(problem: Problem, layout: Layout, *, busiest_only: bool = False) -> Exact:
    """Solve one layout; with ``busiest_only`` the objective is the busiest load alone, for the bound of a plan."""
    if not problem.units or layout.stages == 1:
        return Exact((ENTRY,) * len(problem.units), 0.0)
    columns = _Columns(problem, layout)
    rows = _Rows()
    _assignment(problem, columns, rows)
    _nesting(problem, columns, rows)
    _ties(problem, layout, columns, rows)
    cost = _loads(problem, layout, columns, rows, busiest_only)
    integrality = np.zeros(columns.count, dtype=np.int64)
    integrality[: columns.binaries] = 1
    upper = np.ones(columns.count)
    upper[columns.z] = np.inf
    answer = milp(
        cost,
        constraints=LinearConstraint(rows.matrix(columns.count), np.array(rows.lower), np.array(rows.upper)),
        bounds=Bounds(np.zeros(columns.count), upper),
        integrality=integrality,
        options={"node_limit": _NODES, "mip_rel_gap": 1e-6},
    )
    bound = answer.mip_dual_bound
    placement: Placement | None = None
    if answer.x is not None:
        table = np.asarray(answer.x[: columns.binaries]).reshape(len(problem.units), columns.stages)
        placement = tuple(int(stage) for stage in table.argmax(axis=1))
    return Exact(placement, max(0.0, float(bound)) if bound is not None and np.isfinite(bound) else 0.0)


def _assignment(problem: Problem, columns: _Columns, rows: _Rows) -> None:
    moved = range(1, columns.stages)
    for unit in range(len(problem.units)):
        rows.add([(columns.x(unit, stage), 1.0) for stage in range(columns.stages)], 1.0, 1.0)
    for number, work in enumerate(problem.works):
        rows.add([(columns.y(number, stage), 1.0) for stage in range(columns.stages)], 1.0, 1.0)
        away = [(columns.x(unit, stage), 1.0) for unit in work.path for stage in moved]
        rows.add([(columns.y(number, ENTRY), 1.0), *away], 1.0, np.inf)
        for depth, unit in enumerate(work.path):
            before = [(columns.x(outer, s), 1.0) for outer in work.path[:depth] for s in moved]
            for stage in moved:
                rows.add([(columns.y(number, stage), 1.0), (columns.x(unit, stage), -1.0), *before], 0.0, np.inf)
        if work.path and work.calls:
            outer_moved = [(columns.x(outer, s), 1.0) for outer in work.path[:-1] for s in moved]
            for stage in moved:
                sent = [(columns.q(number, stage), 1.0), (columns.x(work.path[-1], stage), -1.0)]
                rows.add([*sent, *outer_moved], 0.0, np.inf)


def _nesting(problem: Problem, columns: _Columns, rows: _Rows) -> None:
    pairs = {
        (outer, inner)
        for work in problem.works
        for depth, outer in enumerate(work.path)
        for inner in work.path[depth + 1 :]
    }
    for outer, inner in sorted(pairs):
        for one in range(1, columns.stages):
            for other in range(1, columns.stages):
                if one != other:
                    rows.add([(columns.x(outer, one), 1.0), (columns.x(inner, other), 1.0)], 0.0, 1.0)


def _ties(problem: Problem, layout: Layout, columns: _Columns, rows: _Rows) -> None:
    for tie in problem.ties:
        first = tie.works[0]
        for stage in range(columns.stages):
            for other in tie.works[1:]:
                rows.add([(columns.y(first, stage), 1.0), (columns.y(other, stage), -1.0)], 0.0, 0.0)
            if stage != ENTRY and (tie.pinned or layout.is_pool(stage)):
                rows.add([(columns.y(first, stage), 1.0)], 0.0, 0.0)


def _loads(
    problem: Problem, layout: Layout, columns: _Columns, rows: _Rows, busiest_only: bool
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Add the rows that bound z from below, and return the objective."""
    total = problem.total_us or 1.0
    by_stage: list[list[tuple[int, float]]] = [[] for _ in range(columns.stages)]
    messages: list[tuple[int, float]] = []
    for number, work in enumerate(problem.works):
        for stage in range(columns.stages):
            if work.cpu_us:
                factor = 1.0 if stage == ENTRY else problem.away_factor
                by_stage[stage].append((columns.y(number, stage), factor * work.cpu_us / total))
            if stage != ENTRY and work.path and work.calls:
                last = work.path[-1]
                by_stage[stage].append((columns.q(number, stage), work.calls * problem.stage_us[last] / total))
                messages.append((columns.q(number, stage), work.calls * problem.caller_us[last] / total))
    by_stage[ENTRY] += messages
    base = problem.base_us / total
    for stage, terms in enumerate(by_stage):
        loops = layout.loops(stage)
        fixed = base if stage == ENTRY else 0.0
        rows.add([(columns.z, 1.0), *((c, -v / loops) for c, v in terms)], fixed / loops, np.inf)
    if layout.shared_cores:
        cores = layout.machines
        every = [(c, -v / cores) for terms in by_stage for c, v in terms]
        rows.add([(columns.z, 1.0), *every], base / cores, np.inf)
    cost = np.zeros(columns.count)
    cost[columns.z] = 1.0
    if not busiest_only:
        for column, value in by_stage[ENTRY]:
            cost[column] += ENTRY_WEIGHT * value
        for column, value in messages:
            cost[column] += MESSAGE_WEIGHT * value
    return cost
