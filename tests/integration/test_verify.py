"""`pipetrace verify` on small applications: equal, different, and what varies by itself."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import cast

import pytest

from pipetrace.__main__ import main
from pipetrace.runner.launch import Running
from pipetrace.runner.replay import Options, Session
from pipetrace.runner.requests import Request, read_requests
from pipetrace.runner.transport import Transport
from pipetrace.runner.verify import Verdict, VerifyOptions, verify
from pipetrace.runner.wire import Answer, HttpConnection
from tests.integration.staged_by_hand import stage_by_hand, stage_one_handler, write_requests

SHOP = """
const http = require('http'), fs = require('fs'), crypto = require('crypto');
let count = 0;
const sessions = new Map();
http.createServer((req, res) => {
  if (req.url === '/count') { count += 1; res.end(`n=${count}\\n`); return; }
  if (req.url === '/slow') { setTimeout(() => res.end('slow'), 20); return; }
  if (req.url === '/random') {
    res.setHeader('X-Id', crypto.randomUUID()); res.end(`<b>${crypto.randomUUID()}</b> fixed`); return;
  }
  if (req.url === '/file') { fs.appendFileSync('log.txt', 'x'); res.end(fs.readFileSync('log.txt')); return; }
  if (req.url === '/login') {
    const id = crypto.randomUUID(); sessions.set(id, 0);
    res.setHeader('Set-Cookie', `sid=${id}; HttpOnly`); res.end('in'); return;
  }
  if (req.url === '/visits') {
    const id = /sid=([^;]+)/.exec(req.headers.cookie || '')?.[1];
    if (!sessions.has(id)) { res.statusCode = 401; res.end('who?'); return; }
    sessions.set(id, sessions.get(id) + 1); res.end(`visits ${sessions.get(id)}`); return;
  }
  if (req.url === '/upload') {
    let size = 0; req.on('data', (d) => { size += d.length; }); req.on('end', () => res.end(`got ${size}`)); return;
  }
  if (req.url === '/stream') {
    res.write('one,'); setImmediate(() => { res.write('two,'); res.end('three'); }); return;
  }
  if (req.url === '/die') { process.exit(3); }
  res.statusCode = 404; res.end('none');
}).listen(Number(process.argv[2] || 0), '127.0.0.1', () => console.log('ready'));
"""


def get(url: str, connection: int = 0, **more: object) -> dict[str, object]:
    return {"method": "GET", "url": url, "connection": connection, **more}


class _Waits:
    """A connection on which nothing is answered, and how long each answer was waited for."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    async def exchange(self, request: Request, headers: tuple[tuple[str, str], ...], timeout_s: float) -> Answer:
        self.waited.append(timeout_s)
        return Answer(end="late")


def test_after_some_requests_without_an_answer_the_others_are_waited_for_less_long(tmp_path: Path) -> None:
    file = write_requests(tmp_path / "requests.jsonl", *[get("/none", number) for number in range(6)])
    requests = read_requests(file)
    connection = _Waits()
    session = Session(cast(Running, None), requests, Options(timeout_s=20.0))

    async def all_of_them() -> None:
        for request in requests:
            await session.ask(cast(HttpConnection, connection), request)

    asyncio.run(all_of_them())
    assert connection.waited == [20.0, 20.0, 20.0, 1.0, 1.0, 1.0]


def judge(tmp_path: Path, change: tuple[str, str] | None, *requests: dict[str, object], source: str = SHOP) -> Verdict:
    staged = stage_by_hand(tmp_path, source, ["0"], lambda text: text.replace(*change) if change else text)
    if change:
        assert change[0] in source
    file = write_requests(tmp_path / "requests.jsonl", *requests)
    options = VerifyOptions(clients=3, timeout_s=5.0, measure=False)
    return verify(staged, read_requests(file), Transport("threads"), options)


def differing(verdict: Verdict) -> list[tuple[str, str, str]]:
    return [(d.phase, d.request.url, d.part) for d in verdict.differences]


