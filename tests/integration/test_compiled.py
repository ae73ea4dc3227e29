"""Applications of compiled TypeScript: what people read names the places where they wrote it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipetrace.tracer.originals import read_originals
from pipetrace.tracer.source_maps import Compiled, Points, UnusableMapError, compiled, decode
from pipetrace.tracer.trace import open_trace
from tests.integration.node_versions import with_node
from tests.npm_packages import installed

STORE = """// A comment that the compiler drops.
interface Item { id: number; name: string }


let counter: number = 0;

export function remember(name: string): Item {
  counter += 1;
  return { id: counter, name };
}
"""
SERVER = """import http from 'node:http';
import { remember } from './store.js';

interface Options {
  port: number;
}

const options: Options = { port: 0 };

const server = http.createServer(
  async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    response.end(JSON.stringify(remember(request.url ?? '')));
  },
);
server.listen(options.port, '127.0.0.1');
"""
LOAD = """
const http = require('http');
let left = 5;
(function next() {
  if (left-- === 0) process.exit(0);
  http.get({ port: process.argv[2], agent: false }, (res) => { res.resume(); res.on('end', next); });
})();
"""
OPTIONS = {"module": "nodenext", "target": "es2022", "rootDir": "src", "outDir": "dist", "sourceMap": True, "types": []}


def pipetrace(app: Path, *words: str, node: str = "") -> str:
    env = {**os.environ, "XDG_CACHE_HOME": str(app.parent / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "pipetrace", *words], cwd=app, env=with_node(env, node) if node else env,
        capture_output=True, text=True, timeout=90, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def record(app: Path, *command: str, node: str = "") -> str:
    return pipetrace(
        app, "record", "--on-port", "node load.cjs $PORT", "-o", "t.duckdb", "--force", "node", *command, node=node
    )


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of TypeScript, compiled by tsc."""
    root = tmp_path_factory.mktemp("compiled") / "app"
    (root / "src").mkdir(parents=True)
    modules = installed("typescript", {"tsx": "4.23.15", "typescript": "5.9.3", "@types/node": "20.19.25"})
    (root / "node_modules").symlink_to(modules)
    for name, text in {
        "package.json": '{"name": "typed", "type": "module"}',
        "tsconfig.json": json.dumps({"compilerOptions": {**OPTIONS, "types": ["node"]}}),
        "src/store.ts": STORE,
        "src/server.ts": SERVER,
        "load.cjs": LOAD,
    }.items():
        (root / name).write_text(text)
    subprocess.run(["node", "node_modules/typescript/bin/tsc"], cwd=root, check=True, timeout=60)
    return root


def test_output_of_tsc_is_reported_where_it_was_written(app: Path) -> None:
    said = record(app, "dist/server.js")
    assert "Lines of" not in said
    with open_trace(app / "t.duckdb") as trace:
        originals = read_originals(lambda text: trace.sql(text).fetchall())
        recorded = {row.name: (row.file, row.line, row.col) for row in trace.functions if row.kind != "module"}
        # The trace has the compiled places, since that text gets rewritten …
        assert recorded["remember"][0] == "dist/store.js"
        assert originals.place(*recorded["remember"]) == ("src/store.ts", 7)
        lines = trace.sql(
            "select distinct a.line from access a join location l using (location_id) where l.name = 'counter'"
        )
        assert {line for (line,) in lines.fetchall()} == {5, 8}
    # … and what people read has the original ones.
    explained = " ".join(pipetrace(app, "explain", "t.duckdb", "src/store.ts:5").split())
    assert "`counter` (src/store.ts:5) is state" in explained
    assert "at src/server.ts:11 writes it at line 8;" in explained
    pipetrace(app, "partition", "t.duckdb", "-o", "plan.json", "--force")
    plan = json.loads((app / "plan.json").read_text())
    assert "(src/store.ts:5)" in plan["diagnosis"]
    handler = next(each for each in plan["handlers"] if each["file"] == "dist/server.js")
    assert "at src/server.ts:11 changes `counter`" in handler["reason"]["sentence"]
    assert (app / "dist/server.js").read_text()[handler["start"] :].startswith("async (request, response) =>")
    report = json.loads(pipetrace(app, "report", "t.duckdb", "-f", "json", "-o", "-").partition("\npipetrace:")[0])
    shown = next(each for each in report["handlers"] if each["id"] == handler["id"])
    assert (shown["file"], shown["line"]) == ("src/server.ts", 11)
    assert shown["source"]["text"].lstrip().startswith("async (request: http.IncomingMessage")
    assert [(each["file"], each["line"]) for each in report["state"] if each["name"] == "counter"] == [
        ("src/store.ts", 5)
    ]


