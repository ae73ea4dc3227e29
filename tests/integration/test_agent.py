"""The agent in real processes: what it records, and that applications do not notice."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipetrace.tracer.instrument import MemoryMode
from tests.integration.agent_runs import AGENT, DEADLINE_S, Runner, Texts


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    yield Runner(tmp_path)


SERVER = """
'use strict'
const http = require('http')
const cache = new Map()
let hits = 0
function load (key, done) { setTimeout(() => done(key.length), 1) }
const work = async key => {
  hits++
  const size = await new Promise(resolve => load(key, resolve))
  cache.set(key, size)
  return size
}
const server = http.createServer(function onRequest (req, res) {
  const list = [1, 2].map(function twice (x) { return x * 2 })
  work(req.url).then(function answer (size) { res.end(String(size + list.length)) })
})
server.listen(0, async function onListen () {
  const { port } = server.address()
  for (const path of ['/a?secret=hunter2', '/bb']) console.log(await get(port, path))
  process.exit(5)
})
function get (port, path) {
  return new Promise(resolve => http.get({ port, path }, r => { r.setEncoding('utf8').on('data', resolve) }))
}
"""


LOOK = """
const { Look } = require(process.argv[2] + '/hidden.js')
function counter () { let count = { at: 1 }; return () => count.at++ }
const names = Array.from({ length: 400 }, (_, at) => 'v' + at)
const wide = Function(`let ${names.map(n => n + ' = 1')}; return () => [${names}]`)()
const library = Array.from({ length: 400 }, () => ({ next: counter() }))
function look (objects) {
  const one = new Look()
  try { return [objects.map(each => one.hiddenOf(each)), one.asked] } finally { one.end() }
}
const [found, asked] = look(library)
const [again] = look(library)
console.log(JSON.stringify({
  asked, found: found.flat().length, same: again.every((values, at) => values[0] === found[at][0]),
  wide: look([wide]), left: '$pxHeld' in globalThis
}))
"""


def test_a_library_of_many_closures_is_looked_into_within_bounds(tmp_path: Path) -> None:
    (tmp_path / "look.js").write_text(LOOK)
    done = subprocess.run(["node", "look.js", str(AGENT.parent)], cwd=tmp_path, capture_output=True, text=True,
                          timeout=DEADLINE_S)  # fmt: skip
    seen = json.loads(done.stdout)
    assert 0 < seen["asked"] < 100
    assert seen["found"] == seen["asked"]
    assert seen["same"]
    assert seen["wide"] == [[[]], 0]
    assert not seen["left"]


def test_causality_of_a_server(runner: Runner) -> None:
    runner.write("server.js", SERVER)
    run = runner.record("server.js")
    assert (run.stdout, run.status) == ("19\n5\n", 5)
    chains = {
        number: (kind, event)
        for number, kind, event in zip(
            run.tables.chain["chain_id"], run.tables.chain["kind"], run.tables.chain["event"], strict=True
        )
    }
    requests = run.of("onRequest")
    assert [chains[row["chain_id"]] for row in requests] == [("http", "GET /a"), ("http", "GET /bb")]
    assert all(row["kind"] == "handler" and row["parent_id"] is None and not row["nested"] for row in requests)
    first = requests[0]
    called, resumed = (row for row in run.of("work") if row["chain_id"] == first["chain_id"])
    assert (called["kind"], called["parent_id"]) == ("call", first["invocation_id"])
    assert (resumed["kind"], resumed["first_id"]) == ("resume", called["invocation_id"])
    answer = run.of("answer")[0]
    assert (answer["kind"], answer["chain_id"], answer["trigger"]) == ("handler", first["chain_id"], "PROMISE")
    assert run.of("twice") == []
    assert {chains[row["chain_id"]][0] for row in run.of("onListen")} == {"init"}
    assert run.tables.init_end_ns is not None
    assert run.tables.process["exit_code"] == [5]


def test_what_a_library_made_to_answer_requests_counts_as_changed(runner: Runner) -> None:
    runner.write(
        "node_modules/lib/index.js",
        "const seen = []\n"
        "exports.make = () => (req, res) => { seen.push(req.url); res.end() }\n"
        "exports.serve = (req, res) => res.end()\n",
    )
    runner.write(
        "on.js",
        """
        const http = require('http')
        const lib = require('lib')
        const answer = lib.make()
        const server = http.createServer(function on (req, res) {
          if (req.url === '/a') answer(req, res)
          else lib.serve(req, res)
        })
        server.listen(0, async () => {
          for (const path of ['/a', '/b']) {
            await new Promise(done => http.get({ port: server.address().port, path, agent: false }, r => r.resume().on('end', done)))
          }
          server.close()
        })
        """,
    )
    found = {(where, mode) for who, kind, where, mode, via in runner.record("on.js").accesses() if who == "on" and kind == "content"}
    assert ("on.js:answer", "rw") in found
    assert ("on.js:lib", "rw") not in found


def test_memory_of_a_server(runner: Runner) -> None:
    runner.write("server.js", SERVER)
    accesses = runner.record("server.js").accesses()
    assert ("work", "variable", "server.js:hits", "rw", "direct") in accesses
    assert ("work", "content", "server.js:cache", "w", "builtin") in accesses
    assert not any("secret" in str(access) or "hunter2" in str(access) for access in accesses)


def test_what_keeps_its_place_is_moved_on_by_reading(runner: Runner) -> None:
    runner.write(
        "places.js",
        "const ids = (function* () { let n = 0; for (;;) yield n++ })()\n"
        "const kept = /a/g, fresh = /b/g, seen = new Map()\n"
        "let n = 0\n"
        "const t = setInterval(function tick () {\n"
        "  ids.next(); kept.test('aaaa'); while (fresh.exec('bb'));\n"
        "  if (++n === 3 && seen.size === 0) clearInterval(t)\n"
        "}, 1)\n",
    )
    accesses = runner.record("places.js").accesses()
    assert ("tick", "content", "places.js:ids", "rw", "builtin") in accesses
    assert ("tick", "property", "places.js:kept.lastIndex", "rw", "builtin") in accesses
    assert not any("fresh.lastIndex" in access[2] for access in accesses)
    assert ("tick", "content", "places.js:seen", "r", "builtin") in accesses


def test_no_value_is_in_the_spool(runner: Runner) -> None:
    runner.write("server.js", SERVER)
    runner.record("server.js")
    data = b"".join(path.read_bytes() for path in runner.directory.glob("run*/spool/*"))
    assert b"onRequest" not in data
    assert b"GET /bb" in data
    assert b"hunter2" not in data


def test_costs_only_records_no_accesses(runner: Runner) -> None:
    runner.write("server.js", SERVER)
    run = runner.record("server.js", "off")
    assert len(run.of("onRequest")) == 2
    assert len(run.tables.access["line"]) == 0
    assert not any(run.tables.invocation["sampled"])


def test_sampling_grows_rare(runner: Runner) -> None:
    runner.write(
        "many.js", "let n = 0; const t = setInterval(function tick () { if (++n === 120) clearInterval(t) }, 1)"
    )
    sampled = [bool(row["sampled"]) for row in runner.record("many.js", "sampled").of("tick")]
    assert len(sampled) == 120
    assert all(sampled[:5])
    assert 5 <= sum(sampled) < 60


def test_the_first_calls_of_a_function_are_sampled_whatever_sampling_has_cost(runner: Runner) -> None:
    runner.write(
        "late.js",
        """
        let n = 0, kept = 0
        const late = { first () { kept++ } }
        const t = setInterval(function tick () {
          const end = performance.now() + 4
          while (performance.now() < end);
          if (++n > 100) late.first()
          if (n === 120) clearInterval(t)
        }, 1)
        """,
    )
    run = runner.record("late.js", "sampled")
    sampled = [bool(row["sampled"]) for row in run.of("tick")]
    assert sum(sampled[20:100]) < 70
    assert all(sampled[100:105])
    assert not all(sampled[105:])
    assert ("tick", "variable", "late.js:kept", "rw", "direct") in run.accesses()


def test_each_kind_of_event_is_sampled_whatever_the_budget(tmp_path: Path) -> None:
    (tmp_path / "sampling.js").write_text(
        "const { Sampling } = require(process.argv[2] + '/sampling.js')\n"
        "const sampling = new Sampling('sampled')\n"
        "sampling.spent(10_000, true)\n"
        "const ask = event => Array.from({ length: 9 }, () => sampling.wants(1, event)).filter(Boolean).length\n"
        "console.log(JSON.stringify([ask('GET /a'), ask('GET /b'), ask('GET /a')]))\n"
    )
    done = subprocess.run(["node", "sampling.js", str(AGENT.parent)], cwd=tmp_path, capture_output=True, text=True,
                          timeout=DEADLINE_S)  # fmt: skip
    assert json.loads(done.stdout) == [5, 3, 0]


def test_each_tick_of_a_timer_is_a_chain(runner: Runner) -> None:
    runner.write("tick.js", "let n = 0; const t = setInterval(function tick () { if (++n === 3) clearInterval(t) }, 1)")
    run = runner.record("tick.js")
    assert len({row["chain_id"] for row in run.of("tick")}) == 3
    assert sorted(run.tables.chain["event"]) == ["init", *["setInterval"] * 3]


def test_library_calls_nest_and_synchronous_callbacks_do_not(runner: Runner) -> None:
    runner.write("package.json", '{"name": "app"}')
    runner.write(
        "node_modules/lib/index.js",
        "const list = []\n"
        "exports.use = f => list.push(f)\n"
        "exports.run = x => { let i = 0; const next = () => { const f = list[i++]; if (f) f(x, next) }; next() }\n"
        "exports.each = (xs, f) => { for (const x of xs) f(x) }\n"
        "exports.add = (o, k) => { o.items.push(k) }\n",
    )
    runner.write(
        "a.js",
        "const lib = require('lib')\n"
        "const store = { items: [] }\n"
        "lib.use(function one (x, next) {\n"
        "  lib.each([1, 2], visit); lib.each([3], function inner () { x.n++ }); next()\n"
        "})\n"
        "lib.use(function two (x, next) { lib.add(store, 1); own(); next() })\n"
        "function visit (y) { store.last = y }\n"
        "function own () { exports.x = 1 }\n"
        "exports.visit = visit; exports.own = own\n"
        "setTimeout(function start () { lib.run({ n: 0 }) }, 1)\n",
    )
    run = runner.record("a.js")
    start, one, two = run.of("start")[0], run.of("one")[0], run.of("two")[0]
    assert (start["nested"], one["nested"], two["nested"]) == (False, True, True)
    assert one["parent_id"] == start["invocation_id"]
    assert two["parent_id"] == one["invocation_id"]
    assert start["self_ns"] <= start["wall_ns"] - one["wall_ns"] + 1000
    assert [run.of(name) for name in ("visit", "inner", "own")] == [[], [], []]
    changed = {access[:2] + access[3:] for access in run.accesses() if access[2].endswith("(array) made in a.js:2")}
    assert ("two", "content", "rw", "compared") in changed
    assert ("one", "property", "a.js:store.last", "w", "direct") in run.accesses()
    ruptures = run.tables.rupture
    registered = dict(zip([run.names[f] for f in ruptures["function_id"]], ruptures["callee"], strict=True))
    assert (registered["one"], registered["start"]) == ("lib.use", "setTimeout")


def test_closures_have_a_location_each(runner: Runner) -> None:
    runner.write(
        "a.js",
        "const make = () => { let n = 0; return function count () { return ++n } }\n"
        "const a = make(), b = make()\n"
        "setTimeout(a, 1); setTimeout(a, 2); setTimeout(b, 3)\n",
    )
    run = runner.record("a.js")
    index = [at for at, name in enumerate(run.tables.location["name"]) if name == "n"]
    assert len(index) == 2
    assert [run.tables.location["kind"][at] for at in index] == ["variable", "variable"]
    numbers = {run.tables.location["location_id"][at] for at in index}
    counts = [list(run.tables.access["location_id"]).count(number) for number in numbers]
    functions = {row["invocation_id"] for row in run.of("count")}
    assert len(functions) == 3
    assert sorted(counts) == [2, 3]


def test_shapes_name_classes_and_what_cannot_travel(runner: Runner) -> None:
    runner.write(
        "a.js",
        "const { Readable } = require('stream')\n"
        "const stream = Readable.from(['x'])\n"
        "function outer (held) {\n"
        "  setTimeout(function later (a, b) { return [held, a, b] }, 1, { k: 'text' }, new WeakMap())\n"
        "}\n"
        "outer(stream)\n",
    )
    shape = runner.record("a.js").tables.shape
    rows = {
        slot: (name, sendable, why)
        for slot, name, sendable, why in zip(
            shape["slot"], shape["class"], shape["sendable"], shape["why"], strict=True
        )
    }
    assert rows["arg0"] == ("plain", True, "")
    assert rows["arg1"] == ("weak", False, "a weak collection")
    assert rows["capture:held"] == ("stream", False, "a stream")
    assert rows["return"][:2] == ("array", False)


def test_workers_and_children_are_recorded_and_end_as_usual(runner: Runner) -> None:
    runner.write(
        "a.js",
        "const { Worker, isMainThread, parentPort } = require('worker_threads')\n"
        "const { fork } = require('child_process')\n"
        "if (process.argv[2] === 'child') process.on('message', function told (m) { process.exit(m) })\n"
        "else if (!isMainThread) {\n"
        "  parentPort.on('message', function asked (m) { parentPort.postMessage(m * 2); parentPort.close() })\n"
        "}\n"
        "else {\n"
        "  const w = new Worker(__filename); w.postMessage(21)\n"
        "  w.on('message', v => console.log(v))\n"
        "  w.on('exit', () => {\n"
        "    const c = fork(__filename, ['child']); c.send(4); c.on('exit', code => console.log(code))\n"
        "  })\n"
        "}\n",
    )
    run = runner.record("a.js")
    assert (run.stdout, run.status) == ("42\n4\n", 0)
    assert run.tables.process["kind"] == ["main", "worker", "child"]
    assert run.tables.process["exit_code"] == [0, 0, 4]
    assert {row["name"]: row["process_id"] for row in run.invocations() if row["name"] in ("told", "asked")} == {
        "asked": 1,
        "told": 2,
    }


def test_what_was_written_before_a_kill_is_readable(runner: Runner) -> None:
    runner.write("a.js", "let n = 0; setInterval(function tick () { n++ }, 2)")

    def kill_when_written(directory: Path, process: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            # Blocks appear every 100 ms; the first holds the initialisation, later ones hold ticks.
            if sum(path.stat().st_size for path in (directory / "spool").glob("*.bin")) > 4000:
                break
        process.kill()

    run = runner.record("a.js", until=kill_when_written)
    assert run.status == -9
    assert len(run.of("tick")) > 5
    assert run.tables.process["exit_code"] == [None]


def test_text_that_does_not_compile_is_left_alone(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    runner.write("a.js", "exports.f = function f () { return 1 }\nconsole.log(exports.f())")
    answer = Texts.answer

    def spoiled(self: Texts, message: dict[str, str]) -> dict[str, Any]:
        return {**answer(self, message), "code": "this is not JavaScript"}

    monkeypatch.setattr(Texts, "answer", spoiled)
    run = runner.record("a.js")
    assert (run.stdout, run.status) == ("1\n", 0)
    assert len(run.refused) == 1


def test_syntax_error_of_the_application_is_its_own(runner: Runner) -> None:
    runner.write("a.js", "try { require('./b.js') } catch (e) { console.log(e.name) }")
    runner.write("b.js", "throw new SyntaxError('mine')")
    assert runner.record("a.js").stdout == "SyntaxError\n"


def test_application_below_node_modules_is_recorded(runner: Runner) -> None:
    runner.root = runner.root / "node_modules" / "tool"
    runner.root.mkdir(parents=True)
    runner.write("cli.js", "setTimeout(function later () {}, 1)")
    assert len(runner.record("cli.js").of("later")) == 1


PROGRAMS = Path(__file__).parent / "test_agent_programs"


@pytest.mark.parametrize("memory", ["off", "full"])
@pytest.mark.parametrize("program", ["language.js", "sloppy.js", "modules.mjs"])
def test_programs_behave_the_same(runner: Runner, program: str, memory: MemoryMode) -> None:
    """Each program prints what many features of the language do."""
    for path in PROGRAMS.iterdir():
        runner.write(path.name, path.read_text())
    expected, status = runner.plain(program)
    run = runner.record(program, memory)
    assert (run.stdout, run.status) == (expected, status)
    assert status in (0, 7)
    assert expected.count("\n") > 3
    assert list(run.tables.problem["kind"]) in ([], ["eval", "with"], ["with", "eval"])
