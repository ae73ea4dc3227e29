"""Staged directories made by hand for tests: a copy of an application, changed as the test wants, nothing moved."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from pipetrace.rewriter.stage_tree import copy_runtime
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


WORKER = """
const http = require('http');
const work = (req, res) => {
  res.setHeader('X-Work', 'done');
  res.end(req.url === '/who' ? process.env.PIPETRACE_STAGE : `worked on ${req.method} ${req.url}`);
};
http.createServer((req, res) => { work(req, res); }).listen(0, '127.0.0.1', function () {
  console.log(this.address().port);
});
"""


def _rewritten(source: str) -> str:
    text = source.replace("const http", "const $pt = require('@pipetrace/runtime').file('app.js'); const http")
    text = text.replace("(req, res) => {\n", "$pt.handler('app.js#work', (req, res) => {\n", 1)
    return text.replace("\n};\n", "\n});\n", 1) + "$pt.bindings({work: () => work});\n"


def stage_one_handler(tmp_path: Path, replicas: int = 1) -> StagedApp:
    """An application with the real runtime in its staged copy, and one handler on a stage of its own."""
    staged = stage_by_hand(tmp_path, WORKER, change=_rewritten)
    shutil.rmtree(staged.folder / "node_modules" / "@pipetrace")
    copy_runtime(staged.folder)
    file = staged.folder / ".pipetrace" / "plan.json"
    plan = json.loads(file.read_text())
    plan["stages"].append({"id": "stage1", "replicas": replicas, "owns": []})
    plan["handlers"] = [
        {"id": "app.js#work", "stage": "stage1", "decision": "moved", "form": "wrap", "returns": "nothing"}
    ]
    file.write_text(json.dumps(plan))
    return load_staged(staged.folder)


def write_requests(path: Path, *requests: dict[str, object]) -> Path:
    """A request file; `proto` is http unless it is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"proto": "http", **request}) + "\n" for request in requests))
    return path
