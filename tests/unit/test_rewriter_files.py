"""What reaches over the borders of a file: imported variables, paths out of the package, module formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipetrace.rewriter.format import is_es_module
from pipetrace.rewriter.imported import guard_imports
from pipetrace.rewriter.orders import FileOrders, GuardOrder, Orders
from pipetrace.rewriter.outside import may_lead_outside
from tests.unit.rewriter_fixture import rewritten, view_of


def imported(state: str, others: dict[str, str], form: str = "variable") -> list[tuple[str, str, int]]:
    """Return (file, name, line) of the guards that a guard of `n` in lib/state.js brings about elsewhere."""
    views = {path: view_of(text, path=path, is_module=True) for path, text in {"lib/state.js": state, **others}.items()}
    files = {path: FileOrders() for path in views}
    files["lib/state.js"].guards.append(GuardOrder("lib/state.js:n", "n", "lib/state.js", 1, form, ("h",)))
    guard_imports(Orders(files, ()), views)
    return [
        (guard.file, guard.name, guard.line)
        for path, file in files.items()
        if path != "lib/state.js"
        for guard in file.guards
    ]


@pytest.mark.parametrize(
    ("state", "other", "name"),
    [
        ("export let n = 1;", "import { n } from './lib/state.js';", "n"),
        ("export let n = 1;", "import { n as m } from './lib/state.js';", "m"),
        ("export let n = 1;", "import * as all from './lib/state.js';", "all"),
        ("let n = 1; export { n as x };", "import { x } from './lib/state.js';", "x"),
        ("let n = 1; export { n as default };", "import x from './lib/state.js';", "x"),
    ],
)
def test_imports_of_a_guarded_variable_are_guarded(state: str, other: str, name: str) -> None:
    assert imported(state, {"app.js": other}) == [("app.js", name, 1)]


def test_through_another_module() -> None:
    others = {
        "lib/index.js": "export { n as m } from './state.js';\nexport * from './more.js';",
        "lib/more.js": "export * from './state.js';",
        "app.js": "\nimport { m, n } from './lib/index.js';",
    }
    assert sorted(imported("export let n = 1;", others)) == [("app.js", "m", 2), ("app.js", "n", 2)]


@pytest.mark.parametrize(
    "other", ["import { o } from './lib/state.js';", "import { n } from 'state';", "import { n } from './state.js';"]
)
def test_other_imports_are_not(other: str) -> None:
    assert imported("export let n = 1, o = 2;", {"app.js": other}) == []


def test_an_object_is_guarded_wherever_it_goes() -> None:
    assert imported("export const n = new Map();", {"app.js": "import { n } from './lib/state.js';"}, "object") == []


def test_uses_of_an_import() -> None:
    order = GuardOrder("lib/state.js:n", "n", "app.js", 1, "variable", ())
    text = "import { n } from './lib/state.js';\nget(() => n);\n"
    after = rewritten(text, "line:2", is_module=True, guards=(order,)).body
    assert "get($pt.handler('line:2', () => ($pt.touch('lib/state.js:n'), n)));" in after


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.js", "const x = require('../common');\n", "const x = require('/common');\n"),
        ("lib/a.js", "const x = require('../../common/x');\n", "const x = require('/common/x');\n"),
        ("a.js", "require.resolve('../x');\n", "require.resolve('/x');\n"),
        ("a.js", "const x = import('../x.js');\n", "const x = import('/x.js');\n"),
    ],
)
def test_a_path_out_of_the_package_becomes_absolute_always(path: str, before: str, after: str) -> None:
    assert may_lead_outside(before, path)
    assert rewritten(before, path=path).text == after


def test_so_does_that_of_an_import() -> None:
    before = "import x from '../x.js';\nexport * from '../y.js';\n"
    assert rewritten(before, is_module=True).text == "import x from '/x.js';\nexport * from '/y.js';\n"


@pytest.mark.parametrize("text", ["require('./b');\n", "require('../b');\n", "require('b');\n", "log('../../x');\n"])
def test_other_paths_stay(text: str) -> None:
    assert rewritten(text, path="lib/a.js").change is None


@pytest.mark.parametrize(
    ("name", "manifest", "syntax", "expected"),
    [
        ("a.mjs", '{"type": "commonjs"}', False, True),
        ("a.cjs", '{"type": "module"}', True, False),
        ("a.js", '{"type": "module"}', False, True),
        ("a.js", '{"type": "commonjs"}', True, False),
        ("a.js", "{}", False, False),
        ("a.js", "{}", True, True),
        ("a", '{"type": "module"}', False, True),
        ("a.js", "broken", False, False),
        ("a.js", "", False, False),
    ],
)
def test_module_format(tmp_path: Path, name: str, manifest: str, syntax: bool, expected: bool) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    folder = tmp_path / "node_modules" / "pack" / "lib" if not manifest else tmp_path / "pack" / "lib"
    folder.mkdir(parents=True)
    if manifest:
        (folder.parent / "package.json").write_text(manifest)
    assert is_es_module(folder / name, syntax) is expected
