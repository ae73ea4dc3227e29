"""The own tests of a framework's examples and of server packages, against staged programs with all legal moves made.

Each program runs its tests twice as it is, because some depend on the moment, and once staged; every test that passed
has to pass. An application that tests require is served by a process of its own (`client.js`); where a package's tests
make their servers themselves, the tests and the package are the program, of which no function of the tests moves that
is not called with a request (`inside.js`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from benchmarks.harmless.packages import PACKAGES, Package, prepared
from pipetrace.errors import PipetraceError
from pipetrace.partitioner.build import Options, make_plan
from pipetrace.partitioner.load import load_recording
from pipetrace.rewriter.rewrite import rewrite
from pipetrace.runner.launch import Running, start
from pipetrace.runner.staged import load_staged
from pipetrace.runner.stages import read_notes, start_staged
from pipetrace.runner.transport import Transport, open_transport
from pipetrace.tracer.record import RecordOptions, record

_HERE = Path(__file__).resolve().parent / "suites"
_WAIT_S = 300.0

_OLD, _NEW = ("mocha@10.8.2", "supertest@4.0.2"), ("mocha@10.8.2", "supertest@6.3.0")


def _debian(name: str, version: str, *tools: str, options: tuple[str, ...] = ()) -> Package:
    return Package(name, version, "mocha", ("test/*.js",), tools=tools, options=options, debian=f"node-{name}")


_SERVING = (
    _debian("finalhandler", "1.2.0", "readable-stream@2.3.6", "safe-buffer@5.2.1", *_NEW),
    _debian("compression", "1.7.4", "after@0.8.2", *_OLD),
    _debian("morgan", "1.10.0", "split@1.0.1", *_OLD),
    _debian("cors", "2.8.5", "after@0.8.2", "express@4.18.2", *_OLD, options=("--require", "test/support/env")),
    _debian("serve-favicon", "2.5.0", "temp-path@1.0.0", *_OLD),
    _debian("response-time", "2.3.2", "after@0.8.2", *_OLD),
    _debian("errorhandler", "1.5.1", "after@0.8.2", *_OLD),
    _debian("cookie-parser", "1.4.6", *_NEW),
    _debian("vhost", "3.0.2", *_OLD),
)
"""Packages beside those of the corpus whose tests make servers."""

Results = Counter[tuple[str, str]]
"""(test, what became of it) → how often."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A program with its own tests."""

    name: str
    package: Package
    files: tuple[str, ...]
    """Its test files, relative to the package."""
    example: str = ""
    """The application that the tests require, relative to the package; '' where they make their servers themselves."""


@dataclass(slots=True)
class Row:
    """What came of one suite."""

    name: str
    tests: int = 0
    passed: int = 0
    unsteady: int = 0
    found: int = 0
    moved: int = 0
    away: int = 0
    """Calls of moved handlers that ran on a stage."""
    lost: list[str] = field(default_factory=list)
    """Tests that pass with the original only, with the first lines of the error."""


def suites() -> Iterator[Suite]:
    """Express's examples with their acceptance tests, and the suites of packages that serve requests."""
    by_name = {package.name: package for package in PACKAGES}
    express = by_name["express"]
    folder = prepared(express)
    for test in sorted((folder / "test" / "acceptance").glob("*.js")):
        if (folder / "examples" / test.stem).is_dir():
            yield Suite(f"express/{test.stem}", express, (f"test/acceptance/{test.name}",), f"examples/{test.stem}")
    for package in (by_name["connect"], by_name["body-parser"], *_SERVING):
        home = prepared(package)
        files = (path.relative_to(home).as_posix() for pattern in package.tests for path in home.glob(pattern))
        yield Suite(package.name, package, tuple(sorted(files)))


def _first(package: Package) -> list[str]:
    options = package.options
    return [options[options.index("--require") + 1]] if "--require" in options else []


def _make_program(suite: Suite, folder: Path) -> tuple[str, ...]:
    """Write the program into a directory; return the command that starts it."""
    source = prepared(suite.package)
    if not suite.example:
        shutil.copytree(source, folder, symlinks=True)
        shutil.copy(_HERE / "inside.js", folder / "inside.js")
        told = json.dumps({"files": suite.files, "first": _first(suite.package)})
        return ("node", str(folder / "inside.js"), told)
    folder.mkdir()
    (folder / "package.json").write_text('{"name": "examples", "version": "1.0.0"}\n', encoding="utf-8")
    shutil.copytree(source / "examples", folder / "examples", symlinks=True)
    modules = folder / "node_modules"
    shutil.copytree(source / "node_modules", modules, symlinks=True)
    shutil.copytree(source, modules / suite.package.name, symlinks=True,
                    ignore=shutil.ignore_patterns("node_modules", "examples", "test"))  # fmt: skip
    # Examples take the package by its place above them.
    (folder / "index.js").write_text(f"module.exports = require('{suite.package.name}');\n", encoding="utf-8")
    (folder / "lib").mkdir()
    name = suite.package.name
    inner = f"module.exports = require('{name}/lib/{name}');\n"
    (folder / "lib" / f"{name}.js").write_text(inner, encoding="utf-8")
    shutil.copy(_HERE / "serve.js", folder / "serve.js")
    return ("node", str(folder / "serve.js"), suite.example)


