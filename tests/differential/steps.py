"""Random statements of generated programs: what handlers and helpers do, with or without waiting."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.differential.state import State
from tests.differential.tree import Block, Part

_STABLE = frozenset({"memo", "table"})
"""Kinds of state whose reads do not depend on the order of requests, as long as nothing ordered changes them."""


@dataclass(frozen=True, slots=True)
class Helper:
    """A function of the program that steps may call."""

    name: str
    kind: str
    """promise | value | callback"""
    call: str
    """Callee as it is written, such as `svc.run`."""
    touches: bool
    """Whether it uses state that changes."""


@dataclass(slots=True)
class World:
    """What the steps of one program may use."""

    r: random.Random
    states: Sequence[State]
    helpers: list[Helper]
    commutative: bool
    """Whether what is answered, and the final state, may not depend on the order of requests."""
    data: str
    """Expression of the path of a text file."""
    secrets: Sequence[str] = ()
    """Names of values that are random at start."""
    fed: bool = False
    """Whether there are calls that feed one another."""
    count: int = 0

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where statements stand."""

    out: str
    """Name of the array that collects what is answered."""
    awaits: bool
    throws: bool
    """Whether an error thrown here reaches somebody."""
    http: bool = False
    """Whether `req` and `res` are there."""
    objects: tuple[str, ...] = ()
    """Local variables that hold points or plain objects with `x`."""
    depth: int = 0
    pure: bool = False
    """Nothing here may touch state."""

    def inner(self, **changes: object) -> Scope:
        return replace(self, depth=self.depth + 1, **changes)  # type: ignore[arg-type]


Step = Callable[[World, Scope], list[Part]]


def value(w: World, scope: Scope) -> str:
    """An expression whose value depends on `id` and `b` only."""
    r = w.r
    simple = [
        "id", "b", "id * b", f"{r.randint(1, 99)}", "`t${id}`", "[id, b]", "-0", "NaN", "undefined", "null", "12n * BigInt(id)",
        "true", "new Date(id * 1000)", "/x+/gi", "Symbol.for('s')", "'ünï\\u0000' + b", "Infinity",
    ]  # fmt: skip
    made = [
        "{ id, b, list: [id, , b] }", "new Point(id, b)", "new Named(id, b, 'n' + b)", "new Map([[id, { b }], ['k', new Set([b])]])",
        "Buffer.from('b' + id)", "new Uint8Array([id % 256, b])", "new AppError('made ' + id, b, { id })",
        "Object.assign(Object.create(null), { id })", "(() => { const c = { id }; c.self = c; return c; })()",
        "(() => { const p = new Point(id, b); return [p, p, { p }]; })()", "new TypeError('t' + b, { cause: id })",
        "new Error('outer', { cause: new AppError('inner', b) })", "Object.freeze({ id })", "{ x: id, nested: { deep: [{ b }] } }",
        "Object.assign([id, b], { extra: 1 })", "{ get sum() { return id + b; } }", "new Float32Array([id, 0.5])",
        "JSON.parse(JSON.stringify({ id, b: [b, { b }] }))", "structuredClone({ id, d: new Date(0) })", "[[], {}, [[]]]",
        "{ [Symbol.for('tag')]: id, b }", "String(id).padStart(6, '0')", "Object.entries({ id, b })",
    ]  # fmt: skip
    return r.choice(simple if r.random() < 0.4 else made)


def _plain(w: World) -> str:
    return w.r.choice(["{ x: id }", "new Point(id, b)", "{ x: b, list: [id] }", "new Named(b, id, 'm')", "{ x: 1, self: null }"])


def _usable(w: World, scope: Scope, *, writing: bool = False) -> list[State]:
    if scope.pure:
        return []
    if writing:
        return [state for state in w.states if state.writes or (state.ordered and not w.commutative)]
    if w.commutative:
        return [state for state in w.states if state.kind in _STABLE]
    return list(w.states)


def _out(w: World, scope: Scope) -> list[Part]:
    return [f"{scope.out}.push(show({value(w, scope)}));"]


def _write(w: World, scope: Scope) -> list[Part]:
    found = _usable(w, scope, writing=True)
    if not found:
        return _out(w, scope)
    state = w.r.choice(found)
    texts = [*state.writes, *(() if w.commutative else state.ordered)]
    return [w.r.choice(texts)] if texts else _out(w, scope)


def _read(w: World, scope: Scope) -> list[Part]:
    found = _usable(w, scope)
    if not found:
        return _out(w, scope)
    return [f"{scope.out}.push({w.r.choice(w.r.choice(found).reads)});"]


def _local(w: World, scope: Scope) -> list[Part]:
    name = w.fresh("v")
    inner = scope.inner(objects=(*scope.objects, name))
    return [f"const {name} = {_plain(w)};", *steps(w, inner, 1), f"{scope.out}.push(show({name}));"]


