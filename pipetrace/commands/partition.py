"""`pipetrace partition`: from a recording to a plan."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from pipetrace.errors import UsageError
from pipetrace.partitioner.build import Move, Options
from pipetrace.partitioner.model import Transport
from pipetrace.partitioner.produce import produce_plan
from pipetrace.partitioner.violations import read_violations
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
    "wanted",
    multiple=True,
    metavar="gain|all|none|HANDLER",
    help="What to move: what gains (default), for tests all that legally can, nothing, or exactly the handlers named "
    "by their ids in a plan (may be given several times).",
)
@click.option(
    "--keep", multiple=True, metavar="HANDLER", help="A handler that stays, by its id (may be given several times)."
)
@click.option(
    "--violations",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="LOG",
    help="What `run` or `verify` logged: handlers that needed what another stage owned stay with it.",
)
@click.option(
    "--stateless",
    multiple=True,
    metavar="LIBRARY",
    help="A library of which each stage may keep its own, since no answer depends on what it keeps between calls, as "
    "on a cache (may be given several times).",
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
    wanted: tuple[str, ...],
    keep: tuple[str, ...],
    violations: tuple[Path, ...],
    stateless: tuple[str, ...],
) -> None:
    """Work out how handlers can be spread over machines.

    TRACE is a file that `pipetrace record` wrote; without it the newest in traces/ is taken. The plan says which
    handler runs where, what each stage owns, and why; it is meant to be read and edited.
    """
    move, only = _what_to_move(wanted)
    logged = tuple(violation for log in violations for violation in read_violations(log))
    produce_plan(
        trace or latest_trace(),
        output,
        Options(machines, transport, move_threshold, move, only, keep, logged, stateless),
        Console(highlight=False),
        lambda line: click.echo(line, err=True),
        force=force,
        as_json=as_json,
        every=every,
    )


def _what_to_move(wanted: tuple[str, ...]) -> tuple[Move, tuple[str, ...]]:
    """Tell a word for what to move from ids of handlers."""
    words: dict[str, Move] = {"gain": "gain", "all": "all", "none": "none"}
    if not wanted:
        return "gain", ()
    if len(wanted) == 1 and wanted[0] in words:
        return words[wanted[0]], ()
    mixed = next((name for name in wanted if name in words), None)
    if mixed is not None:
        raise UsageError(f"--move {mixed} stands alone: give it once, or name handlers only.")
    return "gain", wanted
