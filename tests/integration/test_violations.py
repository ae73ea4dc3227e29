"""A path that was never recorded touches state of another stage: the log of that leads to a plan that is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

APP = """'use strict';
const http = require('node:http');

const seen = new Map();

function heavy(n) { let x = 1; for (let i = 0; i < n; i += 1) x = (x * 16807) % 2147483647; return x; }

function work(req, res) {
  const value = heavy(400000);
  if (req.headers['x-count']) seen.set(req.url, (seen.get(req.url) ?? 0) + 1);
  res.end(`${value}`);
}

function count(req, res) { res.end(JSON.stringify([...seen])); seen.set('asked', true); }

const server = http.createServer((req, res) => {
  if (req.url === '/count') count(req, res);
  else (async () => { await route(req, res); })();
});
async function route(req, res) { work(req, res); }
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1');
"""
LOAD = """for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
curl -s http://127.0.0.1:$PORT/work; curl -s http://127.0.0.1:$PORT/count; done > /dev/null"""


def _pipetrace(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipetrace", *words], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_log_of_violations_leads_to_a_plan_that_is_right(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"name": "counts"}')
    (tmp_path / "app.js").write_text(APP)
    assert _pipetrace("record", "-q", "-o", "t.duckdb", "--on-port", LOAD, "--", "node", "app.js", cwd=tmp_path).returncode == 0
    assert _pipetrace("partition", "t.duckdb", "--machines", "2", "-o", "first.json", cwd=tmp_path).returncode == 0
    first = {h["id"]: h for h in json.loads((tmp_path / "first.json").read_text())["handlers"]}
    moved = [name for name, handler in first.items() if handler["decision"] == "moved"]
    assert moved
    assert _pipetrace("rewrite", "first.json", "-o", "first", cwd=tmp_path).returncode == 0
    counted = {"method": "GET", "headers": [["x-count", "1"]], "body": ""}
    requests = [{**counted, "path": "/work"}, {**counted, "path": "/count", "headers": []}] * 3
    lines = [json.dumps({"url": one["path"], "proto": "http", **one}) for one in requests]
    (tmp_path / "requests.jsonl").write_text("\n".join(lines) + "\n")
    verify = ["--requests", "requests.jsonl", "--no-measure", "--violations", "violations.jsonl"]
    wrong = _pipetrace("verify", "first", *verify, cwd=tmp_path)
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    logged = [json.loads(line) for line in (tmp_path / "violations.jsonl").read_text().splitlines()]
    assert {(line["handler"], line["location"]) for line in logged} <= {(name, "app.js:seen") for name in moved}
    assert logged
    planned = _pipetrace(
        "partition", "t.duckdb", "--machines", "2", "--violations", "violations.jsonl", "-o", "second.json", cwd=tmp_path
    )
    assert planned.returncode == 0, planned.stderr
    second = {h["id"]: h for h in json.loads((tmp_path / "second.json").read_text())["handlers"]}
    for line in logged:
        assert second[line["handler"]]["decision"] == "kept"
    assert second[logged[0]["handler"]]["reason"]["cause"] == "violation"
    assert _pipetrace("rewrite", "second.json", "-o", "second", cwd=tmp_path).returncode == 0
    right = _pipetrace("verify", "second", *verify[:3], cwd=tmp_path)
    assert right.returncode == 0, right.stdout + right.stderr


def test_a_file_that_is_no_log_of_violations(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text('{"level": "info"}\n')
    for name, sentence in (("a.log", "Line 1 of a.log is no violation"), ("b.log", "There is no file b.log")):
        done = _pipetrace("partition", "t.duckdb", "--violations", name, cwd=tmp_path)
        assert done.returncode == 1
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
