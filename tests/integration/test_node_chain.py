"""Record, partition, rewrite, verify and run on every version of Node.js, with Express as CommonJS and as ES modules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.node_versions import VERSIONS, node

APP = """
const seen = new Map();
const table = makeTable(1000);
const app = express();
app.use(express.json());
app.get('/heavy/:n', async function heavy(req, res) {
  await null;
  res.json({ n: req.params.n, sum: burn(Number(req.params.n)) });
});
app.post('/count', function count(req, res) {
  seen.set(req.body.key, (seen.get(req.body.key) ?? 0) + 1);
  res.set('X-Seen', String(seen.size)).json([...seen]);
});
app.get('/fails', function fails(req, res) { throw new TypeError('as it should'); });
app.use(function oops(error, req, res, next) { res.status(500).send(error.name + ': ' + error.message); });
function burn(n) {
  let sum = 0;
  for (let round = 0; round < 400; round++) for (const value of table) sum = (sum * 31 + value * n) % 1000003;
  return sum;
}
app.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('up on', process.version));
"""
TABLE = "function makeTable(size) { return Array.from({ length: size }, (_, index) => index * index); }\n"
FORMS = {
    "cjs": {
        "server.js": "'use strict';\nconst express = require('express');\nconst { makeTable } = require('./table');\n" + APP,
        "table.js": TABLE + "module.exports = { makeTable };\n",
        "package.json": '{"name": "matrix", "version": "1.0.0"}',
    },
    "esm": {
        "server.js": "import express from 'express';\nimport { makeTable } from './table.js';\n" + APP,
        "table.js": "export " + TABLE,
        "package.json": '{"name": "matrix", "version": "1.0.0", "type": "module"}',
    },
}
LOAD = """
const http = require('http');
const agent = new http.Agent({ keepAlive: true });
const requests = [];
for (let n = 0; n < 12; n++) requests.push(['GET', '/heavy/' + n], ['POST', '/count', JSON.stringify({ key: 'k' + n % 3 })]);
requests.push(['GET', '/fails'], ['GET', '/none']);
(function next() {
  if (requests.length === 0) process.exit(0);
  const [method, path, body] = requests.shift();
  http.request({ port: process.argv[2], method, path, agent, headers: { 'content-type': 'application/json' } }, (res) => {
    res.resume().on('end', next);
  }).end(body);
})();
"""


def _pipetrace(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pipetrace", *words], cwd=folder, env=dict(os.environ), capture_output=True, text=True,
        timeout=200, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"pipetrace {' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


def _matrix() -> list[Any]:
    """Every version with one form of modules in the suite, with the other one in the long run."""
    cases = []
    for number, version in enumerate(VERSIONS):
        for form in FORMS:
            marks = [] if (form == "esm") == (number % 2 == 0) else [pytest.mark.soak]
            cases.append(pytest.param(version, form, marks=marks, id=f"{version}-{form}"))
    return cases


@pytest.mark.parametrize(("version", "form"), _matrix())
def test_the_whole_chain(tmp_path: Path, frameworks: Path, version: str, form: str) -> None:
    for name, text in FORMS[form].items():
        (tmp_path / name).write_text(text)
    (tmp_path / "load.cjs").write_text(LOAD)
    (tmp_path / "node_modules").symlink_to(frameworks)
    # The node of the recording is used by all that follows, though another one is first on the PATH.
    _pipetrace(
        tmp_path, "record", "--capture-requests", "-o", "t.duckdb", "--on-port", "node load.cjs $PORT",
        str(node(version)), "server.js", "0",
    )  # fmt: skip
    _pipetrace(tmp_path, "partition", "t.duckdb", "--machines", "2")
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["trace"]["node_version"] == f"v{version}"
    handlers = {handler["name"]: handler for handler in plan["handlers"]}
    assert handlers["count"]["decision"] == "kept"
    # As a whole, or only the call in it that takes the time.
    heavy = handlers["heavy"]
    assert heavy["decision"] == "moved" or heavy["reason"]["cause"] == "inner-moved", heavy["reason"]
    _pipetrace(tmp_path, "rewrite", "plan.json", "-o", "staged")
    verdict = json.loads(_pipetrace(tmp_path, "verify", "staged", "--no-measure", "--json"))
    assert verdict["equal"]
    calls = {handler["id"]: (handler["on_stage"], handler["on_entry"]) for handler in verdict["handlers"]}
    assert calls
    assert all(on_stage > 0 and on_entry == 0 for on_stage, on_entry in calls.values()), calls
