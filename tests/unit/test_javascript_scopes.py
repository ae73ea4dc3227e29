"""Bindings, references, captures and calls, each with its expectation written out."""

from __future__ import annotations

import pytest

from pipetrace.javascript.parse import Goal, parse
from pipetrace.javascript.scopes import Binding, ScopeInfo, analyse


def info_of(text: str, goal: Goal | None = None) -> ScopeInfo:
    return analyse(parse(text, "a.js", goal))


def captures_of(text: str, function: str | int = -1, goal: Goal | None = None) -> list[str]:
    """Captures of a function, by name or index, as `name kind modes`, with `!` where it is reassigned."""
    info = info_of(text, goal)
    if isinstance(function, str):
        function = next(each.index for each in info.functions if each.name == function)
    index = range(len(info.functions))[function]
    return [
        f"{capture.name} {capture.kind} {'r' * capture.reads}{'w' * capture.writes}{'!' * capture.reassigned}"
        for capture in info.captures(index)
    ]


def binding_of(text: str, name: str) -> Binding:
    """The only binding of that name."""
    (binding,) = [binding for binding in info_of(text).bindings if binding.name == name]
    return binding


@pytest.mark.parametrize(
    ("text", "captures"),
    [
        # kinds
        ("const a = 1; () => a", ["a const r"]),
        ("let a; () => a", ["a let r"]),
        ("var a; () => a", ["a var r"]),
        ("function a() {} () => a", ["a function r"]),
        ("class a {} () => a", ["a class r"]),
        ("import a from 'a'; () => a", ["a import r"]),
        ("import * as a from 'a'; () => a", ["a import r"]),
        ("import { b as a } from 'a'; () => a", ["a import r"]),
        ("function f(a) { () => a }", ["a param r"]),
        ("try {} catch (a) { () => a }", ["a catch r"]),
        ("try {} catch ({ a, b: [c] }) { () => a + c }", ["a catch r", "c catch r"]),
        # modes
        ("let a; () => { a = 1 }", ["a let w!"]),
        ("let a; () => { a += 1 }", ["a let rw!"]),
        ("let a; () => { a ??= 1 }", ["a let rw!"]),
        ("let a; () => { a++ }", ["a let rw!"]),
        ("let a; () => { a = a + 1 }", ["a let rw!"]),
        ("let a; () => { [a] = b }", ["a let w!"]),
        ("let a; () => { ({ a } = b) }", ["a let w!"]),
        ("let a; () => { ({ b: [, ...a] = c } = d) }", ["a let w!"]),
        ("let a; () => { for (a of b); }", ["a let w!"]),
        ("let a; () => { for (a.b in c); }", ["a let r"]),
        ("let a; () => { a.b = 1 }", ["a let r"]),
        ("let a; () => { a.b++ }", ["a let r"]),
        ("let a; () => { delete a.b; typeof a }", ["a let r"]),
        ("let a; () => { [a.b, a[c]] = d }", ["a let r"]),
        # hoisting
        ("() => a; var a", ["a var r"]),
        ("() => a; if (b) { for (;;) { var a } }", ["a var r"]),
        ("() => a; const a = 1", ["a const r"]),
        # blocks hide, and stop hiding at their end
        ("let a; { let a; () => a } ", ["a let r"]),
        ("{ let a } () => a", []),
        ("let a; () => { let a; a }", []),
        ("let a; () => { { let a; a } a }", ["a let r"]),
        ("let a; () => { if (b) { var a } a }", []),
        ("let a; (a) => a", []),
        ("let a; ({ a }) => a", []),
        ("let a; (...a) => a", []),
        ("let a; () => { try {} catch (a) { a } }", []),
        ("let a; () => { for (const a of b) a }", []),
        ("let a; () => { for (let a = 0;;) a }", []),
        ("let a; () => { for (let a = 0;;); a }", ["a let r"]),
        ("let a; () => { switch (a) { case 1: let b; } }", ["a let r"]),
        ("let a; () => { switch (1) { case 1: let a; case 2: a } }", []),
        ("let a; () => { class a {} a }", []),
        ("let a; () => { (class a { m() { a } }) }", ["a class r"]),
        # parameters and defaults
        ("let a; (b = a) => b", ["a let r"]),
        ("let a; ({ [a]: b }) => b", ["a let r"]),
        ("let a; (b = a) => { var a; a; b }", ["a let r"]),
        ("let a; (b, c = b) => c", []),
        ("let a; (a, b = () => a) => b", ["a param r"]),
        # names that are no variables
        ("let a; () => b.a", []),
        ("let a; () => ({ a: 1 })", []),
        ("let a; () => ({ a })", ["a let r"]),
        ("let a; () => ({ [a]: 1 })", ["a let r"]),
        ("let a; () => ({ a() {} })", []),
        ("let a; () => { a: for (;;) { break a } }", []),
        ("let a; () => { a: for (;;) { continue a } }", []),
        ("let a; class B { static a = 1; f = () => B.a }", ["B class r"]),
        ("let a; class B { #a; f = () => this.#a }", []),
        ("let a; class B { #a; f = (b) => #a in b }", []),
        ("let meta, target; function f() { new.target }", []),
        ("let meta; () => import.meta", []),
        # templates, spreads, optional chains
        ("let a, b; () => a`${b}`", ["a let r", "b let r"]),
        ("let a, b; () => [...a, ...b?.c]", ["a let r", "b let r"]),
        ("let a; async () => { for await (const b of a) b }", ["a let r"]),
        ("let a; function* f() { yield* a }", ["a let r"]),
        # order of first use
        ("let a, b; () => { b; a; b }", ["b let r", "a let r"]),
    ],
)
def test_captures(text: str, captures: list[str]) -> None:
    assert captures_of(text) == captures


