"""`pipetrace rewrite`: from a plan to a staged application."""

from __future__ import annotations

import json
from pathlib import Path

import click
from click.core import ParameterSource

from pipetrace.errors import UsageError
from pipetrace.partitioner.plan import load_plan
from pipetrace.rewriter.in_place import undo
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
@click.option(
    "--in-place", is_flag=True, help="Change the source itself instead, where its git tree is clean; see --undo."
)
@click.option("--undo", "undo_wanted", is_flag=True, help="Take back what --in-place did in --source (default: here).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def command(
    context: click.Context, plan: Path, output: Path, source: Path | None, show_diff: bool, force: bool, in_place: bool,
    undo_wanted: bool, as_json: bool,
) -> None:  # fmt: skip
    """Write the staged application that a plan describes.

    PLAN is a file that `pipetrace partition` wrote (default: plan.json). The result is a copy of the package with
    small edits, its plan and its runtime; `pipetrace run` starts it. The source itself is changed only with
    --in-place.
    """
    chosen = context.get_parameter_source("output") is not ParameterSource.DEFAULT
    if (in_place or undo_wanted) and (chosen or force or (in_place and undo_wanted)):
        raise UsageError("--in-place and --undo stand alone: they write no copy, so they take neither -o nor --force.")
    if undo_wanted:
        restored = undo(source or Path.cwd())
        for path in restored:
            click.echo(f"{path}: as it was")
        return
    loaded = load_plan(plan)
    result = rewrite(loaded, source or Path(loaded.trace.app_root), None if in_place else output, force=force)
    if as_json:
        click.echo(json.dumps({**result.to_json(), **({"diff": result.diff} if show_diff else {})}, indent=2))
        return
    if show_diff:
        click.echo(result.diff, nl=False)
    for line in summary_lines(result):
        click.echo(line, err=show_diff)
