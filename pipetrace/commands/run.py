"""`pipetrace run`: start a staged application as its original was started."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipetrace.errors import UsageError
from pipetrace.runner.foreground import run_in_foreground
from pipetrace.runner.staged import load_staged
from pipetrace.runner.transport import open_transport


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("staged", type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--transport",
    default="threads",
    show_default=True,
    metavar="NAME",
    help="threads; nats (a broker of its own); or nats://HOST:PORT.",
)
@click.option(
    "--replicas", type=click.IntRange(0, 256), help="Copies of each stage without state, instead of the plan's."
)
@click.option("--stage", help="Run only this stage, as one process (over NATS).")
@click.option("--group", default="", help="Name that the processes of one application share on a broker.")
@click.option(
    "--node", metavar="PATH", help="Run with this node.  [default: that of the recording, else the first on the PATH]"
)
@click.option(
    "--violations",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="LOG",
    help="Append to LOG what a handler could not do on its stage, for `pipetrace partition --violations LOG`.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing beside what the application says.")
def command(
    staged: Path, arguments: tuple[str, ...], transport: str, replicas: int | None, stage: str | None, group: str,
    node: str | None, violations: Path | None, quiet: bool,
) -> int:  # fmt: skip
    """Start a staged application with all its stages.

    STAGED is started with the recorded command's node flags, arguments and directory.

    ARGUMENTS after `--` replace the recorded ones. stdio, signals and exit status are the application's own.
    Over NATS the stage processes are started too, and stopped when the application ends.
    """
    app = load_staged(staged, node=node)
    if stage is not None:
        known = ["entry", *(one.id for one in app.stages)]
        if stage not in known:
            raise UsageError(f"the plan has no stage {stage!r}; it has {', '.join(known)}.")
        if not transport.startswith("nats://"):
            raise UsageError("--stage runs one process of several, so it needs --transport nats://HOST:PORT.")

    def say(text: str) -> None:
        if not quiet:
            print(f"pipetrace: {text}", file=sys.stderr)

    if app.node_remark:
        say(app.node_remark)
    with open_transport(transport) as opened:
        return run_in_foreground(
            app, opened, stage=stage, replicas=replicas, arguments=arguments or None, group=group,
            violations=violations, say=say,
        )  # fmt: skip
