"""The directory of one recording while it runs: what the recorder tells the agents, and what they leave in it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipetrace.errors import PipetraceError

CANDIDATES = 4
"""How many packages can be tried as the application (wrappers come first)."""


@dataclass(frozen=True, slots=True)
class AppProcess:
    """A process that loaded the agent."""

    pid: int
    ppid: int
    directory: str
    """Name of the candidate's directory that it records into."""
    claimed: bool
    """It is the first process of its candidate."""
    entry: str
    app_root: str
    cwd: str
    argv: tuple[str, ...]
    exec_argv: tuple[str, ...]
    """Options of node, before the script."""
    node: str
    """Path of its node."""
    version: str


class RunDirectory:
    """A private temporary directory; removed by ``close``. Raises PipetraceError where it cannot be made."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        try:
            self.path = Path(tempfile.mkdtemp(prefix="pipetrace-")).resolve()
            self.listening = self.path / "listening.jsonl"
            self.apps = [self.path / f"app.{number}" for number in range(CANDIDATES)]
            for app in self.apps:
                (app / "spool").mkdir(parents=True)
            (self.path / "run.json").write_text(json.dumps(options), encoding="utf-8")
            alive = self.path / "alive"
            os.mkfifo(alive, 0o600)
        except OSError as error:
            raise PipetraceError(
                f"The recorder has no place for temporary files ({error.strerror}); free some space, or name a "
                "directory that can be written to with TMPDIR."
            ) from None
        # It can be opened for writing as long as this process lives, however it ends.
        self._alive = os.open(alive, os.O_RDWR | os.O_NONBLOCK)
        self._events = self.path / "events.jsonl"
        self._read = 0
        self.processes: list[AppProcess] = []
        self.launchers = 0
        """Processes of launchers seen."""
        self.old_version = ""
        """Version of a Node.js that is too old."""
        self.failures: list[str] = []
        """Why agents could not start."""
        self.inspectors: dict[int, str] = {}
        """pid → address of its inspector."""

    def poll(self) -> None:
        """Take note of what the agents reported since the last call."""
        try:
            with self._events.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except OSError:
            return
        end = data.rfind(b"\n") + 1
        self._read += end
        for line in data[:end].splitlines():
            self._note(json.loads(line))

    def claims(self) -> list[AppProcess]:
        """The first process of each candidate, in order of claiming."""
        return [process for process in self.processes if process.claimed]

    def stop(self) -> None:
        """Tell the processes and threads that no inspector reaches to end the recording."""
        (self.path / "stop").touch()

    def stopped(self) -> set[tuple[int, int]]:
        """The (pid, thread) pairs that have obeyed."""
        found = set()
        for path in self.path.glob("stopped.*"):
            _, pid, thread = path.name.split(".")
            found.add((int(pid), int(thread)))
        return found

    def close(self) -> None:
        """Remove the directory."""
        if self._alive >= 0:
            os.close(self._alive)
            self._alive = -1
        shutil.rmtree(self.path, ignore_errors=True)

    def _note(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "process":
            self.processes.append(
                AppProcess(
                    pid=event["pid"],
                    ppid=event["ppid"],
                    directory=event["directory"],
                    claimed=event["claimed"],
                    entry=event["entry"],
                    app_root=event["app_root"],
                    cwd=event["cwd"],
                    argv=tuple(event["argv"]),
                    exec_argv=tuple(event["exec_argv"]),
                    node=event["node"],
                    version=event["version"],
                )
            )
        elif kind == "inspector":
            self.inspectors[event["pid"]] = event["url"]
        elif kind == "launcher":
            self.launchers += 1
        elif kind == "old":
            self.old_version = event["version"]
        elif kind == "failed":
            self.failures.append(event["text"])
