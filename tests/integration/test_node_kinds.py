"""Every kind of module, and every kind of process, on every version of Node.js."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipetrace.tracer.trace import Trace, open_trace
from tests.integration.node_versions import VERSIONS, with_node

STRIPS_TYPES = tuple(version for version in VERSIONS if not version.startswith("20."))

WHERE = "console.log(new Error('x').stack.split('\\n')[1].match(/[^/]*:\\d+(?=:)/)[0])"
MODULES = {
    "package.json": '{"name": "kinds", "version": "1.0.0", "exports": {"./feature": "./src/feature.js"}}',
    "main.js": """
require('./strict.cjs'); require('./required.mjs'); require('./ambiguous.js'); require('./crlf.js'); require('./mark.js');
require('./shebang.js'); require('kinds/feature'); require('dependency'); require('./dynamic-scope.js');
if (process.argv[2]) { require('./required.cts'); require('./required.mts'); require('./ambiguous.ts'); require('./plain.ts'); }
import('./awaits.mjs').then(function imported(m) { if (process.argv[2]) return import('./imported.cts'); });
""",
    "strict.cjs": f"'use strict'; setTimeout(function inCjs() {{ {WHERE}; }}, 1);",
    "required.mjs": f"export const k = 1; setTimeout(function inRequiredEsm() {{ {WHERE}; }}, 2);",
    "ambiguous.js": f"import fs from 'node:fs'; export const k = fs; setTimeout(function inAmbiguous() {{ {WHERE}; }}, 3);",
    "crlf.js": f"'use strict';\r\nsetTimeout(function inCrlf() {{\r\n {WHERE};\r\n}}, 4);\r\n",
    "mark.js": f"\ufeff'use strict'; const s = 'a\U0001f600';\nsetTimeout(function inMarked() {{ {WHERE}; console.log(s, this === undefined); }}, 5);",
    "shebang.js": f"#!/usr/bin/env node\nsetTimeout(function inShebang() {{ {WHERE}; }}, 6);",
    "src/feature.js": f"setTimeout(function inFeature() {{ {WHERE}; }}, 7);",
    "awaits.mjs": f"""import data from './data.json' with {{ type: 'json' }};
await new Promise((done) => setTimeout(function waited() {{ done(); }}, 1));
setTimeout(function inAwaits() {{ {WHERE}; console.log(data.n, import.meta.url.slice(-10)); }}, 8);""",
    "data.json": '{"n": 21}',
    "dynamic-scope.js": """
setTimeout(function evaluates() { console.log(eval('1 + 1')); }, 9);
setTimeout(function scoped() { with ({ n: 5 }) { console.log(n); } }, 10);
setTimeout(function makes() { console.log(new Function('a', 'return a + 1')(3)); }, 11);
""",
    "required.cts": f"const n: number = 1; setTimeout(function inCts(this: unknown): void {{ {WHERE}; }}, 20);",
    "required.mts": f"export type N = number; setTimeout(function inMts(): void {{ {WHERE}; }}, 22);",
    "ambiguous.ts": f"import * as fs from 'node:fs'; interface I {{ n: number }}\nexport const i: I = {{ n: 1 }}; setTimeout(function inTs(): void {{ {WHERE}; }}, 24);",
    "plain.ts": f"type N = number;\n\nsetTimeout(function inPlainTs(): void {{ {WHERE}; }}, 26);",
    "imported.cts": f"const n: number = 1; setTimeout(function inImportedCts(): void {{ {WHERE}; }}, 28);",
    "node_modules/dependency/package.json": '{"name": "dependency", "version": "1.0.0", "exports": {"require": "./lib/it.js"}}',
    "node_modules/dependency/lib/it.js": "setTimeout(function inDependency() {}, 12);",
}

PROCESSES = {
    "package.json": '{"name": "processes", "version": "1.0.0", "scripts": {"start": "node --no-warnings main.mjs"}}',
    "main.mjs": """
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { spawn, fork, exec } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
const child = fileURLToPath(new URL('./child.js', import.meta.url));
if (isMainThread) {
  console.error('begins');
  const ended = async (what) => (await once(what, 'exit')).join();
  console.log('esm', await ended(new Worker(new URL(import.meta.url))));
  console.log('cjs', await ended(new Worker(new URL('./worker.cjs', import.meta.url))));
  console.log('eval', await ended(new Worker('setTimeout(() => {}, 1)', { eval: true })));
  console.log('fork', await ended(fork(child, ['forked'])));
  console.log('fresh', await ended(spawn(process.execPath, [child, 'fresh'], { env: { PATH: process.env.PATH }, stdio: 'inherit' })));
  console.log('shell', await ended(exec(`"${process.execPath}" child.js shell`)));
  const killed = spawn(process.execPath, [child, 'killed'], { stdio: ['ignore', 'pipe', 'inherit'] });
  killed.stdout.once('data', () => killed.kill('SIGTERM'));
  console.log('killed', await ended(killed));
  console.log('cluster', await ended(fork(fileURLToPath(new URL('./primary.js', import.meta.url)))));
  process.exitCode = 5;
} else setTimeout(function inEsmWorker() { parentPort.postMessage(1); }, 1);
""",
    "worker.cjs": "setTimeout(function inCjsWorker() { process.exitCode = 3; }, 1);",
    "child.js": """
