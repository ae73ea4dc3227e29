"""Handlers made at start: they stay where they stand, and say what they capture."""

from __future__ import annotations

import pytest

from tests.unit.rewriter_fixture import rewritten

HEAD = "const $pt = require('@pipetrace/runtime').file('app.js');"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "function setup(app, store) { app.get('/', async function f(req, res) { res.end(store.all()); }); }\n",
            "function setup(app, store) { app.get('/', $pt.twin('f', () => ({ store }), async function f(req, res) "
            "{ res.end(store.all()); })); }\n",
        ),
        (
            "const make = (a, b) => ({ f() { return a(b); } });\n",
            "const make = (a, b) => ({ f: $pt.twin('f', () => ({ a, b }), {f() { return a(b); }}.f) });\n",
        ),
        (
            "class Pages { constructor() { this.f = () => this.rows; } }\n",
            "class Pages { constructor() { this.f = $pt.twin('f', () => ({ this: this }), () => this.rows); } }\n",
        ),
        (
            "function make(a) { const f = () => arguments.length + a(); return f; }\n",
            "function make(a) { const f = $pt.twin('f', () => ({ a, arguments: arguments }), "
            "() => arguments.length + a(), 'f'); return f; }\n",
        ),
        (
            "function setup(store) {\n  return f;\n  function f() { return store.all(g()); }\n  function g() {}\n}\n",
            "function setup(store) { f = $pt.twin('f', () => ({ store, g }), f);\n  return f;\n"
            "  function f() { return store.all(g()); }\n  function g() {}\n}\n",
        ),
        (
            "function make() { return function f() { return 1; }; }\n",
            "function make() { return $pt.twin('f', () => ({}), function f() { return 1; }); }\n",
        ),
    ],
)
def test_forms(before: str, after: str) -> None:
    assert rewritten(before, "f", twin=True).body == f"{HEAD} {after}"


def test_a_variable_that_the_handler_assigns_keeps_it() -> None:
    before = "function setup(app) { let n = 0; app.get('/', function f() { n += 1; }); }\n"
    assert rewritten(before, "f", twin=True).refused == {"f": "capture-written"}


def test_a_method_of_a_class_inside_a_function_stays() -> None:
    before = "function setup(store) { class Pages { f() { return store; } } return new Pages(); }\n"
    assert rewritten(before, "f", twin=True).refused == {"f": "class-method"}


def test_handlers_that_it_leads_to_are_watched() -> None:
    before = (
        "function setup(app, store) {\n  app.get('/', function f() { return store; });\n"
        "  app.use((error, req, res, next) => {});\n  app.use(g);\n  function g(req, res) {}\n}\n"
    )
    assert rewritten(before, "f", twin=True, staying=("line:3", "g")).body == (
        f"{HEAD} function setup(app, store) {{ g = $pt.stays('g', g);\n"
        "  app.get('/', $pt.twin('f', () => ({ store }), function f() { return store; }));\n"
        "  app.use($pt.stays('line:3', (error, req, res, next) => {}));\n  app.use(g);\n  function g(req, res) {}\n}\n"
    )


def test_it_stays_where_such_a_handler_cannot_be_watched() -> None:
    before = "function setup(app, store) { app.get('/', function f() { return store; }); if (app.x) function g() {} }\n"
    assert rewritten(before, "f", twin=True, staying=("g",)).refused == {"f": "unguarded-state"}
