"""Small staged applications with hand-written stubs, run as original and staged, for tests of the stage runtime."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "rewriter" / "runtime"

# Loaded before the application: tells when every stage takes calls, and at the end what became of the calls.
PROBE = """
'use strict';
const fs = require('node:fs');
const {isMainThread} = require('node:worker_threads');
if (isMainThread && (process.env.PIPETRACE_STAGE || 'entry') === 'entry') {
  const read = () => { const found = globalThis[Symbol.for('pipetrace.runtime')]; return found && found.metrics(); };
  const wanted = Number(process.env.TEST_REPLICAS);
  const timer = setInterval(() => {
    const now = read();
    if (!now) return;
    if (now.replicas.filter((one) => one.ready).length >= wanted) fs.writeFileSync(process.env.TEST_READY, 'ready');
    else fs.rmSync(process.env.TEST_READY, {force: true});
    fs.writeFileSync(process.env.TEST_METRICS + '.new', JSON.stringify(now));
    fs.renameSync(process.env.TEST_METRICS + '.new', process.env.TEST_METRICS);
  }, 20);
  timer.unref();
  process.on('exit', () => { const now = read(); if (now) fs.writeFileSync(process.env.TEST_METRICS, JSON.stringify(now)); });
}
"""

# Part of applications that are scripts: goes on when every stage takes calls; in the original at once.
READY = """
'use strict';
module.exports = () => new Promise((resolve) => {
  const timer = setInterval(() => {
    const found = globalThis[Symbol.for('pipetrace.runtime')];
    if (!found || found.metrics().replicas.every((one) => one.ready) && found.metrics().replicas.length) {
      clearInterval(timer);
      resolve();
    }
  }, 5);
});
"""


def until(condition: Callable[[], object], timeout_s: float = 120.0, what: str = "the condition") -> None:
    """Wait until `condition()` is true; fail after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout_s:.0f} s"
        time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Transport:
    """How the stages of a test talk: worker threads, or a broker."""

    address: str
    module: str = ""


@dataclass(slots=True)
class Outcome:
    """What a script did."""

    status: int
    stdout: str
    stderr: str
    metrics: dict[str, Any] = field(default_factory=dict)

    def sent(self) -> dict[str, int]:
        """Calls by handler that ran on a stage."""
        return {one["id"]: one["sent"] - one["refused"] for one in self.metrics.get("handlers", [])}