def _mutate(w: World, scope: Scope) -> list[Part]:
    if not scope.objects:
        return _out(w, scope)
    name = w.r.choice(scope.objects)
    return [w.r.choice([f"{name}.x += b;", f"{name}.added = {value(w, scope)};", f"{name}.x = {name}.x * 2;", f"delete {name}.added;"])]


def _burn(w: World, scope: Scope) -> list[Part]:
    return [f"{scope.out}.push(burn({w.r.choice([2, 5, 20, 60, 150, 400])}, id));"]


def _branch(w: World, scope: Scope) -> list[Part]:
    n = w.r.choice([2, 3, 4])
    inner = scope.inner()
    parts: list[Part] = [Block(f"if (b % {n} === {w.r.randrange(n)}) {{", tuple(steps(w, inner, w.r.randint(1, 2))), "}")]
    if w.r.random() < 0.5:
        parts.append(Block("else {", tuple(steps(w, inner, 1)), "}"))
    return parts


def _thrown(w: World) -> str:
    return w.r.choice(
        [
            "new AppError('bad ' + b, b, { id })", "new TypeError('type ' + id)", "new Error('plain', { cause: id })",
            "Object.assign(new RangeError('r' + b), { code: 'E_R', status: 418 })", "new AppError('c', 1, new Point(id, b))",
        ]
    )  # fmt: skip


def _throw(w: World, scope: Scope) -> list[Part]:
    if not scope.throws:
        return _out(w, scope)
    return [f"if (b === {w.r.randint(1, 5)}) throw {_thrown(w)};"]


def _try(w: World, scope: Scope) -> list[Part]:
    inner = scope.inner(throws=True)
    body = (*steps(w, inner, w.r.randint(1, 2)), *_throw(w, inner))
    error = w.fresh("e")
    parts: list[Part] = [Block("try {", body, "}"), Block(f"catch ({error}) {{", (f"{scope.out}.push(fail({error}));",), "}")]
    if w.r.random() < 0.3:
        parts.append(Block("finally {", tuple(steps(w, scope.inner(), 1)), "}"))
    return parts


def _loop(w: World, scope: Scope) -> list[Part]:
    i = w.fresh("i")
    head = w.r.choice([f"for (let {i} = 0; {i} < 3; {i}++) {{", f"for (const {i} of [b, id]) {{", f"for (const {i} in {{ p: 1, q: 2 }}) {{"])
    return [Block(head, (f"{scope.out}.push({i});", *steps(w, scope.inner(), 1)), "}")]


def _closures(w: World, scope: Scope) -> list[Part]:
    fs, i = w.fresh("fs"), w.fresh("i")
    return [
        f"const {fs} = [];",
        f"for (let {i} = 0; {i} < 3; {i}++) {fs}.push((k) => {{ {i} += 1; return k + {i} + b; }});",
        f"{scope.out}.push({fs}.map((f) => f(id)).join(), {fs}[1](b));",
    ]


def _reassigned(w: World, scope: Scope) -> list[Part]:
    v, f = w.fresh("v"), w.fresh("f")
    return [f"let {v} = b;", f"const {f} = () => {v} * 2;", f"{v} = id;", f"{scope.out}.push({f}(), {v}++, {f}());"]


def _sync_call(w: World, scope: Scope) -> list[Part]:
    found = [h for h in w.helpers if h.kind == "value" and not (h.touches and scope.pure)]
    if not found:
        return _closures(w, scope)
    return [f"{scope.out}.push(show({w.r.choice(found).call}(id, b, {_argument(w, scope)})));"]


def _argument(w: World, scope: Scope) -> str:
    if scope.objects and w.r.random() < 0.6:
        name = w.r.choice(scope.objects)
        return w.r.choice([name, name, f"[{name}, {name}]", f"{{ x: {name}.x, of: {name} }}"])
    return _plain(w) if w.r.random() < 0.5 else value(w, scope)


def _secret(w: World, scope: Scope) -> list[Part]:
    """A value that is random at start meets what was derived from it."""
    if not w.secrets:
        return _out(w, scope)
    name = w.r.choice(w.secrets)
    return [f"{scope.out}.push(hash({name}) === {name}_hash);"]


def _sent_secret(w: World, scope: Scope) -> list[Part]:
    if not w.secrets:
        return _pause(w, scope)
    name = w.r.choice(w.secrets)
    return [f"{scope.out}.push(show(await check_{name}({name})));"]


