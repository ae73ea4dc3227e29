"""The report model of the made-up recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipetrace.report.build import Detail
from pipetrace.report.causal import walk
from pipetrace.report.model import Memory, Message, Report, Touch
from tests.unit.report_fixture import made_up_report


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return made_up_report(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def unplanned(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return made_up_report(tmp_path_factory.mktemp("unplanned"), planned=False)


def test_the_recording_has_its_figures(report: Report) -> None:
    recording = report.recording
    assert (recording.requests, recording.requests_per_s, recording.chains) == (80, 8.0, 81)
    assert (recording.invocations, recording.sampled_invocations) == (385, 22)
    assert recording.init_s == 0.25
    assert recording.command == "node app.js"
    assert (recording.cpu_mean, recording.cpu_peak) == (pytest.approx(0.678), 0.86)
    assert (recording.loop_delay_p50_us, recording.loop_delay_max_us) == (4000, 86_000)
    assert recording.rss_peak == 79_500_000
    assert recording.gc_share == pytest.approx(0.0064)
    assert [(each.name, each.value) for each in recording.overhead] == [
        ("slower while recorded", "at least 1.05×"),
        ("of the handlers' time watched", "41 %"),
        ("written", "773 kB"),
        ("to start up", "100 ms"),
        ("of the CPU was the recorder's", "5.1 %"),
        ("records", "14,866"),
        ("files instrumented anew", "4"),
    ]
    assert (recording.files_instrumented, recording.files_left_alone) == (4, 1)


def test_costs_come_from_calls_whose_memory_was_not_sampled(report: Report) -> None:
    render = report.handlers[0]
    assert (render.name, render.calls, render.cpu.count, render.undisturbed) == ("render", 60, 56, True)
    assert render.cpu.mean == pytest.approx(2381.5)
    assert render.total_us == pytest.approx(60 * 2381.5)
    assert render.cpu.max == 8256
    assert render.threw == 1


def test_a_handler_seen_only_while_sampled_has_costs_too(tmp_path: Path) -> None:
    import duckdb

    from pipetrace.report.build import build_report
    from pipetrace.report.queries import Tables
    from tests.unit.report_fixture import write_trace

    with duckdb.connect(str(write_trace(tmp_path / "t.duckdb"))) as connection:
        connection.execute("update invocation set sampled = true where function_id = 6")
        found = build_report(Tables(connection, "t")).handlers
    login = next(handler for handler in found if handler.name == "verify")
    assert (login.undisturbed, login.cpu.count) == (False, 20)


def test_parts_after_an_await_belong_to_the_call(report: Report) -> None:
    on_request = next(handler for handler in report.handlers if handler.name == "onRequest")
    assert on_request.calls == 80
    assert on_request.cpu.max == 200


def test_shares_add_up_and_the_dearest_comes_first(report: Report) -> None:
    assert sum(handler.share for handler in report.handlers) == pytest.approx(1.0)
    assert [handler.name for handler in report.handlers] == [
        *("render", "verify", "onRequest", "countVisit", "function@12", "flush"),
    ]


def test_the_heavy_handler_has_two_modes(report: Report) -> None:
    cheap, dear = report.handlers[0].modes
    assert (cheap.calls, dear.calls) == (42, 14)
    assert dear.mean_us == pytest.approx(8230)
    assert all(not handler.modes for handler in report.handlers[1:])


def test_the_plan_tells_stage_reason_and_remedy(report: Report) -> None:
    on_request = next(handler for handler in report.handlers if handler.name == "onRequest")
    assert (on_request.stage, on_request.decision, on_request.cause) == ("entry", "kept", "state")
    assert on_request.remedy == "Keep the visits in a store."
    assert (report.handlers[0].stage, report.handlers[0].unit_share) == ("stage1", 0.78)
    unknown = next(handler for handler in report.handlers if handler.name == "function@12")
    assert (unknown.id, unknown.stage, unknown.decision) == ("app.js#function@12", "", "")


def test_messages_are_counted_from_causality(report: Report) -> None:
    assert report.plan is not None
    assert report.plan.messages == (Message("entry", "stage1", 80, (60 * 2100 + 20 * 640) / 80),)


def test_chains_are_grouped_by_event(report: Report) -> None:
    assert [(chain.event, chain.count) for chain in report.chains] == [
        *(("GET /page", 60), ("POST /login", 20), ("setTimeout", 1)),
    ]
    login = report.chains[1]
    assert [(depth, node.name, node.stage) for depth, node in walk(login.tree)] == [
        *((0, "onRequest", "entry"), (1, "countVisit", "entry")),
        *((1, "verify", "stage1"), (2, "function@12", "stage1")),
    ]


def test_trees_take_chains_that_were_not_sampled(report: Report) -> None:
    (on_request,) = report.chains[0].tree
    assert on_request.cpu_us == 200


def test_state_has_owner_evidence_and_touches(report: Report) -> None:
    visits = report.state[0]
    assert (visits.id, visits.owner, visits.chains) == ("app.js:visits", "entry", 4)
    assert visits.evidence[0].writer_line == 9
    assert visits.touches == (
        Touch("lib/stats.js#countVisit", "rw", 9, 4),
        Touch("lib/stats.js#flush", "rw", 21, 1),
    )
    assert report.memory == Memory(state=2, communication=4, init_only=2, resource=1)


def test_without_a_plan_state_is_what_chains_share_and_write(unplanned: Report) -> None:
    assert [(each.id, each.name, each.owner) for each in unplanned.state] == [
        ("app.js:visits", "visits", ""),
        ("lib/stats.js:total", "total", ""),
    ]
    assert unplanned.memory == Memory(state=2, communication=4, init_only=2, resource=1)
    assert unplanned.plan is None


def test_resources_name_who_uses_them(report: Report) -> None:
    (socket,) = report.resources
    assert (socket.kind, socket.objects, socket.handlers) == ("socket", 1, ("app.js#onRequest",))


def test_problems_include_the_files_left_alone(report: Report) -> None:
    assert [(each.kind, each.file) for each in report.problems] == [
        ("init-effect", "lib/stats.js"),
        ("left alone", "lib/old.js"),
    ]


def test_hot_functions_have_counted_calls(report: Report) -> None:
    assert [(each.name, each.calls, each.samples) for each in report.hot] == [
        *(("render", 60, 170), ("verify", 20, 71), ("onRequest", 80, 17)),
    ]
    assert report.hot[0].self_share == pytest.approx(210 / 321)


def test_source_is_shown_only_where_it_is_still_the_same(tmp_path: Path) -> None:
    report = made_up_report(tmp_path)
    render = report.handlers[0]
    assert render.source is not None
    assert render.source.first_line == 4
    assert render.source.text.startswith("async function render(url) {\n  const text")
    changed = tmp_path / "changed"
    changed.mkdir()
    from tests.unit import report_fixture

    root = report_fixture.write_sources(changed / "app")
    path = report_fixture.write_trace(changed / "t.duckdb", app_root=str(root))
    (root / "lib/render.js").write_text("// another version\n", encoding="utf-8")
    import duckdb

    from pipetrace.report.build import build_report
    from pipetrace.report.queries import Tables

    with duckdb.connect(str(path), read_only=True) as connection:
        handlers = build_report(Tables(connection, "t")).handlers
    sources = {handler.name: handler.source for handler in handlers}
    assert sources["render"] is None
    assert sources["onRequest"] is not None


def test_what_is_cut_is_told(tmp_path: Path) -> None:
    report = made_up_report(tmp_path, detail=Detail(handlers=2, state=1, source_bytes=10))
    assert [handler.name for handler in report.handlers] == ["render", "verify"]
    assert report.cuts == (
        "4 of 6 handlers are not shown.",
        "The source of 1 handler is left out to keep this small.",
        "1 of 2 pieces of state are not shown.",
    )


def test_too_many_events_are_merged_by_their_paths(tmp_path: Path) -> None:
    report = made_up_report(tmp_path, detail=Detail(chains=2))
    assert [(chain.kind, chain.event) for chain in report.chains] == [("http", "GET /*"), ("http", "POST /*")]
    assert report.cuts[0].startswith("There are many different events")
    assert report.cuts[1] == "1 of 3 events are not shown."


def test_halving_detail_ends(tmp_path: Path) -> None:
    detail = Detail()
    for _ in range(40):
        detail = detail.less()
    assert detail == detail.less() == Detail(*(1 for _ in Detail.__dataclass_fields__))
