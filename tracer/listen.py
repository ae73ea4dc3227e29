"""Learns from a small script in the process which of its servers listen, and where."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pipetrace.errors import PipetraceError

PROBE = Path(__file__).parent / "agent" / "listen.js"
_QUIET_S = 0.15

Kind = Literal["http", "net", "dgram"]


@dataclass(frozen=True, slots=True)
class Listener:
    """A server that listens."""

    kind: Kind
    address: str
    port: int
    index: int
    """Number of its listen() call within the process, from 0."""
    pid: int


class Polled(Protocol):
    """What is asked of a process: whether it has ended."""

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""


def node_options(environment: Mapping[str, str], script: Path) -> str:
    """NODE_OPTIONS of the environment with `--require script` added."""
    quoted = f'"{script}"' if shlex.quote(str(script)) != str(script) else str(script)
    return f"{environment.get('NODE_OPTIONS', '')} --require {quoted}".strip()


def probe_environment(env: Mapping[str, str], file: Path) -> dict[str, str]:
    """The environment in which node loads the probe, which appends to ``file``."""
    return {**env, "NODE_OPTIONS": node_options(env, PROBE), "PIPETRACE_LISTEN_FILE": str(file)}


def read_listeners(file: Path) -> list[Listener]:
    """What the probe has written so far, in order of index; a line that is being written is left out."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    found = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        found.append(Listener(row["kind"], row["address"], row["port"], row["index"], row["pid"]))
    return sorted(found, key=lambda listener: (listener.pid, listener.index))


def wait_for_listener(
    file: Path, process: Polled, timeout_s: float, kind: Kind | None = None
) -> list[Listener]:
    """Wait until a server (of ``kind``) listens and no further one follows for 150 ms.

    Raises PipetraceError when the process ends before, or nothing listens within ``timeout_s`` seconds.
    """
    deadline = time.monotonic() + timeout_s
    seen = 0
    since = time.monotonic()
    while True:
        listeners = read_listeners(file)
        if len(listeners) != seen:
            seen, since = len(listeners), time.monotonic()
        wanted = [listener for listener in listeners if kind is None or listener.kind == kind]
        if wanted and time.monotonic() - since >= _QUIET_S:
            return listeners
        status = process.poll()
        if status is not None:
            raise PipetraceError(
                f"The application ended with status {status} before it listened on a port; "
                "its own messages above say why: start it by hand first."
            )
        if time.monotonic() > deadline:
            raise PipetraceError(
                f"The application did not listen on a port within {timeout_s:g} s; "
                "give it longer with --wait, or leave --on-port away and use --duration."
            )
        time.sleep(0.02)


def main_port(listeners: list[Listener]) -> int:
    """The port that users mean: of the first HTTP server, else of the first TCP server, else of the first socket."""
    order = {"http": 0, "net": 1, "dgram": 2}
    return min(listeners, key=lambda listener: (order[listener.kind], listener.index)).port
