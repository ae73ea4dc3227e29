"""Kernels: calls that could leave the function they stand in, and whether others could notice the wait for them.

The agent records such a call as an invocation of its own, and what its function does behind it as a resumption. So a
kernel is a unit like others, inside the unit of its function. Most calls are light; those are folded back, as if
nobody had looked at them. For the others this module decides whether an `await` may stand there: what comes before
it and what comes behind it was one step, and becomes two, between which other chains can run.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipetrace.partitioner.graph import Graph
from pipetrace.partitioner.items import BOUND, CARRIED, Classification
from pipetrace.partitioner.names import short
from pipetrace.partitioner.positions import Positions
from pipetrace.partitioner.recording import CALL, HANDLER, NONE, RESUME, Recording, Shape

_LEAST_US = 100.0
"""Mean CPU below which a call is never a kernel, not even where gain plays no part."""
_AT_ONCE = BOUND | CARRIED | {"function", "promise", "generator", "proxy"}
"""Classes that a kernel is neither given nor returns: they are no data."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a call cannot become a kernel: cause, sentence and remedy of the refusal."""

    cause: str
    sentence: str
    remedy: str


def is_kernel(recording: Recording, unit: int) -> bool:
    """Whether a unit is a call inside a function, and no function of its own."""
    return recording.functions[unit].kind == "kernel"


def fold_light(recording: Recording, threshold_us: float) -> Recording:
    """The same recording without the kernels that are too light to be one: they are part of their function again."""
    rows = recording.invocations
    kernels = {number for number, info in recording.functions.items() if info.kind == "kernel"}
    ran = kernels & rows.functions()
    if not ran:
        return recording
    soft = _soft(recording, ran)
    light = {kernel for kernel in ran if _mean_us(recording, kernel) < max(threshold_us, _LEAST_US)}
    function, kind, first = rows.function.copy(), rows.kind.copy(), rows.first.copy()
    position = Positions(rows.id)
    for at in np.flatnonzero(np.isin(rows.function, np.fromiter(light, dtype=np.int64, count=len(light)))).tolist():
        around = position.get(int(rows.parent[at]))
        if around is None:
            continue
        function[at], kind[at] = function[around], RESUME
        first[at] = first[around] if int(first[around]) != NONE else rows.id[around]
    folded = dataclasses.replace(rows, function=function, kind=kind, first=first)
    return dataclasses.replace(recording, invocations=folded, soft=soft)


def _soft(recording: Recording, kernels: set[int]) -> frozenset[int]:
    """Indices of the invocations that continue the step of what caused them: folded kernels, and what follows one."""
    rows = recording.invocations
    own = np.isin(rows.function, np.fromiter(kernels, dtype=np.int64, count=len(kernels)))
    after = (rows.kind == RESUME) & np.isin(rows.parent, rows.id[own])
    return frozenset(np.flatnonzero(own | after).tolist())


def _mean_us(recording: Recording, kernel: int) -> float:
    rows = recording.invocations
    mine = rows.function == kernel
    plain = mine & ~rows.sampled
    chosen = plain if plain.any() else mine
    # A run of kernels has several rows a call, of which the first one is the call.
    calls = int((rows.kind[chosen] == CALL).sum())
    return float(rows.cpu_ns[chosen].sum()) / max(calls, 1) / 1000.0


