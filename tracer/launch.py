"""Checking and starting the recorded command: whatever starts a Node.js application, with the agent loaded."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipetrace.errors import PipetraceError, UsageError
from pipetrace.tracer.listen import LISTEN_FILE, node_options

PRELOAD = Path(__file__).parent / "agent" / "preload.js"
OLDEST_NODE = 20

_LAUNCHERS = ("npm", "npx", "pnpm", "pnpx", "yarn", "yarnpkg", "corepack")
"""Commands that start others; their own packages are never taken for the application."""
_WITH_VALUE = frozenset(
    {
        "-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "--input-type",
        "--title", "--stack-trace-limit", "--unhandled-rejections", "--redirect-warnings", "--icu-data-dir",
        "--openssl-config", "--diagnostic-dir", "--inspect-port", "--disable-warning", "--watch-path",
        "--cpu-prof-dir", "--heap-prof-dir", "--max-http-header-size", "--secure-heap", "--trace-event-categories",
    }
)  # fmt: skip
"""Options of node whose value may be the next word."""
_NO_SCRIPT = frozenset({"-e", "--eval", "-p", "--print", "-pe", "-i", "--interactive", "-c", "--check"})


@dataclass(frozen=True, slots=True)
class Command:
    """A command that can be started."""

    argv: tuple[str, ...]
    node: str
    """Path of the node that it will use, as far as that can be told."""
    node_version: str


def check_command(argv: Sequence[str]) -> Command:
    """Look at a command before it is started; raises PipetraceError when it cannot work."""
    if not argv:
        raise UsageError("There is no command to record; end the line with one, for example: node app.js")
    program = argv[0]
    found = shutil.which(program)
    if found is None:
        _raise_missing(program)
        raise AssertionError
    if _is_node(program, found):
        _check_script(argv)
        node = found
    else:
        node = shutil.which("node") or ""
        if not node:
            raise PipetraceError(
                f"node was not found, which {program} needs; install Node.js {OLDEST_NODE} or newer, "
                "or put it on the PATH."
            )
    return Command(tuple(argv), node, _node_version(node))


def launcher_packages() -> list[str]:
    """Return the directories of the packages that only start other programs (npm and its kind)."""
    found = {shutil.which(name) for name in _LAUNCHERS} | {os.environ.get("npm_execpath")}  # noqa: SIM112 - npm writes it so
    roots = {_package_root(Path(os.path.realpath(path))) for path in found if path}
    return sorted(str(root) for root in roots if root is not None)


def environment(base: Mapping[str, str], run: Path, listening: Path) -> dict[str, str]:
    """Return the environment in which every node process below loads the agent."""
    env = {name: value for name, value in base.items() if not name.startswith("PIPETRACE_")}
    # Else Node would say on stderr that its inspector ends, when a signal ends the process.
    env["NODE_OPTIONS"] = node_options(env.get("NODE_OPTIONS", ""), PRELOAD) + " --inspect-publish-uid=http"
    env["PIPETRACE_RUN"] = str(run)
    env[LISTEN_FILE] = str(listening)
    return env


def start(command: Command, env: Mapping[str, str], *, stdout: int | None = None) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own, so that Ctrl-C reaches the recorder alone.

    The terminal stays readable for it: job control stops only processes whose controlling terminal it is.
    """
    try:
        return subprocess.Popen(list(command.argv), env=dict(env), stdout=stdout, start_new_session=True)
    except OSError as error:
        raise PipetraceError(f"{command.argv[0]} cannot be started ({error.strerror}); check its path.") from None


def _raise_missing(program: str) -> None:
    path = Path(program)
    if re.fullmatch(r"node(js)?", path.name):
        raise PipetraceError(f"{program} was not found; install Node.js {OLDEST_NODE} or newer, or put it on the PATH.")
    if path.is_file():
        cure = f"start it with: node {program}" if path.suffix in (".js", ".cjs", ".mjs") else "make it executable"
        raise PipetraceError(f"{program} is not executable; {cure}")
    raise PipetraceError(f"The command {program} was not found; check its name, or give its path.")


def _is_node(program: str, found: str) -> bool:
    if re.fullmatch(r"node(js)?", Path(program).name):
        return True
    node = shutil.which("node")
    return node is not None and os.path.realpath(node) == os.path.realpath(found)


def _check_script(argv: Sequence[str]) -> None:
    """Raise when a `node …` command names no script, or one that does not exist."""
    certain = True
    words = iter(argv[1:])
    for word in words:
        if word == "--":
            word = next(words, "")
        elif word in _NO_SCRIPT or word.startswith(("--eval=", "--print=")):
            raise PipetraceError(f"`node {word}` runs no script file; put the code into a file and record that.")
        elif word.startswith("--") and ("=" in word or word not in _WITH_VALUE):
            # Whether an option that is not listed takes the next word as its value cannot be told.
            certain = certain and "=" in word
            if word in ("--test", "--run"):
                return
            continue
        elif word in _WITH_VALUE:
            next(words, "")
            continue
        elif word.startswith("-"):
            continue
        if word and (_script_exists(Path(word)) or not certain):
            return
        if word:
            raise PipetraceError(f"The script {word} does not exist (in {Path.cwd()}); check its path.")
        break
    raise PipetraceError("`node` without a script has nothing to record; name the application's script.")


def _script_exists(script: Path) -> bool:
    return script.exists() or any(script.with_name(script.name + end).exists() for end in (".js", ".json", ".node"))


def _node_version(node: str) -> str:
    try:
        found = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        raise PipetraceError(f"{node} does not run; install Node.js {OLDEST_NODE} or newer.") from None
    version = found.stdout.strip()
    match = re.match(r"v(\d+)\.", version)
    if match is None:
        raise PipetraceError(f"{node} does not tell its version; install Node.js {OLDEST_NODE} or newer.")
    if int(match[1]) < OLDEST_NODE:
        raise too_old(version)
    return version


def too_old(version: str) -> PipetraceError:
    """The error for a Node.js that the agent cannot run in."""
    return PipetraceError(f"Node.js {version} is too old; install Node.js {OLDEST_NODE} or newer.")


def _package_root(file: Path) -> Path | None:
    for directory in file.parents:
        try:
            if json.loads((directory / "package.json").read_bytes()).get("name"):
                return directory
        except (OSError, ValueError, AttributeError):
            continue
        if directory.parent.name == "node_modules":
            break
    return None
