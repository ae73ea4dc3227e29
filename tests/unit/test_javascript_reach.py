"""What a call could run and touch: a superset, and not everything."""

from __future__ import annotations

import pytest

from pipetrace.javascript.parse import parse
from pipetrace.javascript.scopes import analyse


def reached(text: str, start: str = "f") -> tuple[set[str], set[str]]:
    """Names of the functions reached from the function `start`, and of the module's bindings touched."""
    info = analyse(parse(text, "a.js"))
    index = next(function.index for function in info.functions if function.name == start)
    functions = {info.functions[found].name for found in info.reachable_functions(index)}
    return functions - {start, ""}, {info.bindings[found].name for found in info.reachable_names(index)}


@pytest.mark.parametrize(
    ("text", "functions", "names"),
    [
        ("let n; function f() { n }", set(), {"n"}),
        ("let n; function f() { g() } function g() { n }", {"g"}, {"g", "n"}),
        ("let n; function f() { () => () => n }", set(), {"n"}),
        ("let n; function f() { a.map(g) } const g = () => n", {"g"}, {"g", "n"}),
        ("let n; function f() { g() } const g = wrap(h); function h() { n }", {"h"}, {"g", "h", "n"}),
        ("let n; function f() { g() } let g; g = () => n", {"g"}, {"g", "n"}),
        ("let n; function f() { exports.g() } exports.g = () => n", {"g"}, {"n"}),
        ("let n; function f() { o.a.g() } const o = { a: { g() { n } } }", {"g"}, {"o", "n"}),
        ("let n; function f() { o.g() } const o = {}; o.g = () => n", {"g"}, {"o", "n"}),
        ("let n; function f() { o.g() } const o = { g: h }; function h() { n }", {"h"}, {"o", "h", "n"}),
        ("let n; function f() { new G() } class G { m() { n } }", {"m"}, {"G", "n"}),
        ("let n; function f() { new G() } class G extends H {} class H { m() { n } }", {"m"}, {"G", "H", "n"}),
        ("let n; a({ f() { this.g() }, g() { n } })", {"g"}, {"n"}),
        ("let n; module.exports = class { f() { this.g() } g() { n } }", {"g"}, {"n"}),
        ("let n; class B { g() { n } } class A extends B { f() { super.g() } }", {"g"}, {"B", "n"}),
        ("let n; A.prototype.f = function () { this.g() }; A.prototype.g = function () { n }", {"g"}, {"n"}),
        ("let n; function f() { g() } function g() { f(); n }", {"g"}, {"f", "g", "n"}),
        ("let n; const { g } = { g() { n } }; function f() { g() }", {"g"}, {"g", "n"}),
        ("let n; function f() { for (const h of hs) h() } const hs = [() => n]", set(), {"hs", "n"}),
        ("let n; function f() { let h = () => n; h() }", {"h"}, {"n"}),
    ],
)
def test_a_call_reaches(text: str, functions: set[str], names: set[str]) -> None:
    assert reached(text) == (functions, names)


@pytest.mark.parametrize(
    "text",
    [
        "let n; function f() { return 1 } function g() { n }",
        "let n; function f(g) { return g.n } function g() { n }",
        "let n; const o = { f() { return 1 }, g() { n } }",
        "let n; function f(n) { return n }",
        "let n; function g() { f(); n } function f() {}",
    ],
)
def test_a_call_does_not_reach_what_it_cannot_name(text: str) -> None:
    assert "n" not in reached(text)[1]


def test_outer_locals_count_as_bindings_but_not_as_names_of_the_module() -> None:
    text = "function make() { let count = 0; const f = () => { let own; g(); own }; const g = () => count++; }"
    info = analyse(parse(text, "a.js"))
    index = next(function.index for function in info.functions if function.name == "f")
    assert {info.bindings[found].name for found in info.reachable_bindings(index)} == {"g", "count"}
    assert info.reachable_names(index) == frozenset()
    assert index in info.reachable_functions(index)
