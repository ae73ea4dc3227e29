"""A staged directory as the rewriter left it: what it holds, whether it is current, and how it is started."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipetrace.errors import PipetraceError, UsageError
from pipetrace.runner.node import choose_node, find_node
from pipetrace.tracer.trace import open_trace

_VALUE_FLAGS = frozenset(
    {"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "--title",
     "--input-type", "--icu-data-dir", "--openssl-config", "--redirect-warnings", "--unhandled-rejections",
     "--trace-event-categories", "--diagnostic-dir", "--dns-result-order", "--max-http-header-size",
     "--stack-trace-limit", "--watch-path"}
)  # fmt: skip
"""Flags of node whose value may be the next argument; others carry it after `=` or have none."""

_PACKAGE_MANAGERS = frozenset({"npm", "npx", "yarn", "pnpm"})


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the plan, other than where it runs."""

    id: str
    replicas: int
    """How many copies the plan asks for; 1 for a stage that owns state."""


@dataclass(frozen=True, slots=True)
class StagedApp:
    """A staged application and the original that it was made from."""

    folder: Path
    entry: str
    """Entry script, relative to both `folder` and `app_root`."""
    command: tuple[str, ...]
    """The command of the recording, as the user typed it."""
    cwd: Path
    app_root: Path
    node: str
    """Path of the node that starts both."""
    node_remark: str
    """A sentence for the user when it is not that of the recording; else ''."""
    node_flags: tuple[str, ...]
    arguments: tuple[str, ...]
    """Arguments of the application in the recording."""
    stages: tuple[Stage, ...]
    """Stages other than the entry."""
    moved: tuple[str, ...]
    """Ids of the handlers that the plan moves."""
    trace: Path
    plan: Mapping[str, Any]
    in_place: bool = False
    """The original itself was rewritten, so there is none beside it."""

    @property
    def register(self) -> Path:
        """The file of the runtime that has to be loaded before the application."""
        return self.folder / "node_modules" / "@pipetrace" / "runtime" / "register.js"

    def staged_command(self, arguments: Sequence[str] | None = None) -> list[str]:
        """Command of the staged application, with the recorded arguments unless others are given."""
        args = self.arguments if arguments is None else arguments
        return [self.node, *self.node_flags, "--require", str(self.register), str(self.folder / self.entry), *args]

    def original_command(self, arguments: Sequence[str] | None = None) -> list[str]:
        """Command of the original: as it was recorded, or by node with other arguments."""
        if arguments is None:
            return [self.node, *self.command[1:]] if _is_node(self.command[0]) else list(self.command)
        return [self.node, *self.node_flags, str(self.app_root / self.entry), *arguments]

    def original_environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Environment of the original: `base`, and a command that finds node by itself finds the chosen one."""
        env = dict(base)
        found = shutil.which("node", path=env.get("PATH"))
        if not _is_node(self.command[0]) and (found is None or not Path(found).samefile(self.node)):
            env["PATH"] = os.pathsep.join([str(Path(self.node).parent), env.get("PATH", os.defpath)])
        return env

    def environment(
        self, base: Mapping[str, str], *, transport: str, stage: str = "entry", replicas: int | None = None
    ) -> dict[str, str]:
        """Environment of one stage process: `base` and the variables that the runtime reads."""
        env = dict(base)
        env["PIPETRACE_STAGED"] = str(self.folder)
        env["PIPETRACE_STAGE"] = stage
        env["PIPETRACE_TRANSPORT"] = transport
        env.pop("PIPETRACE_REPLICAS", None)
        if replicas is not None:
            env["PIPETRACE_REPLICAS"] = str(replicas)
        return env


def load_staged(folder: Path, *, check_source: bool = True, node: str | None = None) -> StagedApp:
    """Read a staged directory; `node` replaces the node of the recording.

    Raises UsageError when the folder is not one or was damaged, and PipetraceError when the original source has
    changed since it was rewritten (checked only where the original is present).
    """
    folder = folder.absolute()
    described = folder / ".pipetrace" / "staged.json"
    planned = folder / ".pipetrace" / "plan.json"
    if not described.is_file() or not planned.is_file():
        raise UsageError(
            f"{folder} is not a staged application (it has no .pipetrace/staged.json); "
            "make one with: pipetrace rewrite -o DIRECTORY."
        )
    staged = _read_json(described)
    plan = _read_json(planned)
    try:
        app_root, cwd = Path(staged["app_root"]), Path(staged["cwd"])
        entry, command = str(staged["entry"]), tuple(str(word) for word in staged["command"])
        stages = tuple(Stage(str(s["id"]), int(s["replicas"])) for s in plan["stages"] if s["id"] != "entry")
        moved = tuple(str(h["id"]) for h in plan["handlers"] if h["decision"] == "moved")
        trace = Path(plan["trace"]["path"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{described} or plan.json lacks {error}; run pipetrace rewrite again.") from None
    if not (folder / entry).is_file():
        raise UsageError(f"{folder} lacks its entry script {entry}; run pipetrace rewrite again.")
    in_place = bool(staged.get("in_place"))
    if in_place:
        _check_rewritten(staged, folder)
    else:
        _check_guarded(staged, folder)
        if check_source:
            _check_source(plan, app_root)
    trace = _find_trace(trace, folder, cwd)
    chosen, remark, flags, arguments = _start_of(plan["trace"], command, cwd, app_root / entry, trace, node)
    return StagedApp(
        folder=folder, entry=entry, command=command, cwd=cwd if cwd.is_dir() else Path.cwd(), app_root=app_root,
        node=chosen, node_remark=remark, node_flags=flags, arguments=arguments, stages=stages, moved=moved,
        trace=trace, plan=plan, in_place=in_place,
    )  # fmt: skip


def _start_of(
    origin: Mapping[str, Any], command: Sequence[str], cwd: Path, entry: Path, trace: Path, asked: str | None
) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    """The node, a remark about it, its flags and the application's arguments; older plans have the command only."""
    if not origin.get("node"):
        program, flags, arguments = split_command(command, cwd, entry, trace)
        return find_node(asked or program), "", flags, arguments
    chosen, remark = choose_node(asked, str(origin["node"]), str(origin.get("node_version") or ""))
    return chosen, remark, tuple(map(str, origin["node_flags"])), tuple(map(str, origin["arguments"]))


