"""What guards cost: CPU a request of staged applications, as they are and without the guards, by turns."""

from __future__ import annotations

import contextlib
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _applications
import _common as common
import applications

from pipetrace.errors import PipetraceError
from pipetrace.partitioner.plan import load_plan
from pipetrace.rewriter.rewrite import rewrite
from pipetrace.runner.launch import Running
from pipetrace.runner.measure import Group, measure
from pipetrace.runner.staged import load_staged
from pipetrace.runner.stages import start_staged
from pipetrace.runner.transport import Transport

CASES = (("example", "gain", b""), ("example", "all", b""), ("json-server", "all", b"POST /notes "))
"""Application, what is moved of it, and how requests begin that are left out, since they make data grow."""
CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Turns:
    """CPU ms of all threads for a request, in the turns of one start: with guards, without, and without once more."""

    guarded: tuple[float, ...]
    bare: tuple[float, ...]
    again: tuple[float, ...]

    def percent(self, variant: str) -> float:
        """What a variant takes more than the one without guards: the median over turns of the same round."""
        pairs = zip(getattr(self, variant), self.bare, strict=True)
        return statistics.median(100 * (more / less - 1) for more, less in pairs)


@dataclass(frozen=True, slots=True)
class Trees:
    """An application staged twice, and its load."""

    name: str
    guarded: Path
    bare: Path
    requests: tuple[bytes, ...]
    lines: int


def stage(case: tuple[str, str, bytes], folder: Path) -> Trees:
    """Record an application and stage it with guards and without."""
    name, choice, growing = case
    application = next(each for each in _applications.APPLICATIONS if each.name == name)
    cwd = folder / "cwd"
    cwd.mkdir(parents=True)
    started = _applications.start(application, cwd)
    trace, plan = folder / "t.duckdb", folder / "plan.json"
    load = " ".join(applications.load_command(started, folder))
    common.pipetrace("record", "-q", "-o", str(trace), "--on-port", load, "--", *started.argv, cwd=started.cwd)
    move = [] if choice == "gain" else ["--move", choice]
    common.pipetrace("partition", str(trace), "--machines", "2", *move, "-o", str(plan), cwd=folder)
    loaded = load_plan(plan)
    source = Path(loaded.trace.app_root)
    made = rewrite(loaded, source, folder / "guarded")
    rewrite(loaded, source, folder / "bare", guarded=False)
    steady = tuple(one for one in started.requests if not (growing and one.startswith(growing)))
    lines = sum(file.lines_guarded for file in made.files)
    return Trees(f"{name} ({choice})", folder / "guarded", folder / "bare", steady, lines)


def turns(trees: Trees, scratch: Path, rounds: int, duration_s: float, warmup_s: float) -> Turns:
    """Start three variants and load them by turns."""
    group = [Group("load", trees.requests, CONNECTIONS)]
    variants: dict[str, Running] = {}
    with contextlib.ExitStack() as stack:
        for name, tree in (("guarded", trees.guarded), ("bare", trees.bare), ("again", trees.bare)):
            staged = load_staged(tree)
            words: list[str] | None = None
            if variants:
                # An application that is told its port cannot run twice with the same words.
                taken = variants["guarded"].port(None)
                words = [_free_port() if taken and word == str(taken[1]) else word for word in staged.arguments]
            variants[name] = start_staged(staged, Transport("threads"), scratch / name, arguments=words)
            stack.callback(variants[name].stop)
            measure(variants[name], group, duration_s=warmup_s, warmup_s=0.0)
        found: dict[str, list[float]] = {name: [] for name in variants}
        for number in range(rounds):
            names = list(variants)
            for name in names[number % 3 :] + names[: number % 3]:
                figures = measure(variants[name], group, duration_s=duration_s, warmup_s=0.0)
                found[name].append(figures.cpu_ms_per_request or 0.0)
    return Turns(*(tuple(found[name]) for name in ("guarded", "bare", "again")))


def row(trees: Trees, starts: list[Turns]) -> tuple[str, ...]:
    """The cells of an application."""
    cells = [trees.name, str(trees.lines), f"{statistics.median(ms for one in starts for ms in one.bare):.2f}"]
    for variant in ("guarded", "again"):
        percents = sorted(one.percent(variant) for one in starts)
        cells.append(f"{statistics.median(percents):+.1f} % ({percents[0]:+.1f} to {percents[-1]:+.1f})")
    return tuple(cells)


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@click.command()
@click.option("--duration", default=0.6, show_default=True, help="Seconds of each turn.")
@click.option("--warmup", default=4.0, show_default=True, help="Seconds of load before the first turn.")
@click.option("--rounds", default=9, show_default=True, help="Turns of each variant after each start.")
@click.option("--starts", default=5, show_default=True)
@click.option("--app", "names", multiple=True, help="Only this application (repeatable).")
@click.option("--anyway", is_flag=True, help="Measure on a machine that is not quiet.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("benchmark-results"), show_default=True)
def main(
    duration: float, warmup: float, rounds: int, starts: int, names: tuple[str, ...], anyway: bool, output: Path
) -> None:
    """Measure the CPU that guards take."""
    busy = common.check_quiet(anyway)
    rows = []
    for case in CASES:
        if names and case[0] not in names:
            continue
        with tempfile.TemporaryDirectory(prefix="pipetrace-guards-") as folder:
            place = Path(folder).resolve()
            trees = stage(case, place)
            found = [turns(trees, place / str(number), rounds, duration, warmup) for number in range(starts)]
        rows.append(row(trees, found))
        click.echo(" ".join(rows[-1]), err=True)
    text = report(rows, f"{starts} starts, {rounds} turns of {duration:g} s after each", busy)
    click.echo(text)
    data = {"benchmark": "guards", "environment": common.environment(), "busy": busy, "rows": rows}
    common.write(output, "guards", text, data)


def report(rows: list[tuple[str, ...]], how: str, busy: list[str]) -> str:
    """The table and how it was made."""
    headings = ("application", "lines with guards", "ms of CPU a request", "guards add", "without guards, once more")
    quiet = f"The machine was not quiet: {', '.join(busy)}." if busy else "Nothing else ran on the machine."
    return (
        "# What guards cost\n\n"
        f"{how}, {CONNECTIONS} clients, on threads; CPU is that of all threads. In parentheses the least and the most "
        "of the starts; the last column compares two processes without guards: so much is chance. "
        f"Node {common.environment()['node']}, {time.strftime('%Y-%m-%d')}. {quiet}\n\n"
        f"{common.markdown_table(headings, rows)}\n"
    )


if __name__ == "__main__":
    try:
        main()
    except PipetraceError as error:
        sys.exit(f"benchmark: {error}")
