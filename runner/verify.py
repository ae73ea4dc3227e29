"""Proves a staged application against its original: same requests, same files, answers compared, both measured.

Order of work: start the original twice (what differs between those runs varies by itself), then the staged
application, each from the same files on disk. If something differs, the original is started again with other
delays between the clients, because it may vary more rarely than two runs show. Then both are measured in turn.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipetrace.runner import measure as measuring
from pipetrace.runner.compare import Difference, PhaseVerdict, Places, compare_phase
from pipetrace.runner.launch import Running, Server, start, wait_until
from pipetrace.runner.pattern import learn
from pipetrace.runner.replay import Options, Replayed, reachable, replay
from pipetrace.runner.requests import Request
from pipetrace.runner.restore import Snapshot, remember
from pipetrace.runner.staged import StagedApp
from pipetrace.runner.stages import VIOLATIONS, Notes, read_notes, start_staged
from pipetrace.runner.transport import Transport

MOST_CONTROLS = 5
"""Starts of the original at most, before a difference counts."""


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What the user may choose."""

    clients: int = 8
    timeout_s: float = 20.0
    linger_s: float = 0.0
    """Seconds that each runs on after the replay, for what timers do."""
    measure: bool = True
    duration_s: float = 4.0
    rounds: int = 2
    warmup_s: float = 1.0
    arguments: tuple[str, ...] | None = None
    replicas: int | None = None
    violations: Path | None = None
    """A file to which the violations of the staged application are appended."""
    say: Callable[[str], None] = lambda text: None
    """Receives progress, a line at a time."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Both applications under the recorded mix: medians of interleaved rounds."""

    original: measuring.Figures
    staged: measuring.Figures
    connections: int
    rounds: int
    duration_s: float
    disturbed_by: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a verification."""

    phases: tuple[PhaseVerdict, ...]
    originals: int
    """How often the original was started to learn what varies by itself."""
    notes: Notes
    stdout: str
    """equal | empty | varies | different"""
    stdout_difference: str
    problems: tuple[str, ...]
    """Sentences that make the verdict 'different' beside the answers: an application that ended, for instance."""
    remarks: tuple[str, ...]
    """Sentences that a reader has to know, such as files that were put back."""
    moved: tuple[str, ...]
    measurement: Measurement | None = None

    @property
    def differences(self) -> tuple[Difference, ...]:
        """All differing answers in order."""
        return tuple(difference for phase in self.phases for difference in phase.differences)

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences and not self.problems and self.stdout != "different"


@dataclass(slots=True)
class _Run:
    replayed: Replayed
    notes: Notes
    stdout: bytes
    status: int | None


@dataclass(slots=True)
class _Work:
    staged: StagedApp
    requests: Sequence[Request]
    transport: Transport
    options: VerifyOptions
    scratch: Path
    files: Snapshot
    originals: list[_Run] = field(default_factory=list)
    left_out: int = 0
    """Requests to servers that do not listen in a start of today."""


def verify(staged: StagedApp, requests: Sequence[Request], transport: Transport, options: VerifyOptions) -> Verdict:
    """Compare and measure. Raises PipetraceError when an application cannot be started at all."""
    scratch = Path(tempfile.mkdtemp(prefix="pipetrace-verify-"))
    try:
        with remember(_roots(staged, options.arguments)) as files:
            work = _Work(staged, requests, transport, options, scratch, files)
            verdict = _compare(work)
            if not options.measure or not any(request.proto == "http" for request in requests):
                return verdict
            measurement = _measure(work)
        return Verdict(
            verdict.phases, verdict.originals, verdict.notes, verdict.stdout, verdict.stdout_difference,
            verdict.problems, verdict.remarks, verdict.moved, measurement,
        )  # fmt: skip
    finally:
        if options.violations is not None:
            with options.violations.open("ab") as log:
                for noted in sorted(scratch.rglob(VIOLATIONS)):
                    log.write(noted.read_bytes())
        shutil.rmtree(scratch, ignore_errors=True)


def _compare(work: _Work) -> Verdict:
    _run_original(work, shake=None)
    _run_original(work, shake=1)
    folder = work.scratch / "staged"
    with_stages = _run(work, lambda: _start_staged(work, folder), "staged application", shake=None)
    notes = with_stages.notes
    places = Places(os.fsencode(work.staged.app_root), os.fsencode(work.staged.folder))
    while True:
        phases = [
            compare_phase([run.replayed.phases[number] for run in work.originals], phase, places)
            for number, phase in enumerate(with_stages.replayed.phases)
            if all(len(run.replayed.phases) > number for run in work.originals)
        ]
        stdout, stdout_difference = _compare_output([run.stdout for run in work.originals], with_stages.stdout)
        differs = any(phase.differences for phase in phases) or stdout == "different"
        if not differs or len(work.originals) >= MOST_CONTROLS:
            break
        work.options.say("something differs: starting the original again to see whether it varies by itself")
        _run_original(work, shake=len(work.originals))
    problems, remarks = _around(work, with_stages, notes)
    return Verdict(
        tuple(phases), len(work.originals), notes, stdout, stdout_difference, tuple(problems), tuple(remarks),
        work.staged.moved,
    )  # fmt: skip


def _around(work: _Work, with_stages: _Run, notes: Notes) -> tuple[list[str], list[str]]:
    """Problems and remarks that are not about one answer."""
    problems: list[str] = []
    remarks = [f"Node: {work.staged.node_remark}"] if work.staged.node_remark else []
    original_died = next((run.replayed.died for run in work.originals if run.replayed.died), "")
    if original_died:
        remarks.append(f"{original_died}; only what it answered before is compared.")
    elif with_stages.replayed.died:
        problems.append(f"{with_stages.replayed.died}; the original went on.")
    statuses = {run.status for run in work.originals}
    if not with_stages.replayed.died and with_stages.status not in statuses:
        remarks.append(
            f"after SIGTERM the original ended with {_status(work.originals[0].status)} and the staged application "
            f"with {_status(with_stages.status)}."
        )
    if work.left_out:
        remarks.append(f"{work.left_out} requests of the file were left out: no server that they name listens.")
    if notes.violations:
        remarks.append(f"{len(notes.violations)} violation(s): {notes.violations[0]}")
    if work.files.skipped:
        remarks.append(work.files.skipped + ".")
    elif work.files.changed:
        first = sorted(work.files.changed)[0]
        remarks.append(
            f"each start began from the same files: {len(work.files.changed)} that the application changed were put "
            f"back ({first}{' …' if len(work.files.changed) > 1 else ''})."
        )
    return problems, remarks


def _run_original(work: _Work, shake: int | None) -> None:
    folder = work.scratch / f"original-{len(work.originals)}"
    run = _run(work, lambda: _start_original(work, folder), f"original, start {len(work.originals) + 1}", shake)
    work.originals.append(run)


def _run(work: _Work, launch: Callable[[], Running], label: str, shake: int | None) -> _Run:
    last = 0.0

    def progress(phase: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= 0.25:
            last = time.monotonic()
            work.options.say(f"{label}: {phase}, {done} of {total} requests")

    work.options.say(f"{label}: starting")
    try:
        running = launch()
        try:
            options = Options(work.options.clients, work.options.timeout_s, shake, progress)
            if not work.originals:
                work.left_out = len(work.requests)
                work.requests = reachable(running, work.requests)
                work.left_out -= len(work.requests)
            replayed = replay(running, work.requests, options)
            if work.options.linger_s > 0:
                work.options.say(f"{label}: running on for {work.options.linger_s:g} s")
                wait_until(lambda: not running.alive(), work.options.linger_s)
            notes = read_notes(running, running.output.parent)
        finally:
            running.stop()
        stdout = _without_ports(running)
    finally:
        work.files.restore()
    return _Run(replayed, notes, stdout, running.status)


def _start_original(work: _Work, folder: Path) -> Running:
    argv = work.staged.original_command(work.options.arguments)
    servers = _servers(work.requests)
    env = work.staged.original_environment(os.environ)
    return start(argv, work.staged.cwd, env, name="the original", scratch=folder, servers=servers)


def _start_staged(work: _Work, folder: Path) -> Running:
    return start_staged(
        work.staged, work.transport, folder, replicas=work.options.replicas, arguments=work.options.arguments,
        servers=_servers(work.requests),
    )  # fmt: skip


def _servers(requests: Sequence[Request]) -> frozenset[Server]:
    return frozenset((request.server, request.proto) for request in requests)


def _measure(work: _Work) -> Measurement:
    """Interleaved rounds: original, staged, original, staged …"""
    options = work.options
    connections = options.clients
    group = measuring.recorded_mix(work.requests, connections)
    work.options.say("looking for other busy processes")
    disturbed = measuring.busy_processes()
    taken: dict[str, list[measuring.Figures]] = {"original": [], "staged": []}
    for number in range(options.rounds):
        for name, launch in (("original", _start_original), ("staged", _start_staged)):
            options.say(f"measuring: round {number + 1} of {options.rounds}, {name}")
            try:
                running = launch(work, work.scratch / f"measure-{name}")
                try:
                    taken[name].append(
                        measuring.measure(
                            running, [group], duration_s=options.duration_s, warmup_s=options.warmup_s,
                            node=work.staged.node,
                        )
                    )  # fmt: skip
                finally:
                    running.stop()
            finally:
                work.files.restore()
    return Measurement(
        measuring.medians(taken["original"]), measuring.medians(taken["staged"]), connections, options.rounds,
        options.duration_s, tuple(disturbed),
    )  # fmt: skip


def _roots(staged: StagedApp, arguments: Sequence[str] | None) -> list[Path]:
    """Where an application may write: working directory, package, staged copy, paths that its arguments name."""
    named = []
    for word in staged.arguments if arguments is None else arguments:
        path = staged.cwd / word.partition("=")[2] if word.startswith("-") and "=" in word else staged.cwd / word
        if path.exists() and path.resolve() != Path(path.resolve().anchor):
            named.append(path)
    return [staged.cwd, staged.app_root, staged.folder, *named]


def _without_ports(running: Running) -> bytes:
    """stdout with the ports it listened on replaced, since a free port is another one at each start."""
    text = running.output.read_bytes()
    for listener in running.listeners:
        text = re.sub(rb"(?<!\d)%d(?!\d)" % listener.port, b"<port>", text)
    return text


def _compare_output(originals: Sequence[bytes], staged: bytes) -> tuple[str, str]:
    """How stdout compares, and the first line that differs."""
    if not any(originals) and not staged:
        return "empty", ""
    for reduce in (bytes.splitlines, _sorted_lines):
        reduced = [reduce(text) for text in originals]
        if all(one == reduced[0] for one in reduced):
            mine = reduce(staged)
            if mine == reduced[0]:
                return "equal", ""
            return "different", _first_line(reduced[0], mine)
    if learn(list(originals)).matches(staged):
        return "equal", ""
    return "varies", ""


def _sorted_lines(text: bytes) -> list[bytes]:
    return sorted(text.splitlines())


def _first_line(original: list[bytes], staged: list[bytes]) -> str:
    missing = list((Counter(original) - Counter(staged)).elements())
    added = list((Counter(staged) - Counter(original)).elements())
    parts = [f"{name} {line[:160].decode('utf-8', 'replace')!r}" for name, lines in
             (("only the original prints", missing), ("only the staged application prints", added))
             for line in lines[:1]]  # fmt: skip
    return "; ".join(parts) or "the same lines in another order"


def _status(status: int | None) -> str:
    if status is None:
        return "no exit status"
    return f"signal {-status}" if status < 0 else f"exit status {status}"
