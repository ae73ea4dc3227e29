"""Chooses stages and replicas: every layout that the machines allow, each cut, refined and solved exactly."""

from __future__ import annotations

from dataclasses import dataclass

from pipetrace.partitioner.cut import bundles, first_cut, improve, objective
from pipetrace.partitioner.exact import solve_exactly
from pipetrace.partitioner.problem import (
    ENTRY,
    Layout,
    Loads,
    Placement,
    Problem,
    is_allowed,
    loads_of,
)

_EXACT_UNITS = 200
"""Candidates up to which the exact solver is asked."""
_MOST_SINGLES = 4
"""Stages of one replica beside the pool; more groups of exclusive state than this have not been seen."""
_AS_GOOD = 1.02
"""A smaller pool is taken if it is this near to the best."""
_WORTH_MOVING_STATE = 0.9
"""State leaves the entry stage only if that makes the objective this much better: it lives longer there."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A placement with its layout and loads; ``bound`` is a lower bound of the busiest load of any plan."""

    placement: Placement
    layout: Layout
    loads: Loads
    bound: float

    @property
    def speedup(self) -> float:
        """Throughput against the original on one event loop."""
        return 1.0 / self.loads.busiest if self.loads.busiest > 0 else 1.0

    @property
    def gap(self) -> float:
        """How far the busiest load may be above the optimum, as a fraction of it."""
        return max(0.0, self.loads.busiest - self.bound) / self.loads.busiest if self.loads.busiest > 0 else 0.0

    @property
    def moves(self) -> bool:
        """Whether any candidate leaves the entry stage."""
        return any(stage != ENTRY for stage in self.placement)


def unmoved(problem: Problem, machines: int, shared_cores: bool) -> Solution:
    """The solution that leaves everything on the entry stage."""
    placement: Placement = (ENTRY,) * len(problem.units)
    layout = Layout(machines, 0, 0, shared_cores)
    loads = loads_of(problem, layout, placement)
    return Solution(placement, layout, loads, loads.busiest)


def solve(problem: Problem, machines: int, shared_cores: bool, *, with_bound: bool = False) -> Solution:
    """The best placement on ``machines``; ``with_bound`` computes the distance from the optimum too."""
    start = unmoved(problem, machines, shared_cores)
    spare = machines if shared_cores else machines - 1
    if machines < 2 or not problem.units:
        return start
    groups = bundles(problem)
    best = start
    value = objective(problem, start.layout, start.placement)
    exact = len(problem.units) <= _EXACT_UNITS
    lowest = start.loads.busiest
    for singles in range(min(spare, _MOST_SINGLES, _owners(problem)) + 1):
        layout = Layout(machines, singles, spare - singles, shared_cores)
        placements = [improve(problem, layout, first_cut(problem, layout, groups), groups)]
        if exact:
            found = solve_exactly(problem, layout).placement
            if found is not None:
                placements.append(found)
        for placement in placements:
            tried = objective(problem, layout, placement)
            needed = value if layout.singles <= best.layout.singles else value * _WORTH_MOVING_STATE
            if tried < needed - 1e-7:
                value = tried
                best = Solution(placement, layout, loads_of(problem, layout, placement), 0.0)
        if with_bound and exact:
            lowest = min(lowest, solve_exactly(problem, layout, busiest_only=True).bound)
    if with_bound and not exact:
        lowest = problem.base_us / (problem.total_us or 1.0)
    return _trimmed(problem, Solution(best.placement, best.layout, best.loads, min(lowest, best.loads.busiest)))


def move_everything(problem: Problem, machines: int, shared_cores: bool) -> Solution:
    """Move every candidate that legally can leave, the dearest first, whether it pays or not; for tests."""
    loops = max(1, machines if shared_cores else machines - 1)
    singles = min(loops - 1, _MOST_SINGLES, _owners(problem))
    layout = Layout(machines, singles, loops - singles, shared_cores)
    placement: Placement = (ENTRY,) * len(problem.units)
    for group in bundles(problem):
        for part in (group, *((unit,) for unit in group)):
            for stage in range(layout.stages - 1, ENTRY, -1):
                tried = tuple(stage if unit in part else old for unit, old in enumerate(placement))
                if all(placement[unit] == ENTRY for unit in part) and is_allowed(problem, layout, tried):
                    placement = tried
                    break
    loads = loads_of(problem, layout, placement)
    solution = _trimmed(problem, Solution(placement, layout, loads, 0.0), keep_replicas=True)
    return Solution(solution.placement, solution.layout, solution.loads, solution.loads.busiest)


def _owners(problem: Problem) -> int:
    """How many separate stages could own state at all."""
    return len({tie.works for tie in problem.ties if not tie.pinned})


def _trimmed(problem: Problem, solution: Solution, *, keep_replicas: bool = False) -> Solution:
    """The same placement without empty stages, and with no more replicas than help."""
    old = solution.layout
    own = {
        work.path[-1]
        for work in problem.works
        if work.calls and all(solution.placement[unit] == ENTRY for unit in work.path[:-1])
    }
    # What only ever runs inside a moved unit goes with it, and is not moved by itself.
    before = [stage if unit in own else ENTRY for unit, stage in enumerate(solution.placement)]
    used = sorted(set(before) - {ENTRY})
    number = {ENTRY: ENTRY, **{stage: position for position, stage in enumerate(used, start=1)}}
    singles = sum(1 for stage in used if not old.is_pool(stage))
    placement = tuple(number[stage] for stage in before)
    pool = any(old.is_pool(stage) for stage in used)
    layout = Layout(old.machines, singles, old.replicas if pool else 0, old.shared_cores)
    loads = loads_of(problem, layout, placement)
    limit = loads.busiest * _AS_GOOD
    while layout.replicas > 1 and not keep_replicas:
        smaller = Layout(old.machines, singles, layout.replicas - 1, old.shared_cores)
        fewer = loads_of(problem, smaller, placement)
        if fewer.busiest > limit:
            break
        layout, loads = smaller, fewer
    return Solution(placement, layout, loads, min(solution.bound, loads.busiest))
