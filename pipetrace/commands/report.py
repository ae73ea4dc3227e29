"""`pipetrace report`: what a recording says, in words first."""

from __future__ import annotations

from pathlib import Path

import click

from pipetrace.report.produce import make_report
from pipetrace.tracer.trace import latest_trace


@click.command()
@click.argument("trace", required=False, type=click.Path(path_type=Path))
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["terminal", "html", "md", "json"]),
    help="One form only; without it: a summary here and an HTML file.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as -f json.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Where to write; '-' is standard output.  [default: pipetrace-report-<trace>.html]",
)
@click.option(
    "--plan",
    type=click.Path(path_type=Path),
    help="The plan made from this trace.  [default: plan.json here, if it belongs to the trace]",
)
@click.option("--no-source", is_flag=True, help="Leave the application's source out of the report.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def command(
    trace: Path | None,
    form: str | None,
    as_json: bool,
    output: Path | None,
    plan: Path | None,
    no_source: bool,
    force: bool,
) -> None:
    """Write the performance review report of a recording.

    It has the diagnosis, the handlers, what they share, and what could move.

    TRACE is a file that `pipetrace record` wrote; without it the newest in traces/ is taken. The HTML report
    is one file that fetches nothing; values were never recorded, source is shown unless --no-source is given.
    """
    make_report(
        trace or latest_trace(),
        "json" if as_json else form,
        output,
        plan=plan,
        force=force,
        with_source=not no_source,
        say=lambda line: click.echo(line, err=True),
    )
