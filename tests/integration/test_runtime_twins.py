"""Functions that the start made: a stage runs its own where it is surely the same, and the entry stage any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.integration.runtime_apps import Outcome, Transport, make_app

HEAD = """
'use strict';
const $pt = require('@pipetrace/runtime').file('app.js');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const routes = {};
"""


def run(folder: Path, transport: Transport, start: str, calls: str, *, replicas: int = 1, **plan: Any) -> Outcome:
    """Run a script as original and staged with the same output: `start` when it is loaded, `calls` when stages are ready."""
    text = f"{HEAD}{start}\n(async () => {{ await require('./ready.js')();\n{calls}\n}})();"
    for name in ("first", "second"):
        # What the original leaves behind must not be there when the staged application starts.
        app = make_app(folder / name, {"app.js": text}, replicas=replicas, plan=plan)
        outcome = app.run(None if name == "first" else transport)
        if name == "first":
            original = outcome
    assert (outcome.stdout, outcome.status) == (original.stdout, original.status), outcome.stderr
    assert original.stdout, original.stderr
    return outcome


def test_each_call_runs_the_twin_of_the_function_that_was_called(tmp_path: Path, transport: Transport) -> None:
    outcome = run(tmp_path, transport, """
class Store {
  #rows = new Map([['x', { n: 1 }]]);
  constructor() {
    this.get = $pt.twin('app.js#get', () => ({ this: this }), async (key) => [this.constructor.name, this.#rows.get(key)]);
  }
}
routes.get = new Store().get;
function greeter(options) {
  return $pt.twin('app.js#greet', () => ({ options }), async (name) => options.format(`${options.word}, ${name}`));
}
routes.greet = ['Hello', 'Hey', 'Moin'].map((word) => greeter({ word, format: (text) => text + '!'.repeat(word.length) }));
for (let i = 0; i < 3; i += 1) {
  const tell = () => i;
  (routes.nth ||= []).push($pt.twin('app.js#nth', () => ({ tell }), async () => tell()));
}
""", """
console.log(await routes.get('x'), routes.get.length);
console.log(await Promise.all(routes.greet.map((greet) => greet('you'))), await Promise.all(routes.nth.map((nth) => nth())));
""")  # fmt: skip
    assert outcome.sent() == {"app.js#get": 1, "app.js#greet": 3, "app.js#nth": 3}, outcome.stderr


def test_what_is_made_later_runs_where_it_was_made(tmp_path: Path, transport: Transport) -> None:
    outcome = run(tmp_path, transport, """
const made = (word) => $pt.twin('app.js#say', () => ({ word }), async () => word + made.length);
routes.early = made('early');
""", """
const before = made('made before the first call');
console.log(await routes.early(), await before(), await made('later')(), await made('early')());
""")  # fmt: skip
    assert outcome.sent() == {"app.js#say": 1}, outcome.stderr


def test_twins_made_in_an_order_that_varies_are_told_by_what_they_capture(tmp_path: Path, transport: Transport) -> None:
    outcome = run(tmp_path, transport, """
let order = ['a', 'b'];
try {
  fs.writeFileSync(path.join(__dirname, 'taken'), '', { flag: 'wx' });
} catch {
  order = ['b', 'a'];
}
const tells = (name) => $pt.twin('app.js#tell', () => ({ name }), async () => name);
const hides = (hidden) => {
  const tell = () => hidden;
  return $pt.twin('app.js#hide', () => ({ tell }), async () => tell());
};
const loaded = (async () => {
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  for (const name of order) routes[name] = [tells(name), hides(name)];
})();
""", """
await loaded;
console.log(await Promise.all([...routes.a, ...routes.b].map((each) => each())));
""")  # fmt: skip
    assert outcome.sent() == {"app.js#hide": 0, "app.js#tell": 2}, outcome.stderr


def test_a_secret_drawn_at_start_is_that_of_the_entry_stage(tmp_path: Path, transport: Transport) -> None:
    outcome = run(tmp_path, transport, """
const later = (draw) => new Promise((resolve) => setImmediate(() => setImmediate(() => resolve(draw()))));
async function setup() {
  const secret = await later(() => crypto.randomBytes(8).toString('hex'));
  routes.plain = () => secret;
  routes.shown = $pt.twin('app.js#shown', () => ({ secret }), async () => secret);
  const sign = ((key) => (text) => text + key)(await later(() => crypto.randomUUID()));
  routes.sign = sign;
  routes.signed = $pt.twin('app.js#signed', () => ({ sign }), async (text) => sign(text));
}
const ready = setup();
""", """
await ready;
console.log(await routes.shown() === routes.plain(), await routes.signed('x') === routes.sign('x'));
""")  # fmt: skip
    assert outcome.sent() == {"app.js#shown": 0, "app.js#signed": 0}
    assert "app.js#signed runs on the entry stage: the start drew random values" in outcome.stderr


CHANGED = """
function setup() {
  const table = { rate: 1 };
  routes.rate = $pt.twin('app.js#rate', () => ({ table }), async () => table.rate);
  routes.set = (rate) => { $pt.changes(table, 'app.js:table@9').rate = rate; };
  routes.other = $pt.twin('app.js#other', () => ({ routes }), async (rate) => { routes.set(rate); return 'set'; });
}
setup();
"""
CONSTANTS = [{"location": "app.js:table@9", "name": "table", "handlers": ["app.js#other", "app.js#rate"]}]


def test_a_captured_object_that_is_changed_after_all_is_seen(tmp_path: Path, transport: Transport) -> None:
    outcome = run(tmp_path, transport, CHANGED, """
console.log(await routes.rate());
routes.set(2);
console.log(await routes.rate(), await routes.other(3), await routes.rate());
""", constants=CONSTANTS)  # fmt: skip
    assert outcome.sent() == {"app.js#other": 0, "app.js#rate": 1}, outcome.stderr
    assert "app.js#rate runs on the entry stage from now on" in outcome.stderr


def test_changing_it_on_a_stage_is_a_violation(tmp_path: Path, transport: Transport) -> None:
    text = f"""{HEAD}{CHANGED}
(async () => {{
  await require('./ready.js')();
  try {{ await routes.other(3); }} catch (error) {{ console.log(error.name, error.location, await routes.rate()); }}
}})();"""
    app = make_app(tmp_path / "app", {"app.js": text}, replicas=1, plan={"constants": CONSTANTS})
    outcome = app.run(transport)
    assert outcome.stdout == "PipetraceViolation app.js:table@9 1\n", outcome.stderr


def test_a_file_named_by_an_absolute_path_of_the_original_is_the_staged_one(tmp_path: Path, transport: Transport) -> None:
    original = tmp_path / "original"
    original.mkdir()
    (original / "part.js").write_text("module.exports = 'original';\n")
    text = f"console.log(require({str(original / 'part.js')!r}), require.resolve({str(original / 'part.js')!r}) === __dirname + '/part.js');\n"
    moved = "const $pt = require('@pipetrace/runtime').file('app.js'); $pt.handler('app.js#f', async () => 1);\n"
    app = make_app(tmp_path / "app", {"app.js": moved + text, "part.js": "module.exports = 'staged';\n"}, replicas=1)
    staged = app.folder / ".pipetrace" / "staged.json"
    staged.write_text(staged.read_text().replace("{", f'{{"app_root": "{original}", ', 1))
    assert app.run(transport).stdout == "staged true\n"


def test_what_twins_capture_is_the_same_object_on_either_side(tmp_path: Path, transport: Transport) -> None:
    outcome = run(tmp_path, transport, """
function setup() {
  class Store {
    #rows = new Map([['x', 1]]);
    part = { of: this, get: (key) => this.#rows.get(key) };
    get(key) { return this.#rows.get(key); }
  }
  const store = new Store();
  routes.use = $pt.twin('app.js#use', () => ({ store }), async (request) => {
    request.store = store;
    request.part = store.part;
    return request.given === store;
  });
  routes.given = store;
}
setup();
""", """
const request = { given: undefined };
console.log(await routes.use(request), request.store === routes.given, request.part === routes.given.part, request.store.get('x'));
console.log(await routes.use({ given: routes.given }));
""")  # fmt: skip
    assert outcome.sent() == {"app.js#use": 2}, outcome.stderr


def test_a_handler_that_must_not_run_there_is_a_violation_on_a_stage(tmp_path: Path, transport: Transport) -> None:
    text = f"""{HEAD}
function setup() {{
  const inner = $pt.stays('app.js#inner', (error, req, res, next) => next(error));
  routes.inner = inner;
  routes.direct = $pt.twin('app.js#direct', () => ({{ inner }}), async () => inner(1, 2, 3, () => 'not reached'));
  routes.given = $pt.twin('app.js#given', () => ({{ }}), async (next) => next(1, 2, 3, 4));
}}
setup();
(async () => {{
  await require('./ready.js')();
  console.log(routes.inner.length, await routes.given((...values) => routes.inner(...values.slice(0, 3), (value) => value + 1)));
  try {{ await routes.direct(); }} catch (error) {{ console.log(error.name, error.location, error.handler); }}
}})();"""
    outcome = make_app(tmp_path / "app", {"app.js": text}, replicas=1).run(transport)
    assert outcome.stdout == "4 2\nPipetraceViolation app.js#inner app.js#direct\n", outcome.stderr