@pytest.mark.parametrize("node", ["20.20.2", "24.21.0"])
def test_what_tsx_makes_is_recorded_at_the_lines_of_the_file(app: Path, node: str) -> None:
    said = record(app, "--import", "tsx", "src/server.ts", node=node)
    assert "left alone" not in said and "Lines of" not in said
    with open_trace(app / "t.duckdb") as trace:
        assert trace.sql("select path, format, status from file order by 1").fetchall() == [
            ("src/server.ts", "module", "instrumented"),
            ("src/store.ts", "module", "instrumented"),
        ]
        named = {row.name: (row.file, row.line, row.end_line) for row in trace.functions}
        assert named["remember"] == ("src/store.ts", 7, 10)
        assert [(row.file, row.line, row.invocations) for row in trace.handlers] == [("src/server.ts", 11, 5)]
        places = trace.sql(
            """select distinct l.line, a.line from access a join location l using (location_id)
               where l.name = 'counter' and l.kind = 'variable' order by all"""
        ).fetchall()
        assert places == [(5, 5), (5, 8)]


def test_a_map_that_is_missing_gets_one_remark(app: Path) -> None:
    maps = {path: path.read_bytes() for path in app.glob("dist/*.map")}
    try:
        for path in maps:
            path.unlink()
        said = record(app, "dist/server.js")
    finally:
        for path, data in maps.items():
            path.write_bytes(data)
    assert (
        said.count("Lines of dist/server.js are those of the compiled file: its source map server.js.map cannot") == 1
    )
    assert "1 more file has no usable map." in said
    with open_trace(app / "t.duckdb") as trace:
        assert trace.sql("select count(*) from original").fetchall() == [(0,)]
        assert trace.sql("select count(*) from problem where text like 'Lines of%'").fetchall() == [(2,)]
    assert "(dist/store.js:" in pipetrace(app, "explain", "t.duckdb", "counter")


def read(app: Path, found: dict[str, object]) -> Points | UnusableMapError:
    inline = base64.b64encode(json.dumps({"version": 3, **found}).encode()).decode()
    text = f"one;\ntwo;\n//# sourceMappingURL=data:application/json;base64,{inline}"
    one = compiled(text, app / "dist" / "x.js")
    assert isinstance(one, Compiled)
    return decode([one], app, "node")[0]


MAPPINGS = "AAAA;AACA"
"""Line 1 to line 1, line 2 to line 2."""


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"sources": ["gone.ts"], "mappings": MAPPINGS}, "the source gone.ts of its source map is not there"),
        ({"sources": ["../src/store.ts"], "mappings": "AAAA;AAoGA"}, "its source map does not fit src/store.ts; compile again"),
        ({"sources": ["../src/store.ts"], "mappings": ""}, "its source map holds no positions that can be read"),
        ({"sources": 4, "mappings": MAPPINGS}, "its source map holds no positions that can be read"),
        ({"sources": ["../src/store.ts"], "mappings": 4}, "its source map holds no positions that can be read"),
    ],
)  # fmt: skip
def test_maps_that_do_not_fit(app: Path, found: dict[str, object], why: str) -> None:
    answer = read(app, found)
    assert isinstance(answer, UnusableMapError)
    assert str(answer) == why


@pytest.mark.parametrize(
    ("found", "path"),
    [
        ({"sources": ["../src/store.ts"]}, "src/store.ts"),
        ({"sources": ["store.ts"], "sourceRoot": "../src"}, "src/store.ts"),
        ({"sources": ["webpack://typed/./src/store.ts"]}, "src/store.ts"),
        ({"sources": ["gone.ts"], "sourcesContent": ["one\ntwo\n"]}, "dist/gone.ts"),
    ],
)
def test_how_maps_name_their_sources(app: Path, found: dict[str, object], path: str) -> None:
    answer = read(app, {"mappings": MAPPINGS, **found})
    assert isinstance(answer, Points), answer
    assert [source.path for source in answer.sources] == [path]
    assert answer.starts[0] == (1, 0) and answer.starts[-1][0] == 2
    assert [line for _, line, _ in answer.origins][:: len(answer.origins) - 1] == [1, 2]
