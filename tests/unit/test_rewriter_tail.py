"""`next()` must come last in a handler that is moved."""

from __future__ import annotations

import pytest

from tests.unit.rewriter_fixture import rewritten


@pytest.mark.parametrize(
    "body",
    [
        "{ next(); }",
        "{ return next(); }",
        "{ work(); next(); return; }",
        "{ if (req.a) { next(); } else { res.end(); } }",
        "{ if (req.a) return next(); res.end(); }",
        "{ if (req.a) { next(); return; } res.end(); }",
        "{ req.a ? next() : res.end(); }",
        "{ req.a && next(); }",
        "{ return void next(); }",
        "next()",
        "{ read(error => { if (error) return next(error); next(); }); after(); }",
        "{ read().then(() => next()).catch(next); }",
        "{ try { work(); } catch (error) { next(error); } }",
        "{ try { work(); } catch (error) { return next(error); } }",
        "{ for (const x of req.a) { if (x) { next(); return; } } res.end(); }",
        "{ switch (req.a) { case 1: next(); break; default: res.end(); } }",
        "{ next(); function later() {} }",
        "{ work(); }",
    ],
)
def test_nothing_comes_behind_it(body: str) -> None:
    assert rewritten(f"use((req, res, next) => {body});\n", "line:1").refused == {}


@pytest.mark.parametrize(
    "body",
    [
        "{ next(); after(); }",
        "{ if (req.a) { next(); } after(); }",
        "{ const done = next(); }",
        "{ use(next()); }",
        "{ next(), after(); }",
        "{ try { next(); } catch (error) { res.end(); } }",
        "{ try { return next(); } catch (error) { res.end(); } }",
        "{ try { work(); } catch (error) { next(error); } finally { after(); } }",
        "{ try { work(); } catch (error) { next(error); } after(); }",
        "{ for (const x of req.a) next(); }",
        "{ read(error => { next(error); after(); }); }",
        "{ switch (req.a) { case 1: next(); default: after(); } }",
        "{ next(); return after(); }",
    ],
)
def test_something_comes_behind_it(body: str) -> None:
    outcome = rewritten(f"use((req, res, next) => {body});\n", "line:1")
    assert outcome.refused == {"line:1": "code-after-next"}
    assert "next()" in outcome.decisions.refusals[0].sentence


def test_awaited_it_may_stand_anywhere() -> None:
    assert rewritten("use(async (req, res, next) => { await next(); after(); });\n", "line:1").refused == {}


def test_behind_an_error_it_is_the_fourth_parameter() -> None:
    text = "use((error, req, res, go) => { go(error); after(); });\n"
    assert rewritten(text, "line:1").refused == {"line:1": "code-after-next"}


def test_other_shapes_are_not_concerned() -> None:
    assert rewritten("use((data, done) => { done(data); after(); });\n", "line:1").refused == {}
