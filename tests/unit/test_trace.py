"""The trace file: what is written comes back, nothing is overwritten, what is no trace is refused in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import numpy as np
import pytest

from pipetrace.errors import PipetraceError
from pipetrace.tracer.trace import TraceWriter, latest_trace, open_trace
from pipetrace.tracer.trace_schema import SCHEMA


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "app.duckdb"
    with TraceWriter(path) as writer:
        writer.write("file", {"file_id": [0], "path": ["lib/a.js"]})
        writer.write(
            "function",
            {
                "function_id": [0, 1],
                "file_id": [0, 0],
                "parent_id": [None, 0],
                "name": ["", "serve"],
                "kind": ["module", "declaration"],
                "handler_key": ["k0", "k1"],
                "line": [1, 4],
                "col": [0, 2],
                "end_line": [9, 8],
            },
        )
        writer.write(
            "invocation",
            {
                "invocation_id": np.arange(3),
                "function_id": np.array([1, 1, 0]),
                "parent_id": np.ma.masked_array([0, 1, 0], mask=[True, False, True]),
                "kind": np.array(["handler", "resume", "init"], dtype=object),
                "cpu_ns": [5, 7, 100],
            },
        )
        writer.commit({"app_name": "app", "command": ["node", "app.js"], "complete": True, "duration_s": 1.5})
    return path


def test_rows_come_back_with_their_nulls(trace: Path) -> None:
    with open_trace(trace) as opened:
        assert opened.sql("select parent_id from invocation order by invocation_id").fetchall() == [(None,), (1,), (None,)]
        assert opened.sql("select parent_id, name from \"function\" order by 1 nulls first").fetchall() == [
            (None, ""),
            (0, "serve"),
        ]


def test_the_typed_views_join_what_belongs_together(trace: Path) -> None:
    with open_trace(trace) as opened:
        assert opened.info.command == ("node", "app.js")
        assert (opened.info.complete, opened.info.duration_s, opened.info.exit_code) == (True, 1.5, None)
        assert [(row.name, row.file, row.parent_id, row.line) for row in opened.functions] == [
            ("", "lib/a.js", None, 1),
            ("serve", "lib/a.js", 0, 4),
        ]
        # The part after an await counts for the handler, the evaluation of the module is no handler.
        assert [(row.name, row.invocations, row.cpu_ns) for row in opened.handlers] == [("serve", 1, 12)]


def test_columns_are_masked_where_there_is_nothing(trace: Path) -> None:
    with open_trace(trace) as opened:
        found = opened.columns("select parent_id from invocation order by invocation_id")["parent_id"]
    assert np.ma.getmaskarray(found).tolist() == [True, False, True]


def test_every_table_exists_even_when_empty(trace: Path) -> None:
    with open_trace(trace) as opened:
        for table in SCHEMA:
            assert opened.sql(f'select count(*) >= 0 from "{table}"').fetchall() == [(True,)]


def test_lone_surrogates_of_javascript_strings_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with TraceWriter(path) as writer:
        writer.write("chain", {"chain_id": [1, 2], "event": np.array(["GET /\ud800x", "é"], dtype=object)})
        writer.commit({})
    with open_trace(path) as opened:
        assert opened.sql("select event from chain order by chain_id").fetchall() == [("GET /?x",), ("é",)]


def test_an_existing_file_is_kept(trace: Path) -> None:
    before = trace.read_bytes()
    with pytest.raises(PipetraceError, match=r"exists already; choose another name with -o"):
        TraceWriter(trace)
    assert trace.read_bytes() == before


def test_force_replaces_only_when_the_new_file_is_finished(trace: Path) -> None:
    before = trace.read_bytes()
    with TraceWriter(trace, force=True) as writer:
        writer.write("chain", {"chain_id": [1]})
    assert trace.read_bytes() == before
    assert [path.name for path in trace.parent.iterdir()] == ["app.duckdb"]
    with TraceWriter(trace, force=True) as writer:
        writer.commit({"app_name": "new"})
    with open_trace(trace) as opened:
        assert opened.info.app_name == "new"


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with TraceWriter(path) as writer:
        path.write_text("somebody else's")
        with pytest.raises(PipetraceError, match="appeared while recording"):
            writer.commit({})
    assert path.read_text() == "somebody else's"


def test_rows_that_do_not_fit_are_a_bug(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "a.duckdb") as writer:
        with pytest.raises(ValueError, match="no column colour"):
            writer.write("chain", {"colour": [1]})
        with pytest.raises(ValueError, match="differ in length"):
            writer.write("chain", {"chain_id": [1], "kind": []})


def test_a_place_that_cannot_hold_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PipetraceError, match="cannot be written"):
        TraceWriter(tmp_path / "file" / "a.duckdb")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is no trace"),
        (b"hello, this is a text file", "is no trace"),
        (b"12345678DUCK" + b"\0" * 100, "is cut off"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "x.duckdb"
    path.write_bytes(content)
    with pytest.raises(PipetraceError, match=sentence):
        open_trace(path)


@pytest.mark.parametrize("kept", [1.0, 0.9, 0.5])
def test_a_cut_off_trace_is_refused(trace: Path, tmp_path: Path, kept: float) -> None:
    data = trace.read_bytes()
    path = tmp_path / "cut.duckdb"
    path.write_bytes(data[: int(len(data) * kept)])
    if kept == 1.0:
        open_trace(path).close()
    else:
        with pytest.raises(PipetraceError, match="is cut off"):
            open_trace(path)


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PipetraceError, match="There is no trace"):
        open_trace(tmp_path / "nothing.duckdb")
    with pytest.raises(PipetraceError, match="is not a file"):
        open_trace(tmp_path)


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table users (name text)")
    with pytest.raises(PipetraceError, match="is a DuckDB file, but no trace"):
        open_trace(path)


def test_another_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "future.duckdb"
    with TraceWriter(path) as writer:
        writer.commit({"version": 99, "tool_version": "7.0"})
    with pytest.raises(PipetraceError, match=r"has version 99 .* reads version 1; .* \(7\.0\)"):
        open_trace(path)


def test_the_latest_trace_is_the_one_written_last(tmp_path: Path) -> None:
    with pytest.raises(PipetraceError, match="There is no trace in"):
        latest_trace(tmp_path)
    for name, when in (("b.duckdb", 100), ("a.duckdb", 200)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (when, when))
    assert latest_trace(tmp_path).name == "a.duckdb"