MIX = (
    *(get(url, connection) for connection in range(3) for url in ("/count", "/slow", "/stream", "/random", "/nowhere")),
    {"method": "POST", "url": "/upload", "text": "x" * 100_000},
    {"method": "HEAD", "url": "/count"},
    get("/file"),
)


def test_a_copy_answers_the_same_with_state_streams_random_ids_and_files(tmp_path: Path) -> None:
    verdict = judge(tmp_path, None, *MIX)
    assert differing(verdict) == []
    assert verdict.equal
    assert [phase.name for phase in verdict.phases] == ["one at a time", "concurrently", "afterwards"]
    assert [phase.requests for phase in verdict.phases][:2] == [len(MIX), len(MIX)]
    assert ("X-Id", 3) in verdict.phases[0].varying_headers
    assert [title for title, _, _ in verdict.phases[0].varying_bodies] == ["GET /random"]
    assert verdict.stdout == "equal"
    assert not (tmp_path / "app" / "log.txt").exists()
    assert any("put back" in remark and "log.txt" in remark for remark in verdict.remarks)


@pytest.mark.parametrize(
    ("change", "url", "part"),
    [
        (("fixed", "fxied"), "/random", "body"),
        (("'three'", "'tree'"), "/stream", "body"),
        (("'X-Id'", "'x-id'"), "/random", "headers"),
        (("statusCode = 404", "statusCode = 400"), "/nowhere", "status"),
        (("setTimeout(() => res.end('slow'), 20)", "req.socket.destroy()"), "/slow", "end"),
    ],
)
def test_a_small_change_is_found(tmp_path: Path, change: tuple[str, str], url: str, part: str) -> None:
    verdict = judge(tmp_path, change, *(get(u) for u in ("/count", "/slow", "/stream", "/random", "/nowhere")))
    assert not verdict.equal
    assert ("one at a time", url, part) in differing(verdict)
    assert {found for _, found, _ in differing(verdict)} == {url}


def test_state_that_is_lost_is_found(tmp_path: Path) -> None:
    verdict = judge(tmp_path, ("count += 1", "count = 1"), *(get("/count") for _ in range(3)))
    assert ("one at a time", "/count", "body") in differing(verdict)
    assert ("concurrently", "/count", "body") in differing(verdict)


def test_sessions_go_on_with_the_cookies_of_the_run(tmp_path: Path) -> None:
    visit = get("/visits", headers=[["Host", "h"], ["Cookie", "sid=recorded"]])
    flow = (get("/login"), visit, visit)
    assert judge(tmp_path / "same", None, *flow).equal
    lost = judge(tmp_path / "lost", ("sessions.get(id) + 1", "1"), *flow)
    assert ("one at a time", "/visits", "body") in differing(lost)


def test_an_application_that_dies_only_when_staged_is_different(tmp_path: Path) -> None:
    dies = "setTimeout(() => { count += 1; if (count > 9) process.exit(4); res.end('slow'); }, 20)"
    verdict = judge(tmp_path, ("setTimeout(() => res.end('slow'), 20)", dies), *[get("/slow")] * 30)
    assert not verdict.equal
    assert "ended with exit status 4 during the replay" in verdict.problems[0]


def test_stdout_is_compared(tmp_path: Path) -> None:
    verdict = judge(tmp_path, ("'ready'", "'redy'"), get("/count"))
    assert verdict.stdout == "different"
    assert not verdict.equal
    assert "only the original prints 'ready'" in verdict.stdout_difference


GAUGES = """
const dgram = require('dgram'), net = require('net');
const sums = {};
const udp = dgram.createSocket('udp4');
udp.on('message', (m) => { const [name, n] = String(m).split(':'); sums[name] = (sums[name] || 0) + Number(n); });
udp.bind(0, '127.0.0.1');
net.createServer((s) => s.on('data', (d) => s.write(String(d) === 'quit\\n' ? 'bye\\n' : JSON.stringify(sums) + '\\n')))
  .listen(0, '127.0.0.1');
"""


