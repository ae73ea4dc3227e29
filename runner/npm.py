"""Installs pinned npm packages, once, into a cache directory of the user."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from pipetrace.errors import PipetraceError


def cache_folder() -> Path:
    """The user's cache for pipetrace: PIPETRACE_CACHE, else `pipetrace` in XDG_CACHE_HOME or ~/.cache."""
    if own := os.environ.get("PIPETRACE_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pipetrace"


def install(name: str, version: str, *, cache: Path | None = None) -> Path:
    """Directory of an npm package in exactly this version, installed with its dependencies if it is not yet.

    No install scripts are run. Raises PipetraceError when npm is missing or fails.
    """
    folder = (cache or cache_folder()) / "npm" / f"{name.replace('/', '+')}-{version}"
    package = folder / "node_modules" / name
    if (package / "package.json").is_file():
        return package
    npm = shutil.which("npm")
    if npm is None:
        raise PipetraceError(f"npm was not found on the PATH; install it, or {name} {version} by hand in {folder}.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Installed aside and renamed, so that two runs at once, or one that is interrupted, leave no half package.
    with tempfile.TemporaryDirectory(prefix=".installing-", dir=folder.parent) as aside:
        (Path(aside) / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        words = [npm, "install", "--prefix", aside, "--no-audit", "--no-fund", "--no-progress", "--ignore-scripts",
                 "--save-exact", "--loglevel", "error", f"{name}@{version}"]  # fmt: skip
        try:
            done = subprocess.run(words, cwd=aside, capture_output=True, text=True, timeout=300, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PipetraceError(f"npm could not install {name} {version} ({error}).") from None
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("npm error")] or ["npm error unknown"]
            why = said[0].removeprefix("npm error ").strip()
            raise PipetraceError(f"npm could not install {name} {version} ({why}); check the network and the registry.")
        try:
            Path(aside).rename(folder)
        except OSError:
            if not (package / "package.json").is_file():
                raise
        else:
            Path(aside).mkdir()
    return package
