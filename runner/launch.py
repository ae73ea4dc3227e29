"""Starts an application with the listen probe, reads what its processes cost, and stops what it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from pipetrace.errors import PipetraceError
from pipetrace.tracer.listen import Listener, probe_environment, read_listeners, read_taken, wait_for_listener

Server = tuple[int | None, str]
"""A server that is asked for: its index in order of listen() calls, or None for the first of a protocol."""

MISSING_SERVER_S = 5.0
"""Wait for a server that is asked for once another one listens."""
ENDED_FOR_IT_S = 5.0
"""An application that found a port taken no longer ago than this has ended for it."""


@dataclass(slots=True)
class Running:
    """An application that listens, with everything that was started for it."""

    name: str
    """How messages call it: 'the original', 'the staged application'."""
    process: subprocess.Popen[bytes]
    listeners: list[Listener]
    output: Path
    """File that receives its stdout."""
    errors: Path
    """File that receives its stderr."""
    helpers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """Stage processes that belong to it (transport NATS)."""
    metrics: Path | None = None
    """File with the port on which the runtime of a staged application tells its counters."""
    status: int | None = None
    """Exit status once it has ended: -N when signal N ended it."""

    def port(self, server: int | None, proto: str = "http") -> tuple[str, int] | None:
        """Address and port of a server: by its index in order of listen() calls, or the first that fits `proto`."""
        found = _find_listener(self.listeners, (server, proto))
        return None if found is None else (_reachable(found.address), found.port)

    def alive(self) -> bool:
        """Whether the main process still runs."""
        return self.process.poll() is None

    def processes(self) -> list[psutil.Process]:
        """The processes alive now: main process, stage processes and all their descendants."""
        found: dict[int, psutil.Process] = {}
        for popen in (self.process, *self.helpers):
            with contextlib.suppress(psutil.NoSuchProcess):
                root = psutil.Process(popen.pid)
                for process in (root, *root.children(recursive=True)):
                    found[process.pid] = process
        return list(found.values())

    def cpu_seconds(self) -> float:
        """User and system CPU seconds of the process trees so far, ended children included."""
        total = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def memory_bytes(self) -> int:
        """Resident bytes of the process trees."""
        total = 0
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                total += process.memory_info().rss
        return total

    def last_words(self) -> str:
        """The most telling line of its stderr, for a message; '' when there is none."""
        return last_words(self.errors)

    def stop(self, patience_s: float = 5.0) -> None:
        """End it: SIGTERM to the process groups that were started here, SIGKILL to what is left."""
        stop_groups([self.process, *self.helpers], patience_s)
        self.status = self.process.returncode


def start(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    *,
    name: str,
    scratch: Path,
    timeout_s: float = 30.0,
    helpers: Sequence[subprocess.Popen[bytes]] = (),
    servers: frozenset[Server] = frozenset(),
    metrics: Path | None = None,
) -> Running:
    """Start `argv` and return once it listens, with all the servers that are asked for.

    stdin is empty; stdout and stderr go to files in `scratch`. Raises PipetraceError when it ends before it
    listens, or does not listen within `timeout_s`; nothing is left running then.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    listening = scratch / "listening.jsonl"
    listening.unlink(missing_ok=True)
    environment = probe_environment(env, listening)
    output, errors = scratch / "stdout", scratch / "stderr"
    process = spawn(argv, cwd, environment, output, errors)
    try:
        deadline = time.monotonic() + timeout_s
        wait_for_listener(listening, process, timeout_s)
        listeners = read_listeners(listening)
        patience = time.monotonic() + MISSING_SERVER_S
        while any(_find_listener(listeners, wanted) is None for wanted in servers or {(None, "any")}):
            late = time.monotonic() > (patience if listeners else deadline)
            if process.poll() is not None or late:
                break
            time.sleep(0.02)
            listeners = read_listeners(listening)
        if not listeners:
            raise PipetraceError("nothing listens")
    except PipetraceError:
        status = process.poll()
        stop_groups([process, *helpers], 2.0)
        raise PipetraceError(_why_it_failed(name, status, timeout_s, listening, errors)) from None
    except BaseException:
        stop_groups([process, *helpers], 2.0)
        raise
    return Running(name, process, listeners, output, errors, list(helpers), metrics)


