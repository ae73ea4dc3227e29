"""Which calls could be cut out of the function they stand in, and what stands around them."""

from __future__ import annotations

import pytest

from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.kernels import KernelSite, kernel_sites
from pipetrace.javascript.parse import parse
from pipetrace.javascript.scopes import analyse

HEAD = (
    "const md = require('md'); const cache = new Map(); let hits = 0; function heavy(x) { while (x) x--; } async function later() {}\n"
)


def sites(text: str) -> tuple[KernelSite, ...]:
    parsed = parse(HEAD + text, "a.js")
    return kernel_sites(parsed, analyse(parsed), functions_of(parsed))


def found(text: str) -> list[tuple[str, str]]:
    return [(site.name, site.position) for site in sites(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(async () => await md.render(x))", [("md.render()", "awaited")]),
        ("f(async () => md.render(x))", [("md.render()", "returned")]),
        ("f(async () => { return heavy(x); })", [("heavy()", "returned")]),
        ("f(async () => { try { return heavy(x); } catch {} })", [("heavy()", "free")]),
        ("f((req, res) => { const y = heavy(req.x); res.send(y); })", [("heavy()", "free")]),
        ("f((req, res) => { res.send(md.sync.read(req.x)); })", [("md.sync.read()", "free")]),
        ("f((req, res) => { for (const x of req) heavy(x); })", [("heavy()", "free")]),
        ("class A { m(x) { return md.render(x); } }", [("md.render()", "returned")]),
        ("f(x => { heavy(md.render(x)); })", [("heavy()", "free"), ("md.render()", "free")]),
    ],
)
def test_calls_of_what_the_module_knows_by_name(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "heavy(1);",
        "f((render) => { render(1); })",
        "f(() => { const md = make(); md.render(1); })",
        "f(() => { hits += 1; hits.toFixed(1); })",
        "f(() => { later(1); })",
        "f(() => { heavy(x => x); })",
        "f(() => { md?.render(1); })",
        "f(() => { md.render?.(1); })",
        "f(() => { md[name](1); })",
        "f(() => { md.render(1).items?.[0]; })",
        "f(() => { heavy(1).then(g); })",
        "f(function* () { heavy(1); })",
        "f(function () { eval('x'); heavy(1); })",
        "f(function () { new.target; heavy(1); })",
        "f(function () { var await; await = heavy(1); })",
        "class A { constructor() { heavy(1); } get a() { return heavy(1); } }",
        "class A { field = heavy(1); static { heavy(1); } }",
        "f((a = heavy(1)) => a)",
        "f(() => { require('x'); JSON.parse(text); })",
        "const words = /a/g; f(() => { words.exec(text); })",
        "function light(x) { return x ? x.a : -1; } f(() => { light(1); })",
    ],
)
def test_calls_that_cannot_be_cut_out(text: str) -> None:
    assert found(text) == []


def test_names_before_and_after_a_call() -> None:
    (site,) = (s for s in sites("f(() => { hits += 1; const a = heavy(hits); cache.set(1, a); })") if s.callee)
    assert (site.before, site.after) == (("hits",), ("cache",))


def test_in_a_loop_everything_of_the_loop_is_before_and_after() -> None:
    (site,) = (s for s in sites("f(() => { for (const x of hits) { heavy(x); cache.set(x); } md.x; })") if s.callee)
    assert (site.before, site.after) == (("cache", "hits"), ("cache", "hits", "md"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(() => { setTimeout(() => 1); heavy(1); })", True),
        ("f(() => { heavy(1); setTimeout(() => 1); })", False),
        ("f(() => { items.map((x) => x); heavy(1); })", False),
        ("f(() => { while (a) { heavy(1); setTimeout(() => 1); } })", True),
        ("f(async () => { const p = read(); heavy(1); await p; })", True),
        ("f(async () => { const a = read(), b = read(); heavy(1); g(await Promise.all([a, b])); })", True),
        ("f(async (p) => { heavy(1); p.then(g).catch(h); })", True),
        ("f(async () => { const p = await read(); heavy(1); await p; })", False),
        ("f(async () => { const p = read(); await p; heavy(1); })", False),
        ("f(async () => { heavy(1); const p = read(); await p; })", False),
        ("f(async () => { const n = size(); heavy(n); await save(n); })", False),
    ],
)
def test_functions_and_promises_that_are_out_before_the_call(text: str, expected: bool) -> None:
    assert [site.hands_out for site in sites(text) if site.callee] == [expected]


def test_the_key_stays_when_code_elsewhere_changes() -> None:
    text = "f(() => { heavy(1); heavy(1); heavy(2); })"
    keys = [site.key for site in sites(text)]
    assert len(set(keys)) == 3
    assert [site.key for site in sites(f"g();\n{text}")] == keys
