"""What recording costs the recorded application in CPU time and start-up, beside other tools.

All variants of a program run at the same time and are loaded in short turns, in an order that changes from
round to round; a factor is the median of the ratios to the turns without a tool in the same round. So what
disturbs the machine disturbs all of them alike. Two processes of one program differ by a tenth, so every variant is
started anew several times, and the rounds of all starts count. One more variant without a tool shows what is left.
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
import textwrap
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
BUSY = "°"
"""Behind figures that were taken on a machine that was not quiet."""
PATIENCE_S = 90.0
CONNECTIONS = 4


@dataclass(slots=True)
class Variant:
    """A program that runs under a tool."""

    tool: str
    process: subprocess.Popen[bytes]
    listening: dict[str, Any]


@dataclass(slots=True)
class Taken:
    """The figures of a tool, of all its starts."""

    cpu_us: list[float] = field(default_factory=list)
    """CPU microseconds per request, by round."""
    ratios: list[float] = field(default_factory=list)
    """To the turns without a tool around it, by round."""
    failures: int = 0
    latency_ms: list[float] = field(default_factory=list)

    def note(self, turn: dict[str, Any], plain_us: float | None) -> float:
        """Add a turn; `plain_us` per request without a tool in the same round, None for itself. Returns its own."""
        if turn["answers"] == 0:
            raise PipetraceError("nothing was answered.")
        own: float = turn["cpu_ns"] / turn["answers"] / 1000
        self.cpu_us.append(own)
        self.ratios.append(1.0 if plain_us is None else own / plain_us)
        self.latency_ms.append(turn["p50_ms"])
        self.failures += turn["failures"]
        return own


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


def start(chosen: Program, name: str, folder: Path, environment: dict[str, str], label: str = "") -> Variant:
    """Start a program under a tool and return once it listens. Raises PipetraceError with the reason if it does not."""
    tool: Tool = TOOLS[name]
    scratch = folder / (label or name)
    scratch.mkdir()
    noted = scratch / "listening.jsonl"
    options = f"{os.environ.get('NODE_OPTIONS', '')} --require {LISTENING}".strip()
    env = {**os.environ, **environment, **tool.environment, "NODE_OPTIONS": options, "BENCHMARK_LISTENING": str(noted)}
    process = spawn(tool.command(chosen, folder), chosen.cwd, env, scratch / "stdout", scratch / "stderr")
    if not wait_until(lambda: process.poll() is not None or _listens(noted) is not None, PATIENCE_S):
        stop_groups([process], 1.0)
        raise PipetraceError(f"does not listen within {PATIENCE_S:g} s")
    found = _listens(noted)
    if found is None:
        raise PipetraceError(f"ends: {last_words(scratch / 'stderr') or 'no word'}")
    return Variant(name, process, found)


def stop(variants: Sequence[Variant]) -> None:
    """End variants, each in the time that its tool may take."""
    for patience_s in sorted({TOOLS[one.tool].patience_s for one in variants}):
        stop_groups([one.process for one in variants if TOOLS[one.tool].patience_s == patience_s], patience_s)


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
    chosen: Program, tools: Sequence[str], *, starts: int, rounds: int, warmup: int, scale: float, folder: Path
) -> dict[str, Any]:
    """Measure one program under several tools."""
    answers = max(4, round(chosen.answers * scale))
    problems: dict[str, str] = {}
    taken: dict[str, Taken] = {}
    place = folder
    for number in range(starts):
        place = folder / str(number)
        place.mkdir()
        click.echo(f"{chosen.name}: start {number + 1} of {starts}", err=True)
        _measure_once(
            chosen, [name for name in tools if name not in problems], answers, rounds, warmup, place, taken, problems
        )
    # Stopped by now, so the traces are written.
    return {
        "program": chosen.name,
        "what": chosen.what,
        "server": chosen.server,
        "problems": problems,
        "tools": {tool: _result(found, answers, starts) for tool, found in taken.items()},
        "bias": bias_rows(place) if starts else [],
    }


def _measure_once(
    chosen: Program, tools: Sequence[str], answers: int, rounds: int, warmup: int, folder: Path,
    taken: dict[str, Taken], problems: dict[str, str],
) -> None:  # fmt: skip
    """Start all variants and take their turns, into `taken`; a tool that cannot run goes to `problems`."""
    with ExitStack() as stack:
        environment = stack.enter_context(sink())
        variants: list[Variant] = []
        turns = Turns()
        stack.callback(turns.close)
        stack.callback(stop, variants)
        # Two without a tool, one for the turn before the others and one for that behind.
        for name, label in ((NOTHING, "before"), (NOTHING, "behind"), *((name, name) for name in tools)):
            try:
                variants.append(start(chosen, name, folder, environment, label))
            except PipetraceError as error:
                if name == NOTHING:
                    raise
                problems[name] = str(error)
                click.echo(f"  {TOOLS[name].name} {error}", err=True)
        for _ in range(warmup):
            for variant in variants:
                turns.take(variant, chosen.requests, answers)
        order = random.Random(str(folder))
        first, last, *others = variants
        for _ in range(rounds):
            order.shuffle(others)
            around = [turns.take(first, chosen.requests, answers)]
            within = [(variant, turns.take(variant, chosen.requests, answers)) for variant in others]
            around.append(turns.take(last, chosen.requests, answers))
            plain_us = statistics.mean([taken.setdefault(NOTHING, Taken()).note(turn, None) for turn in around])
            for variant, turn in within:
                taken.setdefault(variant.tool, Taken()).note(turn, plain_us)


def _result(found: Taken, answers: int, starts: int) -> dict[str, Any]:
    ratios = sorted(found.ratios)
    quartile = len(ratios) // 4
    return {
        "factor": statistics.median(ratios),
        "quartiles": [ratios[quartile], ratios[-1 - quartile]],
        "cpu_us": statistics.median(found.cpu_us),
        "ratios": [round(value, 3) for value in found.ratios],
        "p50_ms": statistics.median(found.latency_ms),
        "failures": found.failures,
        "answers": answers,
        "starts": starts,
        "date": time.strftime("%Y-%m-%d"),
    }


def measure_start_up(
    chosen: Program, tools: Sequence[str], *, rounds: int, folder: Path
) -> dict[str, dict[str, float]]:
    """From the begin of the process until it listens, in milliseconds: the best of several interleaved starts."""
    taken: dict[str, list[tuple[float, float]]] = {}
    with sink() as environment:
        for number in range(rounds):
            click.echo(f"{chosen.name}: start-up {number + 1} of {rounds}", err=True)
            place = folder / f"start-{number}"
            place.mkdir()
            # What comes first finds the caches cold.
            for name in random.Random(number).sample((NOTHING, *tools), len(tools) + 1):
                try:
                    variant = start(chosen, name, place, environment)
                except PipetraceError as error:
                    click.echo(f"  {TOOLS[name].name} {error}", err=True)
                    continue
                stop([variant])
                found = variant.listening
                taken.setdefault(name, []).append((found["start_up_ms"], found["start_up_cpu_ms"]))
    best = {name: [min(each) for each in zip(*found, strict=True)] for name, found in taken.items()}
    # Each with its own factors, as the next run has other starts without a tool.
    return {
        name: {"wall_ms": wall, "cpu_ms": cpu, "wall": wall / best[NOTHING][0], "cpu": cpu / best[NOTHING][1]}
        for name, (wall, cpu) in best.items()
    }


def together(earlier: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Results of one program from two runs: what the later one measured replaces what the earlier one did."""
    names = {**now["tools"], **now["problems"]}
    kept = {tool: why for tool, why in earlier.get("problems", {}).items() if tool not in names}
    measured = {tool: found for tool, found in earlier.get("tools", {}).items() if tool not in names}
    plain = [one["tools"][NOTHING] for one in (earlier, now) if NOTHING in one.get("tools", {})]
    longest = {NOTHING: max(plain, key=lambda one: one["answers"] * len(one["ratios"]))} if plain else {}
    return {
        **earlier,
        **now,
        "problems": {**kept, **now["problems"]},
        "tools": {**measured, **now["tools"], **longest},
        "start_up": {**earlier.get("start_up", {}), **now.get("start_up", {})},
        "bias": now["bias"] or earlier.get("bias", []),
    }


