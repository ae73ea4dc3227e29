"""Whether large recordings hold: records a second into the trace, the memory this takes, and how fast it is read."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent))
import _common as common

from pipetrace.errors import PipetraceError
from pipetrace.runner.node import find_node
from pipetrace.tracer.assemble import Collected, write_tables
from pipetrace.tracer.cpu_profile import CpuProfile
from pipetrace.tracer.spool import read_spool
from pipetrace.tracer.trace import TraceWriter
from pipetrace.tracer.transform import Transformer
from pipetrace.tracer.transform_cache import TransformCache

FUNCTIONS = 40
RATE_AIM = 1_000_000
MEMORY_AIM_MB = 400.0
AIMS_S = {"report": 15.0, "explain": 15.0, "partition": 60.0}
HEADINGS = ("recording", "invocations", "spool", "into the trace", "recorder's memory", "trace", "report", "explain",
            "partition", "their memory")  # fmt: skip

_WORDS = """\
Large recordings: how fast records come into the trace, and how long it takes to read one. *Recorder's memory* is the
highest resident memory of the recorder's process, *their memory* that of the three that read. *Written by the agent*:
the agent's own spool writes so many invocations, in chains of eight, and the trace is made of them as at the end of a
recording. *Promises*: a program makes so many and ends, below `pipetrace record`, memory accesses sampled; from half
of `--max-size` (1 GB) on, every second event is left out.

