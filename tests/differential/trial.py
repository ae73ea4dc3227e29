"""Runs generated programs as original and staged, several in one process, and compares all that can be seen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipetrace.partitioner.build import Options, make_plan
from pipetrace.partitioner.load import load_recording
from pipetrace.partitioner.plan import Plan
from pipetrace.rewriter.rewrite import rewrite
from pipetrace.runner.launch import Running, start, wait_until
from pipetrace.runner.staged import load_staged
from pipetrace.runner.stages import Notes, read_notes, start_staged
from pipetrace.runner.transport import Transport
from pipetrace.tracer.record import RecordOptions, record
from tests.differential.clients import STATE_LAST, WAIT_S, Answer, Answers, Server, use_recorded, use_unseen
from tests.differential.handlers import LIMIT
from tests.differential.tree import Program, text

_SUPPORT = Path(__file__).with_name("support")

THREADS = Transport("threads")
_START_S = 300
_ROUNDS = 1
"""How often those that were refused are left out: without them others may come to paths that nobody recorded."""
# A machine that stands still for a while must not look like a dead stage.
os.environ.setdefault("PIPETRACE_DEAD_MS", "120000")
os.environ.setdefault("PIPETRACE_TIMEOUT_MS", "300000")
# Many programs run in one process, so that the request of an error is seldom the only one.
os.environ.setdefault("PIPETRACE_FOLLOW", "1")


@dataclass(frozen=True, slots=True)
class Setting:
    """How a batch of programs is planned and run."""

    move: str = "all"
    """all | gain | some (a random subset of what may move) | kernels (nothing but calls cut out of their functions)"""
    seed: int = 0
    transport: Transport = THREADS
    memory: str = "sampled"
    only: tuple[str, ...] | None = None
    """Ids of the handlers to move, instead of `move`."""
    wait_s: float = WAIT_S
    """How long a client waits for an answer."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One program that did something else when it was staged."""

    program: Program
    kind: str
    """answer | state | stdout | warning | status | violation | crash"""
    text: str
    request: int | None = None


COUNTED = ("found", "moved", "calls", "here", "compared", "varied", "violations", "again", "limits", "silent")
TALLIES = ("refusals", "forms", "made", "made_moved")


@dataclass(slots=True)
class Outcome:
    """What came of a batch."""

    programs: int = 0
    failures: list[Failure] = field(default_factory=list)
    found: int = 0
    moved: int = 0
    calls: int = 0
    """Calls that ran on a stage."""
    here: int = 0
    """Calls of moved handlers that ran on the entry instead."""
    compared: int = 0
    varied: int = 0
    """Answers that the original itself gives in two ways."""
    violations: int = 0
    """Requests into branches that the recording never saw, and that were answered with a violation."""
    again: int = 0
    """Requests that were compared once more without those that had been refused."""
    limits: int = 0
    """Answers that differ in programs with a change that the README says is not watched."""
    silent: int = 0
    """Programs whose original leaves a client without an answer: they are tried no further."""
    forms: Counter[str] = field(default_factory=Counter)
    """Moved handlers by the plan's form."""
    made: Counter[str] = field(default_factory=Counter)
    """Handlers by what the generator made, as the mark in their line says."""
    made_moved: Counter[str] = field(default_factory=Counter)
    """Those of them that were moved, by themselves or with what is around them."""
    refusals: Counter[str] = field(default_factory=Counter)
    moved_ids: tuple[str, ...] = ()
    refused: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """By program: requests that were answered with a violation, by their numbers."""

    def add(self, other: Outcome) -> None:
        """Count another batch in."""
        self.programs += other.programs
        self.failures += other.failures
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in TALLIES:
            getattr(self, name).update(getattr(other, name))


@dataclass(slots=True)
class _Run:
    answers: dict[str, Answers]
    stdout: dict[str, list[str]]
    other_output: list[str]
    status: int | None
    notes: Notes
    violations: dict[str, int]
    warnings: set[str]
    """What Node warned of."""
    died: str = ""


