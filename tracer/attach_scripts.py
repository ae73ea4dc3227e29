"""The scripts of a running application, made ready for live edits: parsed, numbered, planned."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from pipetrace.errors import PipetraceError
from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.lines import LineIndex
from pipetrace.javascript.parse import deep_recursion, parse
from pipetrace.tracer import attach_forms as forms
from pipetrace.tracer.attach_plan import ScriptPlanner, decide
from pipetrace.tracer.attach_process import LiveScript
from pipetrace.tracer.instrument_plan import Plan
from pipetrace.tracer.static_tables import LoadedFile, StaticFile, static_file
from pipetrace.tracer.transform import Problem

_LARGEST = 1_000_000
"""Characters; planning the edit of a larger script takes minutes."""
USING_SINCE = 24
"""Major version from which `using` shows every exit of a function."""

ROLES = {
    "exit": forms.EXIT,
    "leave": forms.LEAVE,
    "resume": forms.RESUME,
    "caught": forms.CAUGHT,
    "return": forms.RETURN,
    "call": forms.CALL,
}


@dataclass(slots=True)
class AppScript:
    """One file of the application in the process."""

    live: LiveScript
    name: str
    """Relative to the application, posix."""
    file_id: int
    static: StaticFile | None
    problem: str
    decisions: Plan | None = None

    @property
    def functions(self) -> int:
        """How many functions it has, itself included."""
        return len(self.static.functions) if self.static else 0


def path_of(url: str) -> str:
    """Return the path of a script's address; '' when it is none of a file."""
    if url.startswith("file://"):
        return unquote(urlparse(url).path)
    return url if url.startswith("/") else ""


def in_application(app_root: Path) -> Callable[[str], bool]:
    """Tell addresses of the application's own files: below its root, in no `node_modules`."""

    def wanted(url: str) -> bool:
        path = path_of(url)
        if not path:
            return False
        parts = Path(os.path.relpath(path, app_root)).parts
        return parts[0] != ".." and "node_modules" not in parts

    return wanted


def application_root(argv: Sequence[str], cwd: str) -> tuple[Path, Path]:
    """Return the entry script and the directory of the package that it belongs to."""
    if len(argv) < 2:
        raise PipetraceError("The process runs no script file, so there is nothing to record.")
    entry = Path(os.path.realpath(Path(cwd) / argv[1]))
    nearest: Path | None = None
    for directory in entry.parents:
        if directory.name == "node_modules":
            break
        try:
            named = json.loads((directory / "package.json").read_bytes()).get("name")
        except (OSError, ValueError, AttributeError):
            continue
        nearest = nearest or directory
        if named:
            return entry, directory
    return entry, nearest or entry.parent


def prepare(live: Sequence[LiveScript], app_root: Path, *, using: bool) -> list[AppScript]:
    """Parse all scripts, number their functions, and plan the edit of each."""
    found: list[AppScript] = []
    base = 0
    for file_id, script in enumerate(sorted(live, key=lambda one: one.url)):
        name = Path(os.path.relpath(path_of(script.url), app_root)).as_posix()
        script.base = base
        made = AppScript(script, name, file_id, None, "")
        try:
            _plan(made, using=using)
        except PipetraceError as error:
            made.problem = str(error)
        except (RecursionError, MemoryError):
            made.problem = f"{name} is nested too deeply to be analysed."
        found.append(made)
        base += made.functions
    return found


def _plan(made: AppScript, *, using: bool) -> None:
    script = made.live
    if len(script.source) > _LARGEST:
        raise PipetraceError(f"{made.name} is larger than {_LARGEST // 1_000_000} MB")
    parsed = parse(script.source, made.name, "module" if script.module else "script")
    made.static = static_file(parsed)
    functions = functions_of(parsed)
    with deep_recursion():
        made.decisions = decide(parsed, functions)
    script.planner = ScriptPlanner(parsed, functions, made.decisions, using=using, base=script.base)
    script.plan = script.planner.plan()


def file_table(script: AppScript) -> dict[str, Any]:
    """Return what the agent needs to know of a file."""
    assert script.static is not None and script.decisions is not None
    return {
        "id": script.file_id,
        "base": script.live.base,
        "path": script.name,
        "parents": [-1 if row["parent"] is None else row["parent"] for row in script.static.functions],
        "passes": sorted(script.decisions.passes),
    }


def helper_table(script: AppScript) -> list[tuple[str, str, int]]:
    """Return name, role and function number of every helper that any form of a file may use."""
    assert script.static is not None and script.decisions is not None
    found = []
    for index, shape in enumerate(script.decisions.shapes):
        if shape in ("plain", "promise"):
            number = script.live.base + index
            # What may use the one name or the other is decided by the form, which can still become poorer.
            roles = (
                (("enterPromise", forms.ENTER_PROMISE), ("hitPromise", forms.HIT_PROMISE))
                if shape == "promise"
                else (("enter", forms.ENTER), ("hit", forms.HIT))
            )
            found += [(forms.helper(first, number), role, number) for role, first in roles]
    return found


def loaded_file(script: AppScript) -> LoadedFile:
    """Return the file for the static tables of the trace."""
    data = script.live.source.encode("utf-8", "replace")
    on_disk = b""
    if Path(path_of(script.live.url)).is_file():
        on_disk = Path(path_of(script.live.url)).read_bytes()
    same = on_disk.removeprefix(b"\xef\xbb\xbf") == data.removeprefix(b"\xef\xbb\xbf")
    content = on_disk if same and on_disk else data
    refused = script.problem or script.live.refused
    plan = script.live.plan
    return LoadedFile(
        file_id=script.file_id,
        path=script.name,
        sha256=hashlib.sha256(content).hexdigest(),
        format="module" if script.live.module else "commonjs",
        size=len(content),
        status="left alone" if refused else "instrumented",
        reason=refused,
        function_base=script.live.base,
        static=script.static,
        starts=tuple(_positions(plan.text, plan.places)) if plan else (),
    )


def problems(script: AppScript) -> list[Problem]:
    """Return a row for each function whose calls cannot be seen, or only their beginnings."""
    if script.problem or script.live.plan is None:
        return [Problem("parse", script.file_id, 0, script.problem)]
    found = []
    for index, form in script.live.plan.forms.items():
        if form in ("none", "hit"):
            text = "is not covered" if form == "none" else "is covered at its entry only, without its time"
            why = script.live.plan.reasons.get(index, "only an edit of its beginning keeps its closures")
            sentence = f"{_label(script, index)} {text}: {why}"
            found.append(Problem("other", script.file_id, _row(script, index)["line"], sentence))
    return found


def _row(script: AppScript, index: int) -> dict[str, Any]:
    assert script.static is not None
    return script.static.functions[index]


def _label(script: AppScript, index: int) -> str:
    row = _row(script, index)
    return f"{row['name'] or row['kind']} ({script.name}:{row['line']})"


def _positions(text: str, offsets: Sequence[int]) -> list[tuple[int, int]]:
    lines = LineIndex(text)
    return [(line - 1, column) for line, column in (lines.position(offset) for offset in offsets)]
