"""What may leave the entry stage and in which form; every refusal names the thing, the place and the remedy.

These are the constraints of one unit taken by itself. Those that arise between units (shared state, cost, one unit
inside another) are the solver's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipetrace.partitioner.classify import BOUND, CARRIED, Classification
from pipetrace.partitioner.global_state import changed_globals, refused_by_globals
from pipetrace.partitioner.graph import Graph
from pipetrace.partitioner.names import short
from pipetrace.partitioner.places import refused_by_place
from pipetrace.partitioner.reach import Reach
from pipetrace.partitioner.recording import CALL, HANDLER, Capture, Function, Recording, Shape
from pipetrace.partitioner.refusal import Refusal

Form = Literal["wrap", "lift"]

_REACTIONS = frozenset({"then", "catch", "finally"})
_IGNORE_RETURN = frozenset(
    {
        "on", "once", "addListener", "prependListener", "prependOnceListener", "addEventListener",
        "setTimeout", "setInterval", "setImmediate", "nextTick", "queueMicrotask", "createServer",
    }
)  # fmt: skip
_LISTEN = frozenset({"on", "addListener", "prependListener", "addEventListener"})
_NOTHING = frozenset({"undefined", "promise"})
_PARTS = frozenset({"getter", "setter", "constructor", "static-block", "field-init", "module"})


@dataclass(frozen=True, slots=True)
class Mobility:
    """Whether a unit may be sent to another stage, and how."""

    function: int
    form: Form
    captures: tuple[str, ...]
    """Local names to pass along, in order of their declaration; empty for 'wrap'."""
    returns: Literal["promise", "nothing", "value"]
    arguments: tuple[str, ...]
    message_bytes: float
    http: bool
    refusals: tuple[Refusal, ...]

    @property
    def movable(self) -> bool:
        """Whether nothing in the function itself holds it back."""
        return not self.refusals


def mobilities(recording: Recording, graph: Graph, classes: Classification) -> dict[int, Mobility]:
    """The mobility of every unit that ran."""
    facts = _Facts(recording, graph)
    held: dict[int, list[Refusal]] = {}
    for split in classes.splits:
        item = classes.items[split.item]
        other = "another call of itself" if split.other == split.unit else short(recording, split.other)
        held.setdefault(split.unit, []).append(
            Refusal(
                "shares-state",
                f"{short(recording, split.unit)} and {other} use {item.label} within one chain "
                "without one following from the other, and one of them writes it.",
                "Pass the data as arguments and results instead, or move the function that encloses both.",
            )
        )
    reach = Reach(recording, graph)
    changed = changed_globals(recording)
    for unit in graph.units:
        held.setdefault(unit, []).extend(refused_by_globals(recording, unit, reach.of_unit(unit), changed))
    return {unit: _mobility(recording, facts, unit, held.get(unit, [])) for unit in graph.units}


class _Facts:
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
        for at, (function, kind, chain, nested) in enumerate(
            zip(rows.function.tolist(), rows.kind.tolist(), rows.chain.tolist(), rows.nested.tolist(), strict=True)
        ):
            if chain in graph.init:
                continue
            if kind == CALL:
                self.called.add(function)
            elif kind == HANDLER:
                self.handled.add(function)
                if nested:
                    self.synchronous.add(function)
                if chain == int(rows.id[at]):
                    found = recording.chains.get(chain)
                    if found is not None and found.kind in ("connection", "signal"):
                        self.opens.add(function)


def _mobility(recording: Recording, facts: _Facts, unit: int, held: list[Refusal]) -> Mobility:
    function = recording.functions[unit]
    local = _local_captures(recording, unit)
    nested = bool(recording.ancestors(unit))
    arguments = recording.arguments(unit)
    classes = tuple(shapes[0].klass if shapes else "undefined" for shapes in arguments)
    http = _is_connect(classes)
    refusals = [
        *refused_by_place(recording, function),
        *_refused_by_form(recording, function),
        *_refused_by_call(recording, facts, function, http),
        *_refused_by_captures(recording, facts, function, local),
        *_refused_by_arguments(recording, function, arguments, http),
        *_refused_by_result(recording, function, http),
        *held,
    ]
    size = sum(_mean_bytes(shapes) for shapes in arguments)
    size += sum(_mean_bytes(recording.slot(unit, f"capture:{capture.name}")) for capture in local)
    size += _mean_bytes(recording.slot(unit, "return"))
    return Mobility(
        function=unit,
        form="lift" if nested else "wrap",
        captures=tuple(capture.name for capture in local),
        returns=_returns(recording, function, facts),
        arguments=classes,
        message_bytes=round(size, 1),
        http=http,
        refusals=tuple(refusals),
    )


def _local_captures(recording: Recording, unit: int) -> tuple[Capture, ...]:
    found: dict[str, Capture] = {}
    for capture in recording.captures.get(unit, ()):
        itself = capture.kind == "function" and capture.name == recording.functions[unit].name
        if not capture.module_level and not itself:
            found.setdefault(capture.name, capture)
    return tuple(sorted(found.values(), key=lambda capture: (capture.line, capture.name)))


def _mean_bytes(shapes: tuple[Shape, ...]) -> float:
    count = sum(shape.count for shape in shapes)
    return sum(shape.bytes_mean * shape.count for shape in shapes) / count if count else 0.0


def _is_connect(classes: tuple[str, ...]) -> bool:
    """The calling convention (request, response, next), also behind an error: (error, request, response, next)."""
    return classes[:2] == ("http.request", "http.response") or classes[1:3] == ("http.request", "http.response")


def _callees(recording: Recording, unit: int) -> set[str]:
    return {rupture.callee.rpartition(".")[2] for rupture in recording.ruptures.get(unit, ())}


def _returns(recording: Recording, function: Function, facts: _Facts) -> Literal["promise", "nothing", "value"]:
    seen = {shape.klass for shape in recording.slot(function.id, "return")}
    if function.is_async or function.returns_promise or seen == {"promise"}:
        return "promise"
    callees = _callees(recording, function.id)
    if callees and callees <= _REACTIONS:
        return "value"
    if function.id in facts.called:
        return "promise"
    return "nothing"


def _refused_by_form(recording: Recording, function: Function) -> list[Refusal]:
    name = short(recording, function.id)
    where = f"{recording.file_of(function.id)}:{function.line}"
    found: list[Refusal] = []
    if function.kind in _PARTS:
        found.append(
            Refusal(
                "accessor",
                f"{name} is a {function.kind}, which the language itself calls and waits for ({where}).",
                "Move its work into an async function and call that.",
            )
        )
    if function.is_generator:
        found.append(
            Refusal(
                "generator",
                f"{name} is a generator, whose steps the caller drives one by one ({where}).",
                "Make the heavy part an async function that returns its result at once.",
            )
        )
    if function.dynamic_scope:
        found.append(
            Refusal(
                "dynamic-scope",
                f"{name} uses `eval` or `with`, so what it touches cannot be known ({where}).",
                "Replace `eval` or `with`.",
            )
        )
    if function.uses_this and not _this_is_harmless(recording, function):
        found.append(
            Refusal(
                "uses-this",
                f"{name} uses `this`, an object that stays on the stage of its caller ({where}).",
                "Pass what it needs of `this` as an argument.",
            )
        )
    if function.code_after_next:
        found.append(
            Refusal(
                "code-after-next",
                f"{name} goes on after it has called `next`, which must have run downstream by then ({where}).",
                "Make the call of `next` the last thing it does.",
            )
        )
    return found


def _this_is_harmless(recording: Recording, function: Function) -> bool:
    if function.kind == "arrow":
        return not recording.ancestors(function.id)
    seen = {shape.klass for shape in recording.slot(function.id, "this")}
    return bool(seen) and seen <= {"undefined", "null"}


def _refused_by_call(recording: Recording, facts: _Facts, function: Function, http: bool) -> list[Refusal]:
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
    callees = _callees(recording, function.id)
    if function.id in facts.handled and not http and not function.returns_promise:
        values = sorted({shape.klass for shape in recording.slot(function.id, "return")} - _NOTHING)
        ignored = bool(callees) and callees <= (_REACTIONS | _IGNORE_RETURN)
        if values and not ignored:
            found.append(
                Refusal(
                    "returns-value",
                    f"{name} returns a value ({', '.join(values)}) that its caller may use at once ({where}).",
                    "Make it async, if its caller can wait for a promise.",
                )
            )
    return found


def _is_settled(recording: Recording, facts: _Facts, function: Function, capture: Capture) -> bool:
    """Whether a variable that is assigned again has its last value before any handler can see it.

    So it is with `options = options || {}`: only the declaring function itself assigns it, and that has returned
    when an event fires. The names to pass along are read then, and not when the handler is registered.
    """
    declaring = recording.functions.get(capture.scope)
    if declaring is None or declaring.is_async or declaring.is_generator or function.id in facts.called:
        return False
    return (capture.scope, capture.name) not in facts.assigned


def _refused_by_captures(
    recording: Recording, facts: _Facts, function: Function, local: tuple[Capture, ...]
) -> list[Refusal]:
    found: list[Refusal] = []
    for capture in local:
        where = f"{recording.file_of(capture.scope)}:{capture.line}"
        name = short(recording, function.id)
        if capture.writes or (capture.reassigned and not _is_settled(recording, facts, function, capture)):
            how = "it assigns itself" if capture.writes else "is assigned again after its declaration"
            found.append(
                Refusal(
                    "captures-reassigned",
                    f"{name} captures `{capture.name}`, which {how} ({where}), so a copy of it would be stale.",
                    f"Make `{capture.name}` a constant, or pass it as an argument.",
                )
            )
            continue
        found.extend(_refused_capture(recording, function, capture, where))
    for capture in recording.captures.get(function.id, ()):
        if not capture.module_level:
            continue
        bound = _bound(recording.slot(function.id, f"capture:{capture.name}"), ("socket", "stream", "timer"))
        if bound is not None:
            where = f"{recording.file_of(capture.scope)}:{capture.line}"
            found.append(
                Refusal(
                    "captures-resource",
                    f"{short(recording, function.id)} uses `{capture.name}` ({where}), a {bound.klass} that is "
                    "bound to its process.",
                    f"Keep what uses `{capture.name}` in a function of its own.",
                )
            )
    return found


def _bound(shapes: tuple[Shape, ...], classes: tuple[str, ...]) -> Shape | None:
    return next((shape for shape in shapes if shape.klass in classes), None)


def _refused_capture(recording: Recording, function: Function, capture: Capture, where: str) -> list[Refusal]:
    shapes = recording.slot(function.id, f"capture:{capture.name}")
    name = short(recording, function.id)
    bound = _bound(shapes, tuple(sorted(BOUND)))
    if bound is not None:
        return [
            Refusal(
                "captures-resource",
                f"{name} captures `{capture.name}` ({where}), a {bound.klass} that is bound to its process.",
                f"Pass the data that it takes from `{capture.name}` instead of the {bound.klass}.",
            )
        ]
    is_function = capture.kind == "function" or any(shape.klass == "function" for shape in shapes)
    if capture.kind == "class" or (is_function and capture.kind != "param"):
        return [
            Refusal(
                "captures-unsendable",
                f"{name} captures `{capture.name}` ({where}), a function of its surroundings whose result it may "
                "use at once.",
                f"Declare `{capture.name}` at the top of the module.",
            )
        ]
    for shape in shapes:
        if not shape.sendable and shape.klass not in CARRIED and shape.klass != "function":
            why = f": {shape.why}" if shape.why else ""
            return [
                Refusal(
                    "captures-unsendable",
                    f"{name} captures `{capture.name}` ({where}), a {_plain(shape.klass)} that cannot be sent{why}.",
                    f"Pass the data that it takes from `{capture.name}` instead.",
                )
            ]
    return []


def _refused_by_arguments(
    recording: Recording, function: Function, arguments: tuple[tuple[Shape, ...], ...], http: bool
) -> list[Refusal]:
    name = short(recording, function.id)
    where = f"{recording.file_of(function.id)}:{function.line}"
    for position, shapes in enumerate(arguments):
        for shape in shapes:
            unsendable = not shape.sendable and shape.klass not in CARRIED and shape.klass != "function"
            if shape.klass in BOUND or unsendable:
                why = f": {shape.why}" if shape.why else ""
                return [
                    Refusal(
                        "argument-unsendable",
                        f"{name} is called with a {_plain(shape.klass)} as argument {position + 1} ({where}), "
                        f"which cannot be sent{why}.",
                        "Pass data instead, and keep the object with the caller.",
                    )
                ]
            if shape.klass == "function" and not http and position + 1 < len(arguments):
                return [
                    Refusal(
                        "argument-unsendable",
                        f"{name} is called with a function as argument {position + 1} ({where}), whose result it "
                        "may use at once.",
                        "Pass data instead of the function, or make the function the last argument, a callback.",
                    )
                ]
    return []


def _refused_by_result(recording: Recording, function: Function, http: bool) -> list[Refusal]:
    """Refuse a function whose result, or the value that its promise resolves to, has to stay where it is."""
    if http:
        return []
    for shape in recording.slot(function.id, "return"):
        if not shape.sendable and shape.klass not in CARRIED and shape.klass != "function":
            what = "something" if shape.klass == "promise" else f"a {_plain(shape.klass)}"
            return [
                Refusal(
                    "result-unsendable",
                    f"{short(recording, function.id)} returns {what} that cannot be sent to its caller: {shape.why} "
                    f"({recording.file_of(function.id)}:{function.line}).",
                    "Return data instead, an array of what an iterator gives for instance.",
                )
            ]
    return []


def _plain(klass: str) -> str:
    return klass.removeprefix("instance:") + " object" if klass.startswith("instance:") else klass


Mobilities = Mapping[int, Mobility]
