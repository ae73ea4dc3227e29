"""What holds a handler back by itself, and how it would move if nothing does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from pipetrace.partitioner.analysis import analyse
from pipetrace.partitioner.build import Options, make_plan
from pipetrace.partitioner.mobility import Mobility
from pipetrace.partitioner.model import Model
from tests.unit.partitioner_fixture import Drawing


def _mobility(draw: Drawing, function: int) -> Mobility:
    return analyse(draw.recording(), Model(), "threads").mobilities[function]


def _outer(draw: Drawing) -> int:
    outer = draw.function("outer")
    draw.run(outer)
    return outer


def _generator(draw: Drawing) -> int:
    return draw.function("steps", is_generator=True)


def _getter(draw: Drawing) -> int:
    return draw.function("total", kind="getter")


def _eval(draw: Drawing) -> int:
    return draw.function("render", dynamic_scope=True)


def _this(draw: Drawing) -> int:
    function = draw.function("save", kind="method", uses_this=True)
    draw.shape(function, "this", "instance:Store")
    return function


def _code_after_next(draw: Drawing) -> int:
    return draw.function("log", code_after_next=True)


def _value(draw: Drawing) -> int:
    function = draw.function("format")
    draw.shape(function, "return", "string")
    return function


def _reassigned(draw: Drawing) -> int:
    outer = _outer(draw)
    function = draw.function("done", parent=outer, at_init=False)
    draw.capture(function, "pending", scope=outer, kind="let", writes=True, reassigned=True, line=7)
    return function


def _socket(draw: Drawing) -> int:
    outer = _outer(draw)
    function = draw.function("done", parent=outer, at_init=False)
    draw.capture(function, "client", scope=outer, line=7)
    draw.shape(function, "capture:client", "socket", sendable=False)
    return function


def _weak(draw: Drawing) -> int:
    outer = _outer(draw)
    function = draw.function("done", parent=outer, at_init=False)
    draw.capture(function, "seen", scope=outer, line=7)
    draw.shape(function, "capture:seen", "weak", sendable=False, why="a WeakMap has no contents to send")
    return function


def _local_function(draw: Drawing) -> int:
    outer = _outer(draw)
    function = draw.function("done", parent=outer, at_init=False)
    draw.capture(function, "helper", scope=outer, kind="function", line=7)
    return function


def _stream_argument(draw: Drawing) -> int:
    function = draw.function("pipe")
    draw.shape(function, "arg0", "stream", sendable=False)
    return function


def _comparator(draw: Drawing) -> int:
    function = draw.function("sorted")
    draw.shape(function, "arg0", "function")
    draw.shape(function, "arg1", "array")
    return function


def _listener(draw: Drawing) -> int:
    from pipetrace.partitioner.recording import Rupture

    function = draw.function("onData", parent=_outer(draw), at_init=False)
    draw.ruptures[function] = [Rupture(0, 10, "req.on", "start", 5, 0)]
    return function


@pytest.mark.parametrize(
    ("make", "cause", "sentence"),
    [
        (_generator, "generator", "`steps` is a generator, whose steps the caller drives one by one (app.js:10)."),
        (_getter, "accessor", "`total` is a getter, which the language itself calls and waits for (app.js:10)."),
        (_eval, "dynamic-scope", "`render` uses `eval` or `with`, so what it touches cannot be known (app.js:10)."),
        (_this, "uses-this", "`save` uses `this`, an object that stays on the stage of its caller (app.js:10)."),
        (
            _code_after_next,
            "code-after-next",
            "`log` goes on after it has called `next`, which must have run downstream by then (app.js:10).",
        ),
        (_value, "returns-value", "`format` returns a value (string) that its caller may use at once (app.js:10)."),
        (
            _reassigned,
            "captures-reassigned",
            "`done` captures `pending`, which it assigns itself (app.js:7), so a copy of it would be stale.",
        ),
        (
            _socket,
            "captures-resource",
            "`done` captures `client` (app.js:7), a socket that is bound to its process.",
        ),
        (
            _weak,
            "captures-unsendable",
            "`done` captures `seen` (app.js:7), a weak that cannot be sent: a WeakMap has no contents to send.",
        ),
        (
            _local_function,
            "captures-unsendable",
            "`done` captures `helper` (app.js:7), a function of its surroundings whose result it may use at once.",
        ),
        (
            _stream_argument,
            "argument-unsendable",
            "`pipe` is called with a stream as argument 1 (app.js:10), which cannot be sent.",
        ),
        (
            _comparator,
            "argument-unsendable",
            "`sorted` is called with a function as argument 1 (app.js:10), whose result it may use at once.",
        ),
        (
            _listener,
            "ordered-events",
            "`onData` listens to an object made at run time, whose events must be handled in order (app.js:20).",
        ),
    ],
)
def test_a_refusal_names_cause_and_place(make: Callable[[Drawing], int], cause: str, sentence: str) -> None:
    draw = Drawing()
    function = make(draw)
    draw.run(function)
    mobility = _mobility(draw, function)
    assert not mobility.movable
    assert (mobility.refusals[0].cause, mobility.refusals[0].sentence) == (cause, sentence)
    assert mobility.refusals[0].remedy


def test_a_route_handler_is_wrapped_whatever_it_returns() -> None:
    draw = Drawing()
    page = draw.function("page")
    draw.http(page, following=True)
    draw.shape(page, "return", "http.response")
    draw.run(page)
    mobility = _mobility(draw, page)
    assert (mobility.movable, mobility.form, mobility.returns, mobility.http) == (True, "wrap", "nothing", True)


def test_a_closure_is_lifted_with_its_local_names_in_order() -> None:
    draw = Drawing()
    page = draw.function("page")
    done = draw.function("done", parent=page, at_init=False)
    draw.capture(done, "res", scope=page, kind="param", line=10)
    draw.capture(done, "md", line=3)
    draw.capture(done, "name", scope=page, line=11)
    draw.shape(done, "capture:res", "http.response", sendable=False)
    draw.shape(done, "capture:name", "string", bytes_mean=20.0, values_mean=1.0)
    draw.shape(done, "arg0", "Buffer", bytes_mean=1000.0, values_mean=2.0)
    draw.run(done, parent=draw.run(page))
    mobility = _mobility(draw, done)
    assert (mobility.movable, mobility.form, mobility.captures) == (True, "lift", ("res", "name"))
    assert (mobility.message_bytes, mobility.message_values) == (1020, 3)


def test_an_option_that_only_its_own_function_settles_may_be_captured() -> None:
    #  function make(options) { options = options || {}; return (req, res) => … options … }
    draw = Drawing()
    make = draw.function("make", at_init=False)
    draw.run(make, kind="call", parent=draw.init)
    page = draw.function("page", parent=make)
    draw.capture(page, "options", scope=make, kind="param", reassigned=True)
    draw.run(page)
    assert _mobility(draw, page).movable


def test_a_promise_reaction_may_return_any_value() -> None:
    from pipetrace.partitioner.recording import Rupture

    draw = Drawing()
    page = draw.function("page")
    react = draw.function("react", at_init=False)
    draw.ruptures[react] = [Rupture(0, 10, "load().then", "start", 5, 0)]
    draw.shape(react, "return", "string")
    draw.run(react, parent=draw.run(page))
    mobility = _mobility(draw, react)
    assert (mobility.movable, mobility.returns) == (True, "value")


def test_a_reaction_that_other_functions_call_by_its_name_stays() -> None:
    from pipetrace.partitioner.recording import Rupture

    draw = Drawing()
    page = draw.function("page")
    told = draw.function("told", at_init=False)
    draw.ruptures[told] = [Rupture(0, 10, "load().catch", "start", 5, 0)]
    draw.run(told, parent=draw.run(page))
    draw.calls[page] = [told]
    refusal = next(refusal for refusal in _mobility(draw, told).refusals if refusal.cause == "called-by-name")
    assert "`told` is called by `page` as well" in refusal.sentence


def test_a_callback_that_runs_during_its_call_stays() -> None:
    #  _.each(list, function add(item) { … })
    draw = Drawing()
    page = draw.function("page")
    add = draw.function("add", parent=page, at_init=False)
    draw.run(add, parent=draw.run(page), nested=True)
    assert [refusal.cause for refusal in _mobility(draw, add).refusals] == ["called-synchronously"]


def test_middleware_that_next_calls_may_move_all_the_same() -> None:
    draw = Drawing()
    log, page = draw.function("log"), draw.function("page")
    draw.http(log, following=True)
    draw.http(page)
    draw.run(page, parent=draw.run(log), nested=True)
    assert _mobility(draw, page).movable


def test_what_could_use_a_global_variable_that_changes_stays() -> None:
    draw = Drawing()
    page, show, clean = draw.function("page"), draw.function("show"), draw.function("clean", at_init=False)
    hidden = draw.function("hidden", at_init=False, global_reads=frozenset({"limit"}))
    draw.calls[page] = [hidden]
    draw.functions[clean] = dataclasses.replace(draw.functions[clean], global_writes=frozenset({"limit"}))
    draw.functions[show] = dataclasses.replace(draw.functions[show], global_reads=frozenset({"colour"}))
    draw.run(page, ms=5)
    draw.run(show, ms=5)
    plan = make_plan(draw.recording(), Options(move="all"))
    assert [handler.name for handler in plan.moved] == ["show"]
    (refusal,) = [found for found in plan.refusals if found.handler == "app.js#page"]
    assert (refusal.cause, refusal.sentence) == (
        "uses-global",
        "`page` could use the global variable `limit`, which `clean` may change (app.js:30).",
    )


def test_what_was_never_watched_stays() -> None:
    draw = Drawing()
    seen, unseen = draw.function("seen"), draw.function("unseen")
    for sampled in (True, False):
        draw.run(seen, ms=9, sampled=sampled)
        draw.run(unseen, ms=9, sampled=False)
    assert [refusal.cause for refusal in _mobility(draw, unseen).refusals] == ["not-watched"]
    assert not _mobility(draw, seen).refusals


def _wrapped(draw: Drawing, *, named: bool) -> int:
    """`wrap` calls a function that counts: one that it captures, or one that it names."""
    make = draw.function("make", at_init=False)
    inner = draw.promised("count", parent=make)
    outer = draw.function("wrap", at_init=False)
    wrap = draw.function("", parent=outer)
    draw.http(wrap, following=True)
    draw.capture(wrap, "fn", scope=outer, kind="param")
    draw.shape(wrap, "capture:fn", "function")
    if named:
        draw.calls[wrap] = [inner]
    hits = draw.content("hits")
    for _ in range(3):
        draw.touch(draw.run(inner, ms=8, parent=draw.run(wrap), kind="call"), "rw", hits)
    return wrap


@pytest.mark.parametrize("named", [False, True])
def test_a_unit_takes_no_state_along_that_only_a_function_handed_to_it_uses(named: bool) -> None:
    draw = Drawing()
    wrap = _wrapped(draw, named=named)
    found = [refusal for refusal in _mobility(draw, wrap).refusals if "is handed to it" in refusal.sentence]
    assert [refusal.cause for refusal in found] == ([] if named else ["shares-state"])