What a recorder holds is bounded: records stay in the spool until they are written to the trace in parts of 120 000,
and DuckDB is held to 256 MB. Two bytes for each invocation and four for each location remain. The spool is bounded by
`--max-size`."""


def _assemble(folder: Path) -> None:
    """Turn the spool into a trace, as the end of a recording does; prints seconds and peak memory."""
    app = folder / "app"
    app.mkdir()
    source = "\n".join(
        f"setInterval(function handler{number}() {{ return {number}; }}, 10);" for number in range(FUNCTIONS)
    )
    (app / "app.js").write_text(source, encoding="utf-8")
    transformer = Transformer(app, "off", TransformCache())
    transformer.transform(str(app / "app.js"), "commonjs", source)
    begun, used = time.perf_counter(), time.process_time()
    spool = read_spool(folder / "spool")
    collected = Collected(folder, app, spool, transformer.files, [], CpuProfile(), [], [])
    with TraceWriter(folder / "volume.duckdb", force=True) as writer:
        write_tables(writer, collected)
        writer.commit(
            {"tool_version": "benchmark", "created": "2026-01-01T00:00:00+00:00", "command": ["node", "app.js"],
             "cwd": str(app), "app_root": str(app), "entry": "app.js", "app_name": "volume", "node_version": "v20",
             "arguments": [], "duration_s": 10.0, "complete": True, "partial_reason": "", "ended": "the time was over",
             "exit_code": None, "signal": None, "memory_mode": "off", "init_end_ns": spool.init_end_ns,
             "lost_records": 0, "on_port": None, "load_exit_code": None, "listeners": [],
             "overhead": {"records": 0, "written_bytes": 0, "agent_share": None, "slow_down": None,
                          "sampled_time_share": None, "start_up_s": 0.0}}
        )  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    total_s, cpu_s = time.perf_counter() - begun, time.process_time() - used
    print(json.dumps({"total_s": total_s, "cpu_s": cpu_s, "peak_mb": peak}))


def _verb(folder: Path, *words: str) -> dict[str, Any]:
    """Run a verb of pipetrace and return its stdout, seconds, and peak memory of its own process."""
    program = "import resource, runpy, sys; sys.argv = ['pipetrace', *sys.argv[1:]]\n"
    program += "try:\n    runpy.run_module('pipetrace', run_name='__main__')\n"
    program += "except SystemExit as end:\n    status = end.code\n"
    program += "used = resource.getrusage(resource.RUSAGE_SELF)\n"
    program += "print(used.ru_maxrss / 1024, used.ru_utime + used.ru_stime, status or 0, file=sys.stderr)"
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - begun
    said = done.stderr.strip().splitlines()
    peak, cpu_s, status = said[-1].split()
    if status != "0":
        raise PipetraceError(f"pipetrace {words[0]} failed: {said[-2]}")
    return {"seconds": seconds, "cpu_s": float(cpu_s), "peak_mb": float(peak), "stdout": done.stdout}


def _read(folder: Path, trace: Path, handler: str) -> dict[str, Any]:
    """What reading a trace takes."""
    click.echo("  report, explain and partition", err=True)
    found = {
        "report": _verb(folder, "report", str(trace), "-f", "html", "-o", str(folder / "report.html")),
        "explain": _verb(folder, "explain", str(trace), handler),
        "partition": _verb(folder, "partition", str(trace), "-o", str(folder / "plan.json")),
    }
    for one in found.values():
        del one["stdout"]
    return {**found, "trace_mb": trace.stat().st_size / 1e6}


def written(records: int, folder: Path) -> dict[str, Any]:
    """Write, assemble and read so many records."""
    (folder / "spool").mkdir()
    click.echo(f"{records:,} records: writing", err=True)
    words = [find_node(), str(common.HERE / "spool.js"), str(folder / "spool"), str(records), str(FUNCTIONS)]
    spooled = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    click.echo("  assembling", err=True)
    words = [sys.executable, str(Path(__file__).resolve()), "--assemble", str(folder)]
    assembled = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return {
        "name": "written by the agent",
        "invocations": records,
        "spool_bytes": spooled["bytes"],
        "per_s": records / assembled["total_s"],
        "peak_mb": assembled["peak_mb"],
        "writing": spooled,
        "assembling": assembled,
        **_read(folder, folder / "volume.duckdb", "handler7"),
    }


def promised(promises: int, folder: Path) -> dict[str, Any]:
    """Record a program that makes so many promises, and read that."""
    click.echo(f"{promises:,} promises: recording", err=True)
    trace, program = folder / "promises.duckdb", str(common.HERE / "programs" / "promises.js")
    words = ("record", "--json", "-o", str(trace), "--app", str(Path(program).parent), "--")
    recorder = _verb(folder, *words, find_node(), program, str(promises))
    described = json.loads(recorder.pop("stdout").splitlines()[-1])
    return {
        "name": f"{promises / 1e6:g} million promises",
        "invocations": described["invocations"],
        "spool_bytes": described["meta"]["overhead"]["written_bytes"],
        "per_s": None,
        "peak_mb": recorder["peak_mb"],
        "recording": recorder,
        "left_out": described["meta"]["left_out"],
        **_read(folder, trace, "unit"),
    }


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    rate = result["per_s"]
    return (
        result["name"],
        f"{result['invocations'] / 1e6:.1f} M",
        f"{result['spool_bytes'] / 1e6:.0f} MB",
        "–" if rate is None else f"{rate / 1e6:.2f} M/s",
        f"{result['peak_mb']:.0f} MB",
        f"{result['trace_mb']:.0f} MB",
        *(f"{result[verb]['seconds']:.1f} s" for verb in AIMS_S),
        f"{max(result[verb]['peak_mb'] for verb in AIMS_S) / 1000:.1f} GB",
    )


def _verdicts(results: Sequence[dict[str, Any]]) -> list[str]:
    """The aims, met or not, by the worst result."""
    rates = [result["per_s"] for result in results if result["per_s"] is not None]
    found = []
    if rates:
        found.append((min(rates) >= RATE_AIM, f"{min(rates):,.0f} records/s into the trace (aim {RATE_AIM:,})"))
    peak = max(result["peak_mb"] for result in results)
    found.append((peak <= MEMORY_AIM_MB, f"the recorder's memory is {peak:.0f} MB (aim {MEMORY_AIM_MB:.0f} MB)"))
    for verb, aim in AIMS_S.items():
        slowest = max(result[verb]["seconds"] for result in results)
        found.append((slowest <= aim, f"{verb} takes {slowest:.1f} s at most (aim {aim:.0f} s)"))
    return [f"* {'met' if met else 'NOT met'}: {words}." for met, words in found]


@click.command()
@click.option(
    "--records", multiple=True, type=click.IntRange(min=0), default=(1_000_000, 10_000_000), show_default=True
)
@click.option("--promises", type=click.IntRange(min=0), default=7_000_000, show_default=True)
@click.option("--anyway", is_flag=True, help="Measure on a machine that is not quiet.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("benchmark-results"), show_default=True)
@click.option("--docs", type=click.Path(path_type=Path), help="Also write the page to this file.")
@click.option("--assemble", type=click.Path(path_type=Path), hidden=True)
def main(
    records: tuple[int, ...], promises: int, anyway: bool, output: Path, docs: Path | None, assemble: Path | None
) -> None:
    """Measure how invocation records come into the trace, and how long large traces take to read.

    A number of 0 leaves its part out.
    """
    if assemble:
        _assemble(assemble)
        return
    busy = common.check_quiet(anyway)
    results = []
    for count in filter(None, records):
        with tempfile.TemporaryDirectory(prefix="pipetrace-volume-") as place:
            results.append(written(count, Path(place)))
    if promises:
        with tempfile.TemporaryDirectory(prefix="pipetrace-volume-") as place:
            results.append(promised(promises, Path(place)))
    known = common.environment()
    text = "\n".join(
        [
            "# Volume\n",
            f"Made by `python benchmarks/volume.py`: Node {known['node']}, pipetrace {known['pipetrace']}, "
            f"{known['cores']} cores, {time.strftime('%Y-%m-%d')}. "
            + (f"The machine was not quiet: {', '.join(busy)}." if busy else "Nothing else ran on the machine."),
            "",
            _WORDS,
            "",
            common.markdown_table(HEADINGS, [_row(result) for result in results]),
            "",
            *_verdicts(results),
            "",
        ]
    )
    click.echo(text)
    common.write(
        output, "volume", text, {"benchmark": "volume", "environment": known, "busy": busy, "results": results}
    )
    if docs is not None:
        docs.write_text(text, encoding="utf-8")
        click.echo(f"Wrote {docs}", err=True)


if __name__ == "__main__":
    try:
        main()
    except PipetraceError as error:
        sys.exit(f"benchmark: {error}")
