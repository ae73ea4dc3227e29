"""Handlers inside other functions: before, after, refused because."""

from __future__ import annotations

import pytest

from tests.unit.rewriter_fixture import rewritten

HEAD = "const $pt = require('@pipetrace/runtime').file('app.js');"


def test_a_handler_with_a_captured_local_is_lifted() -> None:
    before = (
        "'use strict';\n"
        "const serve = dir => {\n"
        "  const base = dir + '/';\n"
        "  return (req, res) => {\n"
        "    res.end(base); // all of it\n"
        "  };\n"
        "};\n"
    )
    outcome = rewritten(before, "line:4", captures=("base",))
    assert outcome.shown == (
        "'use strict';\n"
        f"{HEAD} const serve = dir => {{\n"
        "  const base = dir + '/';\n"
        "  return $pt.lifted('line:4', () => [base], (req, res) => {\n"
        "    res.end(base); // all of it\n"
        "  });\n"
        "};\n"
    )
    assert outcome.body == outcome.shown.replace(HEAD, f"{HEAD} $pt.factory('line:4', $lift1);") + (
        "function $lift1(base) { return (req, res) => {\n"
        "    res.end(base); // all of it\n"
        "  }; }\n"
    )


def test_captures_come_in_the_sequence_of_the_plan() -> None:
    after = rewritten("function g(a, b, c) {\n  on(() => a + b + c);\n}\n", "line:2", captures=("c", "a")).body
    assert "$pt.lifted('line:2', () => [c, a, b], () => a + b + c)" in after
    assert "function $lift1(c, a, b) { return () => a + b + c; }" in after


def test_without_captures_it_is_lifted_too_because_other_stages_may_never_make_it() -> None:
    after = rewritten("get(() => {\n  later().then(x => heavy(x));\n});\n", "line:2").body
    assert "later().then($pt.lifted('line:2', () => [], x => heavy(x)));" in after
    assert after.endswith("function $lift1() { return x => heavy(x); }\n")


def test_the_name_that_a_variable_gives_is_kept() -> None:
    after = rewritten("function g(a) {\n  const f = () => a;\n  on(f);\n}\n", "f").body
    assert "$pt.factory('f', $lift1, 'f');" in after
    assert "const f = $pt.lifted('f', () => [a], () => a, 'f');" in after


def test_a_declaration_gets_its_value_at_the_start_of_its_function() -> None:
    before = "function g(a) {\n  'use strict'\n  on(f);\n  function f(x) { return x ? on(f) : a; }\n}\n"
    assert rewritten(before, "f").body == (
        f"{HEAD} $pt.factory('f', $lift1); function g(a) {{\n"
        "  'use strict'; f = $pt.lifted('f', () => [a], f);\n  on(f);\n"
        "  function f(x) { return x ? on(f) : a; }\n}\n"
        "function $lift1(a) { 'use strict'; return function f(x) { return x ? on(f) : a; }; }\n"
    )


def test_a_declaration_in_a_block_of_strict_code_stays_in_its_block() -> None:
    before = "'use strict';\nfunction g(a) {\n  if (a) { on(f); function f() { use(a); } }\n}\n"
    after = rewritten(before, "f").body
    assert "if (a) { f = $pt.lifted('f', () => [a], f); on(f); function f() { use(a); } }" in after


def test_a_method_of_a_literal() -> None:
    before = "const make = a => ({\n  async f(x) { return a + x; },\n});\n"
    after = rewritten(before, "f").body
    assert "  f: $pt.lifted('f', () => [a], {async f(x) { return a + x; }}.f),\n" in after
    assert "function $lift1(a) { return {async f(x) { return a + x; }}.f; }" in after


def test_names_of_a_block_at_module_level_are_captures() -> None:
    after = rewritten("for (const p of list) {\n  get(p, () => p);\n}\n", "line:2").body
    assert "get(p, $pt.lifted('line:2', () => [p], () => p));" in after


def test_strict_code_stays_strict_at_module_level() -> None:
    after = rewritten("function g(a) {\n  'use strict';\n  on(() => a);\n}\n", "line:3").body
    assert "function $lift1(a) { 'use strict'; return () => a; }" in after


