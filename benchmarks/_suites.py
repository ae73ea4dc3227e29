"""Programs that have tests of their own: examples of frameworks, and packages that serve requests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harmless.packages import PACKAGES, Package, Runner, prepared
from pipetrace.errors import PipetraceError

HERE = Path(__file__).resolve().parent / "suites"
INSIDE, SERVE = "inside.js", "serve.js"
_RUNNERS: tuple[Runner, ...] = ("mocha", "node")


@dataclass(frozen=True, slots=True)
class Suite:
    """A program with its own tests."""

    name: str
    home: Path
    """Directory of the package, with all that its tests need."""
    package: str
    """Its name as others require it."""
    files: tuple[str, ...]
    """Its test files, relative to that."""
    runner: Runner = "mocha"
    options: tuple[str, ...] = ()
    """Of the runner."""
    example: str = ""
    """The application that the tests require, relative to the package; '' where they make their servers themselves."""

    @property
    def first(self) -> list[str]:
        """Files that the runner loads before the tests."""
        return [self.options[at + 1] for at, word in enumerate(self.options) if word == "--require"]


_OLD, _NEW = ("mocha@10.8.2", "supertest@4.0.2"), ("mocha@10.8.2", "supertest@6.3.0")


def _debian(name: str, version: str, *tools: str, options: tuple[str, ...] = ()) -> Package:
    return Package(name, version, "mocha", ("test/*.js",), tools=tools, options=options, debian=f"node-{name}")


def _npm(name: str, version: str, *tools: str, tests: tuple[str, ...] = ("test/*.test.js",)) -> Package:
    return Package(name, version, "node", tests, tools=tools)


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
    Package("koa-views", "8.1.0", "mocha", ("test/index.js",),
            tools=("mocha@10.8.2", "supertest@6.3.3", "koa@2.14.2", "should@13", "ejs@3", "handlebars@4", "nunjucks@3",
                   "pug@3", "underscore@1")),
    Package("koa-jwt", "4.0.4", "mocha", ("test/test.js",),
            tools=("mocha@10.8.2", "supertest@4.0.2", "koa@2.11.0", "chai@4")),
    _npm("@fastify/middie", "9.3.6", "cors@2", "fastify@5", "helmet@8", "serve-static@2"),
    _npm("@fastify/express", "4.0.7", "@fastify/formbody@8", "body-parser@1", "cors@2", "fastify@5", "helmet@8",
         "passport@0.7", "passport-http-bearer@1", "serve-static@2"),
    _npm("@fastify/cors", "11.4.3", "fastify@5"),
    _npm("@fastify/etag", "6.2.0", "fastify@5"),
    _npm("@fastify/static", "10.1.11", "@fastify/compress@9", "concat-stream@2", "fastify@5", "pino@10",
         "proxyquire@2"),
)  # fmt: skip
"""Packages beside those of the corpus whose tests make servers."""
_CORPUS = ("connect", "body-parser", "express", "fastify")


def suites(names: tuple[str, ...] = ()) -> Iterator[Suite]:
    """Express's examples with their acceptance tests, and the suites of packages that serve requests.

    Only packages are fetched of which a suite's name begins with one of `names`, if there are any.
    """
    by_name = {package.name: package for package in PACKAGES}
    express = by_name["express"]
    folder = prepared(express)
    for test in sorted((folder / "test" / "acceptance").glob("*.js")):
        if (folder / "examples" / test.stem).is_dir():
            yield Suite(f"express/{test.stem}", folder, "express", (f"test/acceptance/{test.name}",),
                        options=express.options, example=f"examples/{test.stem}")  # fmt: skip
    for package in (*(by_name[name] for name in _CORPUS), *_SERVING):
        if names and not package.name.startswith(names):
            continue
        home = prepared(package)
        files = _files(home, package.tests[:1] if package is express else package.tests)
        files = tuple(file for file in files if not file.endswith(package.without or ("\0",)))
        yield Suite(package.name, home, package.name, files, package.runner, package.options)


def checkout(folder: Path, pattern: str) -> Iterator[Suite]:
    """Every directory of a checkout that has a program beside its mocha tests, each by itself."""
    if not (folder / "node_modules").is_dir():
        raise PipetraceError(
            f"{folder} has no node_modules: install there what its programs and tests need, and mocha."
        )
    tests = _files(folder, (pattern,))
    if not tests:
        raise PipetraceError(f"{folder} has no tests that match {pattern}.")
    for test in tests:
        yield Suite(Path(test).parent.as_posix(), folder, folder.name, (test,))


def _files(home: Path, patterns: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(path.relative_to(home).as_posix() for pattern in patterns for path in home.glob(pattern)))


def make_program(suite: Suite, folder: Path) -> tuple[str, ...]:
    """Write the program into a directory; return the command that starts it."""
    if suite.runner not in _RUNNERS:
        raise PipetraceError(f"Tests of the runner {suite.runner} cannot be run inside of a server.")
    if not suite.example:
        shutil.copytree(suite.home, folder, symlinks=True)
        shutil.copy(HERE / INSIDE, folder / INSIDE)
        told = json.dumps({"files": suite.files, "first": suite.first, "runner": suite.runner})
        return ("node", str(folder / INSIDE), told)
    folder.mkdir()
    (folder / "package.json").write_text('{"name": "examples", "version": "1.0.0"}\n', encoding="utf-8")
    shutil.copytree(suite.home / "examples", folder / "examples", symlinks=True)
    modules = folder / "node_modules"
    shutil.copytree(suite.home / "node_modules", modules, symlinks=True)
    shutil.copytree(suite.home, modules / suite.package, symlinks=True,
                    ignore=shutil.ignore_patterns("node_modules", "examples", "test"))  # fmt: skip
    # Examples take the package by its place above them.
    (folder / "index.js").write_text(f"module.exports = require('{suite.package}');\n", encoding="utf-8")
    (folder / "lib").mkdir()
    inner = f"module.exports = require('{suite.package}/lib/{suite.package}');\n"
    (folder / "lib" / f"{suite.package}.js").write_text(inner, encoding="utf-8")
    shutil.copy(HERE / SERVE, folder / SERVE)
    return ("node", str(folder / SERVE), suite.example)


def client(suite: Suite, port: str) -> list[str]:
    """The command of the tests against a server."""
    told = {
        "files": suite.files, "first": suite.first, "application": str(suite.home / suite.example),
        "address": f"http://127.0.0.1:{port}", "mocha": str(suite.home / "node_modules" / "mocha"),
    }  # fmt: skip
    return ["node", str(HERE / "client.js"), json.dumps(told)]


def environment(suite: Suite) -> dict[str, str]:
    """What the program needs of the environment beside the user's."""
    found = {"NODE_ENV": "test"}
    if suite.runner == "node":
        # The only way to hear of results in the process that runs the tests.
        found["NODE_OPTIONS"] = f"--test-reporter={HERE / 'reporter.mjs'} --test-reporter-destination=stdout"
    return found
