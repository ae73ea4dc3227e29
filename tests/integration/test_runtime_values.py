"""What travels between stages arrives as it was: values, errors, functions, promises, and what handlers change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.runtime_apps import Transport, make_app

HEAD = """
'use strict';
const $pt = require('@pipetrace/runtime').file('app.js');
const assert = require('node:assert');
const util = require('node:util');
const {EventEmitter} = require('node:events');
const {Readable} = require('node:stream');
const where = () => require('node:worker_threads').threadId + ' ' + process.pid;
const show = (name, value) => console.log(name, util.inspect(value, {depth: 9, showHidden: false, breakLength: 200, sorted: false}));
class Point {
  constructor(x, y) { this.x = x; this.y = y; Object.defineProperty(this, 'hidden', {value: 7, enumerable: false, writable: true}); }
  sum() { return this.x + this.y; }
  get double() { return 2 * this.x; }
}
class Failure extends TypeError { constructor(message, extra) { super(message); this.extra = extra; } describe() { return 'failure ' + this.extra; } }
class Secret { #n; constructor(n) { this.#n = n; this.open = 1; } reveal() { return this.#n; } add(k) { this.#n += k; return this; } }
class List extends Array { last() { return this[this.length - 1]; } }
const tag = Symbol('tag');
const shared = {name: 'shared', fn(x) { return x * 2; }};
"""

LIFT = """
function $lift1(prefix, options) { return async (text, n) => { options.seen.push(text); return options.format(prefix + text + options.size + n); }; }
$pt.factory('app.js#run', $lift1, 'run');
"""

BINDINGS = "$pt.bindings({Point: () => Point, Failure: () => Failure, Secret: () => Secret, List: () => List, shared: () => shared});"


def both(folder: Path, transport: Transport, body: str, *, moved: int = 1, head: str = HEAD) -> str:
    """Run a script as original and staged: same output, same status, and the calls did run on a stage.

