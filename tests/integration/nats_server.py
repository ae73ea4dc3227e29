"""A NATS broker for tests, on a free port, that can be stopped and started again on the same port."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path


class NatsServer:
    """nats-server on the loopback interface. Use as a context manager."""

    def __init__(self, *options: str) -> None:
        program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin:/sbin")
        assert program is not None, "nats-server is needed for this test"
        self._program = program
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="pipetrace-nats-"))
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.url = f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and return when it greets."""
        with (self._folder / "log").open("ab") as log:
            argv = [self._program, "-a", "127.0.0.1", "-p", str(self.port), *self._options]
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 10
        while not self._greets():
            assert self._process.poll() is None and time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.02)

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(5) == b"INFO "
        except OSError:
            return False

    def stop(self) -> None:
        """Kill it: what it has not delivered is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def __enter__(self) -> NatsServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
