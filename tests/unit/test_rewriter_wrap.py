"""Handlers that need only module-level names: before, after, refused because."""

from __future__ import annotations

import pytest

from tests.unit.rewriter_fixture import rewritten

HEAD = "const $pt = require('@pipetrace/runtime').file('app.js');"


def test_a_callback_is_wrapped_where_it_stands() -> None:
    before = "const app = make();\napp.get('/', (req, res) => res.end());\n"
    assert rewritten(before, "line:2").body == (
        f"{HEAD} const app = make();\napp.get('/', $pt.handler('line:2', (req, res) => res.end()));\n"
    )


def test_the_name_that_a_variable_gives_is_kept() -> None:
    assert rewritten("const f = async () => 1\n", "f").body == (
        f"{HEAD} const f = $pt.handler('f', async () => 1, 'f')\n"
    )


def test_a_function_with_a_name_of_its_own_needs_none() -> None:
    assert rewritten("const f = function g() {};\n", "g").body == (
        f"{HEAD} const f = $pt.handler('g', function g() {{}});\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("exports.f = () => 1;\n", "exports.f = $pt.handler('f', () => 1);\n"),
        ("x = { f: () => 1 };\n", "x = { f: $pt.handler('f', () => 1, 'f') };\n"),
        ("x = { 'a b': () => 1 };\n", "x = { 'a b': $pt.handler('a b', () => 1, 'a b') };\n"),
        ("x = { f() { return 1; } };\n", "x = { f: $pt.handler('f', {f() { return 1; }}.f) };\n"),
        ("x = { async f() {} };\n", "x = { f: $pt.handler('f', {async f() {}}.f) };\n"),
        ("x = { 'a b'() {} };\n", "x = { 'a b': $pt.handler('a b', {'a b'() {}}['a b']) };\n"),
        ("(f => f)(function f() {});\n", "(f => f)($pt.handler('f', function f() {}));\n"),
    ],
)
def test_forms_of_expressions(before: str, after: str) -> None:
    name = "a b" if "a b" in before else "f"
    assert rewritten(before, name).body == f"{HEAD} {after}"


def test_a_declaration_is_assigned_anew_before_anything_runs() -> None:
    before = "'use strict'\n\n// first\nexports.f = f\nfunction f(a) {\n  return a;\n}\n"
    assert rewritten(before, "f").body == (
        f"'use strict'\n\n// first\n{HEAD} f = $pt.handler('f', f); exports.f = f\n"
        "function f(a) {\n  return a;\n}\n"
    )


@pytest.mark.parametrize("export", ["export ", "export default ", ""])
def test_an_exported_declaration_keeps_its_live_binding(export: str) -> None:
    before = f"import http from 'http';\n{export}async function f() {{}}\n"
    assert rewritten(before, "f", is_module=True).body == (
        "import $ptRuntime from '@pipetrace/runtime'; const $pt = $ptRuntime.file('app.js'); f = $pt.handler('f', f); "
        f"import http from 'http';\n{export}async function f() {{}}\n"
    )


def test_a_default_function_without_a_name_gets_one() -> None:
    after = rewritten("export default async function (a) {}\n", "default", is_module=True).body
    assert after.endswith("$ptDefault = $pt.handler('default', $ptDefault, 'default'); "
                          "export default async function $ptDefault(a) {}\n")


def test_a_default_arrow_is_wrapped() -> None:
    after = rewritten("export default () => 1;\n", "default", is_module=True).body
    assert after.endswith("export default $pt.handler('default', () => 1, 'default');\n")


def test_a_class_method_is_replaced_behind_the_class() -> None:
    before = "class A {\n  async f() { return 1; }\n  static g() {}\n}\nnew A();\n"
    assert rewritten(before, "f", "g").body == (
        f"{HEAD} class A {{\n  async f() {{ return 1; }}\n  static g() {{}}\n}} "
        "A.prototype.f = $pt.handler('f', A.prototype.f); A.g = $pt.handler('g', A.g);\nnew A();\n"
    )


def test_shebang_mark_line_ends_and_comments_stay() -> None:
    before = "\ufeff#!/usr/bin/env node\r\n// about\r\nconst f = () => 1 // one\r\n"
    assert rewritten(before, "f").body == (
        f"\ufeff#!/usr/bin/env node\r\n// about\r\n{HEAD} const f = $pt.handler('f', () => 1, 'f') // one\r\n"
    )


def test_double_quotes_where_the_file_has_them() -> None:
    after = rewritten('const a = require("a");\nconst f = () => 1;\n', "f").text
    assert after.startswith('const $pt = require("@pipetrace/runtime").file("app.js"); const a')
    assert '$pt.handler("f", () => 1, "f");' in after


def test_a_name_that_is_taken_is_avoided() -> None:
    assert rewritten("const $pt = 1, f = () => $pt;\n", "f").body == (
        "const $pt2 = require('@pipetrace/runtime').file('app.js'); "
        "const $pt = 1, f = $pt2.handler('f', () => $pt, 'f');\n"
        "$pt2.bindings({f: () => f});\n"
    )


def test_the_names_of_the_module_are_registered_last_and_lazily() -> None:
    before = "const http = require('http');\nconst n = 1;\nconst app = make();\nconst f = () => app;\nclass C {}\n"
    last = rewritten(before, "f").text.splitlines()[-2:]
    assert last == [
        "$pt.bindings({app: () => app, f: () => f, C: () => C});",
        "//# sourceMappingURL=.pipetrace/maps/app.js.map",
    ]


