"""Calls that are cut out of their function: before, after, refused because."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipetrace.javascript.kernel_runs import kernel_runs
from pipetrace.javascript.kernels import kernel_sites
from pipetrace.rewriter.decide import decide
from pipetrace.rewriter.edit_file import rewrite_file
from pipetrace.rewriter.orders import FileOrders, HandlerOrder, Orders
from tests.unit.rewriter_fixture import Outcome, order_for, view_of

HEAD = "const $pt = require('@pipetrace/runtime').file('app.js');"


def cut(text: str, wait: str, *names: str, is_module: bool = False, also: str = "") -> Outcome:
    """Rewrite a file with the kernels of these names, and the handler `also`."""
    view = view_of(text, is_module=is_module)
    parts = (view.parsed, view.scopes, view.functions)
    sites = [site for site in (*kernel_sites(*parts), *kernel_runs(*parts)) if site.name in names]
    orders = [
        HandlerOrder(site.name, site.key, "app.js", site.name, "stage1", site.start, site.end, (), wait)
        for site in sites
    ]
    file = FileOrders(handlers=[*([order_for(view, also)] if also else []), *orders])
    decisions = decide(Orders({"app.js": file}, ()), {"app.js": view}, {})
    return Outcome(decisions, rewrite_file(view, file, decisions.moves, Path("/app")))


def test_an_awaited_call_keeps_its_place() -> None:
    before = "const md = make();\ngo(async (x) => { const y = await md.render(x, 1); });\n"
    assert cut(before, "none", "md.render()").body == (
        f"{HEAD} $kernel1 = $pt.kernel('md.render()', $kernel1); const md = make();\n"
        "go(async (x) => { const y = await $kernel1(x, 1); });\n"
        "function $kernel1(...args) { return md.render(...args); }\n"
    )


def test_an_async_function_gets_an_await() -> None:
    before = "function heavy() { for (;;); }\ngo(async (x) => { if (x) use(heavy(x).y, heavy); });\n"
    assert cut(before, "await", "heavy()").body == (
        f"{HEAD} $kernel1 = $pt.kernel('heavy()', $kernel1); function heavy() {{ for (;;); }}\n"
        "go(async (x) => { if (x) use((await $kernel1(x)).y, heavy); });\n"
        "function $kernel1(...args) { return heavy(...args); }\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "get('/', (a, b) => { b(heavy(a)); });\n",
            "get('/', $pt.steps(async (a, b) => { b(await $kernel1(a)); }));\n",
        ),
        ("const f = a => { b(heavy(a)); };\n", "const f = $pt.steps(async a => { b(await $kernel1(a)); }, 'f');\n"),
        (
            "get(function f(a) { b(heavy(a)); });\n",
            "get($pt.steps(async function f(a) { b(await $kernel1(a)); }));\n",
        ),
        (
            "x = { f(a) { b(heavy(a)); } };\n",
            "x = { f: $pt.steps({ async f(a) { b(await $kernel1(a)); } }.f) };\n",
        ),
        (
            "class A { static f(a) { b(heavy(a)); } }\n",
            "class A { static async f(a) { b(await $kernel1(a)); } } A.f = $pt.steps(A.f);\n",
        ),
    ],
)
def test_other_functions_become_async_and_look_as_before(before: str, after: str) -> None:
    assert cut("function heavy() { for (;;); }\n" + before, "async", "heavy()").body == (
        f"{HEAD} $kernel1 = $pt.kernel('heavy()', $kernel1); function heavy() {{ for (;;); }}\n"
        f"{after}function $kernel1(...args) {{ return heavy(...args); }}\n"
    )


def test_a_declaration_becomes_async_and_is_assigned_anew() -> None:
    before = "import { heavy } from './heavy.js';\nexport function f(a) { b(heavy(a)); }\n"
    assert cut(before, "async", "heavy()", is_module=True).body == (
        "import $ptRuntime from '@pipetrace/runtime'; const $pt = $ptRuntime.file('app.js'); f = $pt.steps(f); "
        "$kernel1 = $pt.kernel('heavy()', $kernel1); import { heavy } from './heavy.js';\n"
        "export async function f(a) { b(await $kernel1(a)); }\n"
        "function $kernel1(...args) { return heavy(...args); }\n"
    )


def test_two_kernels_of_one_function_make_it_async_once() -> None:
    before = "function one() { for (;;); }\nfunction two() { for (;;); }\nget((a) => { b(two(one(a))); });\n"
    outcome = cut(before, "async", "two()", "one()")
    assert "get($pt.steps(async (a) => { b(await $kernel1(await $kernel2(a))); }));" in outcome.body


def test_a_kernel_goes_with_the_handler_that_moves_whole() -> None:
    before = "function heavy() { for (;;); }\nget(function f(a) { b(heavy(a)); });\n"
    outcome = cut(before, "async", "heavy()", also="f")
    assert outcome.refused == {"heavy()": "nested-in-moved"}
    assert "$kernel" not in outcome.body


@pytest.mark.parametrize(
    ("text", "wait", "cause"),
    [
        ("get((a) => { b(heavy(a)); });", "await", "not-async"),
        ("function f(a) { b(heavy(a)); } new f();", "async", "constructed"),
        ("function f(a) { b(heavy(a)); } function f() {}", "async", "redeclared"),
        ("x = class { f(a) { b(heavy(a)); } };", "async", "class-method"),
    ],
)
def test_refusals(text: str, wait: str, cause: str) -> None:
    assert cut(f"function heavy() {{ for (;;); }}\n{text}\n", wait, "heavy()").refused == {"heavy()": cause}


def test_a_call_that_is_gone_is_not_found() -> None:
    view = view_of("go(async () => { await md.render(1); });\nvar md;\n")
    order = HandlerOrder("k", "app.js#gone", "app.js", "md.render()", "stage1", 0, 4, (), "none")
    decisions = decide(Orders({"app.js": FileOrders(handlers=[order])}, ()), {"app.js": view}, {})
    assert [refusal.cause for refusal in decisions.refusals] == ["not-found"]


TWO = "const a = make(), b = make();\n"


def test_names_of_the_module_stay_with_the_call() -> None:
    before = "go(async (x) => { use(a.one(x.y, App)); });\nfunction App() {}\n"
    view = view_of(TWO + before)
    run, *_ = kernel_runs(view.parsed, view.scopes, view.functions)
    order = HandlerOrder("k", run.key, "app.js", run.name, "stage1", run.start, run.end, (), "await")
    decisions = decide(Orders({"app.js": FileOrders(handlers=[order])}, ()), {"app.js": view}, {})
    change = rewrite_file(view, FileOrders(handlers=[order]), decisions.moves, Path("/app"))
    assert Outcome(decisions, change).body == (
        f"{HEAD} $kernel1 = $pt.kernel('k', $kernel1); {TWO}"
        "go(async (x) => { use(await $kernel1(x.y)); });\nfunction App() {}\n"
        "function $kernel1($in1) { return a.one($in1, App); }\n"
    )


def _cut_run(text: str, wait: str = "async", name: str = "a.one()..b.two()") -> str:
    body = cut(TWO + text, wait, name).body
    head = f"{HEAD} $kernel1 = $pt.kernel('{name}', $kernel1); {TWO}"
    assert body is not None and body.startswith(head)
    return body.removeprefix(head)


@pytest.mark.parametrize(
    ("before", "wait", "after"),
    [
        (
            "go(async (x, w) => { use(b.two(a.one(x), w)); });\n",
            "await",
            "go(async (x, w) => { use(await $kernel1(x, w)); });\n"
            "function $kernel1(x, w) { return b.two(a.one(x), w); }\n",
        ),
        (
            "go(async (x) => b.two(a.one(x.y + 1, 'k')).z);\n",
            "await",
            "go(async (x) => (await $kernel1(x.y + 1)).z);\n"
            "function $kernel1($in1) { return b.two(a.one($in1, 'k')); }\n",
        ),
        (
            "go(async (x) => await b.two(a.one()));\n",
            "none",
            "go(async (x) => await $kernel1());\nfunction $kernel1() { return b.two(a.one()); }\n",
        ),
        (
            "go((x, w) => {\n  const m = a.one(x);\n  use(b.two(m, w)); // done\n});\n",
            "async",
            "go($pt.steps(async (x, w) => {\n  const m = await $kernel1(x, w);\n  use(m); // done\n}));\n"
            "function $kernel1(x, w) { const m = a.one(x); return b.two(m, w); }\n",
        ),
        (
            "go((x, r) => {\n  const m = a.one(x);\n  r.type('t').send(b.two(m));\n});\n",
            "async",
            "go($pt.steps(async (x, r) => {\n  const m = await $kernel1(x);\n  r.type('t').send($pt.result(m));\n}));\n"
            "function $kernel1(x) { const m = a.one(x); return $pt.outcome(() => b.two(m)); }\n",
        ),
        (
            "go((x, y) => {\n  const m = a.one(x)\n  const n = a.half(m)\n  use(b.two(n, y))\n});\n",
            "async",
            "go($pt.steps(async (x, y) => {\n  const n = await $kernel1(x, y)\n  use(n)\n}));\n"
            "function $kernel1(x, y) { const m = a.one(x); const n = a.half(m); return b.two(n, y); }\n",
        ),
    ],
)
def test_calls_of_which_one_is_given_what_the_other_returns(before: str, wait: str, after: str) -> None:
    assert _cut_run(before, wait) == after
