"""A small recording and its plan, made up figure by figure, for the tests of the reports.

The application renders pages (`render` is heavy and has two modes), counts visitors in a shared map, logs in
with a password hash, and flushes statistics on a timer. Nothing here depends on a clock or on chance.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb

from pipetrace.report.build import Detail, build_report
from pipetrace.report.model import Report
from pipetrace.report.queries import Tables
from pipetrace.tracer.trace_schema import SCHEMA

APP_JS = """'use strict';
const http = require('http');
const { render } = require('./lib/render');
const { countVisit } = require('./lib/stats');
const { verify } = require('./lib/login');

const visits = new Map();

const server = http.createServer(async function onRequest(req, res) {
  countVisit(visits, req.socket.remoteAddress);
  if (req.url === '/login') {
    return verify(req, (ok) => {
      res.end(ok ? 'welcome' : 'no');
    });
  }
  res.end(await render(req.url));
});
server.listen(8080);
"""
RENDER_JS = """'use strict';
const marked = require('marked');

async function render(url) {
  const text = await load(url);
  return marked(text); // <dear> & slow
}

module.exports = { render };
"""

FILES = {
    "app.js": APP_JS,
    "lib/render.js": RENDER_JS,
    "lib/stats.js": "// statistics\n",
    "lib/login.js": "// login\n",
    "lib/old.js": "with (Math) {}\n",
}

META: dict[str, Any] = {
    "format": "pipetrace-trace",
    "version": 1,
    "tool_version": "0.1.0",
    "created": "2026-01-02T03:04:05Z",
    "command": ["node", "app.js"],
    "cwd": "/srv/shop",
    "app_root": "/srv/shop",
    "entry": "app.js",
    "app_name": "shop",
    "node_version": "v20.20.2",
    "duration_s": 10.0,
    "complete": True,
    "partial_reason": None,
    "exit_code": 0,
    "signal": None,
    "memory_mode": "sampled",
    "init_end_ns": 1_250_000_000,
    "lost_records": 0,
    "overhead": {
        "records": 14866,
        "written_bytes": 773096,
        "agent_share": 0.0506,
        "slow_down": 1.053,
        "sampled_time_share": 0.4113,
        "start_up_s": 0.1,
        "files_instrumented_anew": 4,
        "never_measured": None,
    },
    "on_port": "autocannon http://127.0.0.1:$PORT/",
    "listeners": [{"process_id": 1, "kind": "http", "port": 8080, "address": "127.0.0.1", "index": 0}],
}

APP, ON_REQUEST, DONE, RENDER, COUNT, FLUSH, VERIFY = range(7)
MILLISECOND = 1_000_000


class _Recorder:
    """Writes invocations one after the other."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.invocations: list[tuple[Any, ...]] = []
        self.chains: list[tuple[Any, ...]] = []
        self.accesses: list[tuple[Any, ...]] = []

    def invocation(
        self,
        function: int,
        start_us: float,
        wall_us: float,
        *,
        cpu_us: float | None = None,
        parent: int | None = None,
        chain: int | None = None,
        kind: str = "handler",
        first: int | None = None,
        trigger: str = "",
        sampled: bool = False,
        threw: bool = False,
    ) -> int:
        number = len(self.invocations) + 1
        own = int((wall_us if cpu_us is None else cpu_us) * 1000)
        self.invocations.append(
            (
                *(
                    number,
                    1,
                    function,
                    parent,
                    chain if chain is not None else number,
                    kind,
                    first,
                    False,
                    trigger,
                ),
                *(int(start_us * 1000) + 2_000_000_000, int(wall_us * 1000), own, own, sampled, threw),
            )
        )
        return number

    def chain(self, number: int, kind: str, event: str, start_us: float) -> None:
        self.chains.append((number, 1, kind, event, int(start_us * 1000) + 2_000_000_000))

    def write(self) -> None:
        for table, rows in (
            ("invocation", self.invocations),
            ("chain", self.chains),
            ("access", self.accesses),
        ):
            if rows:
                places = ", ".join("?" for _ in rows[0])
                listed = ", ".join(f"({places})" for _ in rows)
                values = [value for row in rows for value in row]
                self.connection.execute(f"insert into {table} values {listed}", values)


