"""Finds the node to run with and says which version it is, with an error that names the cure."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess

from pipetrace.errors import PipetraceError

OLDEST = 20
"""Oldest major version of Node.js that the runtime supports."""


def find_node(program: str | None = None) -> str:
    """Path of a usable node: `program` if given, else the first on the PATH.

    Raises PipetraceError when there is none or it is too old.
    """
    path = shutil.which(program) if program else shutil.which("node") or shutil.which("nodejs")
    if path is None and program:
        raise PipetraceError(f"{program} was not found; name the node to run with, or put one on the PATH.")
    if path is None:
        raise PipetraceError(f"node was not found on the PATH; install Node.js {OLDEST} or newer.")
    version = node_version(path)
    if int(version.split(".")[0]) < OLDEST:
        raise PipetraceError(f"{path} is Node.js {version}; install Node.js {OLDEST} or newer.")
    return path


def choose_node(asked: str | None, recorded: str, recorded_version: str) -> tuple[str, str]:
    """Path of the node to run with, and a remark about the choice, or ''.

    The one that is asked for; else the one of the recording, where it is still there; else the first on the PATH.
    Raises PipetraceError when there is none or it is too old.
    """
    if asked is not None:
        return find_node(asked), ""
    if recorded and os.access(recorded, os.X_OK):
        return find_node(recorded), ""
    found = find_node()
    was, now = recorded_version.removeprefix("v"), node_version(found)
    if not was or was.split(".")[0] == now.split(".")[0]:
        return found, ""
    return found, f"it was recorded with Node.js {was}, which is not here; {found} is {now} (choose with --node)."


@functools.cache
def node_version(path: str) -> str:
    """Version of a node without its `v`, such as `20.20.2`."""
    try:
        shown = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise PipetraceError(f"{path} --version failed ({error}); install Node.js {OLDEST} or newer.") from None
    match = re.fullmatch(r"v(\d+\.\d+\.\d+)\S*", shown.strip())
    if match is None:
        raise PipetraceError(f"{path} --version printed {shown.strip()!r}; install Node.js {OLDEST} or newer.")
    return match.group(1)
