"""npm packages that tests need, in exact versions."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from pipetrace.runner import npm


def installed(name: str, packages: dict[str, str]) -> Path:
    """A node_modules directory with some packages (installed once per user)."""
    wanted = json.dumps({"private": True, "dependencies": packages}, sort_keys=True)
    folder = npm.cache_folder() / "npm" / f"{name}-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as place:
            aside = Path(place) / "new"
            aside.mkdir()
            (aside / "package.json").write_text(wanted)
            words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error"]
            subprocess.run(words, cwd=aside, check=True, capture_output=True, timeout=300)
            try:
                aside.rename(folder)
            except OSError:
                # Another run was faster.
                shutil.rmtree(aside, ignore_errors=True)
    return folder / "node_modules"
