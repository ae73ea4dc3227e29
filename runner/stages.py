"""Starts a staged application with its stages, waits until they take work, and reads what its runtime notes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipetrace.errors import PipetraceError
from pipetrace.runner.launch import Running, last_words, spawn, start, stop_groups, wait_until
from pipetrace.runner.staged import StagedApp
from pipetrace.runner.transport import Transport

READY_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Notes:
    """What the runtime of one run has noted."""

    calls: tuple[tuple[str, int, int], ...]
    """Moved handlers: id, calls that ran on a stage, calls that ran on the entry instead."""
    violations: tuple[str, ...]
    """Messages of the violations, in order."""


def stage_environment(
    staged: StagedApp, transport: Transport, *, stage: str = "entry", replicas: int | None = None, group: str = ""
) -> dict[str, str]:
    """Environment of one process of a staged application: that of this process and the runtime's variables."""
    env = staged.environment(os.environ, transport=transport.address, stage=stage, replicas=replicas)
    env.update(transport.variables)
    if group:
        env["PIPETRACE_GROUP"] = group
    return env


def replica_counts(staged: StagedApp, replicas: int | None) -> list[tuple[str, int]]:
    """Copies of each stage: those of the plan, or `replicas` for stages that own no state."""
    owning = {str(stage["id"]) for stage in staged.plan["stages"] if stage.get("owns")}
    return [
        (stage.id, stage.replicas if replicas is None or stage.id in owning else replicas) for stage in staged.stages
    ]


def start_staged(
    staged: StagedApp,
    transport: Transport,
    scratch: Path,
    *,
    replicas: int | None = None,
    arguments: Sequence[str] | None = None,
    timeout_s: float = 30.0,
    servers: frozenset[int] = frozenset(),
) -> Running:
    """Start entry and stages and return when the application listens and every stage takes work.

    Raises PipetraceError when something ends or does not become ready in time; nothing is left running then.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    group = f"pt-{uuid.uuid4().hex[:12]}"
    argv = staged.staged_command(arguments)
    helpers: list[subprocess.Popen[bytes]] = []
    try:
        if transport.processes and staged.moved:
            for stage, count in replica_counts(staged, replicas):
                for number in range(count):
                    env = stage_environment(staged, transport, stage=stage, replicas=replicas, group=group)
                    name = scratch / f"{stage}-{number}"
                    helpers.append(spawn(argv, staged.cwd, env, name.with_suffix(".out"), name.with_suffix(".err")))
        env = stage_environment(staged, transport, replicas=replicas, group=group)
        ready, metrics, violations = (scratch / name for name in ("ready.jsonl", "metrics.json", "violations.jsonl"))
        for stale in (ready, metrics, violations):
            stale.unlink(missing_ok=True)
        env["PIPETRACE_READY_FILE"] = str(ready)
        env["PIPETRACE_METRICS_FILE"] = str(metrics)
        env["PIPETRACE_VIOLATIONS"] = str(violations)
    except BaseException:
        stop_groups(helpers, 1.0)
        raise
    running = start(
        argv, staged.cwd, env, name="the staged application", scratch=scratch, timeout_s=timeout_s, helpers=helpers,
        servers=servers,
    )  # fmt: skip
    if staged.moved:
        wait_until(
            lambda: _is_ready(ready) or not running.alive() or any(h.poll() is not None for h in helpers),
            READY_TIMEOUT_S,
        )
        if not _is_ready(ready):
            running.stop(1.0)
            ended = [h for h in helpers if h.returncode not in (None, 0, -15, -9)]
            words = running.last_words() or next(
                (said for file in sorted(scratch.glob("*.err")) if (said := last_words(file))), ""
            )
            why = "a stage process ended" if ended else f"its stages took no work within {READY_TIMEOUT_S:.0f} s"
            raise PipetraceError(
                f"the staged application listens, but {why}{f' (it printed: {words})' if words else ''}."
            )
    return running


def read_notes(scratch: Path) -> Notes:
    """What the runtime noted in `scratch` by the time the application had ended."""
    calls = []
    metrics: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        metrics = json.loads((scratch / "metrics.json").read_text(encoding="utf-8"))
    for identity, counts in sorted(metrics.get("handlers", {}).items()):
        calls.append((identity, int(counts.get("remote", 0)), int(counts.get("local", 0))))
    return Notes(tuple(calls), tuple(str(v.get("message", "")) for v in _json_lines(scratch / "violations.jsonl")))


def _is_ready(file: Path) -> bool:
    return any(line.get("event") == "ready" for line in _json_lines(file))


def _json_lines(file: Path) -> list[dict[str, Any]]:
    found = []
    with contextlib.suppress(OSError):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    found.append(value)
    return found
