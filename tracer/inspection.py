"""The recorder's hold on the application's first process: CPU profile and stop, over its inspector."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from pipetrace.tracer.cdp import Session, SessionEnded
from pipetrace.tracer.cpu_profile import CpuProfile

_CONTROL = "$pxControl"
_OWN_CONTEXT = 1
"""The inspector's number of a program's own global object: of a thread's contexts it is the first."""
_INTERVAL_US = 2000
FIRST_S = 3.0
ON_S = 1.0
OFF_S = 4.0
MOST_OFF_S = 16.0
STARTS_SHARE = 0.01
"""The profile is taken in windows, at first for FIRST_S and then for ON_S each, with pauses between them (`pause_s`).
While it is on, all calls into the engine and Node are slower (by a tenth or a fifth of a server's time), whatever the
interval; and as it starts, the engine walks the whole heap, which stalls the program for 1 to 2 ms per MB."""
_PARTING_S = 2.0
"""How long the process may take to end the connection before the recorder does."""


def pause_s(windows: int, start_s: float) -> float:
    """Return how long no profile is taken after so many windows, of which the last took `start_s` to start.

    Pauses grow from OFF_S to MOST_OFF_S, so that short recordings have a profile, too; they are longer where the starts
    would take more than STARTS_SHARE of the program's time.
    """
    return max(min(OFF_S * 2.0 ** (windows - 1), MOST_OFF_S), start_s / STARTS_SHARE)


class Inspection:
    """One connected process. All calls happen in one thread of its own."""

    def __init__(self, url: str, profile: CpuProfile) -> None:
        self._profile = profile
        self._wake = threading.Event()
        self._stop = False
        self._exiting = self._leaving = False
        self._begun_ns = 0
        """When the profile that is being taken began; 0 while none is."""
        self._ended_ns = 0
        """When the last one ended."""
        self._windows = 0
        self._start_s = 0.0
        """How long the last window took to begin."""
        self.stats: dict[str, Any] = {}
        """What the agent measured of itself; empty until the end."""
        self.attached = False
        """The process knows that the recorder holds it."""
        self._parts = True
        """The process ends the connection, not the recorder."""
        self.complete = False
        """The process was told to stop, or told of its exit, and the profile came whole."""
        self._thread = threading.Thread(target=self._run, args=(url,), name="pipetrace-inspect", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the recording in the process; True when it obeyed in time."""
        self._stop = True
        self._wake.set()
        self._thread.join(timeout_s)
        return self.complete

    def finish(self, timeout_s: float) -> None:
        """Wait until everything that the process still said has been taken."""
        self._thread.join(timeout_s)

    def _run(self, url: str) -> None:
        try:
            session = Session(url)
        except SessionEnded:
            return
        try:
            self._follow(session)
        except SessionEnded:
            pass  # it was killed, or crashed: what it wrote before is kept
        finally:
            # Node's inspector may crash its process when both sides end the connection at once.
            deadline = time.monotonic() + _PARTING_S
            while self._parts and not self._leaving and time.monotonic() < deadline:
                if session.await_end(0.02):
                    break
            session.close()

    def _follow(self, session: Session) -> None:
        # The domain stays disabled: enabled, it is told of every call of the console, with a stack trace and copies of
        # what was printed, which costs a server that logs its requests a third of its time.
        session.listen("Runtime.bindingCalled", self._on_binding)
        # Without the context it would appear among the globals of every context that the application makes, too.
        session.call("Runtime.addBinding", name="$pxExit", executionContextId=_OWN_CONTEXT)
        # A process that signals itself runs its end at once, without an exit event, and waits for us to leave.
        session.listen("NodeRuntime.waitingForDisconnect", lambda params: self._leave())
        session.call("NodeRuntime.notifyWhenWaitingForDisconnect", enabled=True)
        session.call("Profiler.enable")
        session.call("Profiler.setSamplingInterval", interval=_INTERVAL_US)
        self._begin(session)
        if not session.evaluate(f"{_CONTROL}.attach()"):
            return  # it waits no longer and takes its profile itself
        self.attached = True
        until = time.monotonic() + FIRST_S
        while not (self._stop or self._exiting or self._leaving):
            if self._wake.wait(0.25):
                break
            if not session.alive:
                return
            if time.monotonic() >= until:
                if self._begun_ns:
                    self._fetch(session)
                    until = time.monotonic() + pause_s(self._windows, self._start_s)
                else:
                    self._begin(session)
                    until = time.monotonic() + ON_S
        self._fetch(session)
        if self._leaving:
            return  # its JavaScript runs no more
        if self._stop:
            session.evaluate(f"{_CONTROL}.stop()")
        self.stats = json.loads(session.evaluate(f"{_CONTROL}.stats()") or "{}")
        self._parts = bool(session.evaluate(f"{_CONTROL}.release()"))
        self.complete = True

    def _fetch(self, session: Session) -> None:
        if not self._begun_ns:
            return
        profile = session.call("Profiler.stop", 20.0)["profile"]
        # It stands for the time since the one before, too.
        length, now = time.time_ns() - self._begun_ns, time.time_ns()
        since = self._ended_ns or self._begun_ns
        self._profile.add(profile, self._begun_ns, weight=(now - since) / length if length > 0 else 1.0)
        self._begun_ns, self._ended_ns = 0, now

    def _begin(self, session: Session) -> None:
        self._begun_ns = time.time_ns()
        session.call("Profiler.start")
        self._windows += 1
        self._start_s = (time.time_ns() - self._begun_ns) / 1e9

    def _leave(self) -> None:
        self._leaving = True
        self._wake.set()

    def _on_binding(self, params: dict[str, Any]) -> None:
        if params.get("name") == "$pxExit":
            self._exiting = True
            self._wake.set()
