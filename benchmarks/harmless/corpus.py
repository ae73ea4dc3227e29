"""Runs the own test suites of packages with and without instrumentation, and compares them test by test.

Run it from the repository: ``python -m benchmarks.harmless.corpus``. Each suite runs twice as it is, because some tests
depend on the moment, and once under ``pipetrace record --memory full`` with package and tests instrumented.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.harmless.packages import PACKAGES, Package, prepared
from pipetrace.errors import PipetraceError
from pipetrace.tracer.trace import open_trace

_TIMEOUT_S = 1200
_SUMMARY = re.compile(r"(tests|pass|fail|ok|suites|cancelled|skipped|todo|duration_ms)\b")

Results = Counter[tuple[str, str]]
"""(test, "passed" or "failed") → how often; names may repeat."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A suite, run without and with instrumentation."""

    package: Package
    tests: int
    passed: int
    unsteady: int
    """Tests that differ between two runs without instrumentation."""
    different: tuple[tuple[str, str], ...]
    """Test, and what became of it only with instrumentation (or no longer)."""
    files: int
    """Files that were instrumented."""
    left_alone: tuple[str, ...]


def command(package: Package, folder: Path) -> list[str]:
    """The command that runs a package's tests."""
    files = [
        path.relative_to(folder).as_posix()
        for pattern in package.tests
        for path in sorted(folder.glob(pattern))
        if not path.name.endswith(package.without or ("\0",))
    ]
    if not files:
        raise PipetraceError(f"{package.name} has no tests that match {', '.join(package.tests)}.")
    if package.runner == "mocha":
        return ["node", "node_modules/mocha/bin/mocha.js", "--reporter", "json", *package.options, *files]
    if package.runner == "node":
        return ["node", "--test", "--test-reporter=tap", *package.options, *files]
    return ["node", "node_modules/tape/bin/tape", *package.options, *files]


def read(package: Package, output: str) -> Results:
    """What each test did, from what its runner printed."""
    if package.runner != "mocha":
        return _tap(output)
    start = output.find('{\n  "stats"')
    if start < 0:
        return Counter()
    report = json.JSONDecoder().raw_decode(output[start:])[0]
    results: Results = Counter()
    for key, word in (("passes", "passed"), ("failures", "failed"), ("pending", "skipped")):
        results.update((test["fullTitle"], word) for test in report[key])
    return results


def _tap(output: str) -> Results:
    results: Results = Counter()
    path: list[str] = []
    title = ""
    for line in output.splitlines():
        found = re.match(r"( *)(not ok|ok|# Subtest:|#) ?(\d+)?(?: - | )?(.*)$", line)
        if found is None:
            continue
        depth, word, name = len(found[1]) // 4, found[2], found[4]
        if word == "# Subtest:":
            path[depth:] = [name.strip()]
        elif word == "#":
            title = title if _SUMMARY.match(name) else name
        else:
            # Times, and addresses of a run, are no part of a name.
            full = " > ".join([*path[:depth], re.sub(r"\d+(\.\d+)? ?ms", "ms", name)])
            results[f"{title}: {full}" if title and not path else full, "passed" if word == "ok" else "failed"] += 1
    return results


def run(package: Package, folder: Path, trace: Path | None) -> tuple[Results, str]:
    """Run a suite, below a recording if `trace` is where that goes; return its results and what it printed."""
    words = command(package, folder)
    if trace is not None:
        words = [
            sys.executable, "-m", "pipetrace", "record", "--memory", "full", "--app", str(folder), "-o", str(trace),
            "--force", "-q", "--", *words,
        ]  # fmt: skip
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as temporary:
        env = {**os.environ, "TMPDIR": temporary, "NODE_ENV": "test", "PYTHONPATH": str(root), "NO_COLOR": "1"}
        env.pop("NODE_OPTIONS", None)
        done = subprocess.run(
            words, cwd=folder, env=env, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    return read(package, done.stdout), done.stdout + done.stderr


def compare(package: Package, *, keep: Path | None = None, steady: bool = True) -> Compared:
    """Compare a suite; `keep` is a directory for what the runs printed, `steady` runs it plain only once."""
    folder = prepared(package)
    before, printed = run(package, folder, None)
    again = before if steady else run(package, folder, None)[0]
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "t.duckdb"
        after, printed_after = run(package, folder, path)
        files, alone = _instrumented(path)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{package.name}.before").write_text(printed)
        (keep / f"{package.name}.after").write_text(printed_after)
    if not before:
        raise PipetraceError(f"The tests of {package.name} do not run: {printed[-500:]}")
    shaky = {name for name, _ in (before - again) + (again - before)} | set(package.racing)
    lost = [(name, f"no longer {word}") for name, word in (before - after) if name not in shaky]
    new = [(name, word) for name, word in (after - before) if name not in shaky]
    passed = sum(count for (_, word), count in before.items() if word == "passed")
    return Compared(package, before.total(), passed, len(shaky), tuple(lost + new), files, alone)


def _instrumented(path: Path) -> tuple[int, tuple[str, ...]]:
    if not path.exists():
        return 0, ()
    with open_trace(path) as trace:
        rows = trace.sql("select path, status, reason from file order by path").fetchall()
    alone = tuple(f"{path}: {reason}" for path, status, reason in rows if status != "instrumented")
    return len(rows) - len(alone), alone


@click.command()
@click.argument("names", nargs=-1)
@click.option("--keep", type=click.Path(path_type=Path), help="Directory for what the runs print.")
def main(names: Sequence[str], keep: Path | None) -> None:
    """Compare the suites of the packages NAMES, or of all."""
    unknown = set(names) - {package.name for package in PACKAGES}
    if unknown:
        raise click.BadParameter(f"{', '.join(sorted(unknown))}; known are {', '.join(p.name for p in PACKAGES)}")
    bad = False
    print("| package | tests | passed | unsteady | files | same |\n|---|---:|---:|---:|---:|---|")
    for package in PACKAGES:
        if names and package.name not in names:
            continue
        try:
            found = compare(package, keep=keep, steady=False)
        except PipetraceError as error:
            print(f"| {package.name} {package.version} | {error} |")
            bad = True
            continue
        same = "yes" if not found.different else f"no: {len(found.different)}"
        print(
            f"| {package.name} {package.version} | {found.tests} | {found.passed} | {found.unsteady} | {found.files} "
            f"| {same} |", flush=True,
        )  # fmt: skip
        for line in found.left_alone:
            print(f"    left alone: {line}")
        for name, word in found.different:
            print(f"    {name}: {word}")
        bad = bad or bool(found.different)
    sys.exit(bad)


if __name__ == "__main__":
    main()
