"""`pipetrace rewrite`: from a plan to a staged application."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pipetrace.partitioner.plan import load_plan
from pipetrace.rewriter.rewrite import rewrite
from pipetrace.rewriter.summary import summary_lines


@click.command()
@click.argument("plan", required=False, default="plan.json", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    default="staged",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Directory to make.",
)
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    help="Directory of the application's package.  [default: where it was recorded]",
)
@click.option("--diff", "show_diff", is_flag=True, help="Print all changes as a unified diff.")
@click.option("--force", is_flag=True, help="Replace a staged application that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(plan: Path, output: Path, source: Path | None, show_diff: bool, force: bool, as_json: bool) -> None:
    """Write the staged application that a plan describes.

    The source itself is never changed. PLAN is a file that `pipetrace partition` wrote (default: plan.json). The
    result is a copy of the package with small edits, its plan and its runtime; `pipetrace run` starts it.
    """
    loaded = load_plan(plan)
    result = rewrite(loaded, source or Path(loaded.trace.app_root), output, force=force)
    if as_json:
        click.echo(json.dumps({**result.to_json(), **({"diff": result.diff} if show_diff else {})}, indent=2))
        return
    if show_diff:
        click.echo(result.diff, nl=False)
    for line in summary_lines(result):
        click.echo(line, err=show_diff)
