"""Runs a staged application in the foreground: stdio, signals and exit status are the application's own."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipetrace.runner.launch import STARTUP_PROBE, port_in_use, stop_groups
from pipetrace.runner.staged import StagedApp
from pipetrace.runner.stages import replica_counts, stage_environment
from pipetrace.runner.transport import Transport

_PASSED_ON = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
)

_FROM_TERMINAL = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGWINCH})
"""What a terminal sends to the whole foreground group, so that the application has it already."""


def run_in_foreground(
    staged: StagedApp,
    transport: Transport,
    *,
    stage: str | None = None,
    replicas: int | None = None,
    arguments: Sequence[str] | None = None,
    group: str = "",
    say: Callable[[str], None] = lambda text: None,
) -> int:
    """Run until the application ends and return its exit status (128 + N when signal N ended it).

    With `stage` only a process of that stage is run. Otherwise the entry is, and over NATS the other stages with
    it; those are stopped when the entry has ended.
    """
    argv = staged.staged_command(arguments)
    scratch = Path(tempfile.mkdtemp(prefix="pipetrace-run-"))
    helpers: list[subprocess.Popen[bytes]] = []
    failure = scratch / "failure.jsonl"
    with _blocked_signals() as unblock:
        try:
            if stage is None and transport.processes and staged.moved:
                for name, count in replica_counts(staged, replicas):
                    env = stage_environment(staged, transport, stage=name, replicas=replicas, group=group)
                    helpers += [
                        subprocess.Popen(
                            argv,
                            cwd=staged.cwd,
                            env=env,
                            stdin=subprocess.DEVNULL,
                            start_new_session=True,
                            preexec_fn=unblock,
                        )
                        for _ in range(count)
                    ]
                say(f"{len(helpers)} stage process(es) started")
            env = stage_environment(staged, transport, stage=stage or "entry", replicas=replicas, group=group)
            # The mask has to be given back in the child: a blocked SIGTERM would stay blocked there.
            env["PIPETRACE_FAILURE_FILE"] = str(failure)
            argv[1:1] = ["--require", str(STARTUP_PROBE)]
            process = subprocess.Popen(argv, cwd=staged.cwd, env=env, preexec_fn=unblock)
            status = _wait(process)
            taken = port_in_use(failure)
            if status != 0 and taken is not None:
                say(f"the port {taken} is in use; stop the process that has it, or give another port after `--`.")
        finally:
            stop_groups(helpers, 5.0)
            shutil.rmtree(scratch, ignore_errors=True)
    return status if status >= 0 else 128 - status


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process; pass signals on that were sent to us and not to it as well."""
    if not hasattr(signal, "sigwaitinfo"):
        return process.wait()
    while process.poll() is None:
        received = signal.sigwaitinfo([*_PASSED_ON, signal.SIGCHLD])
        number = signal.Signals(received.si_signo)
        if number == signal.SIGCHLD:
            continue
        sent_by_terminal = number in _FROM_TERMINAL and received.si_pid == 0
        if not sent_by_terminal:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
    return process.returncode


@contextlib.contextmanager
def _blocked_signals() -> Iterator[Callable[[], None]]:
    """Block the signals that are passed on, and give what restores the mask (for a child before it starts)."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [*_PASSED_ON, signal.SIGCHLD])

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        yield unblock
    finally:
        sys.stdout.flush()
        # What came after the application had ended is for nobody.
        while signal.sigpending() & {*_PASSED_ON}:
            signal.sigwaitinfo(list(_PASSED_ON))
        unblock()