def test_datagrams_and_tcp_answers(tmp_path: Path) -> None:
    sent: list[dict[str, object]] = [{"proto": "udp", "server": 0, "text": f"a:{n}"} for n in range(100)]
    asked: list[dict[str, object]] = [{"proto": "tcp", "server": 1, "text": text} for text in ("sums\n", "quit\n")]
    verdict = judge(tmp_path / "same", None, *sent, *asked, source=GAUGES)
    assert (verdict.equal, verdict.phases[0].equal) == (True, 102)
    other = judge(tmp_path / "other", ("|| 0", "|| 1"), *sent, *asked, source=GAUGES)
    assert [(d.request.proto, d.staged.body) for d in other.differences] == [("tcp", b'{"a":4951}\n')]


NATS = pytest.param(
    "nats",
    marks=[
        pytest.mark.nats,
        pytest.mark.skipif(shutil.which("nats-server") is None, reason="nats-server is not installed"),
    ],
)


@pytest.mark.parametrize("transport", ["threads", NATS])
def test_handlers_run_on_stages_and_are_counted(
    tmp_path: Path, transport: str, capsys: pytest.CaptureFixture[str]
) -> None:
    staged = stage_one_handler(tmp_path, replicas=2)
    file = write_requests(tmp_path / "r.jsonl", *(get(f"/{number % 4}", number % 3) for number in range(12)))
    status = main(["verify", str(staged.folder), "--requests", str(file), "--no-measure", "--transport", transport])
    text = capsys.readouterr().out
    assert text.splitlines()[:2] == [
        "equal: the staged application gave the original's answers to 28 requests "
        "(12 one at a time, 12 concurrently, 4 afterwards).",
        "1 of 1 moved handlers ran on stages, 28 calls in all.",
    ]
    assert status == 0


def test_a_handler_that_throws_only_on_its_stage_is_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    staged = stage_one_handler(tmp_path)
    text = (staged.folder / "app.js").read_text()
    broken = text.replace("res.setHeader", "if (req.url === '/2') throw Error('no');\n  res.setHeader")
    (staged.folder / "app.js").write_text(broken)
    file = write_requests(tmp_path / "r.jsonl", *(get(f"/{number}") for number in range(4)))
    assert main(["verify", str(staged.folder), "--requests", str(file), "--no-measure"]) == 1
    assert capsys.readouterr().out.startswith("different: ")


def test_the_verb_prints_the_verdict_first_and_passes_it_as_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    equal = stage_by_hand(tmp_path / "equal", SHOP, ["0"])
    write_requests(tmp_path / "equal" / "app" / "traces" / "app-1.requests.jsonl", get("/count"), get("/stream"))
    assert main(["verify", str(equal.folder), "--duration", "0.3", "--rounds", "1"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("equal: the staged application gave the original's answers to 6 requests")
    assert "staged / original" in text
    other = stage_by_hand(tmp_path / "other", SHOP, ["0"], lambda source: source.replace("'three'", "'tree'"))
    file = write_requests(tmp_path / "requests.jsonl", get("/count"), get("/stream"))
    assert main(["verify", str(other.folder), "--requests", str(file), "--no-measure"]) == 1
    text = capsys.readouterr().out
    assert text.startswith("different: 3 of 6 answers differ from the original's.")
    assert "body differs from byte 9 on" in text
    assert main(["verify", str(other.folder), "--requests", str(file), "--no-measure", "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert (result["equal"], result["phases"][0]["different"]) == (False, 1)


def test_what_cannot_be_carried_out_is_one_sentence_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def sentence(*args: str) -> str:
        assert main(["verify", *args]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    assert "is not a staged application" in sentence(str(tmp_path))
    staged = stage_by_hand(tmp_path / "a", SHOP, ["0"])
    assert "record with --capture-requests" in sentence(str(staged.folder))
    file = str(write_requests(tmp_path / "r.jsonl", get("/count", server=4)))
    assert "line 1 of the request file speaks of the http server 4" in sentence(str(staged.folder), "--requests", file)
    silent = stage_by_hand(tmp_path / "b", "throw new RangeError('no database')")
    file = str(write_requests(tmp_path / "s.jsonl", get("/")))
    assert "before it listened on a port (it printed: RangeError: no database)" in sentence(
        str(silent.folder), "--requests", file
    )
