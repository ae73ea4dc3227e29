"""Rows that follow from the text: captures with their initialisers, calls within and across files."""

from __future__ import annotations

import json

import pytest

from pipetrace.javascript.parse import parse
from pipetrace.tracer.static_tables import LoadedFile, StaticFile, static_file, static_tables


def loaded(*sources: tuple[str, str]) -> list[LoadedFile]:
    files, base = [], 0
    for index, (path, text) in enumerate(sources):
        goal = "module" if path.endswith(".mjs") else "script"
        static = static_file(parse(text, path, goal))
        files.append(
            LoadedFile(index, path, "", "module" if goal == "module" else "commonjs", len(text), "instrumented", "", base, static)
        )
        base += len(static.functions)
    return files


def calls(*sources: tuple[str, str]) -> set[tuple[str, str]]:
    """Caller and callee of static_call by name; a module is called by its path, kernels are left out."""
    files = loaded(*sources)
    tables = static_tables(files)
    paths = {file.file_id: file.path for file in files}
    function = tables["function"]
    names = {
        number: name or (paths[file] if kind == "module" else "?")
        for number, name, kind, file in zip(
            function["function_id"], function["name"], function["kind"], function["file_id"], strict=True
        )
    }
    table = tables["static_call"]
    if not table:
        return set()
    functions = {a for a, kind in zip(function["function_id"], function["kind"], strict=True) if kind != "kernel"}
    pairs = zip(table["caller_id"], table["callee_id"], strict=True)
    return {(names[a], names[b]) for a, b in pairs if a in functions}


def test_a_run_of_kernels_names_its_calls_across_files() -> None:
    text = "const a = require('a'); go((x, w) => { use(a.two(a.one(x), w)); });"
    table = static_tables(loaded(("a.js", text), ("b.js", text)))["function"]
    rows = zip(table["function_id"], table["name"], table["params"], table["members"], table["inputs"], strict=True)
    assert [row[1:] for row in rows if row[3]] == [
        ("a.one()..a.two()", 2, "3 2", "0:0 1:1"),
        ("a.one()..a.two()", 2, "8 7", "0:0 1:1"),
    ]


def initialiser(declaration: str, before: str = "") -> tuple[str, bool]:
    text = f"{before}\n{declaration}\nfunction use() {{ return x; }}"
    rows = static_file(parse(text, "a.js", "script")).captures
    row = next(row for row in rows if row["name"] == "x")
    return row["init_kind"], row["nondeterministic_init"]


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("const x = 1;", ("literal", False)),
        ("const x = -1;", ("literal", False)),
        ("let x;", ("none", False)),
        ("const x = [];", ("other", False)),
        ("const x = new Map();", ("new", False)),
        ("const x = express();", ("call", False)),
        ("const x = require('fs');", ("require", False)),
        ("const x = require('fs').promises;", ("require", False)),
        ("const { x } = require('fs');", ("require", False)),
        ("const x = () => Math.random();", ("function", False)),
        ("const x = Math.random();", ("call", True)),
        ("const x = new Date();", ("new", True)),
        ("const x = new Date(0);", ("new", False)),
        ("const x = Date();", ("call", True)),
        ("const x = Date.now();", ("call", True)),
        ("const x = `${process.pid}`;", ("literal", True)),
        ("const x = crypto.randomBytes(8).toString('hex');", ("call", True)),
        ("const x = require('crypto').randomUUID();", ("call", True)),
        ("const x = { made: Date.now() };", ("other", True)),
        ("const x = [1].map(() => Math.random());", ("call", False)),
    ],
)
def test_how_a_variable_begins(declaration: str, expected: tuple[str, bool]) -> None:
    assert initialiser(declaration) == expected


def test_randomness_reached_through_a_function_of_the_file_counts() -> None:
    helper = "function secret() { return inner(); } function inner() { return Math.random(); }"
    assert initialiser("const x = secret();", helper) == ("call", True)
    assert initialiser("const x = secret;", helper) == ("other", False)


def test_a_function_handed_to_a_library_in_an_initialiser_is_not_known_to_run() -> None:
    assert initialiser("const x = later(secret);", "function secret() { return Math.random(); }") == ("call", False)


