"""`pipetrace rewrite --in-place` and `--undo`: a small diff in a clean git tree, and every byte back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

APP = """'use strict';
const http = require('node:http');
const heavy = async (n) => { let x = 1; for (let i = 0; i < n; i += 1) x = (x * 16807) % 2147483647; return x; };
const server = http.createServer(async (req, res) => { res.end(`${await heavy(500000)}`); });
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(server.address().port));
"""
LOAD = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do curl -s http://127.0.0.1:$PORT/; done > /dev/null"


def _git(*words: str, cwd: Path) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout


def _pipetrace(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipetrace", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package under git with a plan beside it."""
    app = tmp_path_factory.mktemp("in-place") / "app"
    app.mkdir()
    (app / "package.json").write_text('{"name": "heavy"}\n')
    (app / "app.js").write_text(APP)
    (app / "app.js").chmod(0o755)
    _git("init", "-q", cwd=app)
    _git("add", "-A", cwd=app)
    _git("commit", "-qm", "first", cwd=app)
    recorded = _pipetrace("record", "-q", "-o", "../t.duckdb", "--on-port", LOAD, "--", "node", "app.js", cwd=app)
    assert recorded.returncode == 0, recorded.stderr
    assert _pipetrace("partition", "../t.duckdb", "--machines", "2", "-o", "../plan.json", cwd=app).returncode == 0
    return app


def test_the_edits_run_and_are_taken_back_to_the_byte(planned: Path) -> None:
    written = _pipetrace("rewrite", "../plan.json", "--in-place", cwd=planned)
    assert written.returncode == 0, written.stderr
    status = _git("status", "--porcelain", cwd=planned).splitlines()
    assert status == [" M app.js", "?? .pipetrace/", "?? node_modules/"]
    assert (planned / "app.js").stat().st_mode & 0o777 == 0o755
    changes = (planned / ".pipetrace" / "changes.diff").read_text()
    assert {line for line in changes.splitlines() if line.startswith("+")} >= {
        line for line in _git("diff", "app.js", cwd=planned).splitlines() if line.startswith("+") and line[1:3] != "++"
    }
    running = subprocess.Popen(
        [sys.executable, "-m", "pipetrace", "run", "-q", "."], cwd=planned, stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        port = running.stdout.readline().strip()
        answer = subprocess.run(["curl", "-s", f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True)
    finally:
        running.terminate()
        running.wait(timeout=30)
        running.stdout.close()
    assert answer.stdout.isdigit()
    again = _pipetrace("rewrite", "../plan.json", "--in-place", cwd=planned)
    assert again.returncode == 1
    assert "--undo" in again.stderr
    checked = _pipetrace("verify", ".", cwd=planned)
    assert checked.returncode == 2
    assert "was rewritten in place, so there is no original to compare with" in checked.stderr
    undone = _pipetrace("rewrite", "--undo", cwd=planned)
    assert (undone.returncode, undone.stdout) == (0, "app.js: as it was\n")
    assert _git("status", "--porcelain", cwd=planned) == ""
    assert (planned / "app.js").read_text() == APP
    assert not (planned / "node_modules").exists()


def test_a_change_made_afterwards_is_not_lost(planned: Path) -> None:
    assert _pipetrace("rewrite", "../plan.json", "--in-place", cwd=planned).returncode == 0
    rewritten = (planned / "app.js").read_text()
    (planned / "app.js").write_text(rewritten + "// mine\n")
    for words in (["rewrite", "--undo"], ["run", "."]):
        refused = _pipetrace(*words, cwd=planned)
        assert refused.returncode == 1
        assert "app.js has changed since it was rewritten" in refused.stderr
    assert (planned / "app.js").read_text() == rewritten + "// mine\n"
    (planned / "app.js").write_text(rewritten)
    assert _pipetrace("rewrite", "--undo", cwd=planned).returncode == 0
    assert _git("status", "--porcelain", cwd=planned) == ""


def test_what_is_refused(planned: Path, tmp_path: Path) -> None:
    (planned / "notes.txt").write_text("mine")
    refused = _pipetrace("rewrite", "../plan.json", "--in-place", cwd=planned)
    (planned / "notes.txt").unlink()
    assert (refused.returncode, "is not clean (notes.txt)" in refused.stderr) == (1, True)
    copied = tmp_path / "copy"
    copied.mkdir()
    for name in ("app.js", "package.json"):
        (copied / name).write_bytes((planned / name).read_bytes())
    plan = json.loads((planned.parent / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    for words, status, sentence in (
        (["--in-place", "--source", str(copied)], 1, "is in no git tree"),
        (["--undo", "--source", str(copied)], 1, "was not rewritten in place"),
        (["--in-place", "-o", "x"], 2, "stand alone"),
        (["--in-place", "--undo"], 2, "stand alone"),
    ):
        refused = _pipetrace("rewrite", "plan.json", *words, cwd=tmp_path)
        assert (refused.returncode, sentence in refused.stderr) == (status, True), refused.stderr
        assert "Traceback" not in refused.stderr
    assert sorted(path.name for path in copied.iterdir()) == ["app.js", "package.json"]
