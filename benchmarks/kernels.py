"""What one call of a kernel costs the entry stage: CPU of its main thread, the same program not staged subtracted.

Records a program that does nothing but call one function, moves that call alone, and runs both forms in turn, for
several sizes of the argument (the result is as large) and numbers of calls under way at a time.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from pipetrace.runner.node import find_node

APP = Path(__file__).resolve().parent / "kernel-app"
SIZES = (100, 2_000, 20_000)
FLIGHTS = (1, 8, 64)


def _pipetrace(*words: str, cwd: Path) -> None:
    subprocess.run([sys.executable, "-m", "pipetrace", *words], cwd=cwd, check=True, stdin=subprocess.DEVNULL)


def _cost(folder: Path, calls: int, flight: int, size: int, *, staged: bool) -> float:
    """Main thread's CPU per call in µs."""
    hook = folder / "staged" / "node_modules" / "@pipetrace" / "runtime" / "register.js"
    program = ["--require", str(hook), str(folder / "staged" / "main.js")] if staged else [str(folder / "main.js")]
    variables = {**os.environ, "WAIT_FOR_STAGE": "1"} if staged else dict(os.environ)
    run = subprocess.run(
        [find_node(), *program, str(calls), str(flight), str(size), "1"],
        cwd=folder, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(run.stdout)


@click.command()
@click.option("--calls", default=20_000, show_default=True, help="Calls of each measurement.")
@click.option("--rounds", default=3, show_default=True, help="Measurements of each, in turn; the median counts.")
def main(calls: int, rounds: int) -> None:
    """Measure the entry stage's CPU per call of a kernel."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "app"
        shutil.copytree(APP, folder)
        _pipetrace("record", "-q", "-o", "t.duckdb", "--", "node", "main.js", "200", "4", "100", "300000", cwd=folder)
        _pipetrace("partition", "t.duckdb", "--machines", "2", "--move", "main.js#work()", cwd=folder)
        _pipetrace("rewrite", "plan.json", "-o", "staged", cwd=folder)
        click.echo("| bytes each way | calls at a time | µs of entry CPU per call |\n| ---: | ---: | ---: |")
        for size in SIZES:
            for flight in FLIGHTS:
                found = [
                    _cost(folder, calls, flight, size, staged=True) - _cost(folder, calls, flight, size, staged=False)
                    for _ in range(rounds)
                ]
                click.echo(f"| {size} | {flight} | {statistics.median(found):.1f} |")


if __name__ == "__main__":
    main()
