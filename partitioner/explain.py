"""The evidence behind one handler or one location, in sentences."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pipetrace.errors import PipetraceError
from pipetrace.partitioner.analysis import Analysis
from pipetrace.partitioner.items import Item
from pipetrace.partitioner.reasons import listed, milliseconds, percent, refusals_of
from pipetrace.partitioner.recording import Recording, Shape

Explanation = dict[str, Any]
"""'kind' ('handler' or 'location'), 'id', 'lines' (sentences), and the figures by name."""

_HOW = {
    "wrap": "it would be wrapped where it stands",
    "lift": "it would be lifted out of its surroundings",
    "twin": "each stage would run the one that its own start made",
    "kernel": "it would be cut out of its function",
}
"""By form, what a move would do to the text."""


def explain(analysis: Analysis, wanted: str) -> list[Explanation]:
    """Everything known about the handlers and locations that ``wanted`` names: an id, a name, or 'file:line'.

    Raises PipetraceError where nothing has that name.
    """
    found = [_handler(analysis, unit) for unit in _matching_units(analysis, wanted)]
    found += [_location(analysis, item) for item in _matching_items(analysis, wanted)]
    for one in found:
        one["lines"] = [analysis.recording.originals.text(line) for line in one["lines"]]
    if not found:
        known = [*(analysis.ids[unit] for unit in analysis.graph.units), *analysis.classes.items]
        close = difflib.get_close_matches(wanted, known, n=3, cutoff=0.4)
        hint = f"the nearest are {listed([f'`{name}`' for name in close])}" if close else "plan.json lists all ids"
        raise PipetraceError(f"No handler or location that ran is called `{wanted}`; {hint}.")
    return found


def _matching_units(analysis: Analysis, wanted: str) -> list[int]:
    recording, ids = analysis.recording, analysis.ids
    exact = [unit for unit in analysis.graph.units if ids[unit] == wanted]
    if exact:
        return exact
    return [
        unit
        for unit in analysis.graph.units
        if recording.functions[unit].name == wanted
        or ids[unit].rpartition("#")[2] == wanted
        or wanted in _places(recording, f"{recording.file_of(unit)}:{recording.functions[unit].line}")
    ]


def _matching_items(analysis: Analysis, wanted: str) -> list[Item]:
    items = analysis.classes.items
    if wanted in items:
        return [items[wanted]]
    return [item for item in items.values() if wanted == item.name or wanted in _places(analysis.recording, item.place)]


def _places(recording: Recording, place: str) -> tuple[str, str]:
    """A place in a recorded file, and where what stands there was written."""
    return place, recording.originals.text(place)


def _line(analysis: Analysis, function: int, line: int) -> int:
    """The line of the original for one in a function's file."""
    return analysis.recording.originals.place(analysis.recording.file_of(function), line)[1]


