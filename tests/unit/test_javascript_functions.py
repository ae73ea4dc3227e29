"""The functions of a file: extent, name, kind, flags and the key that finds them again."""

from __future__ import annotations

import hashlib

import pytest

from pipetrace.javascript.functions import FunctionInfo, functions_of
from pipetrace.javascript.parse import parse


def all_of(text: str, path: str = "a.js") -> tuple[FunctionInfo, ...]:
    return functions_of(parse(text, path))


def only(text: str, path: str = "a.js") -> FunctionInfo:
    """The only function of a text beside the module."""
    _, function = all_of(text, path)
    return function


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("function f() {}", "declaration", "f"),
        ("const f = function () {}", "function", "f"),
        ("const f = function g() {}", "function", "g"),
        ("const f = () => 1", "arrow", "f"),
        ("f = () => 1", "arrow", "f"),
        ("a.b.f = () => 1", "arrow", "f"),
        ("a['f g'] = () => 1", "arrow", "f g"),
        ("a[f] = () => 1", "arrow", ""),
        ("module.exports = () => 1", "arrow", "exports"),
        ("f ||= () => 1", "arrow", "f"),
        ("f = g || (() => 1)", "arrow", "f"),
        ("f = g ? h : function () {}", "function", "f"),
        ("({ f: () => 1 })", "arrow", "f"),
        ("({ f() {} })", "method", "f"),
        ("({ get f() { return 1 } })", "getter", "f"),
        ("({ set 'f'(a) {} })", "setter", "f"),
        ("({ 1: function () {} })", "function", "1"),
        ("const { f = () => 1 } = a", "arrow", "f"),
        ("[f = () => 1] = a", "arrow", "f"),
        ("class A { f() {} }", "method", "f"),
        ("class A { #f() {} }", "method", "#f"),
        ("class A { static async f() {} }", "method", "f"),
        ("class A { [f]() {} }", "method", ""),
        ("class A { get f() { return 1 } }", "getter", "f"),
        ("class A { constructor() {} }", "constructor", "A"),
        ("const A = class { constructor() {} }", "constructor", "A"),
        ("module.exports = a(class { constructor() {} })", "constructor", "constructor"),
        ("class A { static { a() } }", "static-block", ""),
        ("class A { f = 1 }", "field-init", "f"),
        ("class A { static #f = 1 }", "field-init", "#f"),
        ("export default function () {}", "declaration", "default"),
        ("export default () => 1", "arrow", "default"),
        ("a.on('b', () => 1)", "arrow", ""),
        ("(function () {})()", "function", ""),
    ],
)
def test_kind_and_best_name(text: str, kind: str, name: str) -> None:
    function = only(text)
    assert (function.kind, function.name) == (kind, name)


@pytest.mark.parametrize(
    ("text", "whole", "body", "params"),
    [
        ("x; function f(a) { b } y", "function f(a) { b }", "{ b }", "(a)"),
        ("x = async function /* ( */ (a) {}", "async function /* ( */ (a) {}", "{}", "(a)"),
        ("x = function* g (a) {}", "function* g (a) {}", "{}", "(a)"),
        ("x = (a => a)", "a => a", "a", "a =>"),
        ("x = async (a = (b)) /* => */ => ((a)) ;", "async (a = (b)) /* => */ => ((a))", "((a))", "async"),
        ("x = () => ({})", "() => ({})", "({})", "()"),
        ("x = () => (a, b)", "() => (a, b)", "(a, b)", "()"),
        ("x = () => (a)(b)", "() => (a)(b)", "(a)(b)", "()"),
        ("x = { async *m (a) { b } }", "(a) { b }", "{ b }", "(a)"),
        ("class A { static /* { */ { b } }", "static /* { */ { b }", "{ b }", "{"),
        ("class A { [(x)] /* = */ = ((1)) ; y }", "((1))", "((1))", "((1))"),
        ("class A { f = /* ( */ (1, 2)\n g }", "(1, 2)", "(1, 2)", "(1"),
    ],
)  # fmt: skip
def test_extents_include_the_parentheses_of_bodies(text: str, whole: str, body: str, params: str) -> None:
    function = only(text)
    assert text[function.start : function.end] == whole
    assert text[function.body_start : function.body_end] == body
    assert text[function.params_start :].startswith(params)


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("function f() { a }", "function f() {"),
        ("function f() { 'use strict'; 'b'; a }", "function f() { 'use strict'; 'b';"),
        ("function f() { 'use strict'\n a }", "function f() { 'use strict'"),
        ("f = () => a", "f = () => "),
        ("class A { static { a } }", "class A { static {"),
    ],
)
def test_statements_start_behind_directives(text: str, before: str) -> None:
    assert text[: only(text).statements_start] == before


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("a()", ""),
        ("'use strict'; a()", "'use strict';"),
        ("'use strict'\na()", "'use strict'"),
        ("#!/usr/bin/env node\na()", "#!/usr/bin/env node\n"),
        ("#!/usr/bin/env node\r\n'use strict';a()", "#!/usr/bin/env node\r\n'use strict';"),
        ("\ufeffa()", "\ufeff"),
        ("\ufeff#!/x\na()", "\ufeff#!/x\n"),
        ("#!/x", "#!/x"),
        ("('use strict'); a()", ""),
    ],
)
def test_statements_of_a_module_start_behind_mark_shebang_and_directives(text: str, before: str) -> None:
    module = all_of(text)[0]
    assert text[: module.statements_start] == before
    assert (module.kind, module.start, module.end, module.parent) == ("module", 0, len(text), None)


