"""The memory of the application as recorded: what is shared, by whom, and what is bound to a process."""

from __future__ import annotations

from collections.abc import Mapping

from pipetrace.report import queries
from pipetrace.report.model import Memory, Resource, State, Touch
from pipetrace.report.queries import Tables

RESOURCE_CLASSES = ("socket", "http.request", "http.response", "stream", "timer")
"""Classes of objects that exist in one process only."""


def read_touches(tables: Tables, names: Mapping[int, str], most: int) -> dict[str, tuple[Touch, ...]]:
    """Who reads and writes each piece of memory after initialisation; at most ``most`` accesses of each."""
    found: dict[str, list[Touch]] = {}
    for row in queries.touches(tables):
        touches = found.setdefault(row.owner, [])
        if len(touches) < most:
            touches.append(Touch(names[row.function_id], row.mode, row.line or 0, row.chains))
    return {owner: tuple(touches) for owner, touches in found.items()}


def observed_state(tables: Tables, touches: Mapping[str, tuple[Touch, ...]]) -> tuple[State, ...]:
    """What looks like state without a plan: used by several chains and written by at least one of them."""
    return tuple(
        State(
            id=row.owner,
            name=row.name,
            file=row.file,
            line=row.line,
            kind=row.kind,
            owner="",
            handlers=tuple(dict.fromkeys(touch.handler for touch in touches.get(row.owner, ()))),
            evidence=(),
            touches=touches.get(row.owner, ()),
            chains=row.chains,
        )
        for row in queries.shared(tables)
    )


def observed_memory(tables: Tables) -> Memory:
    """How the recorded locations divide, from the recording alone."""
    return Memory(*queries.memory_classes(tables, RESOURCE_CLASSES))


def read_resources(tables: Tables, names: Mapping[int, str]) -> tuple[Resource, ...]:
    """Objects bound to their process that the handlers used, by class and place."""
    return tuple(
        Resource(kind, label, file, line, objects, tuple(names[function_id] for function_id in users))
        for kind, label, file, line, objects, users in queries.resources(tables, RESOURCE_CLASSES)
    )
