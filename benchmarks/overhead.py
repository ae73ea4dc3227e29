"""What recording costs the recorded application in CPU time and start-up, beside other tools.

All variants of a program run at the same time and are loaded in short turns, in an order that changes from
round to round; a factor is the median of the ratios to the turns without a tool in the same round. So what
disturbs the machine disturbs all of them alike.
"""

from __future__ import annotations

import base64
import http.server
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _common as common
from _bias import bias_rows, bias_table
from _programs import LISTENING, NOTHING, PROGRAMS, TOOLS, Program, Tool, program

from pipetrace.errors import PipetraceError
from pipetrace.runner.launch import last_words, spawn, stop_groups, wait_until
from pipetrace.runner.node import find_node

SLICES = common.HERE / "slices.js"
AIMS = {
    ("costs", True): 1.10,
    ("sampled", True): 1.3,
    ("full", True): 5.0,
    ("full", False): 10.0,
}
"""Tool and whether the program is a server → the factor aimed at."""
START_UP_AIM = 2.0
PATIENCE_S = 90.0
CONNECTIONS = 4


@dataclass(slots=True)
class Variant:
    """A program that runs under a tool."""

    tool: str
    process: subprocess.Popen[bytes]
    listening: dict[str, Any]
    cpu_us: list[float] = field(default_factory=list)
    """CPU microseconds per request, by round."""
    failures: int = 0
    latency_ms: list[float] = field(default_factory=list)


class Turns:
    """The load generator; takes one turn at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [find_node(), str(SLICES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def take(self, variant: Variant, requests: Sequence[bytes], answers: int) -> dict[str, Any]:
        """Load a variant with so many requests."""
        assert self._process.stdin is not None and self._process.stdout is not None
        turn = {
            **{key: variant.listening[key] for key in ("pid", "port", "host")},
            "connections": CONNECTIONS,
            "answers": answers,
            "requests": [base64.b64encode(request).decode() for request in requests],
        }
        self._process.stdin.write(json.dumps(turn) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End the generator."""
        self._process.kill()
        self._process.wait()


def start(chosen: Program, name: str, folder: Path, environment: dict[str, str]) -> Variant:
    """Start a program under a tool and return once it listens. Raises PipetraceError when it does not."""
    tool: Tool = TOOLS[name]
    scratch = folder / name
    scratch.mkdir()
    noted = scratch / "listening.jsonl"
    options = f"{os.environ.get('NODE_OPTIONS', '')} --require {LISTENING}".strip()
    env = {**os.environ, **environment, **tool.environment, "NODE_OPTIONS": options, "BENCHMARK_LISTENING": str(noted)}
    process = spawn(tool.command(chosen, folder), chosen.cwd, env, scratch / "stdout", scratch / "stderr")
    if not wait_until(lambda: process.poll() is not None or _listens(noted) is not None, PATIENCE_S):
        stop_groups([process], 1.0)
        raise PipetraceError(f"{chosen.name} under {tool.name} did not listen within {PATIENCE_S:g} s.")
    found = _listens(noted)
    if found is None:
        raise PipetraceError(f"{chosen.name} under {tool.name} ended: {last_words(scratch / 'stderr')}")
    return Variant(name, process, found)


