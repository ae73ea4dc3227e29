"""State that libraries keep in variables of their own: seen in a recording, and told from what they make once or write anew."""

from __future__ import annotations

import json

import pytest

from tests.integration.agent_runs import Recorded, Runner

LIBRARIES = {
    "single": """
        function Cache () {
          const entries = Object.create(null)
          this.put = (key, value) => { entries[key] = value }
          this.has = (key) => key in entries
        }
        module.exports = new Cache()""",
    "counter": "let n = 0; module.exports = function next () { n += 1; return n }",
    "parts": "const seen = new Map(); exports.put = (key) => { seen.set(key, 1) }; exports.count = () => seen.size",
    "private": """
        class Store { #items = []; add (x) { this.#items.push(x) } count () { return this.#items.length } }
        module.exports = new Store()""",
    "late": """
        const all = []
        module.exports = { async add (x) { await null; all.push(x) }, count: () => all.length }""",
    "registry": """
        const all = new Map()
        exports.Counter = class Counter { constructor () { this.n = 0; all.set('c', this) } inc () { this.n += 1 } }
        exports.total = () => [...all.values()][0].n""",
    "shown": "exports.stats = { hits: 0 }; exports.hit = () => { exports.stats.hits += 1 }",
    "modern": "let hits = 0; export function hit () { hits += 1 } export default { hits: () => hits }",
    "lazy": """
        let table = null
        exports.code = (text) => {
          if (table === null) { table = {}; for (let i = 0; i < 256; i++) table['x' + i] = i }
          return table['x' + text.length]
        }""",
    "parser": """
        const state = { text: '', at: 0 }
        exports.words = (text) => {
          state.text = text; state.at = 0
          while (state.at < text.length) state.at += 1
          return state.at
        }""",
    "queue": """
        const waiting = []
        exports.soon = (f) => new Promise((resolve) => {
          waiting.push(f)
          setImmediate(() => { for (const each of waiting.splice(0)) resolve(each()) })
        })""",
    "revoked": """
        const { proxy, revoke } = Proxy.revocable({}, {})
        const wary = new Proxy({}, { getPrototypeOf () { throw new Error('looked at') } })
        revoke()
        exports.held = () => [proxy, wary].length""",
    "pure": "const zlib = require('zlib'); exports.size = (text) => zlib.deflateRawSync(text).length",
}
KEEPS = {"single", "counter", "parts", "private", "late", "registry", "shown", "modern"}
MAIN = """
import single from 'single'
import next from 'counter'
import { put, count } from 'parts'
import kept from 'private'
import late from 'late'
import registry from 'registry'
import shown from 'shown'
import modern, { hit } from 'modern'
import lazy from 'lazy'
import * as parser from 'parser'
import { soon } from 'queue'
import revoked from 'revoked'
import pure from 'pure'
const counter = new registry.Counter()
const handlers = [
  (i) => single.put('k' + i, i), () => single.has('k1'), () => next(), (i) => put('k' + i), () => count(),
  (i) => kept.add(i), () => kept.count(), (i) => late.add(i), () => late.count(), () => counter.inc(),
  () => registry.total(), () => shown.hit(), () => shown.stats.hits, () => hit(), () => modern.hits(), () => lazy.code('abc'),
  (i) => parser.words('a'.repeat(i % 3 + 1)), (i) => soon(() => i), () => revoked.held(), () => pure.size('aaaa'),
]
let turn = 0
function goOn () {
  if (turn === handlers.length * 12) return
  setTimeout(handlers[turn % handlers.length], 1, Math.floor(turn / handlers.length))
  turn += 1
  setTimeout(goOn, 4)
}
goOn()
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    runner = Runner(tmp_path_factory.mktemp("libraries"))
    for name, text in LIBRARIES.items():
        package = {"name": name, "version": "1.0.0", "main": "index.js"}
        if "export " in text:
            package["type"] = "module"
        runner.write(f"node_modules/{name}/package.json", json.dumps(package))
        runner.write(f"node_modules/{name}/index.js", text)
    runner.write("main.mjs", MAIN)
    recorded = runner.record("main.mjs")
    assert recorded.status == 0, recorded.stdout
    return recorded


def looks(run: Recorded, library: str) -> list[str]:
    """What the looks at a library found, in order: 'rw' where it kept more than before."""
    location, access = run.tables.location, run.tables.access
    kept = [
        location["location_id"][at]
        for at, klass in enumerate(location["class"])
        if klass == "library" and location["owner"][at] == library
    ]
    assert len(kept) == 1
    start = {row["invocation_id"]: row["start_ns"] for row in run.invocations()}
    found = [
        (start[access["invocation_id"][at]], access["mode"][at])
        for at, number in enumerate(access["location_id"])
        if number == kept[0] and access["via"][at] == "compared"
    ]
    return [mode for _, mode in sorted(found)]


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_a_look_finds_what_a_library_goes_on_keeping(run: Recorded, library: str) -> None:
    found = looks(run, library)
    assert len(found) >= 4
    assert ("rw" in found[-2:]) == (library in KEEPS), found


@pytest.mark.parametrize(
    ("library", "uses"),
    [("registry", ["counter.inc()", "registry.total()"]), ("shown", ["shown.hit()", "shown.stats"])],
)
def test_calls_of_what_a_library_made_and_looks_at_what_it_shows_use_what_it_keeps(
    run: Recorded, library: str, uses: list[str]
) -> None:
    wanted = {number for number, text in enumerate(MAIN.splitlines(), 1) for use in uses if use in text}
    location, access = run.tables.location, run.tables.access
    kept = location["location_id"][list(location["owner"]).index(library)]
    users = {row["invocation_id"]: row["function_id"] for row in run.invocations()}
    found = {
        (users[access["invocation_id"][at]], access["line"][at])
        for at, number in enumerate(access["location_id"])
        if number == kept
    }
    assert {line for _, line in found} == wanted
    assert len({function for function, _ in found}) == 2