def try_programs(programs: Sequence[Program], setting: Setting, folder: Path, packages: Path) -> Outcome:
    """Record, plan, rewrite and run some programs in one process, and compare.

    Raises PipetraceError where a step fails as a whole; the folder is left as it is then.
    """
    app = folder / "app"
    _write(programs, app, packages)
    trace = folder / "trace.duckdb"
    recorded = _record(programs, app, trace, setting)
    plan = _plan(trace, setting)
    outcome = Outcome(
        programs=len(programs),
        found=len(plan.handlers),
        moved=len(plan.moved),
        refusals=Counter(h.reason.cause for h in plan.handlers if h.decision == "kept"),
        moved_ids=tuple(handler.id for handler in plan.moved),
    )
    used = _answering(programs, recorded)
    first = _run_original(programs, app, folder / "first", setting, used)
    if first.died:
        outcome.failures.append(Failure(programs[0], "generator", first.died))
        return outcome
    used = _answering(used, first.answers)
    outcome.silent = len(programs) - len(used)
    if not used:
        return outcome
    second = _run_original(programs, app, folder / "second", setting, used)
    staged_folder = folder / "staged"
    rewritten = rewrite(plan, app, staged_folder)
    outcome.moved = len(rewritten.moved)
    outcome.refusals.update(refusal.cause for refusal in rewritten.refusals)
    _count_forms(programs, plan, frozenset(rewritten.moved), outcome)
    staged = _run_staged(programs, staged_folder, folder / "third", setting, used)
    outcome.calls = sum(away for _, away, _ in staged.notes.calls)
    outcome.here = sum(here for _, _, here in staged.notes.calls)
    _compare(used, first, second, staged, outcome)
    _compare_without_refused(programs, app, folder, setting, outcome)
    return outcome


def _answering(programs: Sequence[Program], answers: dict[str, Answers]) -> list[Program]:
    """Those whose clients have got all their answers.

    Waiting for the others in each run would take as long as all the rest of a batch, and tell nothing.
    """
    return [one for one in programs if all(answer.end != "late" for answer in answers[one.name].values())]


def _compare_without_refused(
    programs: Sequence[Program], app: Path, folder: Path, setting: Setting, outcome: Outcome
) -> None:
    """Run both again without the requests that were refused, whose missing effects excuse later differences."""
    for round_ in range(_ROUNDS):
        fewer = [without(program, outcome.refused[program.name]) for program in programs if outcome.refused[program.name]]
        if not fewer or outcome.failures:
            return
        before = {name: len(refused) for name, refused in outcome.refused.items()}
        first, second = (_run_original(programs, app, folder / f"{name}{round_}", setting, fewer) for name in ("one", "two"))
        staged = _run_staged(programs, folder / "staged", folder / f"three{round_}", setting, fewer)
        more = Outcome(refused=outcome.refused)
        _compare(fewer, first, second, staged, more)
        outcome.failures += more.failures
        outcome.again += more.compared
        if before == {name: len(refused) for name, refused in outcome.refused.items()}:
            return


def without(program: Program, refused: frozenset[int] | set[int]) -> Program:
    """A program whose clients leave some requests out."""
    return replace(program, asks=tuple(replace(ask, left_out=ask.left_out or n in refused) for n, ask in enumerate(program.asks)))


def _count_forms(programs: Sequence[Program], plan: Plan, moved: frozenset[str], outcome: Outcome) -> None:
    lines = {f"{program.name}/{name}": text(parts).splitlines() for program in programs for name, parts in program.files}
    around: dict[str, list[tuple[int, int]]] = {}
    for handler in plan.handlers:
        if handler.id in moved:
            kind = "run of kernels" if handler.form == "kernel" and ".." in handler.name else handler.form or ""
            outcome.forms[kind] += 1
            if handler.form != "kernel":
                around.setdefault(handler.file, []).append((handler.start, handler.end))
    for handler in plan.handlers:
        line = lines.get(handler.file, [""] * handler.line)[handler.line - 1]
        mark = line.partition("//~ ")[2]
        if mark and handler.form != "kernel" and not handler.name.endswith(")"):
            outcome.made[mark] += 1
            if any(start <= handler.start and handler.end <= end for start, end in around.get(handler.file, ())):
                outcome.made_moved[mark] += 1


def _write(programs: Sequence[Program], app: Path, packages: Path) -> None:
    app.mkdir(parents=True)
    (app / "package.json").write_text('{"name": "generated", "version": "1.0.0"}\n', encoding="utf-8")
    for program in programs:
        program.write(app / program.name)
    modules = app / "node_modules"
    modules.mkdir()
    shutil.copytree(_SUPPORT / "tiny", modules / "tiny")
    (modules / "express").symlink_to(packages / "express")
    esm = any(program.entry.endswith(".mjs") for program in programs)
    lines = [] if esm else ["'use strict';"]
    lines.append("process.on('uncaughtException', (error) => console.log(`main uncaught ${error.name} ${error.message}`));")
    lines.append("process.on('SIGTERM', () => { console.log('main ends'); process.exit(7); });")
    if esm:
        lines = [*(f"import './{program.name}/{program.entry}';" for program in programs), *lines]
    else:
        lines += [f"require('./{program.name}/{program.entry}');" for program in programs]
    (app / _main(programs)).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _main(programs: Sequence[Program]) -> str:
    return "main.mjs" if any(program.entry.endswith(".mjs") for program in programs) else "main.js"


