"""Random statements of generated programs that wait: for helpers, callbacks, streams, events."""

from __future__ import annotations

from tests.differential.steps import steps
from tests.differential.tree import Block, Part
from tests.differential.world import Scope, Step, World, argument, plain, value


def _sent_secret(w: World, scope: Scope) -> list[Part]:
    if not w.secrets:
        return _pause(w, scope)
    name = w.r.choice(w.secrets)
    return [f"{scope.out}.push(show(await check_{name}({name})));"]


def _await_helper(w: World, scope: Scope) -> list[Part]:
    found = [h for h in w.helpers if h.kind == "promise" and not (h.touches and scope.pure)]
    if not found:
        return _pause(w, scope)
    helper = w.r.choice(found)
    name = w.fresh("r")
    call = f"{helper.call}(id, b, {argument(w, scope)})"
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


def _await_later(w: World, scope: Scope) -> list[Part]:
    """What a helper has done to an object by the time it gives its promise."""
    found = [h for h in w.helpers if h.kind == "promise" and not (h.touches and scope.pure)]
    if not found:
        return _pause(w, scope)
    name, promise, call = w.fresh("v"), w.fresh("r"), w.r.choice(found).call
    return [
        f"const {name} = {plain(w)};", f"const {promise} = {call}(id, b, {name}).catch(fail);", f"{scope.out}.push(show({name}));",
        f"{scope.out}.push(show(await {promise}), show({name}));",
    ]  # fmt: skip


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
    calls = [f"{w.r.choice(found).call}(id + {k}, b, {argument(w, scope.inner(objects=()))})" for k in range(w.r.randint(2, 3))]
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
    helpers = [h for h in w.helpers if h.kind == "promise" and not (h.touches and scope.pure)]
    if helpers and w.r.random() < 0.4:
        call = f"{w.r.choice(helpers).call}(id, b, {argument(w, scope)})"
        return [f"{scope.out}.push(show(await als.run({{ id }}, () => {call}).catch(fail)), als.getStore()?.id);"]
    return [Block("await als.run({ id }, async () => {", (*steps(w, scope.inner(throws=False), 1), f"{scope.out}.push(als.getStore().id);"), "});")]


def _generated(w: World, scope: Scope) -> list[Part]:
    g = w.fresh("g")
    return [
        Block(f"async function* {g}(n) {{", ("for (let k = 0; k < n; k++) { if (k === 1) await null; yield k * id; }",), "}"),
        f"for await (const k of {g}(3)) {scope.out}.push(k);",
    ]


WAITS: tuple[tuple[Step, int], ...] = (
    (_await_helper, 6), (_await_later, 1), (_await_argument, 3), (_pause, 2), (_parallel, 1), (_callback_promise, 2), (_stream, 1), (_once, 1),
    (_store, 1), (_generated, 1), (_sent_secret, 1),
)  # fmt: skip