def test_a_module_that_may_return_early_registers_its_names_first() -> None:
    after = rewritten("const f = () => 1;\nif (f()) return;\nmore();\n", "f").text
    assert after.startswith(f"{HEAD} $pt.bindings({{f: () => f}}); const f")


def test_without_an_order_a_file_that_makes_objects_registers_them() -> None:
    assert rewritten("const app = make();\n", elsewhere=True).text.splitlines() == [
        f"{HEAD} const app = make();",
        "$pt.bindings({app: () => app});",
        "//# sourceMappingURL=.pipetrace/maps/app.js.map",
    ]


@pytest.mark.parametrize("text", ["", "// nothing\n", "const a = require('a');\n", "const n = 1;\nfunction f() {}\n"])
def test_other_files_without_an_order_stay_as_they_are(text: str) -> None:
    assert rewritten(text, elsewhere=True).change is None


def test_where_nothing_is_moved_nothing_is_changed() -> None:
    assert rewritten("const app = make();\n").change is None


@pytest.mark.parametrize(
    ("text", "name", "cause"),
    [
        ("function* f() {}", "f", "generator"),
        ("async function* f() {}", "f", "generator"),
        ("const f = x => eval(x);", "f", "dynamic-scope"),
        ("function f(o) { with (o) { a; } }", "f", "dynamic-scope"),
        ("x = { get f() { return 1; } };", "f", "accessor"),
        ("x = { set f(v) {} };", "f", "accessor"),
        ("class A { constructor() {} }", "A", "accessor"),
        ("x = { f() { return this.a; } };", "f", "uses-this"),
        ("x = { f() { return super.f(); } };", "f", "outer-activation"),
        ("x = { [k]() {} };", "line:1", "method-key"),
        ("x = { __proto__() {} };", "__proto__", "method-key"),
        ("x = new (function f() {})();", "f", "constructed"),
        ("function F() {}\nnew F();", "F", "constructed"),
        ("const F = function () {};\nnew F();", "F", "constructed"),
        ("x = class { f() {} };", "f", "class-method"),
        ("class A { [f]() {} }", "line:1", "class-method"),
        ("class A { #f() {} }", "#f", "class-method"),
        ("class A { f() {} f() {} }", "f", "class-method"),
        ("class A { f() {} }\nA = other;", "f", "class-method"),
        ("function g() { class A { f() {} } }", "f", "class-method"),
        ("if (x) function f() {}", "f", "declaration-place"),
        ("function f() {}\nfunction f(a) {}", "f", "redeclared"),
        ("function f() {}\nfunction require() {}", "f", "require-taken"),
    ],
)
def test_refused(text: str, name: str, cause: str) -> None:
    outcome = rewritten(text, name)
    assert outcome.refused == {name: cause}
    (refusal,) = outcome.decisions.refusals
    assert refusal.sentence.endswith(".")
    assert "{" not in refusal.sentence + refusal.remedy


def test_of_nested_handlers_the_outer_one_is_moved() -> None:
    outcome = rewritten("const f = () => g(async function h() {});\n", "f", "h")
    assert outcome.refused == {"h": "nested-in-moved"}
    assert outcome.body == f"{HEAD} const f = $pt.handler('f', () => g(async function h() {{}}), 'f');\n"


def test_the_inner_one_is_moved_if_the_outer_one_cannot() -> None:
    outcome = rewritten("function* f() { g(async function h() {}); }\n", "f", "h")
    assert outcome.refused == {"f": "generator"}
    assert "g($pt.lifted('h', () => [], async function h() {}));" in outcome.body


@pytest.mark.parametrize(
    "text",
    [
        "function f(e) { return e.code; }\nexports.g = (e) => 'x' + f(e);\np.catch(f);\n",
        "function f(e) { return e.cause ? f(e.cause) : e.code; }\np.catch(f);\n",
        "const f = (e) => e.code;\nexports.g = (list) => list.map(f);\np.catch(f);\n",
        "const f = (e) => e.code;\nconst told = f;\nexports.g = (e) => 'x' + told(e);\np.catch(f);\n",
        "function f(e) { return e.code; }\nexports.g = (e) => f.call(null, e).length;\np.catch(f);\n",
        "const o = { f(e) { return e.code; } };\nexports.g = (e) => 'x' + o.f(e);\np.catch(o.f);\n",
        "function f(e) { return e.code; }\nconst o = { told: f };\nexports.g = (e) => 'x' + o.told(e);\np.catch(f);\n",
    ],
)
def test_a_function_that_other_code_calls_for_its_result_stays(text: str) -> None:
    assert rewritten(text, "f").refused == {"f": "called-by-name"}


@pytest.mark.parametrize(
    "text",
    [
        "function f(e) { return e.code; }\nf({});\np.catch(f);\n",
        "async function f(e) { return e.code; }\nexports.g = (e) => f(e);\n",
        "function f(e) { return e.code; }\nmodule.exports = { f };\np.catch(f);\n",
    ],
)
def test_a_function_moves_whose_callers_wait_or_are_the_start_of_the_program(text: str) -> None:
    assert rewritten(text, "f").refused == {}
