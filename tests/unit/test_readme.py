"""The README shows what the command really prints."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from pipetrace.commands import pipetrace

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_help_in_the_readme_is_the_real_one() -> None:
    printed = CliRunner().invoke(pipetrace, ["--help"], prog_name="pipetrace", terminal_width=80).output
    assert f"$ pipetrace --help\n{printed}```" in README.read_text(encoding="utf-8")
    assert "..." not in printed.replace("[ARGS]...", "")
