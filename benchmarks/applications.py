"""Real applications through the whole chain: what moves, what stays and why, and whether the answers are equal."""

from __future__ import annotations

import collections
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _applications
import _common as common

from pipetrace.errors import PipetraceError
from pipetrace.runner.measure import GENERATOR
from pipetrace.runner.node import find_node

ANSWERS = 400
"""Requests of a recording."""


@dataclass
class Row:
    """What came of one application with one choice of what is moved."""

    application: str
    choice: str
    handlers: int = 0
    moved: list[str] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)
    """Cause → number of handlers above 0.2 ms that stay for it."""
    lines: int = 0
    """Added and removed lines of the diff."""
    verdict: str = ""
    said: str = ""
    """The plan's first sentence."""


def _load_command(started: _applications.Started, folder: Path) -> list[str]:
    if started.load:
        return list(started.load)
    load = common.Load("mixed", started.requests, (), 1.0)
    config = common.load_config(load, connections=2, duration_s=20.0, warmup_s=0.0, answers=ANSWERS, light=False)
    (folder / "load.json").write_text(json.dumps(config), encoding="utf-8")
    return [find_node(), str(GENERATOR), str(folder / "load.json")]


def _plan(row: Row, plan: Path) -> None:
    value = json.loads(plan.read_text(encoding="utf-8"))
    row.handlers = len(value["handlers"])
    row.moved = [handler["id"] for handler in value["handlers"] if handler["decision"] == "moved"]
    row.said = value["diagnosis"]
    causes: collections.Counter[str] = collections.Counter()
    for handler in value["handlers"]:
        if handler["decision"] == "kept" and handler["cpu_us"] >= 200:
            causes[handler["reason"]["cause"]] += 1
    row.kept = dict(causes.most_common())


def _changed_lines(staged: Path) -> int:
    diff = (staged / ".pipetrace" / "changes.diff").read_text(encoding="utf-8")
    return sum(line[:1] in "+-" and line[:3] not in ("+++", "---") for line in diff.splitlines())


def _verdict(staged: Path, cwd: Path) -> str:
    words = [sys.executable, "-m", "pipetrace", "verify", str(staged), "--no-measure"]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    said = done.stdout.strip() or done.stderr.strip()
    first = " ".join(said.split("\n\n")[0].split())
    return first if done.returncode == 0 else f"exit {done.returncode}: {first[:400]}"


def _run(application: _applications.Application, choices: tuple[str, ...]) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="pipetrace-app-") as name:
        folder = Path(name)
        cwd = folder / "cwd"
        cwd.mkdir()
        try:
            started = _applications.start(application, cwd)
            trace = folder / f"{application.name}.duckdb"
            load = " ".join(_load_command(started, folder))
            common.pipetrace("record", "--capture-requests", "-o", str(trace), "--on-port", load, "--", *started.argv,
                             cwd=started.cwd)  # fmt: skip
        except (PipetraceError, OSError) as error:
            return [Row(application.name, "", verdict=str(error))]
        for choice in choices:
            row = Row(application.name, choice)
            rows.append(row)
            plan, staged = folder / f"{choice}.json", folder / f"staged-{choice}"
            move = [] if choice == "gain" else ["--move", choice]
            try:
                common.pipetrace("partition", str(trace), "--machines", "2", *move, "-o", str(plan), cwd=folder)
                _plan(row, plan)
                common.pipetrace("rewrite", str(plan), "-o", str(staged), cwd=folder)
                row.lines = _changed_lines(staged) if row.moved else 0
                row.verdict = _verdict(staged, started.cwd) if row.moved else "nothing is moved"
            except PipetraceError as error:
                row.verdict = str(error)
            click.echo(f"{row.application} ({row.choice}): {row.verdict}", err=True)
    return rows


def _table(rows: list[Row]) -> str:
    headings = ("application", "move", "handlers", "moved", "lines changed", "stay above 0.2 ms, by cause", "verify")
    lines = [f"| {' | '.join(headings)} |", "| --- | --- | ---: | ---: | ---: | --- | --- |"]
    for row in rows:
        kept = ", ".join(f"{cause} {count}" for cause, count in row.kept.items()) or "–"
        cells = (row.application, row.choice, row.handlers, len(row.moved), row.lines, kept, row.verdict)
        lines.append("| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines)


@click.command()
@click.option("--app", "names", multiple=True, help="Only this application (repeatable).")
@click.option("--move", "choices", multiple=True, type=click.Choice(["gain", "all"]), default=("gain", "all"))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("benchmark-results"), show_default=True)
def main(names: tuple[str, ...], choices: tuple[str, ...], output: Path) -> None:
    """Record, partition, rewrite and verify real applications."""
    rows: list[Row] = []
    for application in _applications.APPLICATIONS:
        if not names or application.name in names:
            click.echo(f"== {application.name} {application.version}", err=True)
            rows += _run(application, choices)
    known = common.environment()
    head = (
        f"# Real applications\n\nNode {known['node']}, pipetrace {known['pipetrace']}, {time.strftime('%Y-%m-%d')}. "
        "*gain*: what the partitioner chooses for two cores; *all*: every handler that may move.\n"
    )
    said = "\n".join(f"* {row.application} ({row.choice}): {row.said}" for row in rows if row.said)
    text = f"{head}\n{_table(rows)}\n\n{said}\n"
    click.echo(text)
    common.write(output, "applications", text, {"environment": known, "rows": [asdict(row) for row in rows]})


if __name__ == "__main__":
    main()
