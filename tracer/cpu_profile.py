"""V8's CPU profiles summed up: time per application function, and the share that the agent itself took."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from pipetrace.tracer.module_links import package_of
from pipetrace.tracer.static_tables import LoadedFile

Frame = tuple[str, int, int, str]
"""Absolute path, 0-based line and column, name."""

_CARRYING = ("node:internal/async_local_storage/", "node:internal/async_hooks", "node:async_hooks")
"""Node's own code that carries causality through resources; idle where nobody asks for it."""
_AGENT = str(Path(__file__).resolve().parent / "agent") + "/"
_WAITING = _AGENT + "channel.js"
_WRITING = _AGENT + "spool.js"
_COLLECTOR = "(garbage collector)"
_IDLE = frozenset({"(idle)", "(root)", "(program)"})
_TELLING_US = 1_000_000
"""Shorter CPU times tell nothing about the agent's share."""
_ENOUGH_US = 500_000
"""For the share of what runs outside of handlers: without it, plans promise far more than they keep."""
_MOST = 0.999
"""Where no function of the application was met at all, it ran all the same."""
_WORTH_NAMING = 0.05
_WARM_NS = 3_000_000_000
"""After so long most code is compiled, and the share of what runs once is small."""


@dataclass(slots=True)
class _Sum:
    self_us: float = 0.0
    total_us: float = 0.0
    samples: int = 0


@dataclass(frozen=True, slots=True)
class HotRow:
    """A row of the table ``hot``."""

    function_id: int
    self_us: float
    total_us: float
    samples: int


@dataclass(frozen=True, slots=True)
class Outside:
    """What ran under no function of the application."""

    share: float
    """Of all CPU time."""
    libraries: dict[str, float]
    """Of that, as shares of all CPU time too: by the package that the event loop called, dearest first."""
    seconds: float
    """Time of it in all, at most: while others had the core, it counts on."""


