"""The first cut and its refinement: cluster the candidates by affinity, place clusters, then improve step by step.

Affinity has two sources: candidates that share state must not be parted, and candidates that run inside one another
exchange messages when they are. Agglomerative clustering turns it into bundles, which are placed largest first; a
local search then moves bundles and single candidates as long as that lowers the objective.
"""

from __future__ import annotations

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from pipetrace.partitioner.problem import (
    ENTRY,
    Layout,
    Placement,
    Problem,
    is_allowed,
    loads_of,
)

ENTRY_WEIGHT = 0.15
"""What load on the entry stage counts beside the busiest load: light requests wait behind it."""
MESSAGE_WEIGHT = 0.001
_NEVER = 1e9
_TINY = 1e-9


def objective(problem: Problem, layout: Layout, placement: Placement) -> float:
    """What is minimised; infinite for a placement that is not allowed."""
    if not is_allowed(problem, layout, placement):
        return _NEVER
    loads = loads_of(problem, layout, placement)
    return loads.busiest + ENTRY_WEIGHT * loads.stages[ENTRY] + MESSAGE_WEIGHT * loads.messages


def bundles(problem: Problem) -> tuple[tuple[int, ...], ...]:
    """Positions of candidates that belong together, each bundle sorted, the one with most work first."""
    count = len(problem.units)
    if count == 0:
        return ()
    if count == 1:
        return ((0,),)
    distance = np.ones((count, count))
    most = max((work.cpu_us for work in problem.works), default=0.0) or 1.0
    for work in problem.works:
        for outer, inner in zip(work.path, work.path[1:], strict=False):
            nearer = 1.0 - 0.4 * min(1.0, work.cpu_us / most)
            distance[outer, inner] = distance[inner, outer] = min(distance[outer, inner], nearer)
    for tie in problem.ties:
        members = sorted({unit for number in tie.works for unit in problem.works[number].path[:1]})
        for one in members:
            for other in members:
                distance[one, other] = 0.0
    np.fill_diagonal(distance, 0.0)
    labels = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=0.5
    ).fit_predict(distance)
    found: dict[int, list[int]] = {}
    for unit, label in enumerate(labels.tolist()):
        found.setdefault(label, []).append(unit)
    weight = _weights(problem)
    return tuple(
        tuple(members) for members in sorted(found.values(), key=lambda group: (-sum(weight[u] for u in group), group))
    )


def _weights(problem: Problem) -> list[float]:
    weight = [0.0] * len(problem.units)
    for work in problem.works:
        for unit in work.path[:1]:
            weight[unit] += work.cpu_us
    return weight


def first_cut(problem: Problem, layout: Layout, groups: tuple[tuple[int, ...], ...]) -> Placement:
    """Place the bundles one after the other, each where the objective is lowest."""
    placement: Placement = (ENTRY,) * len(problem.units)
    best = objective(problem, layout, placement)
    for group in groups:
        for stage in range(1, layout.stages):
            tried = _with(placement, group, stage)
            value = objective(problem, layout, tried)
            if value < best - _TINY:
                best, placement = value, tried
    return placement


def improve(problem: Problem, layout: Layout, placement: Placement, groups: tuple[tuple[int, ...], ...]) -> Placement:
    """Move bundles and single candidates while that lowers the objective."""
    steps = dict.fromkeys([*groups, *((unit,) for unit in range(len(problem.units)))])
    best = objective(problem, layout, placement)
    improved = True
    while improved:
        improved = False
        for group in steps:
            for stage in range(layout.stages):
                tried = _with(placement, group, stage)
                if tried == placement:
                    continue
                value = objective(problem, layout, tried)
                if value < best - _TINY:
                    best, placement, improved = value, tried, True
    return placement


def _with(placement: Placement, group: tuple[int, ...], stage: int) -> Placement:
    changed = list(placement)
    for unit in group:
        changed[unit] = stage
    return tuple(changed)
