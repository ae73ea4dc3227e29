"""Handlers of servers, moved to a stage, answer byte by byte as the original, whatever the framework."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.runtime_apps import App, Server, Transport, make_app, raw_request, until

PROGRAMS = Path(__file__).parent / "runtime_programs"
BIG_TEXT = "\n".join(f"line {i}" for i in range(200_000))
LARGE = b"x" * 3_000_000

# Name of the program; environment; requests (head, body).
Case = tuple[str, dict[str, str], list[tuple[str, bytes]]]

EXPRESS: list[tuple[str, bytes]] = [
    ("GET /send?a=5 HTTP/1.1\nX-H: hh", b""), ("HEAD /send?a=5 HTTP/1.1", b""), ("GET /send?a=5 HTTP/1.0", b""),
    ('GET /send?a=5 HTTP/1.1\nIf-None-Match: W/"34-6QdWcoiSrkhkAcXMKLNzJQYxVoA"', b""),
    ("GET /comp/send?a=2 HTTP/1.1\nAccept-Encoding: gzip", b""), ("GET /sjson HTTP/1.1", b""),
    ("GET /comp/json HTTP/1.1\nAccept-Encoding: gzip", b""), ("GET /redir HTTP/1.1", b""), ("GET /render HTTP/1.1", b""),
    ("GET /file HTTP/1.1", b""), ("GET /file HTTP/1.1\nRange: bytes=5-20", b""), ("HEAD /file HTTP/1.1", b""),
    ("GET /pipe HTTP/1.1", b""), ("GET /comp/pipe HTTP/1.1\nAccept-Encoding: gzip", b""), ("GET /throw HTTP/1.1", b""),
    ("GET /nexterr HTTP/1.1", b""), ("GET /asyncerr HTTP/1.1", b""), ("GET /reject2 HTTP/1.1", b""), ("GET /mw HTTP/1.1", b""),
    ("GET /session HTTP/1.1", b""), ("GET /session HTTP/1.1\nCookie: {cookie}", b""), ("GET /session HTTP/1.1\nCookie: {cookie}", b""),
    ("GET /cs/s HTTP/1.1", b""), ("GET /cs/s HTTP/1.1\nCookie: {cookie}", b""),
    ("POST /json HTTP/1.1\nContent-Type: application/json", b'{"a":{"b":[1,2,null]}}'),
    ("POST /json HTTP/1.1\nContent-Type: application/json", b"{bad"), ("POST /raw HTTP/1.1", LARGE), ("POST /rawiter HTTP/1.1", LARGE),
    ("POST /unread HTTP/1.1", b"abc"), ("POST /echo HTTP/1.1", LARGE), ("GET /chunks HTTP/1.1", b""), ("GET /status204 HTTP/1.1", b""),
    ("GET /writehead HTTP/1.1", b""), ("GET /badheader HTTP/1.1", b""), ("GET /sent HTTP/1.1", b""), ("GET /fin HTTP/1.1", b""),
    ("GET /late HTTP/1.1", b""), ("GET /p/a%20b/c HTTP/1.1", b""), ("GET /sub/x?q=1 HTTP/1.1", b""), ("GET /nowhere HTTP/1.1", b""),
]  # fmt: skip


def gets(*paths: str) -> list[tuple[str, bytes]]:
    return [(f"GET {path} HTTP/1.1\nX-H: H", b"") for path in paths]


CASES: dict[str, Case] = {
    "express 4": ("express.js", {"EXPRESS": "express"}, EXPRESS),
    "express 5": ("express.js", {"EXPRESS": "express5"}, EXPRESS),
    "koa": ("koa.js", {}, [*gets("/a?x=1", "/sync", "/stream", "/throw", "/err", "/cookie", "/redir", "/mw", "/buf", "/raw", "/p/1",
                                 "/none", "/nope"), ("HEAD /buf HTTP/1.1", b""), ("POST /body HTTP/1.1", LARGE)]),
    "fastify": ("fastify.js", {}, [*gets("/a?x=1", "/send", "/late", "/ret", "/retreply", "/throw", "/sthrow", "/stream", "/redir", "/p/1",
                                         "/raw", "/nf", "/nope"), ("POST /json HTTP/1.1\nContent-Type: application/json", b'{"a":1}')]),
    "connect": ("connect.js", {}, gets("/a/b?x=1", "/mw", "/throw", "/next", "/static/big.txt", "/nope")),
    "between": ("between.js", {}, gets("/a?x=1", "/nope")),
    "polka": ("polka.js", {}, gets("/a?x=1", "/p/7", "/next", "/nope")),
    "restify": ("restify.js", {}, [*gets("/a?x=1", "/txt", "/err", "/async", "/raw", "/nope"),
                                   ("POST /json HTTP/1.1\nContent-Type: application/json", b'{"a":1}'), ("HEAD /a HTTP/1.1", b"")]),
    "node:http": ("plain.js", {}, [*gets("/a?x=1", "/stream", "/trailers", "/early", "/nope"), ("POST /body HTTP/1.1", LARGE),
                                   ("GET /a?x=2 HTTP/1.1\nCookie: a=1\nCookie: b=2\nX-H: 1\nX-H: 2", b"")]),
}  # fmt: skip

CONDITIONAL = {"app.js#reject2": "express 5"}
"""Handlers that only one variant has."""


def answers(server: Server, requests: list[tuple[str, bytes]]) -> list[bytes]:
    found = []
    cookie = ""
    for head, body in requests:
        answer = raw_request(server.port, head.format(cookie=cookie), body)
        if cookies := re.findall(rb"[Ss]et-[Cc]ookie: ([^;]*)", answer):
            cookie = "; ".join(value.decode() for value in cookies)
        found.append(answer)
    return found


@pytest.mark.parametrize("case", CASES)
def test_answers_are_those_of_the_original(tmp_path: Path, transport: Transport, frameworks: Path, case: str) -> None:
    name, env, requests = CASES[case]
    program = (PROGRAMS / name).read_text(encoding="utf-8")
    synchronous = {found: {"returns": "nothing"} for found in re.findall(r"\$pt\.handler\('([^']+)'", program)}
    app = make_app(
        tmp_path / "app",
        {"app.js": program, "big.txt": BIG_TEXT, "views/v.ejs": "<b><%= name %> <%= t %> <%= x.n %></b>\n"},
        packages=frameworks,
        plan={"handlers": synchronous},
    )
    with app.serve(None, env=env) as original, app.serve(transport, env=env) as staged:
        for (head, _), expected, found in zip(
            requests, answers(original, requests), answers(staged, requests), strict=True
        ):
            assert found == expected, f"{head}\n{staged.err()}"
        assert all(answer for answer in answers(staged, requests[:1]))
        used = set(synchronous) - {handler for handler, only in CONDITIONAL.items() if only != case}
        until(lambda: all(staged.counters(one)["sent"] for one in used), 5, f"calls of {used}: {staged.metrics()}")
        assert not [one for one in staged.metrics()["handlers"] if one["misfit"] or one["refused"] or one["failed"]], staged.err()
        lines = [re.sub(r"port \d+\n", "", server.out()) for server in (original, staged)]
        until(lambda: re.sub(r"port \d+\n", "", staged.out()) == lines[0], 5, f"output {lines}")
        assert "pipetrace" not in staged.err()


CLIENT_GOES = """
'use strict';
const $pt = require('@pipetrace/runtime').file('app.js');
const http = require('http');
const server = http.createServer($pt.handler('app.js#slow', (req, res) => {
  const events = [];
  const note = (name) => { events.push(name); if (events.length === 3) console.log(events.sort().join(' '), res.destroyed, res.writableEnded); };
  req.on('aborted', () => note('aborted')); req.on('close', () => note('request')); res.on('close', () => note('response'));
  req.on('error', () => {}); res.write('begun');
}));
server.listen(0, () => console.log('port ' + server.address().port));
"""


def test_a_client_that_goes_is_seen_on_the_stage(tmp_path: Path, transport: Transport) -> None:
    import socket

    app = make_app(tmp_path / "app", {"app.js": CLIENT_GOES}, replicas=1)
    said = []
    for mode in (None, transport):
        with app.serve(mode) as server:
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                while b"begun" not in client.recv(1 << 16):
                    pass
            until(lambda server=server: server.out().count("\n") > 1, what=f"the end ({server.err()})")
            said.append(server.out().split("\n", 1)[1])
    assert said[0] == said[1] == "aborted request response true false\n"


MEMORY = """
'use strict';
const $pt = require('@pipetrace/runtime').file('app.js');
const http = require('http');
const server = http.createServer($pt.handler('app.js#flow', async (req, res) => {
  if (req.method === 'POST') {
    let n = 0;
    for await (const chunk of req) { n += chunk.length; if (n < 400000) await new Promise((done) => setTimeout(done, 10)); }
    res.end(String(n));
    return;
  }
  const chunk = Buffer.alloc(65536, 'x');
  for (let i = 0; i < 6400; i++) if (!res.write(chunk)) await new Promise((done) => res.once('drain', done));
  res.end();
}));
setInterval(() => { console.log('rss', process.memoryUsage.rss()); }, 20).unref();
server.listen(0, () => console.log('port ' + server.address().port));
"""


def test_bodies_larger_than_memory_flow_with_back_pressure(tmp_path: Path, transport: Transport) -> None:
    import http.client

    app = make_app(tmp_path / "app", {"app.js": MEMORY}, replicas=1)
    with app.serve(transport) as server:
        until(lambda: "rss" in server.out())
        before = max(int(value) for value in re.findall(r"rss (\d+)", server.out()))
        download = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        download.request("GET", "/")
        answer = download.getresponse()
        size = len(answer.read(1 << 20))
        reached = server.out().count("rss")
        until(lambda: server.out().count("rss") > reached + 15)  # a reader that waits: nothing may pile up meanwhile
        while chunk := answer.read(1 << 20):
            size += len(chunk)
        assert size == 6400 * 65536
        upload = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        block = b"y" * (1 << 20)
        upload.request("POST", "/", body=(block for _ in range(400)), headers={"Content-Length": str(400 << 20)})
        assert upload.getresponse().read() == str(400 << 20).encode()
        after = max(int(value) for value in re.findall(r"rss (\d+)", server.out()))
        assert after - before < 200 << 20, f"{before >> 20} MB, then {after >> 20} MB"
        assert server.counters("app.js#flow")["sent"] == 2


def test_order_on_one_connection_is_kept(tmp_path: Path, transport: Transport) -> None:
    import socket

    text = """
