"""The diagnosis: one sentence on where the CPU goes and what can be gained, and notes that qualify it."""

from __future__ import annotations

from pipetrace.report import words
from pipetrace.report.figures import title
from pipetrace.report.model import Handler, Plan, Recording, State

LONG_DELAY_US = 50_000.0
IDLE_BELOW = 0.3
GC_ABOVE = 0.1


def diagnose(
    recording: Recording,
    handlers: tuple[Handler, ...],
    state: tuple[State, ...],
    plan: Plan | None,
    planned: str,
) -> tuple[str, str]:
    """The verdict (``gain``, ``nothing``, ``open`` or ``empty``) and the sentence.

    ``planned`` is the plan's own diagnosis, which stands where there is one. Handlers come dearest first.
    """
    if not recording.chains or not handlers:
        return "empty", _empty(recording)
    if plan is not None:
        best = max((point.speedup for point in plan.scaling if point.machines <= plan.machines), default=1.0)
        gain = plan.moved > 0
        return ("gain" if gain else "nothing"), planned or _from_plan(handlers, state, plan, best if gain else None)
    top = handlers[0]
    if recording.memory_mode == "off":
        return "open", (
            f"{_subject(top)} takes {words.percent(top.share)} of the handlers' CPU; memory was not recorded, so "
            "nothing is known of what it shares."
        )
    sharing = _sharing(top, state)
    return "open", (
        f"{_subject(top)} takes {words.percent(top.share)} of the handlers' CPU and {sharing}; "
        "`pipetrace partition` tells what more machines would gain."
    )


def notes(recording: Recording, handlers: tuple[Handler, ...]) -> tuple[str, ...]:
    """What a reader must know beside the diagnosis, the most important first; at most five sentences."""
    found = []
    if not recording.complete:
        reason = recording.partial_reason.rstrip(".") or "the reason is not known"
        found.append(f"The recording is partial ({reason}): every figure covers only what was written before.")
    if recording.lost_records:
        found.append(
            f"{words.plural(recording.lost_records, 'record')} "
            f"{'was' if recording.lost_records == 1 else 'were'} lost while recording, so counts are too low."
        )
    delay = recording.loop_delay_max_us
    if delay is not None and delay >= LONG_DELAY_US and recording.chains:
        found.append(
            f"The event loop was held up for {words.microseconds(delay)} at worst; "
            "whatever arrives then waits that long."
        )
    if recording.cpu_mean is not None and recording.cpu_mean < IDLE_BELOW and recording.chains:
        found.append(
            f"The process used {words.percent(recording.cpu_mean)} of a core on average: "
            "the load did not fill it, so its limit was not reached in this recording."
        )
    if recording.gc_share is not None and recording.gc_share > GC_ABOVE:
        found.append(f"Garbage collection took {words.percent(recording.gc_share)} of the time.")
    for handler in handlers[:5]:
        if handler.modes:
            cheap, dear = handler.modes
            found.append(
                f"`{title(handler)}` has two modes: {words.percent(cheap.share_of_calls)} of its calls take "
                f"{words.microseconds(cheap.mean_us)}, {words.percent(dear.share_of_calls)} take "
                f"{words.microseconds(dear.mean_us)}."
            )
    return tuple(found[:5])


def _subject(handler: Handler) -> str:
    return f"`{title(handler)}` ({handler.file}:{handler.line})"


def _sharing(handler: Handler, state: tuple[State, ...]) -> str:
    if not handler.touches:
        return "shares no state"
    others = {other for each in state if each.id in handler.touches for other in each.handlers if other != handler.id}
    names = [f"`{each.name}`" for each in state if each.id in handler.touches]
    if not others:
        return f"keeps {words.joined(names)} between its calls"
    return f"shares {words.joined(names)} with {words.plural(len(others), 'other handler')}"


def _from_plan(handlers: tuple[Handler, ...], state: tuple[State, ...], plan: Plan, gain: float | None) -> str:
    top = handlers[0]
    share = words.percent(top.unit_share if top.unit_share is not None else top.share)
    if gain is not None:
        machines = words.plural(plan.machines, plan.machine)
        return (
            f"{_subject(top)} takes {share} of the CPU and {_sharing(top, state)}: "
            f"{machines} would serve {words.times(gain)} as much."
        )
    why = next((each.objections[0].sentence for each in plan.refusals if each.handler == top.id), "")
    if not why and plan.scaling:
        why = plan.scaling[-1].limit
    reason = (
        why.rstrip(".")
        or f"no handler is heavy enough to pay for its messages; {_subject(top)} takes {share} of the CPU"
    )
    return f"Nothing to gain: {reason}."


def _empty(recording: Recording) -> str:
    if not recording.invocations and not recording.files_instrumented:
        return (
            "Nothing was recorded: no file of the application was loaded before the recording ended; "
            "check the command and its output."
        )
    return (
        "Nothing was served while this was recorded; put load on the application, for instance with "
        "`pipetrace record --on-port 'autocannon http://127.0.0.1:$PORT/'`."
    )