def _request(w: World, scope: Scope) -> list[Part]:
    if not scope.http:
        return _out(w, scope)
    return [
        w.r.choice(
            [
                f"{scope.out}.push(req.method, req.url);",
                f"{scope.out}.push(show(req.headers['x-k']), req.httpVersion);",
                f"req.tag = (req.tag || 0) + b; {scope.out}.push(req.tag);",
                f"{scope.out}.push(show(req.user), req.aborted);" if w.r.random() < 0.7 else f"{scope.out}.push(res.headersSent);",
                f"if (!res.headersSent) res.setHeader('x-h{w.r.randint(0, 3)}', String(b));",
                f"if (!res.headersSent) {{ res.statusCode = 200 + b; {scope.out}.push(res.statusCode); }}",
                f"{scope.out}.push(show(res.getHeader('x-h1')));",
                f"{scope.out}.push(typeof res.write, req.rawHeaders.length % 2);",
                f"res.once('finish', () => {{ req.done = true; }}); {scope.out}.push(res.writableEnded);",
            ]
        )
    ]  # fmt: skip


def _print(w: World, scope: Scope) -> list[Part]:
    return [f"print('{w.fresh('line ')}', b);"]


def _soon(w: World, scope: Scope) -> list[Part]:
    """Something that runs after this handler, and that `/settled` waits for."""
    if not w.commutative:
        return _write(w, scope)
    found = [text for state in _usable(w, scope, writing=True) for text in state.writes]
    what = w.r.choice(found) if found else "burn(2);"
    how = w.r.choice(["setImmediate", "process.nextTick", "queueMicrotask", "setTimeout"])
    return [Block(f"track((done) => {how}(() => {{", (what, "done();"), "}));")]


def _fed(w: World, scope: Scope) -> list[Part]:
    """Calls of which one is given what the other returns, nested or by a constant, with something in between or not."""
    r, name = w.r, w.fresh("sk")
    of = r.choice(scope.objects) if scope.objects and r.random() < 0.5 else ""
    drawn = f"sketch(id{f', {of}' if of else ''})"
    more = r.choice(["", ", Point", ", b", ", Named", f", id, {of or 'b'}"])
    out = r.choice([scope.out, f"note({scope.out})"])
    forms: list[list[Part]] = [
        [f"{out}.push(show(finish({drawn}{more})));"],
        [f"const {name} = {drawn};", f"{out}.push(show(finish({name}{more})));"],
        [f"const {name} = {drawn};", f"const of_{name} = finish({name}{more});", f"{scope.out}.push(show(of_{name}));"],
        [f"{scope.out}.push(show(finish(sketch(id + b, new Point(id, b)){more})));"],
    ]
    parts = r.choice(forms)
    if scope.throws and r.random() < 0.5:
        return parts
    error = w.fresh("e")
    return [Block("try {", tuple(parts), "}"), Block(f"catch ({error}) {{", (f"{scope.out}.push(fail({error}));",), "}")]


FED: tuple[tuple[Step, int], ...] = ((_fed, 6),)
SYNC: tuple[tuple[Step, int], ...] = (
    (_out, 3), (_write, 4), (_read, 3), (_local, 3), (_mutate, 4), (_burn, 2), (_branch, 3), (_throw, 2), (_try, 2),
    (_loop, 2), (_closures, 1), (_reassigned, 1), (_sync_call, 2), (_secret, 1), (_request, 2), (_print, 1), (_soon, 1),
)  # fmt: skip


def _await_helper(w: World, scope: Scope) -> list[Part]:
    found = [h for h in w.helpers if h.kind == "promise" and not (h.touches and scope.pure)]
    if not found:
        return _pause(w, scope)
    helper = w.r.choice(found)
    name, argument = w.fresh("r"), _argument(w, scope)
    call = f"{helper.call}(id, b, {argument})"
    forms: list[list[Part]] = [
        [f"const {name} = await {call};", f"{scope.out}.push(show({name}));"],
        [f"{scope.out}.push(show(await {call}));"],
        [f"await {call}.then((v) => {scope.out}.push(show(v)));"],
        [f"const {name} = {call};", *steps(w, scope.inner(awaits=False, pure=True, throws=False), 1), f"{scope.out}.push(show(await {name}));"],
    ]
    parts = w.r.choice(forms)
    if not scope.throws or w.r.random() < 0.25:
        error = w.fresh("e")
        return [Block("try {", tuple(parts), "}"), Block(f"catch ({error}) {{", (f"{scope.out}.push(fail({error}));",), "}")]
    return parts


def _await_argument(w: World, scope: Scope) -> list[Part]:
    """A helper changes an object that this one goes on using."""
    found = [h for h in w.helpers if h.kind == "promise" and not (h.touches and scope.pure)]
    if not found or not scope.objects:
        return _await_helper(w, scope)
    name, helper = w.r.choice(scope.objects), w.r.choice(found)
    return [
        f"await {helper.call}(id, b, {name}).catch((e) => {scope.out}.push(fail(e)));",
        f"{scope.out}.push(show({name}), {name}.norm?.());",
    ]