'use strict';
const $pt = require('@pipetrace/runtime').file('app.js');
const http = require('http');
const heavy = $pt.handler('app.js#heavy', (req, res) => { const end = Date.now() + (req.url === '/0' ? 60 : 1); while (Date.now() < end); res.end(req.url); });
const server = http.createServer((req, res) => { if (Number(req.url.slice(1)) % 2) res.end(req.url); else heavy(req, res); });
server.listen(0, () => console.log('port ' + server.address().port));
"""
    app: App = make_app(tmp_path / "app", {"app.js": text})
    with app.serve(transport) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(b"".join(f"GET /{i} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for i in range(20)))
            received = b""
            while received.count(b"HTTP/1.1 200") < 20 or not received.endswith(b"/19"):
                received += client.recv(1 << 16)
        assert [int(one) for one in re.findall(rb"\r\n\r\n/(\d+)", received)] == list(range(20))
        until(lambda: server.counters("app.js#heavy")["sent"] == 10)


LATE = """
'use strict';
const $pt = require('@pipetrace/runtime').file('app.js');
const http = require('http');
const seen = $pt.state('app.js:seen', new Map());
const server = http.createServer($pt.handler('app.js#count', (req, res) => {
  req.resume();
  req.on('end', () => setTimeout(() => { seen.set(req.url, 1); res.end('counted'); }, 5));
}));
server.listen(0, () => console.log('port ' + server.address().port));
"""


def test_each_request_that_a_late_callback_leaves_with_a_violation_is_answered(tmp_path: Path, transport: Transport) -> None:
    app = make_app(tmp_path / "app", {"app.js": LATE}, replicas=1)
    # A stage that got no turn for some seconds counts as dead over a broker, and its calls run on the entry then.
    with app.serve(transport, env={"PIPETRACE_DEAD_MS": "120000"}) as server, ThreadPoolExecutor(4) as clients:
        found = list(clients.map(lambda n: raw_request(server.port, f"POST /{n} HTTP/1.1", b"body"), range(8)))
        assert [answer.split(b" ")[1] for answer in found] == [b"500"] * 8, server.err()
        assert "Handler app.js#count on stage stage1 touched app.js:seen" in server.err()
        assert "(unknown)" not in server.err()
        until(lambda: server.counters("app.js#count")["sent"] == 8)


LATER = """
'use strict';
const $pt = require('@pipetrace/runtime').file('app.js');
const http = require('http');
const seen = $pt.state('app.js:seen', new Map());
const count = $pt.handler('app.js#count', () => { seen.set('late', 1); });
const server = http.createServer((req, res) => {
  req.resume();
  req.on('end', () => setTimeout(count, 5));
});
server.listen(0, () => console.log('port ' + server.address().port));
"""


def test_each_of_several_open_requests_gets_its_violation_where_they_are_followed(tmp_path: Path, transport: Transport) -> None:
    app = make_app(tmp_path / "app", {"app.js": LATER}, replicas=1)
    env = {"PIPETRACE_FOLLOW": "1", "PIPETRACE_DEAD_MS": "120000"}
    with app.serve(transport, env=env) as server, ThreadPoolExecutor(4) as clients:
        found = list(clients.map(lambda n: raw_request(server.port, f"POST /{n} HTTP/1.1", b"body"), range(8)))
        assert [answer.split(b" ")[1] for answer in found] == [b"500"] * 8, server.err()


CUT = """
'use strict';
const $pt = require('@pipetrace/runtime').file('app.js');
const http = require('http');
const server = http.createServer($pt.handler('app.js#cut', (req, res) => {
  res.write('begun');
  process.nextTick(() => req.socket.destroy());
}));
server.listen(0, () => console.log('port ' + server.address().port));
"""


def test_what_was_written_before_a_connection_is_destroyed_arrives(tmp_path: Path, transport: Transport) -> None:
    app = make_app(tmp_path / "app", {"app.js": CUT}, replicas=1)
    with app.serve(None) as original, app.serve(transport) as staged:
        expected, found = (raw_request(server.port, "GET / HTTP/1.1") for server in (original, staged))
        assert b"begun" in expected
        assert found == expected
        until(lambda: staged.counters("app.js#cut")["sent"] == 1)


OWN_SERVER = """
'use strict';
const $pt = require('@pipetrace/runtime').file('app.js');
const http = require('http');
const server = http.createServer($pt.handler('app.js#listens', async (req, res) => {
  const own = http.createServer((_, answer) => answer.end('own'));
  await new Promise((done) => own.listen(0, '127.0.0.1', done));
  const text = await (await fetch(`http://127.0.0.1:${own.address().port}/`)).text();
  own.close();
  own.closeAllConnections();
  res.end(text);
}));
server.listen(0, () => console.log('port ' + server.address().port));
"""


def test_a_moved_handlers_own_server_listens_or_is_a_violation(tmp_path: Path, transport: Transport) -> None:
    app = make_app(tmp_path / "app", {"app.js": OWN_SERVER}, replicas=1)
    with app.serve(transport) as server:
        status, text = server.get("/")
        if transport.address == "threads":
            assert (status, text) == (200, "own")
        else:
            assert status == 500
            assert "would listen, which has to happen on the machine of the entry stage" in server.err()


CALLED_BACK = """
'use strict';
const $pt = require('@pipetrace/runtime').file('app.js');
const http = require('http');
const work = $pt.handler('app.js#work', (done) => { setTimeout(() => done(2), 1); });
const server = http.createServer((req, res) => {
  const told = work((n) => res.end(`${n} ${told}`));
});
server.listen(0, () => console.log('port ' + server.address().port));
"""


def test_who_is_called_back_gets_no_promise(tmp_path: Path, transport: Transport) -> None:
    plan = {"handlers": {"app.js#work": {"returns": "nothing"}}}
    app = make_app(tmp_path / "app", {"app.js": CALLED_BACK}, plan=plan)
    with app.serve(transport) as server:
        assert server.get("/") == (200, "2 undefined")
        until(lambda: server.counters("app.js#work")["sent"] == 1)