def _listens(noted: Path) -> dict[str, Any] | None:
    """The application's server among those noted: the one that speaks HTTP."""
    try:
        lines = [json.loads(line) for line in noted.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return None
    return next((line for line in lines if line["port"] and line["http"]), None)


@contextmanager
def sink() -> Iterator[dict[str, str]]:
    """A collector that takes what OpenTelemetry exports; yields the environment that names it."""

    class Taking(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}"}
    finally:
        server.shutdown()


def measure(
    chosen: Program, tools: Sequence[str], *, rounds: int, warmup: int, scale: float, folder: Path
) -> dict[str, Any]:
    """Measure one program under several tools, with none first."""
    answers = max(4, round(chosen.answers * scale))
    problems: dict[str, str] = {}
    with ExitStack() as stack:
        environment = stack.enter_context(sink())
        variants: list[Variant] = []
        turns = Turns()
        stack.callback(turns.close)
        stack.callback(lambda: stop_groups([one.process for one in variants], PATIENCE_S))
        for name in tools:
            click.echo(f"{chosen.name}: starting under {TOOLS[name].name}", err=True)
            try:
                variants.append(start(chosen, name, folder, environment))
            except PipetraceError as error:
                if name == NOTHING:
                    raise
                problems[name] = str(error)
                click.echo(f"  {error}", err=True)
        for _ in range(warmup):
            for variant in variants:
                turns.take(variant, chosen.requests, answers)
        order = random.Random(1)
        base = variants[0]
        for number in range(rounds):
            click.echo(f"{chosen.name}: round {number + 1} of {rounds}", err=True)
            others = variants[1:]
            order.shuffle(others)
            before = turns.take(base, chosen.requests, answers)
            for variant in others:
                _note(variant, turns.take(variant, chosen.requests, answers))
            after = turns.take(base, chosen.requests, answers)
            _note(base, before)
            base.cpu_us[-1] = (base.cpu_us[-1] + after["cpu_ns"] / after["answers"] / 1000) / 2
    # Stopped by now, so the traces are written.
    return {
        "program": chosen.name,
        "what": chosen.what,
        "server": chosen.server,
        "answers": answers,
        "rounds": rounds,
        "problems": problems,
        "tools": {variant.tool: _result(variant, base) for variant in variants},
        "bias": bias_rows(folder),
    }


def _note(variant: Variant, taken: dict[str, Any]) -> None:
    if taken["answers"] == 0:
        raise PipetraceError(f"nothing was answered under {TOOLS[variant.tool].name}.")
    variant.cpu_us.append(taken["cpu_ns"] / taken["answers"] / 1000)
    variant.latency_ms.append(taken["p50_ms"])
    variant.failures += taken["failures"]


def _result(variant: Variant, base: Variant) -> dict[str, Any]:
    ratios = sorted(mine / plain for mine, plain in zip(variant.cpu_us, base.cpu_us, strict=True))
    quartile = len(ratios) // 4
    return {
        "factor": statistics.median(ratios),
        "quartiles": [ratios[quartile], ratios[-1 - quartile]],
        "cpu_us": statistics.median(variant.cpu_us),
        "all_cpu_us": [round(value, 2) for value in variant.cpu_us],
        "p50_ms": statistics.median(variant.latency_ms),
        "failures": variant.failures,
    }


def measure_start_up(
    chosen: Program, tools: Sequence[str], *, rounds: int, folder: Path
) -> dict[str, dict[str, float]]:
    """From the begin of the process until it listens, in milliseconds: the best of several interleaved starts."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in tools}
    with sink() as environment:
        for number in range(rounds):
            for name in tools:
                click.echo(f"{chosen.name}: start {number + 1} of {rounds} under {TOOLS[name].name}", err=True)
                place = folder / f"start-{number}"
                place.mkdir(exist_ok=True)
                try:
                    variant = start(chosen, name, place, environment)
                except PipetraceError as error:
                    click.echo(f"  {error}", err=True)
                    continue
                stop_groups([variant.process], PATIENCE_S)
                found = variant.listening
                taken[name].append((found["start_up_ms"], found["start_up_cpu_ms"]))
    return {
        name: {"wall_ms": min(wall for wall, _ in found), "cpu_ms": min(cpu for _, cpu in found)}
        for name, found in taken.items()
        if found
    }


def render(results: Sequence[dict[str, Any]], busy: Sequence[str]) -> str:
    """The tables as Markdown."""
    known = common.environment()
    names = [result["program"] for result in results]
    tools = [name for name in TOOLS if any(name in result["tools"] or name in result["problems"] for result in results)]
    lines = [
        "# What recording costs\n",
        "CPU time of the application's process per request, as a factor of the same program without a tool. All "
        "variants ran at the same time and were loaded in turns; medians of all rounds, quartiles behind. "
        f"Node {known['node']}, pipetrace {known['pipetrace']}, {known['cores']} cores, {time.strftime('%Y-%m-%d')}. "
        + (f"The machine was not quiet: {', '.join(busy)}." if busy else "Nothing else ran on the machine."),
        "",
        common.markdown_table(("", *names), [(TOOLS[tool].name, *(_cell(r, tool) for r in results)) for tool in tools]),
        "",
        "Without a tool a request takes: "
        + ", ".join(f"{r['program']} {_duration(r['tools'][NOTHING]['cpu_us'])} ({r['what']})" for r in results)
        + ".",
    ]
    aims = []
    for result in results:
        for tool, found in result["tools"].items():
            aim = AIMS.get((tool, result["server"]))
            if aim is not None:
                met = "met" if found["factor"] <= aim else "NOT met"
                aims.append(f"* {met}: {result['program']}, {TOOLS[tool].name}: {found['factor']:.2f} × (aim {aim} ×).")
    lines += ["", "## Aims\n", *aims]
    started = [result for result in results if result.get("start_up")]
    if started:
        lines += ["", "## Start-up\n"]
        lines += [
            "From the begin of the process until it listens, best of several starts: wall time, and a factor.",
            "",
        ]
        rows = [(TOOLS[tool].name, *(_start_cell(r["start_up"], tool) for r in started)) for tool in tools]
        lines.append(common.markdown_table(("", *(r["program"] for r in started)), rows))
    if any(result["bias"] for result in results):
        lines += ["", *bias_table(results)]
    return "\n".join([*lines, ""])


def _cell(result: dict[str, Any], tool: str) -> str:
    found = result["tools"].get(tool)
    if found is None:
        return "fails" if tool in result["problems"] else "–"
    low, high = found["quartiles"]
    failed = f", {found['failures']} failed" if found["failures"] else ""
    return "1" if tool == NOTHING else f"**{found['factor']:.2f}** ({low:.2f}–{high:.2f}{failed})"


def _start_cell(start_up: dict[str, dict[str, float]], tool: str) -> str:
    found, base = start_up.get(tool), start_up[NOTHING]
    if found is None:
        return "–"
    return f"{found['wall_ms']:.0f} ms, {found['wall_ms'] / base['wall_ms']:.2f} ×"


def _duration(us: float) -> str:
    return f"{us / 1000:.1f} ms" if us >= 1000 else f"{us:.0f} µs"


@click.command()
@click.option("--program", "names", multiple=True, type=click.Choice(list(PROGRAMS)), help="Default: all.")
@click.option("--tool", "tools", multiple=True, type=click.Choice([*TOOLS][1:]), help="Default: all.")
@click.option("--rounds", default=15, show_default=True)
@click.option("--warmup", default=6, show_default=True, help="Turns of each variant before figures are taken.")
@click.option("--scale", default=1.0, show_default=True, help="Length of a turn.")
@click.option("--start-ups", default=0, show_default=True, help="Also measure start-up, with so many starts.")
@click.option("--anyway", is_flag=True, help="Measure on a machine that is not quiet.")
@click.option("--merge", is_flag=True, help="Only put the results of earlier runs together.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("benchmark-results"), show_default=True)
def main(
    names: tuple[str, ...], tools: tuple[str, ...], rounds: int, warmup: int, scale: float, start_ups: int,
    anyway: bool, merge: bool, output: Path,
) -> None:  # fmt: skip
    """Measure what pipetrace and other tools cost. Each program's figures are kept apart and then put together."""
    busy = [] if merge else common.check_quiet(anyway)
    for name in () if merge else names or tuple(PROGRAMS):
        chosen = program(name)
        wanted = [NOTHING, *(tool for tool in tools or [*TOOLS][1:] if chosen.es5 or not TOOLS[tool].es5_only)]
        with tempfile.TemporaryDirectory(prefix="pipetrace-overhead-", ignore_cleanup_errors=True) as place:
            kept = output / f"overhead-{name}.json"
            result = measure(chosen, wanted, rounds=rounds, warmup=warmup, scale=scale, folder=Path(place))
            result["busy"] = busy
            output.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            if start_ups:
                result["start_up"] = measure_start_up(chosen, wanted, rounds=start_ups, folder=Path(place))
                kept.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    files = [output / f"overhead-{name}.json" for name in PROGRAMS]
    results = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]
    if not results:
        raise click.ClickException(f"there are no results in {output}; run it without --merge first.")
    text = render(results, sorted({one for result in results for one in result["busy"]}))
    click.echo(text)
    data = {"benchmark": "overhead", "environment": common.environment(), "results": results}
    common.write(output, "overhead", text, data)


if __name__ == "__main__":
    try:
        main()
    except PipetraceError as error:
        sys.exit(f"benchmark: {error}")
