"""`pipetrace record` with real applications: what it starts, how it ends, what the trace then holds."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pipetrace.tracer.trace import Trace, open_trace
from tests.integration.node_versions import VERSIONS, with_node

SERVER = """
const http = require('http');
let count = 0;
const seen = new Map();
function answer(req, res) {
  count += 1;
  seen.set(req.url, count);
  setImmediate(() => res.end('answer ' + count));
}
http.createServer(answer).listen(0, '127.0.0.1', () => console.log('up'));
const mode = process.argv[2];
if (mode === 'trap') process.on('SIGINT', () => { console.log('trapped'); process.exit(7); });
if (mode === 'deaf') { process.on('SIGINT', () => {}); process.on('SIGTERM', () => {}); }
let ticks = 0;
const after = (action) => setInterval(() => { if (++ticks === 10) action(); }, 20);
if (mode === 'exit') after(() => process.exit(4));
if (mode === 'throw') after(() => { throw new Error('later'); });
if (mode === 'kill') after(() => process.kill(process.pid, 'SIGKILL'));
"""

LOAD = """
const http = require('http');
const [, , port, count] = process.argv;
let left = Number(count);
(function next() {
  if (left-- === 0) process.exit(0);
  http.get({ port, path: '/' + left, agent: false }, (res) => { res.resume(); res.on('end', next); });
})();
"""


class Place:
    """A package to record in, with directories of its own for caches and temporary files."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        self.tmp = root.parent / "tmp"
        self.tmp.mkdir()
        self.env = {**os.environ, "TMPDIR": str(self.tmp), "XDG_CACHE_HOME": str(cache)}
        self.write("package.json", '{"name": "little", "version": "1.0.0", "scripts": {"start": "node server.js"}}')
        self.write("server.js", SERVER)
        self.write("load.js", LOAD)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def argv(self, words: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "pipetrace", "record", *words]

    def record(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(words), cwd=self.root, env=self.env, capture_output=True, text=True, timeout=90, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(words), cwd=self.root, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def trace(self, name: str = "t.duckdb") -> Trace:
        return open_trace(self.root / name)

    def left_over(self) -> list[str]:
        return [path.name for path in self.tmp.iterdir() if path.name.startswith("pipetrace-")]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def place(tmp_path: Path, cache: Path) -> Place:
    root = tmp_path / "app"
    root.mkdir()
    return Place(root, cache)


def load(count: int = 10) -> tuple[str, str]:
    return "--on-port", f"node load.js $PORT {count}"


def test_a_server_under_load(place: Place) -> None:
    done = place.record(*load(), "-o", "t.duckdb", "node", "server.js")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "up\n"
    assert "Wrote t.duckdb" in done.stderr
    assert "Next: pipetrace" in done.stderr
    assert "Debugger" not in done.stderr
    assert place.left_over() == []
    with place.trace() as trace:
        info = trace.info
        assert (info.app_name, info.entry, info.complete, info.partial_reason) == ("little", "server.js", True, "")
        assert (info.exit_code, info.signal, info.memory_mode) == (None, "", "sampled")
        assert Path(info.app_root) == place.root.resolve()
        assert trace.sql("select kind, count(*) from chain where kind = 'http' group by 1").fetchall() == [("http", 10)]
        assert [row.invocations for row in trace.handlers if row.name == "answer"] == [10]
        assert trace.sql("select kind, ended_ns is not null from process").fetchall() == [("main", True)]
        assert trace.sql("select count(*) > 0 from sample where heap_bytes > 0").fetchall() == [(True,)]
        assert trace.sql("select count(*) > 0 from sample where rss_bytes > 0").fetchall() == [(True,)]
        written = trace.sql(
            "select distinct l.name, a.mode from access a join location l using (location_id) "
            "where l.name = 'count' and l.kind = 'variable'"
        ).fetchall()
        assert ("count", "rw") in written
        assert [entry["kind"] for entry in trace.meta["listeners"]] == ["http"]


def test_es_modules_with_options_of_node(place: Place) -> None:
    place.write("lib/text.mjs", "export function text(n) { return 'n' + n; }")
    place.write(
        "main.mjs",
        "import http from 'node:http';\nimport { text } from './lib/text.mjs';\nconst n = await Promise.resolve(3);\n"
        "http.createServer(async (q, r) => { await null; r.end(text(n)); }).listen(0);\n",
    )
    done = place.record(*load(3), "-o", "t.duckdb", "node", "--enable-source-maps", "main.mjs")
    assert done.returncode == 0, done.stderr
    with place.trace() as trace:
        assert trace.sql("select path, format, status from file order by 1").fetchall() == [
            ("lib/text.mjs", "module", "instrumented"),
            ("main.mjs", "module", "instrumented"),
        ]
        assert trace.sql("select count(*) from chain where kind = 'http'").fetchall() == [(3,)]
        calls = trace.sql(
            'select a.kind, b.name from static_call join "function" a on caller_id = a.function_id '
            'join "function" b on callee_id = b.function_id order by 1'
        ).fetchall()
        # The call itself could be cut out, so it stands for a caller too.
        assert calls == [("arrow", "text"), ("kernel", "text")]


def test_the_hottest_function_is_found(place: Place) -> None:
    place.write(
        "burn.js",
        "const burn = (ms) => { const end = Date.now() + ms; while (Date.now() < end); };\n"
        "const idle = () => {};\nsetTimeout(() => { burn(400); idle(); }, 5);\n",
    )
    done = place.record("-o", "t.duckdb", "node", "burn.js")
    assert done.returncode == 0, done.stderr
    with place.trace() as trace:
        hottest = trace.sql(
            'select f.name, self_us, total_us from hot join "function" f using (function_id) order by self_us desc limit 1'
        ).fetchall()
    assert hottest[0][0] == "burn"
    assert 100_000 < hottest[0][1] <= hottest[0][2]


@pytest.mark.parametrize(
    ("mode", "status", "complete", "exit_code", "by_signal"),
    [("exit", 4, True, 4, ""), ("throw", 1, True, 1, ""), ("kill", 137, False, None, "SIGKILL")],
)
def test_the_application_ends_by_itself(
    place: Place, mode: str, status: int, complete: bool, exit_code: int | None, by_signal: str
) -> None:
    done = place.record("-o", "t.duckdb", "node", "server.js", mode)
    assert done.returncode == status, done.stderr
    assert ("Error: later" in done.stderr) == (mode == "throw")
    with place.trace() as trace:
        info = trace.info
        assert (info.complete, info.exit_code, info.signal) == (complete, exit_code, by_signal)
        assert ("ended without notice" in info.partial_reason) == (not complete)
        ticks = trace.sql("select count(*) from invocation where kind = 'handler'").fetchall()[0][0]
    # A killed process leaves at least what it had written a tenth of a second before.
    assert ticks >= (10 if complete else 1)
    assert place.left_over() == []


@pytest.mark.parametrize("version", VERSIONS[::2])
@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("process.exit(3)", 3),
        ("throw new Error('at once')", 1),
        ("setTimeout(() => { throw new Error('later') }, 50)", 1),
        ("Promise.reject(new Error('unhandled'))", 1),
    ],
)
def test_a_short_life_ends_as_it_would_unrecorded(place: Place, version: str, program: str, status: int) -> None:
    place.write("short.js", program)
    count = 5
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("endings.py"), str(count), "node", "short.js"],
        cwd=place.root, env=with_node(place.env, version), capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    ended = json.loads(done.stdout)
    assert ended["statuses"] == [status] * count
    assert ended["attached"] > 0
    # Node's inspector crashes its process now and then when both sides end the connection: only the process does.
    assert ended["standing"] == 0


