"""What the main thread of a process really ran, so that waiting for a core does not count as a handler's CPU.

The agent's clock goes on while the operating system runs something else on the thread's core. On a busy machine a
handler of 40 µs is then seen to take 8 ms now and then. Where the kernel tells how long a thread has run (Linux:
`/proc/<pid>/schedstat`, proc(5) and Documentation/scheduler/sched-stats), invocations of a short stretch of time
cannot have taken more CPU together than the thread had in it.
"""

from __future__ import annotations

from array import array
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PERIOD_S = 0.02
"""Time between two looks at a thread."""
_LAG_NS = 4_000_000
"""The kernel counts a running thread's time at its ticks only: so much may be missing at the end of a stretch."""


class RunTime:
    """Looks at how long the main thread of one process has run."""

    def __init__(self, pid: int) -> None:
        self._path = Path(f"/proc/{pid}/schedstat")
        self._times, self._runs = array("q"), array("q")

    def look(self, now_ns: int) -> None:
        """Note how long it has run at this time of the epoch; does nothing where the kernel does not tell."""
        try:
            run = int(self._path.read_bytes().split()[0])
        except (OSError, IndexError, ValueError):
            return
        self.note(now_ns, run)

    def note(self, now_ns: int, run_ns: int) -> None:
        """Note that it had run for so long; of a stretch in which it did not run only the ends are kept."""
        if len(self._runs) > 1 and self._runs[-1] == self._runs[-2] == run_ns:
            self._times[-1] = now_ns
        else:
            self._times.append(now_ns)
            self._runs.append(run_ns)

    def bound(self) -> Bound:
        """What the looks so far say of invocations."""
        return Bound(np.array(self._times, dtype=np.int64), np.array(self._runs, dtype=np.int64))


class Bound:
    """Lowers the CPU of invocations where they would have had more together than their thread had.

    All of them are added first; then their costs can be asked for, both in parts of any size.
    """

    def __init__(self, times: NDArray[np.int64], runs: NDArray[np.int64]) -> None:
        self._origin = int(times[0]) if len(times) else 0
        self._looked = (times - self._origin).astype(np.float64)
        self._run = np.diff(runs).astype(np.float64)
        self._spent = np.zeros(len(times))

    def add(self, start_ns: NDArray[np.int64], wall_ns: NDArray[np.int64], cpu_ns: NDArray[np.int64]) -> None:
        """Take note of invocations.

        Args:
            start_ns: when each began, in ns of the epoch.
            wall_ns: how long it took, with what ran inside it.
            cpu_ns: the CPU that the agent's clock gives it, without what ran inside it.
        """
        if len(self._looked) >= 2 and len(start_ns):
            begin, end = self._times(start_ns, wall_ns)
            self._spent += _spent(begin, end, cpu_ns.astype(np.float64), self._looked)

    def lowered(
        self, start_ns: NDArray[np.int64], wall_ns: NDArray[np.int64], cpu_ns: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the CPU of invocations that were added."""
        if len(self._looked) < 2 or not len(start_ns):
            return cpu_ns
        begin, end = self._times(start_ns, wall_ns)
        kept = _at(begin, end, self._looked, self._covered)
        lowered: NDArray[np.int64] = np.round(cpu_ns * kept).astype(np.int64)
        return lowered

    @cached_property
    def _covered(self) -> NDArray[np.float64]:
        """The integral of the share over time; before the first look and after the last one nothing is known."""
        busy = np.diff(self._spent)
        share = np.where(busy > self._run + _LAG_NS, self._run / np.maximum(busy, 1.0), 1.0)
        return np.concatenate(([0.0], np.cumsum(share * np.diff(self._looked))))

    def _times(
        self, start_ns: NDArray[np.int64], wall_ns: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        begin = (start_ns - self._origin).astype(np.float64)
        return begin, begin + np.maximum(wall_ns, 1)


def _spent(
    begin: NDArray[np.float64], end: NDArray[np.float64], cpu: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """CPU of all invocations up to some times, each spread evenly over its own time."""
    slope = cpu / (end - begin)
    times = np.concatenate([begin, end])
    order = np.argsort(times, kind="stable")
    times, slopes = times[order], np.cumsum(np.concatenate([slope, -slope])[order])
    total = np.concatenate(([0.0], np.cumsum(slopes[:-1] * np.diff(times))))
    found: NDArray[np.float64] = np.interp(at, times, total)
    return found


def _at(
    begin: NDArray[np.float64], end: NDArray[np.float64], looked: NDArray[np.float64], covered: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean share over the time of each invocation."""

    def integral(at: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.interp(at, looked, covered)
        found += np.minimum(at - looked[0], 0.0)
        found += np.maximum(at - looked[-1], 0.0)
        return found

    share: NDArray[np.float64] = np.clip((integral(end) - integral(begin)) / (end - begin), 0.0, 1.0)
    return share
