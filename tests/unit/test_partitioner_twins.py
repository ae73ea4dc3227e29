"""Which functions made at start a stage may run by its own twin, and which not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from pipetrace.partitioner.analysis import analyse
from pipetrace.partitioner.build import Options, make_plan
from pipetrace.partitioner.mobility import Mobility
from pipetrace.partitioner.model import Model
from pipetrace.partitioner.plan import Constant
from pipetrace.partitioner.recording import Rupture
from tests.unit.partitioner_fixture import Drawing


def _mobility(draw: Drawing, function: int) -> Mobility:
    return analyse(draw.recording(), Model(), "threads").mobilities[function]


def _page(draw: Drawing) -> tuple[int, int]:
    """A factory, and the handler that it made at start, which captures a store that cannot be sent."""
    setup = draw.function("setup", at_init=False)
    page = draw.function("page", parent=setup, line=20)
    draw.capture(page, "store", scope=setup, kind="param", line=10)
    draw.shape(page, "capture:store", "instance:Store", sendable=False, why="holds a socket")
    draw.http(page)
    for _ in range(4):
        draw.run(page, ms=5)
    return setup, page


def test_what_was_made_at_start_moves_as_a_twin() -> None:
    draw = Drawing()
    _, page = _page(draw)
    mobility = _mobility(draw, page)
    assert (mobility.form, mobility.refusals, mobility.captures) == ("twin", (), ())
    assert [(capture.name, capture.line) for capture in mobility.outside] == [("store", 10)]


def test_what_can_be_sent_is_lifted_as_before() -> None:
    draw = Drawing()
    setup = draw.function("setup", at_init=False)
    page = draw.function("page", parent=setup)
    draw.capture(page, "options", scope=setup, kind="param")
    draw.shape(page, "capture:options", "plain")
    draw.run(page, ms=5)
    mobility = _mobility(draw, page)
    assert (mobility.form, mobility.captures) == ("lift", ("options",))


def test_a_captured_function_is_not_called_back() -> None:
    draw = Drawing()
    setup = draw.function("setup", at_init=False)
    page = draw.function("page", parent=setup)
    draw.capture(page, "transform", scope=setup, kind="param")
    draw.shape(page, "capture:transform", "function")
    draw.run(page, ms=5)
    assert _mobility(draw, page).form == "twin"


def _made_later(draw: Drawing, setup: int, page: int) -> None:
    draw.ruptures[page] = [Rupture(0, 20, "app.get", "start", 3, 1)]


def _made_by_a_handler(draw: Drawing, setup: int, page: int) -> None:
    del draw.ruptures[page]
    other = draw.function("other")
    draw.calls[other] = [setup]
    draw.run(other)


def _assigned(draw: Drawing, setup: int, page: int) -> None:
    swap = draw.function("swap", parent=setup, at_init=False)
    draw.capture(swap, "store", scope=setup, kind="param", writes=True, reassigned=True, line=10)


def _random(draw: Drawing, setup: int, page: int) -> None:
    draw.capture(page, "secret", scope=setup, line=11, nondeterministic=True, init_kind="call")


def _assigned_behind_an_await(draw: Drawing, setup: int, page: int) -> None:
    draw.functions[setup] = dataclasses.replace(draw.functions[setup], is_async=True)
    draw.captures[page] = [dataclasses.replace(one, reassigned=True) for one in draw.captures[page]]


def _holds_state(draw: Drawing, setup: int, page: int) -> None:
    rows = draw.object("rows", line=10, born_init=True)
    for invocation in [draw.run(draw.function(name)) for name in ("add", "remove")]:
        draw.touch(invocation, "rw", rows)


def _beside_state(draw: Drawing, setup: int, page: int) -> None:
    add = draw.function("add", parent=setup)
    draw.capture(add, "store", scope=setup, kind="param", line=10)
    rows = draw.object("rows", line=70, born_init=True)
    for _ in range(2):
        draw.touch(draw.run(add), "rw", rows)


def _helper_assigned(draw: Drawing, setup: int, page: int) -> None:
    count = draw.function("count", parent=setup, kind="declaration", at_init=False)
    draw.capture(page, "count", scope=setup, kind="function", line=12)
    draw.capture(count, "total", scope=setup, kind="let", writes=True, reassigned=True, line=13)


@pytest.mark.parametrize(
    "change",
    [
        _made_later, _made_by_a_handler, _assigned, _random, _assigned_behind_an_await, _holds_state, _beside_state,
        _helper_assigned,
    ],
)  # fmt: skip
def test_it_stays_where_a_twin_could_be_another_one(change: Callable[[Drawing, int, int], None]) -> None:
    draw = Drawing()
    setup, page = _page(draw)
    change(draw, setup, page)
    mobility = _mobility(draw, page)
    assert mobility.form == "lift"
    assert mobility.refusals[0].cause in ("captures-unsendable", "captures-reassigned")


def test_state_that_it_touches_keeps_it() -> None:
    draw = Drawing()
    _, page = _page(draw)
    cache = draw.content("cache")
    for _ in range(2):
        draw.touch(draw.run(page, ms=5), "rw", cache)
    assert [refusal.cause for refusal in _mobility(draw, page).refusals] == ["captures-unsendable"]


def _method(draw: Drawing, *, counts: bool) -> int:
    """An arrow function in a constructor that ran at start; ``counts``: another one there changes its object."""
    make = draw.function("Pages", at_init=False, kind="constructor")
    page = draw.function("page", parent=make, kind="arrow", uses_this=True)
    count = draw.function("count", parent=make, kind="arrow", uses_this=True)
    draw.run(page, ms=5)
    hits = draw.object("hits", line=70, born_init=True)
    for _ in range(2):
        draw.touch(draw.run(count), "rw" if counts else "r", hits)
    return page


def test_the_object_around_an_arrow_function_is_that_of_the_stage() -> None:
    draw = Drawing()
    assert _mobility(draw, _method(draw, counts=False)).form == "twin"


def test_the_object_around_it_keeps_it_where_it_is_state() -> None:
    draw = Drawing()
    assert [refusal.cause for refusal in _mobility(draw, _method(draw, counts=True)).refusals] == ["uses-this"]


def test_the_plan_watches_what_a_twin_captures() -> None:
    draw = Drawing()
    _page(draw)
    plan = make_plan(draw.recording(), Options(machines=2))
    assert [(handler.id, handler.form) for handler in plan.moved] == [("app.js#page", "twin")]
    assert plan.constants == (Constant("app.js:store@10", "store", "app.js", 10, ("app.js#page",)),)


def _followed(draw: Drawing, *, callee: str = "app.use") -> tuple[int, int]:
    """A twin, and the handler that it leads to by a function that it was given."""
    _, page = _page(draw)
    draw.shape(page, "arg2", "function")
    failed = draw.function("failed", line=30)
    draw.ruptures[failed] = [Rupture(0, 30, callee, "start", 1, 1)]
    draw.http(failed, following=True)
    log = draw.content("log")
    for _ in range(2):
        draw.touch(draw.run(failed, parent=draw.run(page, ms=5), nested=True), "rw", log)
    return page, failed


def test_what_it_passes_a_request_on_to_must_run_on_the_entry_stage() -> None:
    draw = Drawing()
    page, failed = _followed(draw)
    mobility = _mobility(draw, page)
    assert (mobility.form, mobility.beyond) == ("twin", (failed,))
    plan = make_plan(draw.recording(), Options(machines=2))
    assert [(source.handler, source.kind, source.stage) for source in plan.sources] == [
        ("app.js#failed", "handler", "entry")
    ]


def test_it_stays_if_it_may_have_led_there_by_what_it_captures() -> None:
    draw = Drawing()
    page, _ = _followed(draw, callee="store.get")
    assert [refusal.cause for refusal in _mobility(draw, page).refusals] == ["captures-unsendable"]


def test_it_stays_if_it_leads_to_what_is_no_middleware() -> None:
    draw = Drawing()
    page, failed = _followed(draw)
    del draw.shapes[failed]
    assert [refusal.cause for refusal in _mobility(draw, page).refusals] == ["captures-unsendable"]
