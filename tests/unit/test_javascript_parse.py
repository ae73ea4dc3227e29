"""Parsing: offsets, goals, tolerance, and errors in one sentence."""

from __future__ import annotations

import gc
import sys
import threading

import pytest

from pipetrace.errors import PipetraceError
from pipetrace.javascript.nodes import children, code_children, walk
from pipetrace.javascript.parse import JavaScriptSyntaxError, parse


def named(text: str, name: str) -> list[str]:
    """The texts of all identifiers called `name`, taken by their ranges."""
    return [
        text[node.range[0] : node.range[1]]
        for node in walk(parse(text, "a.js").tree)
        if node.type == "Identifier" and node.name == name
    ]


@pytest.mark.parametrize(
    "text",
    [
        "wanted",
        "\ufeffwanted",
        "#!/usr/bin/env node\nwanted",
        "\ufeff#!/usr/bin/env node\r\nwanted",
        "'😀😀'; wanted",
        "'\ud83d'; wanted",
        "/* ünï */\r\n\u2028wanted",
        "`a${'😀'}b`; wanted",
    ],
)
def test_ranges_are_string_indices_of_the_text_as_given(text: str) -> None:
    assert named(text, "wanted") == ["wanted"]
    assert parse(text, "a.js").text == text


@pytest.mark.parametrize(
    ("path", "text", "goal"),
    [
        ("a.js", "const a = require('b');", "script"),
        ("a.js", "with (a) b;", "script"),
        ("a.js", "import a from 'b';", "module"),
        ("a.js", "  export { a }; let a;", "module"),
        ("a.js", "export default class {}", "module"),
        ("a.js", "const a = await b();", "module"),
        ("a.js", "import.meta.url", "module"),
        ("a.js", "import('a').then(b)", "script"),
        ("a.js", "/*\nimport a from 'b'\n*/\nmodule.exports = 1", "script"),
        ("a.js", "x = `\nexport default 1\n`; with (a) b;", "script"),
        ("a.mjs", "a()", "module"),
        ("a.cjs", "a()", "script"),
        ("a.js", "", "script"),
    ],
)
def test_the_goal_follows_from_extension_and_content(path: str, text: str, goal: str) -> None:
    assert parse(text, path).goal == goal


def test_a_given_goal_is_kept() -> None:
    assert parse("a()", "a.js", "module").goal == "module"
    with pytest.raises(JavaScriptSyntaxError):
        parse("import a from 'b'", "a.js", "script")


def test_scripts_may_return_because_commonjs_wraps_them() -> None:
    assert parse("if (a) return; b()", "a.js").goal == "script"
    with pytest.raises(JavaScriptSyntaxError, match="Illegal return"):
        parse("import 'a'; return", "a.js")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n  b c", "lib/a.js:2:5: Unexpected identifier"),
        ("let a; let a", "lib/a.js:1:12: Identifier 'a' has already been declared"),
        ("return; let b = ;", "lib/a.js:1:17: Unexpected token ;"),
        ("'😀' b", "lib/a.js:1:6: Unexpected identifier"),
        ("f(", "lib/a.js:1:3: Unexpected end of input"),
    ],
)
def test_errors_name_path_line_column_and_reason(text: str, message: str) -> None:
    with pytest.raises(JavaScriptSyntaxError) as caught:
        parse(text, "lib/a.js")
    assert str(caught.value) == message
    assert isinstance(caught.value, PipetraceError)


def test_the_error_is_that_of_the_goal_that_got_further() -> None:
    with pytest.raises(JavaScriptSyntaxError) as caught:
        parse("import a from 'a';\nconst b = await c();\nlet = 1 1", "a.mjs")
    assert caught.value.line == 3
    with pytest.raises(JavaScriptSyntaxError) as caught:
        parse("import a from 'a';\nconst b = await c();\nf(1 1)", "a.js")
    assert caught.value.line == 3


def test_equal_texts_share_a_tree_but_not_the_path() -> None:
    first = parse("shared(1)", "a.js")
    second = parse("shared(1)", "b.js")
    assert second.tree is first.tree
    assert (first.path, second.path) == ("a.js", "b.js")
    assert parse("shared(1)", "a.js").memo is not second.memo


def test_limits_and_collector_are_as_before_also_after_an_error() -> None:
    limit = sys.getrecursionlimit()
    assert gc.isenabled()
    parse("fine()", "a.js")
    with pytest.raises(JavaScriptSyntaxError):
        parse("not fine(", "a.js")
    assert gc.isenabled()
    assert sys.getrecursionlimit() == limit


def test_threads_may_parse_at_the_same_time() -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for round_ in range(10):
                text = f"function f{number}_{round_}() {{ return [{'[' * 300}{']' * 300}] }}"
                assert parse(text, "a.js").tree.body[0].range == [0, len(text)]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert gc.isenabled()


def test_walk_meets_every_node_in_source_order_without_recursion() -> None:
    deep = "[" * 3000 + "]" * 3000
    assert sum(node.type == "ArrayExpression" for node in walk(parse(deep, "a.js").tree)) == 3000
    kinds = [node.type for node in walk(parse("a: for (;;) break a", "a.js").tree)]
    assert kinds == [
        "Program", "LabeledStatement", "Identifier", "ForStatement", "BreakStatement", "Identifier",
    ]  # fmt: skip


def test_code_children_leave_out_names_that_are_no_variables() -> None:
    text = """
    let a; export { a as b }; export { d } from 'd'; import { e as g } from 'e'; import.meta;
    x.y[z] = { k: v, [c]: 1 }; l: while (1) continue l; function f() { new.target }
    """
    stack, found = [parse(text, "a.mjs").tree], []
    while stack:
        node = stack.pop()
        if node.type == "Identifier":
            found.append(node.name)
        stack += reversed(code_children(node))
    assert found == ["a", "a", "g", "x", "z", "v", "c", "f"]


def test_children_hold_all_parts_of_every_construct() -> None:
    text = """
    class A extends B { static #p = 1; static { q } get [r]() { return s } }
    for await (const t of u) { try { v } catch ({ w }) { x } finally { y } }
    switch (z) { case 1: default: }
    label: do { continue label } while (a?.b?.(c) ?? `d${e}`)
    export * as ns from 'm' with { type: 'json' };
    import def, { 'string name' as g } from 'n';
    f`tag${h}`; yield_ = function* () { yield* i; }; j **= -k; l ||= (m, n);
    """
    seen = {node.type for node in walk(parse(text, "a.mjs").tree)}
    assert {"StaticBlock", "PrivateIdentifier", "ImportAttribute", "ChainExpression", "TemplateLiteral"} <= seen
    names = {node.name for node in walk(parse(text, "a.mjs").tree) if node.type == "Identifier"}
    assert set("ABcdehijklmnqrstuvwxyz") - {"d"} <= names
    for node in walk(parse(text, "a.mjs").tree):
        for child in children(node):
            assert node.range[0] <= child.range[0] <= child.range[1] <= node.range[1]
