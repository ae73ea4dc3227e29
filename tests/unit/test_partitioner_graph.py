"""Cells and units: what runs inside what, and what it costs."""

from __future__ import annotations

import dataclasses

import numpy as np

from pipetrace.partitioner.graph import build_graph
from pipetrace.partitioner.positions import Positions
from pipetrace.partitioner.recording import NO_IDS, NONE
from tests.unit.partitioner_fixture import Drawing


def _cells(draw: Drawing) -> dict[tuple[str, ...], tuple[float, int]]:
    graph = build_graph(draw.recording())
    names = {number: function.name for number, function in draw.functions.items()}
    return {
        tuple(names[unit] for unit in cell.path): (round(cell.cpu_us), cell.calls) for cell in graph.cells if cell.path
    }


def test_what_an_async_function_does_later_belongs_to_the_same_cell() -> None:
    #  request ─▶ page ──call──▶ render ──await──▶ render (continued)
    draw = Drawing()
    page, render = draw.function("page"), draw.promised("render")
    root = draw.run(page, ms=1)
    call = draw.run(render, ms=2, kind="call", parent=root)
    draw.run(render, ms=3, kind="resume", parent=call, first=call)
    assert _cells(draw) == {("page",): (1000, 1), ("page", "render"): (5000, 1)}


def test_a_unit_costs_what_runs_inside_it_too() -> None:
    draw = Drawing()
    page, render = draw.function("page"), draw.promised("render")
    for _ in range(2):
        root = draw.run(page, ms=1)
        draw.run(render, ms=2, kind="call", parent=root)
        draw.run(render, ms=2, kind="call", parent=root)
    units = build_graph(draw.recording()).units
    assert (units[page].calls, units[page].mean_us) == (2, 5000)
    assert (units[render].calls, units[render].mean_us) == (4, 2000)


def test_a_closure_made_inside_a_unit_runs_inside_it() -> None:
    #  page ─▶ fs.readFile(p, function done() { … })
    draw = Drawing()
    page = draw.function("page")
    done = draw.function("done", parent=page, at_init=False)
    draw.http(page, following=True)
    root = draw.run(page, ms=1)
    draw.run(done, ms=2, parent=root)
    assert _cells(draw) == {("page",): (1000, 1), ("page", "done"): (2000, 1)}


def test_what_next_leads_to_does_not_run_inside_the_middleware() -> None:
    #  log(req, res, next) ──next()──▶ page(req, res), both registered at initialisation
    draw = Drawing()
    log, page = draw.function("log"), draw.function("page")
    draw.http(log, following=True)
    root = draw.run(log, ms=1)
    draw.run(page, ms=2, parent=root, nested=True)
    assert _cells(draw) == {("log",): (1000, 1), ("page",): (2000, 1)}


def test_a_listener_reached_through_the_program_runs_inside_the_unit() -> None:
    #  page(req, res) ──bus.emit('paid')──▶ onPaid: the bus exists on every stage, so the listener runs there
    draw = Drawing()
    page, paid = draw.function("page"), draw.function("onPaid")
    draw.http(page)
    root = draw.run(page, ms=1)
    draw.run(paid, ms=2, parent=root, nested=True)
    assert _cells(draw) == {("page",): (1000, 1), ("page", "onPaid"): (2000, 1)}


def test_recursion_does_not_lengthen_the_path() -> None:
    draw = Drawing()
    walk = draw.promised("walk")
    before = draw.run(walk, ms=1)
    for _ in range(3):
        before = draw.run(walk, ms=1, kind="call", parent=before)
    assert _cells(draw) == {("walk",): (4000, 1)}