def spawn(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], output: Path, errors: Path
) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own whose output goes to two files."""
    try:
        with output.open("wb") as out, errors.open("wb") as err:
            return subprocess.Popen(
                list(argv), cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,
            )  # fmt: skip
    except FileNotFoundError:
        raise PipetraceError(f"{argv[0]} was not found; install it or put it on the PATH.") from None
    except OSError as error:
        raise PipetraceError(f"{argv[0]} cannot be started in {cwd} ({error.strerror}).") from None


def last_words(errors: Path) -> str:
    """The line of a stderr file that says most: the first `…Error: …`, else the last line; '' when empty."""
    lines = [line.strip() for line in _lines(errors) if line.strip()]
    for line in lines:
        head = line.split(":", 1)[0]
        if head.endswith(("Error", "]")) and ":" in line and " " not in head.removesuffix("]").split("[")[0].strip():
            return line[:300]
    return lines[-1][:300] if lines else ""


def stop_groups(processes: Sequence[subprocess.Popen[bytes]], patience_s: float) -> None:
    """End what `spawn` started: SIGTERM to the groups, SIGKILL to what is left after `patience_s`; reap.

    What is left is killed by process and start time, never by a number that may belong to another by then.
    """
    left: list[psutil.Process] = []
    for process in processes:
        if process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                left += [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGTERM)
    wait_until(lambda: all(p.poll() is not None for p in processes), patience_s)
    for one in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    for process in processes:
        process.wait()


def wait_until(condition: Callable[[], bool], timeout_s: float, step_s: float = 0.01) -> bool:
    """Poll until `condition()` holds; False when it did not within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(step_s)
    return True


def wait_until_idle(running: Running, timeout_s: float = 3.0, quiet_s: float = 0.06) -> None:
    """Wait until the application has used no CPU for `quiet_s` and its datagram queues are empty."""
    last, since = running.cpu_seconds(), time.monotonic()
    deadline = since + timeout_s
    while time.monotonic() < deadline and running.alive():
        time.sleep(0.01)
        now = running.cpu_seconds()
        if now > last or not _datagrams_read(running):
            last, since = now, time.monotonic()
        elif time.monotonic() - since >= quiet_s:
            return


def _datagrams_read(running: Running) -> bool:
    """Whether no datagram waits in the kernel for the application's sockets (unknown counts as read)."""
    ports = {f"{listener.port:04X}" for listener in running.listeners if listener.kind == "dgram"}
    if not ports:
        return True
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        for line in _lines(Path(table))[1:]:
            words = line.split()
            if words[1].rpartition(":")[2] in ports and int(words[4].partition(":")[2], 16) > 0:
                return False
    return True


def _find_listener(listeners: Sequence[Listener], wanted: Server) -> Listener | None:
    index, proto = wanted
    if index is not None:
        return next((one for one in listeners if one.index == index), None)
    kinds = {"http": ("http", "net"), "tcp": ("net", "http"), "udp": ("dgram",)}.get(proto, ("http", "net", "dgram"))
    return next((one for kind in kinds for one in listeners if one.kind == kind), None)


def _reachable(address: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "": "127.0.0.1"}.get(address, address)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _why_it_failed(name: str, status: int | None, timeout_s: float, listening: Path, errors: Path) -> str:
    taken = read_taken(listening, ENDED_FOR_IT_S)
    if taken is not None:
        return f"{name} could not start because the port {taken} is in use; stop the process that has it."
    if status is None:
        what = f"{name} did not listen on a port within {timeout_s:g} s"
    else:
        ended = f"exit status {status}" if status >= 0 else f"signal {-status}"
        what = f"{name} ended with {ended} before it listened on a port"
    words = last_words(errors)
    return f"{what}{f' (it printed: {words})' if words else ''}; start it by hand to see why."
