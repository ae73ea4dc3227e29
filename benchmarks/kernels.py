"""What one call of a kernel costs: CPU of the entry's main thread and of the process, beyond the program as it was.

Records a program that does nothing but call one function, moves that call alone, and runs both forms in turn, for
several kinds and sizes of the argument (the result is as large) and numbers of calls under way at a time.
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
SIZES = {"text": (100, 2_000, 20_000, 200_000), "bytes": (2_000, 200_000), "records": (10, 100, 1_000)}
"""By kind of data: characters, bytes, or records of three values."""
UNITS = {"text": "characters", "bytes": "bytes", "records": "records"}
FLIGHTS = (1, 8, 64)
ENOUGH = 2_000
"""Calls with the largest arguments, which take long."""


def _pipetrace(*words: str, cwd: Path) -> None:
    subprocess.run([sys.executable, "-m", "pipetrace", *words], cwd=cwd, check=True, stdin=subprocess.DEVNULL)


def _cost(folder: Path, calls: int, flight: int, size: int, kind: str, *, staged: bool) -> tuple[float, float]:
    """CPU per call in µs: the main thread's, the whole process's."""
    hook = folder / "staged" / "node_modules" / "@pipetrace" / "runtime" / "register.js"
    program = ["--require", str(hook), str(folder / "staged" / "main.js")] if staged else [str(folder / "main.js")]
    variables = {**os.environ, "WAIT_FOR_STAGE": "1"} if staged else dict(os.environ)
    run = subprocess.run(
        [find_node(), *program, str(calls), str(flight), str(size), "1", kind],
        cwd=folder, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
    )  # fmt: skip
    main_thread, process = run.stdout.split()
    return float(main_thread), float(process)


@click.command()
@click.option("--calls", default=20_000, show_default=True, help="Calls of each measurement.")
@click.option("--rounds", default=3, show_default=True, help="Measurements of each, in turn; the median counts.")
def main(calls: int, rounds: int) -> None:
    """Measure the CPU per call of a kernel."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "app"
        shutil.copytree(APP, folder)
        _pipetrace("record", "-q", "-o", "t.duckdb", "--", "node", "main.js", "200", "4", "100", "300000", cwd=folder)
        _pipetrace("partition", "t.duckdb", "--machines", "2", "--move", "main.js#work()", cwd=folder)
        _pipetrace("rewrite", "plan.json", "-o", "staged", cwd=folder)
        click.echo("| data each way | calls at a time | µs of entry CPU per call | µs of CPU per call |")
        click.echo("| :--- | ---: | ---: | ---: |")
        for kind, sizes in SIZES.items():
            for size in sizes:
                for flight in FLIGHTS:
                    count = calls if size * (10 if kind == "records" else 1) < 10_000 else min(calls, ENOUGH)
                    entry, process = zip(
                        *(_difference(folder, count, flight, size, kind) for _ in range(rounds)), strict=True
                    )
                    found = f"{statistics.median(entry):.1f} | {statistics.median(process):.1f}"
                    click.echo(f"| {size} {UNITS[kind]} | {flight} | {found} |")


def _difference(folder: Path, calls: int, flight: int, size: int, kind: str) -> tuple[float, float]:
    staged = _cost(folder, calls, flight, size, kind, staged=True)
    original = _cost(folder, calls, flight, size, kind, staged=False)
    return staged[0] - original[0], staged[1] - original[1]


if __name__ == "__main__":
    main()
