"""What recording costs the recorded application, in CPU time per request, under the same bounded load."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _common as common

from pipetrace.errors import PipetraceError
from pipetrace.runner.launch import start
from pipetrace.runner.measure import GENERATOR
from pipetrace.runner.node import find_node

MODES: dict[str, list[str] | None] = {
    "not recorded": None,
    "costs only": ["--memory", "off"],
    "with memory": ["--memory", "sampled"],
}
AIMS = {"costs only": 1.15, "with memory": 2.0}


def _round(app: common.App, options: list[str] | None, config: Path, folder: Path) -> tuple[float, float]:
    """One run: CPU milliseconds per request of the application alone, and requests a second."""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    driver = [sys.executable, str(Path(__file__).resolve()), "--drive", str(config), str(result)]
    if options is None:
        running = start(
            app.command,
            app.cwd,
            os.environ,
            name=app.name,
            scratch=folder / "plain",
            servers=frozenset({(None, "http")}),
        )
        try:
            found = running.port(None)
            assert found is not None
            subprocess.run(driver, env={**os.environ, "PORT": str(found[1])}, check=True)
        finally:
            running.stop()
    else:
        on_port = " ".join(driver)
        trace = str(folder / "bench.duckdb")
        args = ["record", "--force", "--quiet", *options, "-o", trace, "--on-port", on_port, "--", *app.command]
        words = [sys.executable, "-m", "pipetrace", *args]
        done = subprocess.run(words, cwd=app.cwd, capture_output=True, text=True, check=False)
        if not result.is_file():
            said = done.stderr.strip().splitlines()
            raise PipetraceError(f"pipetrace record failed: {said[-1] if said else 'it printed nothing'}")
    measured = json.loads(result.read_text(encoding="utf-8"))
    return float(measured["cpu_ms"]), float(measured["per_second"])


def _drive(config: Path, result: Path) -> None:
    """Load the application on $PORT and write what its process used; runs as the command of `--on-port`."""
    port = int(os.environ["PORT"])
    process = next(
        psutil.Process(one.pid)
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr[1] == port and one.pid
    )
    marks: list[float] = []
    done: dict[str, Any] = {}
    with subprocess.Popen([find_node(), str(GENERATOR), str(config)], stdout=subprocess.PIPE) as generator:
        assert generator.stdout is not None
        for line in generator.stdout:
            note = json.loads(line)
            if note["event"] == "done":
                done = note
            else:
                times = process.cpu_times()
                marks.append(times.user + times.system)
    answers = sum(group["answers"] for group in done["groups"].values())
    per_second = sum(group["per_second"] for group in done["groups"].values())
    cpu_ms = 1000 * (marks[1] - marks[0]) / answers
    result.write_text(json.dumps({"cpu_ms": cpu_ms, "per_second": per_second, "answers": answers}), encoding="utf-8")


@click.command()
@click.option("--app", "app_name", type=click.Choice(["example", "markserv"]), default="example", show_default=True)
@click.option("--requests", "answers", default=3000, show_default=True, help="Requests of each run, after a warm-up.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--warmup", default=2.0, show_default=True, help="Seconds of load before figures are taken.")
@click.option("--connections", default=4, show_default=True)
@click.option("--anyway", is_flag=True, help="Measure on a machine that is not quiet.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("benchmark-results"), show_default=True)
@click.option("--drive", nargs=2, type=click.Path(path_type=Path), hidden=True)
def main(
    app_name: str, answers: int, rounds: int, warmup: float, connections: int, anyway: bool, output: Path,
    drive: tuple[Path, Path] | None,
) -> None:  # fmt: skip
    """Measure an application not recorded, recorded with costs only, and with memory accesses too."""
    if drive:
        _drive(*drive)
        return
    app = common.load_app(app_name)
    busy = common.check_quiet(anyway)
    taken: dict[str, list[tuple[float, float]]] = {mode: [] for mode in MODES}
    with tempfile.TemporaryDirectory(prefix="pipetrace-bench-") as name:
        folder = Path(name)
        config = folder / "load.json"
        # Without the light requests at fixed times: a slower application would get more of them per request.
        load = app.loads[-1]
        shaped = common.load_config(
            load, connections=connections, duration_s=120.0, warmup_s=warmup, answers=answers, light=False
        )
        config.write_text(json.dumps(shaped), encoding="utf-8")
        for number in range(rounds):
            for mode in MODES if number % 2 == 0 else reversed(MODES):
                click.echo(f"round {number + 1} of {rounds}, {mode}", err=True)
                taken[mode].append(_round(app, MODES[mode], config, folder))
    middle = {mode: statistics.median(cpu for cpu, _ in runs) for mode, runs in taken.items()}
    rates = {mode: statistics.median(rate for _, rate in runs) for mode, runs in taken.items()}
    base = middle["not recorded"]
    rows, aims = [], []
    for mode, runs in taken.items():
        cpu = [value for value, _ in runs]
        factor = middle[mode] / base
        rows.append((mode, common.figure(middle[mode]), f"{min(cpu):.3g} – {max(cpu):.3g}", f"{factor:.2f} ×",
                     common.figure(rates[mode])))  # fmt: skip
        if mode in AIMS:
            aims.append(
                f"* {'met' if factor <= AIMS[mode] else 'NOT met'}: {mode} {factor:.2f} × (aim {AIMS[mode]} ×)."
            )
    known = common.environment()
    headings = ("", "CPU ms/request", "range", "of not recorded", "requests/s")
    text = "\n".join(
        [
            f"# {app.name}: what recording costs\n",
            f"{rounds} interleaved rounds of {answers} requests after {warmup:g} s of warm-up, {connections} clients; "
            f"CPU time of the application's process, medians. Node {known['node']}, pipetrace {known['pipetrace']}, "
            f"{time.strftime('%Y-%m-%d')}. "
            + (f"The machine was not quiet: {', '.join(busy)}." if busy else "Nothing else ran on the machine."),
            "",
            common.markdown_table(headings, rows),
            "",
            *aims,
            "",
        ]
    )
    click.echo(text)
    data = {
        "benchmark": "recording", "app": app.name, "environment": known, "busy": busy, "requests": answers,
        "rounds": {mode: [{"cpu_ms": cpu, "per_second": rate} for cpu, rate in runs] for mode, runs in taken.items()},
        "factor": {mode: round(middle[mode] / base, 4) for mode in MODES},
    }  # fmt: skip
    common.write(output, f"recording-{app.name}", text, data)


if __name__ == "__main__":
    try:
        main()
    except PipetraceError as error:
        sys.exit(f"benchmark: {error}")
