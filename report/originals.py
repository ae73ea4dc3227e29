"""What a report says of places in compiled files, told as places in the files that people wrote."""

from __future__ import annotations

from dataclasses import replace

from pipetrace.report.model import Problem, Resource, State
from pipetrace.tracer.originals import Originals


def state_in_originals(state: tuple[State, ...], originals: Originals) -> tuple[State, ...]:
    """Return pieces of state at their original places; lines of accesses are those of the original already."""
    found = []
    for each in state:
        file, at = originals.place(each.file, each.line)
        found.append(
            replace(
                each,
                name=originals.text(each.name),
                file=file,
                line=at,
            )
        )
    return tuple(found)


def resources_in_originals(resources: tuple[Resource, ...], originals: Originals) -> tuple[Resource, ...]:
    """Return resources at their original places."""
    found = []
    for each in resources:
        file, line = originals.place(each.file, each.line)
        found.append(replace(each, label=originals.text(each.label), file=file, line=line))
    return tuple(found)


def problems_in_originals(problems: tuple[Problem, ...], originals: Originals) -> tuple[Problem, ...]:
    """Return problems at their original places."""
    found = []
    for each in problems:
        file, line = originals.place(each.file, each.line) if each.line else (each.file, each.line)
        found.append(replace(each, file=file, line=line))
    return tuple(found)
