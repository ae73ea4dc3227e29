"""The errors that a user can cause or cure; every other exception is a bug of pipetrace."""

from __future__ import annotations


class PipetraceError(Exception):
    """A failure with a known cause and cure.

    The message is one sentence that names the cause and the cure. The command line prints it to stderr
    and exits with ``exit_status``; no traceback is shown.
    """

    exit_status: int = 1


class UsageError(PipetraceError):
    """The command was called in a way that it cannot carry out (exit status 2)."""

    exit_status = 2
