"""Random request handlers of generated programs: how they begin, wait, go on in callbacks, and answer."""

from __future__ import annotations

from tests.differential.steps import steps
from tests.differential.tree import Block, Part
from tests.differential.world import Helper, Scope, World, value

LIMIT = "limit: changed by a method of its own, and only a variable of a closure leads to it"
"""Marks what the README says of unseen paths that nothing watches."""
_BEGIN = ("const { id, b } = query(req);", "const out = [];")


def handler_body(w: World, *, is_async: bool, has_next: bool, posts: bool, catches: bool) -> list[Part]:
    """The statements of a handler `(req, res, next)` that answers exactly once.

    Args:
        w: what the program has.
        is_async: whether it may wait.
        has_next: whether `next` goes on to another handler that answers.
        posts: whether the request has a body.
        catches: whether somebody catches what the handler throws.
    """
    scope = Scope("out", awaits=is_async, throws=catches, http=True)
    parts: list[Part] = list(_BEGIN)
    parts += steps(w, scope, w.r.randint(1, 3))
    if posts:
        return [*parts, *_reading(w, scope, is_async)]
    if is_async:
        parts += steps(w, scope, w.r.randint(1, 3))
        if w.r.random() < 0.15:
            return [*parts, *continuation(w, scope.inner(awaits=False, throws=False), 1)]
        return [*parts, *_finish(w, scope, has_next)]
    return [*parts, *continuation(w, scope.inner(throws=False), w.r.choice([0, 0, 1, 1, 2, 3]))]


def _reading(w: World, scope: Scope, is_async: bool) -> list[Part]:
    if is_async and w.r.random() < 0.5:
        return [
            "const parts = [];", "for await (const part of req) parts.push(part);",
            "out.push(JSON.parse(Buffer.concat(parts).toString()).k.length);",
            *steps(w, scope, w.r.randint(1, 2)), *_finish(w, scope, False),
        ]  # fmt: skip
    inner = scope.inner(awaits=False, throws=False)
    if w.r.random() < 0.5:
        before: tuple[Part, ...] = ("let text = '';", "req.on('data', (part) => { text += part; });")
        read = "out.push(JSON.parse(text).k.join());"
    else:
        before = ("const parts = [];", "req.on('data', (part) => parts.push(part));")
        read = "out.push(Buffer.concat(parts).length);"
    return [*before, Block("req.on('end', () => {", (read, *continuation(w, inner, w.r.choice([0, 1]))), "});")]


def continuation(w: World, scope: Scope, depth: int) -> list[Part]:
    """Statements, then a callback in which it goes on, and at last the answer."""
    parts = steps(w, scope.inner(awaits=False), w.r.randint(1, 2))
    if depth == 0:
        return [*parts, *_finish(w, scope, False)]
    rest = tuple(continuation(w, scope.inner(awaits=False, throws=False), depth - 1))
    e, v = w.fresh("e"), w.fresh("v")
    callbacks = [h for h in w.helpers if h.kind == "callback"]
    promises = [h for h in w.helpers if h.kind == "promise"]
    forms: list[tuple[str, tuple[Part, ...], str]] = [
        (f"fs.readFile({w.data}, 'utf8', ({e}, {v}) => {{", (f"out.push({e}, {v}.length);",), "});"),
        ("setImmediate(() => {", (), "});"),
        ("setTimeout(() => {", (), "}, 1);"),
        ("process.nextTick(() => {", (), "});"),
        (f"crypto.pbkdf2('p' + id, 'salt', 3, 8, 'sha1', ({e}, {v}) => {{", (f"out.push({v}.toString('hex'));",), "});"),
        (f"zlib.gzip('g'.repeat(id % 30), ({e}, {v}) => {{", (f"out.push(zlib.gunzipSync({v}).length);",), "});"),
        (f"fs.readdir({w.data} + (b === 3 ? '/none' : '/..'), ({e}, {v}) => {{", (f"out.push({e} ? {e}.code : {v}.includes('data.txt'));",), "});"),
    ]  # fmt: skip
    if callbacks:
        forms += [(f"{w.r.choice(callbacks).call}(id, b, {value(w, scope)}, ({e}, {v}) => {{", (f"out.push(show({e}), show({v}));",), "});")] * 3
    if promises:
        head = f"{w.r.choice(promises).call}(id, b, {value(w, scope)}).catch(fail).then(({v}) => {{"
        forms += [(head, (f"out.push(show({v}));",), "});")] * 3
    head, first, tail = w.r.choice(forms)
    return [*parts, Block(head, (*first, *rest), tail)]


