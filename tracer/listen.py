"""The listen probe seen from Python: how to load it into an application, and how to wait for its servers."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from pipetrace.errors import PipetraceError

PROBE = Path(__file__).parent / "agent" / "listen.js"
LISTEN_FILE = "PIPETRACE_LISTEN_FILE"
SETTLE_S = 0.15
"""An application counts as ready when no new server began to listen for this long."""

Kind = Literal["http", "net", "dgram"]


@dataclass(frozen=True, slots=True)
class Listener:
    """A server of the application's main thread that listens."""

    kind: Kind
    address: str
    port: int
    """0 for a local socket."""
    index: int
    """Number in order of `listen()` and `bind()` calls of its process."""
    pid: int
    secure: bool = False
    """It speaks TLS."""

    @property
    def host(self) -> str:
        """An address by which a client on this machine reaches it."""
        return {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "": "127.0.0.1"}.get(self.address, self.address)


class Process(Protocol):
    """What is waited for must tell when it ends (subprocess.Popen does)."""

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""


def node_options(existing: str, *modules: Path) -> str:
    """Return NODE_OPTIONS that also load some modules, whatever characters their paths have."""
    words = [existing] if existing else []
    for module in modules:
        quoted = str(module).replace("\\", "\\\\").replace('"', '\\"')
        words.append(f'--require "{quoted}"')
    return " ".join(words)


def probe_environment(env: Mapping[str, str], file: Path) -> dict[str, str]:
    """Return `env` with the probe added; it appends a line to `file` for each server."""
    return {**env, "NODE_OPTIONS": node_options(env.get("NODE_OPTIONS", ""), PROBE), LISTEN_FILE: str(file)}


def _notes(file: Path, event: str) -> list[dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return []
    notes = [json.loads(line) for line in text.split("\n")[:-1]]
    return [noted for noted in notes if noted["event"] == event]


def read_taken(file: Path, within_s: float = math.inf) -> str | None:
    """Return the address that a server found taken in the last `within_s` seconds, None if that did not happen.

    The time tells an application that ended for it from one that tried another port and went on.
    """
    for noted in reversed(_notes(file, "taken")):
        if time.time() - noted["time"] > within_s:
            break
        address = noted["address"]
        return f"[{address}]:{noted['port']}" if ":" in address else f"{address}:{noted['port']}".strip(":")
    return None


def read_listeners(file: Path) -> list[Listener]:
    """Return the servers noted so far, in order of their numbers."""
    found = [
        Listener(
            noted["kind"], noted["address"], noted["port"], noted["index"], noted["pid"], bool(noted.get("secure"))
        )
        for noted in _notes(file, "listening")
    ]
    return sorted(found, key=lambda listener: listener.index)


def wait_for_listener(file: Path, process: Process, timeout_s: float, kind: Kind | None = None) -> list[Listener]:
    """Return the servers once one (of a kind) listens and no other followed for a moment.

    Raises PipetraceError when the process ends first, or when none listens within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    found: list[Listener] = []
    changed = time.monotonic()
    while True:
        ended = process.poll()
        now = read_listeners(file)
        if len(now) != len(found):
            found, changed = now, time.monotonic()
        ready = any(kind is None or listener.kind == kind for listener in found)
        if ready and time.monotonic() - changed >= SETTLE_S:
            return found
        if ended is not None:
            raise PipetraceError(f"The application ended with {describe_status(ended)} before it listened.")
        if time.monotonic() >= deadline:
            raise PipetraceError(
                f"The application did not listen within {timeout_s:g} s; give it longer, or check its command."
            )
        time.sleep(0.01)


def describe_status(status: int) -> str:
    """Return an exit status in words; a negative one is a signal."""
    if status >= 0:
        return f"exit status {status}"
    import signal

    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"
