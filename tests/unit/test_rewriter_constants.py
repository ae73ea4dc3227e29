"""Places that change what moved handlers take for constant: before, after."""

from __future__ import annotations

import pytest

from pipetrace.javascript.functions import functions_of
from pipetrace.rewriter.orders import RanOrder
from tests.unit.rewriter_fixture import rewritten, view_of

HEAD = "const $pt = require('@pipetrace/runtime').file('app.js');"


@pytest.mark.parametrize(
    ("use", "after"),
    [
        ("n.level = 1;", "$pt.changes(n, 'app.js:n').level = 1;"),
        ("n.deep.list[0]++;", "$pt.changes(n.deep.list, 'app.js:n')[0]++;"),
        ("delete n.level;", "delete $pt.changes(n, 'app.js:n').level;"),
        ("n.names.push(n.level);", "$pt.changes(n.names, 'app.js:n', true).push(n.level);"),
        ("return n.set(1, 2);", "return $pt.changes(n, 'app.js:n', true).set(1, 2);"),
        ("n.get(1).list.push(2);", "$pt.changes(n.get(1).list, 'app.js:n', true).push(2);"),
        ("n.get(1).level = 2;", "$pt.changes(n.get(1), 'app.js:n').level = 2;"),
        ("n.make(1).level = 2;", "$pt.changes(n.make(1), 'app.js:n@3').level = 2;"),
        ("n?.a.push(1);", "$pt.changes(n, 'app.js:n', 'within')?.a.push(1);"),
        ("n.a?.b().c.push(1);", "$pt.changes(n.a, 'app.js:n', 'within')?.b().c.push(1);"),
        ("n.b?.().push(1);", "$pt.changes(n, 'app.js:n', 'within').b?.().push(1);"),
        ("n.a?.push(1);", "$pt.changes(n.a, 'app.js:n', true)?.push(1);"),
        ("(n?.a).b = 1;", "($pt.changes(n?.a, 'app.js:n')).b = 1;"),
        ("delete n?.a;", "delete $pt.changes(n, 'app.js:n', 'within')?.a;"),
        ("n['push'](1);", "$pt.changes(n, 'app.js:n', true)['push'](1);"),
        ("[].push.apply(n.a, x);", "[].push.apply($pt.changes(n.a, 'app.js:n', true), x);"),
        ("Reflect.apply(a.set, n, x);", "Reflect.apply(a.set, $pt.changes(n, 'app.js:n', true), x);"),
        ("Object.freeze(n.a);", "Object.freeze($pt.changes(n.a, 'app.js:n', 'freeze'));"),
        ("b.copy(n.a);", "b.copy($pt.changes(n.a, 'app.js:n', true));"),
        ("n.__defineGetter__('a', f);", "$pt.changes(n, 'app.js:n').__defineGetter__('a', f);"),
        ("for (n of x) f();", "for (n of ($pt.changes(undefined, 'app.js:n'), x)) f();"),
        (
            "for (n.a in x) f();",
            "let $now1, $seen1; for ((($now1 = n) === $seen1 ? $now1 : $seen1 = $pt.changes($now1, 'app.js:n')).a in x) f();",
        ),
        ("({ v: n.a } = x);", "({ v: $pt.changes(n, 'app.js:n').a } = x);"),
        ("Object.assign(n.a, x);", "Object.assign($pt.changes(n.a, 'app.js:n'), x);"),
        ("[n.a] = x;", "[$pt.changes(n, 'app.js:n').a] = x;"),
        ("n = 1;", "$pt.changes(undefined, 'app.js:n'), n = 1;"),
        ("return n++;", "return ($pt.changes(undefined, 'app.js:n'), n++);"),
        ("return n.get(1) + n.level + n.names.map(f);", "return n.get(1) + n.level + n.names.map(f);"),
        ("x.n = 1; const m = { n: 1 }; m.n = 2;", "x.n = 1; const m = { n: 1 }; m.n = 2;"),
    ],
)
def test_changes_are_told(use: str, after: str) -> None:
    before = f"let n = {{}};\nget(() => n.level);\non(() => {{ {use} }});\n"
    outcome = rewritten(before, "line:2", constants=("app.js:n",))
    assert (
        outcome.body == f"{HEAD} let n = {{}};\nget($pt.handler('line:2', () => n.level));\non(() => {{ {after} }});\n"
    )


def test_what_the_module_itself_does_is_left_alone() -> None:
    before = "const n = {};\nn.a = 1;\nget(() => n.a);\n"
    assert "changes" not in rewritten(before, "line:3", constants=("app.js:n",)).body


