"""Guards, sources and initial values: before, after, refused because."""

from __future__ import annotations

import pytest

from pipetrace.rewriter.orders import GuardOrder, InitialOrder, StateOrder
from tests.unit.rewriter_fixture import rewritten

HEAD = "const $pt = require('@pipetrace/runtime').file('app.js');"


def guard(name: str, form: str = "object", line: int = 1, handlers: tuple[str, ...] = ()) -> GuardOrder:
    return GuardOrder(f"app.js:{name}", name, "app.js", line, form, handlers)


def test_an_object_is_guarded_where_it_is_made() -> None:
    before = "const cache = new Map(), other = 1;\nget(() => cache);\n"
    assert rewritten(before, "line:2", guards=(guard("cache"),)).body == (
        f"{HEAD} const cache = $pt.state('app.js:cache', new Map()), other = 1;\n"
        "get($pt.handler('line:2', () => cache));\n"
    )


@pytest.mark.parametrize(
    ("use", "after"),
    [
        ("return n;", "return ($pt.touch('app.js:n'), n);"),
        ("return { n };", "return { n: ($pt.touch('app.js:n'), n) };"),
        ("return `${n}`;", "return `${($pt.touch('app.js:n'), n)}`;"),
        ("return n.a.b();", "return ($pt.touch('app.js:n'), n).a.b();"),
        ("n.a = 1;", "$pt.touch('app.js:n'), n.a = 1;"),
        ("n.a = n;", "$pt.touch('app.js:n'), n.a = ($pt.touch('app.js:n'), n);"),
        ("n = 1;", "$pt.touch('app.js:n'), n = 1;"),
        ("n++;", "$pt.touch('app.js:n'), n++;"),
        ("++n;", "$pt.touch('app.js:n'), ++n;"),
        ("return n++;", "return ($pt.touch('app.js:n'), n++);"),
        ("return n += 2;", "return ($pt.touch('app.js:n'), n += 2);"),
        ("return x || (n = 1);", "return x || (($pt.touch('app.js:n'), n = 1));"),
        ("[n] = x;", "$pt.touch('app.js:n'), [n] = x;"),
        ("({n} = x);", "(($pt.touch('app.js:n'), {n} = x));"),
        ("for (n of x) y();", "for (n of ($pt.touch('app.js:n'), x)) y();"),
        ("if (n) y();", "if (($pt.touch('app.js:n'), n)) y();"),
        ("return typeof n;", "return typeof ($pt.touch('app.js:n'), n);"),
    ],
)
def test_uses_of_a_variable(use: str, after: str) -> None:
    outcome = rewritten(f"let n;\nget(() => {{ {use} }});\n", "line:2", guards=(guard("n", "variable"),))
    assert outcome.body == f"{HEAD} let n;\nget($pt.handler('line:2', () => {{ {after} }}));\n"


@pytest.mark.parametrize(
    ("use", "after"),
    [
        ("return n.title;", "return n.title;"),
        ("return n.title.length + n.hits;", "return n.title.length + ($pt.touch('app.js:n'), n).hits;"),
        ("return n[title];", "return ($pt.touch('app.js:n'), n)[title];"),
        ("n.title = 1;", "$pt.touch('app.js:n'), n.title = 1;"),
        ("return delete n.title;", "return delete ($pt.touch('app.js:n'), n).title;"),
    ],
)
def test_a_property_that_nothing_changes_may_be_read(use: str, after: str) -> None:
    order = GuardOrder("app.js:n", "n", "app.js", 1, "variable", (), ("title",))
    outcome = rewritten(f"let n;\nget(() => {{ {use} }});\n", "line:2", guards=(order,))
    assert outcome.body == f"{HEAD} let n;\nget($pt.handler('line:2', () => {{ {after} }}));\n"


