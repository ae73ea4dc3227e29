"""Original against staged applications, beside `cluster` and a pool made by hand, in interleaved rounds."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _common as common

from pipetrace.errors import PipetraceError
from pipetrace.runner import npm
from pipetrace.runner.launch import Running, Server, start
from pipetrace.runner.measure import Figures, measure, medians
from pipetrace.runner.node import find_node
from pipetrace.runner.staged import StagedApp, load_staged
from pipetrace.runner.stages import read_notes, start_staged
from pipetrace.runner.transport import Transport, open_transport
from pipetrace.runner.verdict import figures_json

VARIANTS = ("original", "staged, threads", "staged, NATS", "cluster, 2 workers", "piscina by hand, 2 threads")
HTTP: frozenset[Server] = frozenset({(None, "http")})


def _starters(
    app: common.App, staged: StagedApp, nats: Transport | None, replicas: int | None
) -> dict[str, Callable[[Path], Running]]:
    """How each variant is started in a scratch directory."""

    def plain(argv: list[str], name: str, **variables: str) -> Callable[[Path], Running]:
        env = {**os.environ, **variables}
        return lambda scratch: start(argv, app.cwd, env, name=name, scratch=scratch, servers=HTTP)

    starters = {
        "original": plain(app.command, "the original"),
        "staged, threads": lambda scratch: start_staged(
            staged, Transport("threads"), scratch, replicas=replicas, servers=HTTP
        ),
        "cluster, 2 workers": plain(
            [find_node(), str(common.BASELINES / "cluster.js"), "2", str(app.script), *app.arguments], "cluster"
        ),
        "piscina by hand, 2 threads": plain(
            [find_node(), "--require", str(common.BASELINES / "by-hand.js"), str(app.script), *app.arguments],
            "the variant made by hand",
            PIPETRACE_PISCINA=str(npm.install(*common.PISCINA)),
            PIPETRACE_POOL_THREADS="2",
        ),
    }
    if nats is not None:
        starters["staged, NATS"] = lambda scratch: start_staged(staged, nats, scratch, replicas=replicas, servers=HTTP)
    return starters


@contextlib.contextmanager
def _running(start_it: Callable[[Path], Running]) -> Iterator[tuple[Running, Path]]:
    with tempfile.TemporaryDirectory(prefix="pipetrace-bench-") as folder:
        running = start_it(Path(folder))
        try:
            yield running, Path(folder)
        finally:
            running.stop()


def _measure_load(
    load: common.Load, starters: dict[str, Callable[[Path], Running]], chosen: list[str], connections: int,
    rounds: int, duration_s: float, warmup_s: float,
) -> tuple[dict[str, Figures], dict[str, int]]:  # fmt: skip
    taken: dict[str, list[Figures]] = {name: [] for name in chosen}
    moved: dict[str, int] = {}
    for number in range(rounds):
        # Every second round runs backwards, so that a machine that slows down does not favour the first.
        for name in chosen if number % 2 == 0 else reversed(chosen):
            click.echo(f"{load.name}: round {number + 1} of {rounds}, {name}", err=True)
            with _running(starters[name]) as (running, scratch):
                figures = measure(running, load.groups(connections), duration_s=duration_s, warmup_s=warmup_s)
                taken[name].append(figures)
                if name.startswith("staged"):
                    moved[name] = moved.get(name, 0) + sum(away for _, away, _ in read_notes(running, scratch).calls)
                if figures.others > common.DISTURBED:
                    click.echo(f"disturbed: others used {figures.others:.2f} cores", err=True)
    return {name: medians(figures) for name, figures in taken.items()}, moved


def _table(load: common.Load, results: dict[str, Figures]) -> str:
    base = results.get("original")
    rows: list[tuple[str, ...]] = []
    for name, figures in results.items():
        heavy, light = figures.group("load"), figures.group("light")
        failed = sum(n for status, n in heavy.statuses if int(status) >= 400) + heavy.failures
        rows.append(
            (
                f"**{name}**" if name.startswith("staged") else name,
                common.figure(heavy.per_second),
                f"{heavy.per_second / base.group('load').per_second:.2f} ×" if base else "–",
                common.figure(heavy.p50_ms),
                common.figure(heavy.p99_ms),
                common.figure(figures.cpu_ms_per_request),
                common.figure(light.p50_ms),
                common.figure(light.p99_ms),
                common.figure(figures.memory_mb),
                common.figure(figures.others),
                str(failed),
            )
        )
    headings = ("", "requests/s", "of original", "p50 ms", "p99 ms", "CPU ms/request", "light p50 ms", "light p99 ms",
                "MB", "others, cores", "failed")  # fmt: skip
    return common.markdown_table(headings, rows)


def _aims(load: common.Load, results: dict[str, Figures]) -> list[str]:
    """What was aimed at and what came out, in sentences."""
    original, staged = results.get("original"), results.get("staged, threads")
    hand = results.get("piscina by hand, 2 threads")
    if original is None or staged is None:
        return []
    gain = staged.group("load").per_second / original.group("load").per_second
    lines = [f"{'met' if gain >= load.aim else 'NOT met'}: {gain:.2f} × the original's throughput (aim {load.aim} ×)."]
    if hand is not None:
        share = staged.group("load").per_second / hand.group("load").per_second
        lines.append(f"{'met' if share >= 0.95 else 'NOT met'}: {share:.2f} × of the pool made by hand (aim 0.95 ×).")
    before, after = original.group("light").p50_ms, staged.group("light").p50_ms
    if before and after:
        word = "met" if after <= before / 20 else "NOT met"
        lines.append(f"{word}: light requests take 1/{before / after:.0f} of the original's p50 (aim 1/20).")
    return lines


def _verified(app: common.App, staged: Path, transports: list[str]) -> list[str]:
    """Whether the staged application answers as the original does, in the words of `pipetrace verify`."""
    lines = []
    for transport in transports:
        try:
            out = common.pipetrace("verify", str(staged), "--no-measure", "--limit", "200", "--transport", transport,
                                   cwd=app.cwd)  # fmt: skip
            lines.append(f"{transport}: {' '.join(out.splitlines()[:2])}")
        except PipetraceError as error:
            lines.append(f"{transport}: NOT equal, {error}")
    return lines


@click.command()
@click.option("--app", "app_name", type=click.Choice(["example", "markserv"]), default="example", show_default=True)
@click.option("--load", "load_name", default="all", show_default=True, help="Name of one load, or all.")
@click.option("--duration", default=4.0, show_default=True, help="Seconds of each measurement.")
@click.option("--warmup", default=6.0, show_default=True,
              help="Seconds of load before it: the engine compiles hot code.")  # fmt: skip
@click.option("--rounds", default=3, show_default=True)
@click.option("--connections", default=16, show_default=True, help="Clients of the load.")
@click.option("--machines", default=2, show_default=True, help="Machines for the plan.")
@click.option("--replicas", type=int, help="Copies of each stage without state, instead of the plan's.")
@click.option("--variant", "variants", multiple=True, type=click.Choice(VARIANTS), help="Only these (repeatable).")
@click.option("--staged", type=click.Path(path_type=Path, exists=True), help="A staged directory made before.")
@click.option("--no-verify", is_flag=True, help="Do not compare the answers first.")
@click.option("--anyway", is_flag=True, help="Measure on a machine that is not quiet.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("benchmark-results"), show_default=True)
def main(
    app_name: str, load_name: str, duration: float, warmup: float, rounds: int, connections: int, machines: int,
    replicas: int | None, variants: tuple[str, ...], staged: Path | None, no_verify: bool, anyway: bool, output: Path,
) -> None:  # fmt: skip
    """Measure an application as it is, staged, under `cluster`, and with a pool made by hand."""
    chosen = [name for name in VARIANTS if not variants or name in variants]
    app = common.load_app(app_name)
    folder = staged or common.stage(app, machines)
    staged_app = load_staged(folder)
    sections, results = [], {}
    with contextlib.ExitStack() as stack:
        nats = None
        if "staged, NATS" in chosen:
            try:
                nats = stack.enter_context(open_transport("nats"))
            except PipetraceError as error:
                click.echo(f"without NATS: {error}", err=True)
                chosen.remove("staged, NATS")
        verified = [] if no_verify else _verified(app, folder, ["threads", *(["nats"] if nats else [])])
        starters = _starters(app, staged_app, nats, replicas)
        busy = common.check_quiet(anyway)
        for load in app.loads:
            if load_name not in ("all", load.name):
                continue
            figures, moved = _measure_load(load, starters, chosen, connections, rounds, duration, warmup)
            results[load.name] = {
                "figures": {name: figures_json(one) for name, one in figures.items()}, "moved_calls": moved,
            }  # fmt: skip
            sections.append(f"## {load.name}\n\n{_table(load, figures)}\n")
            sections += [f"* {line}" for line in _aims(load, figures)]
            sections += [f"* {name}: {count} calls ran on stages." for name, count in moved.items()]
            sections.append("")
    known = common.environment()
    head = [
        f"# {app.name}: original, staged, cluster, pool by hand\n",
        f"{rounds} interleaved rounds of {duration:g} s after {warmup:g} s of warm-up, medians; "
        f"{connections} clients and {common.LIGHT_RATE:g} "
        f"light requests/s beside them; load generator on the same {known['cores']} cores. Node {known['node']}, "
        f"pipetrace {known['pipetrace']}, {time.strftime('%Y-%m-%d')}. "
        + (f"The machine was not quiet: {', '.join(busy)}." if busy else "Nothing else ran on the machine."),
        "",
        f"Moved: {', '.join(staged_app.moved) or 'nothing'}. "
        f"Stages: {', '.join(f'{stage.id} × {replicas or stage.replicas}' for stage in staged_app.stages) or 'none'}.",
        "",
        *(f"* verify over {line}" for line in verified),
        "",
    ]
    text = "\n".join([*head, *sections])
    click.echo(text)
    data: dict[str, Any] = {
        "benchmark": "staged", "app": app.name, "environment": known, "busy": busy, "rounds": rounds,
        "duration_s": duration, "warmup_s": warmup, "connections": connections, "verified": verified, "loads": results,
    }  # fmt: skip
    common.write(output, f"staged-{app.name}", text, data)


if __name__ == "__main__":
    try:
        main()
    except PipetraceError as error:
        sys.exit(f"benchmark: {error}")
