"""The headline of a report in words: what was recorded, and the figures that every output shows first."""

from __future__ import annotations

from dataclasses import dataclass

from pipetrace.report import words
from pipetrace.report.model import Handler, Recording

NAMELESS = "function@"
"""How the name of a function that has none begins; its line follows."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its name, and what qualifies it."""

    name: str
    value: str
    detail: str


def place(file: str, line: int) -> str:
    """Where something stands: ``lib/a.js:14``."""
    return f"{file}:{line}" if file and line else file


def short_name(handler_id: str) -> str:
    """A handler in a list: its name, or file and line where it has none (``accounts.js:19``)."""
    file, _, name = handler_id.rpartition("#")
    if name.startswith(NAMELESS):
        return f"{file.rpartition('/')[2]}:{name.removeprefix(NAMELESS)}"
    return name


def title(handler: Handler) -> str:
    """A handler in a table that tells its place beside it: its name, or what it was passed to."""
    if handler.passed_to and handler.name.startswith(NAMELESS):
        return f"{handler.passed_to} callback"
    return short_name(handler.id) if handler.name.startswith(NAMELESS) else handler.name


def sentence(text: str) -> str:
    """A sentence of the plan as it stands alone, with a capital letter."""
    return text[:1].upper() + text[1:]


def subtitle(recording: Recording) -> str:
    """What was recorded, in one line."""
    parts = [recording.app_name, recording.command, f"Node {recording.node_version.removeprefix('v')}"]
    created = recording.created.replace("T", " ")[:16]
    return " · ".join(part for part in (*parts, created) if part)


def headline_figures(recording: Recording) -> tuple[Figure, ...]:
    """The figures of a recording in the order of their use; what was not measured is left out."""
    per_second = f"{words.rate(recording.requests_per_s)} a second" if recording.requests_per_s else ""
    found = [
        Figure("Recorded", words.seconds(recording.duration_s), _how_ended(recording)),
        Figure("Requests", words.count(recording.requests), per_second),
    ]
    if recording.cpu_mean is not None and recording.cpu_peak is not None:
        found.append(
            Figure(
                "CPU",
                words.percent(recording.cpu_mean),
                f"of a core, {words.percent(recording.cpu_peak)} at peak",
            )
        )
    delays = (recording.loop_delay_p50_us, recording.loop_delay_p99_us, recording.loop_delay_max_us)
    if None not in delays:
        p50, p99, most = (words.microseconds(delay or 0.0) for delay in delays)
        found.append(Figure("Event-loop delay", p50, f"p99 {p99}, at most {most}"))
    if recording.rss_peak is not None:
        heap = f"{words.size(recording.heap_peak)} heap" if recording.heap_peak else ""
        found.append(Figure("Memory at peak", words.size(recording.rss_peak), heap))
    if recording.gc_share is not None:
        found.append(Figure("Garbage collection", words.percent(recording.gc_share), "of the time"))
    found.append(
        Figure(
            "Invocations",
            words.count(recording.invocations),
            f"memory watched in {words.percent(recording.sampled_share)}" if recording.invocations else "",
        )
    )
    if recording.lost_records:
        found.append(Figure("Lost", words.count(recording.lost_records), "records"))
    if recording.overhead:
        first, *rest = recording.overhead
        detail = ", ".join([first.name, *(f"{figure.value} {figure.name}" for figure in rest[:2])])
        found.append(Figure("Cost of recording", first.value, detail))
    return tuple(found)


def _how_ended(recording: Recording) -> str:
    if not recording.complete:
        return "partial: " + (recording.partial_reason or "the end is missing")
    lost = "" if recording.lost_records else "nothing lost"
    return ", ".join(part for part in ("complete", lost, recording.exit) if part)
