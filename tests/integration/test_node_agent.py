"""The agent on every version of Node.js: programs behave the same, and the same causes are seen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.integration.agent_runs import Runner
from tests.integration.node_versions import VERSIONS, node

PROGRAMS = Path(__file__).parent / "test_agent_programs"

CAUSES = """
const http = require('http'), net = require('net'), zlib = require('zlib'), { AsyncResource } = require('async_hooks');
const { once, EventEmitter } = require('events');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const routes = {
  '/body'(req, res) {
    req.on('data', function data() {});
    req.on('end', function end() { setImmediate(function soon() { process.nextTick(function tick() { answer(res); }); }); });
    req.on('close', function closed() {});
    res.on('finish', function finished() {});
  },
  async '/iterate'(req, res) { let size = 0; for await (const part of req) size += part.length; res.end(String(size)); },
  '/library'(req, res) { library(req, function read() { res.end(); }); },
  '/client'(req, res) {
    let left = 2;
    for (const path of ['/one', '/two']) {
      http.get({ port: back.address().port, agent, path }, function response(message) {
        message.on('data', function chunk() {}).on('end', function over() { if (--left === 0) res.end(); });
      });
    }
  },
  '/zip'(req, res) { zlib.gzip('x', function zipped() { res.end(); }); },
  '/net'(req, res) {
    const socket = net.connect(back.address().port, '127.0.0.1', function connected() { socket.write('hi'); });
    socket.on('error', () => {}).on('data', () => {}).on('close', function gone() { res.end(); });
  },
  async '/once'(req, res) { const e = new EventEmitter(); setTimeout(function fire() { e.emit('x'); }, 1); await once(e, 'x'); res.end(); },
  '/pool'(req, res) { queue.push(new AsyncResource('JOB'), res); setTimeout(drain, 1); },
  '/micro'(req, res) { queueMicrotask(function micro() { Promise.all([Promise.resolve(1)]).then(function all() { res.end(); }); }); },
};
const queue = [];
function drain() { const [job, res] = queue.splice(0); job.runInAsyncScope(function work() { res.end(); }); }
async function answer(res) { await null; await new Promise((done) => setTimeout(function timer() { done(); }, 1)); res.end(); }
// As a library would: the function is not the application's, so it has no invocations.
const library = new Function('req', 'done', "req.resume().on('end', () => process.nextTick(() => Promise.resolve().then(done)))");
const back = http.createServer(function backend(req, res) { setTimeout(function later() { res.end('b'); }, 1); });
const server = http.createServer(function front(req, res) { routes[req.url](req, res); });
back.listen(0, () => server.listen(0, () => {
  const paths = Object.keys(routes);
  (function next() {
    const path = paths.shift();
    if (path === undefined) process.exit(0);
    const request = http.request({ port: server.address().port, path, method: 'POST', agent: false }, (res) => res.resume().on('close', next));
    request.write('a');
    setTimeout(() => request.end('b'), 5);
  })();
}));
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_programs_behave_the_same(tmp_path: Path, version: str) -> None:
    runner = Runner(tmp_path, str(node(version)))
    for path in PROGRAMS.iterdir():
        runner.write(path.name, path.read_text())
    for program in ("language.js", "sloppy.js", "contexts.js", "modules.mjs"):
        expected = runner.plain(program)
        run = runner.record(program)
        assert (run.stdout, run.status) == expected
        assert expected[1] in (0, 7)
        assert len(run.invocations()) > 10
        assert set(run.tables.problem["kind"]) <= {"eval", "with"}


def _causes(runner: Runner) -> Counter[tuple[object, ...]]:
    """Each invocation below a request: its function, kind and trigger, what caused it, and the request."""
    runner.write("causes.js", CAUSES)
    run = runner.record("causes.js")
    assert (run.stdout, run.status) == ("", 0)
    chain = run.tables.chain
    events = dict(zip(chain["chain_id"], chain["event"], strict=True))
    rows = {row["invocation_id"]: row for row in run.invocations()}
    return Counter(
        (
            row["name"],
            row["kind"],
            row["trigger"] in ("PROMISE", "TickObject", "Timeout"),
            rows[row["parent_id"]]["name"] if row["parent_id"] else "",
            events[row["chain_id"]],
        )
        for row in rows.values()
        if events[row["chain_id"]].startswith("POST")
    )


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Counter[tuple[object, ...]]:
    return _causes(Runner(tmp_path_factory.mktemp("oldest"), str(node(VERSIONS[0]))))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_causes_are_seen(tmp_path: Path, version: str, oldest: Counter[tuple[object, ...]]) -> None:
    found = _causes(Runner(tmp_path, str(node(version))))
    assert found == oldest
    parents = {name: (parent, event) for name, _, _, parent, event in found}
    assert parents["end"] == parents["closed"] == ("front", "POST /body")
    assert parents["timer"] == ("answer", "POST /body")
    assert parents["read"] == ("front", "POST /library")
    assert parents["over"] == ("response", "POST /client")
