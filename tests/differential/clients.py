"""The clients of generated programs: what is sent in which order, and what comes back byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from tests.differential.tree import Ask, Program

WAIT_S = 150.0
"""How long a client waits for an answer: other work on the machine decides nothing."""
_TOGETHER = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request."""

    status: str
    headers: tuple[str, ...] = ()
    body: bytes = b""
    end: str = "complete"
    """complete | left | cut | late | refused"""

    @property
    def code(self) -> int:
        """Status code; 0 where there is none."""
        words = self.status.split(" ")
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


Answers = dict[int, Answer]
"""By position of the request among those of its program; what is asked at the end has negative numbers."""

STATE, STATE_AFTER, STATE_LAST = -1, -2, -3


@dataclass(frozen=True, slots=True)
class Server:
    """Where the clients of one program find it."""

    ports: dict[str, int]
    """By protocol: http, tcp, udp."""
    wait_s: float = WAIT_S
    """How long a client waits for an answer."""


async def use_recorded(program: Program, server: Server, answers: Answers) -> None:
    """Send a program what the recording sees, and ask for its state after each phase."""
    await _one_client(_of_phase(program, "in order"), server, answers)
    await _ask_state(server, answers, STATE)
    together = _of_phase(program, "together")
    if program.notes.get("commutative"):
        clients = [together[start::_TOGETHER] for start in range(_TOGETHER)]
        await asyncio.gather(
            *(_one_client(client, server, answers, pipelined=k == 1) for k, client in enumerate(clients))
        )
    else:
        await _one_client(together, server, answers)
    await _ask_state(server, answers, STATE_AFTER)


async def use_unseen(program: Program, server: Server, answers: Answers) -> None:
    """Send a program what takes it to paths that the recording never saw, and ask for its state."""
    unseen = _of_phase(program, "unseen")
    if unseen:
        await _one_client(unseen, server, answers)
        await _ask_state(server, answers, STATE_LAST)


def _of_phase(program: Program, phase: str) -> list[tuple[int, Ask]]:
    return [(number, ask) for number, ask in enumerate(program.asks) if ask.phase == phase and not ask.left_out]


async def _ask_state(server: Server, answers: Answers, number: int) -> None:
    async with _Client(server) as client:
        await client.http(Ask("http", "/settled"))
        answers[number] = await client.http(Ask("http", "/state"))


async def _one_client(
    asks: Sequence[tuple[int, Ask]], server: Server, answers: Answers, *, pipelined: bool = False
) -> None:
    async with _Client(server) as client:
        if pipelined:
            gets = [(n, a) for n, a in asks if a.proto == "http" and a.method == "GET" and not a.leaves]
            found = await client.pipeline([a for _, a in gets])
            answers.update({n: answer for (n, _), answer in zip(gets, found, strict=True)})
            asks = [one for one in asks if one not in gets]
        for number, ask in asks:
            # Who has waited so long once does not wait for the rest.
            late = any(answer.end == "late" for answer in answers.values())
            answers[number] = Answer("", end="late") if late else await client.send(ask)