class CpuProfile:
    """Profiles of one or several processes; ``add`` may be called from any thread."""

    def __init__(self) -> None:
        self._sums: dict[Frame, _Sum] = defaultdict(_Sum)
        self._lock = threading.Lock()
        self._busy_us: dict[int, float] = defaultdict(float)
        """By tenth of a second since the epoch: time in which the processes did something."""
        self._agent_us: dict[int, float] = defaultdict(float)
        """Of that: time in the agent's own code, and in the system when it writes."""
        self._application_us: dict[int, float] = defaultdict(float)
        """Of the rest: time in functions of the application and in what they call."""
        self._outside_us: dict[int, float] = defaultdict(float)
        """Of the rest: time in which none of them was on the stack, without the garbage collector's."""
        self._libraries_us: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        """Of that: by the package whose function stands lowest on the stack."""
        self.is_application: Callable[[str], bool] = lambda path: False
        """Tells whether the text of a path is the application's."""
        self.waiting_us = 0.0
        """Time in which modules waited to be instrumented; not part of the other two."""

    def add(self, profile: Mapping[str, Any], started_ns: int, weight: float = 1.0) -> None:
        """Add a profile as the DevTools protocol gives it, begun at a time in ns since the epoch.

        `weight` is above 1 where it stands for a longer time than the one in which it was taken.
        """
        nodes = {node["id"]: node for node in profile["nodes"]}
        own_us: dict[int, float] = defaultdict(float)
        hits: dict[int, int] = defaultdict(int)
        samples, deltas = profile.get("samples", ()), profile.get("timeDeltas", ())
        with self._lock:
            # A sample stands for the time until the next one.
            for node, delta in zip(samples, [*deltas[1:], 0], strict=True):
                own_us[node] += weight * max(delta, 0)
                hits[node] += 1
            kinds: dict[int, str] = {}
            packages: dict[int, str] = {}
            for node in profile["nodes"][:1]:
                self._walk(nodes, node["id"], own_us, hits, kinds, packages)
            at = started_ns // 1000 + (deltas[0] if deltas else 0)
            for node, delta in zip(samples, [*deltas[1:], 0], strict=True):
                kind = kinds.get(node)
                if kind == "waiting":
                    self.waiting_us += max(delta, 0)
                elif kind is not None:
                    self._busy_us[at // 100_000] += weight * max(delta, 0)
                    times = self._times_of(kind)
                    if times is not None:
                        times[at // 100_000] += weight * max(delta, 0)
                    if node in packages and kind == "outside":
                        self._libraries_us[packages[node]][at // 100_000] += weight * max(delta, 0)
                at += delta

    def agent_share(self, since_ns: int) -> float | None:
        """Return the agent's share of the CPU time since a moment; None where that is too short to tell."""
        busy, agent = _since(self._busy_us, since_ns), _since(self._agent_us, since_ns)
        return agent / busy if busy >= _TELLING_US else None

    def outside(self, since_ns: int) -> Outside | None:
        """Return what ran since a moment while no function of the application was on the stack.

        That is what Node and libraries do for its requests before and after its handlers. Neither the agent's time
        counts nor the collector's, which serves both. Where the first seconds can be left out, they are: code that
        is not compiled yet is not slower by the same factor everywhere. None where the time is too short to tell.
        """
        for since in (since_ns + _WARM_NS, since_ns):
            outside, inside = _since(self._outside_us, since), _since(self._application_us, since)
            total = inside + outside
            if total >= _ENOUGH_US:
                shares = {name: round(_since(us, since) / total, 4) for name, us in self._libraries_us.items()}
                named = sorted(shares.items(), key=lambda entry: (-entry[1], entry[0]))
                return Outside(
                    round(min(outside / total, _MOST), 4),
                    {name: share for name, share in named if share >= _WORTH_NAMING},
                    round(_since(self._outside_us, since_ns) / 1e6, 3),
                )
        return None

    def entries(self, since_ns: int) -> dict[str, Any]:
        """Return what a trace's description says of `outside`."""
        outside = self.outside(since_ns)
        if outside is None:
            return {"outside_share": None, "outside_libraries": {}, "outside_s": None}
        return {
            "outside_share": outside.share,
            "outside_libraries": outside.libraries,
            "outside_s": outside.seconds,
        }

    def hot(self, files: Sequence[LoadedFile], app_root: Path) -> list[HotRow]:
        """Return the time of each function of the application, the hottest first."""
        found: dict[int, _Sum] = defaultdict(_Sum)
        by_path = {str(app_root / file.path): _places(file) for file in files if file.static is not None}
        for frame, summed in self._sums.items():
            places = by_path.get(frame[0])
            function = None if places is None else _function_at(places, frame)
            if function is not None:
                total = found[function]
                total.self_us += summed.self_us
                total.total_us += summed.total_us
                total.samples += summed.samples
        rows = [HotRow(function, s.self_us, s.total_us, s.samples) for function, s in found.items()]
        return sorted(rows, key=lambda row: (-row.self_us, row.function_id))

    def _times_of(self, kind: str) -> dict[int, float] | None:
        if kind in ("agent", "writing"):
            return self._agent_us
        return {"application": self._application_us, "outside": self._outside_us}.get(kind)

    def _walk(
        self,
        nodes: Mapping[int, dict[str, Any]],
        root: int,
        own_us: Mapping[int, float],
        hits: Mapping[int, int],
        kinds: dict[int, str],
        packages: dict[int, str],
    ) -> None:
        """Sum up a tree; `kinds` receives what each node is, nothing where idle.

        That is waiting, agent, writing, collector, application or outside. `packages` receives the library whose
        function stands lowest on the stack.
        """
        below: dict[int, float] = {}
        order, stack = [], [root]
        while stack:
            node = stack.pop()
            order.append(node)
            stack.extend(nodes[node].get("children", ()))
        for node in reversed(order):
            below[node] = own_us.get(node, 0.0) + sum(below[child] for child in nodes[node].get("children", ()))
        # The frames above each node, so that recursion counts once in the total.
        pending: list[tuple[int, frozenset[Frame], str, bool, str]] = [(root, frozenset(), "", False, "")]
        while pending:
            node, above, inside, application, package = pending.pop()
            frame = _frame(nodes[node]["callFrame"])
            spent = own_us.get(node, 0.0)
            if frame[0].startswith(_AGENT):
                if inside not in ("waiting", "writing"):
                    inside = {_WAITING: "waiting", _WRITING: "writing"}.get(frame[0], "agent")
            elif frame[0].startswith(_CARRYING):
                inside = inside or "agent"
            elif inside == "agent":
                inside = ""  # what a probe was put around: a call of the application, a module's evaluation
            application = application or (frame[0] != "" and self.is_application(frame[0]))
            package = package or _package(frame[0])
            if package:
                packages[node] = package
            if inside or frame[3] not in _IDLE:
                own = "collector" if frame[3] == _COLLECTOR else "application" if application else "outside"
                kinds[node] = inside or own
            if frame[0] and not frame[0].startswith("node:"):
                summed = self._sums[frame]
                summed.self_us += spent
                summed.samples += hits.get(node, 0)
                if frame not in above:
                    summed.total_us += below[node]
                    above |= {frame}
            pending.extend((child, above, inside, application, package) for child in nodes[node].get("children", ()))


def _since(times: Mapping[int, float], since_ns: int) -> float:
    """The time in the whole buckets after a moment."""
    first = since_ns // 100_000_000 + 1
    return sum(spent for bucket, spent in times.items() if bucket >= first)


def _frame(call: Mapping[str, Any]) -> Frame:
    url = call.get("url", "")
    path = unquote(urlparse(url).path) if url.startswith("file:") else url
    return path, call.get("lineNumber", -1), call.get("columnNumber", -1), call.get("functionName", "")


def _package(path: str) -> str:
    """Name of the package that a file belongs to, as far as its path tells; empty for others."""
    return package_of(path.rpartition("/node_modules/")[2]) if "/node_modules/" in path else ""


def _places(file: LoadedFile) -> dict[tuple[int, int], int]:
    """Return (line, column) → function id; the module stands at the start of its text."""
    places = {place: file.function_base + index for index, place in enumerate(file.starts)}
    return {**places, (0, 0): file.function_base}


def _function_at(places: Mapping[tuple[int, int], int], frame: Frame) -> int | None:
    """Return the id of the function that the engine reports at a place of the instrumented text."""
    _, line, column, name = frame
    found = places.get((line, column))
    return places[0, 0] if found is None and name == "" and line <= 0 and column <= 0 else found
