"""Measures throughput, latency and CPU time of running applications under the same bounded load."""

from __future__ import annotations

import base64
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pipetrace.errors import PipetraceError
from pipetrace.runner.launch import Running
from pipetrace.runner.requests import Request

GENERATOR = Path(__file__).with_name("load.js")

BUSY_PERCENT = 5.0
"""CPU share of one core above which another process counts as disturbing."""


@dataclass(frozen=True, slots=True)
class Group:
    """Clients that send the same list of requests in turn."""

    name: str
    requests: tuple[bytes, ...]
    """Requests as they go over the wire."""
    connections: int
    server: int | None = None
    """Index of the server; None = the first HTTP server."""
    rate: float | None = None
    """Requests a second of the whole group at fixed times; None = each client sends when its answer has come."""


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """What one group saw in one measurement."""

    per_second: float
    p50_ms: float | None
    p99_ms: float | None
    answers: int
    failures: int
    """Connections that broke or stayed without an answer."""
    statuses: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """One measurement of one application."""

    groups: tuple[tuple[str, GroupFigures], ...]
    cpu_ms_per_request: float | None
    """CPU milliseconds of the process trees per answer, all groups; None without an answer."""
    cores: float
    """CPU seconds of the process trees per second."""
    memory_mb: float
    others: float = 0.0
    """CPU seconds per second of everything but the application and the load: a broker, the kernel's network work,
    or something that disturbs."""

    @property
    def per_second(self) -> float:
        """Answers a second, all groups."""
        return sum(figures.per_second for _, figures in self.groups)

    def group(self, name: str) -> GroupFigures:
        """Figures of one group."""
        return dict(self.groups)[name]


def measure(
    running: Running, groups: Sequence[Group], *, duration_s: float, warmup_s: float, node: str = "node"
) -> Figures:
    """Load a running application for a fixed time. Raises PipetraceError when it does not answer at all."""
    listed, host = [], "127.0.0.1"
    for group in groups:
        found = running.port(group.server)
        if found is None:
            raise PipetraceError(f"{running.name} does not listen on the server {group.server} of the load.")
        host = found[0]
        listed.append(
            {"name": group.name, "port": found[1], "connections": group.connections, "rate": group.rate,
             "requests": [base64.b64encode(request).decode() for request in group.requests]}
        )  # fmt: skip
    config = {"host": host, "warmup_s": warmup_s, "duration_s": duration_s, "groups": listed}
    with tempfile.TemporaryDirectory(prefix="pipetrace-load-") as folder:
        file = Path(folder, "config.json")
        file.write_text(json.dumps(config), encoding="utf-8")
        result, cpu_s, elapsed_s, memory, others_s = _generate([node, str(GENERATOR), str(file)], running)
    figures = tuple((group.name, _group_figures(result["groups"][group.name])) for group in groups)
    answers = sum(one.answers for _, one in figures)
    if answers == 0:
        words = running.last_words()
        raise PipetraceError(f"{running.name} answered nothing under load{f' (it printed: {words})' if words else ''}.")
    return Figures(figures, 1000 * cpu_s / answers, cpu_s / elapsed_s, memory / 1024**2, others_s / elapsed_s)


def recorded_mix(requests: Sequence[Request], connections: int) -> Group:
    """The recorded HTTP requests as one load group: those of the busiest server."""
    http = [request for request in requests if request.proto == "http"]
    if not http:
        raise PipetraceError("the request file has no HTTP request, so there is no load to measure with.")
    servers = [request.server for request in http]
    chosen = max(set(servers), key=servers.count)
    wire = tuple(on_the_wire(request) for request in http if request.server == chosen)
    return Group("recorded mix", wire, connections, chosen)


def on_the_wire(request: Request) -> bytes:
    """A request as bytes, without an `Expect` header, for which a load generator would have to wait."""
    headers = [(key, value) for key, value in request.headers if key.lower() != "expect"]
    return request.wire_head(headers) + request.wire_body()


