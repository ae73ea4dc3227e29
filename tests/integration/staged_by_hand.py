"""Staged directories made by hand for tests: a copy of an application, changed as the test wants, nothing moved."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from pipetrace.runner.staged import StagedApp, load_staged


def stage_by_hand(
    tmp_path: Path, source: str, arguments: Sequence[str] = (), change: Callable[[str], str] = lambda text: text
) -> StagedApp:
    """An application of one file and its staged copy, whose text went through `change`."""
    app, out = tmp_path / "app", tmp_path / "staged"
    app.mkdir(parents=True)
    (app / "app.js").write_text(source, encoding="utf-8")
    shutil.copytree(app, out)
    (out / "app.js").write_text(change(source), encoding="utf-8")
    runtime = out / "node_modules" / "@pipetrace" / "runtime"
    runtime.mkdir(parents=True)
    (runtime / "register.js").write_text("'use strict';\n", encoding="utf-8")
    (out / ".pipetrace").mkdir()
    files = [{"path": "app.js", "sha256": hashlib.sha256(source.encode()).hexdigest()}]
    described = {"entry": "app.js", "command": ["node", "app.js", *arguments], "cwd": str(app), "app_root": str(app)}
    plan = {
        "trace": {"path": str(app / "traces" / "app-1.duckdb")},
        "files": files,
        "stages": [{"id": "entry", "replicas": 1, "owns": []}],
        "handlers": [],
    }
    (out / ".pipetrace" / "staged.json").write_text(json.dumps(described), encoding="utf-8")
    (out / ".pipetrace" / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    return load_staged(out)


def write_requests(path: Path, *requests: dict[str, object]) -> Path:
    """A request file; `proto` is http unless it is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"proto": "http", **request}) + "\n" for request in requests))
    return path
