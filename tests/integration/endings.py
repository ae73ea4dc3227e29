"""A program that records a command several times in one process and prints how it ended each time, as JSON.

It runs by itself, because the agent uses its inspector only where the application's stderr is a pipe or a terminal.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pipetrace.tracer import inspection, launch
from pipetrace.tracer.cdp import Session
from pipetrace.tracer.following import Following, Orders


class Closings:
    """Counts the connections that stood when the recorder closed them."""

    def __init__(self) -> None:
        self.standing = 0
        self._close = Session.close

    def __call__(self, session: Session) -> None:
        self.standing += session.alive
        self._close(session)


def main(count: int, argv: list[str]) -> None:
    """Record and print."""
    closings = Closings()
    # A busy machine must not decide who closes.
    inspection._PARTING_S = 60.0
    setattr(Session, "close", lambda session: closings(session))  # noqa: B010 - mypy refuses to replace a method
    options = {
        "app_root": str(Path.cwd()), "include": [], "launchers": [], "memory": "sampled",
        "capture_requests": False, "max_requests": 10, "max_bytes": 10**9,
    }  # fmt: skip
    orders = Orders(memory="sampled", on_port=None, duration_s=None, wait_s=30.0, stdout=None, options=options)
    command = launch.check_command(argv)
    statuses, attached = [], 0
    for _ in range(count):
        with Following(command, orders, lambda: 0) as following:
            following.stop(following.follow(lambda line: None))
            assert following.process is not None
            statuses.append(following.process.returncode)
            attached += sum(each.inspection is not None and each.inspection.attached for each in following.candidates)
    print(json.dumps({"statuses": statuses, "attached": attached, "standing": closings.standing}))


main(int(sys.argv[1]), sys.argv[2:])
