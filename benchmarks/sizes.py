"""From which size of a handler a move pays: throughput and CPU, original against staged, for small and large bodies."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _common as common

from pipetrace.errors import PipetraceError
from pipetrace.runner.launch import Running, Server, start
from pipetrace.runner.measure import Group, measure
from pipetrace.runner.node import find_node
from pipetrace.runner.staged import StagedApp, load_staged
from pipetrace.runner.stages import start_staged
from pipetrace.runner.transport import Transport, open_transport

APP = Path(__file__).resolve().parent / "sizes-app"
HTTP: frozenset[Server] = frozenset({(None, "http")})
MILLISECONDS = (0.1, 0.5, 2.0, 10.0, 50.0)
BODIES = (100, 100_000)
ROUTES = ("handler", "kernel")
PAYS = 1.0
"""Throughput, as a multiple of the original's, from which a move pays."""


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: requests a second, CPU and the main thread's CPU for one of them."""

    per_second: float
    cpu_ms: float
    main_us: float


def _rounds_per_ms() -> int:
    """Rounds of the program's loop that take a millisecond here."""
    source = (APP / "server.js").read_text(encoding="utf-8").split("async")[0]
    text = (
        f"{source}; spin(3e7); const before = process.cpuUsage(); spin(1e8); "
        "const { user, system } = process.cpuUsage(before); console.log(Math.round(1e8 / ((user + system) / 1000)))"
    )
    done = subprocess.run([find_node(), "-e", text], capture_output=True, text=True, check=True)
    return int(done.stdout)


def _stage(folder: Path, rounds_per_ms: int) -> StagedApp:
    app = folder / "app"
    shutil.copytree(APP, app)
    url = f"http://127.0.0.1:$PORT/{{}}/{rounds_per_ms}"
    load = "; ".join(
        f"for i in $(seq 50); do curl -s -o /dev/null -d x {url.format(route)}; done" for route in ROUTES
    )
    common.pipetrace("record", "-q", "-o", "t.duckdb", "--on-port", load, "--", find_node(), "server.js", cwd=app)
    moved = [word for name in ("handler", "kernel") for word in ("--move", f"server.js#{name}")]
    common.pipetrace("partition", "t.duckdb", "--machines", "2", *moved, cwd=app)
    common.pipetrace("rewrite", "plan.json", "-o", "../staged", cwd=app)
    return load_staged(folder / "staged")