def test_code_without_semicolons_is_not_joined_to_the_line_before() -> None:
    before = "let n\nget(() => {\n  work\n  n.a = 1\n  work\n  n++\n})\n"
    after = rewritten(before, "line:2", guards=(guard("n", "variable"),)).body
    assert "  work\n  $pt.touch('app.js:n'), n.a = 1\n  work\n  $pt.touch('app.js:n'), n++\n" in after


def test_a_use_at_the_end_of_a_lifted_handler_goes_with_it() -> None:
    before = "let n;\nfunction g(a) {\n  on(() => n = a);\n  on(() => a + n);\n}\n"
    after = rewritten(before, "line:3", "line:4", guards=(guard("n", "variable"),)).body
    assert "function $lift1(a) { return () => ($pt.touch('app.js:n'), n = a); }" in after
    assert "function $lift2(a) { return () => a + ($pt.touch('app.js:n'), n); }" in after


def test_only_functions_that_moved_code_could_reach_are_changed() -> None:
    before = "let n = 0;\nn++;\nfunction up() { return n; }\nfunction no() { return n; }\nget(() => up());\nget(no);\n"
    after = rewritten(before, "line:5", guards=(guard("n", "variable", handlers=("line:5",)),)).body
    assert "function up() { return ($pt.touch('app.js:n'), n); }" in after
    assert "\nn++;\n" in after
    assert "function no() { return n; }" in after


@pytest.mark.parametrize(
    ("first", "handler"),
    [
        ("const other = require('./other');", "() => other.run()"),
        ("const {run} = require(path.join(__dirname, 'other'));", "() => run()"),
        ("let x;", "(data, done) => done(data)"),
    ],
)
def test_code_that_leaves_the_file_could_come_back_to_any_function(first: str, handler: str) -> None:
    before = f"let n = 0; {first}\nfunction any() {{ return n; }}\nget({handler});\n"
    after = rewritten(before, "line:3", guards=(guard("n", "variable"),)).body
    assert "function any() { return ($pt.touch('app.js:n'), n); }" in after


def test_moved_code_of_another_file_could_reach_every_function() -> None:
    order = guard("n", "variable", handlers=("elsewhere",))
    after = rewritten("let n = 0;\nfunction any() { return n; }\n", guards=(order,), elsewhere=True).body
    assert after == f"{HEAD} let n = 0;\nfunction any() {{ return ($pt.touch('app.js:n'), n); }}\n"


def test_packages_do_not_come_back() -> None:
    before = "let n = 0; const other = require('other');\nfunction any() { return n; }\nget(() => other.run());\n"
    after = rewritten(before, "line:3", guards=(guard("n", "variable"),)).body
    assert "function any() { return n; }" in after


@pytest.mark.parametrize(
    "declaration",
    ["let c = {}; c = {};", "let c;", "const {c} = make();", "var c = class {};", "function c() {}"],
)
def test_what_does_not_hold_one_object_is_guarded_at_its_uses(declaration: str) -> None:
    after = rewritten(f"{declaration}\nget(() => use(c));\n", "line:2", guards=(guard("c"),)).body
    assert "() => use(($pt.touch('app.js:c'), c))" in after


def test_without_its_variable_a_guard_keeps_the_handlers_that_need_it() -> None:
    order = guard("gone", handlers=("line:2",))
    outcome = rewritten("get(() => 1);\nget(() => 2);\n", "line:1", "line:2", guards=(order,))
    assert outcome.refused == {"line:2": "unguarded-state"}
    assert "get(() => 2);" in outcome.body


def test_a_refusal_keeps_the_whole_state_group() -> None:
    text = "get(() => 1);\nget(function* f() {});\nget(() => 3);\n"
    state = StateOrder("app.js:c", "stage1", ("line:1", "f"))
    outcome = rewritten(text, "line:1", "f", "line:3", states=(state,))
    assert outcome.refused == {"line:1": "state-group", "f": "generator"}
    assert "get($pt.handler('line:3', () => 3));" in outcome.body