@dataclass(slots=True)
class App:
    """An application with stubs; without the runtime's preload it is the original."""

    folder: Path
    entry: str
    replicas: dict[str, int]

    def argv(self, mode: Transport | None, probe: Path, *args: str, flags: tuple[str, ...] = ()) -> list[str]:
        register = self.folder / "node_modules" / "@pipetrace" / "runtime" / "register.js"
        preload = [] if mode is None else ["--require", str(probe), "--require", str(register)]
        return ["node", *flags, *preload, str(self.folder / self.entry), *args]

    def environment(self, mode: Transport | None, scratch: Path, env: Mapping[str, str]) -> dict[str, str]:
        base = {key: value for key, value in os.environ.items() if not key.startswith("PIPETRACE_")}
        base |= {"TEST_REPLICAS": str(sum(self.replicas.values())), "TEST_READY": str(scratch / "ready"),
                 "TEST_METRICS": str(scratch / "metrics.json")}  # fmt: skip
        if mode is not None:
            base |= {"PIPETRACE_TRANSPORT": mode.address, "PIPETRACE_GROUP": hashlib.md5(str(scratch).encode()).hexdigest()}
            if mode.module:
                base["PIPETRACE_NATS_MODULE"] = mode.module
        return base | dict(env)

    @contextlib.contextmanager
    def stages(self, mode: Transport | None, scratch: Path, env: Mapping[str, str], *args: str) -> Iterator[list[Any]]:
        """The stage processes that a broker needs; none on threads."""
        processes: list[subprocess.Popen[bytes]] = []
        try:
            if mode is not None and mode.address != "threads":
                for stage, count in self.replicas.items():
                    for number in range(count):
                        log = f"{stage}-{number}"
                        processes += [self.start_stage(mode, scratch, stage, env, *args, log=log)]
            yield processes
        finally:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                process.wait(10)

    def start_stage(
        self, mode: Transport, scratch: Path, stage: str, env: Mapping[str, str], *args: str, log: str
    ) -> subprocess.Popen[bytes]:
        variables = self.environment(mode, scratch, env) | {"PIPETRACE_STAGE": stage}
        with (scratch / f"{log}.log").open("wb") as output:
            return subprocess.Popen(self.argv(mode, scratch / "probe.js", *args), env=variables, stdin=subprocess.DEVNULL,
                                    stdout=output, stderr=subprocess.STDOUT)  # fmt: skip

    def run(
        self, mode: Transport | None, *args: str, env: Mapping[str, str] | None = None, timeout_s: float = 150.0,
        flags: tuple[str, ...] = (),
    ) -> Outcome:  # fmt: skip
        """Run a script to its end."""
        with _scratch() as scratch, self.stages(mode, scratch, env or {}, *args):
            process = subprocess.Popen(
                self.argv(mode, scratch / "probe.js", *args, flags=flags), env=self.environment(mode, scratch, env or {}),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            try:
                out, err = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                logs = "".join(file.read_text() for file in scratch.glob("*.log"))
                raise AssertionError(f"no end within {timeout_s} s\n{out}\n{err}\n{logs}") from None
            return Outcome(process.returncode, out, err, _json(scratch / "metrics.json"))

    @contextlib.contextmanager
    def serve(
        self, mode: Transport | None, *args: str, env: Mapping[str, str] | None = None, flags: tuple[str, ...] = ()
    ) -> Iterator[Server]:
        """Run a server that prints the port on which it listens, once every stage takes calls."""
        with _scratch() as scratch, self.stages(mode, scratch, env or {}, *args) as processes:
            with (scratch / "out").open("wb") as out, (scratch / "err").open("wb") as err:
                process = subprocess.Popen(
                    self.argv(mode, scratch / "probe.js", *args, flags=flags), env=self.environment(mode, scratch, env or {}),
                    stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                )  # fmt: skip
            server = Server(self, process, scratch, processes, 0)
            try:
                until(lambda: process.poll() is not None or re.match(r"port \d+\n", server.out()), what="listening")
                assert process.poll() is None, f"ended at once: {server.err()}"
                server.port = int(server.out().split()[1])
                if mode is not None:
                    until(lambda: (scratch / "ready").exists(), what=f"readiness ({server.err()} {server.logs()})")
                yield server
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                process.wait(10)


@dataclass(slots=True)
class Server:
    """A running application."""

    app: App
    process: subprocess.Popen[bytes]
    scratch: Path
    stages: list[subprocess.Popen[bytes]]
    port: int

    def out(self) -> str:
        return (self.scratch / "out").read_text(encoding="utf-8", errors="replace")

    def err(self) -> str:
        return (self.scratch / "err").read_text(encoding="utf-8", errors="replace")

    def logs(self) -> str:
        return "".join(file.read_text(errors="replace") for file in sorted(self.scratch.glob("*.log")))

    def metrics(self) -> dict[str, Any]:
        return _json(self.scratch / "metrics.json")

    def counters(self, handler: str) -> dict[str, Any]:
        found = [one for one in self.metrics().get("handlers", []) if one["id"] == handler]
        return found[0] if found else {"sent": 0, "local": 0, "misfit": 0, "refused": 0, "failed": 0}

    def ready_replicas(self) -> int:
        return sum(1 for one in self.metrics().get("replicas", []) if one["ready"])

    def get(self, path: str, timeout_s: float = 120.0) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


def raw_request(port: int, text: str, body: bytes = b"", timeout_s: float = 120.0) -> bytes:
    """Everything a server sends on one connection for one request, without the Date header."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        head = text.replace("\n", "\r\n") + f"\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        received = b""
        while chunk := connection.recv(1 << 16):
            received += chunk
    received = re.sub(rb"\r\nDate: [^\r]*", b"", received, flags=re.IGNORECASE)
    head_bytes, _, rest = received.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head_bytes.lower() and len(rest) > 20_000:
        # Where a stream is cut depends on when the disk answers; what it says does not.
        rest = b"".join(_chunks(rest))
    return head_bytes + b"\r\n\r\n" + rest


def _chunks(rest: bytes) -> Iterator[bytes]:
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        yield rest[:length]
        rest = rest[length + 2 :] if length else b""


def make_app(
    folder: Path,
    files: Mapping[str, str | bytes],
    *,
    entry: str = "app.js",
    packages: Path | None = None,
    replicas: int = 2,
    owns: tuple[str, ...] = (),
    plan: Mapping[str, Any] | None = None,
) -> App:
    """Write an application; every id given to `handler`, `lifted` or `twin` in it is moved to one stage.

    `owns` lists locations that the stage, and not the entry, owns. `plan` adds to the plan's top level; in
    `plan["handlers"]` fields of a handler can be given by id.
    """
    extra = dict(plan or {})
    fields = extra.pop("handlers", {})
    folder.mkdir(parents=True)
    for name, text in {"ready.js": READY, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    modules = folder / "node_modules"
    (modules / "@pipetrace").mkdir(parents=True)
    shutil.copytree(RUNTIME, modules / "@pipetrace" / "runtime", ignore=shutil.ignore_patterns("node_modules", "test"))
    for package in sorted(packages.iterdir()) if packages else ():
        if package.name.startswith("@"):
            (modules / package.name).mkdir()
            for scoped in package.iterdir():
                (modules / package.name / scoped.name).symlink_to(scoped)
        elif not package.name.startswith("."):
            (modules / package.name).symlink_to(package)
    sources = [text for text in files.values() if isinstance(text, str)]
    forms = {name: form for text in sources for form, name in re.findall(r"\$pt\.(handler|lifted|twin)\('([^']+)'", text)}
    ids = sorted(forms)
    stages = sorted({fields.get(name, {}).get("stage", "stage1") for name in ids})
    described = {
        "format": "pipetrace-plan", "version": 1, "state": [], "guards": [], "sources": [],
        "stages": [{"id": "entry", "replicas": 1, "owns": []},
                   *({"id": stage, "replicas": 1 if owns else replicas, "owns": list(owns)} for stage in stages)],
        "handlers": [{"id": name, "stage": "stage1", "decision": "moved", "returns": "promise",
                      **({"form": "twin"} if forms[name] == "twin" else {}), **fields.get(name, {})}
                     for name in ids],
        **extra,
    }  # fmt: skip
    (folder / ".pipetrace").mkdir()
    (folder / ".pipetrace" / "plan.json").write_text(json.dumps(described))
    (folder / ".pipetrace" / "staged.json").write_text(json.dumps({"entry": entry}))
    counts = {stage["id"]: stage["replicas"] for stage in described["stages"] if stage["id"] != "entry"}
    return App(folder, entry, counts)


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pipetrace-test-", ignore_cleanup_errors=True) as name:
        (Path(name) / "probe.js").write_text(PROBE)
        yield Path(name)


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