@pytest.mark.parametrize(
    ("use", "after"),
    [
        ("const o = {}; o.a = 1; o.b.c = 2;", "const o = {}; o.a = 1; $pt.changes(o.b, 'app.js:o@2').c = 2;"),
        ("const o = s; o.a = 1;", "const o = s; $pt.changes(o, 'app.js:o@2').a = 1;"),
        ("s().a = 1;", "$pt.changes(s(), 'app.js:2').a = 1;"),
        (
            "for (const k of x) x.y[k] = 1;",
            "let $now1, $seen1; for (const k of x) 0, (($now1 = x.y) === $seen1 ? $now1 : "
            "$seen1 = $pt.changes($now1, 'app.js:x@2'))[k] = 1;",
        ),
        (
            "for (const k of s) k.a = 1;",
            "let $now1, $seen1; for (const k of s) 0, (($now1 = k) === $seen1 ? $now1 : "
            "$seen1 = $pt.changes($now1, 'app.js:k@2')).a = 1;",
        ),
        ("exports.a = 1; process.title = x;", "$pt.changes(exports, 'app.js:exports').a = 1; process.title = x;"),
    ],
)
def test_an_object_that_a_function_did_not_make_may_be_the_programs(use: str, after: str) -> None:
    outcome = rewritten(f"get(() => s);\nfunction on(x) {{ {use} }}\n", "line:1")
    assert outcome.body == f"{HEAD} get($pt.handler('line:1', () => s));\nfunction on(x) {{ {after} }}\n"


def test_what_a_class_changes_of_itself_is_watched_but_not_while_it_is_made() -> None:
    before = "get(f);\nfunction f() {}\nclass A { static n = 0; #p = 0; constructor() { this.n = 1; } "
    inside = "up() { this.#p += 1; A.n += 1; } }\n"
    after = rewritten(before + inside, "f").body
    assert "constructor() { this.n = 1; }" in after
    assert "up() { $pt.changes(this, 'app.js:this@3').#p += 1; $pt.changes(A, 'app.js:A').n += 1; }" in after


def test_what_was_seen_to_be_a_response_is_the_requests_own() -> None:
    text = "get(f);\nfunction f(req, res, x) { res.statusCode = 1; x.a = 1; }\n"
    function = functions_of(view_of(text).parsed)[1]
    ran = RanOrder(function.handler_key, function.start, function.end, ("http.request", "http.response", "plain"))
    after = rewritten(text, "f", ran=(ran,)).body
    assert "{ res.statusCode = 1; $pt.changes(x, 'app.js:x@2').a = 1; }" in after


def test_another_name_for_something_is_watched_too() -> None:
    before = "const { n } = require('./state');\nconst m = n.deep;\nget(f);\non(() => { m.a = 1; n.push(2); });\nfunction f() {}\n"
    after = rewritten(before, "f", constants=("other.js:n",)).body
    assert "{ $pt.changes(m, 'app.js:m').a = 1; $pt.changes(n, 'app.js:n', true).push(2); }" in after


def test_an_assignment_is_not_joined_to_the_line_before() -> None:
    after = rewritten(
        "let n = 0\nget(() => n)\non(() => {\n  work\n  n = 1\n})\n", "line:2", constants=("app.js:n",)
    ).body
    assert "  work\n  $pt.changes(undefined, 'app.js:n'), n = 1\n" in after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("function make() { let n = 0; return () => ++n; }", "function make() { const $start1 = $pt.starting(); let n = 0; return () => ($start1 && $pt.closed('app.js:n@3'), ++n); }"),
        ("const make = (n) => () => { work\n n = 2 };", "const make = (n) => { const $start1 = $pt.starting(); return ( () => { work\n $start1 && $pt.closed('app.js:n@3'), n = 2 }); };"),
        ("const make = (n) => ({ up() { n += 1; } });", "const make = (n) => { const $start1 = $pt.starting(); return ( ({ up() { $start1 && $pt.closed('app.js:n@3'), n += 1; } })); };"),
        ("const make = (n) => { const l = []; return () => l.push(n); }", "const l = []; return () => $pt.changes(l, 'app.js:l@3', true, $start1).push(n); }"),
        ("function make(n) { 'use strict'; return () => n; }", "function make(n) { 'use strict'; return () => n; }"),
    ],
)  # fmt: skip
def test_changes_of_variables_that_the_start_made_are_told(before: str, after: str) -> None:
    outcome = rewritten(f"get(f);\nfunction f() {{}}\n{before}\n", "f")
    assert after in outcome.body


def test_uses_of_such_a_variable_that_is_state_are_told_and_those_of_a_handlers_own_are_not() -> None:
    text = "get(f);\nfunction f() { let own = 0; on(() => { own += 1; }); }\nfunction make(n) { 'use strict'; return { get: () => n, of: () => ({ n }) }; }\n"
    function = functions_of(view_of(text).parsed)[1]
    ran = RanOrder(function.handler_key, function.start, function.end, ())
    after = rewritten(text, "f", ran=(ran,), held={("n", 3): "app.js:n"}).body
    assert "{ let own = 0; on(() => { own += 1; }); }" in after
    assert "'use strict'; const $start1 = $pt.starting(); return" in after
    assert (
        "get: () => ($start1 && $pt.closed('app.js:n', true), n), of: () => ({ n: ($start1 && $pt.closed('app.js:n', true), n) })"
        in after
    )
