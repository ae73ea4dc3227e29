"""State of generated programs: how it is declared, changed, looked at, and dumped at the end."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.differential.tree import Part


@dataclass(frozen=True, slots=True)
class State:
    """One piece of state; all texts are JavaScript, with `id` as the number of the request."""

    name: str
    kind: str
    declaration: tuple[Part, ...]
    exported: tuple[str, ...]
    """Names that another file needs to use it (functions and objects, never variables that are assigned)."""
    writes: tuple[str, ...]
    """Statements whose order does not matter."""
    ordered: tuple[str, ...]
    """Statements whose order shows in the dump."""
    reads: tuple[str, ...]
    dump: str
    late: tuple[str, ...] = ()
    """Statements that nothing recorded comes to, each by itself: changes of what the recording saw unchanged."""


Make = Callable[[str, random.Random], State]


def _counter(n: str, r: random.Random) -> State:
    start = r.choice(["0", "100", "0.5"])
    return State(
        n, "counter",
        (f"let {n} = {start};", f"function bump_{n}(k) {{ {n} += k; }}", f"const get_{n} = () => {n};"),
        (f"bump_{n}", f"get_{n}"),
        (f"bump_{n}(2);", f"bump_{n}(id % 7);"),
        (f"bump_{n}(get_{n}() % 3);",),
        (f"get_{n}()",),
        f"get_{n}()",
    )  # fmt: skip


def _direct(n: str, r: random.Random) -> State:
    return State(n, "variable", (f"let {n} = 0;",), (), (f"{n} += 3;", f"{n}++;"), (f"{n} = {n} * 2 + id;",), (n,), n)


def _nested(n: str, r: random.Random) -> State:
    return State(
        n, "nested",
        (f"const {n} = {{ a: 0, deep: {{ list: [], m: {{}} }} }};", f"const {n}_al = {n}.deep;"),
        (n, f"{n}_al"),
        (f"{n}.a += 1;", f"{n}.deep.m['k' + id] = id % 5;", f"{n}_al.m['j' + id] = {{ id }};"),
        (f"{n}_al.list.push(id);", f"{n}.last = id;", f"{n}.deep.list.length = 2;"),
        (f"{n}.a", f"{n}_al.list.length", f"Object.keys({n}.deep.m).length", f"show({n}.last)"),
        f"[{n}.a, {n}.last, {n}.deep.list, Object.entries({n}_al.m).sort()]",
    )  # fmt: skip


def _map(n: str, r: random.Random) -> State:
    return State(
        n, "map", (f"const {n} = new Map([['first', 1]]);",), (n,),
        (f"{n}.set('k' + id, id * 2);", f"{n}.set('j' + id, {{ id, at: [id] }});"),
        (f"{n}.set('n', ({n}.get('n') || 0) * 2 + id);", f"{n}.delete('first');"),
        (f"{n}.size", f"show({n}.get('n'))", f"{n}.has('first')"),
        f"[...{n}].sort()",
    )  # fmt: skip


def _set(n: str, r: random.Random) -> State:
    return State(
        n, "set", (f"const {n} = new Set();",), (n,), (f"{n}.add(id);", f"{n}.add('s' + id % 4);"),
        (f"{n}.clear();",), (f"{n}.size", f"{n}.has(3)"), f"[...{n}].map(String).sort()",
    )  # fmt: skip


def _instance(n: str, r: random.Random) -> State:
    cls = f"Acc_{n}"
    return State(
        n, "instance",
        (f"class {cls} {{ #p = 0; seen = []; add(k) {{ this.#p += k; return this; }} note(k) {{ this.seen.push(k); }} get value() {{ return this.#p; }} }}",
         f"const {n} = new {cls}();"),
        (n,), (f"{n}.add(id % 9);", f"{n}.add(1).add(2);"), (f"{n}.note(id);",), (f"{n}.value", f"{n}.seen.length"),
        f"[{n}.value, {n}.seen]",
    )  # fmt: skip


def _emitter(n: str, r: random.Random) -> State:
    return State(
        n, "emitter",
        (f"const {n} = new EventEmitter();", f"let {n}_t = 0;", f"{n}.on('ev', (v) => {{ {n}_t += v; }});",
         f"const get_{n} = () => {n}_t;"),
        (n, f"get_{n}"), (f"{n}.emit('ev', id % 3 + 1);",), (f"{n}.emit('ev', get_{n}() % 5);",), (f"get_{n}()",),
        f"get_{n}()",
    )  # fmt: skip


def _closure(n: str, r: random.Random) -> State:
    return State(
        n, "closure",
        (f"const {n} = (() => {{ let c = 0; const log = []; return {{ inc: (k) => {{ c += k; }}, note: (k) => log.push(k), get: () => [c, log.length] }}; }})();",),
        (n,), (f"{n}.inc(id % 4 + 1);",), (f"{n}.note(id);",), (f"{n}.get()[0]", f"show({n}.get())"), f"{n}.get()",
    )  # fmt: skip


def _static(n: str, r: random.Random) -> State:
    return State(
        n, "static",
        (f"class S_{n} {{ static total = 0; static last = null; static add(k) {{ S_{n}.total += k; }} }}",),
        (f"S_{n}",), (f"S_{n}.add(2);", f"S_{n}.total += id;"), (f"S_{n}.last = id;",), (f"S_{n}.total", f"S_{n}.last"),
        f"[S_{n}.total, S_{n}.last]",
    )  # fmt: skip


def _property(n: str, r: random.Random) -> State:
    return State(
        n, "function property", (f"function {n}(k) {{ {n}.calls = ({n}.calls || 0) + k; return k; }}",), (n,),
        (f"{n}(1);", f"{n}(id % 3);"), (f"{n}.last = id;",), (f"{n}.calls", f"show({n}.last)"), f"[{n}.calls, {n}.last]",
    )  # fmt: skip


def _global(n: str, r: random.Random) -> State:
    return State(
        n, "global", (f"globalThis.{n} = {{ c: 0 }};",), (), (f"globalThis.{n}.c += 2;", f"{n}.c++;"),
        (f"globalThis.{n} = {{ c: {n}.c, last: id }};",), (f"globalThis.{n}.c", f"{n}.c"), f"globalThis.{n}",
    )  # fmt: skip


def _lazy(n: str, r: random.Random) -> State:
    return State(
        n, "lazy", (f"let {n};", f"function get_{n}() {{ return ({n} ??= {{ made: burn(3), hits: 0 }}); }}"),
        (f"get_{n}",), (f"get_{n}().hits += 1;",), (f"get_{n}().last = id;",),
        (f"get_{n}().made", f"get_{n}().hits"), f"get_{n}()",
    )  # fmt: skip


def _typed(n: str, r: random.Random) -> State:
    return State(
        n, "typed array", (f"const {n} = new Float64Array(8);", f"const {n}_v = new Uint8Array({n}.buffer, 0, 8);"),
        (n, f"{n}_v"), (f"{n}[id % 8] += 1;",), (f"{n}_v[0] = id;",), (f"{n}[3]", f"{n}_v[0]"), f"[...{n}, ...{n}_v]",
    )  # fmt: skip


def _weak(n: str, r: random.Random) -> State:
    return State(
        n, "weak map", (f"const {n} = new WeakMap();", f"const {n}_k = {{ key: 1 }};", f"{n}.set({n}_k, {{ c: 0 }});"),
        (n, f"{n}_k"), (f"{n}.get({n}_k).c += 1;",), (f"{n}.get({n}_k).last = id;",),
        (f"{n}.get({n}_k).c", f"{n}.has({n}_k)"), f"{n}.get({n}_k)",
    )  # fmt: skip


def _regex(n: str, r: random.Random) -> State:
    return State(
        n, "regex", (f"const {n} = /a/g;",), (n,), (), (f"{n}.test('banana');",), (f"{n}.lastIndex",), f"{n}.lastIndex",
    )  # fmt: skip


def _memo(n: str, r: random.Random) -> State:
    return State(
        n, "memo",
        (f"const {n} = new Map();",
         _memo_function(n)),
        (f"memo_{n}",), (f"memo_{n}(id % 4);",), (), (f"memo_{n}(id % 3)",), f"[...{n}].sort()",
    )  # fmt: skip


def _memo_function(n: str) -> Part:
    return f"function memo_{n}(k) {{ if (!{n}.has(k)) {n}.set(k, burn(8, k)); return {n}.get(k); }}"


def _table(n: str, r: random.Random) -> State:
    return State(
        n, "table",
        (f"const {n} = {{ level: 3, names: ['x', 'y'], re: /b+/i, at: new Date(86400000), m: new Map([[1, {{ a: 1 }}]]) }};",),
        (n,), (), (f"{n}.level = b;", f"{n}.names.push('z' + b);", f"{n}.m.set(b, {{ a: b }});"),
        (f"{n}.level", f"show({n})", f"{n}.names.join()", f"{n}.re.test('abba')", f"{n}.m.get(1)?.a"), f"show({n})",
    )  # fmt: skip


def _singleton(n: str, r: random.Random) -> State:
    return State(
        n, "two names",
        (f"const {n} = {{ items: [], count: 0 }};", f"const registry_{n} = {{ main: {n}, all: [{n}] }};"),
        (n, f"registry_{n}"),
        (f"registry_{n}.main.count += 1;", f"registry_{n}.all[0].count += 2;", f"{n}.count += 1;"),
        (f"registry_{n}.all[0].items.push(id);", f"registry_{n}.main.items.unshift(id);"),
        (f"{n}.count", f"registry_{n}.main.items.length", f"registry_{n}.all[0] === {n}"), f"[{n}.count, {n}.items]",
    )  # fmt: skip


def _linked(n: str, r: random.Random) -> State:
    return State(
        n, "linked objects",
        (f"const {n} = {{ left: {{ v: 0 }}, right: {{ v: 0 }} }};", f"{n}.left.other = {n}.right;", f"{n}.right.other = {n}.left;"),
        (n,), (f"{n}.left.other.v += 1;", f"{n}.right.other.v += id;"), (f"{n}.left.other = {{ v: id, other: {n}.left }};",),
        (f"{n}.right.v", f"{n}.left.v"), f"[{n}.left.v, {n}.right.v, {n}.left.other.v]",
    )  # fmt: skip


def _date(n: str, r: random.Random) -> State:
    return State(
        n, "date", (f"const {n} = new Date(0);",), (n,), (), (f"{n}.setTime({n}.getTime() + id * 1000);",),
        (f"{n}.toISOString()",), f"{n}.toISOString()",
    )  # fmt: skip


def _swapped(n: str, r: random.Random) -> State:
    return State(
        n, "replaced object", (f"let {n} = {{ v: 1, list: [] }};",), (), (f"{n}.v += 1;",),
        (f"{n} = {{ ...{n}, list: [...{n}.list, id] }};", f"({{ v: {n}.v }} = {{ v: id }});"),
        (f"{n}.v", f"{n}.list.length"), n,
    )  # fmt: skip


def _iterator(n: str, r: random.Random) -> State:
    return State(
        n, "iterator", (f"const {n} = (function* () {{ let i = 0; for (;;) yield i++; }})();",), (n,), (),
        (f"{n}.next();",), (f"{n}.next().value",), f"{n}.next().value",
    )  # fmt: skip


def _settings(n: str, r: random.Random) -> State:
    return State(
        n, "settings",
        (f"const {n} = {{ level: 3, names: ['x', 'y', 'z'], at: new Date(86400000), by: new Map([['k', {{ v: 1 }}]]), tags: new Set(['a']), of: new Point(1, 2), bytes: Buffer.from('abcd'), inner: {{ deep: {{ v: 1 }} }} }};",
         f"const {n}_deep = {n}.inner.deep;", f"const find_{n} = (k) => {n}.by.get(k);", f"function put_{n}(target, v) {{ target.v = v; }}"),
        (n, f"{n}_deep", f"find_{n}", f"put_{n}"), (), (),
        (f"{n}.level", f"{n}.names.join()", f"{n}_deep.v", f"find_{n}('k')?.v", f"{n}.of.norm()", f"show({n})", f"Object.isFrozen({n}.inner)",
         f"{n}.inner.inherited", f"{n}.at.getTime()", f"{n}.inner.deep === {n}_deep", f"String({n}.bytes)", f"[...{n}.tags].join()"),
        f"[{n}, {n}_deep]",
        (f"Object.assign({n}, {{ level: b }});", f"Object.assign({n}.inner, {{ deep: {{ v: b }} }});", f"{n}.names.push(...['p' + b, 'q']);",
         f"{n}.names.splice(1, 1, 'm' + b);", f"{n}.names.sort().reverse();", f"{n}.names.fill('f' + b, 1);", f"{n}.names.copyWithin(0, 1);",
         f"{n}.names.length = 1;", f"{n}.names.unshift(b);", f"{n}.names.pop();", f"Array.prototype.push.apply({n}.names, [b]);",
         f"Array.prototype.splice.call({n}.names, 0, 1);", f"[{n}.level, {n}.names[0]] = [b, 'd' + b];", f"({{ level: {n}.level, ...{n}.rest }} = {{ level: b, more: id }});",
         f"{n}_deep.v = b;", f"{n}_deep.v++;", f"find_{n}('k').v = b;", f"put_{n}({n}.inner.deep, b);", f"put_{n}({n}.by.get('k'), b);",
         f"for (const one of {n}.by.values()) one.v = b;", f"{n}.by.forEach((one) => {{ one.v = b; }});", f"[...{n}.by.values()].forEach((one) => Object.assign(one, {{ v: b }}));",
         f"{n}.by.set('k' + b, {{ v: b }});", f"{n}.tags.add(b);", f"{n}.tags.clear();", f"{n}.at.setTime(b * 1000);", f"{n}.of.moved(b);", f"{n}.of.x = b;",
         f"{n}.bytes[0] = 65 + b;", f"{n}.bytes.write('z');", f"{n}.bytes.fill(65 + b);", f"Object.defineProperty({n}, 'extra', {{ value: b, enumerable: true, configurable: true, writable: true }});",
         f"Reflect.set({n}, 'level', b);", f"delete {n}.level;", f"Object.setPrototypeOf({n}.inner, {{ inherited: b }});", f"const {{ inner }} = {n}; inner.deep.v = b;",
         f"const [first] = [{n}.inner]; first.added = b;", f"{n}.inner.added ??= b;", f"(b > 2 ? {n}.inner : {n}).flag = b;", f"Object.freeze({n}.inner);",
         f"{n}.inner = {{ ...{n}.inner, spread: b }};", f"{n}.names = [...{n}.names, b];", f"const keep = {n}.names; keep[keep.length] = b;",
         f"((target) => {{ target.arrow = b; }})({n});", f"[{n}.inner].map((one) => {{ one.mapped = b; }});"),
    )  # fmt: skip


def _account(n: str, r: random.Random) -> State:
    cls = f"Account_{n}"
    return State(
        n, "account",
        (f"class {cls} {{ #p = 3; static made = 1; list = [1]; get level() {{ return this.#p; }} set level(v) {{ this.#p = v; }} put(v) {{ this.list.push(v); return this; }} give(other) {{ [this.list, other.list] = [other.list, this.list]; }} }}",
         f"const {n} = new {cls}();", f"const {n}_two = new {cls}();"),
        (n, f"{n}_two", cls), (), (), (f"{n}.level", f"{n}.list.join()", f"{n}_two.list.length", f"{cls}.made", f"{n} instanceof {cls}"),
        f"[{n}.level, {n}.list, {n}_two.list, {cls}.made]",
        (f"{n}.level = b;", f"{n}.level += b;", f"{n}.put(b).put(id);", f"{n}.list = [...{n}.list, b];", f"Object.assign({n}, {{ list: [b] }});", f"{n}.list.splice(0);",
         f"{n}.put(b); {n}.give({n}_two);", f"{cls}.made = b;", f"{cls}.made++;", f"{cls}.prototype.put.call({n}, b);", f"{cls}.prototype.put = function put(v) {{ this.list.push(v + 100); return this; }};"),
    )  # fmt: skip


def _mode(n: str, r: random.Random) -> State:
    return State(
        n, "mode", (f"let {n} = 3;", f"let {n}_o = {{ v: 1 }};", f"function set_{n}(v) {{ {n} = v; }}"), (), (), (), (n, f"{n}_o.v", f"`${{{n}}}`"), f"[{n}, {n}_o]",
        (f"{n} = 'off' + b;", f"({{ v: {n} }} = {{ v: b }});", f"[{n}] = [b];", f"{n} += b;", f"{n}++;", f"for ({n} of [b, id]) break;", f"for ({n} in {{ p: b }});",
         f"set_{n}(b);", f"{n}_o = {{ v: b }};", f"{n}_o.v = b;", f"{n} &&= b;", f"[{n}, {n}_o] = [{n}_o.v, {{ v: {n} }}];"),
    )  # fmt: skip


MAKERS: tuple[Make, ...] = (
    _counter, _direct, _nested, _map, _set, _instance, _emitter, _closure, _static, _property, _global, _lazy, _typed,
    _weak, _regex, _memo, _table, _singleton, _linked, _date, _swapped, _iterator, _settings, _settings, _account, _mode,
)  # fmt: skip

def make_state(name: str, r: random.Random, program: str) -> State:
    """Some state of a random kind; global variables are named after the program, since others run in its process."""
    make = r.choice(MAKERS)
    return make(f"{program}_{name}" if make is _global else name, r)
