"""What may be cut out of a function as a kernel; every refusal names the call, the place and the remedy."""

from __future__ import annotations

from pipetrace.partitioner.calling import REACTIONS, Facts, Size, callees_of, is_connect, refused_by_call
from pipetrace.partitioner.kernels import Waits, unsendable
from pipetrace.partitioner.mobility import Mobility, Wait
from pipetrace.partitioner.names import a_noun, because, short
from pipetrace.partitioner.places import refused_by_place
from pipetrace.partitioner.recording import Function, Recording, Shape
from pipetrace.partitioner.refusal import Refusal

_EVENTFUL = frozenset({"socket", "stream", "emitter"})


def kernel_mobility(
    recording: Recording, facts: Facts, waits: Waits, unit: int, held: list[Refusal]
) -> Mobility:
    """Whether a call may be cut out of its function, and an `await` stand there."""
    kernel = recording.functions[unit]
    assert kernel.parent is not None
    around = recording.functions[kernel.parent]
    arguments, result = recording.arguments(unit), recording.slot(unit, "return")
    wait = _wait_of(recording, kernel, around)
    refusals = [
        *refused_by_place(recording, around),
        *_refused_data(recording, unit, arguments, result),
        *(() if wait == "none" else _refused_wait(recording, facts, waits, kernel, around)),
        *held,
    ]
    size = Size.of((*arguments, result))
    return Mobility(
        function=unit,
        form="kernel",
        captures=(),
        returns="value",
        arguments=tuple(shapes[0].klass if shapes else "undefined" for shapes in arguments),
        message_bytes=size.bytes,
        message_values=size.values,
        http=False,
        refusals=tuple(refusals),
        wait=wait,
    )


def _refused_data(
    recording: Recording, unit: int, arguments: tuple[tuple[Shape, ...], ...], result: tuple[Shape, ...]
) -> list[Refusal]:
    name = short(recording, unit)
    where = f"{recording.file_of(unit)}:{recording.functions[unit].line}"
    for position, shapes in enumerate(arguments):
        shape = unsendable(shapes)
        if shape is not None:
            return [
                Refusal(
                    "argument-unsendable",
                    f"{name} is given {a_noun(shape.klass)} as argument {position + 1} ({where}), which is no "
                    f"data{because(shape)}.",
                    "Pass data instead.",
                )
            ]
    shape = unsendable(result)
    if shape is None:
        return []
    return [
        Refusal(
            "result-unsendable",
            f"{name} returns {a_noun(shape.klass)} ({where}), which is no data{because(shape)}.",
            "Let it return data.",
        )
    ]


def _wait_of(recording: Recording, kernel: Function, around: Function) -> Wait:
    """What a kernel needs where it stands, so that its function waits for it."""
    if kernel.position == "awaited":
        return "none"
    callees = callees_of(recording, around.id)
    reaction = bool(callees) and callees <= REACTIONS
    if kernel.position == "returned" and (around.is_async or around.returns_promise or reaction):
        return "none"
    return "await" if around.is_async else "async"


def _refused_wait(
    recording: Recording, facts: Facts, waits: Waits, kernel: Function, around: Function
) -> list[Refusal]:
    """Why the function around a kernel cannot wait for it without being noticed."""
    name, outer = short(recording, kernel.id), short(recording, around.id)
    where = f"{recording.file_of(kernel.id)}:{kernel.line}"
    caller = _caller_of(recording, around.id)
    if around.id in facts.called or (caller is not None and not around.is_async):
        by = f"by {short(recording, caller)}" if caller is not None else "in the application itself"
        return [
            Refusal(
                "caller-goes-on",
                f"{outer} is called {by}, which would go on before {name} is done if {outer} waited for it ({where}).",
                f"Await or return the call of {name}.",
            )
        ]
    if not around.is_async:
        if around.id not in facts.handled:
            return [
                Refusal("unseen", f"{outer} was never seen to be called ({where}).", "Record a load that calls it.")
            ]
        refused = refused_by_call(recording, facts, around, _is_connect_unit(recording, around.id))
        if refused:
            return [
                Refusal(
                    refused[0].cause, f"{outer} cannot wait for {name}: {refused[0].sentence}", refused[0].remedy
                )
            ]
    bound = _bound_to(recording, around.id)
    if bound is not None:
        return [
            Refusal(
                "not-atomic",
                f"{outer} uses {a_noun(bound)}, whose next event could come in between if {name} were waited for "
                f"({where}).",
                f"Call {name} in a function that needs only data.",
            )
        ]
    fault = waits.fault(kernel.id)
    return [] if fault is None else [Refusal(fault.cause, fault.sentence, fault.remedy)]


def _bound_to(recording: Recording, function: int) -> str | None:
    """Class of a resource with events of its own that a function is given or captures."""
    local = {f"capture:{capture.name}" for capture in recording.captures.get(function, ()) if not capture.module_level}
    slots = recording.shapes.get(function, {})
    given = {shape.klass for slot, shapes in slots.items() if slot.startswith("arg") for shape in shapes}
    captured = {shape.klass for slot in local for shape in slots.get(slot, ())}
    # A callback with a request at hand mostly is in the middle of reading it.
    return min((given & _EVENTFUL) | (captured & (_EVENTFUL | {"http.request"})), default=None)


def _caller_of(recording: Recording, function: int) -> int | None:
    """A function whose text calls another one."""
    return next(
        (
            caller
            for caller, callees in sorted(recording.calls.items())
            if function in callees and caller != function and recording.functions[caller].kind != "kernel"
        ),
        None,
    )


def _is_connect_unit(recording: Recording, unit: int) -> bool:
    arguments = recording.arguments(unit)
    return is_connect(tuple(shapes[0].klass if shapes else "undefined" for shapes in arguments))