def _pause(w: World, scope: Scope) -> list[Part]:
    return [
        w.r.choice(
            ["await sleep(1);", "await null;", "await new Promise((resolve) => setImmediate(resolve));", "await sleep(b % 3);",
             "await new Promise((resolve) => process.nextTick(resolve));"]
        )
    ]  # fmt: skip


def _parallel(w: World, scope: Scope) -> list[Part]:
    found = [h for h in w.helpers if h.kind == "promise" and not h.touches]
    if not found:
        return _pause(w, scope)
    calls = [f"{w.r.choice(found).call}(id + {k}, b, {_argument(w, scope.inner(objects=()))})" for k in range(w.r.randint(2, 3))]
    how = w.r.choice(["all", "allSettled"])
    if how == "all":
        return [f"{scope.out}.push(show(await Promise.all([{', '.join(calls)}]).catch(fail)));"]
    return [f"for (const s of await Promise.allSettled([{', '.join(calls)}])) {scope.out}.push(s.status, s.reason ? fail(s.reason) : show(s.value));"]


def _callback_promise(w: World, scope: Scope) -> list[Part]:
    inner = scope.inner(awaits=False, throws=False, pure=scope.pure)
    body = tuple(steps(w, inner, w.r.randint(1, 2)))
    heads = [
        (f"await new Promise((resolve) => fs.readFile({w.data}, 'utf8', (err, text) => {{", f"{scope.out}.push(err, text.length);"),
        ("await new Promise((resolve) => crypto.pbkdf2('p' + id, 's', 2, 8, 'sha1', (err, key) => {", f"{scope.out}.push(key.toString('hex'));"),
        ("await new Promise((resolve) => zlib.deflate(Buffer.from('z'.repeat(id % 40)), (err, packed) => {", f"{scope.out}.push(zlib.inflateSync(packed).length);"),
        ("await new Promise((resolve) => setTimeout((arg) => {", f"{scope.out}.push(arg === undefined);"),
        (f"await new Promise((resolve) => fs.stat({w.data} + (b === 4 ? 'x' : ''), (err, found) => {{", f"{scope.out}.push(err ? err.code : found.size);"),
    ]  # fmt: skip
    head, first = w.r.choice(heads)
    return [Block(head, (first, *body, "resolve();"), "}));")]


def _stream(w: World, scope: Scope) -> list[Part]:
    c = w.fresh("c")
    return w.r.choice(
        [
            [Block(f"for await (const {c} of Readable.from(['a', 'b' + id])) {{", (f"{scope.out}.push(String({c}));", *steps(w, scope.inner(awaits=False), 1)), "}")],
            [Block(f"for await (const {c} of fs.createReadStream({w.data}, {{ highWaterMark: 16 }})) {{", (f"{scope.out}.push({c}.length);",), "}")],
            [f"{scope.out}.push((await Readable.from([1, 2, id]).map((k) => k * 2).toArray()).join());"],
        ]
    )  # fmt: skip


def _once(w: World, scope: Scope) -> list[Part]:
    e = w.fresh("em")
    return [
        f"const {e} = new EventEmitter();",
        f"setImmediate(() => {e}.emit('x', {value(w, scope)}, id));",
        f"{scope.out}.push(show((await once({e}, 'x'))[1]));",
    ]


def _store(w: World, scope: Scope) -> list[Part]:
    return [Block("await als.run({ id }, async () => {", (*steps(w, scope.inner(throws=False), 1), f"{scope.out}.push(als.getStore().id);"), "});")]


def _generated(w: World, scope: Scope) -> list[Part]:
    g = w.fresh("g")
    return [
        Block(f"async function* {g}(n) {{", ("for (let k = 0; k < n; k++) { if (k === 1) await null; yield k * id; }",), "}"),
        f"for await (const k of {g}(3)) {scope.out}.push(k);",
    ]


ASYNC: tuple[tuple[Step, int], ...] = (
    (_await_helper, 6), (_await_argument, 3), (_pause, 2), (_parallel, 1), (_callback_promise, 2), (_stream, 1), (_once, 1),
    (_store, 1), (_generated, 1), (_sent_secret, 1),
)  # fmt: skip


def steps(w: World, scope: Scope, count: int) -> list[Part]:
    """Some random statements."""
    if scope.depth > 3:
        return _out(w, scope)
    table = (*SYNC, *(FED if w.fed else ()), *(ASYNC if scope.awaits else ()))
    parts: list[Part] = []
    for _ in range(count):
        (step,) = w.r.choices([entry[0] for entry in table], [entry[1] for entry in table])
        parts += step(w, scope)
    return parts

