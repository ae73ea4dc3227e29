"""The command line: one module a verb, found by name when the verb is used."""

from __future__ import annotations

import importlib
import importlib.util
import sys

import click

from pipetrace import __version__
from pipetrace.errors import PipetraceError

VERBS = ("record", "partition", "rewrite", "run", "verify", "report", "export", "explain")


class _Verbs(click.Group):
    """Imports a verb's module only when it is needed, so that `--help` starts quickly."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [verb for verb in VERBS if importlib.util.find_spec(f"pipetrace.commands.{verb}") is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"pipetrace.commands.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pipetrace")
def pipetrace() -> None:
    """Record a Node.js server, split it into stages for several cores or machines, and prove the result."""


def run_command_line(args: list[str] | None = None) -> int:
    """Run one verb and return the exit status; errors that a user can cure become one sentence on stderr."""
    try:
        result = pipetrace.main(args=args, prog_name="pipetrace", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        print("pipetrace: interrupted.", file=sys.stderr)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except PipetraceError as error:
        print(f"pipetrace: {error}", file=sys.stderr)
        return error.exit_status
    return result if isinstance(result, int) else 0
