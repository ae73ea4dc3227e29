"""Real applications through the whole chain: what moves, what stays and why, and whether the answers are equal.

Each application's rows are kept in a file of their own, so that the table can be made from several runs.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _applications
import _common as common

from pipetrace.errors import PipetraceError
from pipetrace.runner.measure import GENERATOR
from pipetrace.runner.node import find_node

ANSWERS = 400
"""Requests of a recording."""
HEAVY_US = 200
"""CPU a call from which a handler is worth a message on threads."""
VERIFY_S = 300


@dataclass
class Row:
    """What came of one application with one choice of what is moved."""

    application: str
    version: str
    choice: str
    handlers: int = 0
    """That ran after initialisation."""
    heavy: int = 0
    """Of these, those above 0.2 ms a call."""
    moved: list[str] = field(default_factory=list)
    kept: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Cause → number of handlers above 0.2 ms that stay for it, and the largest share of CPU among them."""
    lines: int = 0
    """Added and removed lines of the diff."""
    verdict: str = ""
    away: int = 0
    """Calls of moved handlers that ran on stages during the verification."""
    said: str = ""
    """The plan's first sentence."""
    seconds: float = 0.0
    """Of the recording."""


def load_command(started: _applications.Started, folder: Path) -> list[str]:
    """The load of a recording: the application's own, or a generator of its requests, whose settings go to `folder`."""
    if started.load:
        return list(started.load)
    load = common.Load("mixed", started.requests, (), 1.0)
    config = common.load_config(load, connections=2, duration_s=20.0, warmup_s=0.0, answers=ANSWERS, light=False)
    (folder / "load.json").write_text(json.dumps(config), encoding="utf-8")
    return [find_node(), str(GENERATOR), str(folder / "load.json")]


def _plan(row: Row, plan: Path) -> None:
    value = json.loads(plan.read_text(encoding="utf-8"))
    handlers = [handler for handler in value["handlers"] if handler["calls"] > 0]
    row.handlers = len(handlers)
    row.heavy = sum(handler["cpu_us"] >= HEAVY_US for handler in handlers)
    row.moved = [handler["id"] for handler in handlers if handler["decision"] == "moved"]
    row.said = value["diagnosis"]
    causes: dict[str, tuple[int, float]] = {}
    for handler in handlers:
        if handler["decision"] == "kept" and handler["cpu_us"] >= HEAVY_US:
            cause = handler["reason"]["cause"]
            count, share = causes.get(cause, (0, 0.0))
            causes[cause] = (count + 1, max(share, handler["share"]))
    row.kept = dict(sorted(causes.items(), key=lambda entry: -entry[1][1]))


def _changed_lines(staged: Path) -> int:
    diff = (staged / ".pipetrace" / "changes.diff").read_text(encoding="utf-8")
    return sum(line[:1] in "+-" and line[:3] not in ("+++", "---") for line in diff.splitlines())


def _verify(row: Row, staged: Path, cwd: Path) -> None:
    words = [sys.executable, "-m", "pipetrace", "verify", str(staged), "--no-measure", "--json", "-q"]
    try:
        done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, timeout=VERIFY_S)
    except subprocess.TimeoutExpired:
        row.verdict = f"no result within {VERIFY_S} s"
        return
    try:
        verdict: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        row.verdict = f"exit {done.returncode}: {said[-1] if said else 'it printed nothing'}"
        return
    row.verdict = verdict["sentence"].rstrip(".")
    row.away = sum(handler["on_stage"] for handler in verdict["handlers"])
    if verdict["violations"]:
        row.verdict += f"; {len(verdict['violations'])} violations"


def _asked(plan: Path) -> list[str]:
    """Libraries of which the plan says what it would gain if no answer depended on what they keep."""
    asked = json.loads(plan.read_text(encoding="utf-8"))["what_if"]
    return sorted({library for one in asked for library in re.findall(r"--stateless ([^\s`]+)", one["sentence"])})


