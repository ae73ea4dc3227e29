"""Runs applications made of traps through the whole chain: record, plan with all legal moves, rewrite, run, compare."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from pipetrace.partitioner.build import Options, make_plan
from pipetrace.partitioner.load import load_recording
from pipetrace.partitioner.plan import Plan
from pipetrace.rewriter.rewrite import Rewritten, rewrite
from pipetrace.runner import stages
from pipetrace.runner.launch import Running, start, wait_until
from pipetrace.runner.staged import load_staged
from pipetrace.runner.stages import read_notes, start_staged
from pipetrace.runner.transport import Transport
from pipetrace.tracer.record import RecordOptions, record

HERE = Path(__file__).parent
CLIENT = HERE / "client.js"
PATIENCE_S = 300.0
"""Wait for a start: other work on the machine decides nothing."""
ROUNDS = 3
"""How often each trap is sprung: state that outlives a request shows at the second time."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of an application did."""

    transcripts: dict[str, list[str]]
    output: str
    status: int | None
    alive: bool
    """Whether it still served when all traps but the final ones had been sprung."""
    sent: dict[str, int] = field(default_factory=dict)
    """Handler → calls that ran on a stage."""
    violations: tuple[str, ...] = ()
    errors: str = ""


@dataclass(slots=True)
class Staged:
    """One application, recorded, planned and rewritten, with its runs."""

    folder: Path
    load: Path
    plan: Plan
    rewritten: Rewritten
    original: Run
    runs: dict[str, Run] = field(default_factory=dict)

    def decision(self, handler: str) -> str:
        """'moved', or the slug of the cause for which the handler stays."""
        return self.reason(handler)[0]

    def reason(self, handler: str) -> tuple[str, str]:
        """(slug or 'moved', sentence) of a handler."""
        if handler in self.rewritten.moved:
            return "moved", ""
        for refusal in self.rewritten.refusals:
            if refusal.handler == handler:
                return refusal.cause, refusal.sentence
        for planned in self.plan.handlers:
            if planned.id == handler:
                return planned.reason.cause, planned.reason.sentence
        for unseen in self.plan.refusals:
            if unseen.handler == handler:
                return unseen.cause, unseen.sentence
        known = ", ".join(planned.id for planned in self.plan.handlers)
        raise AssertionError(f"the recording has no handler {handler}; it has {known}")

    def run(self, name: str, transport: Transport) -> Run:
        """The staged application's run over a transport (made once)."""
        if name not in self.runs:
            scratch = self.folder / f"run-{name}"
            staged = load_staged(self.folder / "staged")
            stages.READY_TIMEOUT_S = PATIENCE_S
            running = start_staged(staged, transport, scratch, timeout_s=PATIENCE_S)
            self.runs[name] = _spring(running, self.load, scratch, staged=True)
        return self.runs[name]


def stage(source: Path, folder: Path, modules: Path | None) -> Staged:
    """Record the application in `source`, with all its traps as load, and make its staged copy in `folder`."""
    app = folder / "app"
    load = next(source.glob("load.*js"))
    shutil.copytree(source, app, ignore=shutil.ignore_patterns("load.*js"))
    if modules is not None:
        (app / "node_modules").symlink_to(modules)
    entry = next(name for name in ("app.js", "app.mjs") if (app / name).is_file())
    command = ("node", str(app / entry), "0")
    before = Path.cwd()
    os.chdir(app)
    try:
        recorded = record(
            RecordOptions(
                command=command,
                output=folder / "trace.duckdb",
                wait_s=PATIENCE_S,
                on_port=f"{shlex.join(['node', str(CLIENT)])} $PORT {shlex.quote(str(load))} {ROUNDS}"
                f" > {shlex.quote(str(folder / 'load.txt'))}",
            )
        )
    finally:
        os.chdir(before)
    plan = make_plan(load_recording(recorded.path), Options(machines=2, move="all"))
    (folder / "plan.json").write_text(plan.to_text(), encoding="utf-8")
    rewritten = rewrite(plan, app, folder / "staged")
    scratch = folder / "run-original"
    running = start(command, app, dict(os.environ), name="the original", scratch=scratch, timeout_s=PATIENCE_S)
    return Staged(folder, load, plan, rewritten, _spring(running, load, scratch, staged=False))


def _spring(running: Running, load: Path, scratch: Path, *, staged: bool) -> Run:
    found = running.port(None)
    assert found is not None, "the application has no HTTP server"
    transcripts: dict[str, list[str]] = {}
    try:
        transcripts |= _ask(found[1], load, "lasting")
        alive = running.alive()
        notes = read_notes(running, scratch) if staged and alive else None
        if alive:
            transcripts |= _ask(found[1], load, "final")
            if any(trap.startswith("final") for trap in transcripts):
                assert wait_until(lambda: not running.alive(), 60), "the application was to end itself"
    finally:
        running.stop()
    return Run(
        transcripts=transcripts,
        output=running.output.read_text(encoding="utf-8", errors="replace"),
        status=running.status,
        alive=alive,
        sent={name: away for name, away, _ in notes.calls} if notes else {},
        violations=notes.violations if notes else (),
        errors=running.errors.read_text(encoding="utf-8", errors="replace"),
    )


def _ask(port: int, load: Path, part: str) -> dict[str, list[str]]:
    client = subprocess.run(
        ["node", str(CLIENT), str(port), str(load), str(ROUNDS), part],
        capture_output=True, text=True, timeout=600, check=True,
    )  # fmt: skip
    return {said["trap"]: said["lines"] for said in map(json.loads, client.stdout.splitlines())}
