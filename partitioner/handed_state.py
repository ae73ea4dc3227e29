"""State that a unit uses only through a function that was handed to it, and that may stay where it was made.

A closure that the program's start made has no name on another stage, so a unit that was moved calls it where it is.
What such a closure changes is on the entry stage then, and cannot be the moved unit's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipetrace.partitioner.graph import Graph
from pipetrace.partitioner.items import Classification
from pipetrace.partitioner.names import short
from pipetrace.partitioner.paths import Path, takes_functions
from pipetrace.partitioner.reach import Reach
from pipetrace.partitioner.recording import Recording
from pipetrace.partitioner.refusal import Refusal


def handed_state(
    recording: Recording, graph: Graph, classes: Classification, reach: Reach
) -> Iterator[tuple[int, Refusal]]:
    """Units that must not take state along, each once, with the reason."""
    held: set[int] = set()
    for item in classes.ties:
        for cell in item.cells:
            path = graph.cells[cell].path
            for position, unit in enumerate(path):
                handed = _handed(recording, path[position:], reach)
                if handed is None or unit in held:
                    continue
                held.add(unit)
                where = f"{recording.file_of(handed)}:{recording.functions[handed].line}"
                yield (
                    unit,
                    Refusal(
                        "shares-state",
                        f"{short(recording, unit)} runs {short(recording, handed)}, which is handed to it ({where}) "
                        f"and uses {item.label}; a function that is handed over may run where it was made.",
                        "Call it by its name, or move it instead.",
                    ),
                )


def _handed(recording: Recording, path: Path, reach: Reach) -> int | None:
    """The first unit on a path that those before it can have only as a function that was handed to one of them."""
    known, takes = reach.by_text(path[0]), takes_functions(recording, path[0])
    for unit in path[1:]:
        if takes and unit not in known:
            return unit
        known |= reach.by_text(unit)
        takes = takes or takes_functions(recording, unit)
    return None
