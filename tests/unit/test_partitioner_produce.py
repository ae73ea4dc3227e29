"""From a trace file to a plan file and to the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipetrace.commands import run_command_line
from pipetrace.partitioner.analysis import analyse
from pipetrace.partitioner.load import load_recording
from pipetrace.partitioner.model import Model
from pipetrace.partitioner.plan import load_plan
from tests.unit.partitioner_fixture import Drawing


def _drawing() -> Drawing:
    draw = Drawing()
    page, login, expire = draw.function("page"), draw.function("login"), draw.function("expire")
    draw.http(page)
    draw.http(login)
    draw.capture(page, "md", line=5)
    sessions, md = draw.content("sessions", line=4), draw.content("md", klass="instance:Lib", line=5)
    for number in range(10):
        begun, logged = draw.run(page, ms=7, sampled=number < 2), draw.run(login, ms=3, sampled=number < 2)
        if number < 2:
            draw.touch(begun, "r", md, line=11, via="opaque")
            draw.touch(logged, "rw", sessions, line=21)
    draw.touch(draw.run(expire, event=("timer", "setInterval")), "w", sessions, line=31)
    return draw


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "traces").mkdir()
    return _drawing().write_trace(tmp_path / "traces" / "shop.duckdb")


def test_a_trace_file_says_the_same_as_the_drawing(trace: Path) -> None:
    drawn = analyse(_drawing().recording(), Model(), "threads")
    read = analyse(load_recording(trace), Model(), "threads")
    assert read.graph.cells == drawn.graph.cells
    assert read.classes == drawn.classes
    assert read.mobilities == drawn.mobilities
    assert read.recording.functions == drawn.recording.functions
    assert read.recording.captures == drawn.recording.captures
    assert read.recording.ruptures == drawn.recording.ruptures


def test_partition_prints_diagnosis_tables_and_the_next_command(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["partition"]) == 0
    out, err = capsys.readouterr()
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[:2] == [
        "4 cores should give 3.0× with `page` (70 % of the handlers' CPU) on 3 event loops of its own; limit:",
        "the entry stage: 30 % of the handlers' CPU is in handlers that share `sessions` (app.js:4).",
    ]
    assert lines[lines.index("Stages") : lines.index("Scaling")] == [
        "Stages",
        "stage   replicas  load of each  owns",
        "entry          1          0.33  `app.js:sessions`",
        "stage1         3          0.26",
        "",
        "Handlers",
        " 70 %  app.js#page  7.0 ms × 10  → stage1 (wrap)",
        "       7.0 ms a call, 70 % of the handlers' CPU, and no state that another chain could miss.",
        " 30 %  app.js#login  3.0 ms × 10  stays on entry",
        "       `login` shares `sessions` (app.js:4) with `expire`, so they stay together.",
        " <1 %  app.js#expire  0.01 ms × 1  stays on entry",
        "       `expire` shares `sessions` (app.js:4) with `login`, so they stay together.",
        "",
        "State",
        "what             class  stage  used by           seen",
        "app.js:sessions  state  entry  login and expire  login:21 writes, expire:31 uses",
        "",
    ]
    assert err == (
        "What moves took only 0.07 s of CPU in this recording, mostly in code that the engine had not compiled yet: costs "
        "and gain are estimated too high. Record some seconds of full load.\n"
        "Wrote plan.json\nNext: pipetrace rewrite -o staged/\n"
    )
    assert load_plan("plan.json").trace.path == str(Path("traces/shop.duckdb").resolve())


def test_partition_never_overwrites_a_plan(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("plan.json").write_text("mine")
    assert run_command_line(["partition", "traces/shop.duckdb"]) == 1
    assert capsys.readouterr().err == (
        "pipetrace: plan.json exists already; choose another name with -o, or overwrite it with --force.\n"
    )
    assert Path("plan.json").read_text() == "mine"
    assert run_command_line(["partition", "--force"]) == 0
    assert load_plan("plan.json").machines == 4


def test_json_goes_to_standard_output_and_is_the_file(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["partition", "--json", "-m", "2", "-o", "two.json"]) == 0
    out = capsys.readouterr().out
    assert out == Path("two.json").read_text(encoding="utf-8")
    assert json.loads(out)["machines"] == 2


def test_a_dash_writes_no_file(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["partition", "-o", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == "pipetrace-plan"
    assert not Path("plan.json").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["partition", "-m", "0"], 2, "A plan needs at least one machine: give --machines a number from 1 on."),
        (["partition", "--move", "all", "--move", "app.js#page"], 2, "--move all stands alone"),
        (["partition", "--move", "app.js#login"], 1, "`app.js#login` cannot move: `login` shares `sessions`"),
        (["partition", "--keep", "app.js#pages"], 1, "No handler that ran has the id `app.js#pages`"),
        (["partition", "traces/none.duckdb"], 1, "There is no trace traces/none.duckdb"),
        (["partition", "-o", "no/such/plan.json"], 1, "no/such/plan.json cannot be written"),
        (
            ["explain", "traces/shop.duckdb", "pagee"],
            1,
            "No handler or location that ran is called `pagee`; the nearest",
        ),
    ],
)
def test_bad_input_is_one_sentence(
    trace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, text: str
) -> None:
    assert run_command_line(arguments) == status
    err = capsys.readouterr().err
    assert err.startswith(f"pipetrace: {text}")
    assert err.count("\n") == 1


def test_explain_shows_the_evidence_for_a_location(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["explain", "traces/shop.duckdb", "sessions"]) == 0
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()][:4] == [
        "app.js:sessions",
        "  `sessions` (app.js:4) is state: it outlives a chain and is written after initialisation.",
        "  After initialisation `login` and `expire` touched it.",
        "  `login` writes it at line 21; `expire` uses it at line 31.",
    ]


def test_explain_shows_what_is_known_of_a_handler(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["explain", "--json", "traces/shop.duckdb", "app.js#login"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["calls"], found["state"]) == ("handler", 10, ["app.js:sessions"])
    assert [refusal["cause"] for refusal in found["refusals"]] == ["shares-state"]
