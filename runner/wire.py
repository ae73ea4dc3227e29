"""Speaks HTTP/1.x and plain TCP over raw sockets, so that every byte of an answer is seen in its order."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from pipetrace.runner.requests import Request

_LIMIT = 4 * 1024 * 1024
"""Bytes that a head or one chunk line may have before the answer counts as malformed."""

CONTINUE_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request."""

    status: bytes = b""
    """Status line without its line end; empty for TCP and UDP."""
    headers: tuple[bytes, ...] = ()
    """Header lines in order, as they came."""
    body: bytes = b""
    """Body without its framing; all bytes for TCP and UDP."""
    chunks: tuple[int, ...] = ()
    """Sizes of the chunks of a chunked body."""
    trailers: tuple[bytes, ...] = ()
    interim: tuple[bytes, ...] = ()
    """Heads of 1xx answers before the final one."""
    end: str = "complete"
    """complete | cut (connection closed too early) | late (no full answer in time) | refused | malformed"""
    closed: bool = False
    """Whether the server closed the connection after it."""

    def code(self) -> int:
        """Status code; 0 when there is none."""
        words = self.status.split(b" ", 2)
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


class HttpConnection:
    """One keep-alive connection; opens itself when needed and when the server has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def exchange(self, request: Request, headers: tuple[tuple[str, str], ...], timeout_s: float) -> Answer:
        """Send one request and return its answer; never raises for what the server does."""
        for attempt in (0, 1):
            fresh = self._writer is None or self._reader is None or self._reader.at_eof()
            if fresh:
                await self.close()
                try:
                    self._reader, self._writer = await asyncio.wait_for(
                        asyncio.open_connection(*self._address, limit=_LIMIT), timeout_s
                    )
                except (OSError, TimeoutError):
                    return Answer(end="refused")
            answer = await self._exchange(request, headers, timeout_s)
            # A server may close an idle connection just when the request leaves; that is nobody's answer.
            if answer.end == "cut" and not answer.status and not fresh and attempt == 0:
                continue
            return answer
        raise AssertionError("unreachable")

    async def _exchange(self, request: Request, headers: tuple[tuple[str, str], ...], timeout_s: float) -> Answer:
        assert self._reader is not None and self._writer is not None
        partial = _Partial()
        try:
            await asyncio.wait_for(self._talk(request, headers, partial), timeout_s)
        except TimeoutError:
            partial.end = "late"
        except (asyncio.IncompleteReadError, ConnectionError):
            partial.end = "cut"
        except (ValueError, asyncio.LimitOverrunError):
            partial.end = "malformed"
        if partial.end != "complete" or partial.until_close or partial.status.split(b" ")[1:2] == [b"101"]:
            partial.closed = partial.closed or partial.end == "cut"
            await self.close()
        elif _says_close(partial):
            partial.closed = True
            await self.close()
        return partial.answer()

    async def _talk(self, request: Request, headers: tuple[tuple[str, str], ...], partial: _Partial) -> None:
        assert self._reader is not None and self._writer is not None
        self._writer.write(request.wire_head(headers))
        body = request.wire_body()
        head = b""
        if body and (request.header("expect") or "").lower() == "100-continue":
            with contextlib.suppress(TimeoutError):
                head = await asyncio.wait_for(self._head(), CONTINUE_WAIT_S)
            if head and not head.startswith((b"HTTP/1.1 1", b"HTTP/1.0 1")):
                body = b""
        self._writer.write(body)
        while True:
            head = head or await self._head()
            lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
            code = int(lines[0].split(b" ")[1]) if lines[0].startswith(b"HTTP/") else -1
            if code < 0:
                raise ValueError("no status line")
            if 100 <= code < 200 and code != 101:
                partial.interim.append(head)
                head = b""
                continue
            break
        partial.status, partial.headers = lines[0], lines[1:]
        if request.method == "HEAD" or code in (101, 204, 304):
            return
        names = {key.strip().lower(): value.strip() for key, _, value in (line.partition(b":") for line in lines[1:])}
        if b"chunked" in names.get(b"transfer-encoding", b"").lower():
            await self._chunks(partial)
        elif b"content-length" in names:
            await self._counted(int(names[b"content-length"]), partial)
        else:
            partial.until_close = True
            while data := await self._reader.read(65536):
                partial.body += data
            partial.closed = True

    async def _head(self) -> bytes:
        assert self._reader is not None
        return await self._reader.readuntil(b"\r\n\r\n")

    async def _counted(self, size: int, partial: _Partial) -> None:
        assert self._reader is not None
        while len(partial.body) < size:
            data = await self._reader.read(min(65536, size - len(partial.body)))
            if not data:
                raise ConnectionResetError
            partial.body += data

    async def _chunks(self, partial: _Partial) -> None:
        assert self._reader is not None
        while True:
            size = int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16)
            if size == 0:
                break
            partial.body += await self._reader.readexactly(size)
            partial.chunks.append(size)
            await self._reader.readexactly(2)
        while (line := await self._reader.readuntil(b"\r\n")) != b"\r\n":
            partial.trailers.append(line.removesuffix(b"\r\n"))

    async def close(self) -> None:
        """Close the connection if it is open."""
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()


class TcpConnection:
    """A connection without a protocol: an answer is what comes until the application is quiet."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, data: bytes, timeout_s: float) -> bool:
        """Send data, opening the connection first; False when that failed."""
        try:
            if self._writer is None:
                opening = asyncio.open_connection(*self._address)
                self._reader, self._writer = await asyncio.wait_for(opening, timeout_s)
            writer = self._writer
            assert writer is not None
            writer.write(data)
            await writer.drain()
        except (OSError, TimeoutError):
            return False
        return True

    async def receive(self, first_s: float, quiet_s: float) -> Answer:
        """What arrives: wait `first_s` for the first bytes, then until nothing comes for `quiet_s`."""
        assert self._reader is not None
        body, patience = b"", first_s
        while True:
            try:
                data = await asyncio.wait_for(self._reader.read(65536), patience)
            except TimeoutError:
                return Answer(body=body)
            except ConnectionError:
                data = b""
            if not data:
                await self.close()
                return Answer(body=body, closed=True)
            body, patience = body + data, quiet_s

    async def close(self) -> None:
        """Close the connection if it is open."""
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


class _Partial:
    """An answer while it is being read; what was read survives a failure."""

    def __init__(self) -> None:
        self.status = b""
        self.headers: list[bytes] = []
        self.body = bytearray()
        self.chunks: list[int] = []
        self.trailers: list[bytes] = []
        self.interim: list[bytes] = []
        self.end = "complete"
        self.closed = False
        self.until_close = False

    def answer(self) -> Answer:
        return Answer(
            self.status, tuple(self.headers), bytes(self.body), tuple(self.chunks), tuple(self.trailers),
            tuple(self.interim), self.end, self.closed,
        )  # fmt: skip


def _says_close(partial: _Partial) -> bool:
    values = [line.partition(b":")[2].lower() for line in partial.headers if line.lower().startswith(b"connection:")]
    if partial.status.startswith(b"HTTP/1.0"):
        return not any(b"keep-alive" in value for value in values)
    return any(b"close" in value for value in values)
