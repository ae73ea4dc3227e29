"""`python -m pipetrace` and the command `pipetrace`."""

from __future__ import annotations

import sys

from pipetrace.commands import run_command_line


def main(args: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    return run_command_line(args)


if __name__ == "__main__":
    sys.exit(main())
