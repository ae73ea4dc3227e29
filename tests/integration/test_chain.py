"""The whole chain on the example shop, to equal answers; and bad input to `record`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _pipetrace(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipetrace", *words], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain") / "shop"
    shutil.copytree(ROOT / "examples" / "shop", folder, ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run(
        ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(["node", "make-content.js"], cwd=folder, check=True)
    recorded = _pipetrace(
        "record", "--capture-requests", "-o", "shop.duckdb", "--on-port", "node load.js $PORT 12",
        "--", "node", "server.js", "0", cwd=folder,
    )  # fmt: skip
    assert recorded.returncode == 0, recorded.stderr
    planned = _pipetrace("partition", "shop.duckdb", "--machines", "2", cwd=folder)
    assert planned.returncode == 0, planned.stderr
    return folder


def test_the_plan_moves_what_is_heavy_and_keeps_what_shares_state(shop: Path) -> None:
    handlers = {(h["file"], h["line"]): h for h in json.loads((shop / "plan.json").read_text())["handlers"]}
    text = (shop / "lib" / "accounts.js").read_text().splitlines()
    sign_in = next(n for n, line in enumerate(text, 1) if "'/sign-in'" in line)
    visits = next(n for n, line in enumerate(text, 1) if "'/me'" in line)
    hashing = [
        h for (file, line), h in handlers.items() if file == "lib/accounts.js" and line > sign_in and h["cpu_us"] > 1000
    ]
    assert "moved" in {h["decision"] for h in [handlers["lib/accounts.js", sign_in], *hashing]}, "whole, or its kernel"
    assert handlers["lib/accounts.js", visits]["decision"] == "kept"
    assert "sessions" in handlers["lib/accounts.js", visits]["reason"]["sentence"]


def test_the_staged_application_answers_the_same(shop: Path) -> None:
    rewritten = _pipetrace("rewrite", "plan.json", "-o", "staged", cwd=shop)
    assert rewritten.returncode == 0, rewritten.stderr
    verified = _pipetrace("verify", "staged", "--no-measure", "--json", cwd=shop)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    shown = _pipetrace("report", "shop.duckdb", "--plan", "plan.json", "-f", "md", "-o", "report.md", cwd=shop)
    assert shown.returncode == 0, shown.stderr
    assert "lib/accounts.js" in (shop / "report.md").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--", "no-such-command-here"], "no-such-command-here"),
        (["--", "node", "missing.js"], "missing.js"),
        (["--", "node", "throws.js"], "status 1"),
        (["--no-such-option", "node", "throws.js"], "--no-such-option"),
        (["-o", "taken.duckdb", "--", "node", "throws.js"], "taken.duckdb"),
    ],
)
def test_record_names_cause_and_cure(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "throws.js").write_text("throw new Error('at start');\n")
    (tmp_path / "taken.duckdb").write_text("mine")
    failed = _pipetrace("record", *words, cwd=tmp_path)
    assert failed.returncode != 0
    assert said in failed.stderr
    assert "Traceback" not in failed.stderr
    assert (tmp_path / "taken.duckdb").read_text() == "mine"


def test_what_is_no_trace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_text("not a database")
    failed = _pipetrace("partition", "x.duckdb", cwd=tmp_path)
    assert failed.returncode != 0
    assert "x.duckdb" in failed.stderr
    assert "Traceback" not in failed.stderr