def test_a_function_is_hoisted_over_its_uses() -> None:
    assert captures_of("f = () => a(); function a() {}", "f") == ["a function r"]


def test_a_capture_of_an_inner_function_is_one_of_the_outer_too() -> None:
    text = "let a = 1; function f() { let b = 2; return () => { a++; return b } }"
    info = info_of(text)
    assert captures_of(text, "f") == ["a let rw!"]
    assert captures_of(text, -1) == ["a let rw!", "b let r"]
    outer, inner = info.captures(2)
    assert (outer.scope_function, outer.is_module_level) == (0, True)
    assert (inner.scope_function, inner.is_module_level) == (1, False)
    assert text[inner.declaration_start :].startswith("b = 2")
    assert info.bindings[inner.binding_id].name == "b"


def test_the_own_name_of_a_function_expression_is_no_capture_but_that_of_a_declaration_is() -> None:
    assert captures_of("x = function f() { f() }") == []
    assert captures_of("x = function f() { () => f }") == ["f function r"]
    assert captures_of("function f() { f() }") == ["f function r"]
    assert captures_of("let f; x = function f(f) { f }") == []
    assert captures_of("x = function f() { var f; f }") == []


def test_a_class_name_means_the_class_inside_and_outside() -> None:
    text = "class A { m() { return A } } A.x"
    assert [reference.function for reference in binding_of(text, "A").references] == [1, 0]
    assert captures_of("x = class A { m() { return A } }") == ["A class r"]
    assert info_of("x = class A { } ; A").free_globals(0) == {"x", "A"}
    assert info_of("x = class A extends A { }").free_globals(0) == {"x"}


def test_class_parts_run_in_functions_of_their_own_but_computed_keys_do_not() -> None:
    text = "function f(a) { class B extends a.x { [a.k] = a.v; static { a.s } } }"
    functions = [reference.function for reference in binding_of(text, "a").references]
    info = info_of(text)
    assert [info.functions[index].kind for index in functions] == [
        "declaration",
        "declaration",
        "field-init",
        "static-block",
    ]


def test_var_in_a_static_block_stays_there() -> None:
    assert info_of("class A { static { var a } } a").free_globals(0) == {"a"}


