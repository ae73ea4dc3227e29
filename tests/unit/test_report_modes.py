"""When a handler has two modes."""

from __future__ import annotations

import math

from pipetrace.report.model import Mode
from pipetrace.report.modes import STEPS_PER_OCTAVE, find_modes


def _histogram(costs: list[float]) -> dict[int, tuple[int, float]]:
    found: dict[int, tuple[int, float]] = {}
    for cost in costs:
        position = math.floor(math.log2(cost) * STEPS_PER_OCTAVE)
        calls, total = found.get(position, (0, 0.0))
        found[position] = (calls + 1, total + cost)
    return found


def test_cheap_and_dear_calls_are_two_modes() -> None:
    found = find_modes(_histogram([200.0] * 60 + [7000.0] * 20))
    assert found == (Mode(60, 0.75, 200.0), Mode(20, 0.25, 7000.0))


def test_a_wide_even_spread_is_one_mode() -> None:
    assert find_modes(_histogram([100 * 1.06**step for step in range(80)])) == ()


def test_a_few_outliers_are_no_mode() -> None:
    assert find_modes(_histogram([200.0] * 98 + [9000.0] * 2)) == ()


def test_two_costs_that_lie_close_are_one_mode() -> None:
    assert find_modes(_histogram([200.0] * 50 + [500.0] * 50)) == ()


def test_few_calls_prove_nothing() -> None:
    assert find_modes(_histogram([200.0] * 9 + [9000.0] * 9)) == ()
    assert find_modes({}) == ()