def write_trace(path: Path, *, empty: bool = False, **meta: Any) -> Path:
    """Write the recording to ``path``; ``meta`` replaces entries of its description."""
    connection = duckdb.connect(str(path))
    for table, columns in SCHEMA.items():
        listed = ", ".join(f'"{column}" {kind}' for column, kind in columns)
        connection.execute(f'create table "{table}" ({listed})')
    described = {**META, **meta}
    connection.executemany(
        "insert into meta values (?, ?)", [(key, json.dumps(value)) for key, value in described.items()]
    )
    connection.execute(
        "insert into process values (1, 4711, 0, null, 'main', 'node app.js', 'v20.20.2', 1000000000, 11000000000, 0)"
    )
    if not empty:
        _write_program(connection)
        _write_load(connection)
    connection.close()
    return path


def write_sources(root: Path) -> Path:
    """Write the application's files below ``root``."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def _write_program(connection: duckdb.DuckDBPyConnection) -> None:
    for number, (name, text) in enumerate(FILES.items()):
        left = name == "lib/old.js"
        connection.execute(
            "insert into file values (?, ?, ?, 'commonjs', ?, ?, ?)",
            [
                *(number, name, hashlib.sha256(text.encode()).hexdigest(), len(text)),
                "left alone" if left else "instrumented",
                "`with` makes its names depend on run time." if left else None,
            ],
        )
    functions = [
        # id, file, kind, name, line, end line, async, promise
        (APP, 0, "module", "", 1, 18, False, False),
        (ON_REQUEST, 0, "function", "onRequest", 9, 17, True, True),
        (DONE, 0, "arrow", "", 12, 14, False, False),
        (RENDER, 1, "declaration", "render", 4, 7, True, True),
        (COUNT, 2, "declaration", "countVisit", 8, 11, False, False),
        (FLUSH, 2, "arrow", "flush", 20, 24, False, False),
        (VERIFY, 3, "declaration", "verify", 5, 12, False, True),
    ]
    for number, file, kind, name, line, end, is_async, promise in functions:
        connection.execute(
            "insert into function values (?, ?, 0, ?, ?, ?, 0, 0, ?, 2, ?, ?, false, 2, ?, false, false, false, '', '', '', '', '', false, '', '')",
            [number, file, kind, name, f"key-{number}", line, end, is_async, promise],
        )
    connection.execute(
        """insert into location values
           (1, 1, 'content', 'elements', 1, 'object #1 (Map) made in app.js:7', 0, 7, null, 'Map', true,
            null, 'app.js#visits'),
           (2, 1, 'variable', 'visits', null, 'app.js:visits', 0, 7, 0, 'Map', true, null, null),
           (3, 1, 'variable', 'marked', null, 'lib/render.js:marked', 1, 2, null, 'function', true, null,
            null),
           (5, 1, 'property', 'socket', 5, 'object #5 (http.request) made in app.js:9', 0, 9, null,
            'socket', false, 1, null),
           (6, 1, 'variable', 'total', null, 'lib/stats.js:total', 2, 3, 0, 'number', true, null, null)"""
    )
    for number in range(4):
        connection.execute(
            "insert into location values "
            "(?, 1, 'variable', 'text', null, 'lib/render.js:render:text', 1, 5, 3, 'string', false, null, null)",
            [10 + number],
        )
    connection.execute("insert into hot values (3, 210000, 260000, 170), (6, 90000, 91000, 71), (1, 21000, 400000, 17)")
    connection.execute(
        "insert into rupture values (1, 0, 9, 'http.createServer', 'start', 1, 1), "
        "(2, 0, 12, 'verify', 'post', 20, 0), (5, 2, 20, 'setTimeout', 'post', 5, 1)"
    )
    connection.execute("insert into problem values ('init-effect', 2, 5, 'Writes to stdout while it is loaded.')")
    connection.execute("insert into problem values ('init-effect', 2, 2, 'Writes to stdout while it is loaded.')")
    for number in range(40):
        t_ns = 1_000_000_000 + number * 250 * MILLISECOND
        busy = 4 <= number < 36
        connection.execute(
            "insert into sample values (1, ?, ?, ?, ?, ?, ?, ?)",
            [
                *(t_ns, 82.0 + number % 5 if busy else 3.0, 60_000_000 + number * 500_000, 20_000_000),
                *(
                    4 * MILLISECOND if busy else 100_000,
                    (80 + number % 7) * MILLISECOND if busy else MILLISECOND,
                ),
                2 * MILLISECOND if busy else 0,
            ],
        )


def _write_load(connection: duckdb.DuckDBPyConnection) -> None:
    record = _Recorder(connection)
    start = record.invocation(APP, -900_000, 200_000, kind="init")
    record.chain(start, "init", "node app.js", -900_000)
    for number in range(60):
        begin = number * 100_000.0
        sampled = number < 4
        slow = 3.0 if sampled else 1.0
        root = record.invocation(ON_REQUEST, begin, 700 * slow, cpu_us=120 * slow, trigger="http", sampled=sampled)
        record.chain(root, "http", "GET /page", begin)
        count = record.invocation(COUNT, begin + 10, 30 * slow, parent=root, chain=root, kind="call", sampled=sampled)
        page = record.invocation(RENDER, begin + 150, 200 * slow, parent=root, chain=root, kind="call", sampled=sampled)
        dear = (200 + number if number % 4 else 8000 + number) * slow
        rest = record.invocation(
            *(RENDER, begin + 5000, dear),
            parent=page,
            chain=root,
            kind="resume",
            first=page,
            sampled=sampled,
            threw=number == 40,
        )
        record.invocation(
            *(ON_REQUEST, begin + 5000 + dear, 80 * slow),
            parent=rest,
            chain=root,
            kind="resume",
            first=root,
            sampled=sampled,
        )
        if sampled:
            record.accesses += [
                (root, 2, "r", "direct", 10),
                (root, 5, "r", "direct", 10),
                (count, 1, "rw", "builtin", 9),
                (count, 6, "rw", "direct", 10),
                (page, 3, "r", "direct", 6),
                (page, 10 + number, "w", "direct", 5),
                (rest, 10 + number, "r", "direct", 6),
            ]
    for number in range(20):
        begin = 6_100_000 + number * 50_000.0
        root = record.invocation(ON_REQUEST, begin, 2000, cpu_us=110, trigger="http")
        record.chain(root, "http", "POST /login", begin)
        record.invocation(COUNT, begin + 10, 30, parent=root, chain=root, kind="call")
        login = record.invocation(VERIFY, begin + 50, 1500 + number, parent=root, chain=root, kind="call")
        record.invocation(DONE, begin + 9000, 40, parent=login, chain=root, trigger="crypto")
    before: int | None = None
    chain = 0
    for number in range(5):
        begin = 590_000.0 + number * 1_500_000
        tick = record.invocation(
            FLUSH, begin, 60, parent=before, chain=chain or None, trigger="timer", sampled=number < 2
        )
        if before is None:
            chain = tick
            record.chain(tick, "timer", "setTimeout", begin)
        if number < 2:
            record.accesses += [(tick, 1, "rw", "builtin", 21), (tick, 6, "r", "direct", 22)]
        before = tick
    record.write()


def plan() -> dict[str, Any]:
    """A plan of that recording: `render` and `verify` move, the visits stay on the entry stage."""

    def handler(number: int, file: str, name: str, line: int, **more: Any) -> dict[str, Any]:
        return {
            "id": f"{file}#{name}",
            "key": f"key-{number}",
            "file": file,
            "name": name,
            "line": line,
            "column": 2,
            "start": 0,
            "end": 10,
            "stage": "entry",
            "decision": "kept",
            "cpu_us": 100.0,
            "calls": 60,
            "share": 0.02,
            "message_bytes": 0,
            "returns": "promise",
            "arguments": [],
            **more,
        }

    return {
        "format": "pipetrace-plan",
        "version": 1,
        "tool_version": "0.1.0",
        "trace": {
            key: META[key] for key in ("created", "command", "cwd", "app_root", "entry", "app_name", "node_version")
        }
        | {"path": "traces/shop-20260102-030405.duckdb"},
        "files": [],
        "machines": 4,
        "transport": "threads",
        "stages": [
            {"id": "entry", "replicas": 1, "load": 0.31, "owns": ["app.js:visits", "lib/stats.js:total"]},
            {"id": "stage1", "replicas": 3, "load": 0.93, "owns": []},
        ],
        "handlers": [
            handler(
                *(RENDER, "lib/render.js", "render", 4),
                stage="stage1",
                decision="moved",
                form="wrap",
                share=0.78,
                calls=60,
                message_bytes=2100,
                reason={
                    "cause": "stateless-heavy",
                    "sentence": "It is heavy and shares no state.",
                    "remedy": "",
                },
            ),
            handler(
                *(VERIFY, "lib/login.js", "verify", 5),
                stage="stage1",
                decision="moved",
                form="wrap",
                share=0.16,
                calls=20,
                message_bytes=640,
                reason={
                    "cause": "stateless-heavy",
                    "sentence": "It is heavy and shares no state.",
                    "remedy": "",
                },
            ),
            handler(
                *(ON_REQUEST, "app.js", "onRequest", 9),
                share=0.05,
                calls=80,
                reason={
                    "cause": "state",
                    "sentence": "It uses `visits`, which `flush` writes.",
                    "remedy": "Keep the visits in a store.",
                },
            ),
            handler(
                *(COUNT, "lib/stats.js", "countVisit", 8),
                calls=80,
                share=0.01,
                reason={"cause": "state", "sentence": "It owns `visits` and `total`.", "remedy": ""},
            ),
            handler(
                *(FLUSH, "lib/stats.js", "flush", 20),
                calls=5,
                share=0.001,
                reason={"cause": "state", "sentence": "It owns `visits` and `total`.", "remedy": ""},
            ),
        ],
        "state": [
            {
                "id": "app.js:visits",
                "name": "visits",
                "file": "app.js",
                "line": 7,
                "class": "state",
                "owner": "entry",
                "handlers": ["lib/stats.js#countVisit", "lib/stats.js#flush"],
                "form": "object",
                "evidence": [
                    {
                        "writer": "lib/stats.js#countVisit",
                        "writer_line": 9,
                        "reader": "lib/stats.js#flush",
                        "reader_line": 21,
                    }
                ],
            },
            {
                "id": "lib/stats.js:total",
                "name": "total",
                "file": "lib/stats.js",
                "line": 3,
                "class": "state",
                "owner": "entry",
                "handlers": ["lib/stats.js#countVisit", "lib/stats.js#flush"],
                "form": "variable",
                "evidence": [],
            },
            {
                "id": "lib/render.js:marked",
                "name": "marked",
                "file": "lib/render.js",
                "line": 2,
                "class": "init-only",
                "owner": "",
                "handlers": ["lib/render.js#render"],
                "form": "variable",
                "evidence": [],
            },
        ],
        "guards": [
            {
                "location": "app.js:visits",
                "name": "visits",
                "file": "app.js",
                "line": 7,
                "form": "object",
                "owner": "entry",
                "handlers": ["lib/render.js#render"],
            }
        ],
        "sources": [],
        "init_values": [],
        "refusals": [
            {
                "handler": "app.js#onRequest",
                "cause": "state",
                "sentence": "It uses `visits`, which `flush` writes.",
                "remedy": "Keep the visits in a store.",
            }
        ],
        "scaling": [
            {"machines": 1, "speedup": 1.0, "limit": "one core"},
            {"machines": 2, "speedup": 1.6, "limit": "the load of stage1 (`render`)"},
            {"machines": 4, "speedup": 3.1, "limit": "the load of stage1 (`render`)"},
            {"machines": 8, "speedup": 3.4, "limit": "the entry stage: `visits` ties `onRequest` to it"},
        ],
        "model": {
            "message_us": {"threads": 40, "nats": 120},
            "byte_us": {"threads": 0.002, "nats": 0.006},
            "value_us": {"threads": 0.28, "nats": 0.9},
            "entry_us_per_request": 150,
            "http_entry_us": 30,
            "http_stage_us": 65,
            "away_factor": 1.1,
            "move_threshold_us": 200,
        },
        "what_if": [
            {
                "location": "app.js:visits",
                "machines": 8,
                "speedup": 6.1,
                "instead_of": 3.4,
                "sentence": "If `visits` were moved to a store, 8 machines would give 6.1× instead of 3.4×.",
            }
        ],
        "objective": {"busiest_load": 0.93, "bound": 0.9, "gap": 0.04},
        "diagnosis": "`render` (lib/render.js:4) takes 78 % of the CPU and shares no state: "
        "4 cores would serve 3.1× as much.",
    }


def made_up_report(
    folder: Path, *, planned: bool = True, detail: Detail | None = None, empty: bool = False, **meta: Any
) -> Report:
    """The report of the recording, with its sources where they can be read."""
    root = write_sources(folder / "app")
    path = write_trace(folder / "shop.duckdb", empty=empty, app_root=str(root), **meta)
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = Tables(connection, "shop-20260102-030405.duckdb")
        if planned:
            return build_report(tables, plan(), "plan.json", detail=detail)
        return build_report(tables, detail=detail)
