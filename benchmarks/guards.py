"""What guards cost: CPU a request of staged applications, as they are and without the guards, by turns."""

from __future__ import annotations

import contextlib
import math
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
from pipetrace.runner.measure import Group, measure
from pipetrace.runner.staged import load_staged
from pipetrace.runner.stages import start_staged
from pipetrace.runner.transport import Transport

CASES = (("example", "gain", b""), ("example", "all", b""), ("json-server", "all", b"POST /notes "))
"""Application, what is moved of it, and how requests begin that are left out, since they make data grow."""
CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Cost:
    """One application."""

    name: str
    lines: int
    """That have guards."""
    guarded_ms: float
    bare_ms: float
    """CPU of all threads for a request, with guards and without; medians."""
    percent: float
    """What guards add: the median over pairs of turns."""
    low: float
    high: float
    """Between these the true median lies with 95 % certainty."""


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


def cost(trees: Trees, scratch: Path, rounds: int, duration_s: float, warmup_s: float) -> Cost:
    """Load both by turns."""
    group = [Group("load", trees.requests, CONNECTIONS)]
    with contextlib.ExitStack() as stack:
        guarded = start_staged(load_staged(trees.guarded), Transport("threads"), scratch / "with-guards")
        stack.callback(guarded.stop)
        # An application that is told its port cannot run twice with the same words.
        told, taken = load_staged(trees.bare), guarded.port(None)
        words = [_free_port() if taken and word == str(taken[1]) else word for word in told.arguments]
        bare = start_staged(told, Transport("threads"), scratch / "without", arguments=words)
        stack.callback(bare.stop)
        for running in (guarded, bare):
            measure(running, group, duration_s=warmup_s, warmup_s=0.0)
        pairs = []
        for number in range(rounds):
            found = {}
            for first in (number % 2 == 0, number % 2 == 1):
                figures = measure(guarded if first else bare, group, duration_s=duration_s, warmup_s=0.0)
                found[first] = figures.cpu_ms_per_request or 0.0
            pairs.append((found[True], found[False]))
    percents = sorted(100 * (more / less - 1) for more, less in pairs)
    # Ranks of a binomial distribution: no other is assumed.
    rank = max(0, int(rounds / 2 - 0.98 * math.sqrt(rounds)))
    more, less = (statistics.median(values) for values in zip(*pairs, strict=True))
    return Cost(trees.name, trees.lines, more, less, statistics.median(percents), percents[rank], percents[-1 - rank])


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@click.command()
@click.option("--duration", default=0.8, show_default=True, help="Seconds of each turn.")
@click.option("--warmup", default=6.0, show_default=True, help="Seconds of load before the first turn.")
@click.option("--rounds", default=40, show_default=True)
@click.option("--app", "names", multiple=True, help="Only this application (repeatable).")
@click.option("--anyway", is_flag=True, help="Measure on a machine that is not quiet.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("benchmark-results"), show_default=True)
def main(duration: float, warmup: float, rounds: int, names: tuple[str, ...], anyway: bool, output: Path) -> None:
    """Measure the CPU that guards take."""
    busy = common.check_quiet(anyway)
    costs = []
    for case in CASES:
        if names and case[0] not in names:
            continue
        with tempfile.TemporaryDirectory(prefix="pipetrace-guards-") as folder:
            place = Path(folder).resolve()
            costs.append(cost(stage(case, place), place, rounds, duration, warmup))
        click.echo(f"{costs[-1].name}: {costs[-1].percent:+.1f} %", err=True)
    rows = [
        (cost.name, str(cost.lines), f"{cost.bare_ms:.3f}", f"{cost.guarded_ms:.3f}", f"{cost.percent:+.1f} %",
         f"{cost.low:+.1f} to {cost.high:+.1f} %")
        for cost in costs
    ]  # fmt: skip
    headings = ("application", "lines with guards", "CPU ms a request without", "with", "difference", "95 % interval")
    text = (
        "# What guards cost\n\n"
        f"{rounds} pairs of turns of {duration:g} s, {CONNECTIONS} clients, on threads; CPU is that of all threads. "
        f"Node {common.environment()['node']}, {time.strftime('%Y-%m-%d')}. "
        f"{f'The machine was not quiet: {chr(44).join(busy)}.' if busy else 'Nothing else ran on the machine.'}\n\n"
        f"{common.markdown_table(headings, rows)}\n"
    )
    click.echo(text)
    data = {"benchmark": "guards", "environment": common.environment(), "busy": busy, "rows": rows}
    common.write(output, "guards", text, data)


if __name__ == "__main__":
    try:
        main()
    except PipetraceError as error:
        sys.exit(f"benchmark: {error}")
