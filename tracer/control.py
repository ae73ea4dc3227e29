"""Watches a recorded run from outside: CPU profiles through the inspector, figures of the processes."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from pipetrace.errors import PipetraceError
from pipetrace.tracer.cdp import Session, SessionEnded

AGENT = "globalThis[Symbol.for('pipetrace.agent')]"
_PERIOD_S = 0.5
_PROFILE_INTERVAL_US = 1000


@dataclass(slots=True)
class Observation:
    """What was seen."""

    profiles: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    """Rows of the table `sample`, with `pid` instead of `process_id`."""
    agents: list[dict[str, Any]] = field(default_factory=list)
    """The agents' own figures: bytes written, records lost, time measured."""
    trouble: list[str] = field(default_factory=list)


class Watcher(threading.Thread):
    """Attaches to each application process that opens an inspector, and samples all of them twice a second."""

    def __init__(self, directory: Path) -> None:
        """Watch the run directory ``directory``."""
        super().__init__(daemon=True, name="watcher")
        self.directory = directory
        self.seen = Observation()
        self._sessions: dict[int, Session] = {}
        self._processes: dict[int, psutil.Process] = {}
        self._done = threading.Event()

    def run(self) -> None:
        """Watch until `finish`."""
        while not self._done.wait(_PERIOD_S if self._processes else 0.05):
            self._attach_new()
            self._sample()

    def finish(self) -> Observation:
        """Stop the agents and the profiles of processes that still run, and return what was seen."""
        self._done.set()
        self.join()
        self._attach_new()
        for session in self._sessions.values():
            try:
                self.seen.agents.append(session.evaluate(f"{AGENT} && {AGENT}.stats()") or {})
                session.call("Runtime.evaluate", expression=f"{AGENT} && {AGENT}.stop()")
                self.seen.profiles.append(session.call("Profiler.stop", 60.0)["profile"])
            except (SessionEnded, PipetraceError) as error:
                self.seen.trouble.append(str(error))
            session.close()
        self._read_loop_files()
        return self.seen

    def _attach_new(self) -> None:
        for file in self.directory.glob("inspector-*.json"):
            row = json.loads(file.read_text(encoding="utf-8"))
            pid = int(row["pid"])
            if pid in self._processes:
                continue
            try:
                self._processes[pid] = psutil.Process(pid)
                self._processes[pid].cpu_percent()
                session = Session(row["url"])
                session.call("Profiler.enable")
                session.call("Profiler.setSamplingInterval", interval=_PROFILE_INTERVAL_US)
                session.call("Profiler.start")
                self._sessions[pid] = session
            except (SessionEnded, PipetraceError, psutil.Error) as error:
                self.seen.trouble.append(str(error))

    def _sample(self) -> None:
        for pid, process in self._processes.items():
            try:
                with process.oneshot():
                    row = {
                        "pid": pid, "t_ns": time.time_ns(), "cpu_percent": process.cpu_percent(),
                        "rss_bytes": process.memory_info().rss,
                    }
            except psutil.Error:
                continue
            self.seen.samples.append(row)

    def _read_loop_files(self) -> None:
        """Join the event-loop figures, which the process itself writes, to the nearest sample before."""
        for file in self.directory.glob("loop-*.jsonl"):
            pid = int(file.stem.removeprefix("loop-"))
            rows = [row for row in self.seen.samples if row["pid"] == pid]
            for line in file.read_text(encoding="utf-8").splitlines():
                try:
                    figures = json.loads(line)
                except ValueError:
                    continue
                at = int(figures["t"]) * 1_000_000
                nearest = min(rows, key=lambda row: abs(row["t_ns"] - at), default=None)
                if nearest is not None:
                    nearest.update(
                        heap_bytes=int(figures["heap"]), loop_delay_mean_ns=int(figures["mean"]),
                        loop_delay_max_ns=int(figures["max"]), gc_ns=int(figures["gc"]),
                    )
