"""What libraries do after their callers have returned: it is told to those who use them by name."""

from __future__ import annotations

import dataclasses

import pytest

from pipetrace.partitioner.graph import build_graph
from pipetrace.partitioner.recording import Recording
from pipetrace.tracer.module_links import package_of
from tests.unit.partitioner_fixture import Drawing


def _outside(draw: Drawing, share: float | None, **libraries: float) -> Recording:
    recording = draw.recording()
    return dataclasses.replace(
        recording, meta={**recording.meta, "outside_share": share, "outside_libraries": libraries}
    )


def test_what_a_library_does_later_is_the_work_of_the_function_that_uses_it_by_name() -> None:
    draw = Drawing()
    page, shrink = draw.function("page"), draw.promised("shrink")
    draw.capture(shrink, "minify", library="terser")
    for _ in range(2):
        root = draw.run(page, ms=1)
        draw.run(shrink, ms=1, kind="call", parent=root)
    # 4 ms in handlers are a tenth of all: 40 ms, of which terser takes 30.
    graph = build_graph(_outside(draw, 0.9, terser=0.75))
    assert graph.units[shrink].mean_us == pytest.approx(16_000)
    assert graph.outside_us == pytest.approx(6_000)
    assert graph.libraries == {}


def test_of_functions_in_functions_the_innermost_is_meant() -> None:
    draw = Drawing()
    page = draw.function("page")
    later = draw.function("later", parent=page, at_init=False)
    for function in (page, later):
        draw.capture(function, "less", library="less")
    root = draw.run(page, ms=1)
    draw.run(later, ms=1, parent=root)
    units = build_graph(_outside(draw, 0.5, less=0.5)).units
    assert (units[page].own_us, units[later].own_us) == (pytest.approx(1000), pytest.approx(3000))


def test_what_nobody_uses_by_name_stays_on_the_entry_stage() -> None:
    draw = Drawing()
    draw.run(draw.function("page"), ms=1)
    graph = build_graph(_outside(draw, 0.75, pg=0.5))
    assert (graph.outside_us, graph.libraries) == (pytest.approx(3000), {"pg": pytest.approx(2000)})


def test_handlers_that_the_profile_hardly_met_do_not_blow_up_the_rest() -> None:
    draw = Drawing()
    draw.run(draw.function("page"), ms=1)
    recording = _outside(draw, 0.999)
    told = dataclasses.replace(recording, meta={**recording.meta, "outside_s": 0.02})
    assert build_graph(told).outside_us == pytest.approx(20_000)


def test_a_recording_that_was_too_short_to_tell_gives_nothing_to_anybody() -> None:
    draw = Drawing()
    draw.run(draw.function("page"), ms=1)
    assert build_graph(_outside(draw, None)).outside_us == 0


@pytest.mark.parametrize(
    ("specifier", "package"),
    [("terser", "terser"), ("@a/b/c.js", "@a/b"), ("less/lib", "less"), ("./x", ""), ("node:fs", ""), ("#own", "")],
)
def test_a_specifier_names_a_package(specifier: str, package: str) -> None:
    assert package_of(specifier) == package