def medians(rounds: Sequence[Figures]) -> Figures:
    """The median of each figure over rounds with the same groups; of `others` the maximum."""
    names = [name for name, _ in rounds[0].groups]
    groups = []
    for name in names:
        parts = [one.group(name) for one in rounds]
        statuses: dict[str, int] = {}
        for part in parts:
            for status, count in part.statuses:
                statuses[status] = statuses.get(status, 0) + count
        groups.append(
            (name, GroupFigures(
                statistics.median(part.per_second for part in parts),
                _median(part.p50_ms for part in parts),
                _median(part.p99_ms for part in parts),
                sum(part.answers for part in parts),
                sum(part.failures for part in parts),
                tuple(sorted(statuses.items())),
            ))
        )  # fmt: skip
    return Figures(
        tuple(groups),
        _median(one.cpu_ms_per_request for one in rounds),
        statistics.median(one.cores for one in rounds),
        statistics.median(one.memory_mb for one in rounds),
        max(one.others for one in rounds),
    )


def busy_processes(own: Iterable[int] = (), *, seconds: float = 1.0) -> list[tuple[str, float]]:
    """Other processes above 5 % CPU of one core during `seconds`: (name and pid, percent), busiest first."""
    mine = set(own) | {psutil.Process().pid}
    before = _cpu_by_process()
    time.sleep(seconds)
    after = _cpu_by_process()
    found = []
    for key, (name, used) in after.items():
        if key[0] not in mine and key in before:
            percent = 100 * (used - before[key][1]) / seconds
            if percent > BUSY_PERCENT:
                found.append((f"{name} (pid {key[0]})", round(percent, 1)))
    return sorted(found, key=lambda item: -item[1])


def _busy_seconds() -> float:
    """CPU seconds of the whole machine that were not idle."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def _cpu_by_process() -> dict[tuple[int, float], tuple[str, float]]:
    found = {}
    for process in psutil.process_iter(["pid", "create_time", "name", "cpu_times"]):
        times = process.info["cpu_times"]
        if times is not None:
            key = (process.info["pid"], process.info["create_time"])
            found[key] = (str(process.info["name"]), float(times.user + times.system))
    return found


def _generate(argv: Sequence[str], running: Running) -> tuple[dict[str, Any], float, float, int, float]:
    """Run the generator; return its result, CPU and wall seconds of the application in its window, memory, and CPU
    seconds of everything else."""
    cpu: list[float] = []
    rest: list[float] = []
    times: list[float] = []
    memory = 0
    result: dict[str, Any] | None = None
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            for line in process.stdout:
                note = json.loads(line)
                if note["event"] == "done":
                    result = note
                    continue
                cpu.append(running.cpu_seconds())
                generator = psutil.Process(process.pid).cpu_times()
                rest.append(_busy_seconds() - cpu[-1] - generator.user - generator.system)
                times.append(time.monotonic())
                memory = running.memory_bytes()
            said = process.stderr.read().decode("utf-8", "replace").strip()
        finally:
            if process.poll() is None:
                try:
                    process.wait(timeout=2)
                except subprocess.TimeoutExpired:
                    process.kill()
    if result is None or len(cpu) != 2:
        raise PipetraceError(f"the load generator failed ({said.splitlines()[-1] if said else 'it printed nothing'}).")
    return result, cpu[1] - cpu[0], times[1] - times[0], memory, max(0.0, rest[1] - rest[0])


def _group_figures(value: dict[str, Any]) -> GroupFigures:
    return GroupFigures(
        per_second=float(value["per_second"]),
        p50_ms=value["p50_ms"],
        p99_ms=value["p99_ms"],
        answers=int(value["answers"]),
        failures=int(value["errors"]) + int(value["unanswered"]),
        statuses=tuple(sorted((str(k), int(v)) for k, v in value["statuses"].items())),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
