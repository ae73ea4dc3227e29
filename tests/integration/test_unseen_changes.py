"""What a path that was never recorded changes of the program's start: a violation on a stage, and seen by all on the entry."""

from __future__ import annotations

import http.client
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipetrace.partitioner.build import Options, make_plan
from pipetrace.partitioner.load import load_recording
from pipetrace.rewriter.rewrite import rewrite
from pipetrace.runner.launch import Running
from pipetrace.runner.staged import load_staged
from pipetrace.runner.stages import read_notes, start_staged
from pipetrace.runner.transport import Transport
from pipetrace.tracer.record import RecordOptions, record

PROGRAM = Path(__file__).parent / "unseen_program"
ACTS = re.findall(r"^  (\w+)\(\) \{.*\},$", (PROGRAM / "app.js").read_text(encoding="utf-8"), re.MULTILINE)
RECORDED = "".join(f"curl -s http://127.0.0.1:$PORT/{path};" for path in ("there/nothing", "here/nothing", "secret/-"))


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The staged program, in which only `there` and `secret` move."""
    folder = tmp_path_factory.mktemp("unseen")
    app = shutil.copytree(PROGRAM, folder / "app")
    (app / "package.json").write_text('{"name": "unseen"}')
    command = ("node", str(app / "app.js"))
    recorded = record(RecordOptions(command=command, output=folder / "t.duckdb", app=app, on_port=f"{{ {RECORDED} }} >/dev/null"))
    wanted = Options(machines=2, move="none", only=("app.js#there", "app.js#secret"))
    made = rewrite(make_plan(load_recording(recorded.path), wanted), app, folder / "staged")
    assert set(made.moved) == set(wanted.only)
    return folder / "staged"


@pytest.fixture
def running(staged: Path, tmp_path: Path) -> Iterator[Running]:
    found = start_staged(load_staged(staged), Transport("threads"), tmp_path, timeout_s=60)
    try:
        yield found
    finally:
        found.stop()


def _get(running: Running, path: str) -> tuple[int, str]:
    server = running.port(None)
    assert server is not None
    connection = http.client.HTTPConnection("127.0.0.1", server[1], timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_change_on_a_stage_is_a_violation_however_it_is_made(running: Running, tmp_path: Path) -> None:
    before = _get(running, "/here/nothing")
    assert before == _get(running, "/there/nothing")
    answers = {name: _get(running, f"/there/{name}") for name in ACTS}
    assert answers.pop("nothing") == before
    assert len(answers) == 30
    assert answers == dict.fromkeys(answers, (500, "PipetraceViolation"))
    assert _get(running, "/here/nothing") == before
    assert {name: here for name, _, here in read_notes(running, tmp_path).calls}["app.js#there"] == 0


@pytest.mark.parametrize("name", ["imported", "hidden", "ofInstance", "alias", "variable", "enclosed", "looped", "borrowed", "chained", "module"])
def test_a_change_on_the_entry_is_seen_by_what_was_moved(running: Running, tmp_path: Path, name: str) -> None:
    before = _get(running, "/there/nothing")
    after = _get(running, f"/here/{name}")
    assert before[1] != after[1]
    assert _get(running, "/there/nothing") == after
    assert {name: away for name, away, _ in read_notes(running, tmp_path).calls}["app.js#there"] == 1


def test_what_the_start_gets_by_chance_is_the_same_on_every_stage(running: Running) -> None:
    assert _get(running, "/secret/-") == (200, "true")
