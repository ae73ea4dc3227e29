"""The solver against enumeration of every placement, and layouts written out."""

from __future__ import annotations

import itertools
import random

import pytest

from pipetrace.partitioner.cut import bundles, objective
from pipetrace.partitioner.exact import solve_exactly
from pipetrace.partitioner.problem import Layout, Placement, Problem, Tie, Work, is_allowed, loads_of
from pipetrace.partitioner.solve import move_everything, solve


def _problem(
    *works: tuple[tuple[int, ...], float, int], ties: tuple[Tie, ...] = (), message: float = 0.0, base: float = 0.0
) -> Problem:
    units = 1 + max((unit for path, _, _ in works for unit in path), default=-1)
    return Problem(
        units=tuple(range(units)),
        works=(Work((), 0.0, 0), *(Work(*work) for work in works)),
        caller_us=(message,) * units,
        stage_us=(message,) * units,
        ties=ties,
        base_us=base,
    )


def test_one_heavy_handler_gets_a_replica_for_each_core() -> None:
    found = solve(_problem(((0,), 900.0, 1), base=100.0), 2, shared_cores=True, with_bound=True)
    assert (found.placement, found.layout.replicas) == ((1,), 2)
    assert found.loads.stages == pytest.approx((0.1, 0.45))
    assert found.speedup == pytest.approx(2.0)
    assert found.gap == 0.0


def test_over_a_network_the_entry_takes_one_of_the_machines() -> None:
    found = solve(_problem(((0,), 900.0, 1), base=100.0), 3, shared_cores=False, with_bound=True)
    assert (found.layout.replicas, found.loads.cores) == (2, 0.0)
    assert found.speedup == pytest.approx(1 / 0.45)


def test_two_machines_split_two_equal_handlers_between_entry_and_stage() -> None:
    found = solve(_problem(((0,), 500.0, 1), ((1,), 500.0, 1)), 2, shared_cores=False)
    assert sorted(found.placement) == [0, 1]
    assert found.speedup == pytest.approx(2.0)


def test_a_message_that_costs_more_than_the_work_is_not_sent() -> None:
    found = solve(_problem(((0,), 100.0, 1), base=100.0, message=300.0), 4, shared_cores=True)
    assert not found.moves


def test_state_that_other_handlers_of_the_entry_use_stays() -> None:
    tie = Tie("app.js:db", works=(1,), pinned=True)
    assert not solve(_problem(((0,), 900.0, 1), ties=(tie,)), 4, shared_cores=True).moves


def test_exclusive_state_makes_a_stage_of_one_replica() -> None:
    tie = Tie("app.js:cache", works=(1,), pinned=False)
    found = solve(_problem(((0,), 500.0, 1), ((1,), 500.0, 1), ties=(tie,)), 4, shared_cores=True)
    assert (found.layout.singles, found.placement[0]) == (1, 1)
    assert found.layout.is_pool(found.placement[1])
    assert found.speedup == pytest.approx(2.0)


def test_a_unit_inside_a_moved_one_sends_no_message_of_its_own() -> None:
    problem = _problem(((0,), 100.0, 1), ((0, 1), 800.0, 1), message=10.0)
    layout = Layout(4, 0, 4, True)
    assert loads_of(problem, layout, (1, 0)).messages == pytest.approx(10 / 900)
    assert loads_of(problem, layout, (1, 1)) == loads_of(problem, layout, (1, 0))


def test_no_message_goes_from_one_stage_to_another() -> None:
    problem = _problem(((0,), 100.0, 1), ((0, 1), 800.0, 1))
    assert not is_allowed(problem, Layout(4, 1, 3, True), (1, 2))


def test_no_more_replicas_than_help() -> None:
    #  the entry is the limit from two replicas on
    found = solve(_problem(((0,), 500.0, 1), base=500.0), 8, shared_cores=True)
    assert found.layout.replicas == 1


def test_moving_everything_respects_state() -> None:
    ties = (Tie("app.js:db", works=(1,), pinned=True), Tie("app.js:cache", works=(2,), pinned=False))
    problem = _problem(((0,), 1.0, 1), ((1,), 1.0, 1), ((2,), 1.0, 1), message=9.0, ties=ties)
    found = move_everything(problem, 4, shared_cores=True)
    assert found.placement[0] == 0
    assert not found.layout.is_pool(found.placement[1])
    assert found.layout.is_pool(found.placement[2])


def test_handlers_that_share_state_are_one_bundle() -> None:
    tie = Tie("app.js:cache", works=(1, 3), pinned=False)
    problem = _problem(((0,), 5.0, 1), ((1,), 9.0, 1), ((2,), 1.0, 1), ties=(tie,))
    assert bundles(problem) == ((1,), (0, 2))


def _random_problem(seed: int) -> Problem:
    chance = random.Random(seed)
    count = chance.randint(2, 5)
    paths: set[tuple[int, ...]] = {(unit,) for unit in range(count)}
    for _ in range(chance.randint(0, 3)):
        outer, inner = chance.sample(range(count), 2)
        paths.add((outer, inner))
    works = [(path, float(chance.randint(1, 1000)), chance.randint(1, 3)) for path in sorted(paths)]
    ties = tuple(
        Tie(f"state {number}", tuple(sorted(chance.sample(range(1, len(works) + 1), chance.randint(1, 2)))), pinned)
        for number, pinned in enumerate(chance.choices([True, False], weights=[1, 3], k=chance.randint(0, 2)))
    )
    return _problem(*works, ties=ties, message=float(chance.randint(0, 60)), base=float(chance.randint(0, 400)))


@pytest.mark.parametrize("seed", range(40))
def test_the_exact_solver_finds_the_best_of_all_placements(seed: int) -> None:
    problem = _random_problem(seed)
    layout = Layout(3, seed % 3, 2, shared_cores=seed % 2 == 0)
    every = itertools.product(range(layout.stages), repeat=len(problem.units))
    best = min(objective(problem, layout, placement) for placement in every)
    found = solve_exactly(problem, layout)
    assert found.placement is not None
    assert objective(problem, layout, found.placement) == pytest.approx(best, rel=1e-5)
    assert found.bound <= best * (1 + 1e-5)


@pytest.mark.parametrize("seed", range(12))
def test_the_bound_holds_for_every_placement(seed: int) -> None:
    problem = _random_problem(seed)
    found = solve(problem, 3, shared_cores=True, with_bound=True)

    def busiest(layout: Layout) -> float:
        placements: list[Placement] = list(itertools.product(range(layout.stages), repeat=len(problem.units)))
        return min(loads_of(problem, layout, p).busiest for p in placements if is_allowed(problem, layout, p))

    lowest = min(busiest(Layout(3, singles, 3 - singles, True)) for singles in range(3))
    assert found.bound <= lowest + 1e-6
    assert found.loads.busiest >= found.bound
