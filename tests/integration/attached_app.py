"""An application that runs before anybody records it, and the commands that attach to it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from pipetrace.runner import npm
from tests.integration.node_versions import node

PROGRAM = """
const app = express();
let requests = 0;
function makeCounter() { let n = 0; return function next() { n += 1; return n; }; }
const next = makeCounter();
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
function work(n) { return n < 2 ? n : work(n - 1) + work(n - 2); }
class Store {
  #items = new Map();
  get size() { return this.#items.size; }
  async put(key, value) {
    await sleep(1);
    this.#items.set(key, value);
    return this.#items.size;
  }
}
const store = new Store();
app.use((req, res, done) => { requests += 1; done(); });
app.get('/count', (req, res) => { res.json({ n: next() }); });
app.get('/later/:id', async (req, res) => {
  const value = work(12);
  await sleep(2);
  const parts = [1, 2, 3].map((x) => x * value);
  const size = await store.put(req.params.id, parts);
  res.json({ parts, size });
});
app.get('/rejected', async (req, res) => {
  try {
    await Promise.reject(new Error('no'));
  } catch (error) {
    res.status(500).send(error.message);
  } finally {
    requests += 1;
  }
});
app.get('/thrown', (req, res) => {
  const made = [1].map((x) => x + 1);
  throw new Error('sync ' + made[0]);
});
app.get('/end', (req, res) => { res.send('ended'); setImmediate(() => process.exit(7)); });
app.use((error, req, res, done) => { res.status(503).send('caught ' + error.message); });
let release;
async function forever() { await new Promise((resolve) => { release = resolve; }); }
forever();
const names = Object.getOwnPropertyNames(globalThis).join();
app.get('/globals', (req, res) => { res.json({ same: Object.getOwnPropertyNames(globalThis).join() === names }); });
const server = app.listen(0, '127.0.0.1', () => { console.log(server.address().port); });
"""

_SUSPENDS = "/later/a"

ANSWERS = {
    _SUSPENDS: (200, b'{"parts":[144,288,432],"size":1}'),
    "/rejected": (500, b"no"),
    "/thrown": (503, b"caught sync 2"),
}

_ROUNDS = 20
"""How often each client asks for all it asks for while the load of a recording runs."""


class AttachedApp:
    """The application under a version of Node.js; use it as a context manager."""

    def __init__(self, version: str, folder: Path, *, module: bool = False, flags: Sequence[str] = ()) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text('{"name": "attached", "private": true}')
        express = npm.install("express", "4.21.2")
        head = (
            f"import express from {(express / 'index.js').as_uri()!r};"
            if module
            else f"const express = require({str(express)!r});"
        )
        self.file = folder / f"app.{'mjs' if module else 'js'}"
        self.file.write_text(head + PROGRAM)
        env = {**os.environ, "NODE_ENV": "production"}
        self.process = subprocess.Popen(
            [str(node(version)), "--inspect-port=0", *flags, str(self.file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def __enter__(self) -> AttachedApp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def get(self, path: str) -> tuple[int, bytes]:
        """Ask it, over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def count(self) -> int:
        """What its counting closure says, which it thereby raises by one."""
        return int(json.loads(self.get("/count")[1])["n"])


class Clients:
    """Two clients that ask on and on, and keep what they were told; use it as a context manager.

    `load` is a command for `--on-port` that ends when both have asked for everything several times since it began.
    What suspends for a while is asked for only from then on: a function that happens to be suspended at each attempt
    to edit it is left out, and no test may depend on that chance.
    """

    def __init__(self, app: AttachedApp, folder: Path) -> None:
        self._begun, self._enough = folder / "begun", folder / "enough"
        self.load = f"touch {self._begun}; until [ -e {self._enough} ]; do sleep 0.05; done"
        self._rounds: dict[str, int] = {}
        self.answers: dict[str, set[tuple[int, bytes]]] = {path: set() for path in ANSWERS}
        self.counts: list[int] = []
        self.failures: list[str] = []
        self._app = app
        self._over = threading.Event()
        self._threads = [threading.Thread(target=run) for run in (self._ask, self._count)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _note(self, client: str) -> None:
        """Count the rounds of a client since the load began."""
        if self._begun.exists():
            self._rounds[client] = self._rounds.get(client, 0) + 1
            if len(self._rounds) == 2 and min(self._rounds.values()) > _ROUNDS:
                self._enough.touch()

    def _ask(self) -> None:
        while not self._over.is_set():
            self._note("ask")
            for path, told in self.answers.items():
                if path == _SUSPENDS and not self._begun.exists():
                    continue
                try:
                    told.add(self._app.get(path))
                except (OSError, http.client.HTTPException) as error:
                    self.failures.append(f"{path}: {error}")

    def _count(self) -> None:
        while not self._over.is_set():
            self._note("count")
            try:
                self.counts.append(self._app.count())
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"/count: {error}")


def attach(*words: object) -> subprocess.CompletedProcess[str]:
    """Run `pipetrace record --attach` with some words to its end."""
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=150, check=False)


def command(*words: object) -> list[str]:
    """The command line that attaches."""
    return [sys.executable, "-m", "pipetrace", "record", "--attach", *map(str, words)]