def test_functions_stand_in_source_order_with_their_parents() -> None:
    text = "function a(b = () => 1) { c(() => () => 2); } class D { e() {} static {} f = () => 3 } () => 4"
    found = [(function.kind, function.name, function.parent) for function in all_of(text)]
    assert found == [
        ("module", "", None),
        ("declaration", "a", 0),
        ("arrow", "b", 1),
        ("arrow", "", 1),
        ("arrow", "", 3),
        ("method", "e", 0),
        ("static-block", "", 0),
        ("field-init", "f", 0),
        ("arrow", "f", 7),
        ("arrow", "", 0),
    ]


def test_lines_and_columns() -> None:
    function = only("\n  '😀'; x(function () {\n\n});")
    assert (function.line, function.column, function.end_line) == (2, 10, 4)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("f = () => 1", 0),
        ("f = (a, { b }, [c]) => 1", 3),
        ("f = (a, b = 1, c) => 1", 1),
        ("f = (a, ...b) => 1", 1),
    ],
)
def test_params_count_like_length(text: str, count: int) -> None:
    assert only(text).params == count


def test_async_and_generator() -> None:
    flags = [
        (function.is_async, function.is_generator)
        for function in all_of("a = async () => 1; function* b() {} ({ async *c() {} })")
    ]
    assert flags == [(False, False), (True, False), (False, True), (True, True)]


@pytest.mark.parametrize(
    ("text", "flag", "users"),
    [
        ("function f() { this.a }", "uses_this", [1]),
        ("function f() { return () => () => this }", "uses_this", [1, 2, 3]),
        ("function f() { return function () { this } }", "uses_this", [2]),
        ("() => this", "uses_this", [0, 1]),
        ("class A { f = () => this; [this.b] = 1 }", "uses_this", [0, 1, 2]),
        ("class A { static { this.a } }", "uses_this", [1]),
        ("function f() { return () => arguments[0] }", "uses_arguments", [1, 2]),
        ("function f() { a.arguments; ({ arguments: 1 }) }", "uses_arguments", []),
        ("class A extends B { m() { () => super.m() } }", "uses_super", [1, 2]),
        ("function f() { () => new.target }", "uses_new_target", [1, 2]),
        ("function f() { () => eval('a') }", "uses_eval", [0, 1, 2]),
        ("function f() { (0, eval)('a'); eval?.('a'); a.eval('a') }", "uses_eval", []),
        ("function f() { with (a) { () => b } } function g() {}", "uses_with", [0, 1, 2]),
        ("function f() { 'use strict'; () => 1 } function g() {} class A { m() {} }", "strict", [1, 2, 4]),
        ("'use strict'; () => 1", "strict", [0, 1]),
        ("import 'a'; () => 1", "strict", [0, 1]),
    ],
)
def test_flags_reach_the_functions_that_they_concern(text: str, flag: str, users: list[int]) -> None:
    assert [function.index for function in all_of(text) if getattr(function, flag)] == users


def test_handler_keys_name_path_place_and_text() -> None:
    text = "function create() { a(() => 1); a(() => 2); class V { m() {} #p = 1 } } b(function () {}, 'c/d')"
    keys = [function.handler_key for function in all_of(text, "lib/s.js")]
    assert [key.rsplit("#", 1)[0] for key in keys] == [
        "lib/s.js#module",
        "lib/s.js#create",
        "lib/s.js#create/arrow@1",
        "lib/s.js#create/arrow@2",
        "lib/s.js#create/V.m",
        "lib/s.js#create/V.%23p",
        "lib/s.js#function@1",
    ]
    assert keys[2].rsplit("#", 1)[1] == hashlib.sha256(b"() => 1").hexdigest()[:8]


def test_handler_keys_survive_changes_elsewhere() -> None:
    before = "const a = 1;\nfunction f() { return b(() => a) }\nfunction g() {}"
    after = "// new\nconst a = 1, z = 2;\n\nfunction h() {}\nfunction f() { return b(() => a) }\nfunction g(x) {}"
    old = {function.name: function.handler_key for function in all_of(before)[1:]}
    new = {function.name: function.handler_key for function in all_of(after)[1:]}
    assert new["f"] == old["f"]
    assert new[""] == old[""]
    assert new["g"] != old["g"]


def test_handler_keys_are_unique_where_names_are_not() -> None:
    text = "a.f = () => 1; b.f = () => 1; c['x/y'] = () => 1; c['x@2'] = () => 1; c.x = () => 1; c.x = () => 1"
    keys = [function.handler_key for function in all_of(text)]
    assert len(set(keys)) == len(keys)


def test_deep_nesting_is_no_error() -> None:
    depth = 2000
    text = "x = " + "a => " * depth + "1"
    found = all_of(text)
    assert len(found) == depth + 1
    assert found[-1].parent == depth - 1
    long = "function f() { " + "if (a) { return Promise.all(b) } else " * depth + "{ return Promise.all(b) } }"
    assert only(long).returns_promise
