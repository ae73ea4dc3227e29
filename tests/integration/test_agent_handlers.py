"""Which functions count as handlers: one invocation a call by the event loop, with the chain that it belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.agent_runs import Runner

CASES = {
    "timers": (
        "setTimeout(function once () { setTimeout(function again () {}, 1) }, 1)\n"
        "setImmediate(function soon () {})\n"
        "const t = setInterval(function tick () { clearInterval(t) }, 1)\n",
        ["again handler timer setTimeout", "once handler timer setTimeout", "soon handler init init",
         "tick handler timer setInterval"],
    ),
    # A few turns may be what the start does; after a hundred each is an event of its own.
    "a loop on setImmediate": (
        "let turns = 0\n"
        "setImmediate(function turn () {\n"
        "  setImmediate(function later () {})\n"
        "  if (++turns < 103) setImmediate(turn)\n"
        "})\n",
        ["later handler init init", "later handler timer setImmediate", "turn handler init init", "turn handler timer setImmediate"],
    ),
    "ticks": (
        "setTimeout(function start () {\n"
        "  process.nextTick(function tick () { queueMicrotask(function micro () {}) })\n"
        "}, 1)\n",
        ["micro handler timer setTimeout", "start handler timer setTimeout", "tick handler timer setTimeout"],
    ),
    "promises": (
        "setTimeout(function start () {\n"
        "  Promise.resolve(1).then(function then () { throw new Error('x') })\n"
        "    .catch(function caught () {}).finally(function last () {})\n"
        "}, 1)\n",
        ["caught handler timer setTimeout", "last handler timer setTimeout", "start handler timer setTimeout",
         "then handler timer setTimeout"],
    ),
    "async functions": (
        "const wait = () => new Promise(function executor (done) { setTimeout(done, 1) })\n"
        "setTimeout(async function start () { await wait(); await null; for await (const x of parts()) void x }, 1)\n"
        "async function * parts () { yield 1 }\n",
        ["parts call timer setTimeout", "parts resume timer setTimeout", "start handler timer setTimeout",
         "start resume timer setTimeout", "wait call timer setTimeout"],
    ),
    "emitters": (
        "const { EventEmitter, once } = require('events')\n"
        "const bus = new EventEmitter()\n"
        "bus.on('x', function listener () {})\n"
        "setTimeout(function start () { bus.emit('x') }, 1)\n"
        "const target = new EventTarget()\n"
        "target.addEventListener('y', function heard () {})\n"
        "const controller = new AbortController()\n"
        "controller.signal.addEventListener('abort', function aborted () {})\n"
        "setTimeout(function fire () { target.dispatchEvent(new Event('y')); controller.abort() }, 2)\n",
        ["aborted handler timer setTimeout", "fire handler timer setTimeout", "heard handler timer setTimeout",
         "listener handler timer setTimeout", "start handler timer setTimeout"],
    ),
    "callbacks during a call": (
        "setTimeout(function start () {\n"
        "  [2, 1].map(function mapped (x) { return x }).sort(function order (a, b) { return a - b })\n"
        "  'a'.replace(/a/, function replaced () { return 'b' })\n"
        "  JSON.stringify({ a: 1 }, function replacer (k, v) { return v })\n"
        "  Array.from([1], function made (x) { return x })\n"
        "}, 1)\n",
        ["start handler timer setTimeout"],
    ),
    "a lazy sequence": (
        "const { Lazy } = require('lazy')\n"
        "setTimeout(function start () {\n"
        "  let rest = new Lazy([1, 2])\n"
        "  ;['a', 'b'].forEach(function key () { rest = rest.filter(function kept () { return true }) })\n"
        "  rest.value()\n"
        "}, 1)\n",
        ["start handler timer setTimeout"],
    ),
    "http": (
        "const http = require('http')\n"
        "const server = http.createServer(function serve (req, res) {\n"
        "  req.on('data', function chunk () {}).on('end', function ended () { res.end('x') })\n"
        "}).listen(0, '127.0.0.1', () => {\n"
        "  const { port } = server.address()\n"
        "  const out = http.request({ port, host: '127.0.0.1', path: '/p?q=1', method: 'POST', agent: false }, (r) => {\n"
        "    r.resume(); r.on('end', () => server.close())\n"
        "  })\n"
        "  out.end('body')\n"
        "})\n",
        ["chunk handler http POST /p", "ended handler http POST /p", "serve handler http POST /p"],
    ),
    "datagrams": (
        "const dgram = require('dgram')\n"
        "const s = dgram.createSocket('udp4')\n"
        "s.on('message', function message () { s.close() })\n"
        "s.bind(0, '127.0.0.1', () => s.send('x', s.address().port, '127.0.0.1'))\n",
        ["message handler datagram message"],
    ),
    "streams and files": (
        "const fs = require('fs')\n"
        "setTimeout(function start () {\n"
        "  fs.readFile(__filename, function read () {})\n"
        "  fs.createReadStream(__filename).on('data', function piece () {}).on('end', function done () {})\n"
        "}, 1)\n",
        ["done handler timer setTimeout", "piece handler timer setTimeout", "read handler timer setTimeout",
         "start handler timer setTimeout"],
    ),
    "signals": (
        "process.on('SIGUSR2', function signalled () { clearInterval(t) })\n"
        "const t = setInterval(() => {}, 1000)\n"
        "setTimeout(() => process.kill(process.pid, 'SIGUSR2'), 5)\n",
        ["signalled handler signal Signal"],
    ),
    "a pool of its own": (
        "const free = [1], waiting = []\n"
        "function take (use) { if (free.length > 0) use(free.pop()); else waiting.push(use) }\n"
        "function give (one) { const next = waiting.shift(); if (next) next(one); else free.push(one) }\n"
        "for (let i = 1; i <= 2; i++) setTimeout(function request () {\n"
        "  take(function use (one) { setTimeout(function back () { give(one) }, 5) })\n"
        "}, i)\n",
        ["back handler timer setTimeout", "request handler timer setTimeout"],
    ),
}  # fmt: skip


LAZY = """
exports.Lazy = class Lazy {
  constructor (list, tests = []) { Object.assign(this, { list, tests }) }
  filter (test) { return new Lazy(this.list, [...this.tests, test]) }
  value () { return this.list.filter((one) => this.tests.every((test) => test(one))) }
}
"""


@pytest.mark.parametrize("name", CASES)
def test_invocations(name: str, tmp_path: Path) -> None:
    program, wanted = CASES[name]
    runner = Runner(tmp_path)
    runner.write("a.js", program)
    runner.write("node_modules/lazy/index.js", LAZY)
    run = runner.record("a.js")
    assert run.status == 0, run.stdout
    chains = dict(
        zip(
            run.tables.chain["chain_id"],
            zip(run.tables.chain["kind"], run.tables.chain["event"], strict=True),
            strict=True,
        )
    )
    rows = [row for row in run.invocations() if row["kind"] != "init" and "@" not in row["name"]]
    found = {" ".join([row["name"], row["kind"], *chains[row["chain_id"]]]) for row in rows}
    assert sorted(found) == wanted