def _handler(analysis: Analysis, unit: int) -> Explanation:
    cost, mobility = analysis.graph.units[unit], analysis.mobilities[unit]
    info = analysis.recording.functions[unit]
    lines = [
        f"{analysis.name(unit)} stands at {analysis.recording.file_of(unit)}:{info.line}.",
        f"It ran {cost.calls} times and took {milliseconds(cost.mean_us)} of CPU a call with all that runs inside it, "
        f"{percent(analysis.share(cost.cpu_us))} of the handlers' CPU.",
    ]
    inside = sorted({analysis.name(cell.path[-1]) for cell in analysis.graph.cells if unit in cell.path[:-1]})
    if inside:
        lines.append(f"Inside it run {listed(inside, most=6)}.")
    around = sorted({analysis.name(cell.path[-2]) for cell in analysis.cells_of(unit) if len(cell.path) > 1})
    if around:
        lines.append(f"It runs inside {listed(around, most=6)}.")
    lines += [
        f"Registered by `{rupture.callee}` at {_file(analysis, rupture.file)}:{rupture.line}, {rupture.count} times, "
        f"{rupture.during_init} of them during initialisation."
        for rupture in analysis.recording.ruptures.get(unit, ())
    ]
    for position, shapes in enumerate(analysis.recording.arguments(unit)):
        lines.append(f"Argument {position + 1}: {_shapes(shapes)}.")
    returned = analysis.recording.slot(unit, "return")
    if returned:
        lines.append(f"Returns: {_shapes(returned)}.")
    for capture in analysis.recording.captures.get(unit, ()):
        if not capture.module_level:
            shapes = analysis.recording.slot(unit, f"capture:{capture.name}")
            how = f"line {_line(analysis, unit, capture.line)}, {capture.kind}"
            how += ", assigned again" if capture.reassigned else ""
            lines.append(f"Captures the local `{capture.name}` ({how}): {_shapes(shapes)}.")
    lines += [_sentence(item) for item in analysis.ties_of.get(unit, ())]
    refusals = refusals_of(analysis, unit, frozenset())
    for refusal in refusals:
        lines.append(f"Stays ({refusal.cause}): {refusal.sentence} {refusal.remedy}".rstrip())
    if not refusals:
        lines.append(f"It may move: nothing holds it back, and {_HOW[mobility.form]}.")
    return {
        "kind": "handler",
        "id": analysis.ids[unit],
        "cpu_us": round(cost.mean_us, 1),
        "calls": cost.calls,
        "share": round(analysis.share(cost.cpu_us), 4),
        "state": [item.id for item in analysis.ties_of.get(unit, ())],
        "refusals": [
            {"cause": refusal.cause, "sentence": refusal.sentence, "remedy": refusal.remedy} for refusal in refusals
        ],
        "lines": lines,
    }


def _file(analysis: Analysis, file: int | None) -> str:
    found = analysis.recording.files.get(file) if file is not None else None
    return found.path if found is not None else "a library"


def _shapes(shapes: Iterable[Shape]) -> str:
    seen = [
        f"{shape.klass} ({shape.count}×{'' if shape.sendable else ', cannot be sent'}"
        f"{': ' + shape.why if shape.why else ''})"
        for shape in shapes
    ]
    return ", ".join(seen) if seen else "never seen"


def _sentence(item: Item) -> str:
    return f"{item.label} is {item.klass}{_guess(item)}: it ties what touches it to one stage."


def _guess(item: Item) -> str:
    return ", because it is handed to library code that may change it" if item.guessed else ""


_MEANING = {
    "state": "it outlives a chain and is written after initialisation",
    "init-only": "nothing writes it once other chains look at it, so every stage has its own copy",
    "communication": "within its chain each writer comes before its readers, so it travels in messages",
    "resource": "it is bound to the process that made it",
}


def _location(analysis: Analysis, item: Item) -> Explanation:
    meaning = _MEANING[item.klass]
    if item.settled:
        meaning = "a library changed it at its first use and never again, which each stage does for itself"
    if item.local:
        meaning = "two handlers of one chain use it that do not follow from one another, and one writes it"
    lines = [f"{item.label} is {item.klass}: {meaning}{_guess(item)}."]
    users = [analysis.name(function) for function in item.functions]
    lines.append(f"After initialisation {listed(users, most=8)} touched it." if users else "Nothing touched it later.")
    lines += [
        f"{analysis.name(each.writer)} writes it at line {each.writer_line}; {analysis.name(each.reader)} uses it "
        f"at line {each.reader_line}."
        for each in item.evidence
    ]
    return {
        "kind": "location",
        "id": item.id,
        "class": item.klass,
        "handlers": [analysis.ids[function] for function in item.functions],
        "evidence": [
            {
                "writer": analysis.ids[each.writer],
                "writer_line": each.writer_line,
                "reader": analysis.ids[each.reader],
                "reader_line": each.reader_line,
            }
            for each in item.evidence
        ],
        "lines": lines,
    }
