"""`pipetrace record`: run an application under observation and write a trace."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from pipetrace.tracer.record import Options, Recorded, record


@click.command(
    "record",
    context_settings={"allow_interspersed_args": False},
    options_metavar="[options]",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The trace file.  [default: traces/APP-TIME.duckdb]")
@click.option("--name", help="Name of the application in the default file name.")
@click.option("--force", is_flag=True, help="Replace an existing trace.")
@click.option("--on-port", metavar="CMD", help="Run CMD when the application listens ($PORT is set); stop when it ends.")
@click.option("--duration", type=click.FloatRange(min=0), metavar="S", help="Stop after S seconds.")
@click.option("--wait", type=click.FloatRange(min=0), default=30.0, metavar="S", show_default=True,
              help="With --on-port: how long the application may take to listen.")
@click.option("--memory", type=click.Choice(["off", "sampled", "full"]), default="sampled", show_default=True,
              help="Which invocations have their memory accesses recorded.")
@click.option("--capture-requests", is_flag=True, help="Keep the requests themselves too, for `verify`, in a file of their own.")
@click.option("--max-requests", type=click.IntRange(min=1), default=1000, show_default=True, metavar="N",
              help="Keep at most N requests.")
@click.option("--app", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
              help="The application's folder.  [default: package of the entry script]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.argument("command_line", nargs=-1, type=click.UNPROCESSED, metavar="[--] COMMAND...")
def command(command_line: tuple[str, ...], as_json: bool, quiet: bool, **values: Any) -> int:
    """Record a running Node.js application: handlers, causality, memory, cost.

    COMMAND is your own start command, as it is: `pipetrace record node app.js`. Ctrl-C stops and keeps the
    data. Values are never recorded, unless --capture-requests asks for the requests.
    """
    terminal = Console(stderr=True)
    with_progress = not quiet and terminal.is_terminal

    def progress(text: str) -> None:
        if with_progress:
            terminal.print(f"[dim]pipetrace: {text}[/dim]")

    options = Options(
        command=command_line, output=values["output"], name=values["name"], force=values["force"],
        on_port=values["on_port"], duration_s=values["duration"], wait_s=values["wait"], memory=values["memory"],
        capture_requests=values["capture_requests"], max_requests=values["max_requests"], app=values["app"],
    )
    result = record(options, progress)
    if as_json:
        print(json.dumps(_summary(result), indent=2))
    elif not quiet:
        _print(result)
    return result.exit_status


def _summary(result: Recorded) -> dict[str, Any]:
    return {
        "trace": str(result.trace), "requests": str(result.requests) if result.requests else None,
        "ending": result.ending, "exit_status": result.exit_status, "load_status": result.load_status,
        "rows": result.counts, "meta": result.meta,
    }


def _print(result: Recorded) -> None:
    meta = result.meta
    counts = result.counts
    overhead = meta["overhead"]
    print(
        f"Recorded {meta['duration_s']:.1f} s of {meta['app_name']}: {counts.get('invocation', 0):,} invocations in "
        f"{counts.get('chain', 0):,} chains, {counts.get('access', 0):,} memory accesses.",
        file=sys.stderr,
    )
    if overhead["total_ms"]:
        share = 100 * overhead["sampled_ms"] / overhead["total_ms"]
        print(
            f"{share:.0f} % of the handlers' time was watched for memory accesses; costs come from the rest.",
            file=sys.stderr,
        )
    if not meta["complete"]:
        print(f"The recording is partial: {meta['partial_reason']}.", file=sys.stderr)
    if result.load_status:
        print(f"The load command ended with status {result.load_status}; check its messages above.", file=sys.stderr)
    print(f"Wrote {result.trace}")
    if result.requests:
        print(f"Wrote {result.requests}")
    print(f"Next: pipetrace partition {result.trace} --machines 4", file=sys.stderr)
