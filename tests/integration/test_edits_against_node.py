"""Probes in every function of real files: node accepts the result, and its own decoder reads the source map."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from pipetrace.javascript.edits import Edits
from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.nodes import walk
from pipetrace.javascript.parse import parse
from pipetrace.javascript.scopes import analyse

ROOT = Path(__file__).parents[2]

NASTY = """#!/usr/bin/env node\r
'use strict'\r
const id = a => b => ((a)), obj = x => ({ x }), seq = () => (1, 2), text = '😀', deep = () => () => () => text;\r
class A { static #n = (1, 2); f = () => this; g = function () {}; static { A.made = `${text}${(() => 1)()}` }\r
  get v() { return A.#n } async *w(a, b = () => a) { yield* b() } static async [text]() { await 0 } constructor() {} }\r
function directive() { 'use strict' }\u2028function asi() { 'use strict'\n return new.target }\r
label: for (const x of [1]) { if (x) continue label; else (async () => { await id(x)(2) })() }\r
module.exports = { A, id, obj, seq, deep, directive, asi, method() { return super.toString }, get a() { return 1 } }"""

CHECK = r"""
const { SourceMap } = require('node:module');
const vm = require('node:vm');
const failures = [];
for (const file of JSON.parse(require('node:fs').readFileSync(0, 'utf8'))) {
  try {
    vm.compileFunction(file.out.replace(/^#!.*/, ''), ['require', 'module', 'exports']);
  } catch (error) {
    failures.push(`${file.path}: ${error.message}`);
  }
  const map = new SourceMap(file.map);
  for (const [from, to] of file.words) {
    const { originalLine, originalColumn } = map.findEntry(from[0] - 1, from[1]);
    if (originalLine !== to[0] - 1 || originalColumn !== to[1]) {
      failures.push(`${file.path}: ${from} is ${originalLine},${originalColumn} and not ${to}`);
    }
  }
}
process.stdout.write(JSON.stringify(failures));
"""


def sources() -> list[tuple[str, str]]:
    files = [*ROOT.glob("tracer/agent/*.js"), *ROOT.glob("rewriter/runtime/**/*.js"), *ROOT.glob("tests/**/*.cjs")]
    own = [(path.relative_to(ROOT).as_posix(), path) for path in sorted(files) if "node_modules" not in path.parts]
    return [(name, path.read_bytes().decode()) for name, path in own] + [("nasty.cjs", NASTY)]


def with_probes(text: str, path: str) -> Edits:
    """A probe at the start of every function, as the recorder and the rewriter put text there."""
    edits = Edits(text)
    for function in functions_of(parse(text, path)):
        if function.expression_body:
            # Where bodies share an end the inner one closes first.
            edits.insert(function.body_start, "(void 0, ", order=function.index)
            edits.insert(function.body_end, ")", order=-function.index)
        elif function.statements_start == 0:
            edits.insert(0, "void 0; ")
        else:
            edits.insert(function.statements_start, "; void 0;")
    return edits


def test_probed_files_still_parse_and_map_back() -> None:
    questions = []
    words = 0
    for path, text in sources():
        before = parse(text, path)
        assert before.goal == "script"
        edits = with_probes(text, path)
        out = edits.apply()
        after = parse(out, path)
        old = [node for node in walk(before.tree) if node.type == "Identifier"]
        new = [node for node in walk(after.tree) if node.type == "Identifier"]
        assert [node.name for node in new] == [node.name for node in old]
        pairs = [
            (after.lines.position(b.range[0]), before.lines.position(a.range[0])) for a, b in zip(old, new, strict=True)
        ]
        words += len(pairs)
        source_map = edits.source_map("out.js", "in.js")
        questions.append({"path": path, "out": out, "map": source_map, "words": pairs})
    done = subprocess.run(
        ["node", "-e", CHECK],
        input=json.dumps(questions).encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == []
    assert words > 100


def test_functions_and_captures_are_the_same_behind_probes() -> None:
    for path, text in sources():
        before, after = parse(text, path), parse(with_probes(text, path).apply(), path)
        old, new = functions_of(before), functions_of(after)
        # The name is not compared: `f = (0, () => 1)` leaves the arrow without one.
        assert [(f.kind, f.parent, f.params) for f in new] == [(f.kind, f.parent, f.params) for f in old]
        assert [f.returns_promise for f in new if not f.expression_body] == [
            f.returns_promise for f in old if not f.expression_body
        ]
        for function in old:
            assert [(c.name, c.reads, c.writes, c.reassigned) for c in analyse(after).captures(function.index)] == [
                (c.name, c.reads, c.writes, c.reassigned) for c in analyse(before).captures(function.index)
            ]
