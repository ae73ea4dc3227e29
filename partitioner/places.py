"""What keeps a function where it is because of the file that it stands in, or of the processes of its application."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from pipetrace.partitioner.names import short
from pipetrace.partitioner.recording import Function, Recording
from pipetrace.partitioner.refusal import Refusal

ONE_PROCESS = "Record it as one process that starts no others; the replicas of the plan take their place."


def refused_by_place(recording: Recording, function: Function) -> Iterator[Refusal]:
    """What holds for all functions of a recording or of a file."""
    name = short(recording, function.id)
    file = recording.files[function.file]
    if recording.started_processes:
        yield Refusal("several-processes", several_processes(recording), ONE_PROCESS)
    if "node_modules" in PurePosixPath(file.path).parts or file.path.startswith("../"):
        yield Refusal(
            "dependency",
            f"{name} belongs to a dependency, whose files are not rewritten.",
            "Move the function of the application that calls it, or make the dependency part of the application.",
        )
    if file.translated:
        yield Refusal(
            "translated",
            f"{name} stands in {file.path}, which is translated as it loads, so there is no text to rewrite.",
            "Compile the application first, and record what the compiler wrote.",
        )


def several_processes(recording: Recording) -> str:
    """Say that the application starts others."""
    count = recording.started_processes
    others = "another process or thread" if count == 1 else f"{count} other processes or threads"
    return f"The application itself starts {others} with its code (cluster, fork, Worker), as every stage would again."
