"""`pipetrace partition`: from a recording to a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click
from rich.console import Console

from pipetrace.partitioner.build import Options
from pipetrace.partitioner.model import Transport
from pipetrace.partitioner.produce import produce_plan
from pipetrace.tracer.trace import latest_trace


@click.command()
@click.argument("trace", required=False, type=click.Path(path_type=Path))
@click.option(
    "-m", "--machines", type=int, default=4, show_default=True, help="Machines, or cores of one machine with threads."
)
@click.option(
    "--transport",
    type=click.Choice(["threads", "nats"]),
    default="threads",
    show_default=True,
    help="How stages talk: worker threads of one machine, or several machines over NATS.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="plan.json",
    show_default=True,
    help="Where to write; '-' is standard output.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON instead of tables.")
@click.option("--all", "every", is_flag=True, help="List all handlers and all state.")
@click.option(
    "--move-threshold",
    type=float,
    metavar="US",
    help="Mean CPU in µs from which a handler may move.  [default: 200 with threads, 500 with nats]",
)
@click.option(
    "--move",
    type=click.Choice(["gain", "all"]),
    default="gain",
    show_default=True,
    help="What to move: what gains, or for tests all that legally can.",
)
def command(
    trace: Path | None,
    machines: int,
    transport: Transport,
    output: Path,
    force: bool,
    as_json: bool,
    every: bool,
    move_threshold: float | None,
    move: Literal["gain", "all"],
) -> None:
    """Work out how the handlers of a recorded application can be spread over machines.

    TRACE is a file that `pipetrace record` wrote; without it the newest in traces/ is taken. The plan says which
    handler runs where, what each stage owns, and why; it is meant to be read and edited.
    """
    produce_plan(
        trace or latest_trace(),
        output,
        Options(machines, transport, move_threshold, move),
        Console(highlight=False),
        lambda line: click.echo(line, err=True),
        force=force,
        as_json=as_json,
        every=every,
    )
