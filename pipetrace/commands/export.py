"""`pipetrace export`: a recording in the formats of other viewers."""

from __future__ import annotations

from pathlib import Path

import click

from pipetrace.report.produce import EXPORTS, make_export
from pipetrace.tracer.trace import latest_trace


@click.command()
@click.argument("trace", required=False, type=click.Path(path_type=Path))
@click.option(
    "-f", "--format", "form", type=click.Choice(list(EXPORTS)), required=True, help="The viewer to write for."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Where to write; '-' is standard output, a name in .gz is compressed.  "
    "[default: pipetrace-<trace>.<format>.json]",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=500_000,
    show_default=True,
    help="Export at most so many invocations, the earliest ones.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def command(trace: Path | None, form: str, output: Path | None, limit: int, force: bool) -> None:
    """Export a recording for another viewer.

    perfetto: Trace Event JSON for ui.perfetto.dev: slices by process, arrows from cause to effect, counters.
    speedscope: for speedscope.app: the order of time, and the CPU by causal chain.

    TRACE is a file that `pipetrace record` wrote; without it the newest in traces/ is taken.
    """
    make_export(
        trace or latest_trace(),
        form,
        output,
        limit=limit,
        force=force,
        say=lambda line: click.echo(line, err=True),
    )
