"""Runs of kernels in reports: with a plan whose units they are, their calls count as one invocation each."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pipetrace.report.build import build_report
from pipetrace.report.queries import Tables
from pipetrace.report.runs import tell_runs
from tests.unit.report_fixture import ON_REQUEST, plan, write_trace

READ, SHRINK, RUN = 20, 21, 22
FUNCTION = (
    "insert into function values (?, 0, 1, 'kernel', ?, ?, 0, 0, 13, 2, 13, false, false, 2, false, false, false, false, "
    "'', '', '', '', '', false, ?, '')"
)
CALL = "insert into invocation values (?, 1, ?, ?, ?, ?, ?, false, '', ?, 1000, 1000000, 1000000, false, false)"


@pytest.fixture
def connection(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """A recording with one request more, which runs `shrink(read())` twice, in two parts of its handler."""
    made = duckdb.connect(str(write_trace(tmp_path / "t.duckdb")))
    made.execute(FUNCTION, [READ, "read()", "key-20", ""])
    made.execute(FUNCTION, [SHRINK, "shrink()", "key-21", ""])
    made.execute(FUNCTION, [RUN, "shrink()", "key-22", f"{READ} {SHRINK}"])
    made.execute("insert into chain values (9000, 1, 'http', 'GET /image', 20000000000)")
    for number, function, parent, kind, first in (
        (9000, ON_REQUEST, None, "handler", None),
        (9001, READ, 9000, "call", None),
        (9002, SHRINK, 9000, "call", None),
        (9003, ON_REQUEST, 9000, "resume", 9000),
        (9004, READ, 9003, "call", None),
        (9005, SHRINK, 9003, "call", None),
    ):
        made.execute(CALL, [number, function, parent, 9000, kind, first, number * 1_000_000])
    return made


def test_calls_of_a_planned_run_are_one_invocation(connection: duckdb.DuckDBPyConnection) -> None:
    tables = Tables(connection, "t")
    tell_runs(tables, {"key-22"})
    asked = "select invocation_id, function_id, first_id, kind from told where chain_id = 9000 order by 1"
    assert tables.rows(asked) == [
        (9000, ON_REQUEST, None, "handler"),
        (9001, RUN, None, "call"),
        (9002, RUN, 9001, "resume"),
        (9003, ON_REQUEST, 9000, "resume"),
        (9004, RUN, None, "call"),
        (9005, RUN, 9004, "resume"),
    ]


def test_a_run_that_is_no_unit_of_the_plan_is_told_call_by_call(connection: duckdb.DuckDBPyConnection) -> None:
    tables = Tables(connection, "t")
    tell_runs(tables, {"key-21"})
    assert tables.rows("select function_id from told where invocation_id in (9001, 9002) order by 1") == [
        (READ,),
        (SHRINK,),
    ]


def test_a_recording_without_the_column_of_runs_can_be_told(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("alter table function drop column members")
    tables = Tables(connection, "t")
    tell_runs(tables, {"key-22"})
    assert tables.rows("select function_id from told where invocation_id = 9001") == [(READ,)]


def test_the_report_shows_the_run_on_its_stage(connection: duckdb.DuckDBPyConnection) -> None:
    document = plan()
    moved = next(handler for handler in document["handlers"] if handler["decision"] == "moved")
    document["handlers"].append(
        {**moved, "id": "app.js#shrink()", "key": "key-22", "name": "shrink()", "stage": "stage1", "share": 0.1}
    )
    report = build_report(Tables(connection, "t"), document, "plan.json", with_source=False)
    (run,) = [handler for handler in report.handlers if handler.key in {"key-20", "key-21", "key-22"}]
    assert (run.id, run.stage, run.calls) == ("app.js#shrink()", "stage1", 2)
    assert run.cpu.mean == pytest.approx(2000)
    image = next(chain for chain in report.chains if chain.event == "GET /image")
    (child,) = image.tree[0].children
    assert (child.handler, child.stage, child.per_chain) == ("app.js#shrink()", "stage1", 2)
