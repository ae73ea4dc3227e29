"""The captured requests of all processes, gathered into one private file beside the trace."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from pipetrace.errors import PipetraceError


@dataclass(frozen=True, slots=True)
class Captured:
    """A file of captured requests."""

    path: Path
    requests: int
    bounded: bool
    """More arrived than were to be kept."""


def requests_path(trace: Path) -> Path:
    """Return where the captured requests of a trace stand."""
    return trace.with_name(f"{trace.stem}.requests.jsonl")


def gather_requests(directory: Path, trace: Path, limit: int, *, force: bool) -> Captured:
    """Write what the agents captured in a directory, in order of arrival, readable for its owner only."""
    found = []
    bounded = False
    for part in sorted(directory.glob("requests.*.jsonl")):
        for line in part.read_text(encoding="utf-8").split("\n")[:-1]:
            request = json.loads(line)
            if "dropped" in request:
                bounded = True
            else:
                found.append(request)
    found.sort(key=lambda request: request["at"])
    bounded = bounded or len(found) > limit
    found = found[:limit]
    first = found[0]["at"] if found else 0.0
    path = requests_path(trace)
    if path.exists() and not force:
        raise PipetraceError(f"{path} exists already; choose another name with -o, or overwrite it with --force.")
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
            for request in found:
                at = request.pop("at")
                file.write(json.dumps({**request, "t_ms": round(at - first, 3)}) + "\n")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise PipetraceError(f"{path} cannot be written ({error.strerror}); choose another place with -o.") from None
    return Captured(path, len(found), bounded)
