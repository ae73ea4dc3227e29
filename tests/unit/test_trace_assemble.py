"""Putting a trace together: dense ids, processes and servers, figures over time, captured requests."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipetrace.errors import PipetraceError
from pipetrace.tracer.assemble import Collected, listener_entries, write_tables
from pipetrace.tracer.captured import gather_requests, requests_path
from pipetrace.tracer.cpu_profile import CpuProfile
from pipetrace.tracer.listen import Listener, node_options, read_listeners, wait_for_listener
from pipetrace.tracer.metrics import ProcessSample, sample_table
from pipetrace.tracer.spool import Parts, SpoolTables, read_spool
from pipetrace.tracer.static_tables import LoadedFile, StaticFile
from pipetrace.tracer.trace import TraceWriter, open_trace
from pipetrace.tracer.transform import Problem


def static(functions: int) -> StaticFile:
    rows = tuple({"parent": None if index == 0 else 0, "name": f"f{index}"} for index in range(functions))
    return StaticFile(rows, (), ((0, 1),) if functions > 1 else (), (), ())


def parts(table: dict[str, Any]) -> Parts:
    return Parts(len(next(iter(table.values()), ())), lambda: iter([table] if table else []))


def empty_spool(tmp_path: Path, **tables: dict[str, Any]) -> SpoolTables:
    blank = read_spool(tmp_path / "none")
    return SpoolTables(
        process=tables.get("process", blank.process),
        invocation=parts(tables.get("invocation", {})),
        chain=blank.chain,
        rupture=tables.get("rupture", blank.rupture),
        shape=tables.get("shape", blank.shape),
        location=parts(tables.get("location", {})),
        access=blank.access,
        problem=tables.get("problem", blank.problem),
    )


def test_ids_with_gaps_become_dense_everywhere(tmp_path: Path) -> None:
    files = [
        LoadedFile(4, "b.js", "", "commonjs", 1, "instrumented", "", 100, static(2)),
        LoadedFile(2, "bad.js", "", "commonjs", 1, "left alone", "why", 0, None),
        LoadedFile(0, "a.js", "", "commonjs", 1, "instrumented", "", 7, static(3)),
    ]
    spool = empty_spool(
        tmp_path,
        invocation={"invocation_id": np.arange(3), "function_id": np.array([101, 7, 9], dtype=np.int32)},
        rupture={"function_id": [9], "file_id": [4], "line": [3]},
        location={"location_id": [0, 1], "file_id": [0, None], "scope_function_id": [8, None]},
        problem={"kind": ["eval"], "file_id": [0], "line": [1], "text": ["x"]},
    )
    collected = Collected(
        tmp_path, tmp_path, spool, files, [Problem("parse", 2, 5, "bad.js:5")], CpuProfile(), [], []
    )
    path = tmp_path / "t.duckdb"
    with TraceWriter(path) as writer:
        write_tables(writer, collected)
        writer.commit({})
    with open_trace(path) as trace:
        assert trace.sql("select file_id, path from file order by 1").fetchall() == [
            (0, "b.js"), (1, "bad.js"), (2, "a.js"),
        ]  # fmt: skip
        assert trace.sql('select function_id, file_id, parent_id from "function" order by 1').fetchall() == [
            (0, 0, None), (1, 0, 0), (2, 2, None), (3, 2, 2), (4, 2, 2),
        ]  # fmt: skip
        assert trace.sql("select caller_id, callee_id from static_call order by 1").fetchall() == [(0, 1), (2, 3)]
        assert trace.sql("select function_id from invocation order by invocation_id").fetchall() == [(1,), (2,), (4,)]
        assert trace.sql("select function_id, file_id from rupture").fetchall() == [(4, 0)]
        assert trace.sql("select file_id, scope_function_id from location order by location_id").fetchall() == [
            (2, 3), (None, None),
        ]  # fmt: skip
        assert trace.sql("select kind, file_id from problem order by 1").fetchall() == [("eval", 2), ("parse", 1)]


def test_servers_of_other_processes_are_not_the_applications() -> None:
    listeners = [Listener("http", "::", 80, 0, pid=10), Listener("http", "::", 81, 0, pid=99)]
    assert [entry["port"] for entry in listener_entries(listeners, {(10, 0): 0, (99, 3): 1})] == [80]


def test_a_sample_carries_what_the_process_said_last(tmp_path: Path) -> None:
    said = [
        {"t": 1000.0, "heap": 11, "mean": 1, "max": 2, "gc": 3},
        {"t": 1100.0, "heap": 12, "mean": None, "max": None, "gc": 0},
        {"t": 3000.0, "heap": 13, "mean": 4, "max": 5, "gc": 6},
    ]
    text = "".join(json.dumps(line) + "\n" for line in said)
    (tmp_path / "samples.10.0.jsonl").write_text(text + '{"t": 4')  # the last line was cut off
    samples = [ProcessSample(10, 900_000_000, 5.0, 100), ProcessSample(10, 1_200_000_000, 50.0, 200)]
    table = sample_table(samples, tmp_path, {(10, 0): 0, (11, 0): 1})
    rows = list(zip(*table.values(), strict=True))
    assert rows == [
        (0, 900_000_000, 5.0, 100, None, None, None, None),
        (0, 1_000_000_000, None, None, 11, 1, 2, 3),
        (0, 1_200_000_000, 50.0, 200, 12, None, None, 0),
        (0, 3_000_000_000, None, None, 13, 4, 5, 6),
    ]


def captured(directory: Path, pid: int, *requests: dict[str, Any]) -> None:
    text = "".join(json.dumps(request) + "\n" for request in requests)
    (directory / f"requests.{pid}.jsonl").write_text(text + '{"proto": "http", "cut')


def test_captured_requests_are_sorted_private_and_bounded(tmp_path: Path) -> None:
    trace = tmp_path / "out" / "shop.duckdb"
    trace.parent.mkdir()
    captured(tmp_path, 1, {"url": "/late", "at": 2030.5}, {"url": "/first", "at": 2000.0})
    captured(tmp_path, 2, {"url": "/second", "at": 2010.25})
    found = gather_requests(tmp_path, trace, 10, force=False)
    assert (found.path, found.requests, found.bounded) == (trace.parent / "shop.requests.jsonl", 3, False)
    lines = [json.loads(line) for line in found.path.read_text().splitlines()]
    assert lines == [{"url": "/first", "t_ms": 0.0}, {"url": "/second", "t_ms": 10.25}, {"url": "/late", "t_ms": 30.5}]
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o600
    with pytest.raises(PipetraceError, match="exists already"):
        gather_requests(tmp_path, trace, 10, force=False)
    assert gather_requests(tmp_path, trace, 2, force=True).bounded
    assert len(found.path.read_text().splitlines()) == 2


def test_a_capture_that_left_something_out_says_so(tmp_path: Path) -> None:
    captured(tmp_path, 1, {"url": "/", "at": 1.0}, {"dropped": True})
    assert gather_requests(tmp_path, tmp_path / "t.duckdb", 10, force=False).bounded
    assert requests_path(tmp_path / "t.duckdb").name == "t.requests.jsonl"


class Ended:
    def __init__(self, status: int | None) -> None:
        self.status = status

    def poll(self) -> int | None:
        return self.status


def listening(file: Path, *rows: tuple[str, int, int]) -> None:
    text = ""
    for kind, port, index in rows:
        text += json.dumps(
            {"event": "listening", "kind": kind, "address": "::", "port": port, "index": index, "pid": 1}
        ) + "\n"  # fmt: skip
    file.write_text(text)


def test_servers_are_returned_in_order_of_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "l"
    listening(file, ("http", 81, 1), ("dgram", 80, 0))
    assert [(listener.port, listener.host) for listener in wait_for_listener(file, Ended(None), 5)] == [
        (80, "127.0.0.1"),
        (81, "127.0.0.1"),
    ]
    assert read_listeners(tmp_path / "missing") == []


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(3, "ended with exit status 3 before it listened"), (-9, "ended with signal SIGKILL"), (None, "within 0.2 s")],
)
def test_waiting_ends_with_a_reason(tmp_path: Path, status: int | None, sentence: str) -> None:
    file = tmp_path / "l"
    listening(file, ("dgram", 80, 0))
    with pytest.raises(PipetraceError, match=sentence):
        wait_for_listener(file, Ended(status), 0.2, kind="http")


def test_node_options_quote_any_path() -> None:
    assert node_options("", Path('/a b/"c"\\d.js')) == '--require "/a b/\\"c\\"\\\\d.js"'
    assert node_options("--no-warnings", Path("/x.js")) == '--no-warnings --require "/x.js"'
