"""A function that a handler hangs on what it was given keeps the handler where it is."""

from __future__ import annotations

import pytest

from tests.unit.rewriter_fixture import rewritten


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ("{ req.can = (role) => role; next(); }", "req.can"),
        ("{ req.log = function () {}; next(); }", "req.log"),
        ("{ res.locals.tools = { tell() {} }; next(); }", "res.locals.tools"),
        ("{ const tell = () => 1; req.tell = tell; next(); }", "req.tell"),
        ("{ function tell() {} req.tell = tell; next(); }", "req.tell"),
        ("{ req.end = res.end.bind(res); next(); }", "req.end"),
        ("{ Object.assign(req, { tell: () => 1 }); next(); }", "req"),
        ("{ Object.defineProperty(req, 'now', { get() { return 1; } }); next(); }", "req"),
        ("{ res.report = res.report || function () {}; next(); }", "res.report"),
        ("{ res.report ??= () => 1; next(); }", "res.report"),
        ("{ req.pick = req.admin ? () => 1 : null; next(); }", "req.pick"),
        ("{ req.a = req.b = () => 1; next(); }", "req.a"),
        ("{ req.all = [() => 1]; next(); }", "req.all"),
        ("{ after(() => { req['x'] = () => 1; }); }", "req['x']"),
    ],
)
def test_it_stays(body: str, where: str) -> None:
    refused = rewritten(f"use((req, res, next) => {body});\n", "line:1").refused
    assert list(refused.values()) == ["hands-function-over"], (where, refused)


@pytest.mark.parametrize(
    "body",
    [
        "{ req.user = { name: 'ann' }; next(); }",
        "{ req.tell = tellAll; next(); }",
        "{ req.onabort = () => stop(); next(); }",
        "{ const own = {}; own.run = () => 1; res.json(own.run()); }",
        "{ req.list = [1].map((n) => n); next(); }",
        "{ res.on('finish', () => done()); next(); }",
    ],
)
def test_it_moves(body: str) -> None:
    source = f"function tellAll() {{}}\nuse((req, res, next) => {body});\n"
    assert rewritten(source, "line:2").refused == {}
