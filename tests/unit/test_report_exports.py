"""Exports against the rules of the viewers' formats."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipetrace.errors import PipetraceError
from pipetrace.report import perfetto, speedscope
from pipetrace.report.files import write_file
from pipetrace.report.queries import Tables
from tests.unit.report_fixture import ON_REQUEST, RENDER, write_trace


def _export(path: Path, render: Any, limit: int = 1_000_000) -> dict[str, Any]:
    with duckdb.connect(str(path), read_only=True) as connection:
        document: dict[str, Any] = json.loads("".join(render(Tables(connection, path.name), limit)))
    return document


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """The recording, with a clock that once rounded a child past the end of its parent, and a second process."""
    path = write_trace(tmp_path / "shop.duckdb")
    with duckdb.connect(str(path)) as connection:
        connection.execute("insert into process values (2, 4711, 0, 1, 'worker', 'w.js', 'v20', 0, 9, null)")
        connection.execute(
            f"""insert into invocation values
                (9001, 2, {ON_REQUEST}, null, 9001, 'handler', null, false, '', 3000000000, 5000, 5000, 5000, false,
                 false),
                (9002, 2, {RENDER}, 9001, 9001, 'call', null, false, '', 3000003000, 2001, 2001, 2001, false, false),
                (9003, 2, {RENDER}, 9002, 9001, 'call', null, false, '', 3000003000, 2001, 0, 0, false, false),
                (9004, 2, {RENDER}, 9002, 9001, 'resume', 9002, false, '', 3000005000, 0, 0, 0, false, false)"""
        )
        connection.execute("insert into chain values (9001, 2, 'http', 'GET /worker', 3000000000)")
    return path


def test_slices_of_a_thread_nest(trace: Path) -> None:
    slices: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    for event in _export(trace, perfetto.render)["traceEvents"]:
        if event["ph"] == "X":
            slices[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    assert [len(found) for found in slices.values()] == [386, 4]
    for found in slices.values():
        stack: list[tuple[float, float]] = []
        for start, end in sorted(found, key=lambda one: (one[0], -one[1])):
            while stack and stack[-1][1] <= start:
                stack.pop()
            assert not stack or end <= stack[-1][1]
            stack.append((start, end))


def test_every_arrow_begins_in_a_slice_and_ends_in_one(trace: Path) -> None:
    events = _export(trace, perfetto.render)["traceEvents"]
    slices = [event for event in events if event["ph"] == "X"]
    starts = {event["id"]: event for event in events if event["ph"] == "s"}
    ends = {event["id"]: event for event in events if event["ph"] == "f"}
    assert starts.keys() == ends.keys()
    assert len(starts) == 60 + 60 + 20 + 4 + 1
    for identity, start in starts.items():
        end = ends[identity]
        assert start["ts"] <= end["ts"]
        assert end["bp"] == "e"
        for event in (start, end):
            assert any(
                (one["pid"], one["tid"]) == (event["pid"], event["tid"])
                and one["ts"] <= event["ts"] <= one["ts"] + one["dur"]
                for one in slices
            )


def test_chains_are_spans_and_figures_are_counters(trace: Path) -> None:
    events = _export(trace, perfetto.render)["traceEvents"]
    begun = [(event["cat"], event["id"]) for event in events if event["ph"] == "b"]
    ended = [(event["cat"], event["id"]) for event in events if event["ph"] == "e"]
    assert begun == ended
    assert len(begun) == 83
    counters = {event["name"] for event in events if event["ph"] == "C"}
    assert counters == {"CPU %", "memory (bytes)", "event-loop delay (µs)"}
    assert all(event["ts"] >= 0 for event in events if "ts" in event)
    named = [event["args"]["name"] for event in events if event["ph"] == "M" and event["name"] == "process_name"]
    assert named == ["main node app.js", "worker w.js"]
    assert len({(event["pid"], event["tid"]) for event in events if event["ph"] == "M"}) == 2


def test_a_limit_takes_the_earliest_invocations(trace: Path) -> None:
    events = _export(trace, perfetto.render, limit=5)["traceEvents"]
    assert [event["name"] for event in events if event["ph"] == "X"] == [
        *("function@1", "onRequest", "countVisit", "render", "render"),
    ]


def test_evented_profiles_open_and_close_in_order(trace: Path) -> None:
    document = _export(trace, speedscope.render)
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = document["shared"]["frames"]
    evented = [profile for profile in document["profiles"] if profile["type"] == "evented"]
    assert [profile["name"] for profile in evented] == ["main process 4711", "worker process 4711"]
    for profile in evented:
        at, stack = profile["startValue"], []
        for event in profile["events"]:
            assert at <= event["at"] <= profile["endValue"]
            at = event["at"]
            assert 0 <= event["frame"] < len(frames)
            if event["type"] == "O":
                stack.append(event["frame"])
            else:
                assert stack.pop() == event["frame"]
        assert stack == []


def test_the_sampled_profile_holds_all_cpu_by_causal_stack(trace: Path) -> None:
    document = _export(trace, speedscope.render)
    frames = [frame["name"] for frame in document["shared"]["frames"]]
    (profile,) = [profile for profile in document["profiles"] if profile["type"] == "sampled"]
    assert len(profile["samples"]) == len(profile["weights"])
    assert sum(profile["weights"]) == profile["endValue"]
    named = {tuple(frames[frame] for frame in stack): weight for stack, weight in zip(
        profile["samples"], profile["weights"], strict=True
    )}  # fmt: skip
    assert named["POST /login", "onRequest", "verify", "function@12"] == 20 * 40_000
    assert named["setTimeout", "flush"] == 5 * 60_000


@pytest.mark.parametrize("render", [perfetto.render, speedscope.render])
def test_an_empty_recording_gives_a_valid_file(tmp_path: Path, render: Any) -> None:
    document = _export(write_trace(tmp_path / "empty.duckdb", empty=True), render)
    assert "traceEvents" in document or document["profiles"][0]["events"] == []


def test_files_are_not_overwritten_and_never_left_half(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_file(path, ["a", "b"], force=False)
    with pytest.raises(PipetraceError, match=r"out\.json exists; overwrite it with --force or name another file"):
        write_file(path, ["c"], force=False)
    assert path.read_text() == "ab"

    def broken() -> Any:
        yield "half"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_file(path, broken(), force=True)
    assert path.read_text() == "ab"
    assert [each.name for each in tmp_path.iterdir()] == ["out.json"]


def test_a_name_in_gz_is_compressed_and_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.json.gz", "b.json.gz"):
        write_file(tmp_path / name, ["{}"], force=False)
    assert gzip.decompress((tmp_path / "a.json.gz").read_bytes()) == b"{}"
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(PipetraceError, match="does not exist; create it"):
        write_file(tmp_path / "no" / "out.json", [""], force=False)