setTimeout(function inChild() { console.error('to stderr'); console.log('child', process.argv[2]); process.exitCode = 7; }, 5);
if (process.argv[2] === 'killed') setInterval(() => {}, 1000);
""",
    "primary.js": """
const cluster = require('cluster'), http = require('http');
if (cluster.isPrimary) {
  cluster.fork(); cluster.fork();
  let up = 0;
  cluster.on('listening', function listens(worker, address) {
    if (++up < 2) return;
    http.get({ port: address.port, agent: false }, (res) => res.resume().on('end', () => {
      for (const one of Object.values(cluster.workers)) one.send('stop');
    }));
  });
  cluster.on('exit', function gone(worker, code) { console.log('gone', code); });
} else {
  http.createServer(function serve(req, res) { res.end('x'); }).listen(0, '127.0.0.1');
  process.on('message', function told() { process.exit(4); });
}
""",
}


class Place:
    """A package, run plainly and recorded under one version of Node.js."""

    def __init__(self, root: Path, files: dict[str, str], version: str) -> None:
        self.root = root
        self.env = with_node(os.environ, version)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(text.encode())

    def run(self, command: Sequence[str], errors: Path) -> tuple[bytes, str, int]:
        """Stdout, stderr (which goes to a file) without process numbers, and exit status."""
        with errors.open("wb") as file:
            done = subprocess.run(
                command, cwd=self.root, env=self.env, stdout=subprocess.PIPE, stderr=file, timeout=120, check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        return done.stdout, re.sub(r"\(node:\d+\)", "(node)", errors.read_text()), done.returncode

    def recorded_as_plain(self, *command: str, in_order: bool = True) -> Trace:
        """Check that nobody notices the recording; the trace. Timers of modules that load slowly come in any order."""
        expected = self.run(command, self.root / "plain.err")
        recorder = [sys.executable, "-m", "pipetrace", "record", "-q", "--force", "-o", "t.duckdb", "--"]
        output, errors, status = self.run([*recorder, *command], self.root / "recorded.err")
        if not in_order:
            output, expected = _sorted(output), (_sorted(expected[0]), *expected[1:])
        assert (output, errors, status) == expected
        return open_trace(self.root / "t.duckdb")


def _sorted(output: bytes) -> bytes:
    return b"\n".join(sorted(output.splitlines()))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_kind_of_module(tmp_path: Path, version: str) -> None:
    place = Place(tmp_path, MODULES, version)
    types = version in STRIPS_TYPES
    with place.recorded_as_plain("node", "main.js", *(["types"] if types else []), in_order=False) as trace:
        files = trace.sql("select path, format, status, reason from file").fetchall()
        formats = {path: form for path, form, _, _ in files}
        assert len(formats) == len(files) == (15 if types else 10)
        assert {status for _, _, status, _ in files} == {"instrumented"}
        assert (formats["ambiguous.js"], formats["required.mjs"], formats["src/feature.js"]) == ("module", "module", "commonjs")
        assert {path for path, _, _, reason in files if reason} == {path for path in formats if path.endswith("ts")}
        ran = dict(
            trace.sql(
                'select f.name, count(*) from invocation i join "function" f using (function_id) '
                "where i.kind = 'handler' and f.name like 'in%' group by 1"
            ).fetchall()
        )
        names = ["inAmbiguous", "inAwaits", "inCjs", "inCrlf", "inFeature", "inMarked", "inRequiredEsm", "inShebang"]
        typed = ["inCts", "inImportedCts", "inMts", "inPlainTs", "inTs"] if types else []
        assert {name: count for name, count in ran.items() if name != "imported"} == dict.fromkeys(names + typed, 1)
        problems = trace.sql("select kind, line from problem where kind in ('eval', 'with') order by all").fetchall()
        assert problems == [("eval", 2), ("eval", 4), ("with", 3)]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_kind_of_process(tmp_path: Path, version: str) -> None:
    place = Place(tmp_path, PROCESSES, version)
    with place.recorded_as_plain("npm", "start", "--silent") as trace:
        assert trace.sql("select kind, exit_code from process where exit_code <> 0 order by all").fetchall() == [
            ("child", 4), ("child", 4), ("child", 7), ("child", 7), ("child", 7), ("main", 5), ("worker", 3),
        ]  # fmt: skip
        kinds = dict(trace.sql("select kind, count(*) from process group by 1").fetchall())
        assert kinds == {"main": 1, "child": 7, "worker": 3}
        ran = dict(
            trace.sql(
                'select f.name, count(distinct process_id) from invocation i join "function" f using (function_id) '
                "where i.kind = 'handler' and f.name in ('inChild', 'inCjsWorker', 'inEsmWorker', 'told') group by 1"
            ).fetchall()
        )
        assert ran["inCjsWorker"] == ran["inEsmWorker"] == 1
        assert ran["told"] == 2
        assert ran["inChild"] in (3, 4)  # the killed one may have ended before it wrote
        assert trace.meta["overhead"]["sampled_time_share"] is not None


CLUSTER = """
const cluster = require('cluster'), http = require('http');
if (cluster.isPrimary) { cluster.fork(); cluster.fork(); }
else http.createServer(function serve(req, res) { let n = 0; for (let i = 0; i < 2e6; i++) n += i % 7; res.end('' + n); }).listen(0);
process.on('SIGTERM', function ends() { process.exit(0); });
"""


def test_a_plan_for_an_application_of_several_processes_moves_nothing_and_says_why(tmp_path: Path) -> None:
    load = "for (let i = 0; i < 6; i++) require('http').get({ port: process.argv[2], agent: false }, (r) => r.resume());"
    files = {"package.json": '{"name": "clustered"}', "main.js": CLUSTER, "load.js": load}
    place = Place(tmp_path, files, VERSIONS[-1])
    tool = [sys.executable, "-m", "pipetrace"]
    words = ["record", "-q", "-o", "t.duckdb", "--on-port", "node load.js $PORT", "node", "main.js"]
    assert place.run([*tool, *words], tmp_path / "err")[2] == 0, (tmp_path / "err").read_text()
    told, _, status = place.run([*tool, "partition", "t.duckdb", "--machines", "2", "--json"], tmp_path / "err")
    assert status == 0
    assert b"Nothing is moved: the application itself starts 2 other processes or threads with its code" in told


def test_signals_are_passed_on(tmp_path: Path) -> None:
    files = {"package.json": '{"name": "deaf"}', "main.js": "process.on('SIGUSR2', function told() { console.log('told'); process.exit(6); });\nsetInterval(() => {}, 1000); console.log('up');"}
    place = Place(tmp_path, files, VERSIONS[-1])
    recorder = [sys.executable, "-m", "pipetrace", "record", "-q", "-o", "t.duckdb", "node", "main.js"]
    with subprocess.Popen(recorder, cwd=tmp_path, env=place.env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGUSR2)
        assert process.stdout.read() == "told\n"
        assert process.wait(30) == 6
