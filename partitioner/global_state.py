"""Global variables that change: they are not watched, so what could use one stays with those that change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipetrace.partitioner.names import short
from pipetrace.partitioner.recording import Recording
from pipetrace.partitioner.refusal import Refusal

_ANY = "*"
"""Stands for a name that is computed."""


def changed_globals(recording: Recording) -> dict[str, int]:
    """Global variables that a function may change, each with the first that does; modules only begin them."""
    found: dict[str, int] = {}
    for function in sorted(recording.functions.values(), key=lambda info: info.id):
        if function.kind != "module":
            for name in function.global_writes:
                found.setdefault(name, function.id)
    return found


def refused_by_globals(
    recording: Recording, unit: int, could_run: Iterable[int], changed: Mapping[str, int]
) -> list[Refusal]:
    """A refusal of a unit, if one of the functions that could run inside it names a global variable that changes."""
    if not changed:
        return []
    for number in sorted(could_run):
        function = recording.functions[number]
        named = function.global_reads | function.global_writes
        found = sorted(changed if _ANY in named else named if _ANY in changed else named & changed.keys())
        if found:
            other = changed.get(found[0], changed.get(_ANY, number))
            where = f"{recording.file_of(other)}:{recording.functions[other].line}"
            return [
                Refusal(
                    "uses-global",
                    f"{short(recording, unit)} could use the global variable `{found[0]}`, which "
                    f"{short(recording, other)} may change ({where}).",
                    f"Make `{found[0]}` a variable of a module.",
                )
            ]
    return []
