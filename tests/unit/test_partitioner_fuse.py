"""Kernels of which one is given what another returns: one unit where that cannot travel, or all could move alone."""

from __future__ import annotations

import pytest

from pipetrace.partitioner.analysis import Analysis, analyse
from pipetrace.partitioner.model import Model
from pipetrace.partitioner.recording import CALL, NONE, RESUME
from tests.unit.partitioner_fixture import Drawing


class Piped:
    """A handler with two heavy calls, the second of which is given what the first returns."""

    def __init__(self, *, between: str = "stream", result: str = "Buffer", fed: bool = True) -> None:
        self.draw = draw = Drawing()
        self.show, self.other = draw.function("show"), draw.function("other")
        draw.http(self.show)
        draw.http(self.other)
        facts = {"parent": self.show, "at_init": False, "kind": "kernel", "position": "free"}
        self.read = draw.function("png.read()", **facts)
        self.write = draw.function("png.write()", **facts)
        self.run = draw.function(
            "png.read()..png.write()",
            members=(self.read, self.write) if fed else (),
            inputs=((0, 0), (1, 1)),
            **facts,
        )
        draw.shape(self.read, "arg0", "Buffer", bytes_mean=1000)
        draw.shape(self.read, "return", between)
        draw.shape(self.write, "arg0", between)
        draw.shape(self.write, "arg1", "number", bytes_mean=8)
        draw.shape(self.write, "return", result, bytes_mean=300)

    def serve(self, times: int = 8, *, state: bool = False) -> list[list[int]]:
        draw, found = self.draw, []
        hits = draw.variable("hits") if state else None
        for _ in range(times):
            first = draw.run(self.show, ms=0.05)
            read = draw.run(self.read, ms=5.0, parent=first, kind="call")
            between = draw.run(self.show, ms=0.05, parent=read, kind="resume", first=first)
            write = draw.run(self.write, ms=2.0, parent=between, kind="call")
            rest = draw.run(self.show, ms=0.05, parent=write, kind="resume", first=first)
            if hits is not None:
                draw.touch(write, "rw", hits)
                draw.touch(draw.run(self.other, ms=0.05), "rw", hits)
            found.append([first, read, between, write, rest])
        return found

    def analyse(self) -> Analysis:
        return analyse(self.draw.recording(), Model(), "threads")


def test_what_cannot_travel_stays_inside_one_unit() -> None:
    piped = Piped()
    served = piped.serve()
    analysis = piped.analyse()
    units = analysis.graph.units
    assert {piped.read, piped.write}.isdisjoint(units)
    assert (units[piped.run].calls, units[piped.run].mean_us) == (8, pytest.approx(7000.0))
    rows = analysis.recording.invocations
    _, read, between, write, _ = (analysis.graph.index.get(number) for number in served[0])
    assert [rows.function[at] for at in (read, between, write)] == [piped.run, piped.show, piped.run]
    assert [rows.kind[at] for at in (read, between, write)] == [CALL, RESUME, RESUME]
    assert [rows.first[at] for at in (read, write)] == [NONE, served[0][1]]
    mobility = analysis.mobilities[piped.run]
    assert (mobility.refusals, mobility.form, mobility.wait) == ((), "kernel", "async")
    assert (mobility.arguments, mobility.message_bytes) == (("Buffer", "number"), 1308.0)


def test_calls_that_could_move_alone_are_one_message_together() -> None:
    piped = Piped(between="plain")
    piped.serve()
    analysis = piped.analyse()
    assert piped.run in analysis.graph.units and piped.read not in analysis.graph.units


def test_where_one_of_them_cannot_move_the_others_still_do() -> None:
    piped = Piped(between="plain")
    piped.serve(state=True)
    analysis = piped.analyse()
    assert piped.run not in analysis.graph.units
    assert analysis.mobilities[piped.read].movable


def test_what_comes_out_has_to_be_data() -> None:
    piped = Piped(result="stream")
    piped.serve()
    analysis = piped.analyse()
    assert piped.run not in analysis.graph.units
    assert [refusal.cause for refusal in analysis.mobilities[piped.read].refusals] == ["result-unsendable"]


def test_a_second_first_call_begins_another_call_of_the_run() -> None:
    piped = Piped()
    draw = piped.draw
    for _ in range(4):
        first = draw.run(piped.show, ms=0.05)
        before = first
        for _ in range(2):
            # The second call fails before anything is written.
            call = draw.run(piped.read, ms=3.0, parent=before, kind="call")
            before = draw.run(piped.show, ms=0.05, parent=call, kind="resume", first=first)
    assert piped.analyse().graph.units[piped.run].calls == 8


def _rendering(**home: object) -> tuple[Piped, int]:
    """The first call is given a function that its module knows by name; the second stays away."""
    piped = Piped(between="string", fed=False)
    draw = piped.draw
    run = draw.function(
        "png.read()", parent=piped.show, at_init=False, kind="kernel", position="free", members=(piped.read,),
        inputs=((0, 0),),
    )  # fmt: skip
    draw.shape(piped.read, "arg1", "function")
    draw.capture(run, "App", **home)
    piped.serve()
    return piped, run


def test_a_name_of_the_module_need_not_travel() -> None:
    piped, run = _rendering()
    analysis = piped.analyse()
    assert analysis.mobilities[run].refusals == ()
    assert analysis.mobilities[run].arguments == ("Buffer",)
    assert [capture.name for capture in analysis.recording.captures[run]] == ["App"]


def test_a_name_that_another_module_may_assign_does() -> None:
    piped, run = _rendering(home=(0, "App"))
    piped.draw.capture(0, "App", kind="let", reassigned=True)
    analysis = piped.analyse()
    assert run not in analysis.graph.units
    assert [refusal.cause for refusal in analysis.mobilities[piped.read].refusals] == ["argument-unsendable"]
