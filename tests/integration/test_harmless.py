"""Programs cannot tell that they are recorded: what they print, above all about their errors, is what it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.agent_runs import Runner

PROGRAMS = Path(__file__).parent / "harmless_programs"


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.mark.parametrize(
    ("program", "last"),
    [
        # Stack traces, texts of functions, assertion messages, call sites handed to prepareStackTrace.
        ("stacks.js", "TypeError: boom 1"),
        ("rejected.mjs", "Error: ééé 😀 at"),
        # Thrown while the program starts, in a line with a tab.
        ("start.js", "ReferenceError: undeclared is not defined"),
    ],
)
def test_errors_look_as_without_the_recorder(runner: Runner, program: str, last: str) -> None:
    runner.write(program, (PROGRAMS / program).read_text())
    expected, status = runner.plain(program)
    run = runner.record(program)
    assert (run.stdout, run.status) == (expected, status)
    assert status == 1
    assert last in expected