class _Client:
    """One client: a connection for each protocol, opened when it is needed."""

    def __init__(self, server: Server) -> None:
        self._ports = server.ports
        self._wait_s = server.wait_s
        self._web: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._answered = False
        """The connection for HTTP has had an answer."""
        self._tcp: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._udp: _Datagrams | None = None

    async def __aenter__(self) -> _Client:
        return self

    async def __aexit__(self, *error: object) -> None:
        for pair in (self._web, self._tcp):
            if pair is not None:
                pair[1].close()
        if self._udp is not None:
            self._udp.transport.close()

    async def send(self, ask: Ask) -> Answer:
        if ask.leaves:
            return await _begin_only(ask, self._ports["http"], self._wait_s)
        if ask.proto == "http":
            return await self.http(ask)
        try:
            return await asyncio.wait_for(self._line(ask) if ask.proto == "tcp" else self._datagram(ask), self._wait_s)
        except TimeoutError:
            return Answer("", end="late")
        except OSError:
            return Answer("", end="refused")

    async def _line(self, ask: Ask) -> Answer:
        if self._tcp is None:
            self._tcp = await asyncio.open_connection("127.0.0.1", self._ports["tcp"])
        self._tcp[1].write(f"{ask.text}\n".encode())
        data = await self._tcp[0].readline()
        return Answer("", body=data, end="complete" if data else "cut")

    async def _datagram(self, ask: Ask) -> Answer:
        if self._udp is None:
            loop = asyncio.get_running_loop()
            _, self._udp = await loop.create_datagram_endpoint(_Datagrams, remote_addr=("127.0.0.1", self._ports["udp"]))
        self._udp.transport.sendto(ask.text.encode())
        return Answer("", body=await self._udp.received.get())

    async def http(self, ask: Ask) -> Answer:
        try:
            return (await asyncio.wait_for(self.pipeline([ask]), self._wait_s))[0]
        except TimeoutError:
            self._web, self._answered = None, False
            return Answer("", end="late")

    async def pipeline(self, asks: Sequence[Ask]) -> list[Answer]:
        """Send requests without waiting in between, and read their answers in order."""
        found: list[Answer] = []
        while len(found) < len(asks):
            if self._web is None:
                try:
                    self._web = await asyncio.open_connection("127.0.0.1", self._ports["http"])
                except OSError:
                    return [*found, *(Answer("", end="refused") for _ in asks[len(found) :])]
            for ask in asks[len(found) :]:
                self._web[1].write(_wire(ask))
            for _ in asks[len(found) :]:
                answer, stays = await _read(self._web[0], self._wait_s)
                if answer.end == "cut" and not answer.status and self._answered:
                    # A server closes a connection that was idle for long, as this machine may have made it.
                    self._web[1].close()
                    self._web, self._answered = None, False
                    break
                self._answered = True
                found.append(answer)
                if not stays:
                    self._web[1].close()
                    self._web, self._answered = None, False
                    break
        return found


async def _begin_only(ask: Ask, port: int, wait_s: float) -> Answer:
    """The beginning of an answer, on a connection that is closed then; the whole of one that ends before."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return Answer("", end="refused")
    try:
        writer.write(_wire(ask))
        return (await _read(reader, wait_s, until=b" so\n"))[0]
    finally:
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    transport: asyncio.DatagramTransport

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)  # the selector loop's class is not one by name

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.received.put_nowait(data)


def _wire(ask: Ask) -> bytes:
    body = ask.body.encode()
    lines = [f"{ask.method} {ask.text} HTTP/1.1", "Host: localhost", *(f"{k}: {v}" for k, v in ask.headers)]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def _read(reader: asyncio.StreamReader, wait_s: float, until: bytes | None = None) -> tuple[Answer, bool]:
    """One answer, or as much of it as has a text, and whether the connection stays open."""
    status, headers, body = "", [], bytearray()
    end, stays = "complete", True

    async def talk() -> None:
        nonlocal status, headers, stays, end
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip()
        status, *headers = head.split("\r\n")
        names = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in headers}
        stays = names.get("connection", "").lower() != "close"
        if status.split(" ")[1] in ("204", "304"):
            return
        if names.get("transfer-encoding") == "chunked":
            while size := int(await reader.readline(), 16):
                body.extend(await reader.readexactly(size))
                if until is not None and until in body:
                    del body[body.index(until) + len(until) :]
                    end = "left"
                    return
                await reader.readexactly(2)
            await reader.readuntil(b"\r\n")
        elif "content-length" in names:
            body.extend(await reader.readexactly(int(names["content-length"])))
        else:
            stays = False
            body.extend(await reader.read())

    try:
        await asyncio.wait_for(talk(), wait_s)
    except TimeoutError:
        end, stays = "late", False
    except asyncio.IncompleteReadError as error:
        body.extend(error.partial)
        end, stays = "cut", False
    except (OSError, ValueError):
        end, stays = "cut", False
    with contextlib.suppress(ValueError):
        headers = [line for line in headers if not line.lower().startswith("date:")]
    return Answer(status, tuple(headers), bytes(body), end), stays