class Waits:
    """Answers for the kernels of one recording whether an `await` may stand before them."""

    def __init__(self, recording: Recording, graph: Graph, classes: Classification) -> None:
        self._recording = recording
        self._classes = classes
        rows = recording.invocations
        self._kind, self._nested = rows.kind, rows.nested
        kernels = [number for number, info in recording.functions.items() if info.kind == "kernel"]
        self._is_kernel = np.isin(rows.function, np.array(kernels, dtype=np.int64))
        self._of: dict[int, list[int]] = defaultdict(list)
        self._touched: dict[int, set[str]] = {}
        if self._is_kernel.any():
            for at in np.flatnonzero(self._is_kernel & (rows.kind == CALL)).tolist():
                self._of[int(rows.function[at])].append(at)
            self._touched = _touched(recording, graph, classes)
            self._before = graph.index.of(rows.parent)
            self._by_cause = np.argsort(self._before, kind="stable")
            self._causes = self._before[self._by_cause]
        self._written = {
            (capture.scope, capture.name)
            for captures in recording.captures.values()
            for capture in captures
            if capture.module_level and capture.writes
        }
        """Module-level names that some function assigns."""

    def fault(self, kernel: int) -> Fault | None:
        """Why others could notice if the function of a kernel waited for it; None where they could not."""
        info = self._recording.functions[kernel]
        name = short(self._recording, kernel)
        where = f"{self._recording.file_of(kernel)}:{info.line}"
        before = self._named(kernel, info.names_before)
        after = self._named(kernel, info.names_after)
        for at in self._of[kernel]:
            earlier, later = self._steps_before(at), self._steps_after(at)
            early = self._at_once(earlier)
            if any(self._begins_later(step) for step in early):
                return Fault(
                    "starts-before",
                    f"What stands before {name} starts something that could go on in between if {name} were waited "
                    f"for ({where}).",
                    f"Call {name} first, or wait for what was started.",
                )
            before |= self._items(early)
            after |= self._items(self._at_once(later))
        if before and after:
            one, other = min(before), min(after)
            both = f"`{one}`" if one == other else f"`{one}` and `{other}`"
            return Fault(
                "not-atomic",
                f"{both} are used before and after {name} in one step, and other chains could change them if {name} "
                f"were waited for ({where})."
                if one != other
                else f"{both} is used before and after {name} in one step, and other chains could change it if "
                f"{name} were waited for ({where}).",
                "Use it only before the call or only after it.",
            )
        if info.hands_out:
            return Fault(
                "starts-before",
                f"Before {name} its function hands a function of its own on, which could be called in between, or "
                f"begins something that it waits for only later ({where}).",
                f"Call {name} first, or wait at once for what was begun.",
            )
        return None

    def _named(self, kernel: int, names: Iterable[str]) -> set[str]:
        """Those of some module-level names that are known to be state, or that some function assigns."""
        recording = self._recording
        info = recording.functions[kernel]
        modules = (other for other in recording.functions.values() if other.kind == "module")
        module = next(other.id for other in modules if other.file == info.file)
        file = recording.file_of(kernel)
        tied = {item.id for item in self._classes.ties}
        return {name for name in names if f"{file}:{name}" in tied or (module, name) in self._written}

    def _follows_at_once(self, at: int) -> bool:
        """Whether an invocation continues the step of its cause, with no suspension in between."""
        return at in self._recording.soft or bool(self._is_kernel[at])

    def _children(self, step: int) -> list[int]:
        """What an invocation caused, in order."""
        first, end = np.searchsorted(self._causes, (step, step + 1)).tolist()
        found: list[int] = self._by_cause[first:end].tolist()
        return found

    def _steps_before(self, at: int) -> list[int]:
        """The parts of the function, and kernels in it, that run before a kernel in the same step."""
        found: list[int] = []
        step = at
        while self._follows_at_once(step):
            step = int(self._before[step])
            if step == NONE or step in found:
                break
            found.append(step)
        return found

    def _steps_after(self, at: int) -> list[int]:
        found = [at]
        for step in found:
            found += [child for child in self._children(step) if self._follows_at_once(child)]
        return found[1:]

    def _at_once(self, steps: Iterable[int]) -> list[int]:
        """Some parts of a function with all that runs while they are on the stack."""
        found = list(steps)
        own = set(found)
        for step in found:
            for child in self._children(step):
                kind = self._kind[child]
                inside = (kind == CALL and not self._is_kernel[child]) or (kind == HANDLER and self._nested[child])
                if child not in own and (inside or (step not in own and self._follows_at_once(child))):
                    found.append(child)
        return found

    def _begins_later(self, step: int) -> bool:
        """Whether something that a part started runs when the part is over."""
        for child in self._children(step):
            kind = self._kind[child]
            if kind == HANDLER and not self._nested[child]:
                return True
            if kind == CALL and not self._is_kernel[child]:
                # To wait for its promise would have ended the step, so nobody does yet: a rejection would go unhandled.
                return True
        return False

    def _items(self, steps: Iterable[int]) -> set[str]:
        return {name for step in steps for name in self._touched.get(step, ())}


def _touched(recording: Recording, graph: Graph, classes: Classification) -> dict[int, set[str]]:
    """By index of an invocation: names of the state and of the bound resources that it touches."""
    tied = {item.id: item.name for item in classes.ties}
    names = {location: tied[item] for location, item in classes.item_of.items() if item in tied}
    found: dict[int, set[str]] = defaultdict(set)
    if not names:
        return found
    accesses = recording.accesses
    chosen = np.isin(accesses.location, np.fromiter(names, dtype=np.int64, count=len(names)))
    pairs = zip(accesses.invocation[chosen].tolist(), accesses.location[chosen].tolist(), strict=True)
    for invocation, location in pairs:
        at = graph.index.get(invocation)
        if at is not None:
            found[at].add(names[location])
    return found


def unsendable(shapes: Iterable[Shape]) -> Shape | None:
    """The first shape that is no data."""
    return next((shape for shape in shapes if not shape.sendable or shape.klass in _AT_ONCE), None)
