"""Starts a staged application with its stages, waits until they take work, and reads what its runtime notes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipetrace.errors import PipetraceError
from pipetrace.runner.launch import Running, Server, last_words, spawn, start, stop_groups, wait_until
from pipetrace.runner.staged import StagedApp
from pipetrace.runner.transport import Transport

READY_TIMEOUT_S = 30.0
VIOLATIONS = "violations.jsonl"
"""File in a scratch directory to which the runtime writes what a handler could not do on its stage."""


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
    servers: frozenset[Server] = frozenset(),
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
        violations = scratch / VIOLATIONS
        violations.unlink(missing_ok=True)
        env["PIPETRACE_VIOLATIONS"] = str(violations)
        metrics = scratch / "metrics-port" if staged.moved else None
        if metrics is not None:
            metrics.unlink(missing_ok=True)
            env.update(PIPETRACE_METRICS_PORT="0", PIPETRACE_METRICS_FILE=str(metrics))
    except BaseException:
        stop_groups(helpers, 1.0)
        raise
    running = start(
        argv,
        staged.cwd,
        env,
        name="the staged application",
        scratch=scratch,
        timeout_s=timeout_s,
        helpers=helpers,
        servers=servers,
        metrics=metrics,
    )
    if metrics is not None:
        wanted = dict(replica_counts(staged, replicas))
        wait_until(
            lambda: _ready(running, wanted) or not running.alive() or any(h.poll() is not None for h in helpers),
            READY_TIMEOUT_S,
            step_s=0.05,
        )
        if not _ready(running, wanted):
            words = _last_words(running, scratch)
            why = "a stage process ended" if any(h.poll() is not None for h in helpers) else "its stages took no work"
            running.stop(1.0)
            raise PipetraceError(f"the staged application listens, but {why} within {READY_TIMEOUT_S:.0f} s{words}.")
    return running


def read_notes(running: Running, scratch: Path) -> Notes:
    """What the runtime counted so far (the application has to be alive) and the violations it wrote."""
    calls: dict[str, list[int]] = {}
    for labels, value in _counters(running, "pipetrace_calls_total"):
        counts = calls.setdefault(labels["handler"], [0, 0])
        if labels["outcome"] != "failed":
            counts[0 if labels["outcome"] == "sent" else 1] += int(value)
    messages = tuple(str(line.get("message", "")) for line in _json_lines(scratch / VIOLATIONS))
    return Notes(tuple((name, away, here) for name, (away, here) in sorted(calls.items())), messages)


def _ready(running: Running, wanted: dict[str, int]) -> bool:
    """Whether as many replicas of each stage take calls as were asked for."""
    up: dict[str, int] = {}
    for labels, value in _counters(running, "pipetrace_replica_up"):
        up[labels["stage"]] = up.get(labels["stage"], 0) + int(value)
    return all(up.get(stage, 0) >= count for stage, count in wanted.items())


def _counters(running: Running, name: str) -> list[tuple[dict[str, str], float]]:
    """One metric of the runtime: labels and value of each of its lines; empty when it cannot be asked."""
    if running.metrics is None or not running.alive():
        return []
    try:
        port = int(running.metrics.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return []
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        asked.request("GET", "/metrics")
        text = asked.getresponse().read().decode("utf-8")
    except (OSError, http.client.HTTPException):
        return []
    finally:
        asked.close()
    return parse_metric(text, name)


def parse_metric(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    """Lines of one metric in the Prometheus text format, with their labels unescaped."""
    found = []
    for line in text.splitlines():
        match = re.fullmatch(rf"{name}\{{(.*)\}} (\S+)", line)
        if match:
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[1])
            found.append(({key: _unescaped(value) for key, value in pairs}, float(match[2])))
    return found


def _unescaped(label: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], label)


def _last_words(running: Running, scratch: Path) -> str:
    said = [running.last_words(), *(last_words(file) for file in sorted(scratch.glob("*.err")))]
    return next((f" (it printed: {words})" for words in said if words), "")


def _json_lines(file: Path) -> list[dict[str, Any]]:
    found = []
    with contextlib.suppress(OSError):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    found.append(value)
    return found
