"""Replays requests against a running application: one at a time, concurrently, and once more afterwards.

*One at a time* follows the order of the recording over all connections, so that the state seen by later requests
is fixed. *Concurrently* has one client per recorded connection, each keeping its own order. *Afterwards* asks
once more, one at a time, what can be asked without effect, to see the state that the concurrent phase left.
A `shake` seed lets the clients meet in quite another order (see `_shaken`), which is as legal as any: answers that
then change depend on the order by themselves.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipetrace.errors import UsageError
from pipetrace.runner.cookies import Cookies
from pipetrace.runner.launch import Running, wait_until_idle
from pipetrace.runner.requests import Request
from pipetrace.runner.wire import Answer, HttpConnection, TcpConnection

_DATAGRAM_BATCH = 64
"""Datagrams sent before the application gets time to read them; the kernel drops what does not fit."""

_LATE = 3
"""Requests without an answer after which the others are waited for less long."""
_LEAST_PATIENCE_S = 1.0
_AFTERWARDS_LIMIT = 100
_SHAKE_S = 0.02


@dataclass(frozen=True, slots=True)
class Phase:
    """One pass over requests and what came back; `answers[i]` belongs to `requests[i]`."""

    name: str
    requests: tuple[Request, ...]
    answers: tuple[Answer, ...]


@dataclass(slots=True)
class Replayed:
    """All that one start of the application answered."""

    phases: list[Phase] = field(default_factory=list)
    stdout: bytes = b""
    died: str = ""
    """One sentence when the application ended during the replay; '' otherwise."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to replay."""

    clients: int = 8
    """Clients of the concurrent phase when the recording has one connection; its connections otherwise."""
    timeout_s: float = 20.0
    """Longest wait for one answer."""
    shake: int | None = None
    """Seed of another order between the clients of the concurrent phase; None = as they come."""
    progress: Callable[[str, int, int], None] = lambda phase, done, total: None


def reachable(running: Running, requests: Sequence[Request]) -> tuple[Request, ...]:
    """The requests whose server listens. Raises UsageError when there is none, naming the first that is missing."""
    found = tuple(one for one in requests if running.port(one.server, one.proto) is not None)
    if not found:
        first = requests[0]
        which = f"{first.proto} server{'' if first.server is None else f' {first.server}'}"
        raise UsageError(
            f"line {first.number} of the request file speaks of the {which}, but {running.name} has none among "
            f"the {len(running.listeners)} on which it listens; record the requests again with the same command."
        )
    return found


def replay(running: Running, requests: Sequence[Request], options: Options) -> Replayed:
    """Replay all phases against one started application, which must have all the servers that they name."""
    return asyncio.run(Session(running, requests, options).run())


class Session:
    """The replay against one start of the application."""

    def __init__(self, running: Running, requests: Sequence[Request], options: Options) -> None:
        self.running = running
        self.requests = tuple(requests)
        self.options = options
        self.cookies = Cookies()
        self.replies: list[bytes] = []
        self.late = 0
        self.slowest_s = 0.0

    async def run(self) -> Replayed:
        result = Replayed()
        result.phases.append(await self.in_order("one at a time", self.requests))
        http = tuple(request for request in self.requests if request.proto == "http")
        if self.running.alive() and http:
            result.phases.append(await self.concurrently(http))
            asked: dict[tuple[object, ...], Request] = {}
            for request in http:
                if request.method in ("GET", "HEAD"):
                    asked.setdefault(request.sameness, request)
            if asked and self.running.alive():
                again = tuple(asked.values())[:_AFTERWARDS_LIMIT]
                result.phases.append(await self.in_order("afterwards", again))
        if not self.running.alive():
            words = self.running.last_words()
            result.died = (
                f"{self.running.name} ended with exit status {self.running.process.returncode} during the replay"
                + (f" (it printed: {words})" if words else "")
            )
        return result

    async def in_order(self, name: str, requests: tuple[Request, ...]) -> Phase:
        """One request in flight; recorded connections stay apart."""
        http: dict[tuple[int | None, int], HttpConnection] = {}
        tcp: dict[tuple[int | None, int], TcpConnection] = {}
        datagrams = _Datagrams(self.running)
        answers: list[Answer] = []
        try:
            for done, request in enumerate(requests):
                self.options.progress(name, done, len(requests))
                key = (request.server, request.connection)
                host, port = self.address(request)
                if request.proto == "udp":
                    answers.append(datagrams.send(request, host, port))
                    if datagrams.waiting >= _DATAGRAM_BATCH:
                        await self.settle(datagrams)
                    continue
                if datagrams.waiting:
                    await self.settle(datagrams)
                if request.proto == "http":
                    connection = http.setdefault(key, HttpConnection(host, port))
                    answers.append(await self.ask(connection, request))
                else:
                    answers.append(await self.tell(tcp.setdefault(key, TcpConnection(host, port)), request))
            await self.settle(datagrams)
        finally:
            for web in http.values():
                await web.close()
            for plain in tcp.values():
                await plain.close()
            datagrams.close()
        if datagrams.used:
            answers = [_with_replies(r, a, datagrams.replies) for r, a in zip(requests, answers, strict=True)]
        return Phase(name, requests, tuple(answers))

    async def concurrently(self, requests: tuple[Request, ...]) -> Phase:
        """Every client keeps its order; clients do not wait for one another."""
        answers: dict[int, Answer] = {}
        clients = _clients(requests, self.options.clients)
        turns = _shaken(clients, self.options.shake)

        async def client(mine: list[int], turn: _Turns) -> None:
            connections: dict[int | None, HttpConnection] = {}
            try:
                for index in mine:
                    request = requests[index]
                    host, port = self.address(request)
                    connection = connections.setdefault(request.server, HttpConnection(host, port))
                    async with turn:
                        answers[index] = await self.ask(connection, request)
                    self.options.progress("concurrently", len(answers), len(requests))
            finally:
                for connection in connections.values():
                    await connection.close()

        await asyncio.gather(*(client(mine, turn) for mine, turn in zip(clients, turns, strict=True)))
        return Phase("concurrently", requests, tuple(answers[index] for index in range(len(requests))))

    async def ask(self, connection: HttpConnection, request: Request) -> Answer:
        begun = time.monotonic()
        answer = await connection.exchange(request, self.cookies.headers(request), self.patience_s)
        if answer.end == "late":
            self.late += 1
        else:
            self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
        self.cookies.learn(answer)
        return answer

    @property
    def patience_s(self) -> float:
        """How long to wait for an answer: less where several requests went without, so that the end comes in sight."""
        if self.late < _LATE:
            return self.options.timeout_s
        return min(self.options.timeout_s, max(_LEAST_PATIENCE_S, 5 * self.slowest_s))

    async def tell(self, connection: TcpConnection, request: Request) -> Answer:
        if not await connection.send(request.body, self.options.timeout_s):
            return Answer(end="refused")
        return await connection.receive(first_s=1.0, quiet_s=0.1)

    async def settle(self, datagrams: _Datagrams) -> None:
        """Let the application work off the datagrams."""
        if datagrams.waiting:
            await asyncio.to_thread(wait_until_idle, self.running)
            datagrams.collect()

    def address(self, request: Request) -> tuple[str, int]:
        found = self.running.port(request.server, request.proto)
        assert found is not None
        return found