def _ports(programs: Sequence[Program]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    held: list[socket.socket] = []
    for program in programs:
        found[program.name] = {}
        for proto in program.servers:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if proto == "udp" else socket.SOCK_STREAM)
            one.bind(("127.0.0.1", 0))
            held.append(one)
            found[program.name][proto] = one.getsockname()[1]
    for one in held:
        one.close()
    return found


def _drive(
    programs: Sequence[Program], ports: dict[str, dict[str, int]], wait_s: float, *, recorded_only: bool
) -> dict[str, Answers]:
    """What the clients of all programs get, who use them at the same time.

    No program comes to its unseen paths before all have done with the recorded ones: some changes bring home what was moved.
    """
    answers: dict[str, Answers] = {program.name: {} for program in programs}

    async def every() -> None:
        for phase in (use_recorded,) if recorded_only else (use_recorded, use_unseen):
            await asyncio.gather(*(phase(one, Server(ports[one.name], wait_s), answers[one.name]) for one in programs))

    asyncio.run(every())
    return answers


def _record(programs: Sequence[Program], app: Path, trace: Path, setting: Setting) -> dict[str, Answers]:
    """Record some programs, and return what their clients got."""
    ports = _ports(programs)
    begun, done = trace.with_suffix(".begun"), trace.with_suffix(".done")
    problems: list[BaseException] = []
    answers: dict[str, Answers] = {}

    def load() -> None:
        try:
            if not wait_until(begun.exists, _START_S):
                raise AssertionError("the recorded application never listened")
            answers.update(_drive(programs, ports, setting.wait_s, recorded_only=True))
        except BaseException as error:  # handed on below: this is another thread
            problems.append(error)
        finally:
            done.touch()

    driver = threading.Thread(target=load)
    driver.start()
    output = os.open(trace.with_suffix(".out"), os.O_WRONLY | os.O_CREAT)
    try:
        record(
            RecordOptions(
                command=("node", str(app / _main(programs)), json.dumps(ports)),
                output=trace,
                on_port=f"touch {begun}; while [ ! -e {done} ]; do sleep 0.02; done",
                memory=setting.memory,  # type: ignore[arg-type]
                app=app,
                stdout=output,
                wait_s=_START_S,
            )
        )
    finally:
        begun.touch()
        driver.join()
        os.close(output)
    if problems:
        raise problems[0]
    return answers


def _plan(trace: Path, setting: Setting) -> Plan:
    recording = load_recording(trace)
    if setting.only is not None:
        return make_plan(recording, Options(machines=2, only=setting.only, move="none"))
    if setting.move == "gain":
        return make_plan(recording, Options(machines=2, threshold_us=50))
    plan = make_plan(recording, Options(machines=2, move="all"))
    if setting.move == "all":
        return plan
    if setting.move == "kernels":
        kept: tuple[str, ...] = ()
        while whole := tuple(handler.id for handler in plan.moved if handler.form != "kernel"):
            kept += whole
            plan = make_plan(recording, Options(machines=2, move="all", keep=kept))
        return plan
    # By each handler's own id, so that a program does the same alone as among others.
    ids = [handler.id for handler in plan.moved]
    keep = tuple(one for one in ids if random.Random(f"{setting.seed} {one}").random() < 0.5)
    return make_plan(recording, Options(machines=2, move="all", keep=keep))


def _run_original(
    programs: Sequence[Program], app: Path, scratch: Path, setting: Setting, used: Sequence[Program]
) -> _Run:
    ports = _ports(programs)
    command = ["node", str(app / _main(programs)), json.dumps(ports)]
    running = start(command, app, os.environ, name="the original", scratch=scratch, timeout_s=_START_S)
    return _use(used, ports, running, scratch, setting)


def _run_staged(
    programs: Sequence[Program], folder: Path, scratch: Path, setting: Setting, used: Sequence[Program]
) -> _Run:
    ports = _ports(programs)
    staged = load_staged(folder)
    running = start_staged(staged, setting.transport, scratch, arguments=[json.dumps(ports)], timeout_s=_START_S)
    return _use(used, ports, running, scratch, setting)


