"""`pipetrace explain`: the evidence behind a classification."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from pipetrace.partitioner.build import Options
from pipetrace.partitioner.model import Transport
from pipetrace.partitioner.produce import explain_in_trace


@click.command()
@click.argument("trace", type=click.Path(path_type=Path))
@click.argument("what", metavar="HANDLER|LOCATION")
@click.option("--transport", type=click.Choice(["threads", "nats"]), default="threads", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of sentences.")
def command(trace: Path, what: str, transport: Transport, as_json: bool) -> None:
    """Show why a handler moves or stays, and what is state.

    TRACE is a file that `pipetrace record` wrote. HANDLER is an id of plan.json, a function's name, or file:line;
    LOCATION an id of plan.json or a variable's name.
    """
    explain_in_trace(trace, what, Options(transport=transport), Console(highlight=False), as_json=as_json)
