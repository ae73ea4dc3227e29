"""The recorder's hold on the application's first process: CPU profile and stop, over its inspector."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from pipetrace.tracer.cdp import Session, SessionEnded
from pipetrace.tracer.cpu_profile import CpuProfile

_CONTROL = 'globalThis[Symbol.for("pipetrace.control")]'
_INTERVAL_US = 1000
_ROTATE_S = 60.0
"""A profile is fetched and begun anew this often, so that a kill loses little and no answer grows large."""


class Inspection:
    """One connected process. All calls happen in one thread of its own."""

    def __init__(self, url: str, profile: CpuProfile) -> None:
        self._profile = profile
        self._wake = threading.Event()
        self._stop = False
        self._exiting = self._leaving = False
        self._begun_ns = 0
        self.stats: dict[str, Any] = {}
        """What the agent measured of itself; empty until the end."""
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
            session.close()

    def _follow(self, session: Session) -> None:
        session.call("Runtime.enable")
        session.listen("Runtime.bindingCalled", self._on_binding)
        session.call("Runtime.addBinding", name="$pxExit")
        # A process that signals itself runs its end at once, without an exit event, and waits for us to leave.
        session.listen("NodeRuntime.waitingForDisconnect", lambda params: self._leave())
        session.call("NodeRuntime.notifyWhenWaitingForDisconnect", enabled=True)
        session.call("Profiler.enable")
        session.call("Profiler.setSamplingInterval", interval=_INTERVAL_US)
        self._begin(session)
        session.evaluate(f"{_CONTROL}.attach()")
        waited = 0.0
        while not (self._stop or self._exiting or self._leaving):
            if self._wake.wait(0.25):
                break
            waited += 0.25
            if not session.alive:
                return
            if waited >= _ROTATE_S:
                waited = 0.0
                self._fetch(session)
                self._begin(session)
        self._fetch(session)
        if self._leaving:
            return  # its JavaScript runs no more
        if self._stop:
            session.evaluate(f"{_CONTROL}.stop()")
        self.stats = json.loads(session.evaluate(f"{_CONTROL}.stats()") or "{}")
        session.evaluate(f"{_CONTROL}.release()")
        self.complete = True

    def _fetch(self, session: Session) -> None:
        self._profile.add(session.call("Profiler.stop", 20.0)["profile"], self._begun_ns)

    def _begin(self, session: Session) -> None:
        self._begun_ns = time.time_ns()
        session.call("Profiler.start")

    def _leave(self) -> None:
        self._leaving = True
        self._wake.set()

    def _on_binding(self, params: dict[str, Any]) -> None:
        if params.get("name") == "$pxExit":
            self._exiting = True
            self._wake.set()