def _finish(w: World, scope: Scope, has_next: bool) -> list[Part]:
    r = w.r
    if has_next:
        return [r.choice(["req.out = out; next();", "req.out = out; return next();", "res.locals = { out }; next();"])]
    if scope.throws and r.random() < 0.08:
        return [f"throw new AppError('at the end', b, {value(w, scope)});"]
    late = w.fresh("t")
    forms: list[list[Part]] = [
        ["send(res, out);"], ["send(res, out);"], ["res.end(out.join('\\n'));"],
        ["res.writeHead(201, { 'x-count': out.length, 'content-type': 'text/plain' });", "res.end(out.join());"],
        ["res.write('begin ');", "for (const line of out) res.write(String(line) + '\\n');", "res.end('end');"],
        ["res.setHeader('content-type', 'application/json');", "res.end(JSON.stringify(out.map(String)));"],
        ["Readable.from([...out.map((line) => String(line) + '\\n'), 'piped']).pipe(res);"],
        [f"fs.createReadStream({w.data}, {{ start: b }}).pipe(res);"],
        ["res.setHeader('set-cookie', ['a=' + b, 'c=1']);", "res.statusMessage = 'Fine';", "res.end(Buffer.from(out.join('|')));"],
        ["res.write(out.join());", Block("setImmediate(() => {", ("res.end(' later');",), "});")],
        ["res.write(out.join());", f"let {late} = 0;", f"const step_{late} = () => {{ if (++{late} > 3) return res.end('.'); res.write('p' + {late}); setTimeout(step_{late}, 1); }};", f"step_{late}();"],
        ["res.removeHeader('x-h0');", "res.statusCode = 203;", "res.end(out.join('\\n'), () => { req.sent = true; });"],
        ["pipeline(Readable.from([out.join()]), zlib.createGzip(), res, () => {});"],
        ["const body = out.join('\\n');", "res.setHeader('content-length', Buffer.byteLength(body));", "res.end(body);"],
        ["Readable.from((async function* () { for (const line of out) { await null; yield String(line) + '\\n'; } })()).pipe(res);"],
        ["const through = new PassThrough();", "through.pipe(res);", "for (const line of out) through.write(String(line));", "through.end('through');"],
        ["pipeline(Readable.from([out.join(), ' ']), new Transform({ transform(part, encoding, tell) { tell(null, String(part).toUpperCase() + b); } }), res, () => {});"],
        [Block("pipeline(async function* () {", ("for (let k = 0; k < 40; k++) yield Buffer.alloc(5000, 97 + (k + b) % 26);", "yield out.join();"), "}, res, () => {});")],
        [f"fs.createReadStream({w.data}, {{ highWaterMark: 20 }}).on('data', (part) => res.write(part)).on('end', () => res.end(String(out.length)));"],
        ["res.cork();", "for (const line of out) res.write(String(line));", "res.uncork();", "res.end();"],
        ["if (b === 5) { res.statusCode = 204; return res.end(); }", "send(res, out);"],
    ]  # fmt: skip
    return r.choice(forms)