def render(results: Sequence[dict[str, Any]]) -> str:
    """The tables as Markdown."""
    known = common.environment()
    names = [result["program"] for result in results]
    found = [found for result in results for found in (*result["tools"].values(), *result.get("start_up", {}).values())]
    busy = any(one.get("busy") for one in found)
    dates = sorted({found["date"] for result in results for found in result["tools"].values()})
    tools = [name for name in TOOLS if any(name in result["tools"] or name in result["problems"] for result in results)]
    lines = [
        "# What recording costs\n",
        _wrapped(
            "CPU time of the application's process per request, as a factor of the same program without a tool. All "
            "variants ran at the same time and were loaded in turns; medians of all rounds of several starts, with "
            f"quartiles. Node {known['node']}, pipetrace {known['pipetrace']}, {known['cores']} cores, "
            f"{' and '.join(dict.fromkeys((dates[0], dates[-1])))}. "
            f"Nothing else ran on the machine{f', but for what has a {BUSY}' if busy else ''}."
        ),
        "",
        common.markdown_table(("", *names), [(TOOLS[tool].name, *(_cell(r, tool) for r in results)) for tool in tools]),
        "",
        "Without a tool a request takes:",
        "",
        *(f"* {r['program']} ({r['what']}): {_duration(r['tools'][NOTHING]['cpu_us'])}" for r in results),
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
        lines += [
            "",
            "## Start-up\n",
            _wrapped(
                "From the begin of the process until it listens, best of several starts: wall time, and the factors of "
                "wall time and CPU time to those without a tool. None of it is in the table above. pipetrace "
                "instruments files in a process of its own, and keeps them for the next recording. "
                f"Aim: {START_UP_AIM:g} × wall time."
            ),
            "",
        ]
        rows = [(TOOLS[tool].name, *(_start_cell(r["start_up"], tool) for r in started)) for tool in tools]
        lines.append(common.markdown_table(("", *(r["program"] for r in started)), rows))
    if any(result["bias"] for result in results):
        lines += ["", *bias_table(results)]
    return "\n".join([*lines, ""])


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False))


