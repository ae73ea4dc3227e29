"""What a start command means: which node runs it, which script it enters, and which package is the application."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipetrace.errors import PipetraceError, UsageError

OLDEST_NODE = 20
_LAUNCHERS = frozenset({"npm", "npx", "yarn", "pnpm", "bunx", "corepack"})
_FLAGS_WITH_VALUE = frozenset({
    "-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "--env-file",
    "--env-file-if-exists", "--title", "--icu-data-dir", "--input-type",
})


@dataclass(frozen=True, slots=True)
class Application:
    """The application that a command starts."""

    command: tuple[str, ...]
    root: Path
    """Folder of its package, links resolved."""
    entry: str | None
    """Its entry script relative to ``root``; None when a launcher finds it."""
    name: str
    node_version: str


def understand(command: Sequence[str], cwd: Path, app: Path | None = None) -> Application:
    """Find the application of a command.

    Raises UsageError or PipetraceError when the program, node or the script is missing, or node is too old.
    """
    if not command:
        raise UsageError("Name the command that starts your application, such as `pipetrace record node app.js`.")
    program = shutil.which(command[0], path=None) or _local(command[0], cwd)
    if program is None:
        cure = "install Node.js 20 or newer" if command[0] == "node" else "check its name and that it is installed"
        raise PipetraceError(f"The command {command[0]!r} is not found; {cure}.")
    version = _node_version(program if _is_node(command[0]) else "node")
    script = _script(command, program, cwd)
    if script is not None and not script.is_file():
        raise PipetraceError(f"The script {script} does not exist; check the path, which counts from {cwd}.")
    entry = script.resolve() if script is not None else None
    root = app.resolve() if app is not None else _package_root(entry.parent if entry is not None else cwd.resolve())
    if entry is not None and not entry.is_relative_to(root):
        raise UsageError(f"The script {entry} is not in {root}; name the folder that holds it with --app.")
    return Application(
        tuple(command), root, entry.relative_to(root).as_posix() if entry is not None else _main_of(root),
        _name(root, entry), version,
    )


def _is_node(program: str) -> bool:
    return Path(program).name in ("node", "nodejs")


def _local(program: str, cwd: Path) -> str | None:
    path = cwd / program
    return str(path) if "/" in program and path.is_file() else None


def _node_version(node: str) -> str:
    try:
        text = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        raise PipetraceError("Node.js is not found; install version 20 or newer.") from None
    match = re.match(r"v(\d+)\.", text)
    if match is None or int(match[1]) < OLDEST_NODE:
        raise PipetraceError(f"This Node.js is {text}; pipetrace needs version {OLDEST_NODE} or newer.")
    return text


def _script(command: Sequence[str], program: str, cwd: Path) -> Path | None:
    if _is_node(command[0]):
        words = iter(command[1:])
        for word in words:
            if word == "--":
                word = next(words, "")
            elif word.startswith("-"):
                if word in _FLAGS_WITH_VALUE:
                    next(words, None)
                continue
            return _with_extension(cwd / word) if word else None
        return None
    name = Path(command[0]).name
    if name == "npx":
        words_left = [word for word in command[1:] if not word.startswith("-")]
        return _installed(words_left[0], cwd) if words_left else None
    if name in _LAUNCHERS:
        return None
    try:
        first = Path(program).open("rb").readline(200)
    except OSError:
        return None
    return Path(program) if first.startswith(b"#!") and b"node" in first else None


def _with_extension(path: Path) -> Path:
    if path.is_dir():
        main = _main_of(path)
        return path / (main or "index.js")
    for ending in ("", ".js", ".cjs", ".mjs"):
        candidate = path.with_name(path.name + ending)
        if candidate.is_file():
            return candidate
    return path


def _installed(name: str, cwd: Path) -> Path | None:
    for folder in (cwd, *cwd.parents):
        candidate = folder / "node_modules" / ".bin" / name
        if candidate.exists():
            return candidate
    return None


def _package_root(start: Path) -> Path:
    for folder in (start, *start.parents):
        if (folder / "package.json").is_file():
            return folder
    return start


def _package(root: Path) -> dict[str, object]:
    try:
        package = json.loads((root / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return package if isinstance(package, dict) else {}


def _main_of(root: Path) -> str | None:
    package = _package(root)
    scripts = package.get("scripts")
    start = scripts.get("start") if isinstance(scripts, dict) else None
    if isinstance(start, str):
        words = start.split()
        if words and words[0] == "node":
            for word in words[1:]:
                if not word.startswith("-") and (root / word).is_file():
                    return Path(word).as_posix()
    main = package.get("main")
    return main.removeprefix("./") if isinstance(main, str) and (root / main).is_file() else None


def _name(root: Path, entry: Path | None) -> str:
    name = _package(root).get("name")
    text = name if isinstance(name, str) and name else (entry.stem if entry is not None else root.name)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-") or "app"
