"""`pipetrace report` and `pipetrace export` as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipetrace.__main__ import main
from tests.unit.report_fixture import META, plan, write_trace


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with one trace in traces/."""
    monkeypatch.chdir(tmp_path)
    Path("traces").mkdir()
    write_trace(Path("traces/shop-20260102-030405.duckdb"))
    return tmp_path


def _plan(**changes: str) -> Path:
    document = plan()
    document["trace"] |= changes
    Path("plan.json").write_text(json.dumps(document), encoding="utf-8")
    return Path("plan.json")


def test_without_arguments_the_newest_trace_is_told_and_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 0
    out, err = capsys.readouterr()
    assert "render (lib/render.js:4) takes 75 % of the handlers' CPU" in " ".join(out.split())
    assert err.splitlines() == [
        "Wrote pipetrace-report-shop-20260102-030405.html",
        "Next: pipetrace partition traces/shop-20260102-030405.duckdb",
    ]
    assert "<!doctype html>" in Path("pipetrace-report-shop-20260102-030405.html").read_text(encoding="utf-8")


def test_nothing_is_overwritten_without_force(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.html").write_text("mine")
    assert main(["report", "-f", "html", "-o", "mine.html"]) == 1
    assert capsys.readouterr().err == (
        "pipetrace: mine.html exists; overwrite it with --force or name another file with -o.\n"
    )
    assert Path("mine.html").read_text() == "mine"
    assert main(["report", "-f", "html", "-o", "mine.html", "--force"]) == 0
    assert Path("mine.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_plan_beside_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    _plan()
    assert main(["report", "-f", "terminal"]) == 0
    out, err = capsys.readouterr()
    assert "4 cores would serve 3.1×" in " ".join(out.split())
    assert err == ""


def test_a_plan_of_another_recording_is_left_out_or_refused(capsys: pytest.CaptureFixture[str]) -> None:
    path = _plan(created="2020-01-01T00:00:00Z")
    assert main(["report", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["plan"] is None
    assert err == "plan.json is left out: it was made from another recording.\n"
    assert main(["report", "--json", "--plan", str(path)]) == 1
    assert capsys.readouterr().err.startswith("pipetrace: plan.json was made from another recording; name its trace")


def test_json_and_markdown_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recording"]["app_name"] == META["app_name"]
    assert main(["report", "-f", "md"]) == 0
    assert capsys.readouterr().out.startswith("# shop\n")


def test_a_terminal_report_can_go_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "-f", "terminal", "-o", "report.txt"]) == 0
    assert capsys.readouterr().err == "Wrote report.txt\n"
    assert Path("report.txt").read_text(encoding="utf-8").startswith("shop · node app.js")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "no.duckdb"], "There is no trace no.duckdb"),
        (["report", "not.duckdb"], "not.duckdb is no trace"),
        (["export", "not.duckdb", "-f", "perfetto"], "not.duckdb is no trace"),
        (["report", "--plan", "no.json", "-f", "md"], "There is no plan no.json"),
        (["report", "-f", "html", "-o", "no/x.html"], "no does not exist; create it or name another file with -o"),
    ],
)
def test_errors_are_one_sentence(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("not.duckdb").write_text("no trace")
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert err.startswith(f"pipetrace: {message}")
    assert (out, len(err.splitlines())) == ("", 1)


@pytest.mark.parametrize(("form", "key"), [("perfetto", "traceEvents"), ("speedscope", "profiles")])
def test_an_export_is_written_under_its_name(form: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "-f", form, "--limit", "10"]) == 0
    name = f"pipetrace-shop-20260102-030405.{form}.json"
    assert capsys.readouterr().err.splitlines() == [
        "Only the first 10 of 386 invocations are exported; --limit takes more.",
        f"Wrote {name}",
    ]
    assert key in json.loads(Path(name).read_text(encoding="utf-8"))
    assert main(["export", "-f", form]) == 1
