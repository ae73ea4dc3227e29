"""Makes a random program from a seed: its files, its routes, and what its clients send."""

from __future__ import annotations

import random
from dataclasses import replace

from tests.differential.handlers import handler_body, helper, left_body, tool
from tests.differential.state import State, make_state
from tests.differential.steps import steps
from tests.differential.tree import Ask, Block, Part, Program, common_file
from tests.differential.waits import WAITS
from tests.differential.world import Helper, Scope, World

_LIB = ("AppError", "Point", "Named", "Vault", "Bag", "Stack", "burn", "hash", "show", "sleep", "fail", "wrap", "query", "send", "track", "settled",
        "sketch", "finish", "note")  # fmt: skip
_LOCAL_ONLY = frozenset({"variable", "replaced object", "mode"})
"""Kinds of state that are assigned by their name, so that no other file can change them."""


def make_program(seed: int, *, modules: str | None = None) -> Program:
    """The program of a seed; ``modules`` 'cjs' or 'esm' decides what kind of files it has."""
    r = random.Random(seed)
    esm = r.random() < 0.25
    if modules is not None:
        esm = modules == "esm"
    return _Maker(r, seed, esm).make()


class _Maker:
    def __init__(self, r: random.Random, seed: int, esm: bool) -> None:
        self.r = r
        self.seed = seed
        self.esm = esm
        self.ending = "mjs" if esm else "js"
        self.commutative = r.random() < 0.5
        self.style = r.choice(["plain", "tiny", "tiny", "tiny", "express"])
        self.states = [make_state(f"st{number}", r, f"p{seed}") for number in range(r.randint(1, 4))]
        self.secrets = [f"sec{number}" for number in range(r.choice([0, 0, 1]))]
        self.apart = r.random() < 0.5
        """Whether state that can be is in a file of its own."""
        self.helpers_apart = r.random() < 0.4
        self.files: list[tuple[str, list[Part]]] = []
        self.seen = [0, 1] if r.random() < 0.7 else [0, 1, 2, 3, 4, 5]
        """The values of `b` that the recording sees."""
        self.left: list[str] = []
        """Routes whose clients go away before the answer is complete."""
        self.count = 0

    def make(self) -> Program:
        r = self.r
        shared = [state for state in self.states if self.apart and state.kind not in _LOCAL_ONLY]
        own = [state for state in self.states if state not in shared]
        w = World(r, self.states, [], self.commutative, "DATA", self.secrets, unseen=len(self.seen) == 2, waits=WAITS)
        helpers = self._helpers(w, shared)
        index: list[Part] = [*self._head(shared if self.apart else [], helpers if self.helpers_apart else [])]
        for state in own:
            index += state.declaration
        index += self._secrets()
        if not self.helpers_apart:
            for _, parts in helpers:
                index += parts
        w.helpers = [one for one, _ in helpers]
        routes, posts = self._routes(w)
        index += routes
        servers = ["http"]
        for proto, chance, build in (("tcp", 0.12, self._tcp), ("udp", 0.12, self._udp)):
            if r.random() < chance:
                index += build(w)
                servers.append(proto)
        files = [(f"index.{self.ending}", index), *self.files]
        if shared:
            files.append((f"state.{self.ending}", self._state_file(shared)))
        files += [(name, [*common_file(name).splitlines()]) for name in (f"lib.{self.ending}", "data.txt")]
        return Program(
            name=f"p{self.seed}",
            seed=self.seed,
            entry=f"index.{self.ending}",
            files=tuple((name, tuple(parts)) for name, parts in files),
            asks=tuple(self._asks(posts, servers)),
            servers=tuple(servers),
            packages=tuple(sorted({self.style} & {"tiny", "express"})),
            notes={"commutative": self.commutative, "style": self.style},
        )

    # Files ----------------------------------------------------------------------------------------------------------

    def _head(self, shared: list[State], helpers: list[tuple[Helper, list[Part]]]) -> list[Part]:
        parts: list[Part] = [] if self.esm else ["'use strict';"]
        builtins = ("http", "net", "dgram", "fs", "crypto", "zlib", "path")
        parts += [self._import(name, f"node:{name}") for name in builtins]
        parts.append(self._import("{ EventEmitter, once }", "node:events"))
        parts.append(self._import("{ Readable, PassThrough, Transform, pipeline }", "node:stream"))
        parts.append(self._import("{ AsyncLocalStorage }", "node:async_hooks"))
        parts.append(self._import(f"{{ {', '.join(_LIB)} }}", f"./lib.{self.ending}"))
        names = [name for state in shared for name in state.exported]
        if names:
            parts.append(self._import(f"{{ {', '.join(names)} }}", f"./state.{self.ending}"))
        elif shared:
            # A global variable is all that is in the file, and nobody asks for it by name.
            parts.append(f"import './state.{self.ending}';" if self.esm else f"require('./state.{self.ending}');")
        calls = [one.call.split(".")[0] for one, _ in helpers]
        if calls:
            parts.append(self._import(f"{{ {', '.join(calls)} }}", f"./helpers.{self.ending}"))
        if self.style != "plain":
            parts.append(self._import(self.style, self.style))
        folder = "import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname)" if self.esm else "__dirname"
        parts.append(f"const DATA = path.join({folder}, 'data.txt');")
        parts.append("const als = new AsyncLocalStorage();")
        parts.append(f"const print = (text, more) => console.log('p{self.seed} ' + text + ' ' + more);")
        parts.append(f"const PORTS = JSON.parse(process.argv[2]).p{self.seed};")
        return parts

    def _import(self, what: str, module: str) -> str:
        if self.esm:
            return f"import {what} from '{module}';"
        return f"const {what} = require('{module}');"

    def _export(self, names: list[str]) -> str:
        listed = ", ".join(names)
        return f"export {{ {listed} }};" if self.esm else f"module.exports = {{ {listed} }};"

    def _state_file(self, shared: list[State]) -> list[Part]:
        parts: list[Part] = [] if self.esm else ["'use strict';"]
        parts.append(self._import("{ EventEmitter }", "node:events"))
        parts.append(self._import("{ burn, Point }", f"./lib.{self.ending}"))
        for state in shared:
            parts += state.declaration
        return [*parts, self._export([name for state in shared for name in state.exported])]

    def _helpers(self, w: World, shared: list[State]) -> list[tuple[Helper, list[Part]]]:
        r = self.r
        found: list[tuple[Helper, list[Part]]] = []
        if self.helpers_apart:
            w = replace(w, states=[s for s in self.states if s in shared or s.kind == "global"], secrets=())
        for number in range(r.randint(1, 4)):
            w.helpers = [one for one, _ in found]
            pure = r.random() < 0.5
            if pure:
                w.helpers = [one for one in w.helpers if not one.touches]
            found.append(helper(w, f"h{number}", pure=pure))
        self.count = w.count
        if self.helpers_apart:
            parts = [*self._head(shared, [])]
            for _, declared in found:
                parts += declared
            self.files.append((f"helpers.{self.ending}", [*parts, self._export([one.call.split(".")[0] for one, _ in found])]))
        return found

    def _secrets(self) -> list[Part]:
        parts: list[Part] = []
        for name in self.secrets:
            made = self.r.choice(["crypto.randomBytes(6).toString('hex')", "Math.random()", "crypto.randomUUID()", "[Date.now(), process.hrtime()]"])
            parts += [
                f"const {name} = {made};", f"const {name}_hash = hash({name});",
                f"async function check_{name}(v) {{ burn(2); return [String(v) === String({name}), hash(v) === {name}_hash]; }}",
            ]  # fmt: skip
        return parts

    # Servers --------------------------------------------------------------------------------------------------------

    def _routes(self, w: World) -> tuple[list[Part], dict[str, bool]]:
        r = self.r
        w.count += self.count
        framework = self.style != "plain"
        parts: list[Part] = []
        table: list[str] = []
        posts: dict[str, bool] = {}
        if framework:
            parts.append(f"const app = {self.style}();")
            parts += self._middleware(w)
        for number in range(r.randint(2, 4)):
            path = f"/r{number}"
            post = r.random() < 0.15
            posts[path] = post
            is_async = r.random() < 0.6
            catches = is_async or framework
            body = handler_body(w, is_async=is_async, has_next=False, posts=post, catches=catches)
            wrapped = is_async and self.style == "express"
            form = r.choice(["inline", "named", "factory", "method", "twin", "field"]) if framework else "named"
            leaves = not post and r.random() < 0.12
            if leaves:
                self.left.append(path)
                is_async, catches = False, framework
                body = left_body(w, catches=catches)
            mark = f" //~ route {form}{' left' if leaves else ''}"
            word = "async " if is_async else ""
            around = ("wrap(", ")") if wrapped else ("", "")
            verb = f"app.{'post' if post else 'get'}('{path}', "
            before = self._before(w) if framework and r.random() < 0.3 else []
            names = ""
            for one, declared in before:
                parts += declared
                names += f"{one}, "
            if not framework:
                parts.append(Block(f"{word}function route{number}(req, res, next) {{{mark}", tuple(body), "}"))
                table.append(f"'{path}': route{number}")
            elif form == "inline":
                arrow = r.choice([f"{word}(req, res) => {{", f"{word}function (req, res) {{", f"{word}function named(req, res) {{"])
                parts.append(Block(f"{verb}{names}{around[0]}{arrow}{mark}", tuple(body), f"}}{around[1]});"))
            elif form == "named":
                parts.append(Block(f"{word}function route{number}(req, res) {{{mark}", tuple(body), "}"))
                parts.append(f"{verb}{names}{around[0]}route{number}{around[1]});")
            elif form == "factory":
                inner = Block(f"return {word}(req, res) => {{{mark}", ("const k = options.k + b0;", "req.k = k;", *body), "};")
                parts.append(Block(f"function make{number}(options, b0) {{", (inner,), "}"))
                parts.append(f"{verb}{names}{around[0]}make{number}({{ k: {r.randint(1, 5)} }}, 2){around[1]});")
            elif form == "twin":
                made, uses, late = tool(w)
                # The changes of such a thing are in the place of what the request of this route would do else.
                changes = [Block("if (b > 1) {", (r.choice(late),), "}")] if late and w.unseen and r.random() < 0.4 else []
                inner = Block(f"return {word}(req, res) => {{{mark}", (body[0], f"req.own = [{uses}];", *changes, *body[1:]), "};")
                parts.append(Block(f"function make{number}(k) {{", (*made, inner), "}"))
                parts.append(f"{verb}{names}{around[0]}make{number}({r.randint(1, 5)}){around[1]});")
                if not post and r.random() < 0.5:
                    posts[f"{path}x"] = False
                    if leaves:
                        self.left.append(f"{path}x")
                    parts.append(f"app.get('{path}x', {around[0]}make{number}({r.randint(1, 5)}){around[1]});")
            elif form == "field":
                inner = Block(f"this.page = {word}(req, res) => {{{mark}", ("req.own = this.tool(query(req).id);", *body), "};")
                parts.append(
                    Block(
                        f"class Fields{number} {{",
                        (Block("constructor(k) {", ("this.k = k;", "this.tool = (n) => burn(n % 5 + 1, this.k);", inner), "}"),),
                        "}",
                    )
                )
                parts.append(f"{verb}{names}{around[0]}new Fields{number}({r.randint(1, 5)}).page{around[1]});")
            else:
                parts.append(
                    Block(
                        f"class Pages{number} {{",
                        ("constructor() { this.k = 7; }", Block(f"{word}page(req, res) {{{mark}", ("req.k = this.k;", *body), "}")),
                        "}",
                    )
                )
                parts.append(f"const pages{number} = new Pages{number}();")
                bound = r.choice([f"pages{number}.page.bind(pages{number})", f"(req, res) => pages{number}.page(req, res)"])
                parts.append(f"{verb}{names}{around[0]}{bound}{around[1]});")
        dumps = ", ".join(f"{state.name}: {state.dump}" for state in self.states)
        dump = f"(req, res) => send(res, [show({{ {dumps} }})])"
        wait = "(req, res) => settled(() => res.end('settled'))"
        if framework:
            parts += [f"app.get('/state', {dump});", f"app.get('/settled', {wait});"]
            parts.append(
                r.choice(
                    [
                        "app.use((error, req, res, next) => { if (res.headersSent) return res.end('late ' + fail(error)); res.statusCode = error.status || 500; res.end(fail(error)); });",
                        "app.use(function failed(error, req, res, next) { res.statusCode = 520; res.end('failed ' + fail(error)); });",
                    ]
                )
            )
            parts.append("const server = http.createServer(app);")
        else:
            parts.append(f"const routes = {{ {', '.join(table)}, '/state': {dump}, '/settled': {wait} }};")
            parts.append(
                Block(
                    "const server = http.createServer((req, res) => {",
                    (
                        "const failed = (error) => { res.statusCode = 500; res.end(fail(error)); };",
                        "const found = routes[req.url.split('?')[0]];",
                        "if (found === undefined) { res.statusCode = 404; return res.end('nothing here'); }",
                        "try { const told = found(req, res, failed); if (told && told.catch) told.catch(failed); } catch (error) { failed(error); }",
                    ),
                    "});",
                )
            )
        parts.append("server.listen(PORTS.http, '127.0.0.1');")
        return parts, posts

    def _middleware(self, w: World) -> list[Part]:
        r = self.r
        texts = [
            "app.use((req, res, next) => { req.user = { name: 'u' + req.url.length, roles: ['r'] }; next(); });",
            "app.use(function (req, res, next) { res.setHeader('x-h1', 'mw'); next(); });",
            "app.use((req, res, next) => { req.begun = [req.method]; return next(); });",
            "app.use(wrap(async (req, res, next) => { req.token = hash(req.url); await null; next(); }));",
            "app.use((req, res, next) => { setImmediate(next); });",
            "app.use((req, res, next) => { als.run({ id: req.url.length }, next); });",
            "app.use((req, res, next) => { req.share = new Point(1, 2); res.on('finish', () => { req.share.x = 0; }); next(); });",
            "app.use([(req, res, next) => { req.one = 1; next(); }, (req, res, next) => { req.one += 1; burn(3); next(); }]);",
        ]  # fmt: skip
        return list(r.sample(texts, r.randint(0, 3)))

    def _before(self, w: World) -> list[tuple[str, list[Part]]]:
        """A middleware of one route."""
        name = w.fresh("before")
        is_async = self.style == "tiny" and self.r.random() < 0.4
        scope = Scope("out", awaits=is_async, throws=True, http=True)
        body = ["const { id, b } = query(req);", "const out = [];", *steps(w, scope, self.r.randint(1, 2))]
        body += self.r.choice([["req.before = out;", "next();"], ["next();"], ["if (b === 5) return next(new AppError('stopped', b));", "next();"]])
        word = "async " if is_async else ""
        return [(name, [Block(f"{word}function {name}(req, res, next) {{ //~ middleware", tuple(body), "}")])]

    def _tcp(self, w: World) -> list[Part]:
        scope = Scope("out", awaits=True, throws=False)
        answer = Block(
            "async function answer(line) { //~ line",
            ("const [id, b] = line.split(' ').map(Number);", "const out = [];", *steps(w, scope, self.r.randint(1, 3)),
             "return out.map(String).join(';').replaceAll('\\n', ' ');"),
            "}",
        )  # fmt: skip
        serve = Block(
            "const lines = net.createServer((socket) => {",
            (
                "let rest = '';",
                "let last = Promise.resolve();",
                Block(
                    "socket.on('data', (data) => {",
                    (
                        "const found = (rest + data).split('\\n');",
                        "rest = found.pop();",
                        "for (const line of found) last = last.then(() => answer(line)).then((text) => socket.write(text + '\\n'));",
                    ),
                    "});",
                ),
                "socket.on('error', () => {});",
            ),
            "});",
        )
        return [answer, serve, "lines.listen(PORTS.tcp, '127.0.0.1');"]

    def _udp(self, w: World) -> list[Part]:
        is_async = self.r.random() < 0.6
        scope = Scope("out", awaits=is_async, throws=False)
        head = f"udp.on('message', {'async ' if is_async else ''}(message, from) => {{ //~ datagram"
        body = ("const [id, b] = String(message).split(' ').map(Number);", "const out = [];", *steps(w, scope, self.r.randint(1, 3)),
                "udp.send(out.map(String).join(';'), from.port, from.address);")  # fmt: skip
        return ["const udp = dgram.createSocket('udp4');", Block(head, body, "});"), "udp.bind(PORTS.udp, '127.0.0.1');"]

    # Clients --------------------------------------------------------------------------------------------------------

    def _asks(self, posts: dict[str, bool], servers: list[str]) -> list[Ask]:
        r = self.r
        seen = self.seen
        asks: list[Ask] = []
        number = 10

        def one(path: str, b: int, phase: str, recorded: bool) -> Ask:
            nonlocal number
            number += 1
            headers = (("x-k", f"v{b}"),) if r.random() < 0.5 else ()
            text = f"{path}?id={number}&b={b}"
            if posts[path]:
                pad = f', "pad": "{"p" * 90_000}"' if number % 4 == 0 else ""
                return Ask("http", text, "POST", f'{{"k": [{number}, {b}]{pad}}}', headers, phase, recorded)
            return Ask("http", text, "GET", "", headers, phase, recorded, leaves=path in self.left)

        def line(proto: str, b: int, phase: str, recorded: bool) -> Ask:
            nonlocal number
            number += 1
            return Ask(proto, f"{number} {b}", phase=phase, recorded=recorded)

        for phase, count in (("in order", 4), ("together", 4)):
            some = [(path, b) for path in posts for b in (seen * 3)[:count]]
            r.shuffle(some)
            asks += [one(path, b, phase, True) for path, b in some]
            for proto in servers[1:]:
                asks += [line(proto, r.choice(seen), phase, True) for _ in range(4)]
        unseen = [(path, b) for path in posts for b in range(6) if b not in seen]
        r.shuffle(unseen)
        asks += [one(path, b, "unseen", False) for path, b in unseen]
        for proto in servers[1:]:
            asks += [line(proto, b, "unseen", False) for b in range(6) if b not in seen]
        return asks
