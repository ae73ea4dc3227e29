"""What ESLint has no objection to, it has none to afterwards."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pipetrace.rewriter.format import uses_eslint
from tests.unit.rewriter_fixture import rewritten

ROOT = Path(__file__).parents[2]
BEFORE = """'use strict';

const { on } = require('node:events');

async function heavy(n) {
  return n * 2;
}

function serve(base) {
  async function add(n) {
    return base + n;
  }
  on(add);
  on(async (n) => base - n);
}

on(async (n) => n + 1);

module.exports = { heavy, serve };
"""


def _objections(text: str) -> list[str]:
    words = [str(ROOT / "node_modules" / ".bin" / "eslint"), "--stdin", "--stdin-filename", "examples/shop/x.js", "-f", "json"]
    done = subprocess.run(words, input=text, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return [each["ruleId"] for each in json.loads(done.stdout)[0]["messages"]]


def test_rewritten_files_pass_the_linter_of_the_original() -> None:
    after = rewritten(BEFORE, "heavy", "add", "line:14", "line:17", linted=True)
    assert after.refused == {}
    assert after.shown.count("$pt.") == 4
    assert (_objections(BEFORE), _objections(after.shown)) == ([], [])
    plain = rewritten(BEFORE, "heavy", "add", "line:14", "line:17").shown
    assert "eslint" not in plain
    assert set(_objections(plain)) == {"no-func-assign"}


@pytest.mark.parametrize(
    ("name", "text", "used"),
    [
        ("eslint.config.mjs", "", True),
        (".eslintrc.json", "", True),
        ("package.json", '{"eslintConfig": {}}', True),
        ("package.json", '{"name": "a"}', False),
        ("node_modules/a/package.json", "", False),
    ],
)
def test_whether_an_application_is_linted(tmp_path: Path, name: str, text: str, used: bool) -> None:
    inner = tmp_path / Path(name).parent / "lib" if "/" in name else tmp_path / "lib"
    inner.mkdir(parents=True)
    (tmp_path / name).write_text(text)
    assert uses_eslint(inner) is used
