"""Kernels through the whole chain: recorded, planned, cut out, and the same answers on threads and over NATS."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "kernel_program"


def _pipetrace(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipetrace", *words], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kernels") / "app"
    shutil.copytree(PROGRAM, folder)
    (folder / "library").rename(folder / "node_modules")
    recorded = _pipetrace(
        "record", "--capture-requests", "-o", "t.duckdb", "--on-port", "node load.js $PORT", "--",
        "node", "server.js", cwd=folder,
    )  # fmt: skip
    assert recorded.returncode == 0, recorded.stderr
    planned = _pipetrace("partition", "t.duckdb", "--machines", "2", cwd=folder)
    assert planned.returncode == 0, planned.stderr
    rewritten = _pipetrace("rewrite", "plan.json", "-o", "staged", cwd=folder)
    assert rewritten.returncode == 0, rewritten.stderr
    return folder


def test_the_plan_cuts_out_what_nobody_notices_and_says_why_not_the_rest(app: Path) -> None:
    handlers = {entry["id"]: entry for entry in json.loads((app / "plan.json").read_text())["handlers"]}
    moved = {name: entry["wait"] for name, entry in handlers.items() if entry.get("form") == "kernel"}
    assert moved == {
        "server.js#heavy.digest()": "async",
        "server.js#heavy.digest():2": "none",
        "server.js#heavy.digest():3": "await",
        "server.js#heavy.digest():5": "async",
        "server.js#heavy.draw()..heavy.print()": "async",
        "server.js#heavy.element()..heavy.render()": "async",
        "server.js#heavy.draw()..heavy.print():2": "async",
    }
    assert handlers["server.js#heavy.digest():4"]["reason"]["cause"] == "not-atomic"


def test_calls_that_need_one_another_are_cut_out_together(app: Path) -> None:
    text = (app / "staged" / "server.js").read_text()
    assert "const drawing = await $kernel" in text
    assert ".setHeader('x-drawn', 'yes').end($pt.result(drawing))" in text
    assert "{ return heavy.render(heavy.element(Page, $in1)); }" in text
    assert re.search(r"response\.end\(await \$kernel\d\(request\.text\)\);", text)


@pytest.mark.parametrize("transport", ["threads", "nats"])
def test_the_answers_are_the_same(app: Path, transport: str) -> None:
    verified = _pipetrace("verify", "staged", "--no-measure", "--json", "--transport", transport, cwd=app)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    result = json.loads(verified.stdout)
    assert result["equal"] is True
