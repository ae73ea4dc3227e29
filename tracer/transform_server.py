"""Serves the agents: a pool of FIFO pairs from which each thread takes one, one thread here that answers all.

A request is a uint32 length (little endian) and JSON {path, format, source}; the response has the same frame
and JSON {code, spans, fresh, file_id, function_base, functions} or {leave}; with {refused} beside the source the
agent tells that the engine does not take the text that it was given. Both ends are opened read-write here, so that
no open blocks whoever comes first; the agent sees the end of the recorder as the end of its file.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import struct
import threading
import time
from pathlib import Path
from typing import Protocol

from pipetrace.tracer.transform import Answer

_SPARE = 6
"""Free pairs to keep ready in each directory."""
_WRITE_PATIENCE_S = 10.0
_POLL_S = 0.02


class Transforms(Protocol):
    """What answers the requests of one application directory."""

    def transform(self, path: str, form: str, source: str) -> Answer:
        """Return the instrumented text, or the reason to leave the module as it is."""

    def refuse(self, path: str, source: str, why: str) -> Answer:
        """Take note that the engine does not take a module's instrumented text; the module was left as it is."""


class TransformServer:
    """Answers requests from all registered directories until it is closed."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._directories: dict[Path, Transforms] = {}
        self._made: dict[Path, int] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._wake_read, self._wake_write = os.pipe()
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        self.busy_s = 0.0
        """Time spent on answers."""
        self.requests = 0
        self._thread = threading.Thread(target=self._serve, name="pipetrace-transform", daemon=True)
        self._thread.start()

    def serve(self, directory: Path, transforms: Transforms) -> None:
        """Offer FIFO pairs ``free<N>`` in a directory and answer what comes through them."""
        with self._lock:
            self._directories[directory] = transforms
            self._made[directory] = 0
            self._fill(directory)
        os.write(self._wake_write, b"x")

    def close(self) -> None:
        """Stop answering; agents that wait see the end of their file."""
        self._closing.set()
        os.write(self._wake_write, b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, _Pair):
                key.data.close()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _serve(self) -> None:
        while not self._closing.is_set():
            for key, _ in self._selector.select(_POLL_S if self._directories else None):
                if key.data is None:
                    os.read(self._wake_read, 64)
                else:
                    self._read(key.data)
            with self._lock:
                for directory in self._directories:
                    self._fill(directory)

    def _fill(self, directory: Path) -> None:
        try:
            free = sum(1 for name in os.listdir(directory) if name.startswith("free"))  # noqa: PTH208
        except OSError:
            return
        for _ in range(_SPARE - free):
            number = self._made[directory]
            self._made[directory] += 1
            pair = _Pair(directory, number)
            self._selector.register(pair.request, selectors.EVENT_READ, pair)

    def _read(self, pair: _Pair) -> None:
        started = time.perf_counter()
        message = pair.receive()
        if message is None:
            return
        try:
            request = json.loads(message)
            transforms = self._directories[pair.directory]
            if "refused" in request:
                answer = transforms.refuse(request["path"], request["source"], request["refused"])
            else:
                answer = transforms.transform(request["path"], request["format"], request["source"])
        except Exception as error:  # the application waits for an answer, whatever went wrong
            answer = {"leave": f"the recorder failed on it ({type(error).__name__}: {error})"}
        pair.send(json.dumps(answer).encode("ascii"))
        self.requests += 1
        self.busy_s += time.perf_counter() - started


class _Pair:
    """The two FIFOs that one thread of the application uses."""

    def __init__(self, directory: Path, number: int) -> None:
        self.directory = directory
        draft = directory / f".new{number}"
        draft.mkdir()
        for name in ("req", "rsp"):
            os.mkfifo(draft / name, 0o600)
        self.request = os.open(draft / "req", os.O_RDWR | os.O_NONBLOCK)
        self.response = os.open(draft / "rsp", os.O_RDWR | os.O_NONBLOCK)
        self._received = b""
        draft.rename(directory / f"free{number}")  # only now can an agent take it

    def receive(self) -> bytes | None:
        """Read what is there; return a message when it is whole."""
        with contextlib.suppress(BlockingIOError):
            while True:
                part = os.read(self.request, 1 << 20)
                if not part:
                    break
                self._received += part
        if len(self._received) < 4:
            return None
        (length,) = struct.unpack_from("<I", self._received)
        if len(self._received) < 4 + length:
            return None
        message, self._received = self._received[4 : 4 + length], self._received[4 + length :]
        return message

    def send(self, message: bytes) -> None:
        """Write a message; gives up when nobody reads it for some seconds."""
        rest = memoryview(struct.pack("<I", len(message)) + message)
        deadline = time.monotonic() + _WRITE_PATIENCE_S
        with selectors.DefaultSelector() as selector:
            selector.register(self.response, selectors.EVENT_WRITE)
            while rest and time.monotonic() < deadline:
                if not selector.select(0.2):
                    continue
                with contextlib.suppress(BlockingIOError):
                    rest = rest[os.write(self.response, rest) :]

    def close(self) -> None:
        """Close both FIFOs."""
        for descriptor in (self.request, self.response):
            with contextlib.suppress(OSError):
                os.close(descriptor)
