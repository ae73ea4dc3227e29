"""Which calls could be cut out together, what they are given, and the function that they become."""

from __future__ import annotations

import pytest

from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.kernel_run import KernelRun, run_body
from pipetrace.javascript.kernel_runs import kernel_runs
from pipetrace.javascript.kernels import kernel_sites
from pipetrace.javascript.parse import parse
from pipetrace.javascript.scopes import analyse

HEAD = "const a = require('a'), b = require('b'), c = require('c'); let hits = 0;\n"


def found(text: str) -> list[tuple[KernelRun, str]]:
    parsed = parse(HEAD + text, "x.js")
    scopes, functions = analyse(parsed), functions_of(parsed)
    sites = kernel_sites(parsed, scopes, functions)
    return [(run, run_body(parsed.text, run, sites)) for run in kernel_runs(parsed, scopes, functions)]


def shown(text: str) -> list[tuple[str, list[str], str]]:
    """Of each run: its name, its parameters, and its body."""
    return [(run.name, [one.name for one in run.inputs], body) for run, body in found(text)]


def test_a_call_in_a_call() -> None:
    assert shown("f((x, w) => { g(b.two(a.one(x), w)); })") == [
        ("a.one()..b.two()", ["x", "w"], "return b.two(a.one(x), w);")
    ]


def test_every_outer_call_ends_a_run_of_its_own() -> None:
    assert [name for name, _, _ in shown("f(x => { c.three(b.two(a.one(x))); })")] == [
        "a.one()..c.three()",
        "a.one()..b.two()",
    ]


def test_a_constant_in_between() -> None:
    (run, body), *others = found("f((x, w) => {\n  const m = a.one(x);\n  return g(b.two(m, w));\n});")
    assert others == []
    assert (run.line, run.end_line, run.position, run.boxed) == (3, 4, "free", False)
    assert ([one.name for one in run.inputs], body) == (["x", "w"], "const m = a.one(x); return b.two(m, w);")


def test_several_constants_without_semicolons() -> None:
    assert shown("f(x => {\n  const m = a.one(x)\n  const n = b.two(m, 1)\n  g(c.three(n, other))\n})") == [
        ("a.one()..b.two()", ["x"], "const m = a.one(x); return b.two(m, 1);")
    ]
    assert shown("f((x, y) => {\n  const m = a.one(x)\n  const n = b.two(m, 1)\n  g(c.three(n, y))\n})") == [
        ("a.one()..b.two()", ["x"], "const m = a.one(x); return b.two(m, 1);"),
        ("a.one()..c.three()", ["x", "y"], "const m = a.one(x); const n = b.two(m, 1); return c.three(n, y);"),
    ]


def test_what_is_no_local_name_gets_a_parameter_of_its_own() -> None:
    assert shown("f(req => { hits = 1; g(b.two(hits, a.one(req.x + 1, [req.y]))); })") == [
        ("a.one()..b.two()", ["$in1", "$in2", "$in3"], "return b.two($in1, a.one($in2, $in3));")
    ]


def test_one_object_that_two_calls_are_given_is_one_parameter() -> None:
    text = "f((x, env) => { g(a.render(a.parse(x, env), env)); })"
    assert shown(text) == [("a.parse()..a.render()", ["x", "env"], "return a.render(a.parse(x, env), env);")]
    ((run, _),) = found(text)
    assert [(one.member, one.argument, one.late) for one in run.inputs] == [(0, 0, False), (0, 1, False)]


def test_names_of_the_module_stay_in_the_body() -> None:
    text = "f((x, res) => { res.send(a.render(b.element(App, { x }), options)); }); const options = {}; class App {}"
    assert shown(text) == [
        ("b.element()", ["$in1"], "return b.element(App, $in1);"),
        ("b.element()..a.render()", ["$in1"], "return a.render(b.element(App, $in1), options);"),
    ] or shown(text) == [
        ("b.element()..a.render()", ["$in1"], "return a.render(b.element(App, $in1), options);"),
        ("b.element()", ["$in1"], "return b.element(App, $in1);"),
    ]
    (run, *_) = [run for run, _ in found(text) if len(run.members) == 2]
    assert [name for name, _, _ in run.names] == ["App", "options"]


def test_literals_stay_in_the_body() -> None:
    assert shown("f(x => { g(b.two(a.one(x), { deep: [-1, /r/, `t`, undefined] })); })") == [
        ("a.one()..b.two()", ["x"], "return b.two(a.one(x), { deep: [-1, /r/, `t`, undefined] });")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "f(x => { g(a.one(x)); g(b.two(x)); })",
        # What stands behind the first call is evaluated after it.
        "f(x => { g(b.two(a.one(x), x.y)); })",
        "f(x => { g(b.two(a.one(x), hits)); }); hits = 1;",
        "f(x => { let w = 1; w = 2; g(b.two(a.one(x), w)); })",
        "f(x => { g(b.two(...a.one(x))); })",
        "f(x => { g(b.two(a.one((x, 1)))); })",
        "f(async x => { g(b.two(await a.one(x))); })",
        # The constant is used elsewhere too, is assigned again, or something stands in between.
        "f(x => { const m = a.one(x); g(b.two(m), m); })",
        "f(x => { let m = a.one(x); m = 1; g(b.two(m)); })",
        "f(x => { const m = a.one(x); g(); g(b.two(m)); })",
        "f(x => { const m = a.one(x), n = 1; g(b.two(m)); })",
        "f(x => { const m = a.one(x); // why\n g(b.two(m)); })",
        # The last call may not come.
        "f(x => { const m = a.one(x); if (x) g(b.two(m)); })",
        "f(x => { const m = a.one(x); g(x && b.two(m)); })",
        "f(x => { const m = a.one(x); g(() => b.two(m)); })",
        "f(x => { const m = a.one(x); for (;;) g(b.two(m)); })",
        # It is given something that what comes before it could change.
        "f((x, o) => { const m = a.one(x); g(x).h(b.two(m, o)); })",
    ],
)
def test_no_runs(text: str) -> None:
    assert shown(text) == []


@pytest.mark.parametrize(
    ("statement", "boxed"),
    [
        ("g(b.two(m));", False),
        ("r.h.g(b.two(m));", False),
        ("r.g(1).h(b.two(m));", True),
        ("r.x = b.two(m);", False),
        ("const n = b.two(m) + g();", False),
        ("const n = g() + b.two(m);", True),
        ("return { x: b.two(m) };", False),
        ("if (b.two(m)) g();", False),
    ],
)
def test_something_done_before_the_last_call(statement: str, boxed: bool) -> None:
    ((run, _),) = found(f"f((x, r) => {{ const m = a.one(x); {statement} }})")
    assert run.boxed is boxed


def test_names_before_and_after_are_those_of_the_first_calls() -> None:
    ((run, _),) = found("f(x => { hits += 1; const m = a.one(x); g(b.two(m), hits); })")
    assert (run.before, run.after) == (("hits",), ("b", "hits"))