def split_command(
    command: Sequence[str], cwd: Path, entry: Path, trace: Path | None = None
) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    """Split a start command into (node program or None, node's own flags, the application's arguments).

    For commands that do not name the entry script (`npm start`, a shell script) the script in package.json is
    read, then the arguments of the main process in `trace`. Raises UsageError when none of them tells.
    """
    words = list(command)
    found = _split(words, cwd, entry)
    if found is None and words and Path(words[0]).name in _PACKAGE_MANAGERS:
        script = _package_script(words, cwd)
        found = _split(script, cwd, entry) if script else None
        if found is None and Path(words[0]).name == "npx":
            named = [position for position, word in enumerate(words[1:], start=1) if not word.startswith("-")]
            found = (None, (), tuple(words[named[0] + 1 :])) if named else None
    if found is None and trace is not None and trace.is_file():
        found = _split(_recorded_argv(trace), cwd, entry)
    if found is None:
        raise UsageError(
            f"the arguments of the application cannot be told from the recorded command {' '.join(words)!r}; "
            "record it as: pipetrace record node SCRIPT ARGUMENTS."
        )
    return found


def _split(words: Sequence[str], cwd: Path, entry: Path) -> tuple[str | None, tuple[str, ...], tuple[str, ...]] | None:
    """Split words that name node and the script, or the script itself; None when they name neither."""
    if not words:
        return None
    if _is_node(words[0]):
        position = _script_position(words, cwd, entry)
        if position is not None:
            return words[0], tuple(words[1:position]), tuple(words[position + 1 :])
        return None
    local = cwd / "node_modules" / ".bin" / words[0]
    places = [cwd / words[0]] if os.sep in words[0] else [local, Path(shutil.which(words[0]) or local)]
    if any(_same_script(place, entry) for place in places):
        return None, (), tuple(words[1:])
    return None