def _client(suite: Suite, port: str) -> list[str]:
    """The command of the tests against a server."""
    source = prepared(suite.package)
    told = {
        "files": suite.files, "first": _first(suite.package), "application": str(source / suite.example),
        "address": f"http://127.0.0.1:{port}", "mocha": str(source / "node_modules" / "mocha"),
    }  # fmt: skip
    return ["node", str(_HERE / "client.js"), json.dumps(told)]


def _use(suite: Suite, running: Running) -> dict[tuple[str, str], str]:
    """Run the tests against a program: (test, what became of it) → error."""
    found = running.port(None)
    if found is None:
        raise PipetraceError(f"{running.name} has no HTTP server.")
    if suite.example:
        words = _client(suite, str(found[1]))
        home = prepared(suite.package)
        text = subprocess.run(words, cwd=home, stdout=subprocess.PIPE, text=True, timeout=_WAIT_S, check=False).stdout
    else:
        asked = http.client.HTTPConnection("127.0.0.1", found[1], timeout=_WAIT_S)
        try:
            asked.request("GET", "/")
            text = asked.getresponse().read().decode("utf-8", "replace")
        finally:
            asked.close()
    try:
        return {(test, word): error for test, word, error in json.loads(text)}
    except ValueError:
        raise PipetraceError(f"The tests of {suite.name} came to no end: {text[-300:]}") from None


def _run(suite: Suite, transport: Transport) -> Row:
    row = Row(suite.name)
    env = {**os.environ, "NODE_ENV": "test"}
    with tempfile.TemporaryDirectory(prefix="pipetrace-suite-") as name, _environment(env):
        out = Path(name).resolve()
        app = out / "app"
        command = _make_program(suite, app)
        load = "curl -s http://127.0.0.1:$PORT/"
        if suite.example:
            load = shlex.join(_client(suite, "@PORT@")).replace("@PORT@", "'$PORT'")
        os.chdir(prepared(suite.package) if suite.example else app)
        recorded = record(RecordOptions(command=command, output=out / "t.duckdb", app=app, wait_s=_WAIT_S,
                                        on_port=f"{load} > {out / 'recorded.json'}"))  # fmt: skip
        plan = make_plan(load_recording(recorded.path), Options(machines=2, move="all"))
        watchers = tuple(
            handler.id for handler in plan.handlers
            if not suite.example and (handler.file == "inside.js" or handler.file.startswith("test/"))
            and "http.request" not in handler.arguments
        )  # fmt: skip
        plan = make_plan(load_recording(recorded.path), Options(machines=2, move="all", keep=watchers))
        made = rewrite(plan, app, out / "staged")
        row.found, row.moved = len(plan.handlers) - len(watchers), len(made.moved)
        results = []
        for turn in ("first", "second"):
            running = start(command, app, env, name="the original", scratch=out / turn, timeout_s=120)
            try:
                results.append(_use(suite, running))
            finally:
                running.stop()
        first, second = (Counter(found.keys()) for found in results)
        row.tests = first.total()
        row.passed = sum(count for (_, word), count in first.items() if word == "passed")
        shaky = {test for test, _ in (first - second) + (second - first)}
        row.unsteady = len(shaky)
        staged = dataclasses.replace(load_staged(out / "staged"), cwd=out / "staged")
        running = start_staged(staged, transport, out / "scratch", timeout_s=120)
        try:
            after = _use(suite, running)
            row.away = sum(away for _, away, _ in read_notes(running, out / "scratch").calls)
        finally:
            running.stop()
        for test, word in first:
            if word == "passed" and (test, word) not in after and test not in shaky:
                row.lost.append(f"{test}: {after.get((test, 'failed'), 'it did not run')[:300]}")
    return row


@contextlib.contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    before, place = dict(os.environ), Path.cwd()
    os.environ.update(env)
    try:
        yield
    finally:
        os.chdir(place)
        os.environ.clear()
        os.environ.update(before)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--transport", type=click.Choice(["threads", "nats"]), default="threads", show_default=True)
def main(names: tuple[str, ...], transport: str) -> None:
    """Run the suites whose names begin with one of NAMES, or all."""
    print("| suite | tests | passed | unsteady | handlers | moved | calls on stages | lost |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    bad = False
    with contextlib.ExitStack() as stack:
        chosen = stack.enter_context(open_transport("nats")) if transport == "nats" else Transport("threads")
        for suite in suites():
            if names and not suite.name.startswith(names):
                continue
            try:
                row = _run(suite, chosen)
            except PipetraceError as error:
                print(f"| {suite.name} | {error} |", flush=True)
                bad = True
                continue
            figures = (row.tests, row.passed, row.unsteady, row.found, row.moved, row.away, len(row.lost))
            print(f"| {row.name} | {' | '.join(map(str, figures))} |", flush=True)
            for line in row.lost:
                print(f"    {line}")
            bad = bad or bool(row.lost)
    sys.exit(bad)


if __name__ == "__main__":
    main()