def test_line_ends_of_the_file_and_a_missing_last_one() -> None:
    after = rewritten("function g(a) {\r\n  on(() => a);\r\n}", "line:2").text
    assert after.endswith(
        "}\r\nfunction $lift1(a) { return () => a; }\r\n$pt.bindings({g: () => g});\r\n"
        "//# sourceMappingURL=.pipetrace/maps/app.js.map"
    )
    assert "\n" not in after.replace("\r\n", "")


def test_two_handlers_have_two_factories_in_source_order() -> None:
    after = rewritten("function g(a) {\n  on(() => a);\n  on(() => -a);\n}\n", "line:2", "line:3").body
    assert after.endswith("}\nfunction $lift1(a) { return () => a; }\nfunction $lift2(a) { return () => -a; }\n")


@pytest.mark.parametrize(
    "before",
    [
        "function g(o) {\n  let {dir} = o; if (x) dir = 1;\n  return () => dir;\n}",
        "function g(o) {\n  let d; d = o;\n  while (x) { on(\n() => d); }\n}",
        "async function g() {\n  let d; d = await o;\n  return () => d;\n}",
        "function g() { while (x) { let d; d = 1;\n  \n  on(() => d); } }",
    ],
)
def test_a_variable_that_is_settled_before_the_handler_is_made_can_be_captured(before: str) -> None:
    name = next(f"line:{number}" for number in (3, 4, 2) if "() =>" in before.split("\n")[number - 1])
    assert rewritten(before, name).refused == {}


@pytest.mark.parametrize(
    ("text", "name", "cause"),
    [
        ("function g() { let n = 0;\non(() => n); n = 1; }", "line:2", "capture-reassigned"),
        ("function g() { for (var i = 0; i < 2; i++) {\non(() => i); } }", "line:2", "capture-reassigned"),
        ("function g() { let d; while (x) { d = 1;\non(() => d); } }", "line:2", "capture-reassigned"),
        ("function g() { let d; h(); d = 1; function h() {\non(() => d); } }", "line:2", "capture-reassigned"),
        ("function g() { let d; set(() => { d = 1; });\non(() => d); }", "line:2", "capture-reassigned"),
        ("function g() { let n = 0;\non(() => { n++; }); }", "line:2", "capture-written"),
        ("function g() { class A {}\non(() => new A()); }", "line:2", "capture-class"),
        ("function g() { const h = () => 1;\non(() => { use(h()); }); }", "line:2", "capture-result"),
        ("function g() { function h() {}\non(a => { use(a.map(h)); }); }", "line:2", "capture-result"),
        ("function g() {\non(() => this.a); }", "line:2", "outer-activation"),
        ("function g() {\non(() => arguments[0]); }", "line:2", "outer-activation"),
        ("function g() {\non(() => new.target); }", "line:2", "outer-activation"),
        ("class A extends B { m() {\non(() => super.m()); } }", "line:2", "outer-activation"),
        ("class A { #p; m(o) {\non(() => o.#p); } }", "line:2", "private-name"),
        ("function g(a) { if (a) {\nfunction f() { use(a); } } }", "f", "declaration-place"),
        ("{ let a; class C {\nf() { return a; } } }", "f", "class-method"),
    ],
)
def test_refused(text: str, name: str, cause: str) -> None:
    outcome = rewritten(text, name)
    assert outcome.refused == {name: cause}
    assert outcome.change is None or "$lift" not in outcome.text


@pytest.mark.parametrize(
    "text",
    [
        "function g() { function h() {}\non(() => { h(); }); }",
        "function g() { function h() {}\non(async () => { use(await h()); }); }",
        "function g() { function h() {}\non(() => h()); }",
        "function g() { function h() {}\non(() => { later(h); }); }",
        "class A { m() {\non(() => class { #p; f(o) { return o.#p; } }); } }",
    ],
)
def test_accepted(text: str) -> None:
    assert rewritten(text, "line:2").refused == {}