def test_costs_are_those_of_the_later_half_where_it_is_cheaper() -> None:
    draw = Drawing()
    page, search = draw.function("page"), draw.function("search")
    draw.run(page, ms=90, sampled=True)
    for number in range(10):
        draw.run(page, ms=8 if number < 5 else 2, sampled=False)
        draw.run(search, ms=1 if number < 5 else 3, sampled=False)
    units = build_graph(draw.recording()).units
    assert (units[page].calls, round(units[page].mean_us)) == (11, 2000), "compiled meanwhile, or its caches are full"
    assert (units[search].calls, round(units[search].mean_us)) == (10, 2000), "dearer with the data that it searches"


def test_costs_come_from_invocations_that_were_not_sampled() -> None:
    draw = Drawing()
    page = draw.function("page")
    draw.run(page, ms=9, sampled=True)
    draw.run(page, ms=9, sampled=True)
    draw.run(page, ms=2, sampled=False)
    draw.run(page, ms=4, sampled=False)
    assert _cells(draw) == {("page",): (12000, 4)}


def test_initialisation_costs_nothing() -> None:
    draw = Drawing()
    load = draw.promised("load")
    draw.run(load, ms=50, kind="call", parent=draw.init)
    graph = build_graph(draw.recording())
    assert (graph.cpu_us, dict(graph.units)) == (0.0, {})


def test_an_invocation_before_its_parent_in_the_file_is_placed_all_the_same() -> None:
    draw = Drawing()
    page, done = draw.function("page"), draw.function("done", parent=1, at_init=False)
    root = draw.run(page, ms=1)
    draw.run(done, ms=1, parent=root)
    rows = draw._rows
    rows[1], rows[2] = rows[2], rows[1]
    rows[1]["id"], rows[2]["id"] = 2, 3
    rows[1]["parent"], rows[1]["chain"], rows[2]["chain"] = 3, 3, 3
    assert _cells(draw) == {("page",): (1000, 1), ("page", "done"): (1000, 1)}


def test_what_runs_outside_of_handlers_is_taken_from_the_recordings_share() -> None:
    draw = Drawing()
    draw.run(draw.function("page"), ms=3)
    recording = draw.recording()
    assert build_graph(recording).outside_us == 0
    told = dataclasses.replace(recording, meta={**recording.meta, "outside_share": 0.25})
    assert build_graph(told).outside_us == 1000


def test_ids_are_found_whether_they_are_dense_or_not() -> None:
    for step in (1, 3, 1000):
        ids = np.arange(5, 5 + 40 * step, step, dtype=np.int64)
        index = Positions(ids)
        assert [index.get(number) for number in ids.tolist()] == list(range(40))
        assert [index.get(number) for number in (-1, 0, 4, 5 + 40 * step)] == [None] * 4
        assert index.get(6) == (1 if step == 1 else None)
        assert index.of(np.array([4, 5, 5 + 39 * step, 6 + 39 * step])).tolist() == [NONE, 0, 39, NONE]
    assert Positions(NO_IDS).get(1) is None
    assert Positions(NO_IDS).of(np.array([1])).tolist() == [NONE]


def test_causes_may_come_after_what_they_caused() -> None:
    #  page ─▶ render ─▶ done, whose ids were given the other way round; and two that name each other as their cause
    draw = Drawing()
    page, render = draw.function("page"), draw.promised("render")
    done, lost = draw.function("done"), draw.promised("lost")
    root = draw.run(page, ms=1)
    last = draw.run(done, ms=1, parent=root)
    call = draw.run(render, ms=1, kind="call", parent=root)
    one, other = (draw.run(lost, ms=1, kind="call", parent=root) for _ in range(2))
    recording = draw.recording()
    parents = recording.invocations.parent.copy()
    parents[[last - 1, one - 1, other - 1]] = call, other, one
    rows = dataclasses.replace(recording.invocations, parent=parents)
    graph = build_graph(dataclasses.replace(recording, invocations=rows))
    paths = [graph.cells[cell].path for cell in graph.cell_of[root - 1 :].tolist()]
    assert paths == [(page,), (page, render, done), (page, render), (lost,), (lost,)]
