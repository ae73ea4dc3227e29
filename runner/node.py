"""Finds node and says which version it is, with an error that names the cure."""

from __future__ import annotations

import functools
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
    path = shutil.which(program or "node") or shutil.which("node") or shutil.which("nodejs")
    if path is None:
        raise PipetraceError(f"node was not found on the PATH; install Node.js {OLDEST} or newer.")
    version = node_version(path)
    if int(version.split(".")[0]) < OLDEST:
        raise PipetraceError(f"{path} is Node.js {version}; install Node.js {OLDEST} or newer.")
    return path


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
