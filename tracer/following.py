"""One running recording: the application, its load, its inspector and figures, from the start to the stop."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any

from pipetrace.errors import PipetraceError
from pipetrace.tracer import launch
from pipetrace.tracer.cpu_profile import CpuProfile
from pipetrace.tracer.inspection import Inspection
from pipetrace.tracer.instrument import MemoryMode
from pipetrace.tracer.listen import SETTLE_S, Listener, describe_status, read_listeners, read_taken
from pipetrace.tracer.metrics import ProcessMetrics
from pipetrace.tracer.run_directory import AppProcess, RunDirectory
from pipetrace.tracer.transform import Answer, Transformer
from pipetrace.tracer.transform_cache import TransformCache
from pipetrace.tracer.transform_server import TransformServer

_POLL_S = 0.02
_OBEY_S = 8.0
"""How long the application's first process may take to end the recording (it may be in a long computation)."""
_OTHERS_S = 1.0
"""How long its other processes and threads may take."""
_GRACE_S = 3.0
"""How long it may take to end after a signal before the next, harder one."""


class Ending(Enum):
    """Why a recording ended."""

    BY_ITSELF = "the application ended"
    DURATION = "the time was over"
    LOAD = "the load ended"
    INTERRUPTED = "interrupted"


class Candidate:
    """One package that may be the application; it is known from its first module on."""

    def __init__(self, directory: Path, memory: MemoryMode, cache: TransformCache, run: RunDirectory) -> None:
        self.directory = directory
        self.profile = CpuProfile()
        self.inspection: Inspection | None = None
        self.own_stats: dict[str, Any] = {}
        """What the agent measured of itself in a first process that no inspector held."""
        self.transformer: Transformer | None = None
        self._memory = memory
        self._cache = cache
        self._run = run

    def transform(self, path: str, form: str, source: str) -> Answer:
        """Answer the agent, see TransformServer."""
        if self.transformer is None:
            self._run.poll()
            claim = next(c for c in self._run.claims() if c.directory == self.directory.name)
            self.transformer = Transformer(Path(claim.app_root), self._memory, self._cache, claim.node)
            self.profile.is_application = self.transformer.paths.__contains__
        return self.transformer.transform(path, form, source)

    def refuse(self, path: str, source: str, why: str) -> Answer:
        """Take note of a text that the engine does not take, see TransformServer."""
        assert self.transformer is not None  # it made the text
        return self.transformer.refuse(path, source, why)


@dataclass(frozen=True, slots=True)
class Orders:
    """What a recording is asked to do."""

    memory: MemoryMode
    on_port: str | None
    duration_s: float | None
    wait_s: float
    stdout: int | None
    """File descriptor for the output of the application and of the load; None = that of the recorder."""
    options: dict[str, Any]
    """For the agents, see agent/preload.js."""


