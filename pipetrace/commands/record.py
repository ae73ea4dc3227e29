"""`pipetrace record`: run an application and write down what it does."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Literal

import click

from pipetrace.errors import UsageError
from pipetrace.tracer.attach_record import AttachOptions, record_attached
from pipetrace.tracer.record import Recorded, RecordOptions, record

SMALLEST = 1_000_000
"""Bytes below which --max-size would leave nothing to tell."""


class Size(click.ParamType[int]):
    """A number of bytes: 500MB, 2GB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)b?", str(value).strip(), re.IGNORECASE)
        found = int(float(match[1]) * 1000 ** " kmg".index(match[2].lower() or " ")) if match else 0
        if found >= SMALLEST:
            return found
        return self.fail(f"{value} is no size of 1 MB or more; write it like 500MB or 2GB.", param, ctx)


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Trace file to write.  [default: traces/<app>-<time>.duckdb]",
)
@click.option("--force", is_flag=True, help="Overwrite an existing trace.")
@click.option("--attach", metavar="PID|PORT|URL",
              help="Record a process that runs already, found by its id, its port, or its inspector's address; "
              "it is left as it was.")  # fmt: skip
@click.option("--allow-stall", "allow_stall_s", type=click.FloatRange(min=0.05), default=1.0, show_default=True,
              metavar="S", help="Longest time that one edit may hold up a process that is attached to.")  # fmt: skip
@click.option(
    "--on-port",
    metavar="CMD",
    help="Run CMD in a shell when the application listens, with its port in $PORT; stop when CMD ends.",
)
@click.option("--wait", "wait_s", type=click.FloatRange(min=0.1), default=30.0, show_default=True,
              metavar="S", help="Seconds that the application may take to listen (with --on-port).")  # fmt: skip
@click.option("--duration", "duration_s", type=click.FloatRange(min=0.1), metavar="S",
              help="Stop after S seconds.")  # fmt: skip
@click.option(
    "--memory",
    type=click.Choice(["off", "sampled", "full"]),
    default="sampled",
    show_default=True,
    help="Which invocations record their memory accesses: none, a sample of each function's, all.",
)
@click.option(
    "--capture-requests",
    is_flag=True,
    help="Keep the requests in a private file beside the trace, for `pipetrace verify`.",
)
@click.option("--max-requests", type=click.IntRange(min=1), default=1000, show_default=True,
              metavar="N", help="Keep at most N requests.")  # fmt: skip
@click.option("--max-size", "max_bytes", type=Size(), default="1GB", show_default=True, metavar="SIZE",
              help="Leave events out, evenly and ever more of them, so that no process records more.")  # fmt: skip
@click.option("--name", help="Name of the application in the trace.  [default: from its package.json]")
@click.option(
    "--app",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The application's directory.  [default: the package of the entry script]",
)
@click.option(
    "--include",
    type=click.Path(path_type=Path),
    metavar="DIR",
    multiple=True,
    help="Record a dependency as part of the application, for example node_modules/NAME (may be repeated).",
)
@click.option("--json", "as_json", is_flag=True, help="Describe the recording as JSON on stdout; "
              "what the application prints there goes to stderr.")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def command(
    command: tuple[str, ...],
    output: Path | None,
    force: bool,
    attach: str | None,
    allow_stall_s: float,
    on_port: str | None,
    wait_s: float,
    duration_s: float | None,
    memory: Literal["off", "sampled", "full"],
    capture_requests: bool,
    max_requests: int,
    max_bytes: int,
    name: str | None,
    app: Path | None,
    include: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> int:
    """Record what the handlers of a Node.js application do.

    COMMAND is whatever starts the application: `node app.js`, `npm start`, `npx name`. The recording ends when
    it ends, after --duration, when the load of --on-port ends, or with Ctrl-C, which keeps the data (twice:
    at once). The exit status is the application's if it ends by itself, else 0. Values are never recorded.

    \b
    pipetrace record node app.js
    pipetrace record --on-port 'autocannon -d 10 http://127.0.0.1:$PORT/' -- npm start
    pipetrace record --attach 4711 --duration 30
    """
    talks = sys.stderr.isatty() and not quiet
    options = RecordOptions(
        command=command,
        output=output,
        force=force,
        on_port=on_port,
        duration_s=duration_s,
        wait_s=wait_s,
        memory=memory,
        capture_requests=capture_requests,
        max_requests=max_requests,
        max_bytes=max_bytes,
        name=name,
        app=app,
        include=include,
        stdout=2 if as_json else None,
    )

    def say(line: str) -> None:
        if talks:
            click.echo(f"pipetrace: {line}", err=True)

    if attach is not None:
        if command or capture_requests:
            raise UsageError(
                "--attach records a process that runs already; leave the command and --capture-requests out."
            )
        warn = (lambda line: None) if quiet else (lambda line: click.echo(f"pipetrace: {line}", err=True))
        recorded = record_attached(AttachOptions(options, attach, allow_stall_s), say, warn)
    else:
        recorded = record(options, say)
    if as_json:
        click.echo(json.dumps(_described(recorded)))
    if not quiet:
        _tell(recorded)
    return recorded.exit_status


def _tell(recorded: Recorded) -> None:
    for remark in recorded.remarks:
        click.echo(f"pipetrace: {remark}", err=True)
    counts, overhead = recorded.counts, recorded.meta["overhead"]
    factor = overhead["slow_down"]
    slow = f"; recording slowed the application by at least {factor:.2f}×" if factor else ""
    click.echo(
        f"{recorded.meta['duration_s']:.1f} s, {counts['chains']} events, {counts['invocations']} invocations, "
        f"{counts['accesses']} memory accesses; recording wrote {overhead['written_bytes'] / 1e6:.1f} MB{slow}.",
        err=True,
    )
    if recorded.requests is not None:
        click.echo(f"Wrote {recorded.requests.path} ({recorded.requests.requests} requests, private)", err=True)
    click.echo(f"Wrote {recorded.path}", err=True)
    planned = "" if recorded.meta.get("attached") else ", or pipetrace partition --machines 4"
    click.echo(f"Next: pipetrace report{planned}", err=True)


def _described(recorded: Recorded) -> dict[str, object]:
    return {
        "trace": str(recorded.path),
        "requests": str(recorded.requests.path) if recorded.requests else None,
        "exit_status": recorded.exit_status,
        "remarks": list(recorded.remarks),
        **recorded.counts,
        "meta": recorded.meta,
    }
