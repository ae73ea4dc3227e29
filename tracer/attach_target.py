"""Finding the inspector of a running process: by its pid, by a port, or by its address."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pipetrace.errors import PipetraceError

_DEFAULT_PORT = 9229
_OPEN_S = 8.0
_POLL_S = 0.02
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Target:
    """A process whose inspector listens."""

    url: str
    opened: bool
    """The inspector was opened here, so it is closed at the end."""


def find_target(text: str) -> Target:
    """Return the inspector that a user means, opened if need be.

    Raises PipetraceError with a sentence: no such process, no right, not Node.js, the port is taken.
    """
    if text.startswith(("ws://", "wss://")):
        return Target(_on_loopback(text), False)
    match = re.fullmatch(r"(?:(?P<host>[\w.]*):)?(?P<number>\d+)", text)
    if match is None or (match["host"] or "localhost") not in _LOOPBACK:
        raise PipetraceError(
            f"--attach {text} is neither a process id, nor a port of this machine, nor an address that begins with "
            "ws://; give one of these."
        )
    number = int(match["number"])
    if match["host"] is None and ":" not in text and psutil.pid_exists(number):
        return _of_process(number)
    url = _inspector_at("127.0.0.1", number) if 0 < number < 65536 else None
    if url is not None:
        return Target(url, False)
    for connection in _connections():
        if connection.laddr and connection.laddr.port == number and connection.pid:
            return _of_process(connection.pid)
    raise PipetraceError(
        f"There is no process {number}, and nothing of yours listens on port {number}; `pgrep -a node` lists the "
        "processes of Node.js."
    )


def _on_loopback(url: str) -> str:
    host = re.match(r"wss?://(\[[^]]*\]|[^/:]*)", url)
    if host is None or host[1].strip("[]") not in _LOOPBACK:
        raise PipetraceError(
            f"{url} is not on this machine, but the records go through a file of it; run pipetrace where the "
            "process runs."
        )
    return url


def _of_process(pid: int) -> Target:
    process = psutil.Process(pid)
    try:
        owner = process.uids().real
        command = process.cmdline()
    except psutil.Error:
        raise PipetraceError(f"Process {pid} cannot be looked at; it ended, or belongs to another user.") from None
    if os.geteuid() not in (0, owner):
        raise PipetraceError(
            f"Process {pid} belongs to {process.username()}, so its inspector cannot be opened; run pipetrace as that "
            "user or as root."
        )
    for host, port in _listening(process):
        url = _inspector_at(host, port)
        if url is not None:
            return Target(url, False)
    _check_signal(pid, command)
    if not any(word.startswith("--inspect-port") for word in command):
        _check_port(pid)
    before = set(_listening(process))
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + _OPEN_S
    while time.monotonic() < deadline:
        for host, port in set(_listening(process)) - before:
            url = _inspector_at(host, port)
            if url is not None:
                return Target(url, True)
        if not process.is_running():
            raise PipetraceError(f"Process {pid} ended.")
        time.sleep(_POLL_S)
    raise PipetraceError(
        f"Process {pid} did not open its inspector within {_OPEN_S:g} s: it is busy, or takes SIGUSR1 for itself; "
        "start it with --inspect=127.0.0.1:0 and give the address that it prints."
    )


def _check_signal(pid: int, command: list[str]) -> None:
    """Raise when SIGUSR1 would not open an inspector but, with its default action, end the process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return  # no such file system: the name of the program has to do
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", status, re.MULTILINE)
    if caught is None or not int(caught[1], 16) >> (signal.SIGUSR1 - 1) & 1:
        name = Path(command[0]).name if command else "it"
        raise PipetraceError(
            f"Process {pid} ({name}) does not open an inspector when it is asked to: it is not Node.js, or was started "
            "with --disable-sigusr1; give the process id of node itself, or start it with --inspect=127.0.0.1:0."
        )


def _check_port(pid: int) -> None:
    """Raise when the port that Node.js opens its inspector on is taken."""
    for connection in _connections():
        if connection.laddr and connection.laddr.port == _DEFAULT_PORT and connection.pid != pid:
            other = f"process {connection.pid}" if connection.pid else "another process"
            raise PipetraceError(
                f"The inspector of process {pid} would open on port {_DEFAULT_PORT}, which {other} has; end that one's "
                "inspector, or start the application with --inspect-port=0."
            )


def _connections() -> list[Any]:
    try:
        found = psutil.net_connections("tcp")
    except psutil.Error:
        return []
    return [connection for connection in found if connection.status == psutil.CONN_LISTEN]


def _listening(process: psutil.Process) -> list[tuple[str, int]]:
    with contextlib.suppress(psutil.Error):
        return [
            (connection.laddr.ip, connection.laddr.port)
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.ip in ("127.0.0.1", "::1", "0.0.0.0", "::")
        ]
    return []


def _inspector_at(host: str, port: int) -> str | None:
    """Return the address of the first target of an inspector, if one listens there."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/json/list", headers={"Host": f"127.0.0.1:{port}"})
        answer = json.loads(connection.getresponse().read(1 << 20))
        return next(str(entry["webSocketDebuggerUrl"]) for entry in answer if entry.get("type") == "node")
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return None
    finally:
        connection.close()
