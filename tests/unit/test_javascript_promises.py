"""Which functions count as always returning a promise."""

from __future__ import annotations

import pytest

from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.parse import parse


def judged(text: str) -> bool:
    return functions_of(parse(text, "a.js"))[1].returns_promise


@pytest.mark.parametrize(
    "text",
    [
        "async function f() {}",
        "f = async () => 1",
        "({ async f() { return 1 } })",
        "f = () => new Promise(g)",
        "f = () => (new Promise(g))",
        "function f() { return new Promise(g) }",
        "function f() { if (a) { return new Promise(g) } else throw b }",
        "function f() { if (a) return Promise.reject(a); return g ? new Promise(h) : Promise.resolve() }",
        "function f() { return Promise.all(a).then(b).catch(c).finally(d) }",
        "function f() { return new Promise(a).then(b) }",
        "f = () => import('a')",
        "f = () => import('a').then(b)",
        "function f() { try { return Promise.any(a) } catch { return Promise.reject() } }",
        "function f() { try { a() } finally { return Promise.resolve() } }",
        "function f() { switch (a) { case 1: return Promise.race(b); default: return new Promise(c) } }",
        "function f() { a.map(() => { return 1 }); return new Promise(g) }",
        "function f() { a(); { throw b; } return new Promise(g) }",
    ],
)
def test_every_path_ends_in_a_promise(text: str) -> None:
    assert judged(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "function f() {}",
        "function f() { return }",
        "function f() { if (a) return new Promise(g) }",
        "function f() { for (const a of b) return new Promise(g) }",
        "function f() { if (a) return 1; return new Promise(g) }",
        "function f() { throw a }",
        "async function* f() {}",
        "function* f() { return new Promise(g) }",
        "f = () => g()",
        "f = () => a.then(b)",
        "f = () => new Promises(g)",
        "f = () => Promise",
        "f = () => Promise.resolve",
        "f = () => Promise[a](b)",
        "f = () => a || new Promise(g)",
        "f = () => { new Promise(g) }",
        "function f() { try { return Promise.any(a) } catch {} }",
        "function f() { switch (a) { case 1: return new Promise(b) } }",
        "function f() { switch (a) { case 1: break; default: return new Promise(b) } }",
        "class A { constructor() { return new Promise(a) } }",
        "({ set f(a) { return new Promise(a) } })",
    ],
)
def test_a_path_may_end_without_a_promise(text: str) -> None:
    assert judged(text) is False
