"""Programs cannot tell that they are recorded: what they print, above all about their errors, is what it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipetrace.tracer.trace import open_trace
from tests.integration.agent_runs import Runner

PROGRAMS = Path(__file__).parent / "harmless_programs"


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.mark.parametrize(
    ("program", "last"),
    [
        # Stack traces, texts of functions, assertion messages, call sites handed to prepareStackTrace.
        ("stacks.js", "TypeError: boom 1"),
        ("rejected.mjs", "Error: ééé 😀 at"),
        # Thrown while the program starts, in a line with a tab.
        ("start.js", "ReferenceError: undeclared is not defined"),
    ],
)
def test_errors_look_as_without_the_recorder(runner: Runner, program: str, last: str) -> None:
    runner.write(program, (PROGRAMS / program).read_text())
    expected, status = runner.plain(program)
    run = runner.record(program)
    assert (run.stdout, run.status) == (expected, status)
    assert status == 1
    assert last in expected


def test_a_program_may_take_away_what_the_recorder_uses(runner: Runner) -> None:
    runner.write("a.js", (PROGRAMS / "without-globals.js").read_text())
    expected, status = runner.plain("a.js")
    run = runner.record("a.js")
    assert (run.stdout, run.status) == (expected, status)
    assert status == 0
    assert expected.endswith("undefined 30,30,31,\n")


VISIBLE = """
const vm = require('vm');
const seen = {
  names: Object.getOwnPropertyNames(globalThis), symbols: Object.getOwnPropertySymbols(globalThis).map(String),
  keys: (() => { const found = []; for (const key in globalThis) found.push(key); return found; })(),
  process: Reflect.ownKeys(process).map(String), events: process.eventNames().map(String),
  exit: process.listenerCount('exit'), required: Object.keys(require.cache), main: module.children.length,
  paths: module.paths, loaded: [process.execArgv, process.argv0],
  errors: Reflect.ownKeys(Error).map(String), prepare: typeof Error.prepareStackTrace,
  compile: [module._compile.name, module._compile.length, Object.keys(module.constructor.prototype)],
  text: String(process.emit), emit: [process.emit.name, process.emit.length],
  other: Object.keys(vm.runInNewContext('globalThis')),
};
console.log(JSON.stringify(seen, null, 1));
process.on('exit', () => { console.log(process.listenerCount('exit'), process.eventNames().length); process.exitCode = 3; });
"""


def test_nothing_of_the_recorder_can_be_found(runner: Runner) -> None:
    runner.write("visible.js", VISIBLE)
    expected, status = runner.plain("visible.js")
    run = runner.record("visible.js")
    assert (run.stdout, run.status) == (expected, status)
    assert (status, expected.count("\n") > 50) == (3, True)


TRAPS = """
let read = 0;
const traps = [];
const handler = new Proxy({}, { get: (_, trap) => (...args) => { traps.push(trap); return Reflect[trap](...args); } });
class Base { get method() { read++; return () => 1; } get value() { read++; return { deep: 1 }; } }
class Derived extends Base {}
const object = new Derived(), proxy = new Proxy({ a: { b: 1 }, f() { return this.a; } }, handler), below = Object.create(proxy);
object.method(); object.value.deep; object?.method?.(); const { value } = object; object['method']();
proxy.a.b; proxy.f(); proxy.a = proxy.f().b; below.missing; below.f(); 'x' in below; [...Object.keys(proxy)]; delete proxy.a;
const { f, ...rest } = proxy; JSON.stringify(proxy); Object.defineProperty(String.prototype, 'own', { get() { read++; return () => 2; } });
'text'.own(); Object.freeze(Object.prototype); Buffer.concat([Buffer.alloc(1 << 20), Buffer.from('x')]);
console.log(read, traps.join(' '), JSON.stringify(rest), value.deep);
"""


def test_no_getter_and_no_trap_runs_more_often(runner: Runner) -> None:
    runner.write("traps.js", TRAPS)
    expected, status = runner.plain("traps.js")
    run = runner.record("traps.js")
    assert (run.stdout, run.status) == (expected, status)
    assert status == 0
    assert expected.startswith("6 ")


PATTERNS = """
const { test, exec } = RegExp.prototype;
let calls = 0;
RegExp.prototype.test = function (text) { calls++; return test.call(this, text); };
RegExp.prototype.exec = function (text) { calls++; return exec.call(this, text); };
const kept = (secret) => { class Kept { #own = secret; get() { return this.#own; } } return new Kept(); };
const http = require('http');
const all = new Map();
const server = http.createServer((req, res) => {
  const before = calls;
  all.set(req.url, kept(req.url));
  JSON.stringify([...all].map(([url, one]) => [/^.host/.test(url), one.get()]));
  require('util').format('%s', () => 1);
  res.end(String(calls - before));
});
server.listen(0, '127.0.0.1', async () => {
  const counts = [];
  for (let left = 12; left > 0; left--) {
    counts.push(await (await fetch(`http://127.0.0.1:${server.address().port}/host-${left % 4}?a#b`)).text());
  }
  console.log(counts.join(' '));
  server.closeAllConnections();
  server.close();
});
"""


def test_replaced_methods_of_patterns_are_called_by_the_application_only(runner: Runner) -> None:
    runner.write("patterns.js", PATTERNS)
    expected, status = runner.plain("patterns.js")
    run = runner.record("patterns.js", memory="full")
    assert (run.stdout, run.status) == (expected, status)
    assert status == 0


SECRET_APP = """
const http = require('http');
const secrets = new Map(), dictionary = {}, handlers = {};
class Account { constructor(text) { this[text] = 1; this.text = text; } }
const server = http.createServer((req, res) => {
  let body = '';
  req.on('data', (part) => { body += part; });
  req.on('end', async () => {
    const secret = JSON.parse(body).token;
    const { [secret]: nothing, ...rest } = dictionary;
    secrets.set(secret, secret); dictionary[secret] = secret; handlers[secret] = () => secret; handlers[secret]();
    const account = new Account(secret); account[secret]++; delete account[secret];
    for (const key in dictionary) secrets.get(key);
    Object.assign(rest, dictionary); JSON.stringify([rest, account, process.env.SECRET, nothing]);
    globalThis[secret] = secret;
    try { await Promise.reject(new Error(secret)); } catch (error) { dictionary[error.message] = error; }
    try { null[secret]; } catch (error) { account.why = error.message; }
    try { dictionary.none[secret](); } catch (error) { account.why = error.message; }
    setTimeout(() => { res.setHeader('x-secret', secret); res.end(secret); server.close(); }, 1, secret);
  });
});
server.listen(0, '127.0.0.1', () => {
  const token = process.env.SECRET;
  http.request({
    port: server.address().port, method: 'POST', path: `/reset/${token}/now?token=${token}#${token}`,
    headers: { Authorization: `Bearer ${token}`, Cookie: `session=${token}`, ['x-' + token]: '1' },
  }, (res) => res.resume()).end(JSON.stringify({ token }));
});
"""


@pytest.mark.parametrize("memory", ["sampled", "full"])
def test_no_secret_is_in_the_trace_or_left_behind(tmp_path: Path, memory: str) -> None:
    secret = "swordfish7c41b2"
    root, left, cache = tmp_path / "app", tmp_path / "tmp", tmp_path / "cache"
    for directory in (root, left):
        directory.mkdir()
    (root / "package.json").write_text('{"name": "keeper"}')
    (root / "app.js").write_text(SECRET_APP)
    env = {**os.environ, "TMPDIR": str(left), "XDG_CACHE_HOME": str(cache), "SECRET": secret}
    words = [sys.executable, "-m", "pipetrace", "record", "--memory", memory, "-o", "t.duckdb", "--", "node", "app.js"]
    done = subprocess.run(words, cwd=root, env=env, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    files = [path for top in (root, left, cache) for path in top.rglob("*") if path.is_file()]
    assert root / "t.duckdb" in files
    assert not [path for path in files if secret.encode() in path.read_bytes()]
    with open_trace(root / "t.duckdb") as trace:
        tables = [name for (name,) in trace.sql("select table_name from duckdb_tables()").fetchall()]
        assert {"access", "location", "chain", "shape", "problem"} <= set(tables)
        for name in tables:
            assert secret not in repr(trace.sql(f'from "{name}"').fetchall()), name
        assert trace.sql("select count(*) from access").fetchall()[0][0] > 10
        assert ("POST /reset/*/now",) in trace.sql("select event from chain where kind = 'http'").fetchall()
