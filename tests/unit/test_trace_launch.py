"""Commands that cannot work are refused in a sentence before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipetrace.errors import PipetraceError, UsageError
from pipetrace.tracer import launch


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app.js").write_text("1")
    (tmp_path / "dir").mkdir()
    (tmp_path / "hook.js").write_text("1")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, version in (("node", "v20.1.0"), ("nodejs", "v18.20.0"), ("server", "")):
        (bin_ / name).write_text(f"#!/bin/sh\necho {version}\n")
        (bin_ / name).chmod(0o755)
    (bin_ / "run.js").write_text("1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{bin_}:/usr/bin:/bin")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["node", "app.js"],
        ["node", "app"],
        ["node", "dir"],
        ["node", "--no-warnings", "-r", "./hook.js", "app.js", "--port", "1"],
        ["node", "--require=./hook.js", "app.js"],
        ["node", "--", "app.js"],
        ["node", "--max-old-space-size=100", "app.js"],
        ["node", "--some-new-option", "value", "app.js"],
        ["node", "--test"],
        ["server", "whatever"],
    ],
)
def test_commands_that_may_work_are_accepted(place: Path, words: list[str]) -> None:
    command = launch.check_command(words)
    assert command.argv == tuple(words)
    assert command.node_version == "v20.1.0"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["node"], "`node` without a script"),
        (["node", "--no-warnings"], "`node` without a script"),
        (["node", "-e", "1"], "runs no script file"),
        (["node", "missing.js"], r"The script missing\.js does not exist"),
        (["node", "-r", "./hook.js", "missing.js"], r"The script missing\.js does not exist"),
        (["nodejs", "app.js"], r"Node\.js v18\.20\.0 is too old; install Node\.js 20"),
        (["nothing-of-that-name"], "was not found; check its name"),
        (["./app.js"], r"is not executable; start it with: node \./app\.js"),
        (["./bin/node", "app.cjs"], "does not exist"),
    ],
)
def test_commands_that_cannot_work_are_refused(place: Path, words: list[str], sentence: str) -> None:
    with pytest.raises(PipetraceError, match=sentence):
        launch.check_command(words)


def test_no_command_is_a_matter_of_usage(place: Path) -> None:
    with pytest.raises(UsageError, match="no command to record"):
        launch.check_command([])


def test_a_missing_node_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("node", "nodejs"):
        (place / "bin" / name).unlink()
    monkeypatch.setenv("PATH", str(place / "bin"))
    with pytest.raises(PipetraceError, match=r"node was not found; install Node\.js 20 or newer"):
        launch.check_command(["node", "app.js"])
    with pytest.raises(PipetraceError, match="node was not found, which server needs"):
        launch.check_command(["server"])


def test_the_environment_of_a_recording_inside_a_recording_is_its_own(tmp_path: Path) -> None:
    base = {"PIPETRACE_DIR": "/old", "NODE_OPTIONS": "--no-warnings", "HOME": "/h"}
    env = launch.environment(base, tmp_path, tmp_path / "listening")
    assert "PIPETRACE_DIR" not in env
    assert env["HOME"] == "/h"
    assert env["PIPETRACE_RUN"] == str(tmp_path)
    assert env["NODE_OPTIONS"].startswith("--no-warnings --require ")