def _package_script(words: Sequence[str], cwd: Path) -> list[str]:
    """The words that `npm start` or `npm run NAME` starts, with the arguments given after `--`."""
    named = [word for word in words[1:] if not word.startswith("-")]
    name = named[1] if named[:1] in (["run"], ["run-script"]) and len(named) > 1 else (named or ["start"])[0]
    for folder in (cwd, *cwd.parents):
        if (folder / "package.json").is_file():
            with contextlib.suppress(ValueError, KeyError, TypeError, OSError):
                content = json.loads((folder / "package.json").read_text(encoding="utf-8"))
                script = shlex.split(content["scripts"][name])
                while script and re.fullmatch(r"[A-Za-z_]\w*=.*", script[0]):
                    script.pop(0)
                return [*script, *(words[words.index("--") + 1 :] if "--" in words else ())]
            break
    return []


def _recorded_argv(trace: Path) -> list[str]:
    with open_trace(trace) as opened:
        rows = opened.sql("SELECT argv FROM process WHERE kind = 'main' ORDER BY process_id LIMIT 1").fetchall()
    return str(rows[0][0]).split() if rows else []


def request_file(staged: StagedApp) -> Path:
    """Where `record --capture-requests` leaves the requests of the plan's trace."""
    return _requests_beside(staged.trace)


def _find_trace(named: Path, folder: Path, cwd: Path) -> Path:
    """The trace that a plan names, relative to the present directory, that of the staged one, or the recorded one."""
    places = [place / named for place in (Path.cwd(), folder.parent, cwd)]
    return next((path for path in places if path.is_file() or _requests_beside(path).is_file()), places[0])


def _requests_beside(trace: Path) -> Path:
    return trace.with_name(trace.name.removesuffix(".duckdb") + ".requests.jsonl")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({error}); run pipetrace rewrite again.") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path} does not hold a JSON object; run pipetrace rewrite again.")
    return value


def _check_source(plan: Mapping[str, Any], app_root: Path) -> None:
    if not app_root.is_dir():
        return
    for file in plan.get("files") or ():
        path = app_root / str(file["path"])
        expected = str(file["sha256"])
        if not path.is_file():
            raise PipetraceError(
                f"{path} is gone since the staged application was made; record, partition and rewrite again."
            )
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise PipetraceError(
                f"{path} has changed since the staged application was made; record, partition and rewrite again."
            )


def _check_rewritten(staged: Mapping[str, Any], folder: Path) -> None:
    for file in staged.get("files") or ():
        path = folder / str(file["path"])
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != str(file["sha256"]):
            raise PipetraceError(
                f"{path} has changed since it was rewritten in place; take the change out, or undo and begin again: "
                "pipetrace rewrite --undo."
            )


def _check_guarded(staged: Mapping[str, Any], folder: Path) -> None:
    """Files that are loaded with guards have to be those that the guards were made for; the runtime checks it, too."""
    for file in staged.get("files") or ():
        path = folder / str(file["path"])
        if file.get("loaded") and hashlib.sha256(path.read_bytes()).hexdigest() != str(file["sha256"]):
            raise PipetraceError(
                f"{path} has changed since it was rewritten, so its guards do not fit; take the change out, or run "
                "pipetrace rewrite again."
            )


def _is_node(word: str) -> bool:
    return Path(word).name in ("node", "nodejs", "node.exe")


def _script_position(words: Sequence[str], cwd: Path, entry: Path) -> int | None:
    """Index of the script in node's command line, or None when there is none (`node -e …`)."""
    skip = False
    for position, word in enumerate(words[1:], start=1):
        if skip:
            skip = False
        elif word in _VALUE_FLAGS:
            skip = True
        elif word == "--":
            return position + 1 if position + 1 < len(words) else None
        elif not word.startswith("-"):
            if _same_script(cwd / word, entry):
                return position
            following = next((p for p in range(position + 1, len(words)) if _same_script(cwd / words[p], entry)), None)
            return position if following is None else following
    return None


def _same_script(path: Path, entry: Path) -> bool:
    """Whether node, given `path`, runs `entry` (links followed, extension and index.js added as node does)."""
    wanted = entry.resolve()
    candidates = [path, path.with_name(path.name + ".js"), path / "index.js"]
    return any(candidate.is_file() and candidate.resolve() == wanted for candidate in candidates)
