"""`pipetrace verify`: compare a staged application with its original, then measure both."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from pipetrace.errors import PipetraceError, UsageError
from pipetrace.runner.requests import read_requests, select
from pipetrace.runner.staged import load_staged, request_file
from pipetrace.runner.transport import open_transport
from pipetrace.runner.verdict import as_json, as_text
from pipetrace.runner.verify import Verdict, VerifyOptions, verify


@click.command()
@click.argument("staged", type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--requests",
    "requests_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Request file; default: the one recorded with the plan's trace.",
)
@click.option(
    "--limit",
    default=1000,
    show_default=True,
    type=click.IntRange(1),
    help="Replay the first N requests, and the first of each kind that comes later.",
)
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
@click.option(
    "--concurrency",
    default=8,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Clients in the concurrent phase and in the measurement.",
)
@click.option(
    "--timeout",
    default=20.0,
    show_default=True,
    type=click.FloatRange(0.1),
    metavar="S",
    help="Longest wait for one answer.",
)
@click.option(
    "--linger",
    default=0.0,
    type=click.FloatRange(0),
    metavar="S",
    help="Let each run S seconds longer after the replay, for what timers do.",
)
@click.option(
    "--node", metavar="PATH", help="Run with this node.  [default: that of the recording, else the first on the PATH]"
)
@click.option(
    "--violations",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="LOG",
    help="Append to LOG what a handler could not do on its stage, for `pipetrace partition --violations LOG`.",
)
@click.option("--no-measure", is_flag=True, help="Compare only.")
@click.option(
    "--duration",
    default=4.0,
    show_default=True,
    type=click.FloatRange(0.1),
    metavar="S",
    help="Seconds of each measurement.",
)
@click.option("--rounds", default=2, show_default=True, type=click.IntRange(1), help="Measurements of each, in turn.")
@click.option("--json", "json_wanted", is_flag=True, help="Write the result as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
def command(
    staged: Path, arguments: tuple[str, ...], requests_path: Path | None, limit: int, transport: str,
    replicas: int | None, concurrency: int, timeout: float, linger: float, node: str | None,
    violations: Path | None, no_measure: bool, duration: float, rounds: int, json_wanted: bool,
    quiet: bool,
) -> int:  # fmt: skip
    """Compare a staged application's answers with the original's.

    Requests are replayed against the original and the staged application in STAGED and compared byte by byte.

    The original is started at least twice, to learn what varies by itself. ARGUMENTS after `--` replace the
    recorded ones for both. Exit status: 0 equal, 1 different, 2 not carried out.
    """
    try:
        app = load_staged(staged, node=node)
        if app.in_place:
            raise UsageError(
                f"{staged} was rewritten in place, so there is no original to compare with; make a staged copy "
                "with pipetrace rewrite -o."
            )
        path = requests_path or request_file(app)
        if requests_path is None and not path.is_file():
            raise UsageError(
                f"there is no request file for the plan's trace ({path}); record with --capture-requests, or give "
                "one with --requests FILE."
            )
        requests = select(read_requests(path), limit)
        show = not quiet and sys.stderr.isatty()
        options = VerifyOptions(
            clients=concurrency, timeout_s=timeout, linger_s=linger, measure=not no_measure, duration_s=duration,
            rounds=rounds, arguments=arguments or None, replicas=replicas, violations=violations,
            say=_progress if show else lambda text: None,
        )  # fmt: skip
        try:
            with open_transport(transport) as opened:
                verdict = verify(app, requests, opened, options)
        finally:
            if show:
                _progress("")
    except UsageError:
        raise
    except PipetraceError as error:
        raise UsageError(str(error)) from None
    _print(verdict, json_wanted)
    return 0 if verdict.equal else 1


def _print(verdict: Verdict, json_wanted: bool) -> None:
    if json_wanted:
        print(json.dumps(as_json(verdict), indent=2))
        return
    terminal = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = max(80, min(140, os.get_terminal_size().columns)) if sys.stdout.isatty() else 100
    print(as_text(verdict, width=width, color=terminal), end="")


def _progress(text: str) -> None:
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
