"""Causality that a library's queue has broken, mended by the variables that callbacks capture."""

from __future__ import annotations

from pipetrace.partitioner.classify import classify
from pipetrace.partitioner.graph import build_graph
from pipetrace.partitioner.repair import repair
from tests.unit.partitioner_fixture import Drawing


def _queued() -> tuple[Drawing, int, int]:
    """Two requests; the library runs the callbacks of both from the first one's tick."""
    draw = Drawing()
    page = draw.function("page")
    done = draw.function("done", parent=page, at_init=False)
    first, second = draw.run(page), draw.run(page)
    for begun in (first, second):
        path = draw.variable("path", scope=page, line=2, chain=begun)
        draw.touch(begun, "w", path)
        draw.touch(draw.run(done, parent=first), "r", path)
    return draw, first, second


def test_a_callback_returns_to_the_activation_that_made_it() -> None:
    draw, first, second = _queued()
    before, after = draw.recording().invocations, repair(draw.recording()).invocations
    assert before.chain.tolist() == [draw.init, first, second, first, first]
    assert after.chain.tolist() == [draw.init, first, second, first, second]
    assert after.parent.tolist()[3:] == [first, second]


def test_its_variables_are_no_state() -> None:
    draw, _, _ = _queued()
    recording = repair(draw.recording())
    found = classify(recording, build_graph(recording))
    assert [item.klass for item in found.items.values()] == ["communication"]


def test_what_a_misplaced_callback_caused_goes_with_it() -> None:
    draw, first, second = _queued()
    render = draw.promised("render")
    draw.run(render, parent=5, kind="call")
    assert repair(draw.recording()).invocations.chain.tolist()[5] == second
    assert draw.recording().invocations.chain.tolist()[5] == first


def test_a_recording_in_order_stays_the_same_object() -> None:
    draw = Drawing()
    draw.run(draw.function("page"))
    recording = draw.recording()
    assert repair(recording) is recording