    Definitions of handlers in `body` are put at module level; the rest runs when every stage takes calls.
    """
    handlers, rest = _split(body)
    text = head + BINDINGS + handlers + "\n(async () => { await require('./ready.js')();\n" + rest + "\n})();"
    app = make_app(folder / "app", {"app.js": text}, replicas=1)
    original = app.run(None)
    staged = app.run(transport)
    assert (staged.stdout, staged.status) == (original.stdout, original.status), staged.stderr
    assert original.stdout, original.stderr
    calls = staged.sent()
    assert sum(calls.values()) >= moved, f"{calls} {staged.metrics} {staged.stderr}"
    assert all(calls.values()), f"not moved: {calls} {staged.stderr}"
    return staged.stdout


def _split(body: str) -> tuple[str, str]:
    """Statements `const … = $pt.handler(…` of one line or with indented lines, and the rest."""
    found = re.findall(r"^const \w+ = \$pt\.handler\(.*(?:\n .*)*(?:\n}\);)?$", body, re.MULTILINE)
    for statement in found:
        body = body.replace(statement, "", 1)
    return "\n".join(found), body


def test_values_keep_their_kind_identity_and_cycles(tmp_path: Path, transport: Transport) -> None:
    out = both(tmp_path, transport, """
const echo = $pt.handler('app.js#echo', async (...values) => values);
const cycle = {a: 1}; cycle.self = cycle; cycle.list = [cycle, {back: cycle}];
const one = {n: 1};
const values = [1, -0, NaN, Infinity, 2n ** 70n, 'ä€😀', '', true, null, undefined, [1, , 3], [one, one], cycle,
  new Date(5), new Date(NaN), /a+/giu, new Map([[one, {k: one}], ['s', 1]]), new Set([one, 'x']), Object.assign(Object.create(null), {bare: 1}),
  Buffer.from('abc'), new Uint16Array([1, 2, 65535]), new Float64Array([1.5]), new Uint8Array([1, 2, 3]).buffer, new DataView(new ArrayBuffer(4)),
  new URL('http://x/?a=1#h'), new URLSearchParams('a=1&b=2'), Object(5), Object('s'), Symbol.for('reg'), Symbol.iterator,
  {[Symbol.for('k')]: 1, __proto__: null}, {'__proto__x': 1, 'a-b': [[], {}]}, JSON.parse('{"__proto__": {"a": 1}}'), Object.freeze({f: [1]}),
  Array.from({length: 50}, (_, i) => i), Array.from({length: 3}, () => new Array(2).fill(one)), /x/.exec('axb'), {undefined: undefined}];
const back = await echo(...values);
for (let i = 0; i < values.length; i++) show(i, back[i]);
console.log(Object.is(back[1], -0), 1 in back[10], back[11][0] === back[11][1], back[12].self === back[12], back[12].list[1].back === back[12]);
console.log(back[16].has(back[11][0]), [...back[16].keys()][0] === back[11][0], back[17].has(back[11][0]), Object.isFrozen(back[33]), back[36].index);
console.log(back[13] instanceof Date, back[19] instanceof Buffer, back[18].__proto__, Object.getPrototypeOf(back[32]) === Object.prototype);
""")  # fmt: skip
    assert "36 [ 'x', index: 1" in out


def test_instances_keep_their_class(tmp_path: Path, transport: Transport) -> None:
    both(tmp_path, transport, """
const use = $pt.handler('app.js#use', async (point, list) => ({sum: point.sum(), double: point.double, is: point instanceof Point,
  hidden: point.hidden, last: list.last(), list: list instanceof List, made: new Point(8, 9)}));
const result = await use(new Point(1, 2), List.from([1, 2, 3]));
show('result', result); console.log(result.made instanceof Point, result.made.sum(), Object.keys(result.made));
""")


def test_errors_keep_class_fields_cause_and_stack(tmp_path: Path, transport: Transport) -> None:
    both(tmp_path, transport, """
const fail = $pt.handler('app.js#fail', async (how) => {
  if (how === 'class') throw new Failure('mine', 3);
  if (how === 'cause') throw new Error('outer', {cause: new RangeError('inner')});
  if (how === 'many') throw new AggregateError([new Error('a'), new Error('b')], 'all');
  if (how === 'node') require('fs').readFileSync('/nowhere/at/all');
  if (how === 'assert') assert.strictEqual(1, 2);
  if (how === 'abort') throw new DOMException('stopped', 'AbortError');
  throw {plain: how};
});
for (const how of ['class', 'cause', 'many', 'node', 'assert', 'plain']) {
  try { await fail(how); } catch (e) {
    console.log(how, e.name, e.message, e.code, e.errno, e instanceof Error, e instanceof Failure && e.describe(), e.cause && e.cause.name,
      e.errors && e.errors.map(String), Object.keys(e), typeof e.stack, e.plain, util.types.isNativeError(e));
    if (e.stack) console.log(e.stack.split('\\n').filter((line) => line.includes('app.js')).length > 0);
  }
}
""")  # fmt: skip


def test_changes_come_back_in_place(tmp_path: Path, transport: Transport) -> None:
    both(tmp_path, transport, """
const change = $pt.handler('app.js#change', async (o, list, map, set, date, bytes, point) => {
  o.a = 2; delete o.b; o.fresh = {deep: [o]}; o.nested.x.push('more'); list.reverse(); list.length = 2; map.set('k', o); map.delete('gone');
  set.add(list); date.setTime(99); bytes[0] = 255; point.x = 10; o[Symbol.for('s')] = 1; await null; o.late = true; return o.nested;
});
const nested = {x: ['one']}, o = {a: 1, b: 1, nested}, list = [1, 2, 3], map = new Map([['gone', 1]]), set = new Set(), date = new Date(1);
const bytes = Buffer.from([1, 2]), point = new Point(1, 1), inner = nested.x;
const result = await change(o, list, map, set, date, bytes, point);
show('o', o); show('list', list); show('map', [...map.keys()]); show('set', set); show('date', date.getTime()); show('bytes', bytes); show('point', point.sum());
console.log(result === nested, nested.x === inner, map.get('k') === o, set.has(list), o.fresh.deep[0] === o);
""")


def test_captured_values_are_sent_when_the_handler_is_called(tmp_path: Path, transport: Transport) -> None:
    both(tmp_path, transport, """
function build(prefix, options) {
  let count = 0;
  const run = $pt.lifted('app.js#run', () => [prefix, options], async (text, n) => {
    options.seen.push(text);
    return options.format(prefix + text + options.size + n);
  }, 'run');
  console.log(run.name, run.length, String(run).slice(0, 5));
  return run;
}
const options = {size: 1, format: (s) => '<' + s + '>', seen: []};
const run = build('p', options);
show('first', await run('a', 1)); options.size = 2; show('second', await run('b', 2)); show('seen', options.seen);
""", moved=2, head=HEAD + LIFT)  # fmt: skip


def test_functions_are_called_where_they_live_in_order_and_with_their_results(tmp_path: Path, transport: Transport) -> None:
    both(tmp_path, transport, """
const log = [];
const walk = $pt.handler('app.js#walk', async (list, visit, done) => {
  const results = [];
  for (const item of list) results.push(visit(item, results.length));
  try { visit('bad'); } catch (e) { results.push(e.message, e instanceof Failure); }
  results.push(typeof done(null, results.length), shared.fn(4), done.name, done.length);
  return results;
});
let total = 0;
const results = await walk([{v: 1}, {v: 2}], (item, i) => {
  if (item === 'bad') throw new Failure('not ' + item, 1);
  total += item.v; log.push(item.v); item.seen = true; return {total, i};
}, function done(error, n) { log.push('done ' + n); });
show('results', results); show('log', log); show('total', total);
const later = $pt.handler('app.js#later', async (callback) => { setTimeout(() => callback('late'), 5); return 'now'; });
await new Promise(async (resolve) => show('returned', await later((text) => { log.push(text); resolve(); })));
show('log', log);
const sorted = $pt.handler('app.js#sorted', async (list, compare) => list.sort(compare));
show('sorted', await sorted([3, 1, 2], (a, b) => a - b));
""", moved=3)  # fmt: skip


def test_a_callback_may_be_called_by_a_timer_of_a_program_that_shows_its_modules(tmp_path: Path, transport: Transport) -> None:
    # `this` of the callback is then a timer, which leads to everything; the program keeps require, which leads to the runtime.
    both(tmp_path, transport, """
const kept = {require, timer: setTimeout(() => undefined, 1), heard: []};
module.exports = kept;
const pause = $pt.handler('app.js#pause', async (next) => { setTimeout(next, 2, 'a'); setImmediate(next, 'b'); return 1; });
await new Promise(async (resolve) => {
  show('paused', await pause(function next(word) { kept.heard.push(word); if (kept.heard.length === 2) resolve(); }));
});
show('heard', kept.heard.sort());
""")  # fmt: skip


def test_promises_and_abort_signals_are_bridged(tmp_path: Path, transport: Transport) -> None:
    both(tmp_path, transport, """
const wait = $pt.handler('app.js#wait', async (promise, broken) => {
  const first = await promise; let why; try { await broken; } catch (e) { why = e.message; } return {first, why, again: Promise.resolve('inner')};
});
let resolve; const promise = new Promise((r) => { resolve = r; }); setTimeout(() => resolve({late: 1}), 5);
const rejected = new Promise((_, reject) => setTimeout(() => reject(new Error('broken')), 8));
const result = await wait(promise, rejected); show('result', {first: result.first, why: result.why}); show('again', await result.again);
const listen = $pt.handler('app.js#listen', (signal) => new Promise((done) => signal.addEventListener('abort', () => done(['aborted', signal.reason]))));
const controller = new AbortController(); setTimeout(() => controller.abort('enough'), 5);
show('signal', await listen(controller.signal));
""", moved=2)  # fmt: skip


def test_promises_signals_and_streams_go_on_while_their_call_waits_for_a_replica(tmp_path: Path, transport: Transport) -> None:
    both(tmp_path, transport, """
const busy = $pt.handler('app.js#busy', async (n) => { const end = Date.now() + 20; while (Date.now() < end); return n; });
const take = $pt.handler('app.js#take', async (good, bad, signal, stream) => {
  let why; try { await bad; } catch (error) { why = error.message; }
  const aborted = signal.aborted ? signal.reason : await new Promise((done) => signal.addEventListener('abort', () => done(signal.reason)));
  let text = ''; for await (const part of stream) text += part;
  return [await good, why, aborted, text];
});
const before = Array.from({length: 12}, (_, n) => busy(n));
const controller = new AbortController(); const stream = new Readable({read() {}});
const taken = take(Promise.resolve({n: 1}), Promise.reject(new Failure('no')), controller.signal, stream);
controller.abort('enough'); stream.push('some'); setImmediate(() => { stream.push(' text'); stream.push(null); });
show('before', await Promise.all(before)); show('taken', await taken);
""", moved=13)  # fmt: skip


def test_objects_that_cannot_be_copied_are_used_where_they_are(tmp_path: Path, transport: Transport) -> None:
    both(tmp_path, transport, """
const emitter = new EventEmitter(); const heard = []; emitter.on('x', (...args) => heard.push(args)); emitter.plain = {n: 1};
const use = $pt.handler('app.js#use', async ({secret, emitter}) => {
  const seen = [secret.reveal(), secret.add(5).reveal(), secret.open, 'open' in secret, emitter.listenerCount('x'), emitter.plain.n];
  secret.open = 2; emitter.emit('x', {from: 'there'}, 1);
  return seen;
});
const secret = new Secret(1);
show('seen', await use({secret, emitter})); show('after', [secret.reveal(), secret.open]); show('heard', heard);
""")  # fmt: skip


def test_readable_streams_are_bridged_both_ways(tmp_path: Path, transport: Transport) -> None:
    both(tmp_path, transport, """
const sizes = $pt.handler('app.js#sizes', async ({stream}) => { let n = 0; for await (const chunk of stream) n += chunk.length; return n; });
show('size', await sizes({stream: Readable.from((function* () { for (let i = 0; i < 300; i++) yield Buffer.alloc(10000, i); })(), {objectMode: false})}));
const rows = $pt.handler('app.js#rows', async () => Readable.from([{a: 1}, {b: [2]}]));
const got = []; for await (const row of await rows()) got.push(row); show('rows', got);
const broken = $pt.handler('app.js#broken', async () => Readable.from((async function* () { yield 'x'; throw new Failure('half', 2); })()));
try { for await (const chunk of await broken()) show('chunk', String(chunk)); } catch (e) { show('error', [e.name, e.message, e.extra]); }
""", moved=3)  # fmt: skip


def test_what_a_moved_handler_prints_and_raises_reaches_the_program(tmp_path: Path, transport: Transport) -> None:
    both(tmp_path, transport, """
process.on('unhandledRejection', (e) => { console.log('rejection', e.message); });
process.on('uncaughtException', (e) => { console.log('exception', e.message, e instanceof Failure); process.exit(3); });
const say = $pt.handler('app.js#say', async () => { console.log('printed'); process.stdout.write('raw\\n'); });
await say();
const loose = $pt.handler('app.js#loose', async () => { Promise.reject(new Error('loose')); });
await loose(); await new Promise((r) => setTimeout(r, 100));
const late = $pt.handler('app.js#late', async () => { setTimeout(() => { throw new Failure('late', 1); }, 5); });
await late(); setTimeout(() => {}, 20000);
""", moved=3)  # fmt: skip


def test_what_calls_brought_is_freed_when_their_functions_are(tmp_path: Path, transport: Transport) -> None:
    held = """
const held = async () => {
  require('node:v8').setFlagsFromString('--expose-gc');
  for (let i = 0; i < 3; i++) { require('node:vm').runInNewContext('gc')(); await new Promise((r) => setImmediate(r)); }
  return process.memoryUsage().arrayBuffers;
};"""
    both(tmp_path, transport, """
const use = $pt.handler('app.js#use', async (data, done) => { done(data.length); return data[0]; });
const heldThere = $pt.handler('app.js#heldThere', async () => held());
let heard = 0;
for (let i = 0; i < 100; i++) await use(Buffer.alloc(1_000_000, i), (n) => { heard += n; });
show('heard', heard);
show('stage', await heldThere() < 20_000_000);
let left = Infinity;
for (let i = 0; i < 100 && left >= 20_000_000; i++) { await heldThere(); left = await held(); }
show('entry', left < 20_000_000);
""", moved=2, head=HEAD + held)  # fmt: skip


def test_the_program_goes_on_while_calls_wait_for_their_turn_on_a_stage(tmp_path: Path, transport: Transport) -> None:
    both(tmp_path, transport, """
const spin = $pt.handler('app.js#spin', async (i) => { const end = Date.now() + 15; while (Date.now() < end); return i; });
const steps = $pt.handler('app.js#steps', async (n) => { for (let i = 0; i < n; i++) await new Promise((r) => setImmediate(r)); return n; });
console.log(...await Promise.all(Array.from({length: 12}, (_, i) => spin(i))), ...await Promise.all([steps(3), steps(30)]));
""", moved=14)  # fmt: skip


def test_a_moved_handler_may_end_the_program(tmp_path: Path, transport: Transport) -> None:
    both(tmp_path, transport, """
process.on('exit', (code) => console.log('exit', code));
const stop = $pt.handler('app.js#stop', async () => { console.log('stopping'); process.exit(5); });
await stop(); console.log('never');
""")


@pytest.mark.parametrize("value", ["new WeakMap()", "(function* () { yield 1; })()", "require('net').createServer()"])
def test_what_cannot_travel_makes_the_handler_run_where_it_was_called(tmp_path: Path, transport: Transport, value: str) -> None:
    text = HEAD + BINDINGS + f"""const kind = $pt.handler('app.js#kind', async (value) => Object.prototype.toString.call(value));
(async () => {{ await require('./ready.js')();
console.log(await kind({value})); }})();"""
    app = make_app(tmp_path / "app", {"app.js": text}, replicas=1)
    staged = app.run(transport)
    assert staged.stdout == app.run(None).stdout
    assert [(one["misfit"], one["sent"]) for one in staged.metrics["handlers"]] == [(1, 0)]
    assert staged.stderr.count("app.js#kind runs on the entry stage") == 1


def test_a_program_without_moved_handlers_gets_nothing_installed(tmp_path: Path) -> None:
    text = "console.log(globalThis[Symbol.for('pipetrace.runtime')], require('net').Server.prototype.listen.name);"
    app = make_app(tmp_path / "app", {"app.js": text}, replicas=1)
    assert app.run(Transport("threads")).stdout == app.run(None).stdout == "undefined \n"
