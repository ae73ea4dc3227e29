"""Small parts of starting and measuring that need no process."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pipetrace.errors import PipetraceError, UsageError
from pipetrace.runner.launch import last_words
from pipetrace.runner.measure import Figures, GroupFigures, medians
from pipetrace.runner.nats import check_reachable
from pipetrace.runner.transport import open_transport
from pipetrace.tracer.listen import read_taken


def test_the_error_line_of_a_crash_says_most(tmp_path: Path) -> None:
    errors = tmp_path / "stderr"
    errors.write_text(
        "node:events:497\n      throw er;\n      ^\n\nTypeError: x is not a function\n    at a.js:1:2\n\nNode.js v20\n"
    )
    assert last_words(errors) == "TypeError: x is not a function"
    errors.write_text("Error [ERR_X]: bad\n")
    assert last_words(errors) == "Error [ERR_X]: bad"
    errors.write_text("usage: app FILE\n")
    assert last_words(errors) == "usage: app FILE"
    assert last_words(tmp_path / "none") == ""


def test_the_port_in_use_is_read_from_the_note(tmp_path: Path) -> None:
    note = tmp_path / "listening.jsonl"
    assert read_taken(note) is None
    note.write_text(json.dumps({"event": "taken", "address": "::", "port": 80, "pid": 1, "time": time.time()}) + "\n")
    assert read_taken(note) == "[::]:80"
    assert read_taken(note, within_s=-1) is None


def test_medians_are_taken_figure_by_figure() -> None:
    def one(rate: float, p50: float | None, cpu: float) -> Figures:
        return Figures((("g", GroupFigures(rate, p50, 9.0, 10, 1, (("200", 10),))),), cpu, 1.0, 50.0)

    result = medians([one(1, 5, 0.1), one(3, None, 0.3), one(2, 7, 0.2)])
    group = result.group("g")
    assert (group.per_second, group.p50_ms, group.answers, group.failures) == (2, 6, 30, 3)
    assert group.statuses == (("200", 30),)
    assert result.cpu_ms_per_request == 0.2


def test_a_transport_with_another_name_is_refused() -> None:
    with pytest.raises(UsageError, match="'redis' is not a transport"), open_transport("redis"):
        pass
    with pytest.raises(UsageError, match="is not the address of a broker"):
        check_reachable("nats://")


def test_a_broker_that_is_not_there_is_told_with_the_cure() -> None:
    with pytest.raises(PipetraceError, match=r"no NATS broker can be reached at 127\.0\.0\.1:1 .*nats-server -a"):
        check_reachable("nats://127.0.0.1:1")
