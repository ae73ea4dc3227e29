"""What may leave the entry stage and in which form; every refusal names the thing, the place and the remedy.

These are the constraints of one unit taken by itself. Those that arise between units (shared state, cost, one unit
inside another) are the solver's.
"""

from __future__ import annotations

from typing import Literal

from pipetrace.partitioner.calling import REACTIONS, Facts, Size, callees_of, is_connect, refused_by_call
from pipetrace.partitioner.cutting import kernel_mobility
from pipetrace.partitioner.global_state import changed_globals, refused_by_globals
from pipetrace.partitioner.graph import Graph
from pipetrace.partitioner.handed_state import handed_state
from pipetrace.partitioner.items import BOUND, CARRIED, Classification
from pipetrace.partitioner.kernels import Waits, is_kernel
from pipetrace.partitioner.mobility import Mobility
from pipetrace.partitioner.names import a_noun, because, noun, short
from pipetrace.partitioner.places import refused_by_place
from pipetrace.partitioner.reach import Reach
from pipetrace.partitioner.recording import Capture, Function, Recording, Shape
from pipetrace.partitioner.refusal import Refusal
from pipetrace.partitioner.twins import Twins

_PARTS = frozenset({"getter", "setter", "constructor", "static-block", "field-init", "module"})


def mobilities(recording: Recording, graph: Graph, classes: Classification) -> dict[int, Mobility]:
    """The mobility of every unit that ran."""
    facts = Facts(recording, graph)
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
    for unit, refusal in handed_state(recording, graph, classes, reach):
        held.setdefault(unit, []).append(refusal)
    changed = changed_globals(recording)
    for unit in graph.units:
        held.setdefault(unit, []).extend(refused_by_globals(recording, unit, reach.of_unit(unit), changed))
    rows = recording.invocations
    watched = rows.functions(rows.sampled)
    for unit in graph.units:
        if unit not in watched:
            held[unit].append(_unwatched(recording, unit))
    waits = Waits(recording, graph, classes)
    twins = Twins(recording, graph, classes, facts, reach)
    return {
        unit: kernel_mobility(recording, facts, waits, unit, held.get(unit, []))
        if is_kernel(recording, unit)
        else _mobility(recording, facts, twins, unit, held.get(unit, []))
        for unit in graph.units
    }


def _unwatched(recording: Recording, unit: int) -> Refusal:
    info = recording.functions[unit]
    return Refusal(
        "not-watched",
        f"{short(recording, unit)} ran, but what it touches in memory was never recorded "
        f"({recording.file_of(unit)}:{info.line}).",
        "Record more of the load, or with `--memory full`.",
    )


def _mobility(recording: Recording, facts: Facts, twins: Twins, unit: int, held: list[Refusal]) -> Mobility:
    function = recording.functions[unit]
    local = _local_captures(recording, unit)
    nested = bool(recording.ancestors(unit))
    arguments = recording.arguments(unit)
    classes = tuple(shapes[0].klass if shapes else "undefined" for shapes in arguments)
    http = is_connect(classes)
    refusals = [
        *refused_by_place(recording, function),
        *_refused_by_form(recording, function),
        *refused_by_call(recording, facts, function, http),
        *_refused_by_captures(recording, facts, function, local),
        *_refused_by_arguments(recording, function, arguments, http),
        *_refused_by_result(recording, function, http),
        *held,
    ]
    twin = twins.help(unit, refusals)
    if twin:
        local, refusals = (), []
    captured = [recording.slot(unit, f"capture:{capture.name}") for capture in local]
    size = Size.of((*arguments, *captured, recording.slot(unit, "return")))
    carries = any(shape.klass in CARRIED for shapes in (*arguments, *captured) for shape in shapes)
    return Mobility(
        function=unit,
        form="twin" if twin else ("lift" if nested else "wrap"),
        captures=tuple(capture.name for capture in local),
        returns=_returns(recording, function, facts),
        arguments=classes,
        message_bytes=size.bytes,
        message_values=size.values,
        http=carries,
        refusals=tuple(refusals),
        outside=twins.outside(unit) if twin else (),
        beyond=twins.beyond(unit) if twin else (),
    )


def _local_captures(recording: Recording, unit: int) -> tuple[Capture, ...]:
    found: dict[str, Capture] = {}
    for capture in recording.captures.get(unit, ()):
        itself = capture.kind == "function" and capture.name == recording.functions[unit].name
        if not capture.module_level and not itself:
            found.setdefault(capture.name, capture)
    return tuple(sorted(found.values(), key=lambda capture: (capture.line, capture.name)))


def _returns(recording: Recording, function: Function, facts: Facts) -> Literal["promise", "nothing", "value"]:
    seen = {shape.klass for shape in recording.slot(function.id, "return")}
    if function.is_async or function.returns_promise or seen == {"promise"}:
        return "promise"
    callees = callees_of(recording, function.id)
    if callees and callees <= REACTIONS:
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


def _is_settled(recording: Recording, facts: Facts, function: Function, capture: Capture) -> bool:
    """Whether a variable that is assigned again has its last value before any handler can see it.

    So it is with `options = options || {}`: only the declaring function itself assigns it, and that has returned
    when an event fires. The names to pass along are read then, and not when the handler is registered.
    """
    declaring = recording.functions.get(capture.scope)
    if declaring is None or declaring.is_async or declaring.is_generator or function.id in facts.called:
        return False
    return (capture.scope, capture.name) not in facts.assigned


def _refused_by_captures(
    recording: Recording, facts: Facts, function: Function, local: tuple[Capture, ...]
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
                    f"{short(recording, function.id)} uses `{capture.name}` ({where}), {a_noun(bound.klass)} that is "
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
                f"{name} captures `{capture.name}` ({where}), {a_noun(bound.klass)} that is bound to its process.",
                f"Pass the data that it takes from `{capture.name}` instead of the {noun(bound.klass)}.",
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
            return [
                Refusal(
                    "captures-unsendable",
                    f"{name} captures `{capture.name}` ({where}), {a_noun(shape.klass)} that cannot be "
                    f"sent{because(shape)}.",
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
                return [
                    Refusal(
                        "argument-unsendable",
                        f"{name} is called with {a_noun(shape.klass)} as argument {position + 1} ({where}), "
                        f"which cannot be sent{because(shape)}.",
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
            what = "something" if shape.klass == "promise" else a_noun(shape.klass)
            return [
                Refusal(
                    "result-unsendable",
                    f"{short(recording, function.id)} returns {what} that cannot be sent to its caller: {shape.why} "
                    f"({recording.file_of(function.id)}:{function.line}).",
                    "Return data instead, an array of what an iterator gives for instance.",
                )
            ]
    return []
