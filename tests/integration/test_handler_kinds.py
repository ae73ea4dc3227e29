"""Handlers of every kind, with real frameworks: each is seen, and follows from the right cause.

The programs stand in `handler_kinds/`. A line of the expectation says how often: `<count> <name> <kind> in <kind of chain>
<event>, by <name of the causal parent>`; `-` is no parent, so it is the root of its chain. Functions without a name do not
count.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.agent_runs import Recorded, Runner
from tests.integration.node_versions import VERSIONS, node
from tests.npm_packages import installed

PROGRAMS = Path(__file__).parent / "handler_kinds"
PACKAGES = {"@hapi/hapi": "21.4.10", "bluebird": "3.7.2", "q": "1.5.1", "ws": "8.23.0"}
"""Beside the frameworks that other tests use too."""
CLIENT = """
const http = require('http');
const ask = ([method, path, body]) => new Promise((done) => {
  const headers = body ? { 'content-type': 'application/json', 'content-length': body.length } : {};
  http.request({ port: process.argv[2], host: '127.0.0.1', path, method, agent: false, headers }, (res) => {
    res.resume().on('end', done);
  }).on('error', done).end(body);
});
(async () => { for (const each of ASKED) await ask(each.split(' ')); })();
"""
EXPRESS = (
    "1 boom handler in http GET /boom, by log",
    "1 failed handler in http GET /boom, by log",
    "1 find handler in http GET /user/1, by log",
    "1 find handler in http GET /user/2, by log",
    "1 finished handler in http GET /boom, by failed",
    "1 finished handler in http GET /user/1, by show",
    "1 finished handler in http GET /user/2, by show",
    "1 finished handler in http POST /save, by save",
    "1 found handler in http GET /user/1, by find",
    "1 found handler in http GET /user/2, by find",
    "1 log handler in http GET /boom, by -",
    "1 log handler in http GET /user/1, by -",
    "1 log handler in http GET /user/2, by -",
    "1 log handler in http POST /save, by -",
    "1 save handler in http POST /save, by log",
    "1 show handler in http GET /user/1, by found",
    "1 show handler in http GET /user/2, by found",
    "1 show resume in http GET /user/1, by show",
    "1 show resume in http GET /user/2, by show",
)
"""Both versions do the same."""
EXPECTED: dict[str, tuple[str, ...]] = {
    "bluebird": (
        "1 finished handler in http GET /a, by then",
        "1 finished handler in http GET /b, by then",
        "1 serve handler in http GET /a, by -",
        "1 serve handler in http GET /b, by -",
        "1 then handler in http GET /a, by serve",
        "1 then handler in http GET /b, by serve",
        "1 waited handler in http GET /a, by serve",
        "1 waited handler in http GET /b, by serve",
    ),
    "bluebird-together": (
        "1 finished handler in http GET /0, by second",
        "1 finished handler in http GET /1, by second",
        "1 first handler in http GET /0, by serve",
        "1 first handler in http GET /1, by serve",
        "1 second handler in http GET /0, by serve",
        "1 second handler in http GET /1, by serve",
        "1 serve handler in http GET /0, by -",
        "1 serve handler in http GET /1, by -",
        "58 finished handler in http GET /*, by second",
        "58 first handler in http GET /*, by serve",
        "58 second handler in http GET /*, by serve",
        "58 serve handler in http GET /*, by -",
    ),
    "child": (
        "1 ended handler in init, by module",
        "2 answered handler in init, by module",
        "2 asked handler in other TickObject, by -",
    ),
    "connect": (
        "1 boom handler in http GET /boom, by later",
        "1 failed handler in http GET /boom, by later",
        "1 finished handler in http GET /a, by serve",
        "1 finished handler in http GET /b, by serve",
        "1 finished handler in http GET /boom, by failed",
        "1 later handler in http GET /a, by log",
        "1 later handler in http GET /b, by log",
        "1 later handler in http GET /boom, by log",
        "1 log handler in http GET /a, by -",
        "1 log handler in http GET /b, by -",
        "1 log handler in http GET /boom, by -",
        "1 serve handler in http GET /a, by later",
        "1 serve handler in http GET /b, by later",
    ),
    "dgram": (
        "2 message handler in datagram message, by -",
        "2 sent handler in datagram message, by message",
    ),
    "diagnostics": (
        "1 noted handler in timer setTimeout, by work",
        "1 work handler in timer setTimeout, by -",
    ),
    "events": (
        "1 all call in init, by module",
        "1 fire handler in timer setTimeout, by -",
        "1 first call in init, by module",
        "1 first resume in init, by first",
        "1 more handler in timer setTimeout, by -",
        "3 all resume in init, by all",
    ),
    "express-4": EXPRESS,
    "express-5": EXPRESS,
    "fastify": (
        "1 boom handler in http GET /boom, by checked",
        "1 check handler in http GET /boom, by enter",
        "1 check handler in http GET /user/1, by enter",
        "1 check handler in http POST /save, by enter",
        "1 checked handler in http GET /boom, by check",
        "1 checked handler in http GET /user/1, by check",
        "1 checked handler in http POST /save, by check",
        "1 enter handler in http GET /boom, by -",
        "1 enter handler in http GET /user/1, by -",
        "1 enter handler in http POST /save, by -",
        "1 enter resume in http GET /boom, by enter",
        "1 enter resume in http GET /user/1, by enter",
        "1 enter resume in http POST /save, by enter",
        "1 failed handler in http GET /boom, by checked",
        "1 leave handler in http GET /boom, by failed",
        "1 leave handler in http GET /user/1, by checked",
        "1 leave handler in http POST /save, by save",
        "1 save handler in http POST /save, by checked",
        "1 show handler in http GET /user/1, by checked",
        "1 show resume in http GET /user/1, by show",
    ),
    "hapi": (
        "1 answered handler in http GET /boom, by enter",
        "1 answered handler in http GET /user/1, by enter",
        "1 answered handler in http POST /save, by enter",
        "1 boom handler in http GET /boom, by enter",
        "1 enter handler in http GET /boom, by -",
        "1 enter handler in http GET /user/1, by -",
        "1 enter handler in http POST /save, by -",
        "1 leave handler in http GET /boom, by enter",
        "1 leave handler in http GET /user/1, by enter",
        "1 leave handler in http POST /save, by enter",
        "1 leave resume in http GET /boom, by leave",
        "1 leave resume in http GET /user/1, by leave",
        "1 leave resume in http POST /save, by leave",
        "1 save handler in http POST /save, by enter",
        "1 show handler in http GET /user/1, by enter",
        "1 show resume in http GET /user/1, by show",
    ),
    "http": (
        "1 answer handler in http GET /a, by ended",
        "1 answer handler in http POST /b, by ended",
        "1 ended handler in http GET /a, by serve",
        "1 ended handler in http POST /b, by serve",
        "1 finished handler in http GET /a, by answer",
        "1 finished handler in http POST /b, by answer",
        "1 piece handler in http POST /b, by serve",
        "1 serve handler in http GET /a, by -",
        "1 serve handler in http POST /b, by -",
    ),
    "http2": (
        "2 closed handler in http GET /*, by streamed",
        "2 finished handler in http GET /*, by serve",
        "2 later handler in http GET /*, by serve",
        "2 serve handler in http GET /*, by -",
        "2 streamed handler in http GET /*, by serve",
    ),
    "koa": (
        "1 finished handler in http GET /a, by time",
        "1 finished handler in http GET /b, by time",
        "1 finished handler in http GET /boom, by time",
        "1 look handler in http GET /a, by time",
        "1 look handler in http GET /b, by time",
        "1 look handler in http GET /boom, by time",
        "1 look resume in http GET /boom, by look",
        "1 looked handler in http GET /a, by look",
        "1 looked handler in http GET /b, by look",
        "1 looked handler in http GET /boom, by look",
        "1 serve handler in http GET /a, by look",
        "1 serve handler in http GET /b, by look",
        "1 time handler in http GET /a, by -",
        "1 time handler in http GET /b, by -",
        "1 time handler in http GET /boom, by -",
        "1 time resume in http GET /a, by time",
        "1 time resume in http GET /b, by time",
        "1 time resume in http GET /boom, by time",
        "2 look resume in http GET /a, by look",
        "2 look resume in http GET /b, by look",
    ),
    "net": (
        "1 joined handler in connection TCP, by -",
        "1 left handler in connection TCP, by -",
        "2 answer handler in connection TCP, by piece",
        "2 piece handler in connection TCP, by -",
    ),
    "q": (
        "1 finished handler in http GET /a, by then",
        "1 finished handler in http GET /b, by then",
        "1 serve handler in http GET /a, by -",
        "1 serve handler in http GET /b, by -",
        "1 then handler in http GET /a, by serve",
        "1 then handler in http GET /b, by serve",
        "1 waited handler in http GET /a, by serve",
        "1 waited handler in http GET /b, by serve",
    ),
    "readline": (
        "1 begin handler in timer setTimeout, by -",
        "1 closed handler in init, by module",
        "1 each call in timer setTimeout, by begin",
        "2 line handler in init, by module",
        "3 each resume in timer setTimeout, by each",
    ),
    "streams": (
        "1 begin handler in timer setTimeout, by -",
        "1 count call in timer setTimeout, by begin",
        "1 finished handler in timer setTimeout, by count",
        "1 transform handler in timer setTimeout, by begin",
        "1 transform handler in timer setTimeout, by changed",
        "1 write handler in timer setTimeout, by begin",
        "1 write handler in timer setTimeout, by count",
        "2 changed handler in timer setTimeout, by transform",
        "5 count resume in timer setTimeout, by count",
    ),
    "watch": (
        "1 changed handler in other change, by -",
        "1 write handler in timer setTimeout, by -",
    ),
    "worker": (
        "1 ended handler in init, by module",
        "1 heard handler in other message, by -",
        "1 say handler in timer setTimeout, by -",
        "2 answered handler in other message, by -",
    ),
    "ws": (
        "1 joined handler in other HTTPParser, by -",
        "1 left handler in connection TCP, by -",
        "2 answer handler in connection TCP, by told",
        "2 told handler in connection TCP, by -",
    ),
}
"""Program → its invocations. Messages between processes come from a queue of Node's own, which names no source, and an
upgraded request is not told either."""


@pytest.fixture(scope="session")
def modules(frameworks: Path) -> tuple[Path, Path]:
    """Directories of the packages that the programs require."""
    return frameworks, installed("kinds", PACKAGES)


def rows_of(run: Recorded) -> Counter[str]:
    """The invocations of named functions, as lines of the expectation."""
    rows = run.invocations()
    names = {row["invocation_id"]: row["name"] for row in rows}
    chain = run.tables.chain
    events = dict(zip(chain["chain_id"], zip(chain["kind"], chain["event"], strict=True), strict=True))
    found: Counter[str] = Counter()
    for row in rows:
        if row["kind"] == "init" or re.search(r"@|\(\)$", row["name"]):
            continue
        kind, event = events[row["chain_id"]]
        by = "-" if row["parent_id"] is None else re.sub(r"@.*", "", names[row["parent_id"]])
        found[f"{row['name']} {row['kind']} in {kind}{f' {event}' if event != kind else ''}, by {by}"] += 1
    return found


def record(name: str, tmp_path: Path, modules: tuple[Path, Path], program: str = "node") -> Recorded:
    """Record a program while its client, if it has one, asks it."""
    runner = Runner(tmp_path, program)
    text = (PROGRAMS / f"{name}.js").read_text()
    for file in PROGRAMS.glob(f"{name}.*"):
        runner.write(file.name, file.read_text())
    for packages in modules:
        for package in packages.iterdir():
            scope = [package] if not package.name.startswith("@") else list(package.iterdir())
            for each in scope:
                link = tmp_path / "node_modules" / each.relative_to(packages)
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.exists():
                    link.symlink_to(each)
    asked = re.search(r"^// ask: (.*)$", text, re.M)
    client = tmp_path / "client.js"
    own = PROGRAMS / f"{name}.client.js"
    if asked:
        client.write_text(CLIENT.replace("ASKED", json.dumps(asked[1].split(", "))))
    elif own.exists():
        client.write_text(own.read_text())

    def ask(_directory: Path, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        subprocess.run([runner.node, str(client), port], check=True, timeout=60)

    return runner.record(f"{name}.js", "sampled", until=ask if client.exists() else None)


VERSIONED = [
    # All of them on the oldest version, in the suite two on the newest, which follows causes in another way.
    pytest.param(version, name, marks=[] if version == VERSIONS[0] or one_of_two else [pytest.mark.soak])
    for version in VERSIONS
    for name in sorted(EXPECTED)
    for one_of_two in [version == VERSIONS[-1] and name in ("koa", "ws")]
]


@pytest.mark.parametrize(("version", "name"), VERSIONED)
def test_invocations_of_every_kind(version: str, name: str, tmp_path: Path, modules: tuple[Path, Path]) -> None:
    run = record(name, tmp_path, modules, str(node(version)))
    assert run.status == 0, run.stdout
    assert sorted(f"{count} {row}" for row, count in rows_of(run).items()) == sorted(EXPECTED[name])


def test_a_librarys_own_queue_keeps_requests_apart(tmp_path: Path, modules: tuple[Path, Path]) -> None:
    run = record("bluebird-together", tmp_path, modules)
    chains: dict[int, list[str]] = {}
    for row in run.invocations():
        if row["kind"] != "init" and "@" not in row["name"]:
            chains.setdefault(row["chain_id"], []).append(row["name"])
    assert [sorted(names) for names in chains.values()] == [["finished", "first", "second", "serve"]] * 60
