"""Places that change what moved handlers take for constant: before, after."""

from __future__ import annotations

import pytest

from tests.unit.rewriter_fixture import rewritten

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
        ("n.make(1).level = 2;", "n.make(1).level = 2;"),
        ("[n.a] = x;", "[$pt.changes(n, 'app.js:n').a] = x;"),
        ("n = 1;", "($pt.changes(undefined, 'app.js:n'), n = 1);"),
        ("return n++;", "return ($pt.changes(undefined, 'app.js:n'), n++);"),
        ("return n.get(1) + n.level + n.names.map(f);", "return n.get(1) + n.level + n.names.map(f);"),
        ("x.n = 1; const m = { n: 1 }; m.n = 2;", "x.n = 1; const m = { n: 1 }; m.n = 2;"),
    ],
)
def test_changes_are_told(use: str, after: str) -> None:
    before = f"let n = {{}};\nget(() => n.level);\non(() => {{ {use} }});\n"
    outcome = rewritten(before, "line:2", constants=("app.js:n",))
    assert outcome.body == f"{HEAD} let n = {{}};\nget($pt.handler('line:2', () => n.level));\non(() => {{ {after} }});\n"


def test_what_the_module_itself_does_is_left_alone_and_what_nothing_moved_uses() -> None:
    before = "const n = {};\nn.a = 1;\nconst own = [];\nget(() => n.a);\non(() => { own.push(1); });\n"
    after = rewritten(before, "line:4", constants=("app.js:n",)).body
    assert "changes" not in after


def test_another_name_for_something_is_watched_too() -> None:
    before = "const { n } = require('./state');\nconst m = n.deep;\nget(f);\non(() => { m.a = 1; n.push(2); });\nfunction f() {}\n"
    after = rewritten(before, "f", constants=("other.js:n",)).body
    assert "{ $pt.changes(m, 'app.js:m').a = 1; $pt.changes(n, 'app.js:n', true).push(2); }" in after


def test_without_constants_nothing_is_watched() -> None:
    assert "changes" not in rewritten("let n = {};\nget(() => n);\non(() => { n.a = 1; });\n", "line:2").body
