"""Waiting for a core is not CPU: what invocations of a stretch of time can have had together."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from pipetrace.tracer.run_time import RunTime

MS = 1_000_000
START = 1_790_000_000_000_000_000


def bounded(looks: list[tuple[int, int]], invocations: list[tuple[float, float, float]]) -> list[float]:
    """CPU in ms; looks are (time, run) and invocations (start, wall, cpu), all in ms."""
    thread = RunTime(0)
    for at, run in looks:
        thread.note(START + at * MS, run * MS)
    columns = np.array(invocations, dtype=np.float64).reshape(-1, 3) * MS
    start, wall, cpu = (columns[:, index].astype(np.int64) for index in range(3))
    found = []
    for size in (max(len(columns), 1), 1):
        bound = thread.bound()
        parts = [slice(at, at + size) for at in range(0, len(columns), size)]
        for part in parts:
            bound.add(start[part] + START, wall[part], cpu[part])
        lowered = [bound.lowered(start[part] + START, wall[part], cpu[part]) for part in parts]
        found.append([round(float(value) / MS, 3) for values in lowered for value in values])
    assert found[0] == found[1]
    return found[0]


def test_a_thread_that_was_not_held_up_keeps_all() -> None:
    looks = [(0, 0), (20, 18), (40, 30)]
    assert bounded(looks, [(1, 10, 10), (12, 6, 5), (21, 9, 9)]) == [10.0, 5.0, 9.0]


def test_what_the_thread_did_not_run_is_taken_from_the_stretch() -> None:
    # It ran for 5 of the first 20 ms, in which two invocations are said to have taken 20; the third was not held up.
    assert bounded([(0, 0), (20, 5), (40, 25)], [(0, 16, 16), (16, 4, 4), (25, 10, 10)]) == [4.0, 1.0, 10.0]


def test_a_long_invocation_is_corrected_only_where_it_was_held_up() -> None:
    assert bounded([(0, 0), (20, 20), (40, 30), (60, 50)], [(0, 60, 60)]) == [50.0]


def test_a_tick_of_the_kernel_may_be_missing() -> None:
    assert bounded([(0, 0), (20, 15)], [(0, 18, 18)]) == [18.0]
    assert bounded([(0, 0), (20, 12)], [(0, 18, 18)]) == [12.0]


def test_outside_of_the_looks_nothing_is_known() -> None:
    assert bounded([(100, 0), (120, 5)], [(0, 50, 50), (130, 7, 7)]) == [50.0, 7.0]
    assert bounded([], [(0, 50, 50)]) == [50.0]
    assert bounded([(0, 0), (20, 1)], []) == []


def test_inner_invocations_count_once() -> None:
    # One of 16 ms around one of 8 ms: 8 ms of its own and 8 inside, of which the thread ran half.
    assert bounded([(0, 0), (20, 8)], [(0, 16, 8), (4, 8, 8)]) == [4.0, 4.0]


def test_long_idle_times_take_no_memory() -> None:
    thread = RunTime(0)
    for at in range(1000):
        thread.note(START + at * MS, 7 * MS)
    assert len(thread._times) == 2
    assert thread._times[-1] == START + 999 * MS


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel does not tell")
def test_the_kernel_tells_of_a_thread_that_runs() -> None:
    import os

    thread = RunTime(os.getpid())
    thread.look(time.time_ns())
    before, until = thread._runs[-1], time.process_time() + 0.05
    while time.process_time() < until:
        pass
    thread.look(time.time_ns())
    assert thread._runs[-1] > before