@pytest.mark.parametrize(("mode", "signals"), [("", 1), ("trap", 1), ("deaf", 2)])
def test_ctrl_c_keeps_the_data(place: Place, mode: str, signals: int) -> None:
    process = place.start("-o", "t.duckdb", "node", "server.js", mode)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        wait_for(lambda: process.poll() is not None, 1.0)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert ("trapped" in output) == (mode == "trap")
    assert ("was killed" in errors) == (mode == "deaf")
    with place.trace() as trace:
        assert trace.info.complete
        assert trace.meta["ended"] == "interrupted"


def test_ctrl_c_twice_at_once_keeps_the_data(place: Place) -> None:
    process = place.start("-o", "t.duckdb", "node", "server.js", "deaf")
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    for _ in range(2):
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    with place.trace() as trace:
        assert trace.meta["ended"] == "interrupted"
        assert trace.info.init_end_ns is not None


def test_the_application_outlives_a_recorder_that_was_killed(place: Place) -> None:
    place.write("late.js", "exports.late = 'late';")
    place.write(
        "server.js",
        """
        const http = require('http');
        let count = 0;
        const server = http.createServer((req, res) => {
          count += 1;
          if (req.url === '/late') return res.end(require('./late.js').late);
          if (req.url === '/end') process.exit(0);
          res.end('answer ' + count);
        });
        server.listen(0, '127.0.0.1', () => console.log(server.address().port, process.pid));
        """,
    )
    recorder = place.start("-o", "t.duckdb", "node", "server.js")
    assert recorder.stdout is not None
    port, pid = map(int, recorder.stdout.readline().split())

    def ask(path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            found: bytes = answer.read()
            return found

    def records() -> bool:
        links = [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
        return any(link.suffix == ".bin" for link in links)

    try:
        assert ask("/") == b"answer 1"
        assert records()
        recorder.kill()
        recorder.wait()
        assert ask("/late") == b"late"
        wait_for(lambda: not records(), 20.0)
        assert not records()
        assert ask("/") == b"answer 3"
        begun = time.monotonic()
        with pytest.raises(OSError):
            ask("/end")
        wait_for(lambda: not Path(f"/proc/{pid}/fd").exists(), 10.0)
        # Nobody waits for the recorder to take the profile.
        assert time.monotonic() - begun < 2.5
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        assert recorder.stderr is not None
        recorder.stdout.close()
        recorder.stderr.close()
        for left in place.tmp.glob("pipetrace-*"):
            shutil.rmtree(left)


@pytest.mark.parametrize("blocks", [1000, 8])
def test_a_full_disk_is_said_and_harms_nobody(place: Place, blocks: int) -> None:
    # A limit of the size of files stands for the disk: the application's records do not fit, the trace does.
    place.write("busy.js", MANY + "process.on('exit', () => console.log('done'));")
    done = place.record("-o", "t.duckdb", "sh", "-c", f"ulimit -f {blocks}; exec node busy.js 60000 | cat")
    assert done.stdout == "done\n", done.stderr
    assert "records could not be written" in done.stderr
    # Whether anything fits into the smaller one depends on how much the first write takes along.
    some = blocks == 1000 or done.returncode == 0
    assert (done.returncode, done.stderr.startswith("pipetrace: Nothing could be recorded: ")) == (
        int(not some),
        not some,
    )
    assert (place.root / "t.duckdb").exists() == some
    if some:
        assert "The trace is partial: " in done.stderr
        with place.trace() as trace:
            assert not trace.info.complete
            assert trace.info.lost_records > 0
            handlers = trace.sql("select count(*) > 0 from invocation where kind = 'handler'").fetchall()
            assert handlers == [(True,)] or blocks < 1000


def test_no_place_for_temporary_files_is_one_sentence(place: Place) -> None:
    argv = " ".join(shlex.quote(word) for word in place.argv(["-o", "t.duckdb", "node", "server.js"]))
    done = subprocess.run(
        ["sh", "-c", f"ulimit -f 0; exec {argv}"], cwd=place.root, env=place.env, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("pipetrace: The recorder has no place for temporary files (")
    assert done.stderr.count("\n") == 1


def test_a_trace_that_does_not_fit_is_one_sentence(place: Place) -> None:
    argv = " ".join(shlex.quote(word) for word in place.argv([*load(3), "-o", "t.duckdb", "node", "server.js"]))
    done = subprocess.run(
        ["sh", "-c", f"ulimit -f 100; exec {argv}"], cwd=place.root, env=place.env, capture_output=True, text=True,
        timeout=90, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == "up\n"
    assert [line.partition(" (")[0] for line in done.stderr.splitlines()] == ["pipetrace: t.duckdb cannot be written"]
    assert "Traceback" not in done.stderr
    assert not list(place.root.glob("*t.duckdb*"))
    assert place.left_over() == []


def test_sigterm_to_the_recorder_keeps_the_data_too(place: Place) -> None:
    process = place.start("-o", "t.duckdb", "-q", "node", "server.js")
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert (place.root / "t.duckdb").exists()


def test_duration(place: Place) -> None:
    # It counts from the first module, so a slow start takes nothing away; the application does all it has to do there.
    place.write("at-once.js", "console.log('up');\nsetInterval(() => {}, 1);\nsetImmediate(() => {});\n")
    done = place.record("-o", "t.duckdb", "--duration", "1.5", "--json", "node", "at-once.js")
    assert done.returncode == 0, done.stderr
    described = json.loads(done.stdout)
    assert described["trace"] == "t.duckdb"
    assert described["meta"]["ended"] == "the time was over"
    assert described["meta"]["duration_s"] >= 1.5
    assert "up\n" in done.stderr


def test_npm_start_records_the_package_and_not_npm(place: Place) -> None:
    done = place.record(*load(2), "-o", "t.duckdb", "npm", "start", "--silent")
    assert done.returncode == 0, done.stderr
    with place.trace() as trace:
        assert (trace.info.app_name, trace.info.entry) == ("little", "server.js")
        assert trace.sql("select kind from process").fetchall() == [("main",)]


WRAPPER = """#!/usr/bin/env node
require('net').createServer().listen(require('path').join(require('os').tmpdir(), process.pid + '.sock')).unref();
const child = require('child_process').spawn(process.argv[2], process.argv.slice(3), { stdio: 'inherit' });
child.on('exit', (code) => process.exit(code ?? 1));
"""


@pytest.mark.parametrize("command", [["wrapper", "node", "server.js"], ["wrapper", "tool"], ["tool"]])
def test_wrappers_below_node_modules_are_not_the_application(place: Place, command: list[str]) -> None:
    for name, text in (("wrapper", WRAPPER), ("tool", "#!/usr/bin/env node\n" + SERVER)):
        place.write(f"node_modules/{name}/package.json", json.dumps({"name": name, "version": "1.0.0"}))
        place.write(f"node_modules/{name}/run.js", text).chmod(0o755)
        link = place.root / "node_modules" / ".bin" / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(f"../{name}/run.js")
    place.env["PATH"] = f"{place.root}/node_modules/.bin:{place.env['PATH']}"
    done = place.record(*load(2), "-o", "t.duckdb", *command)
    assert done.returncode == 0, done.stderr
    with place.trace() as trace:
        expected = ("tool", "run.js") if "tool" in command else ("little", "server.js")
        assert (trace.info.app_name, trace.info.entry) == expected
        assert trace.sql("select count(*) from chain where kind = 'http'").fetchall() == [(2,)]


def test_packages_behind_symbolic_links_are_found_where_they_really_are(place: Place) -> None:
    # As pnpm lays them out: a package finds only what stands beside the place that its link leads to.
    store = "elsewhere/.pnpm/outer@1.0.0/node_modules"
    place.write(f"{store}/outer/index.js", "module.exports = require('./lib/outer.js');")
    place.write(f"{store}/outer/lib/outer.js", "module.exports = (n) => require('inner')(n) + 1;")
    place.write(f"{store}/inner/index.js", "module.exports = (n) => 2 * n;")
    (place.root / "elsewhere" / "outer").symlink_to(".pnpm/outer@1.0.0/node_modules/outer")
    (place.root / "node_modules").symlink_to("elsewhere")
    place.write("linked.js", "setTimeout(() => console.log(require('outer')(4), require.resolve('outer')), 1);")
    for include in ([], ["--include", "node_modules/outer"]):
        done = place.record(*include, "--force", "-o", "t.duckdb", "node", "linked.js")
        assert (done.returncode, done.stdout) == (0, f"9 {place.root.resolve()}/{store}/outer/index.js\n"), done.stderr
    with place.trace() as trace:
        paths = {path for (path,) in trace.sql("select path from file where status = 'instrumented'").fetchall()}
        assert paths == {"linked.js", f"{store}/outer/index.js", f"{store}/outer/lib/outer.js"}


def test_children_and_workers_are_recorded_and_not_held_up(place: Place) -> None:
    place.write(
        "many.js",
        """
const { Worker, isMainThread, parentPort } = require('worker_threads');
const { fork } = require('child_process');
const http = require('http');
if (process.argv[2] === 'child') process.on('message', (n) => process.send(n + 1));
else if (!isMainThread) parentPort.on('message', (n) => parentPort.postMessage(n + 1));
else {
  const worker = new Worker(__filename);
  const child = fork(__filename, ['child']);
  http.createServer((req, res) => {
    worker.once('message', (n) => { child.once('message', (m) => res.end(String(m))); child.send(n); });
    worker.postMessage(1);
  }).listen(0);
}
""",
    )
    done = place.record(*load(5), "-o", "t.duckdb", "node", "many.js")
    assert done.returncode == 0, done.stderr
    with place.trace() as trace:
        assert trace.sql("select kind, parent_process_id from process order by 1").fetchall() == [
            ("child", 0), ("main", None), ("worker", 0),
        ]  # fmt: skip
        counted = trace.sql(
            "select p.kind, count(*) from invocation i join process p using (process_id) "
            "where i.kind = 'handler' and p.kind <> 'main' group by 1 order by 1"
        ).fetchall()
        assert counted == [("child", 5), ("worker", 5)]


def test_nothing_of_the_application_changes(place: Place) -> None:
    place.write(
        "self.js",
        """
setTimeout(() => {
  console.log(JSON.stringify([Object.keys(globalThis), process.argv.slice(2), process.execArgv, process.cwd(),
    process.exitCode, process.listenerCount('SIGINT'), process.listenerCount('SIGTERM'),
    process.listenerCount('uncaughtException'), process.stdout.isTTY, require.main === module]));
  console.error('to stderr');
  process.exitCode = 3;
}, 1);
""",
    )
    plain = subprocess.run(
        ["node", "self.js", "a b", "--x"], cwd=place.root, capture_output=True, text=True, check=False
    )
    done = place.record("-q", "-o", "t.duckdb", "node", "self.js", "a b", "--x")
    assert (done.stdout, done.stderr, done.returncode) == (plain.stdout, plain.stderr, 3)


def test_captured_requests_are_private_and_the_trace_holds_no_values(place: Place) -> None:
    place.write(
        "servers.js",
        """
const http = require('http');
let last = '';
const token = 'in-' + 'a-variable';
http.createServer((req, res) => {
  let body = '';
  req.on('data', (part) => { body += part; });
  req.on('end', () => { last = body + token; res.end(last.length + ''); });
}).listen(0, '127.0.0.1', () => {
  const udp = require('dgram').createSocket('udp4');
  udp.on('message', () => {});
  udp.bind(0, '127.0.0.1', () => {
    require('net').createServer((socket) => { socket.on('data', () => socket.end('bye')); }).listen(0, '127.0.0.1');
  });
});
""",
    )
    place.write(
        "talk.js",
        """
const fs = require('fs'), http = require('http'), net = require('net'), dgram = require('dgram');
const run = fs.readdirSync(process.env.TMPDIR).find((name) => name.startsWith('pipetrace-'));
const ports = fs.readFileSync(process.env.TMPDIR + '/' + run + '/listening.jsonl', 'utf8').trim().split('\\n').map(JSON.parse);
const port = (kind) => ports.find((p) => p.kind === kind).port;
const req = http.request({ port: port('http'), method: 'POST', path: '/p?q=1', headers: { 'X-Key': 'in-a-header' } }, (res) => {
  res.resume();
  res.on('end', () => {
    const udp = dgram.createSocket('udp4');
    udp.send('in-a-packet', port('dgram'), '127.0.0.1', () => {
      udp.close();
      const socket = net.connect(port('net'), '127.0.0.1', () => socket.write('in-a-line'));
      socket.resume().on('close', () => process.exit(0));
    });
  });
});
req.write('in-a-');
req.end('body');
""",
    )
    done = place.record(
        "--capture-requests", "--on-port", "node talk.js", "-o", "t.duckdb", "--memory", "full", "node", "servers.js"
    )
    assert done.returncode == 0, done.stderr
    file = place.root / "t.requests.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["proto"], line["server"]) for line in found] == [("http", 0), ("udp", 1), ("tcp", 2)]
    assert (found[0]["method"], found[0]["url"], found[0]["body"]) == ("POST", "/p?q=1", "aW4tYS1ib2R5")
    assert ["X-Key", "in-a-header"] in found[0]["headers"]
    assert [line["data"] for line in found[1:]] == ["aW4tYS1wYWNrZXQ=", "aW4tYS1saW5l"]
    assert all(line["t_ms"] >= 0 for line in found)
    data = (place.root / "t.duckdb").read_bytes()
    for secret in (b"in-a-header", b"in-a-body", b"in-a-variable", b"in-a-packet", b"in-a-line", b"X-Key"):
        assert secret not in data


def test_the_number_of_captured_requests_is_bounded(place: Place) -> None:
    done = place.record(*load(8), "--capture-requests", "--max-requests", "3", "-o", "t.duckdb", "node", "server.js")
    assert "Only the first 3 requests were captured; --max-requests keeps more." in done.stderr
    assert len((place.root / "t.requests.jsonl").read_text().splitlines()) == 3
    with place.trace() as trace:
        assert trace.sql("select count(*) from chain where kind = 'http'").fetchall() == [(8,)]


@pytest.mark.parametrize(
    ("options", "script", "status", "sentence"),
    [
        ([], "1 + 1", 1, "The application ended at once and handled no event"),
        ([], "setImmediate(() => {})", 1, "all that it ran was a part of its start"),
        ([], "process.exit(5)", 5, "The application ended with exit status 5 while it started"),
        ([], "throw new Error('at the start')", 1, "exit status 1 while it started; its own message stands above"),
        ([], "let a = ;", 1, "exit status 1 while it started"),
        (["--on-port", "true"], "setTimeout(() => process.exit(2), 50)", 1, "exit status 2 before it listened"),
        (["--on-port", "true", "--wait", "0.5"], "setInterval(() => {}, 9)", 1, "did not listen within 0.5 s"),
        (["--app", "nowhere"], "1", 1, "The directory nowhere given with --app does not exist"),
        (["--bogus"], "1", 2, "No such option '--bogus'"),
    ],
)
def test_bad_input(place: Place, options: list[str], script: str, status: int, sentence: str) -> None:
    place.write("bad.js", script)
    done = place.record(*options, "-o", "t.duckdb", "node", "bad.js")
    assert done.returncode == status
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert ("at the start" in done.stderr) == ("at the start" in script)
    assert not (place.root / "t.duckdb").exists()
    assert place.left_over() == []


def test_contexts_that_the_application_makes_are_as_without_the_recorder(place: Place) -> None:
    place.write(
        "contexts.js",
        "const names = () => Object.getOwnPropertyNames(require('vm').runInNewContext('globalThis'));\n"
        "require('http').createServer((req, res) => {\n"
        "  console.log(names().filter((name) => /^\\$/.test(name)).join(), names().length > 50);\n"
        "  res.end();\n"
        "}).listen(0, '127.0.0.1');\n",
    )
    done = place.record(*load(3), "-o", "t.duckdb", "node", "contexts.js")
    assert (done.returncode, done.stdout) == (0, " true\n" * 3)


@pytest.mark.parametrize("options", [[], ["--on-port", "true"]])
def test_a_taken_port_is_named(place: Place, options: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        place.write("taken.js", f"require('http').createServer().listen({port}, '127.0.0.1')")
        done = place.record(*options, "-o", "t.duckdb", "node", "taken.js")
    assert done.returncode == 1
    assert f"the port 127.0.0.1:{port} is in use; stop the process that has it" in done.stderr
    assert "EADDRINUSE" in done.stderr
    assert not (place.root / "t.duckdb").exists()


def test_an_existing_trace_is_not_overwritten(place: Place) -> None:
    kept = place.write("t.duckdb", "precious")
    done = place.record("-o", "t.duckdb", "node", "server.js")
    assert (done.returncode, kept.read_text()) == (1, "precious")
    assert "t.duckdb exists already" in done.stderr
    done = place.record("-o", "server.js/t.duckdb", "node", "server.js")
    assert "server.js cannot be written to" in done.stderr
    assert done.stdout == ""


def test_without_a_name_the_trace_is_called_after_the_application(place: Place) -> None:
    done = place.record(*load(1), "node", "server.js")
    assert done.returncode == 0, done.stderr
    (path,) = (place.root / "traces").iterdir()
    assert path.name.startswith("little-20")
    assert f"Wrote traces/{path.name}" in done.stderr


def test_a_file_that_does_not_parse_is_left_alone_and_named(place: Place) -> None:
    place.write("bad.js", "let a = ;")
    place.write("main.js", "try { require('./bad'); } catch (e) { console.log(e.name); }\nsetTimeout(() => {}, 10);\n")
    done = place.record("-o", "t.duckdb", "node", "main.js")
    assert (done.returncode, done.stdout) == (0, "SyntaxError\n")
    assert "pipetrace: bad.js was left alone: bad.js:1:9" in done.stderr
    with place.trace() as trace:
        assert trace.sql("select path, status from file order by 1").fetchall() == [
            ("bad.js", "left alone"), ("main.js", "instrumented"),
        ]  # fmt: skip
        assert trace.sql("select kind, line from problem").fetchall() == [("parse", 1)]


def test_a_load_that_fails_is_said(place: Place) -> None:
    done = place.record("--on-port", "exit 3", "-o", "t.duckdb", "node", "server.js")
    assert done.returncode == 0
    assert "The load ended with exit status 3; check the command given with --on-port." in done.stderr


def wait_for(condition: Callable[[], bool], timeout_s: float) -> None:
    """Wait until a condition holds, at most for a while."""
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


MANY = """
let left = Number(process.argv[2]);
function step() { return left; }
(function next() {
  for (let count = 0; count < 50 && left > 0; count++, left--) setImmediate(step);
  if (left > 0) setTimeout(next, 0);
})();
"""


def test_a_recording_keeps_within_its_size_and_says_what_is_left_out(place: Place) -> None:
    place.write("many.js", MANY)
    done = place.record("-o", "t.duckdb", "--max-size", "1MB", "--json", "--memory", "off", "node", "many.js", "60000")
    assert done.returncode == 0, done.stderr
    described = json.loads(done.stdout)
    left = described["meta"]["left_out"]
    # 48 bytes an invocation and 24 a chain; every step is in the chain of its own turn.
    assert described["invocations"] * 48 <= described["meta"]["overhead"]["written_bytes"] < 1_100_000
    assert described["invocations"] + left["invocations"] > 60_000
    assert left["chains"] > 0
    assert f"{left['chains']} of {described['chains'] + left['chains']} events were left out" in done.stderr
    assert described["meta"]["complete"] is True


ENDLESS = """
async function step(i) { return i; }
setTimeout(async function endless() { for (let i = 0; i < 40000; i++) await step(i); console.log('done'); }, 5);
"""


def test_an_event_that_goes_on_and_on_is_cut_off_where_the_recording_is_full(place: Place) -> None:
    place.write("endless.js", ENDLESS)
    done = place.record("-o", "t.duckdb", "--max-size", "1MB", "--json", "--memory", "off", "node", "endless.js")
    assert done.returncode == 0, done.stderr
    described = json.loads(done.stdout)
    left = described["meta"]["left_out"]
    assert described["meta"]["overhead"]["written_bytes"] < 1_200_000
    assert described["invocations"] + left["cut"] > 80_000
    assert (left["invocations"], left["chains"]) == (left["cut"], 0)
    assert f"the last {left['cut']} invocations of events that had begun before are missing" in done.stderr
    assert described["meta"]["complete"] is False


@pytest.mark.parametrize("size", ["lots", "10kB", "-5MB", "1..5GB"])
def test_a_size_that_is_none(place: Place, size: str) -> None:
    done = place.record("--max-size", size, "node", "server.js")
    assert done.returncode != 0
    assert f"{size} is no size of 1 MB or more" in done.stderr
    assert "Traceback" not in done.stderr