class Following:
    """A started application that is being recorded; use it as a context manager."""

    def __init__(self, command: launch.Command, orders: Orders, interrupts: Callable[[], int]) -> None:
        """Start it. `interrupts` returns how often the user has asked to stop."""
        self._orders = orders
        self._interrupts = interrupts
        self.run = RunDirectory(orders.options)
        cache = TransformCache()
        cache.prune()
        self.server = TransformServer()
        self.metrics = ProcessMetrics()
        self.candidates = [Candidate(app, orders.memory, cache, self.run) for app in self.run.apps]
        self.process: subprocess.Popen[bytes] | None = None
        self.load: subprocess.Popen[bytes] | None = None
        self.load_status: int | None = None
        self.port: int | None = None
        """Port that the load was started for."""
        self.had_to_kill = False
        """The application did not end when it was asked to."""
        self.started = time.monotonic()
        self.duration_s = 0.0
        self._began: float | None = None
        """Seconds after the start at which the application's first module was seen."""
        try:
            for candidate in self.candidates:
                self.server.serve(candidate.directory, candidate)
            env = launch.environment(os.environ, self.run.path, self.run.listening)
            self.process = launch.start(command, env, stdout=orders.stdout)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Following:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def follow(self, say: Callable[[str], None]) -> Ending:
        """Return when the recording is over, for whatever reason; the application may still run.

        Raises PipetraceError when it cannot go on: a Node.js that is too old, a load that finds no server.
        """
        assert self.process is not None
        orders = self._orders
        told = ""
        while True:
            self._observe()
            status = self.process.poll()
            now = time.monotonic() - self.started
            self._advance_load(now, status)
            if self._interrupts():
                return Ending.INTERRUPTED
            if status is not None:
                return Ending.BY_ITSELF
            if self.load_status is not None:
                return Ending.LOAD
            if orders.duration_s is not None and self._recorded_s(now) >= orders.duration_s:
                return Ending.DURATION
            progress = self._progress()
            if progress != told:
                told = progress
                say(progress)
            time.sleep(_POLL_S)

    def stop(self, ending: Ending) -> None:
        """End the recording in all processes, then the application, if it still runs."""
        self.duration_s = time.monotonic() - self.started
        self._observe()
        for candidate in self.candidates:
            if candidate.inspection is not None:
                if ending is Ending.BY_ITSELF:
                    candidate.inspection.finish(2.0)
                else:
                    candidate.inspection.stop(_OBEY_S if self._interrupts() < 2 else 0.5)
        self.run.stop()
        self._await_others()
        self.metrics.close()
        self._end_load()
        self._end_application(signal.SIGINT if ending is Ending.INTERRUPTED else signal.SIGTERM)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the command, as if it had been sent there."""
        if self.process is not None:
            self.process.send_signal(number)

    def application(self) -> Candidate | None:
        """Return the candidate that is the application: the last one that listened on a port, else the last one.

        Local sockets do not count, because wrappers talk over them to what they start.
        """
        self.run.poll()
        claims = self.run.claims()
        if not claims:
            return None
        listening = {listener.pid for listener in read_listeners(self.run.listening) if listener.port}
        names = [process.directory for process in self.run.processes if process.pid in listening]
        name = max(names) if names else claims[-1].directory
        return next(candidate for candidate in self.candidates if candidate.directory.name == name)

    def claim_of(self, candidate: Candidate) -> AppProcess:
        """Return the first process of a candidate."""
        return next(claim for claim in self.run.claims() if claim.directory == candidate.directory.name)

    def listeners(self) -> list[Listener]:
        """Return the servers noted so far."""
        return read_listeners(self.run.listening)

    def close(self) -> None:
        """Free everything; ends what still runs."""
        self._end_load()
        if self.process is not None and self.process.poll() is None:
            self._signal(signal.SIGKILL)
            self.process.wait()
        self.metrics.close()
        self.server.close()
        self.run.close()

    def _observe(self) -> None:
        self.run.poll()
        if self.run.old_version:
            raise launch.too_old(self.run.old_version)
        for process in self.run.processes:
            self.metrics.add(process.pid)
        for candidate in self.candidates:
            if candidate.inspection is None:
                for process in self.run.claims():
                    url = self.run.inspectors.get(process.pid)
                    if process.directory == candidate.directory.name and url is not None:
                        candidate.inspection = Inspection(url, candidate.profile)

    def _recorded_s(self, now: float) -> float:
        """Seconds since the application's first module; on a busy machine it may begin late, but not for ever."""
        if self._began is None and any(candidate.transformer is not None for candidate in self.candidates):
            self._began = now
        return now - self._began if self._began is not None else now - self._orders.wait_s

    def _advance_load(self, now: float, status: int | None) -> None:
        orders = self._orders
        if orders.on_port is None:
            return
        if self.load is not None:
            self.load_status = self.load.poll()
            return
        listeners = [listener for listener in self.listeners() if listener.port]
        if listeners and status is None:
            changed = self.run.listening.stat().st_mtime
            if time.time() - changed >= SETTLE_S:
                self._start_load(orders.on_port, listeners)
        elif status is not None:
            taken = read_taken(self.run.listening)
            cure = f"the port {taken} is in use; stop the process that has it, or give the application another port."
            raise PipetraceError(
                f"The application ended with {describe_status(status)} before it listened, so the load never "
                f"started; {cure if taken is not None else 'what it printed stands above.'}"
            )
        elif now >= orders.wait_s:
            raise PipetraceError(
                f"The application did not listen within {orders.wait_s:g} s, so the load never started; "
                "give it longer with --wait, or leave --on-port out."
            )

    def _start_load(self, command: str, listeners: list[Listener]) -> None:
        # A server of the application speaks HTTP as a rule; what it opened first is its main one.
        chosen = min(listeners, key=lambda listener: (listener.kind != "http", listener.index))
        self.port = chosen.port
        env = {**os.environ, "PORT": str(chosen.port)}
        try:
            self.load = subprocess.Popen(
                command, shell=True, env=env, stdout=self._orders.stdout, start_new_session=True
            )
        except OSError as error:
            raise PipetraceError(f"The load cannot be started ({error.strerror}).") from None

    def _await_others(self) -> None:
        """Give processes and threads that no inspector holds the time to write what they have."""
        claims = {(candidate.directory.name, candidate.inspection) for candidate in self.candidates}
        attached = {name for name, inspection in claims if inspection is not None and inspection.attached}
        held = {claim.pid for claim in self.run.claims() if claim.directory in attached}
        firsts = {claim.pid for claim in self.run.claims()} - held
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < _OBEY_S:
            waiting = False
            for candidate in self.candidates:
                for path in (candidate.directory / "spool").glob("*.bin"):
                    pid, thread = map(int, path.name.split(".")[:2])
                    first = thread == 0 and pid in held
                    patient = passed < _OTHERS_S or (thread == 0 and pid in firsts and self._interrupts() < 2)
                    waiting = waiting or (
                        not first and patient and _runs(pid) and (pid, thread) not in self.run.stopped()
                    )
            if not waiting:
                return
            time.sleep(_POLL_S)

    def _end_load(self) -> None:
        if self.load is not None and self.load.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.load.pid, signal.SIGTERM)
            try:
                self.load.wait(2.0)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.load.pid, signal.SIGKILL)
                self.load.wait()

    def _end_application(self, first: signal.Signals) -> None:
        assert self.process is not None
        if self.process.poll() is not None:
            return  # it ended by itself; what it left behind it meant to leave
        for number in dict.fromkeys((first, signal.SIGTERM)):
            self._signal(number)
            deadline = time.monotonic() + _GRACE_S
            while self.process.poll() is None and time.monotonic() < deadline and self._interrupts() < 2:
                time.sleep(_POLL_S)
        self.had_to_kill = self.process.poll() is None
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def _progress(self) -> str:
        if self.load is not None:
            return f"the load runs against port {self.port}"
        ports = ", ".join(str(listener.port) for listener in self.listeners() if listener.port)
        where = f"the application listens on {ports}; " if ports else ""
        return f"recording, {where}Ctrl-C ends it and keeps the data"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