def _use(
    programs: Sequence[Program], ports: dict[str, dict[str, int]], running: Running, scratch: Path, setting: Setting
) -> _Run:
    try:
        answers = _drive(programs, ports, setting.wait_s, recorded_only=False)
        notes = read_notes(running, scratch)
        died = ""
        if not running.alive():
            died = f"{running.name} ended with {running.process.returncode}: {running.last_words()}"
    finally:
        running.stop()
    by_program: dict[str, list[str]] = {program.name: [] for program in programs}
    other: list[str] = []
    for line in running.output.read_text(encoding="utf-8", errors="replace").splitlines():
        by_program.get(line.partition(" ")[0], other).append(line)
    violations: Counter[str] = Counter()
    with contextlib.suppress(OSError):
        for line in (scratch / "violations.jsonl").read_text(encoding="utf-8").splitlines():
            told = json.loads(line)
            violations[str(told.get("handler") or told.get("location") or "").partition("/")[0]] += 1
    warnings: set[str] = set()
    for errors in (running.errors, *scratch.glob("*.err")):
        warnings.update(re.findall(r"^\(node:\d+\) (.*)$", errors.read_text(encoding="utf-8", errors="replace"), re.MULTILINE))
    return _Run(answers, by_program, other, running.status, notes, violations, warnings, died)


def _compare(programs: Sequence[Program], first: _Run, second: _Run, staged: _Run, outcome: Outcome) -> None:
    if staged.died:
        outcome.failures.append(Failure(programs[0], "crash", staged.died))
    for program in programs:
        outcome.failures += _compare_program(program, first, second, staged, outcome)
    if more := staged.warnings - first.warnings - second.warnings:
        # Nobody knows whose it is: each is tried alone then.
        outcome.failures += [Failure(program, "warning", f"more {sorted(more)}") for program in programs]
    if first.other_output == second.other_output != staged.other_output:
        text = f"original {first.other_output}\nstaged   {staged.other_output}"
        outcome.failures.append(Failure(programs[0], "stdout", text))
    if first.status == second.status != staged.status:
        outcome.failures.append(Failure(programs[0], "status", f"{first.status} became {staged.status}"))


def _compare_program(program: Program, first: _Run, second: _Run, staged: _Run, outcome: Outcome) -> list[Failure]:
    name = program.name
    one, two, three = first.answers[name], second.answers[name], staged.answers[name]
    failures: list[Failure] = []
    broken = False
    """A request was refused with a violation, so that what it would have changed is not there."""
    left = staged.violations.get(name, 0)
    limited = any(LIMIT in text(parts) for _, parts in program.files)
    for number in sorted(one.keys() & three.keys(), key=lambda n: (n == STATE_LAST, n < 0, n)):
        expected, got = one[number], three[number]
        if expected != two[number]:
            outcome.varied += 1
            continue
        outcome.compared += 1
        if expected == got:
            continue
        unseen = number == STATE_LAST or (number >= 0 and program.asks[number].phase == "unseen")
        if unseen and (broken or _is_violation(got)):
            outcome.violations += 1
            broken = broken or number >= 0
            if number >= 0 and _is_violation(got):
                outcome.refused[name].add(number)
            continue
        if unseen and left and program.notes.get("commutative") is False:
            outcome.violations += 1
            broken = True
            if number >= 0:
                outcome.refused[name].add(number)
            continue
        if unseen and limited:
            outcome.limits += 1
            continue
        kind = "state" if number < 0 else "violation" if _is_violation(got) else "answer"
        failures.append(Failure(program, kind, _difference(program, number, expected, got), number))
    lines = (sorted(first.stdout[name]), sorted(second.stdout[name]), sorted(staged.stdout[name]))
    if lines[0] == lines[1] != lines[2] and not broken and not limited:
        missing = list((Counter(lines[0]) - Counter(lines[2])).elements())
        more = list((Counter(lines[2]) - Counter(lines[0])).elements())
        failures.append(Failure(program, "stdout", f"missing {missing[:5]}, more {more[:5]}"))
    return failures


def _is_violation(answer: Answer) -> bool:
    """Whether the runtime stopped the request; the application's own error handler may have told of it."""
    return b"PipetraceViolation" in answer.body or (answer.code == 500 and answer.body == b"Internal Server Error\n")


def _difference(program: Program, number: int, expected: Answer, got: Answer) -> str:
    what = "state" if number < 0 else f"{program.asks[number].method} {program.asks[number].text}"
    lines = [f"{program.name} {what} ({'' if number < 0 else program.asks[number].phase})"]
    for part in ("end", "status", "headers", "body"):
        before, after = getattr(expected, part), getattr(got, part)
        if before != after:
            lines += [f"  {part} original {before!r}", f"  {part} staged   {after!r}"]
    return "\n".join(lines)

