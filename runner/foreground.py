"""Runs a staged application in the foreground: stdio, signals and exit status are the application's own."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pipetrace.runner.launch import ENDED_FOR_IT_S, stop_groups
from pipetrace.runner.staged import StagedApp
from pipetrace.runner.stages import replica_counts, stage_environment
from pipetrace.runner.transport import Transport
from pipetrace.tracer.listen import LISTEN_FILE, PROBE, read_taken

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


_START_AGAIN = 75
"""Exit status by which a stage process asks to be started anew."""

_LONGEST_BACK_OFF_S = 30.0


class _StageProcess:
    """One stage process that is started again, ever later, when it ends while the application runs."""

    def __init__(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str], before: Callable[[], None]) -> None:
        self.name = env["PIPETRACE_STAGE"]
        self._argv, self._cwd, self._env, self._before = list(argv), cwd, dict(env), before
        self._failures = 0
        self._due: float | None = None
        self._started = time.monotonic()
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._argv,
            cwd=self._cwd,
            env=self._env,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=self._before,
        )

    def look_after(self, say: Callable[[str], None]) -> None:
        """Notice that it ended, and start it again when it is time."""
        status = self.process.poll()
        if status is None:
            return
        now = time.monotonic()
        if self._due is None:
            lived = now - self._started
            self._failures = 0 if lived > _LONGEST_BACK_OFF_S or status == _START_AGAIN else self._failures + 1
            wait = 0.0 if self._failures == 0 else min(_LONGEST_BACK_OFF_S, 0.25 * 2 ** (self._failures - 1))
            self._due = now + wait
            if status != _START_AGAIN:
                ended = f"exit status {status}" if status >= 0 else f"signal {-status}"
                say(f"a process of {self.name} ended with {ended}; starting it again in {wait:g} s")
        if now >= self._due:
            self.process, self._started, self._due = self._start(), now, None


def run_in_foreground(
    staged: StagedApp,
    transport: Transport,
    *,
    stage: str | None = None,
    replicas: int | None = None,
    arguments: Sequence[str] | None = None,
    group: str = "",
    violations: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> int:
    """Run until the application ends and return its exit status (128 + N when signal N ended it).

    With `stage` only a process of that stage is run. Otherwise the entry is, and over NATS the other stages with
    it: those are started again when they end before the entry, and stopped when it has ended. Violations are
    appended to the file `violations`.
    """
    argv = staged.staged_command(arguments)
    scratch = Path(tempfile.mkdtemp(prefix="pipetrace-run-"))
    helpers: list[_StageProcess] = []
    listening = scratch / "listening.jsonl"
    with _blocked_signals() as unblock:
        try:
            if stage is None and transport.processes and staged.moved:
                # A name of its own, so that two applications, or two starts of one, do not meet on a broker.
                group = group or f"run-{uuid.uuid4().hex[:12]}"
                for name, count in replica_counts(staged, replicas):
                    env = stage_environment(staged, transport, stage=name, replicas=replicas, group=group)
                    helpers += [_StageProcess(argv, staged.cwd, env, unblock) for _ in range(count)]
                say(f"{len(helpers)} stage process(es) started")
            env = stage_environment(staged, transport, stage=stage or "entry", replicas=replicas, group=group)
            env[LISTEN_FILE] = str(listening)
            if violations is not None:
                env["PIPETRACE_VIOLATIONS"] = str(violations.resolve())
            argv[1:1] = ["--require", str(PROBE)]
            while True:
                # The mask has to be given back in the child: a blocked SIGTERM would stay blocked there.
                process = subprocess.Popen(argv, cwd=staged.cwd, env=env, preexec_fn=unblock)
                status = _wait(process, helpers, say)
                if stage in (None, "entry") or status != _START_AGAIN:
                    break
            taken = read_taken(listening, ENDED_FOR_IT_S)
            if status != 0 and taken is not None:
                say(f"the port {taken} is in use; stop the process that has it, or give another port after `--`.")
        finally:
            stop_groups([helper.process for helper in helpers], 5.0)
            shutil.rmtree(scratch, ignore_errors=True)
    return status if status >= 0 else 128 - status


def _wait(process: subprocess.Popen[bytes], helpers: Sequence[_StageProcess], say: Callable[[str], None]) -> int:
    """Wait for the end of a process; pass signals on that were sent to us and not to it as well."""
    if not hasattr(signal, "sigtimedwait"):
        return process.wait()
    while process.poll() is None:
        for helper in helpers:
            helper.look_after(say)
        received = signal.sigtimedwait([*_PASSED_ON, signal.SIGCHLD], 0.25 if helpers else 60.0)
        if received is None or received.si_signo == signal.SIGCHLD:
            continue
        number = signal.Signals(received.si_signo)
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
            signal.sigwait(_PASSED_ON)
        unblock()
