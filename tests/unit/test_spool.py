"""Reading spool files that are written out here byte by byte."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from tests.whole_spool import read_whole

ORIGIN = 1_700_000_000_000.0
"""Time origin of the made-up processes, ms since the epoch."""


def block(kind: int, payload: bytes, count: int) -> bytes:
    padded = payload + b" " * (-len(payload) % 8)
    return struct.pack("<4I", 0x31425450, kind, len(padded), count) + padded


def lines(*rows: dict[str, Any]) -> bytes:
    return block(4, "\n".join(json.dumps(row) for row in rows).encode(), len(rows))


def invocations(*rows: tuple[int, int, int, int, int, int, float, float, float]) -> bytes:
    return block(1, b"".join(struct.pack("<6i3d", *row) for row in rows), len(rows))


def accesses(*rows: tuple[int, int, int, int]) -> bytes:
    return block(2, b"".join(struct.pack("<4i", *row) for row in rows), len(rows))


def chains(*rows: tuple[int, int, int, float]) -> bytes:
    return block(3, b"".join(struct.pack("<3i4xd", *row) for row in rows), len(rows))


def process(pid: int, **more: Any) -> dict[str, Any]:
    row = {"t": "process", "pid": pid, "ppid": 1, "tid": 0, "worker": False, "argv": ["node", "a.js"]}
    return {**row, "node": "v20.0.0", "origin": ORIGIN, "start": 1.0, **more}


def location(number: int, **more: Any) -> dict[str, Any]:
    row = {"t": "l", "id": number, "k": "p", "n": "x", "o": 4, "w": "object #4", "f": 0, "l": 7, "s": -1}
    return {**row, "c": "plain", "bi": True, "bc": 1, "r": "", **more}


def write(directory: Path, name: str, *blocks: bytes) -> None:
    (directory / f"{name}.bin").write_bytes(b"".join(blocks))


def test_empty_directory_gives_empty_tables(tmp_path: Path) -> None:
    tables = read_whole(tmp_path)
    assert len(tables.invocation["invocation_id"]) == 0
    assert tables.process["pid"] == []
    assert tables.init_end_ns is None


def test_invocation_flags_times_and_references(tmp_path: Path) -> None:
    write(
        tmp_path,
        "1.0.a",
        lines(process(1), {"t": "s", "i": 1, "v": "PROMISE"}, {"t": "init", "end": 3.5}),
        invocations((1, 10, 0, 1, 0, 3 | 8, 1.0, 2.5, 2.0), (2, 11, 1, 1, 1, 2 | 4 | 16 | (1 << 8), 5.0, 1.0, 1.0)),
    )
    tables = read_whole(tmp_path)
    rows = tables.invocation
    assert list(rows["kind"]) == ["init", "resume"]
    assert list(rows["nested"]) == [False, True]
    assert list(rows["sampled"]) == [True, False]
    assert list(rows["threw"]) == [False, True]
    assert list(rows["trigger"]) == ["", "PROMISE"]
    assert rows["parent_id"] == [None, 1]
    assert rows["first_id"] == [None, 1]
    assert list(rows["start_ns"]) == [1_700_000_000_001_000_000, 1_700_000_000_005_000_000]
    assert list(rows["wall_ns"]) == [2_500_000, 1_000_000]
    assert list(rows["self_ns"]) == [2_000_000, 1_000_000]
    assert tables.init_end_ns == 1_700_000_000_003_500_000


def test_parent_that_was_never_written_is_null(tmp_path: Path) -> None:
    write(tmp_path, "1.0.a", lines(process(1)), invocations((5, 1, 4, 4, 0, 0, 1.0, 1.0, 1.0)))
    tables = read_whole(tmp_path)
    assert tables.invocation["parent_id"] == [None]
    assert list(tables.chain["chain_id"]) == [4]
    assert list(tables.chain["kind"]) == ["other"]


def test_truncated_last_block_ends_the_file(tmp_path: Path) -> None:
    whole = invocations((1, 1, 0, 1, 0, 0, 1.0, 1.0, 1.0))
    write(tmp_path, "1.0.a", lines(process(1)), whole, invocations((2, 1, 0, 2, 0, 0, 2.0, 1.0, 1.0))[:-9])
    assert list(read_whole(tmp_path).invocation["invocation_id"]) == [1]


def test_ids_of_two_processes_do_not_collide(tmp_path: Path) -> None:
    one = invocations((1, 1, 0, 1, 0, 0, 1.0, 1.0, 1.0), (2, 1, 1, 1, 0, 0, 1.0, 1.0, 1.0))
    write(tmp_path, "1.0.a", lines(process(1), location(1)), one, accesses((2, 1, 1, 5)))
    write(tmp_path, "2.0.a", lines(process(2, ppid=1, start=9.0), location(1)), one, accesses((1, 1, 3 | (1 << 4), 6)))
    tables = read_whole(tmp_path)
    assert list(tables.invocation["invocation_id"]) == [1, 2, 3, 4]
    assert tables.invocation["parent_id"] == [None, 1, None, 3]
    assert list(tables.invocation["process_id"]) == [0, 0, 1, 1]
    assert tables.process["parent_process_id"] == [None, 0]
    assert tables.process["kind"] == ["main", "child"]
    assert tables.location["location_id"] == [1, 2]
    assert tables.location["object_id"] == [4, 8]
    assert list(tables.access["invocation_id"]) == [2, 3]
    assert list(tables.access["location_id"]) == [1, 2]
    assert list(tables.access["mode"]) == ["r", "rw"]
    assert list(tables.access["via"]) == ["direct", "builtin"]


def test_access_to_a_location_that_was_not_written_is_left_out(tmp_path: Path) -> None:
    write(
        tmp_path,
        "1.0.a",
        lines(process(1), location(1)),
        invocations((1, 1, 0, 1, 0, 0, 1.0, 1.0, 1.0)),
        accesses((1, 1, 1, 5), (1, 2, 1, 5)),
    )
    assert list(read_whole(tmp_path).access["location_id"]) == [1]


def test_last_row_of_a_location_counts(tmp_path: Path) -> None:
    write(tmp_path, "1.0.a", lines(process(1), location(1, c="undefined"), location(1, c="Map", r="a.js#m")))
    tables = read_whole(tmp_path)
    assert tables.location["class"] == ["Map"]
    assert tables.location["root_variable"] == ["a.js#m"]


def test_chain_names(tmp_path: Path) -> None:
    write(
        tmp_path,
        "1.0.a",
        lines(process(1), {"t": "s", "i": 1, "v": "http"}, {"t": "s", "i": 2, "v": "GET /x"}),
        chains((1, 1, 2, 2.0)),
        invocations((1, 1, 0, 1, 0, 0, 1.0, 1.0, 1.0)),
    )
    chain = read_whole(tmp_path).chain
    assert (list(chain["kind"]), list(chain["event"])) == (["http"], ["GET /x"])


def test_shapes_of_processes_add_up_and_the_last_count_of_each_holds(tmp_path: Path) -> None:
    shape = {"t": "h", "f": 7, "s": "arg0", "c": "plain", "w": "", "ok": True}
    write(tmp_path, "1.0.a", lines(process(1), {**shape, "n": 1, "b": 10, "v": 1}, {**shape, "n": 3, "b": 30, "v": 2}))
    write(tmp_path, "2.0.a", lines(process(2), {**shape, "n": 1, "b": 50, "v": 6}))
    table = read_whole(tmp_path).shape
    assert (table["function_id"], table["count"], table["sendable"]) == ([7], [4], [True])
    assert (table["bytes_mean"], table["values_mean"]) == ([20.0], [2.0])


def test_rupture_that_init_registers_and_chains_call_is_a_start(tmp_path: Path) -> None:
    rupture = {"t": "r", "file": 0, "l": 3, "x": "app.get", "n": 1, "d": 1, "k": 0}
    write(
        tmp_path,
        "1.0.a",
        lines(process(1), {"t": "s", "i": 1, "v": "init"}),
        lines({**rupture, "f": 7}, {**rupture, "f": 8, "x": "app.listen"}),
        chains((1, 1, 0, 0.5)),
        invocations(
            (1, 5, 0, 1, 0, 3, 1.0, 1.0, 1.0), (2, 8, 1, 1, 0, 0, 1.0, 1.0, 1.0), (3, 7, 0, 3, 0, 0, 1.0, 1.0, 1.0)
        ),
    )
    table = read_whole(tmp_path).rupture
    assert list(zip(table["callee"], table["kind"], strict=True)) == [("app.get", "start"), ("app.listen", "post")]


def test_many_invocations_are_read_at_once(tmp_path: Path) -> None:
    count = 100_000
    rows = np.zeros(count, dtype=[("i", "<i4", 6), ("f", "<f8", 3)])
    rows["i"][:, 0] = np.arange(1, count + 1)
    rows["i"][:, 3] = 1
    write(tmp_path, "1.0.a", lines(process(1)), block(1, rows.tobytes(), count))
    assert len(read_whole(tmp_path).invocation["kind"]) == count


def test_costs_are_corrected_for_what_the_agent_took(tmp_path: Path) -> None:
    nested = 4
    write(
        tmp_path,
        "1.0.a",
        lines(process(7), {"t": "exit", "end": 9.0, "code": 0, "lost": 0, "own": {"outside_ns": 300, "within_ns": 40}}),
        invocations(
            (2, 1, 1, 1, 0, nested, 2.0, 0.001, 0.001),
            (3, 1, 1, 1, 0, 1, 2.1, 0.00002, 0.00002),
            (1, 0, 0, 1, 0, 0, 2.0, 0.2, 0.1),
            (4, 1, 1, 1, 0, 2, 3.0, 0.005, 0.005),
        ),
    )
    invocation = read_whole(tmp_path).invocation
    costs = dict(zip(invocation["invocation_id"], invocation["cpu_ns"], strict=True))
    # Two ran inside of the first, a resumption did not; nothing costs less than nothing.
    assert costs == {1: 100_000 - 40 - 2 * 300, 2: 960, 3: 0, 4: 4960}
    assert invocation["self_ns"] == [1000, 20, 100_000, 5000]


def test_what_was_left_out_is_summed_over_threads(tmp_path: Path) -> None:
    for number in (1, 2):
        left = {"invocations": 10 * number, "chains": number, "cut": 2 * number}
        write(
            tmp_path,
            f"{number}.0.a",
            lines(process(number), {"t": "exit", "end": 9.0, "code": 0, "lost": 0, "left": left}),
        )
    tables = read_whole(tmp_path)
    assert (tables.tables.left_invocations, tables.tables.left_chains, tables.tables.cut_invocations) == (30, 3, 6)


def test_parts_of_any_size_give_the_same_rows(tmp_path: Path) -> None:
    # 700 invocations run inside of one whose own record comes last; chain 600 has none, since it was still open.
    inside = [(number, 7, 1, 1, 0, 4 | (1 << 8), number * 0.01, 0.001, 0.001) for number in range(2, 702)]
    resumed = [(number, 8, number - 1, 600, 701, 2, number * 0.01, 0.5, 0.5) for number in range(702, 750)]
    around = [(1, 9, 0, 1, 0, 0, 0.001, 20.0, 9.0)]
    write(
        tmp_path,
        "1.0.a",
        lines(process(1), {"t": "s", "i": 1, "v": "Timeout"}, *(location(number, c="a") for number in range(1, 40))),
        invocations(*inside[:99]),
        invocations(*inside[99:]),
        accesses(*((number, 1 + number % 60, 1, 3) for number in range(1, 500))),
        lines(*(location(number, c="b") for number in range(20, 30))),
        invocations(*resumed, *around),
        chains((1, 1, 1, 0.001), *((number, 1, 0, 1.0) for number in range(2, 30))),
        lines({"t": "exit", "end": 9.0, "code": 0, "own": {"outside_ns": 300, "within_ns": 40}}),
    )
    write(tmp_path, "2.0.a", lines(process(2, start=9.0), location(1)), invocations(*resumed), accesses((702, 1, 1, 5)))
    one = read_whole(tmp_path, 100_000)
    for part_rows in (7, 64, 701):
        several = read_whole(tmp_path, part_rows)
        assert several.invocation == one.invocation
        assert several.chain == one.chain
        assert several.location == one.location
        assert several.access == one.access
    assert one.invocation["cpu_ns"][748] == 9_000_000 - 40 - 700 * 300
    assert (one.chain["chain_id"][-2:], one.chain["kind"][-2:]) == ([600, 749 + 600], ["other", "other"])
    assert one.location["class"].count("b") == 10
    for table in (one.tables.invocation, one.tables.chain, one.tables.location, one.tables.access):
        assert len(table) == sum(len(next(iter(part.values()))) for part in table)