@pytest.mark.parametrize(
    ("text", "name", "reassigned"),
    [
        ("let a = 1", "a", False),
        ("let a; a = 1", "a", True),
        ("var a = 1; var a", "a", False),
        ("var a = 1; var a = 2", "a", True),
        ("function f(a) { a = 1 }", "a", True),
        ("function f(a = 1) {}", "a", False),
        ("function f(a) { var a }", "a", False),
        ("function f({ a = 1 } = {}) { a }", "a", False),
        ("for (const a of b) {}", "a", False),
        ("for (var a of b) {}", "a", True),
        ("for (let a = 0; a < 1; a++) {}", "a", True),
        ("while (b) { const a = 1 }", "a", False),
        ("while (b) { var a = 1 }", "a", True),
        ("while (b) { c(() => { var a = 1 }) }", "a", False),
        ("function a() {}", "a", False),
        ("function a() {} a = 1", "a", True),
        ("function a() {} function a() {}", "a", True),
        ("function f(a) { function a() {} }", "a", True),
        ("class A {} A = b(A)", "A", True),
        ("const { a } = b", "a", False),
        ("try {} catch (e) { var a = 1 }", "a", False),
        ("import a from 'a'; a()", "a", False),
    ],
)
def test_reassigned(text: str, name: str, reassigned: bool) -> None:
    assert binding_of(text, name).reassigned is reassigned


def test_a_var_that_initialises_a_catch_parameter_reassigns_it() -> None:
    var, catch = info_of("try {} catch (e) { var e = 1 }").bindings[::-1]
    assert (catch.kind, catch.reassigned) == ("catch", True)
    assert (var.kind, var.references) == ("var", ())


@pytest.mark.parametrize(
    ("text", "name", "in_loop"),
    [
        ("let a", "a", False),
        ("for (let a = 0;;);", "a", True),
        ("for (var a = 0;;);", "a", False),
        ("for (const a of b);", "a", True),
        ("for (;;) { const a = 1 }", "a", True),
        ("do { function a() {} } while (b)", "a", True),
        ("while (b) { try {} catch (a) {} }", "a", True),
        ("while (b) { c(() => { let a }) }", "a", False),
        ("while (b) { class C { static { let a } } }", "a", False),
        ("while (b) { c((a) => 1) }", "a", False),
    ],
)
def test_in_loop_means_several_of_it_in_one_activation(text: str, name: str, in_loop: bool) -> None:
    bindings = [binding for binding in info_of(text).bindings if binding.name == name]
    assert bindings[-1].in_loop is in_loop


@pytest.mark.parametrize(
    ("text", "name", "init"),
    [
        ("const a = b(c);", "a", "b(c)"),
        ("const a = (b, c);", "a", "(b, c)"),
        ("const a /* = */ = /* ( */ ((b)) , d = 1;", "a", "((b))"),
        ("let a", "a", None),
        ("var a; var a = 1; var a = 2", "a", "1"),
        ("const { a } = b.c", "a", "b.c"),
        ("async function a() {}", "a", "async function a() {}"),
        ("class a extends b {}", "a", "class a extends b {}"),
        ("for (const a of b);", "a", None),
        ("import a from 'b'", "a", None),
        ("function f(a = 1) {}", "a", None),
    ],
)
def test_the_initialiser_has_its_parentheses(text: str, name: str, init: str | None) -> None:
    extent = binding_of(text, name).init_range
    assert (extent and text[slice(*extent)]) == init


def test_bindings_tell_where_they_are_visible_and_whether_from_the_whole_file() -> None:
    text = "let a; { let b; } function f(c) { let d; }"
    bindings = info_of(text).bindings
    assert [(each.name, each.is_module_level, text[slice(*each.scope_range)]) for each in bindings] == [
        ("a", True, text),
        ("b", False, "{ let b; }"),
        ("f", True, text),
        ("c", False, "(c) { let d; }"),
        ("d", False, "(c) { let d; }"),
    ]
    assert [each.id for each in bindings] == [0, 1, 2, 3, 4]
    assert info_of("const { a } = b").bindings[0].destructured
    assert not info_of("const a = b").bindings[0].destructured