def test_captures_name_the_declaring_function_and_line() -> None:
    text = "let count = 0;\nfunction outer(a) {\n  return () => { count++; return a; };\n}"
    rows = static_file(parse(text, "a.js", "script")).captures
    arrow = {row["name"]: row for row in rows if row["function"] == 2}
    assert (arrow["count"]["scope"], arrow["count"]["module_level"], arrow["count"]["writes"]) == (0, True, True)
    assert (arrow["a"]["scope"], arrow["a"]["module_level"], arrow["a"]["declaration_line"]) == (1, False, 2)


def test_ids_start_at_the_base_of_each_file() -> None:
    files = loaded(("a.js", "function f() {}"), ("b.js", "function g() { return () => 1; }"))
    tables = static_tables(files)
    assert tables["function"]["function_id"] == [0, 1, 2, 3, 4]
    assert tables["function"]["parent_id"] == [None, 0, None, 2, 3]
    assert tables["function"]["file_id"] == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("exporting", "importing"),
    [
        ("module.exports = f; function f() {}", "const g = require('./b'); function call() { g(); }"),
        ("module.exports = function f() {};", "const g = require('./b.js'); function call() { g(); }"),
        ("exports.f = function () {};", "const b = require('./b'); function call() { b.f(); }"),
        ("module.exports = { f }; function f() {}", "const { f } = require('./b'); function call() { f(); }"),
        ("module.exports = { f() {} };", "const { f: g } = require('./b'); function call() { g(); }"),
        ("exports.f = () => {};", "const g = require('./b').f; function call() { g(); }"),
        ("exports.f = () => {};", "function call() { require('./b').f(); }"),
    ],
)
def test_calls_across_commonjs_modules(exporting: str, importing: str) -> None:
    assert calls(("a.js", importing), ("b.js", exporting)) == {("call", "f")}


@pytest.mark.parametrize(
    ("exporting", "importing"),
    [
        ("export function f() {}", "import { f } from './b.mjs'; function call() { f(); }"),
        ("export default function f() {}", "import g from './b.mjs'; function call() { g(); }"),
        ("const f = () => {}; export { f as h };", "import { h } from './b.mjs'; function call() { h(); }"),
        ("export const f = () => {};", "import * as b from './b.mjs'; function call() { b.f(); }"),
    ],
)
def test_calls_across_es_modules(exporting: str, importing: str) -> None:
    assert calls(("a.mjs", importing), ("b.mjs", exporting)) == {("call", "f")}


def test_calls_are_followed_through_re_exports_and_directories() -> None:
    assert calls(
        ("a.js", "const lib = require('./lib'); function call() { lib.f(); }"),
        ("lib/index.js", "module.exports = require('./real');"),
        ("lib/real.js", "exports.f = function () {};"),
    ) == {("call", "f")}
    assert calls(
        ("a.mjs", "import { g } from './b.mjs'; function call() { g(); }"),
        ("b.mjs", "export * from './c.mjs';"),
        ("c.mjs", "export { f as g } from './d.mjs';"),
        ("d.mjs", "export function f() {}"),
    ) == {("call", "f")}


def test_a_cycle_of_re_exports_ends() -> None:
    assert calls(
        ("a.mjs", "import { f } from './b.mjs'; f();"),
        ("b.mjs", "export * from './c.mjs';"),
        ("c.mjs", "export * from './b.mjs';"),
    ) == set()


@pytest.mark.parametrize(
    "importing",
    [
        "let g = require('./b'); g = other; function call() { g(); }",
        "const g = require('b'); function call() { g(); }",
        "const b = require('./b'); function call(n) { b[n](); }",
        "const b = require('./missing'); function call() { b(); }",
    ],
)
def test_what_cannot_be_told_is_left_out(importing: str) -> None:
    assert calls(("a.js", importing), ("b.js", "module.exports = function f() {};")) == set()


def test_static_files_survive_the_cache() -> None:
    static = static_file(parse("const x = require('./b'); exports.f = () => x(); let y = 1;", "a.js", "script"))
    assert StaticFile.from_json(json.loads(json.dumps(static.to_json()))) == static


