"""Finds, checks and starts a NATS broker, and provides the runtime's client package for it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pipetrace.errors import PipetraceError, UsageError
from pipetrace.runner import npm
from pipetrace.runner.launch import stop_groups, wait_until

CLIENT = "@nats-io/transport-node"
CLIENT_VERSION = "3.4.0"

_URL = re.compile(r"nats://(?:[^@/]*@)?(\[[^\]]+\]|[^:/@]+)(?::(\d+))?/?")


def client_folder() -> Path:
    """Directory of the NATS client for the runtime (installed by npm when it is used first)."""
    return npm.install(CLIENT, CLIENT_VERSION)


def check_reachable(url: str, timeout_s: float = 3.0) -> None:
    """Raise UsageError for a URL that is not one, PipetraceError when no NATS broker answers there."""
    match = _URL.fullmatch(url)
    if match is None:
        raise UsageError(f"{url!r} is not the address of a broker; write threads, nats, or nats://HOST:PORT.")
    host, port = match[1].strip("[]"), int(match[2] or 4222)
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.settimeout(timeout_s)
            greeting = connection.recv(5)
    except OSError as error:
        why = error.strerror or str(error)
        raise PipetraceError(
            f"no NATS broker can be reached at {host}:{port} ({why}); start one with: nats-server -a {host} -p {port}."
        ) from None
    if greeting != b"INFO ":
        raise PipetraceError(f"what listens at {host}:{port} is not a NATS broker; give the address of one.")


@dataclass(slots=True)
class Broker:
    """A nats-server of our own on a free port of the loopback interface. Use as a context manager."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path

    def __enter__(self) -> Broker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop_groups([self.process], 3.0)
        shutil.rmtree(self.folder, ignore_errors=True)


def start_broker() -> Broker:
    """Start nats-server; it chooses a free port. Raises PipetraceError when it is missing or does not start."""
    program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin:/sbin")
    if program is None:
        raise PipetraceError("nats-server was not found on the PATH; install it, or give nats://HOST:PORT of a broker.")
    folder = Path(tempfile.mkdtemp(prefix="pipetrace-nats-"))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", str(folder)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    url = ""

    def listens() -> bool:
        nonlocal url
        for file in folder.glob("*.ports"):
            try:
                url = json.loads(file.read_text(encoding="utf-8"))["nats"][0]
            except (ValueError, KeyError, IndexError):
                continue
        return bool(url) or process.poll() is not None

    wait_until(listens, 10.0)
    if not url or process.poll() is not None:
        stop_groups([process], 1.0)
        said = (folder / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        shutil.rmtree(folder, ignore_errors=True)
        raise PipetraceError(f"nats-server did not start ({said[-1] if said else 'it printed nothing'}).")
    return Broker(url, process, folder)