def _main_thread_us(running: Running) -> float:
    """CPU so far of the main thread of the entry."""
    pid = running.process.pid
    return float(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1000


def _point(running: Running, request: bytes, connections: int, duration_s: float, warmup_s: float) -> Point:
    group = [Group("load", (request,), connections)]
    if warmup_s > 0:
        measure(running, group, duration_s=warmup_s, warmup_s=0.0)
    before = _main_thread_us(running)
    figures = measure(running, group, duration_s=duration_s, warmup_s=0.0)
    answers = max(1, figures.group("load").answers)
    spent = (_main_thread_us(running) - before) / answers
    return Point(figures.per_second, figures.cpu_ms_per_request or 0.0, spent)


def _median(points: list[Point]) -> Point:
    return Point(*(statistics.median(getattr(point, name) for point in points) for name in Point.__slots__))


@click.command()
@click.option("--duration", default=1.5, show_default=True, help="Seconds of each measurement.")
@click.option("--warmup", default=1.5, show_default=True, help="Seconds of load before the first of each.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--connections", default=16, show_default=True)
@click.option("--without-nats", is_flag=True)
@click.option("--anyway", is_flag=True, help="Measure on a machine that is not quiet.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("benchmark-results"), show_default=True)
def main(
    duration: float, warmup: float, rounds: int, connections: int, without_nats: bool, anyway: bool, output: Path
) -> None:
    """Measure handlers of several sizes and bodies."""
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        folder = Path(temporary).resolve()
        rounds_per_ms = _rounds_per_ms()
        staged = _stage(folder, rounds_per_ms)
        busy = common.check_quiet(anyway)
        command = [find_node(), "server.js"]
        app, scratch = folder / "app", folder / "original"
        variants = {"original": start(command, app, os.environ, name="the original", scratch=scratch, servers=HTTP)}
        stack.callback(variants["original"].stop)
        transports = {"threads": Transport("threads")}
        if not without_nats:
            try:
                transports["NATS"] = stack.enter_context(open_transport("nats"))
            except PipetraceError as error:
                click.echo(f"without NATS: {error}", err=True)
        for name, transport in transports.items():
            variants[name] = start_staged(staged, transport, folder / name, replicas=2, servers=HTTP)
            stack.callback(variants[name].stop)
        found: dict[tuple[int, float, str], dict[str, Point]] = {}
        idle: dict[tuple[int, str], float] = {}
        for body in BODIES:
            for route in ROUTES:
                request = common.post(f"/{route}/0", b"x" * body)
                idle[body, route] = _point(variants["original"], request, connections, duration, warmup).main_us
            for size in MILLISECONDS:
                for route in ROUTES:
                    click.echo(f"{body} bytes, {size:g} ms, {route}", err=True)
                    request = common.post(f"/{route}/{round(size * rounds_per_ms)}", b"x" * body)
                    taken: dict[str, list[Point]] = {name: [] for name in variants}
                    for number in range(rounds):
                        for name in list(variants) if number % 2 == 0 else reversed(variants):
                            wait = warmup if number == 0 else 0.0
                            taken[name].append(_point(variants[name], request, connections, duration, wait))
                    found[body, size, route] = {name: _median(points) for name, points in taken.items()}
    how = f"{rounds} interleaved rounds of {duration:g} s, {connections} clients"
    _write(found, idle, list(transports), busy, output, how)


def _write(
    found: dict[tuple[int, float, str], dict[str, Point]], idle: dict[tuple[int, str], float], transports: list[str],
    busy: list[str], output: Path, how: str,
) -> None:  # fmt: skip
    rows = []
    for (body, size, route), points in found.items():
        base = points["original"]
        cells = [f"{route}, {size:g} ms, {body} bytes", common.figure(base.per_second)]
        for name in transports:
            point = points[name]
            cells += [
                f"{point.per_second / base.per_second:.2f} ×",
                f"{point.cpu_ms / base.cpu_ms:.2f} ×" if base.cpu_ms else "–",
                common.figure(point.main_us - idle[body, route]),
            ]
        rows.append(tuple(cells))
    headings = ["", "original, requests/s"]
    for name in transports:
        headings += [f"{name}: throughput", f"{name}: CPU a request", f"{name}: µs of the entry"]
    lines = [
        "# From which size of a handler a move pays\n",
        f"{how}, medians; two replicas, the load generator on the same cores. Node {common.environment()['node']}, "
        f"{time.strftime('%Y-%m-%d')}. "
        + (f"The machine was not quiet: {', '.join(busy)}." if busy else "Nothing else ran on the machine.")
        + " The last column is CPU of the entry's main thread for a request, beyond what the original's takes for "
        "one without work.",
        "",
        common.markdown_table(headings, rows),
        "",
    ]
    for name in transports:
        for route in ROUTES:
            for body in BODIES:
                paying = [size for size in MILLISECONDS if _pays(found[body, size, route], name)]
                first = f"from {min(paying):g} ms on" if paying else "in none of these sizes"
                lines.append(f"* {name}, {route}, {body} bytes each way: pays {first}.")
    data = {
        "benchmark": "sizes", "environment": common.environment(), "busy": busy,
        "points": [
            {"body": body, "ms": size, "route": route,
             "variants": {name: dataclasses.asdict(point) for name, point in points.items()}}
            for (body, size, route), points in found.items()
        ],
    }  # fmt: skip
    text = "\n".join(lines) + "\n"
    click.echo(text)
    common.write(output, "sizes", text, data)


def _pays(points: dict[str, Point], name: str) -> bool:
    return points[name].per_second >= PAYS * points["original"].per_second


if __name__ == "__main__":
    try:
        main()
    except PipetraceError as error:
        sys.exit(f"benchmark: {error}")
