"""What guards cost: CPU a request of staged applications, as they are and without the guards, by turns."""

from __future__ import annotations

import contextlib
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
    """Its quartiles."""


def _staged(name: str, choice: str, folder: Path) -> tuple[dict[str, Path], tuple[bytes, ...], int]:
    """Both trees of an application, its requests, and how many lines are guarded."""
    application = next(each for each in _applications.APPLICATIONS if each.name == name)
    cwd = folder / "cwd"
    cwd.mkdir(parents=True)
    started = _applications.start(application, cwd)
    trace = folder / "t.duckdb"
    load = " ".join(applications.load_command(started, folder))
    common.pipetrace("record", "-q", "-o", str(trace), "--on-port", load, "--", *started.argv, cwd=started.cwd)
    plan = folder / "plan.json"
    move = [] if choice == "gain" else ["--move", choice]
    common.pipetrace("partition", str(trace), "--machines", "2", *move, "-o", str(plan), cwd=folder)
    loaded = load_plan(plan)
    source = Path(loaded.trace.app_root)
    trees = {"guarded": folder / "guarded", "bare": folder / "bare"}
    made = rewrite(loaded, source, trees["guarded"])
    rewrite(loaded, source, trees["bare"], guarded=False)
    return trees, started.requests, sum(file.lines_guarded for file in made.files)


def _cost(case: tuple[str, str, bytes], folder: Path, rounds: int, duration_s: float, warmup_s: float) -> Cost:
    name, choice, growing = case
    trees, requests, lines = _staged(name, choice, folder)
    steady = tuple(one for one in requests if not (growing and one.startswith(growing)))
    group = [Group("load", steady, CONNECTIONS)]
    taken: dict[str, list[float]] = {variant: [] for variant in trees}
    with contextlib.ExitStack() as stack:
        running = {}
        for variant, tree in trees.items():
            running[variant] = start_staged(load_staged(tree), Transport("threads"), folder / f"of-{variant}")
            stack.callback(running[variant].stop)
            measure(running[variant], group, duration_s=warmup_s, warmup_s=0.0)
        for number in range(rounds):
            for variant in list(running) if number % 2 == 0 else reversed(running):
                found = measure(running[variant], group, duration_s=duration_s, warmup_s=0.0).cpu_ms_per_request
                taken[variant].append(found or 0.0)
    ratios = [100 * (with_ / without - 1) for with_, without in zip(taken["guarded"], taken["bare"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Cost(
        f"{name} ({choice})", lines, statistics.median(taken["guarded"]), statistics.median(taken["bare"]),
        middle, low, high,
    )  # fmt: skip


@click.command()
@click.option("--duration", default=1.0, show_default=True, help="Seconds of each turn.")
@click.option("--warmup", default=6.0, show_default=True, help="Seconds of load before the first turn.")
@click.option("--rounds", default=20, show_default=True)
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
            costs.append(_cost(case, Path(folder).resolve(), rounds, duration, warmup))
        click.echo(f"{costs[-1].name}: {costs[-1].percent:+.1f} %", err=True)
    rows = [
        (cost.name, str(cost.lines), f"{cost.bare_ms:.3f}", f"{cost.guarded_ms:.3f}", f"{cost.percent:+.1f} %",
         f"{cost.low:+.1f} to {cost.high:+.1f} %")
        for cost in costs
    ]  # fmt: skip
    headings = ("application", "lines with guards", "CPU ms a request without", "with", "difference", "quartiles")
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
