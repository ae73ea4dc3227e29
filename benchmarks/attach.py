"""What attaching to a running application costs: CPU per request before, during and after, beside an untouched twin.

Two processes of the same program run at the same time and get the same requests in small slices by turns; the one
is attached to, the other is not. The figure is the ratio of their CPU time per request, so that what disturbs the
machine disturbs both. CPU time is that of all threads of the process, from the scheduler, in ns.
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import psutil

from pipetrace.runner import npm
from pipetrace.runner.node import find_node

SLICE = 200
"""Requests that one process gets before it is the other's turn."""
WARM = 10
"""Slices after each change that are not counted, because the engine optimises again."""

PROGRAM = """
const express = require(process.argv[2]);
const kept = [];
for (let index = 0; index < Number(process.argv[3]) * 12000; index++) kept.push({ index, text: 'n' + index });
const app = express();
let requests = 0;
const lines = [];
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
function render(name, rows) {
  let text = '<h1>' + name + '</h1>';
  for (const row of rows) text += '<p>' + row.a + ': ' + row.b + '</p>';
  return text;
}
async function rows(count) {
  const found = [];
  for (let index = 0; index < count; index++) found.push(await { a: index, b: requests });
  return found;
}
app.use((req, res, next) => { requests += 1; next(); });
app.use((req, res, next) => { lines.push(req.url); if (lines.length > 100) lines.length = 0; next(); });
app.get('/page', (req, res) => { res.send(render('page', [{ a: 1, b: 2 }, { a: 3, b: 4 }])); });
app.get('/rows', async (req, res) => {
  const found = await rows(10);
  await new Promise((resolve) => { setImmediate(resolve); });
  res.json(found.map((row) => row.a));
});
const server = app.listen(0, '127.0.0.1', () => { console.log(server.address().port); });
server.keepAliveTimeout = 0;
"""
PATHS = ("/page", "/rows")


@dataclass(slots=True)
class Twin:
    """One of the two processes."""

    process: subprocess.Popen[str]
    connection: http.client.HTTPConnection

    def cpu_ns(self) -> int:
        """CPU time of all its threads."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks)

    def serve(self, path: str, count: int) -> tuple[float, set[bytes]]:
        """Return the CPU time per request in µs, and the different answers."""
        before = self.cpu_ns()
        answers = set()
        for _ in range(count):
            self.connection.request("GET", path)
            answers.add(self.connection.getresponse().read())
        return (self.cpu_ns() - before) / count / 1000, answers


def start(node: str, program: Path, heap_mb: int) -> Twin:
    """Start one process."""
    express = npm.install("express", "4.21.2")
    process = subprocess.Popen(
        [node, "--inspect-port=0", str(program), str(express), str(heap_mb)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    return Twin(process, http.client.HTTPConnection("127.0.0.1", int(process.stdout.readline()), timeout=120))


def phase(first: Twin, second: Twin, slices: int) -> dict[str, dict[str, float]]:
    """Measure both by turns; returns, for each path, µs of both and the median of their ratios."""
    found: dict[str, dict[str, float]] = {}
    for path in PATHS:
        pairs = []
        for _ in range(slices):
            (one, told), (other, expected) = first.serve(path, SLICE), second.serve(path, SLICE)
            if told != expected:
                raise SystemExit(f"The answers to {path} differ.")
            pairs.append((one, other))
        found[path] = {
            "attached_us": statistics.median(one for one, _ in pairs),
            "twin_us": statistics.median(other for _, other in pairs),
            "ratio": statistics.median(one / other for one, other in pairs),
        }
    return found


def measure(node: str, heap_mb: int, slices: int, folder: Path) -> dict[str, Any]:
    """Measure one version of Node.js."""
    program = folder / "app.js"
    program.write_text(PROGRAM)
    trace = folder / "trace.duckdb"
    twins = [start(node, program, heap_mb) for _ in range(2)]
    first, second = twins
    try:
        phase(first, second, WARM)  # both are optimised
        found: dict[str, Any] = {"heap_mb": heap_mb, "before": phase(first, second, slices)}
        words = ["record", "--attach", str(first.process.pid), "-o", str(trace), "--force", "--json", "-q"]
        recorder = subprocess.Popen(
            [sys.executable, "-m", "pipetrace", *words, "--allow-stall", "30"], stdout=subprocess.PIPE, text=True
        )
        while first.serve("/page", 1) and not has_helpers(first):
            if recorder.poll() is not None:
                raise SystemExit("The recorder ended.")
        phase(first, second, WARM)  # the edited functions are optimised again
        found["during"] = phase(first, second, slices)
        recorder.send_signal(2)
        said, _ = recorder.communicate(timeout=120)
        found["attached"] = json.loads(said)["meta"]["attached"]
        phase(first, second, WARM)
        found["after"] = phase(first, second, slices)
        return found
    finally:
        for twin in twins:
            twin.process.kill()
            twin.process.wait()


def has_helpers(twin: Twin) -> bool:
    """Whether the edited functions run: the agent writes more than what it says of itself at first."""
    files = [Path(file.path) for file in psutil.Process(twin.process.pid).open_files()]
    return any(file.suffix == ".bin" and file.stat().st_size > 10_000 for file in files)


@click.command()
@click.option("--node", "nodes", multiple=True, metavar="PATH", help="A node to measure; may be given again.")
@click.option("--heap", "heap_mb", default=0, show_default=True, metavar="MB", help="Objects to keep alive beside.")
@click.option("--slices", default=20, show_default=True, help=f"Slices of {SLICE} requests for each figure.")
@click.option("-o", "output", type=click.Path(path_type=Path), help="JSON file to write.")
def main(nodes: Sequence[str], heap_mb: int, slices: int, output: Path | None) -> None:
    """Measure CPU per request before, during and after an attached recording, as ratios to an untouched twin."""
    found = {}
    print("| Node | path | before | during | after | longest edit, s | heap, MB |\n|---|---|---|---|---|---|---|")
    for node in nodes or (find_node(),):
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(node, heap_mb, slices, Path(folder))
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        found[version] = figures
        for path in PATHS:
            ratios = " | ".join(f"{figures[name][path]['ratio']:.2f}" for name in ("before", "during", "after"))
            attached = figures["attached"]
            print(f"| {version} | {path} | {ratios} | {attached['longest_stall_s']:.2f} | {attached['heap_mb']:.0f} |")
    if output is not None:
        output.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
