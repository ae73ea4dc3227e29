"""Figures of the recorded processes over time: CPU and memory by psutil, the rest from the processes themselves."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pipetrace.tracer.run_time import PERIOD_S, RunTime

_PERIOD_S = 0.5


@dataclass(frozen=True, slots=True)
class ProcessSample:
    """What the operating system says about a process at one moment."""

    pid: int
    t_ns: int
    cpu_percent: float
    """Of one core, since the sample before."""
    rss_bytes: int


class ProcessMetrics:
    """Samples processes in a thread until it is closed; processes may be added at any time."""

    def __init__(self, period_s: float = _PERIOD_S) -> None:
        self._period_s = period_s
        self._processes: dict[int, psutil.Process] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.samples: list[ProcessSample] = []
        self.cpu_s: dict[int, float] = {}
        """pid → CPU seconds that it had used when it was seen last."""
        self.run_times: dict[int, RunTime] = {}
        """pid → how long its main thread ran."""
        self._thread = threading.Thread(target=self._run, name="pipetrace-metrics", daemon=True)
        self._thread.start()

    def add(self, pid: int) -> None:
        """Watch a process."""
        with contextlib.suppress(psutil.Error), self._lock:
            if pid not in self._processes:
                process = psutil.Process(pid)
                process.cpu_percent()  # the first call only sets the mark
                self._processes[pid] = process
                self.run_times[pid] = RunTime(pid)
                self.run_times[pid].look(time.time_ns())

    def close(self) -> None:
        """Take a last sample and stop."""
        if not self._closing.is_set():
            self._closing.set()
            self._thread.join()

    def _run(self) -> None:
        due = time.monotonic() + self._period_s
        while not self._closing.wait(min(PERIOD_S, self._period_s)):
            self._look()
            if time.monotonic() >= due:
                due += self._period_s
                self._sample()
        self._look()
        self._sample()

    def _look(self) -> None:
        with self._lock:
            watched = [self.run_times[pid] for pid in self._processes]
        for thread in watched:
            thread.look(time.time_ns())

    def _sample(self) -> None:
        with self._lock:
            watched = list(self._processes.items())
        for pid, process in watched:
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    self.cpu_s[pid] = times.user + times.system
                    percent = process.cpu_percent()
                    self.samples.append(ProcessSample(pid, time.time_ns(), percent, process.memory_info().rss))
            except psutil.Error:
                with self._lock:
                    self._processes.pop(pid, None)


def sample_table(
    samples: list[ProcessSample], directory: Path, process_ids: Mapping[tuple[int, int], int]
) -> dict[str, list[Any]]:
    """Return the table ``sample``: each sample of a process with what its main thread said last before it.

    What a thread said while no sample of its process was taken stands in rows of its own. ``process_ids`` maps
    (pid, thread) to the ids of the trace; others are left out.
    """
    rows: list[tuple[Any, ...]] = []
    outside: dict[int, list[ProcessSample]] = {}
    for sample in samples:
        if (sample.pid, 0) in process_ids:
            outside.setdefault(process_ids[sample.pid, 0], []).append(sample)
    inside = {
        process_id: _read(directory / f"samples.{pid}.{thread}.jsonl")
        for (pid, thread), process_id in process_ids.items()
    }
    for process_id in sorted({*outside, *inside}):
        said = inside.get(process_id, [])
        taken: set[int] = set()
        times = [line[0] for line in said]
        for sample in outside.get(process_id, []):
            index = bisect_right(times, sample.t_ns) - 1
            figures: tuple[Any, ...] = (None, None, None, None)
            if index >= 0 and index not in taken:
                taken.add(index)
                figures = said[index][1:]
            rows.append((process_id, sample.t_ns, sample.cpu_percent, sample.rss_bytes, *figures))
        rows += [(process_id, line[0], None, None, *line[1:]) for index, line in enumerate(said) if index not in taken]
    rows.sort(key=lambda row: (row[0], row[1]))
    names = (
        "process_id", "t_ns", "cpu_percent", "rss_bytes", "heap_bytes", "loop_delay_mean_ns",
        "loop_delay_max_ns", "gc_ns",
    )  # fmt: skip
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}


def _read(path: Path) -> list[tuple[Any, ...]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return []
    found = []
    for line in text.split("\n")[:-1]:
        said = json.loads(line)
        found.append((round(said["t"] * 1e6), said["heap"], said["mean"], said["max"], said["gc"]))
    return found
