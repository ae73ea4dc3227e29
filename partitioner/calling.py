"""How functions are called, and what a call that may not wait says against leaving the entry stage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipetrace.partitioner.graph import Graph
from pipetrace.partitioner.names import short
from pipetrace.partitioner.recording import CALL, HANDLER, Function, Recording, Shape
from pipetrace.partitioner.refusal import Refusal

REACTIONS = frozenset({"then", "catch", "finally"})
_IGNORE_RETURN = frozenset(
    {
        "on", "once", "addListener", "prependListener", "prependOnceListener", "addEventListener",
        "setTimeout", "setInterval", "setImmediate", "nextTick", "queueMicrotask", "createServer",
    }
)  # fmt: skip
_LISTEN = frozenset({"on", "addListener", "prependListener", "addEventListener"})
_NOTHING = frozenset({"undefined", "promise"})


class Facts:
    """What the invocations of a function say about how it is called."""

    def __init__(self, recording: Recording, graph: Graph) -> None:
        rows = recording.invocations
        self.called: set[int] = set()
        self.handled: set[int] = set()
        self.synchronous: set[int] = set()
        self.opens: set[int] = set()
        self.assigned = {
            (capture.scope, capture.name)
            for captures in recording.captures.values()
            for capture in captures
            if capture.writes
        }
        """Variables that a function inside the declaring one assigns."""
        self.callers: dict[int, set[int]] = {}
        """By function: those whose text calls it by its name, the top of a module not among them.

        What the top of a module calls runs on the entry stage, since no other one is there yet."""
        for caller, callees in recording.calls.items():
            if caller in recording.functions and recording.functions[caller].kind not in ("module", "kernel"):
                for callee in callees:
                    self.callers.setdefault(callee, set()).add(caller)
        steady = ~np.isin(rows.chain, np.fromiter(graph.init, dtype=np.int64, count=len(graph.init)))
        handled = steady & (rows.kind == HANDLER)
        self.called.update(rows.functions(steady & (rows.kind == CALL)))
        self.handled.update(rows.functions(handled))
        self.synchronous.update(rows.functions(handled & rows.nested))
        roots = handled & (rows.chain == rows.id)
        for kind in ("connection", "signal"):
            self.opens.update(rows.functions(roots & recording.is_of_kind(kind)))


def is_connect(classes: tuple[str, ...]) -> bool:
    """The calling convention (request, response, next), also behind an error: (error, request, response, next)."""
    return classes[:2] == ("http.request", "http.response") or classes[1:3] == ("http.request", "http.response")


def callees_of(recording: Recording, unit: int) -> set[str]:
    return {rupture.callee.rpartition(".")[2] for rupture in recording.ruptures.get(unit, ())}


@dataclass(frozen=True, slots=True)
class Size:
    """Of what a message carries, on average: bytes of an encoding, and of how many values it consists."""

    bytes: float
    values: float

    @classmethod
    def of(cls, slots: Iterable[tuple[Shape, ...]]) -> Size:
        """The sum over slots of a function, by what was seen in each."""
        size, values = 0.0, 0.0
        for shapes in slots:
            count = sum(shape.count for shape in shapes)
            if count:
                size += sum(shape.bytes_mean * shape.count for shape in shapes) / count
                values += sum(shape.values_mean * shape.count for shape in shapes) / count
        return cls(round(size, 1), round(values, 1))


def refused_by_call(recording: Recording, facts: Facts, function: Function, http: bool) -> list[Refusal]:
    name = short(recording, function.id)
    where = f"{recording.file_of(function.id)}:{function.line}"
    if function.id in facts.opens:
        return [
            Refusal(
                "entry-source",
                f"{name} is called by an outside source that lives on the entry stage, and order counts there "
                f"({where}).",
                "Move the work that it hands on instead: an async function that takes data and returns data.",
            )
        ]
    found: list[Refusal] = []
    ruptures = recording.ruptures.get(function.id, ())
    at_init = any(rupture.during_init > 0 for rupture in ruptures)
    if function.id in facts.synchronous and not at_init and not http:
        found.append(
            Refusal(
                "called-synchronously",
                f"{name} is called while another handler is at work, which may count on what it does ({where}).",
                "Make it an async function, and wait for its promise.",
            )
        )
    listens = any(rupture.callee.rpartition(".")[2] in _LISTEN for rupture in ruptures)
    if not at_init and listens:
        found.append(
            Refusal(
                "ordered-events",
                f"{name} listens to an object made at run time, whose events must be handled in order ({where}).",
                "Collect the events and give the whole to an async function.",
            )
        )
    callers = sorted(facts.callers.get(function.id, ()))
    if callers and not function.returns_promise:
        by = "itself" if callers == [function.id] else short(recording, next(c for c in callers if c != function.id))
        found.append(
            Refusal(
                "called-by-name",
                f"{name} is called by {by} as well, which goes on with what that call returns or changes ({where}).",
                "Make it async, if its callers can wait for a promise.",
            )
        )
    callees = callees_of(recording, function.id)
    if function.id in facts.handled and not http and not function.returns_promise:
        values = sorted({shape.klass for shape in recording.slot(function.id, "return")} - _NOTHING)
        ignored = bool(callees) and callees <= (REACTIONS | _IGNORE_RETURN)
        if values and not ignored:
            found.append(
                Refusal(
                    "returns-value",
                    f"{name} returns a value ({', '.join(values)}) that its caller may use at once ({where}).",
                    "Make it async, if its caller can wait for a promise.",
                )
            )
    return found