def test_references_carry_place_function_mode_and_use() -> None:
    text = "let a = 1; a(); new a; f = () => { a++; ({ a }); ({ a } = a) }"
    references = binding_of(text, "a").references
    assert [(each.start, each.function, each.mode) for each in references] == [
        (4, 0, "w"),
        (11, 0, "r"),
        (20, 0, "r"),
        (35, 1, "rw"),
        (43, 1, "r"),
        (52, 1, "w"),
        (58, 1, "r"),
    ]
    assert [each.init for each in references] == [True, *[False] * 6]
    assert [each.called for each in references] == [False, True, True, *[False] * 4]
    assert [each.shorthand for each in references] == [*[False] * 4, True, True, False]
    assert all(text[each.start : each.end] == "a" for each in references)


def test_captured() -> None:
    assert binding_of("let a; () => a", "a").captured
    assert not binding_of("let a; a", "a").captured
    assert not binding_of("x = function f() { f() }", "f").captured


def test_binding_at_finds_declarations_and_uses() -> None:
    text = "var a; a; b; var a"
    info = info_of(text)
    assert [getattr(info.binding_at(offset), "name", None) for offset in (4, 7, 10, 17)] == ["a", "a", None, "a"]


def test_free_globals_are_names_that_nothing_declares() -> None:
    info = info_of("require(a); const a = 1; function f() { () => process; arguments; b.c; this.d }")
    assert info.free_globals(0) == {"require", "process", "b"}
    assert info.free_globals(1) == {"process", "b"}
    assert info.free_globals(2) == {"process"}
    assert info.names == {"require", "process", "b", "a", "f"}


def test_exports_use_names_and_reexports_do_not() -> None:
    info = info_of("let a; export { a as b }; export { c } from 'c'; export * as d from 'd'; export default e")
    assert [reference.start for reference in info.bindings[0].references] == [16]
    assert info.free_globals(0) == {"e"}


class TestFunctionsInBlocks:
    """Annex B of the specification: sloppy code binds them in the function, too."""

    def test_sloppy_code_sees_them_outside_of_the_block(self) -> None:
        text = "if (a) { function f() {} } () => f"
        assert captures_of(text) == ["f function r"]
        outside = info_of(text).captures(2)[0]
        assert outside.is_module_level
        assert info_of(text).static_calls(0) == ()
        assert info_of("{ function f() {} } f()").static_calls(0) == (1,)

    def test_strict_code_does_not(self) -> None:
        assert captures_of("'use strict'; if (a) { function f() {} } () => f") == []
        assert captures_of("if (a) { function f() {} } () => f", goal="module") == []
        assert captures_of("if (a) { async function f() {} } () => f") == []

    def test_a_lexical_name_on_the_way_keeps_them_in(self) -> None:
        assert captures_of("{ let f; { function f() {} } } () => f") == []
        assert captures_of("function g(f) { { function f() {} } () => f }") == ["f param r"]

    def test_a_variable_of_that_name_is_assigned(self) -> None:
        assert captures_of("var f = 1; { function f() {} } () => f") == ["f var r!"]

    def test_two_of_one_name_reassign_it(self) -> None:
        assert captures_of("if (a) { function f() {} } else { function f() {} } () => f") == ["f function r!"]


def test_static_calls_are_calls_by_a_name_that_can_mean_nothing_else() -> None:
    text = """
    function a() { b(); c(); d(); e(); f(); new G(); h.i(); (() => b())() }
    function b() {}
    const c = () => 1;
    let d = function () {}; d = other;
    const e = wrap(() => 2);
    const { f } = x;
    class G { constructor() {} }
    const h = { i() {} };
    """
    info = info_of(text)
    names = {function.index: function.name for function in info.functions}
    assert [names[callee] for callee in info.static_calls(1)] == ["b", "c", "G"]
    assert [names[callee] for callee in info.static_calls(2)] == ["b"]
    assert info.static_calls(0) == ()


def test_the_analysis_is_kept_with_the_file() -> None:
    parsed = parse("let once", "a.js")
    assert analyse(parsed) is analyse(parsed)


def test_deep_nesting_is_no_error() -> None:
    assert len(info_of("x = " + "a => " * 1500 + "a").bindings) == 1500
    assert info_of("var " + "[" * 5000 + "a" + "]" * 5000 + " = b").bindings[0].name == "a"
    assert info_of("a" + ".b()" * 10000).free_globals(0) == {"a"}
