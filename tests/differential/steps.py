"""Random statements of generated programs: what handlers and helpers do without waiting."""

from __future__ import annotations

from tests.differential.tree import Block, Part
from tests.differential.world import Scope, Step, World, argument, plain, usable, value


def out(w: World, scope: Scope) -> list[Part]:
    return [f"{scope.out}.push(show({value(w, scope)}));"]


def _write(w: World, scope: Scope) -> list[Part]:
    found = usable(w, scope, writing=True)
    if not found:
        return out(w, scope)
    state = w.r.choice(found)
    texts = [*state.writes, *(() if w.commutative else state.ordered)]
    return [w.r.choice(texts)] if texts else out(w, scope)


def _read(w: World, scope: Scope) -> list[Part]:
    found = usable(w, scope)
    if not found:
        return out(w, scope)
    return [f"{scope.out}.push({w.r.choice(w.r.choice(found).reads)});"]


def _late(w: World, scope: Scope) -> list[Part]:
    """A change of what the recording saw unchanged: right, or a violation."""
    found = [state for state in usable(w, scope) if state.late]
    if not w.unseen or not found:
        return _read(w, scope)
    state = w.r.choice(found)
    change, read = w.r.choice(state.late), f"{scope.out}.push({w.r.choice(state.reads)});"
    return [read, Block("if (b > 1) {", (change, read), "}")]


def _local(w: World, scope: Scope) -> list[Part]:
    name = w.fresh("v")
    inner = scope.inner(objects=(*scope.objects, name))
    return [f"const {name} = {plain(w)};", *steps(w, inner, 1), f"{scope.out}.push(show({name}));"]


def _mutate(w: World, scope: Scope) -> list[Part]:
    if not scope.objects:
        return out(w, scope)
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
        return out(w, scope)
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
    return [f"{scope.out}.push(show({w.r.choice(found).call}(id, b, {argument(w, scope)})));"]


def _secret(w: World, scope: Scope) -> list[Part]:
    """A value that is random at start meets what was derived from it."""
    if not w.secrets:
        return out(w, scope)
    name = w.r.choice(w.secrets)
    return [f"{scope.out}.push(hash({name}) === {name}_hash);"]


def _request(w: World, scope: Scope) -> list[Part]:
    if not scope.http:
        return out(w, scope)
    return [
        w.r.choice(
            [
                f"{scope.out}.push(req.method, req.url);",
                f"{scope.out}.push(show(req.headers['x-k']), req.httpVersion);",
                f"req.tag = (req.tag || 0) + b; {scope.out}.push(req.tag);",
                f"{scope.out}.push(show(req.user), show(req.own), req.aborted);" if w.r.random() < 0.7 else f"{scope.out}.push(res.headersSent);",
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
    found = [text for state in usable(w, scope, writing=True) for text in state.writes]
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


SYNC: tuple[tuple[Step, int], ...] = (
    (out, 3), (_write, 4), (_read, 3), (_local, 3), (_mutate, 4), (_burn, 2), (_branch, 3), (_throw, 2), (_try, 2),
    (_loop, 2), (_closures, 1), (_reassigned, 1), (_sync_call, 2), (_secret, 1), (_request, 2), (_print, 1), (_soon, 1), (_fed, 4), (_late, 4),
)  # fmt: skip


def steps(w: World, scope: Scope, count: int) -> list[Part]:
    """Some random statements."""
    if scope.depth > 3:
        return out(w, scope)
    table = (*SYNC, *(w.waits if scope.awaits else ()))
    parts: list[Part] = []
    for _ in range(count):
        (step,) = w.r.choices([entry[0] for entry in table], [entry[1] for entry in table])
        parts += step(w, scope)
    return parts