@pytest.mark.parametrize(
    ("exporting", "importing", "home"),
    [
        ("const x = new Map(); module.exports = { x };", "const { x } = require('./b');", "x"),
        ("const y = new Map(); module.exports = { x: y };", "const { x } = require('./b.js');", "y"),
        ("const y = new Map(); exports.x = y;", "const x = require('./b').x;", "y"),
        ("const y = new Map(); module.exports = y;", "const x = require('./b');", "y"),
        ("const all = {}; module.exports = { x: all.x };", "const { x } = require('./b');", ""),
        ("const y = 1; module.exports = { y };", "const x = require('./b');", ""),
        ("module.exports = { x: 1 };", "const { x } = require('./b');", None),
        ("module.exports = { x };  function x() {}", "const { x } = require('./b');", None),
        ("", "const x = require('zlib');", None),
    ],
)
def test_the_variable_of_another_commonjs_module_that_a_name_stands_for(
    exporting: str, importing: str, home: str | None
) -> None:
    assert homes(("a.js", f"{importing} function use() {{ return x; }}"), ("b.js", exporting)) == home


@pytest.mark.parametrize(
    ("exporting", "importing", "home"),
    [
        ("export let x = 1;", "import { x } from './b.mjs';", "x"),
        ("let y; export { y as z };", "import { z as x } from './b.mjs';", "y"),
        ("const y = {}; export default y;", "import x from './b.mjs';", "y"),
        ("export const y = 1;", "import * as x from './b.mjs';", ""),
        ("export function x() {}", "import { x } from './b.mjs';", None),
    ],
)
def test_the_variable_of_another_es_module_that_a_name_stands_for(
    exporting: str, importing: str, home: str | None
) -> None:
    assert homes(("a.mjs", f"{importing} export function use() {{ return x; }}"), ("b.mjs", exporting)) == home
    passing = ("c.mjs", "export * from './b.mjs'; export { default } from './b.mjs';")
    source = f"{importing.replace('b.mjs', 'c.mjs')} export function use() {{ return x; }}"
    assert homes(("a.mjs", source), ("b.mjs", exporting), passing) == home


def homes(*sources: tuple[str, str]) -> str | None:
    """The home of the name `x` in the function of the first file; it must be in the second one."""
    files = loaded(*sources)
    capture = static_tables(files)["capture"]
    rows = zip(*(capture[name] for name in ("function_id", "name", "home_function_id", "home_name")), strict=True)
    module, home = next((module, home) for function, name, module, home in rows if (function, name) == (1, "x"))
    # All that a module passes on may be anything of it or of those behind it.
    assert module in (None, files[1].function_base, files[-1].function_base)
    return home


def got_from(*sources: tuple[str, str]) -> dict[str, set[str]]:
    """What the table static_held has of each name: functions by name, and names it leads to behind an arrow."""
    tables = static_tables(loaded(*sources))
    function, table = tables["function"], tables["static_held"]
    names = dict(zip(function["function_id"], function["name"], strict=True))
    found: dict[str, set[str]] = {}
    for name, held, other in zip(table["name"], table["function_id"], table["leads_name"], strict=True):
        found.setdefault(name, set()).add(f"→{other}" if held is None else names[held])
    return found


def test_functions_can_be_got_from_classes_literals_and_what_is_assigned_to_them() -> None:
    text = """class Pages { show() {} static all() {} }
        const pages = new Pages(); const other = { go() { function inner() {} } };
        other.late = () => {}; exports.pages = pages;"""
    found = got_from(("a.js", text))
    assert found["Pages"] == {"show", "all"}
    assert found["pages"] == {"→Pages"}
    assert found["other"] == {"go", "late"}
    assert found["exports"] == {"→pages"}
    assert found["@0"] == {"show", "all"}


def test_an_imported_name_that_stands_for_a_function_holds_it() -> None:
    found = got_from(("a.js", "const { run } = require('./b'); [].map(run);"), ("b.js", "exports.run = function run() {};"))
    assert found["run"] == {"run"}