def test_an_initial_value_is_made_by_a_function() -> None:
    before = "const secret = random(32);\nget(() => secret);\n"
    after = rewritten(before, "line:2", initials=(InitialOrder("app.js", "secret", 1),)).body
    assert after.startswith(f"{HEAD} const secret = $pt.initial('app.js:secret', () => random(32));\n")


def test_the_names_of_one_initialiser_share_it() -> None:
    before = "const {a, b} = pair();\nconst c = {x: random()};\nget(() => a);\n"
    orders = (InitialOrder("app.js", "a", 1), InitialOrder("app.js", "b", 1), InitialOrder("app.js", "c", 2))
    after = rewritten(before, "line:3", initials=orders).body
    assert "const {a, b} = $pt.initial('app.js:a', () => pair());\n" in after
    assert "const c = $pt.initial('app.js:c', () => ({x: random()}));\n" in after


def test_a_guarded_initial_value() -> None:
    before = "const c = make();\nget(() => c);\n"
    outcome = rewritten(before, "line:2", guards=(guard("c"),), initials=(InitialOrder("app.js", "c", 1),))
    assert "const c = $pt.state('app.js:c', $pt.initial('app.js:c', () => make()));" in outcome.body


def test_an_awaited_initial_value_keeps_the_handlers_that_could_read_it() -> None:
    text = "const s = await random();\nfunction key() { return s; }\nget(() => key());\nget(() => 2);\n"
    outcome = rewritten(text, "line:3", "line:4", is_module=True, initials=(InitialOrder("app.js", "s", 1),))
    assert outcome.refused == {"line:3": "unshared-initial"}
    assert "const s = await random();\n" in outcome.text
    assert outcome.change is not None
    assert outcome.change.notes == (
        "The initial value of app.js:s cannot be taken from the entry stage, because it is not computed by a "
        "synchronous initialiser at module level.",
    )


def test_a_source_is_wrapped_in_the_call_that_registers_it() -> None:
    before = "setInterval(() => tick(), 1000);\nget(() => 1);\n"
    after = rewritten(before, "line:2", sources=("line:1",)).body
    assert after.startswith(f"{HEAD} setInterval($pt.source('line:1', () => tick()), 1000);\n")


def test_a_source_with_a_name_may_be_called_elsewhere_and_is_left() -> None:
    before = "function flush() {}\nflush();\nsetInterval(flush, 1000);\nget(() => 1);\n"
    assert "$pt.source" not in rewritten(before, "line:4", sources=("flush",)).body


def test_a_source_that_is_moved_is_a_handler() -> None:
    after = rewritten("setInterval(() => tick(), 1000);\n", "line:1", sources=("line:1",)).body
    assert after == f"{HEAD} setInterval($pt.handler('line:1', () => tick()), 1000);\n"


def test_an_assignment_in_the_initialiser_is_still_carried_out_everywhere() -> None:
    before = "const c = exports.c = make();\nconst s = exports.s = random();\nget(() => c);\n"
    outcome = rewritten(before, "line:3", guards=(guard("c"),), initials=(InitialOrder("app.js", "s", 2),))
    assert "const c = exports.c = $pt.state('app.js:c', make());\n" in outcome.body
    assert "const s = exports.s = $pt.initial('app.js:s', () => random());\n" in outcome.body


def test_what_listens_is_guarded_where_a_moved_handler_emits() -> None:
    before = "let n;\nbus.on('x', () => { n = 1; });\nget(() => bus.emit('x'));\n"
    after = rewritten(before, "line:3", guards=(guard("n", "variable", handlers=("line:3",)),)).body
    assert "bus.on('x', () => { $pt.touch('app.js:n'), n = 1; });" in after
    quiet = rewritten(before.replace("emit", "emits"), "line:3", guards=(guard("n", "variable", handlers=("line:3",)),))
    assert "touch" not in quiet.body