def _cell(result: dict[str, Any], tool: str) -> str:
    found = result["tools"].get(tool)
    if found is None:
        return str(result["problems"].get(tool, "–"))
    low, high = found["quartiles"]
    failed = f", {found['failures']} failed" if found["failures"] else ""
    return "1" if tool == NOTHING else f"**{found['factor']:.2f}** ({low:.2f}–{high:.2f}{failed}){_mark(found)}"


def _mark(found: dict[str, Any]) -> str:
    return BUSY if found.get("busy") else ""


def _start_cell(start_up: dict[str, dict[str, float]], tool: str) -> str:
    found = start_up.get(tool)
    if found is None:
        return "–"
    if tool == NOTHING:
        return f"{found['wall_ms']:.0f} ms, CPU {found['cpu_ms']:.0f} ms"
    return f"{found['wall_ms']:.0f} ms (**{found['wall']:.2f}**, CPU {found['cpu']:.2f}){_mark(found)}"


def _duration(us: float) -> str:
    return f"{us / 1000:.1f} ms" if us >= 1000 else f"{us:.0f} µs"


@click.command()
@click.option("--program", "names", multiple=True, type=click.Choice(list(PROGRAMS)), help="Default: all.")
@click.option("--tool", "tools", multiple=True, type=click.Choice([*TOOLS][1:]), help="Default: all.")
@click.option(
    "--starts", default=3, show_default=True, help="How often each variant is started anew; 0 for --start-ups alone."
)
@click.option("--rounds", default=8, show_default=True, help="Of each start.")
@click.option("--warmup", default=6, show_default=True, help="Turns of each variant before figures are taken.")
@click.option("--scale", default=1.0, show_default=True, help="Length of a turn.")
@click.option("--start-ups", default=0, show_default=True, help="Also measure start-up, with so many starts.")
@click.option("--anyway", is_flag=True, help="Measure on a machine that is not quiet.")
@click.option("--merge", is_flag=True, help="Only put the results of earlier runs together.")
@click.option("--docs", type=click.Path(path_type=Path), help="Also write the tables to this file.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("benchmark-results"), show_default=True)
def main(
    names: tuple[str, ...], tools: tuple[str, ...], starts: int, rounds: int, warmup: int, scale: float, start_ups: int,
    anyway: bool, merge: bool, docs: Path | None, output: Path,
) -> None:  # fmt: skip
    """Measure what pipetrace and other tools cost; what earlier runs measured of other programs and tools is kept."""
    busy = [] if merge else common.check_quiet(anyway)
    for name in () if merge else names or tuple(PROGRAMS):
        chosen = program(name)
        wanted = [tool for tool in tools or [*TOOLS][1:] if chosen.es5 or not TOOLS[tool].es5_only]
        with tempfile.TemporaryDirectory(prefix="pipetrace-overhead-", ignore_cleanup_errors=True) as place:
            result = measure(
                chosen, wanted, starts=starts, rounds=rounds, warmup=warmup, scale=scale, folder=Path(place)
            )
            result["problems"] |= {tool: "needs ES5" for tool in tools if tool not in wanted}
            if start_ups:
                result["start_up"] = measure_start_up(chosen, wanted, rounds=start_ups, folder=Path(place))
            for found in (*result["tools"].values(), *result.get("start_up", {}).values()):
                found["busy"] = bool(busy)
        output.mkdir(parents=True, exist_ok=True)
        kept = output / f"overhead-{name}.json"
        earlier = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
        kept.write_text(json.dumps(together(earlier, result), indent=1) + "\n", encoding="utf-8")
    files = [output / f"overhead-{name}.json" for name in PROGRAMS]
    results = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]
    if not results:
        raise click.ClickException(f"there are no results in {output}; run it without --merge first.")
    text = render(results)
    click.echo(text)
    data = {"benchmark": "overhead", "environment": common.environment(), "results": results}
    common.write(output, "overhead", text, data)
    if docs is not None:
        docs.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except PipetraceError as error:
        sys.exit(f"benchmark: {error}")