def left_body(w: World, *, catches: bool) -> list[Part]:
    """The statements of a handler whose client goes away before the answer is complete.

    What the client's leaving brings about must not depend on what the client did next.
    """
    r = w.r
    scope = Scope("out", awaits=False, throws=catches, http=True)
    told = r.choice(["res.writableEnded", "res.headersSent", "req.complete", "res.writableFinished"])
    found = [text for state in w.states for text in state.writes] if w.commutative else []
    after: tuple[Part, ...] = (*([r.choice(found)] if found else []), f"print('{w.fresh('left ')}', b + ' ' + {told});", "done();")
    # With status 204 no answer would ever begin for its client to go away from.
    begin: list[Part] = [*_BEGIN, *steps(w, scope, r.randint(1, 2)), "if (res.statusCode === 204) res.statusCode = 206;", "res.write('begin ' + out.join() + ' so\\n');"]
    close = r.choice(["res.on('close', () => {", "res.once('close', () => {", "req.on('close', () => {"])
    if close.startswith("req"):
        # A request is closed when it has been read, too.
        close = "req.socket.once('close', () => {"
    going: list[tuple[tuple[Part, ...], tuple[Part, ...]]] = [
        (("const timer = setInterval(() => res.write('.'), 2);",), ("clearInterval(timer);",)),
        (("const source = new Readable({ read() { setTimeout(() => this.push('.'), 2); } });", "source.pipe(res);"), ("source.destroy();",)),
        (("let over = false;", "const go = () => { if (over) return; res.write('-'); setImmediate(go); };", "go();"), ("over = true;",)),
    ]  # fmt: skip
    first, last = r.choice(going)
    return [*begin, Block("track((done) => {", (*first, Block(close, (*last, *after), "});")), "});")]


def helper(w: World, name: str, *, pure: bool) -> tuple[Helper, list[Part]]:
    """A function `(id, b, x)` of the program, and its declaration."""
    r = w.r
    kind = r.choice(["async", "async", "arrow", "promise", "method", "bound", "factory", "tool", "object", "static", "chain", "callback", "value"])
    is_async = kind in ("async", "arrow", "method", "bound", "factory", "tool", "object", "static")
    throws = is_async or kind == "chain"
    scope = Scope("o", awaits=is_async, throws=throws, pure=pure)
    body: list[Part] = ["const o = [];"]
    if r.random() < 0.6:
        body.append(
            r.choice(
                [
                    "if (x && typeof x === 'object' && Object.isExtensible(x)) x.touched = id;",
                    "if (x && typeof x === 'object' && typeof x.x === 'number') x.x += id;",
                    "if (Array.isArray(x)) x.push({ id });",
                    "o.push(show(x));",
                    "o.push(x?.open?.(), x?.total?.(), x?.top?.());",
                    "o.push(als.getStore()?.id);",
                    "if (x && typeof x === 'object' && 'x' in x) { x.x += 1; await null; x.x += 1; }" if is_async else "o.push(typeof x);",
                    "o.push(x instanceof Point, x instanceof Named, x?.norm?.());",
                    "if (x instanceof Map) x.set('touched', b);",
                    "if (Array.isArray(x)) o.push(x[0] === x[1]);",
                ]
            )
        )
    body += steps(w, scope, r.randint(1, 3))
    made = r.choice(["o", "o", "o", "{ o, x }", "x", value(w, scope), "undefined", "new Point(o.length, b)", "[x, x, o]"])
    parts: list[Part]
    call, told = name, "promise"
    mark = f" //~ helper {kind}"
    if kind == "async":
        parts = [Block(f"async function {name}(id, b, x) {{{mark}", (*body, f"return {made};"), "}")]
    elif kind == "arrow":
        parts = [Block(f"const {name} = async (id, b, x) => {{{mark}", (*body, f"return {made};"), "};")]
    elif kind == "promise":
        how = r.choice(["setImmediate(() => {", "setTimeout(() => {", "process.nextTick(() => {"])
        tail = f"if (b === {r.randint(3, 6)}) reject(new AppError('no', b)); else resolve({made});"
        inner = Block(how, (*body, tail), "});")
        parts = [Block(f"function {name}(id, b, x) {{{mark}", (Block("return new Promise((resolve, reject) => {", (inner,), "});"),), "}")]
    elif kind in ("method", "bound"):
        method = Block(f"async run(id, b, x) {{{mark}", (*body, "o.push(this.k);", f"return {made};"), "}")
        parts = [Block(f"class C_{name} {{", ("constructor(k) { this.k = k; }", method), "}"), f"const s_{name} = new C_{name}({r.randint(1, 9)});"]
        call = f"s_{name}.run"
        if kind == "bound":
            parts.append(f"const {name} = s_{name}.run.bind(s_{name});")
            call = name
    elif kind == "factory":
        inner = Block(f"return async (id, b, x) => {{{mark}", (*body, "o.push(k, show(own));", f"return {made};"), "};")
        own = r.choice(["const own = { k, at: [k] };", "const own = new Map([[k, k]]);", "const own = k * 2;", "const own = new Point(k, k);"])
        parts = [Block(f"function make_{name}(k) {{", (own, inner), "}"), f"const {name} = make_{name}({r.randint(1, 9)});"]
    elif kind == "tool":
        made_of, uses, late = tool(w)
        changes = [Block("if (b > 1) {", (r.choice(late),), "}")] if late and w.unseen and not pure and r.random() < 0.4 else []
        inner = Block(f"return async (id, b, x) => {{{mark}", (*body, *changes, f"o.push({uses});", f"return {made};"), "};")
        parts = [Block(f"function make_{name}(k) {{", (*made_of, inner), "}"), f"const {name} = make_{name}({r.randint(1, 9)});"]
    elif kind == "static":
        parts = [Block(f"class Tasks_{name} {{", (Block(f"static async run(id, b, x) {{{mark}", (*body, f"return {made};"), "}"),), "}")]
        call = f"Tasks_{name}.run"
    elif kind == "chain":
        before = [h for h in w.helpers if h.kind == "promise"]
        first = f"{r.choice(before).call}(id, b, x)" if before and r.random() < 0.5 else r.choice(["sleep(0)", "Promise.resolve(id)", "once(Object.assign(new EventEmitter(), { soon: setImmediate }), 'never', { signal: AbortSignal.abort(b) }).catch((e) => e.name)"])
        parts = [Block(f"function {name}(id, b, x) {{{mark}", (Block(f"return {first}.then((v) => {{", (*body, "o.push(show(v));", f"return {made};"), "});"),), "}")]
    elif kind == "object":
        parts = [Block(f"const o_{name} = {{", (Block(f"async get(id, b, x) {{{mark}", (*body, f"return {made};"), "},"),), "};")]
        call = f"o_{name}.get"
    elif kind == "callback":
        how = r.choice(["setImmediate(() => {", "setTimeout(() => {", "process.nextTick(() => {"])
        parts = [Block(f"function {name}(id, b, x, tell) {{{mark}", (Block(how, (*body, f"tell(null, {made});"), "});"),), "}")]
        told = "callback"
    else:
        parts = [Block(f"function {name}(id, b, x) {{{mark}", (*body, f"return {made};"), "}")]
        told = "value"
    return Helper(name, told, call, touches=not pure), parts


