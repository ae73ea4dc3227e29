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
    "pure": "const zlib = require('zlib'); exports.size = (text) => zlib.deflateRawSync(text).length",
}
KEEPS = {"single", "counter", "parts", "private", "late", "registry", "modern"}
MAIN = """
import single from 'single'
import next from 'counter'
import { put, count } from 'parts'
import kept from 'private'
import late from 'late'
import registry from 'registry'
import modern, { hit } from 'modern'
import lazy from 'lazy'
import * as parser from 'parser'
import { soon } from 'queue'
import pure from 'pure'
const counter = new registry.Counter()
const handlers = [
  (i) => single.put('k' + i, i), () => single.has('k1'), () => next(), (i) => put('k' + i), () => count(),
  (i) => kept.add(i), () => kept.count(), (i) => late.add(i), () => late.count(), () => counter.inc(),
  () => registry.total(), () => hit(), () => modern.hits(), () => lazy.code('abc'),
  (i) => parser.words('a'.repeat(i % 3 + 1)), (i) => soon(() => i), () => pure.size('aaaa'),
]
let round = 0
function turn () {
  handlers.forEach((handler) => setTimeout(handler, 1, round))
  if (++round < 12) setTimeout(turn, 12)
}
setTimeout(turn, 1)
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


def test_every_call_into_a_package_uses_what_it_keeps_also_that_of_an_object_which_it_made(run: Recorded) -> None:
    line = next(number for number, text in enumerate(MAIN.splitlines(), 1) if "counter.inc()" in text)
    location, access = run.tables.location, run.tables.access
    registry = location["location_id"][list(location["owner"]).index("registry")]
    lines = {access["line"][at] for at, number in enumerate(access["location_id"]) if number == registry}
    assert lines == {line, line + 1}