def _run(application: _applications.Application, choices: tuple[str, ...]) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="pipetrace-app-") as name:
        folder = Path(name)
        cwd = folder / "cwd"
        cwd.mkdir()
        begun = time.monotonic()
        try:
            started = _applications.start(application, cwd)
            trace = folder / f"{application.name}.duckdb"
            load = " ".join(load_command(started, folder))
            begun = time.monotonic()
            common.pipetrace("record", "--capture-requests", "-o", str(trace), "--on-port", load, "--", *started.argv,
                             cwd=started.cwd)  # fmt: skip
        except (PipetraceError, OSError) as error:
            return [Row(application.name, application.version, "", verdict=str(error))]
        recorded = time.monotonic() - begun
        words: dict[str, list[str]] = {choice: [] if choice == "gain" else ["--move", choice] for choice in choices}
        for choice in iter(lambda: next(iter(words), ""), ""):
            move = words.pop(choice)
            row = Row(application.name, application.version, choice, seconds=round(recorded, 1))
            rows.append(row)
            plan, staged = folder / f"{choice}.json", folder / f"staged-{choice}"
            try:
                common.pipetrace("partition", str(trace), "--machines", "2", *move, "-o", str(plan), cwd=folder)
                _plan(row, plan)
                if choice == "gain" and (stateless := _asked(plan)):
                    words["stateless"] = [word for library in stateless for word in ("--stateless", library)]
                common.pipetrace("rewrite", str(plan), "-o", str(staged), cwd=folder)
                row.lines = _changed_lines(staged) if row.moved else 0
                if row.moved:
                    _verify(row, staged, started.cwd)
                else:
                    row.verdict = "nothing is moved"
            except PipetraceError as error:
                row.verdict = str(error)
            click.echo(f"{row.application} ({row.choice}): {row.verdict}", err=True)
    return rows


def _cells(row: Row) -> list[str]:
    causes = [f"{cause} {count} ({share * 100:.0f} %)" for cause, (count, share) in row.kept.items()]
    name = f"{row.application} {row.version}".strip()
    figures = (row.handlers, row.heavy, len(row.moved), row.lines, row.away)
    return [name, row.choice, *map(str, figures), ", ".join(causes) or "–", row.verdict.replace("|", "/")]


def _table(rows: list[Row]) -> str:
    headings = ("application", "move", "handlers", "≥ 0.2 ms", "moved", "lines", "calls on stages",
                "stay above 0.2 ms: cause, number, largest share of CPU", "verify")  # fmt: skip
    lines = [f"| {' | '.join(headings)} |", "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- |"]
    return "\n".join([*lines, *(f"| {' | '.join(_cells(row))} |" for row in rows)])


def _text(rows: list[Row], known: dict[str, Any]) -> str:
    said = "\n".join(f"* **{row.application}**: {row.said}" for row in rows if row.said and row.choice == "gain")
    remarks = [f"* **{app.name}**: {app.note}\n" for app in _applications.APPLICATIONS if app.note]
    return (
        "# Real applications\n\n"
        f"Made by `python benchmarks/applications.py`, from applications as npm has them, unmodified; Node "
        f"{known['node']}, {known['cores']} cores. *gain*: what the partitioner chooses for two cores; *all*: every "
        "handler that may move, whatever it gains; *stateless*: gain, with "
        "the `--stateless` for which the plan says what it would bring. *verify* replays the recorded requests against "
        "the original and "
        "the staged application, one at a time and concurrently, and compares the answers byte by byte. Shares "
        "overlap, since a handler counts with what runs inside it; [plan-format.md](plan-format.md#causes) explains "
        "the causes.\n\n"
        f"{_table(rows)}\n\n## Remarks\n\n{''.join(remarks)}\n## What the tool says\n\n{said}\n"
    )


def _kept_rows(folder: Path) -> list[Row]:
    """Rows of earlier runs and of this one, in the sequence of the applications."""
    found: list[Row] = []
    for application in _applications.APPLICATIONS:
        file = folder / f"{application.name}.json"
        if file.is_file():
            found += [Row(**row) for row in json.loads(file.read_text(encoding="utf-8"))]
    return found


@click.command()
@click.option("--app", "names", multiple=True, help="Only this application (repeatable).")
@click.option("--move", "choices", multiple=True, type=click.Choice(["gain", "all"]), default=("gain", "all"))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("benchmark-results"), show_default=True)
@click.option("--docs", type=click.Path(path_type=Path), help="Also write the table of all rows so far to this file.")
def main(names: tuple[str, ...], choices: tuple[str, ...], output: Path, docs: Path | None) -> None:
    """Record, partition, rewrite and verify real applications."""
    folder = output / "applications"
    folder.mkdir(parents=True, exist_ok=True)
    for application in _applications.APPLICATIONS:
        if not names or application.name in names:
            click.echo(f"== {application.name} {application.version}", err=True)
            rows = _run(application, choices)
            file = folder / f"{application.name}.json"
            file.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    known = common.environment()
    rows = _kept_rows(folder)
    text = _text(rows, known)
    click.echo(text)
    common.write(output, "applications", text, {"environment": known, "rows": [asdict(row) for row in rows]})
    if docs is not None:
        docs.write_text(text, encoding="utf-8")
        click.echo(f"Wrote {docs}", err=True)


if __name__ == "__main__":
    main()
