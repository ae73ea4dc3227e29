"""The versions of Node.js that the suite runs on, as `script/setup --full` installs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipetrace.runner import npm

VERSIONS = (Path(__file__).parents[2] / "script" / "node-versions").read_text().split()


def node(version: str) -> Path:
    """Return the program of a version; a missing one is an error, because nothing would be tested."""
    program = npm.cache_folder() / "node" / version / "bin" / "node"
    if not program.exists():
        raise AssertionError(f"Node.js {version} is not in {program.parent}; run script/setup --full.")
    return program


def with_node(env: Mapping[str, str], version: str) -> dict[str, str]:
    """Return an environment in which `node` is a version."""
    return {**env, "PATH": f"{node(version).parent}:{env['PATH']}"}
