"""Calls that could be cut out of a handler: folded back where light, refused where others could notice the wait."""

from __future__ import annotations

import pytest

from pipetrace.partitioner.analysis import Analysis, analyse
from pipetrace.partitioner.build import Options, make_plan
from pipetrace.partitioner.model import Model
from pipetrace.partitioner.recording import RESUME
from tests.unit.partitioner_fixture import Drawing


class Served:
    """A handler that calls a kernel, and another one that uses the same variables."""

    def __init__(
        self, *, position: str = "free", kernel_ms: float = 5.0, is_async: bool = False, **facts: object
    ) -> None:
        self.draw = Drawing()
        self.show = self.draw.function("show", is_async=is_async)
        self.other = self.draw.function("other")
        self.draw.http(self.show)
        self.draw.http(self.other)
        self.kernel = self.draw.function(
            "md.render()", parent=self.show, at_init=False, kind="kernel", position=position, **facts
        )
        self.draw.shape(self.kernel, "arg0", "string", bytes_mean=200)
        self.draw.shape(self.kernel, "return", "string", bytes_mean=400)
        self.kernel_ms = kernel_ms

    def serve(
        self, times: int = 8, *, before: tuple[int, ...] = (), after: tuple[int, ...] = ()
    ) -> list[tuple[int, int, int]]:
        """Serve requests; the handler touches locations before and after the kernel."""
        draw, calls = self.draw, []
        for _ in range(times):
            first = draw.run(self.show, ms=0.05)
            call = draw.run(self.kernel, ms=self.kernel_ms, parent=first, kind="call")
            rest = draw.run(self.show, ms=0.05, parent=call, kind="resume", first=first)
            for location in before:
                draw.touch(first, "rw", location)
            for location in after:
                draw.touch(rest, "rw", location)
            change = draw.run(self.other, ms=0.05)
            for location in {*before, *after}:
                draw.touch(change, "rw", location)
            calls.append((first, call, rest))
        return calls

    def analyse(self) -> Analysis:
        return analyse(self.draw.recording(), Model(), "threads")

    def causes(self) -> list[str]:
        return [refusal.cause for refusal in self.analyse().mobilities[self.kernel].refusals]


def test_a_light_kernel_is_part_of_its_handler_again() -> None:
    served = Served(kernel_ms=0.02)
    calls = served.serve()
    analysis = served.analyse()
    assert served.kernel not in analysis.graph.units
    assert analysis.graph.units[served.show].mean_us == pytest.approx(120.0)
    rows = analysis.recording.invocations
    at = analysis.graph.index.get(calls[0][1])
    assert (rows.function[at], rows.kind[at], rows.first[at]) == (served.show, RESUME, calls[0][0])


def test_state_before_the_call_only_lets_it_move_alone() -> None:
    served = Served()
    served.serve(before=(served.draw.variable("hits"),))
    plan = make_plan(served.draw.recording(), Options(machines=4))
    decisions = {handler.name: (handler.decision, handler.form, handler.wait) for handler in plan.handlers}
    assert decisions["md.render()"] == ("moved", "kernel", "async")
    assert decisions["show"] == ("kept", None, None)
    assert next(h for h in plan.handlers if h.name == "md.render()").reason.cause == "pure-kernel"


def test_state_before_and_after_the_call_was_one_step() -> None:
    served = Served()
    served.serve(before=(served.draw.variable("hits"),), after=(served.draw.variable("total"),))
    assert served.causes() == ["not-atomic"]
    sentence = served.analyse().mobilities[served.kernel].refusals[0].sentence
    assert sentence == (
        "`hits` and `total` are used before and after `md.render()` in one step, and other chains could change them "
        "if `md.render()` were waited for (app.js:30)."
    )


def test_where_the_text_awaits_the_call_already_it_was_two() -> None:
    served = Served(position="awaited", is_async=True)
    served.serve(before=(served.draw.variable("hits"),), after=(served.draw.variable("total"),))
    assert served.causes() == []
    assert served.analyse().mobilities[served.kernel].wait == "none"


def test_names_that_functions_assign_count_where_only_the_text_shows_them() -> None:
    served = Served(names_before=("hits",), names_after=("total",))
    served.serve()
    assert served.causes() == []
    served.draw.capture(served.other, "hits", kind="let", writes=True, reassigned=True)
    assert served.causes() == []
    served.draw.capture(served.other, "total", kind="let", writes=True, reassigned=True)
    assert served.causes() == ["not-atomic"]


