"""The packages whose own tests are run with instrumentation on: where their tests come from, and how they run."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.harmless import debian
from pipetrace.errors import PipetraceError
from pipetrace.runner import npm

Runner = Literal["mocha", "node", "tape"]


@dataclass(frozen=True, slots=True)
class Package:
    """One package with its tests."""

    name: str
    version: str
    """From npm; of packages from Debian what that has."""
    runner: Runner
    tests: tuple[str, ...]
    """Globs below the package."""
    tools: tuple[str, ...] = ()
    """What its tests need beside its dependencies, as npm names it."""
    options: tuple[str, ...] = ()
    """Options of the runner."""
    debian: str = ""
    """Source package, where npm's tarball has no tests."""
    without: tuple[str, ...] = ()
    """Test files left out, by the end of their names: what they need is not there (a browser, a network)."""
    racing: tuple[str, ...] = ()
    """Tests whose outcome hangs on a race that the package loses now and then also by itself; they do not count."""


PACKAGES = (
    Package("express", "4.18.2", "mocha", ("test/*.js", "test/acceptance/*.js"), debian="node-express",
            options=("--require", "test/support/env", "--check-leaks"),
            tools=("mocha@10.8.2", "supertest@6.3.0", "after@0.8.2", "cookie-parser@1.4.6", "cookie-session@2.0.0",
                   "ejs@3.1.8", "express-session@1.17.2", "hbs@4.2.0", "marked@0.7.0", "method-override@3.0.0",
                   "morgan@1.10.0", "multiparty@4.2.3", "pbkdf2-password@1.2.1", "vhost@3.0.2")),
    Package("body-parser", "1.20.1", "mocha", ("test/*.js",), debian="node-body-parser",
            options=("--require", "test/support/env", "--check-leaks"),
            tools=("mocha@10.8.2", "supertest@6.3.0", "methods@1.1.2", "safe-buffer@5.2.1")),
    Package("connect", "3.7.0", "mocha", ("test/*.js",), debian="node-connect",
            options=("--require", "test/support/env", "--check-leaks"), tools=("mocha@10.8.2", "supertest@4.0.2")),
    Package("fastify", "5.12.8", "node", ("test/*.test.js", "test/*/*.test.js"),
            tools=("ajv@8", "ajv-errors@3", "ajv-formats@3", "ajv-i18n@4", "ajv-merge-patch@5", "fast-json-body@1",
                   "fastify-plugin@6", "fluent-json-schema@6", "h2url@0.2", "http-errors@2", "joi@18", "JSONStream@1",
                   "node-forge@1", "proxyquire@2", "split2@4", "undici@7", "vary@1", "yup@1", "form-data@4")),
    Package("find-my-way", "9.10.2", "node", ("test/*.test.js",), tools=("proxyquire@2.1.3", "rfdc@1.4.1")),
    # Of two timers of 10 ms, set in one turn or in two, the second has to end first.
    Package("avvio", "9.3.1", "node", ("test/*.test.js",), racing=("nested timeout do not crash - await",)),
    Package("fast-json-stringify", "7.3.10", "node", ("test/*.test.js",), tools=("compile-json-stringify@0.1.2",)),
    Package("light-my-request", "6.8.1", "node", ("test/*.test.js",),
            tools=("@fastify/ajv-compiler@4", "end-of-stream@1", "express@5", "form-auto-content@3", "form-data@4",
                   "formdata-node@6", "multer@2", "undici@7")),
    Package("pino", "10.4.0", "node", ("test/*.test.js",),
            tools=("@matteo.collina/tspl@0.2", "bole@5", "execa@5", "flush-write-stream@2", "import-fresh@3", "pump@3",
                   "pino-pretty@13", "proxyquire@2", "rimraf@6", "semver@7", "split2@4", "steed@1", "strip-ansi@6",
                   "through2@4", "tape@5", "ts-node@10", "typescript@5")),
    Package("qs", "6.17.1", "tape", ("test/*.js",),
            tools=("tape@5.10.2", "es-value-fixtures@1", "for-each@0.3", "has-bigints@1", "has-override-mistake@1",
                   "has-property-descriptors@1", "has-proto@1", "has-symbols@1", "iconv-lite@0.5", "mock-property@1",
                   "object-inspect@1", "qs-iconv@1", "safer-buffer@2")),
    Package("minimist", "1.2.8", "tape", ("test/*.js",), tools=("tape@5.10.2",)),
    Package("mqtt-packet", "9.0.2", "tape", ("test.js",), tools=("tape@5.10.2", "readable-stream@4")),
    Package("fastq", "1.20.3", "tape", ("test/test.js", "test/promise.js"),
            tools=("tape@5.10.2", "async@3", "neo-async@2")),
    Package("pg-protocol", "1.16.1", "mocha", ("dist/*.test.js",), tools=("mocha@11.7.5", "chai@4")),
)  # fmt: skip


def prepared(package: Package) -> Path:
    """Directory of the package with its tests and all that they need; installed once per user."""
    folder = npm.cache_folder() / "corpus" / f"{package.name}-{package.version}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".preparing-") as name:
        aside = Path(name)
        new = aside / "new"
        if package.debian:
            shutil.copytree(debian.source(package.debian), new, symlinks=True)
        else:
            _npm(aside, "pack", "--silent", f"{package.name}@{package.version}")
            new.mkdir()
            (archive,) = aside.glob("*.tgz")
            subprocess.run(["tar", "-x", "-f", str(archive), "--strip-components=1"], cwd=new, check=True)
        description = json.loads((new / "package.json").read_bytes())
        # Only what is named here is installed of the tools that its authors use.
        description.pop("devDependencies", None)
        description.pop("scripts", None)
        (new / "package.json").write_text(json.dumps(description, indent=2))
        _npm(new, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--no-package-lock",
             "--legacy-peer-deps", "--loglevel", "error", *package.tools)  # fmt: skip
        try:
            new.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another run was faster
                raise
    return folder


def _npm(folder: Path, *words: str) -> None:
    program = shutil.which("npm")
    if program is None:
        raise PipetraceError("npm was not found on the PATH; install it, the packages come from its registry.")
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.startswith("npm error")] or ["npm error unknown"]
        raise PipetraceError(f"npm {words[0]} failed in {folder} ({said[0].removeprefix('npm error ')}).")
