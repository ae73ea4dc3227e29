"""Whether large recordings hold: records a second into the trace, the memory this takes, and how fast it is read."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
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
READ_AIM_S = 10.0


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
    before = _peak_mb()
    begun = time.perf_counter()
    spool = read_spool(folder / "spool")
    read_s = time.perf_counter() - begun
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
    total_s = time.perf_counter() - begun
    print(json.dumps({"total_s": total_s, "read_s": read_s, "peak_mb": _peak_mb(), "before_mb": before}))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _verb(folder: Path, *words: str) -> dict[str, float]:
    """Run a verb of pipetrace and return seconds and peak memory."""
    program = "import resource, runpy, sys; sys.argv = ['pipetrace', *sys.argv[1:]]\n"
    program += "try:\n    runpy.run_module('pipetrace', run_name='__main__')\n"
    program += "except SystemExit as end:\n    status = end.code\n"
    program += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, status or 0, file=sys.stderr)"
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - begun
    said = done.stderr.strip().splitlines()
    peak, status = said[-1].split()
    if status != "0":
        raise PipetraceError(f"pipetrace {words[0]} failed: {said[-2]}")
    return {"seconds": seconds, "peak_mb": float(peak)}


def measure(records: int, folder: Path) -> dict[str, Any]:
    """Write, assemble and read so many records."""
    (folder / "spool").mkdir()
    click.echo(f"{records:,} records: writing", err=True)
    words = [find_node(), str(common.HERE / "spool.js"), str(folder / "spool"), str(records), str(FUNCTIONS)]
    written = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    click.echo("  assembling", err=True)
    words = [sys.executable, str(Path(__file__).resolve()), "--assemble", str(folder)]
    assembled = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    trace = folder / "volume.duckdb"
    click.echo("  report and partition", err=True)
    return {
        "records": records,
        "written": written,
        "assembled": assembled,
        "trace_mb": trace.stat().st_size / 1e6,
        "report": _verb(folder, "report", str(trace), "-f", "html", "-o", str(folder / "report.html")),
        "partition": _verb(folder, "partition", str(trace), "-o", str(folder / "plan.json")),
    }


@click.command()
@click.option(
    "--records", multiple=True, type=click.IntRange(min=1000), default=(1_000_000, 10_000_000), show_default=True
)
@click.option("--anyway", is_flag=True, help="Measure on a machine that is not quiet.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("benchmark-results"), show_default=True)
@click.option("--assemble", type=click.Path(path_type=Path), hidden=True)
def main(records: tuple[int, ...], anyway: bool, output: Path, assemble: Path | None) -> None:
    """Measure how invocation records come into the trace, and how long large traces take to read."""
    if assemble:
        _assemble(assemble)
        return
    busy = common.check_quiet(anyway)
    results = []
    for count in records:
        with tempfile.TemporaryDirectory(prefix="pipetrace-volume-") as place:
            results.append(measure(count, Path(place)))
    rows = [
        (
            f"{r['records']:,}",
            f"{1e9 * r['written']['cpu_s'] / r['records']:.0f} ns",
            f"{r['written']['rss_mb']:.0f} MB",
            f"{r['records'] / r['assembled']['total_s'] / 1e6:.2f} M/s",
            f"{r['assembled']['peak_mb']:.0f} MB",
            f"{r['trace_mb']:.0f} MB",
            f"{r['report']['seconds']:.1f} s",
            f"{r['partition']['seconds']:.1f} s",
        )
        for r in results
    ]
    headings = ("invocations", "CPU to write one", "writer's memory", "into the trace", "memory of it", "trace",
                "report", "partition")  # fmt: skip
    aims = []
    for r in results:
        rate, slowest = r["records"] / r["assembled"]["total_s"], max(r["report"]["seconds"], r["partition"]["seconds"])
        aims.append(f"* {'met' if rate >= RATE_AIM else 'NOT met'}: {r['records']:,}: {rate:,.0f} records/s "
                    f"(aim {RATE_AIM:,}).")  # fmt: skip
        aims.append(f"* {'met' if slowest <= READ_AIM_S else 'NOT met'}: {r['records']:,}: read in {slowest:.1f} s "
                    f"(aim {READ_AIM_S:g} s).")  # fmt: skip
    known = common.environment()
    text = "\n".join(
        [
            "# Volume\n",
            f"Node {known['node']}, pipetrace {known['pipetrace']}, {known['cores']} cores, "
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
    common.write(
        output, "volume", text, {"benchmark": "volume", "environment": known, "busy": busy, "results": results}
    )


if __name__ == "__main__":
    try:
        main()
    except PipetraceError as error:
        sys.exit(f"benchmark: {error}")