def test_state_that_a_light_call_touches_counts_for_its_side() -> None:
    served = Served()
    draw, hits = served.draw, served.draw.variable("hits")
    get = draw.function("notes.get()", parent=served.show, at_init=False, kind="kernel", position="free")
    for first, _, rest in served.serve(before=(hits,)):
        light = draw.run(get, ms=0.01, parent=rest, kind="call")
        draw.touch(light, "rw", hits)
        draw.run(served.show, ms=0.01, parent=light, kind="resume", first=first)
    assert served.causes() == ["not-atomic"]


def test_what_was_started_before_the_call_could_go_on_in_between() -> None:
    served = Served()
    later = served.draw.function("later", parent=served.show, at_init=False)
    for first, _, _ in served.serve():
        served.draw.run(later, parent=first)
    assert served.causes() == ["starts-before"]


def test_an_async_call_before_that_is_not_awaited_could_go_on_in_between() -> None:
    served = Served(is_async=True)
    load = served.draw.promised("load")
    for first, _, _ in served.serve():
        call = served.draw.run(load, parent=first, kind="call")
        served.draw.run(load, parent=call, kind="resume", first=call)
    assert served.causes() == ["starts-before"]


def test_a_promise_that_nobody_waits_for_yet_could_reject_in_between() -> None:
    served = Served(is_async=True)
    load = served.draw.promised("load")
    for first, _, _ in served.serve():
        served.draw.run(load, parent=first, kind="call")
    assert served.causes() == ["starts-before"]


def test_a_function_handed_out_before_the_call_could_be_called_in_between() -> None:
    served = Served(hands_out=True)
    served.serve()
    assert served.causes() == ["starts-before"]


def test_the_application_itself_does_not_wait_for_its_function() -> None:
    served = Served()
    served.serve()
    served.draw.calls[served.other] = [served.show]
    assert served.causes() == ["caller-goes-on"]
    assert "called by `other`" in served.analyse().mobilities[served.kernel].refusals[0].sentence


def test_a_handler_whose_value_is_used_cannot_wait() -> None:
    served = Served()
    served.draw.shapes[served.show] = {}
    served.draw.shape(served.show, "return", "number")
    served.serve()
    assert served.causes() == ["returns-value"]


def test_a_promise_reaction_may_return_the_call() -> None:
    served = Served(position="returned")
    served.draw.shapes[served.show] = {}
    served.draw.shape(served.show, "return", "string")
    served.draw.ruptures[served.show] = [type(served.draw.ruptures[served.show][0])(0, 1, "p.then", "post", 1, 0)]
    served.serve(before=(served.draw.variable("hits"),))
    assert served.causes() == []
    assert served.analyse().mobilities[served.kernel].wait == "none"


@pytest.mark.parametrize(
    ("slot", "klass", "cause"),
    [
        ("arg0", "function", "argument-unsendable"),
        ("arg0", "http.request", "argument-unsendable"),
        ("return", "function", "result-unsendable"),
        ("return", "promise", "result-unsendable"),
        ("return", "stream", "result-unsendable"),
    ],
)
def test_only_data_goes_in_and_comes_out(slot: str, klass: str, cause: str) -> None:
    served = Served(position="awaited", is_async=True)
    served.draw.shapes[served.kernel][slot] = []
    served.draw.shape(served.kernel, slot, klass)
    served.serve()
    assert served.causes() == [cause]


def test_a_kernel_that_touches_shared_state_stays() -> None:
    served = Served()
    cache = served.draw.content("cache")
    for _, call, _ in served.serve(before=(cache,)):
        served.draw.touch(call, "rw", cache)
    plan = make_plan(served.draw.recording(), Options(machines=4, move="all"))
    kept = next(handler for handler in plan.handlers if handler.name == "md.render()")
    assert (kept.decision, kept.reason.cause) == ("kept", "shares-state")


@pytest.mark.parametrize(("klass", "expected"), [("stream", ["not-atomic"]), ("http.request", ["not-atomic"]), ("http.response", [])])
def test_what_a_stream_at_hand_would_do_next_could_come_in_between(klass: str, expected: list[str]) -> None:
    served = Served()
    served.serve()
    maker = served.draw.function("maker", at_init=False)
    served.draw.capture(served.show, "source", scope=maker)
    served.draw.shape(served.show, "capture:source", klass)
    assert served.causes() == expected