class _Turns:
    """When one client may send; entered before each of its requests and left after it."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *error: object) -> None:
        return None


class _Pauses(_Turns):
    """Random pauses, longer for some clients."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._longest = _SHAKE_S * self._random.random() ** 2

    async def __aenter__(self) -> None:
        await asyncio.sleep(self._longest * self._random.random())


class _OneByOne(_Turns):
    """One request in flight, by a list that says whose turn it is."""

    def __init__(self, me: int, order: list[int], changed: asyncio.Condition) -> None:
        self._me, self._order, self._changed = me, order, changed

    async def __aenter__(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._order[-1] == self._me)

    async def __aexit__(self, *error: object) -> None:
        async with self._changed:
            self._order.pop()
            self._changed.notify_all()


def _shaken(clients: Sequence[Sequence[int]], seed: int | None) -> list[_Turns]:
    """An order between clients: one client after the other, a random merge, or random pauses, by the seed."""
    if seed is None:
        return [_Turns() for _ in clients]
    shaker = random.Random(seed)
    if seed % 3 == 0:
        return [_Pauses(shaker.getrandbits(32)) for _ in clients]
    order = [number for number, mine in enumerate(clients) for _ in mine]
    if seed % 3 == 1:
        rank = shaker.sample(range(len(clients)), len(clients))
        order.sort(key=lambda number: rank[number])
    else:
        shaker.shuffle(order)
    changed = asyncio.Condition()
    return [_OneByOne(number, order, changed) for number in range(len(clients))]


class _Datagrams:
    """Sends datagrams and keeps what comes back, per server."""

    def __init__(self, running: Running) -> None:
        self.waiting = 0
        self.used = False
        self.replies: dict[int | None, list[bytes]] = {}
        self._sockets: dict[int | None, socket.socket] = {}

    def send(self, request: Request, host: str, port: int) -> Answer:
        self.used = True
        one = self._sockets.get(request.server)
        if one is None:
            one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
            one.setblocking(False)
            one.connect((host, port))
            self._sockets[request.server] = one
        try:
            one.send(request.body)
        except OSError:
            return Answer(end="refused")
        self.waiting += 1
        return Answer()

    def collect(self) -> None:
        self.waiting = 0
        for server, one in self._sockets.items():
            while True:
                try:
                    self.replies.setdefault(server, []).append(one.recv(65536))
                except OSError:
                    break

    def close(self) -> None:
        for one in self._sockets.values():
            one.close()


def _with_replies(request: Request, answer: Answer, replies: dict[int | None, list[bytes]]) -> Answer:
    """Give the first datagram to a server all the replies that came from it: a reply names no datagram."""
    if request.proto != "udp" or not replies.get(request.server):
        return answer
    return Answer(body=b"\n".join(replies.pop(request.server)), end=answer.end)


def _clients(requests: Sequence[Request], count: int) -> list[list[int]]:
    """Indices of the requests of each client: the recorded connections, or `count` clients when there is one."""
    by_connection: dict[int, list[int]] = {}
    for index, request in enumerate(requests):
        by_connection.setdefault(request.connection, []).append(index)
    if len(by_connection) > 1:
        return _at_most(list(by_connection.values()), count)
    return [list(range(start, len(requests), count)) for start in range(min(count, len(requests)))]


def _at_most(lists: list[list[int]], count: int) -> list[list[int]]:
    """Join lists so that at most `count` remain; each keeps the order within and between its parts."""
    if len(lists) <= count:
        return lists
    joined: list[list[int]] = [[] for _ in range(count)]
    for part in lists:
        min(joined, key=len).extend(part)
    return joined