def tool(w: World) -> tuple[tuple[Part, ...], str, tuple[str, ...]]:
    """Something that a function which makes others keeps, and that cannot be sent: statements, its use, and changes of it."""
    forms: list[tuple[tuple[Part, ...], str, tuple[str, ...]]] = [
        (("const own = (n) => burn(n % 5 + 1, k);",), "own(id)", ("own.extra = b;",)),
        (("const own = { run: (n) => n * k, at: [k] };",), "own.run(id), own.at.join()", ("own.at.push(b);", "own.run = (n) => n + b;", "Object.assign(own, { at: [b] });")),
        (("const own = new Vault(k);",), "own.open()", ("own.more = b;",)),
        (("const own = sketch(k % 5);",), "own.draw(2)", ("own.of = b;",)),
        (("const own = new Map([['run', (n) => n + k]]);",), "own.get('run')(id), own.size", ("own.set(b, b);", "own.set('run', (n) => n - b);")),
        (("const own = new EventEmitter();", "own.on('ask', (tell) => tell(k));"), "(() => { let told; own.emit('ask', (v) => { told = v; }); return told; })()",
         ("own.on('ask', (tell) => tell(b));", "own.removeAllListeners();")),
        (("let level = k;", "const own = () => level;"), "own()", ("level = b;", "level += b;", "level++;")),
        (("const own = [new Point(k, 1), () => k];",), "own[0].norm(), own[1]()", (f"own[0].moved(b); //~ {LIMIT}", "own[0].x = b;", "own.pop();")),
        (("const drawn = Math.random();", "const own = () => drawn;"), "own() === drawn", ()),
    ]  # fmt: skip
    return w.r.choice(forms)
