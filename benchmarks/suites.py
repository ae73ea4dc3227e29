"""The own tests of a framework's examples and of server packages, against staged programs with all legal moves made.

Each program runs its tests twice as it is, because some depend on the moment, and once staged; every test that passed
has to pass. An application that tests require is served by a process of its own (`client.js`); where a package's tests
make their servers themselves, the tests and the package are the program, of which no function of the tests moves that
works for the tests and not for a request that they sent (`inside.js`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from benchmarks import _common as common
from benchmarks._suites import INSIDE, Suite, checkout, client, environment, make_program, suites
from pipetrace.errors import PipetraceError
from pipetrace.partitioner.build import Options, make_plan
from pipetrace.partitioner.load import load_recording
from pipetrace.partitioner.plan import Handler, Plan
from pipetrace.partitioner.recording import Recording
from pipetrace.rewriter.rewrite import rewrite
from pipetrace.runner.launch import Running, start
from pipetrace.runner.staged import load_staged
from pipetrace.runner.stages import read_notes, start_staged
from pipetrace.runner.transport import Transport, open_transport
from pipetrace.tracer.record import RecordOptions, record

_WAIT_S = 900.0
_ASKED = "/-/run-the-tests"


@dataclass(slots=True)
class Row:
    """What came of one suite."""

    name: str
    transport: str
    tests: int = 0
    passed: int = 0
    staged: int = 0
    """Passes of the staged program, unsteady tests left out as in `passed`."""
    unsteady: int = 0
    found: int = 0
    moved: int = 0
    away: int = 0
    """Calls of moved handlers that ran on a stage."""
    lost: list[str] = field(default_factory=list)
    """Tests that pass with the original only, with the first lines of the error."""
    error: str = ""
    """Why there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Results:
    """What became of tests; names may repeat."""

    counts: Counter[tuple[str, str]]
    """(test, "passed", "failed" or "skipped") → how often."""
    errors: Mapping[str, str]
    """Test → error."""


def _use(suite: Suite, running: Running) -> Results:
    """Run the tests against a program."""
    found = running.port(None)
    if found is None:
        raise PipetraceError(f"{running.name} has no HTTP server.")
    if suite.example:
        words = client(suite, str(found[1]))
        env = {**os.environ, "NODE_OPTIONS": ""}
        text = subprocess.run(
            words, cwd=suite.home, env=env, stdout=subprocess.PIPE, text=True, timeout=_WAIT_S, check=False
        ).stdout
    else:
        asked = http.client.HTTPConnection("127.0.0.1", found[1], timeout=_WAIT_S)
        try:
            asked.request("GET", _ASKED)
            text = asked.getresponse().read().decode("utf-8", "replace")
        except (http.client.HTTPException, OSError) as error:
            raise PipetraceError(f"The tests of {suite.name} came to no end with {running.name}: {error!r}") from None
        finally:
            asked.close()
    try:
        told = json.loads(text)
    except ValueError:
        raise PipetraceError(f"The tests of {suite.name} came to no end with {running.name}: {text[-300:]}") from None
    return Results(Counter((test, word) for test, word, _ in told), {test: error for test, _, error in told if error})


def _watchers(recording: Recording, plan: Plan, suite: Suite) -> tuple[str, ...]:
    """Handlers in the text of the tests that do not serve a request: these are given one, or an object that stands for
    one, and run for nothing but requests.
    """
    if suite.example:
        return ()
    text = {INSIDE, *suite.files}
    folders = tuple(f"{Path(file).parts[0]}/" for file in suite.files if len(Path(file).parts) > 1)
    served = {
        chain.id for chain in recording.chains.values() if chain.kind == "http" and not chain.event.endswith(_ASKED)
    }
    rows = recording.invocations
    watching = {
        function for function, chain in zip(rows.function.tolist(), rows.chain.tolist(), strict=True)
        if chain not in served
    }  # fmt: skip
    places = {
        (recording.file_of(function.id), function.start): function.id for function in recording.functions.values()
    }

    def serves(handler: Handler) -> bool:
        if "http.request" in handler.arguments:
            return True
        stands = any(klass.startswith("instance:") for klass in handler.arguments)
        return stands and places.get((handler.file, handler.start)) not in watching

    return tuple(
        handler.id for handler in plan.handlers
        if (handler.file in text or handler.file.startswith(folders)) and not serves(handler)
    )  # fmt: skip


def _run(suite: Suite, transport: Transport) -> Row:
    row = Row(suite.name, "nats" if transport.processes else "threads")
    env = {**os.environ, **environment(suite)}
    with tempfile.TemporaryDirectory(prefix="pipetrace-suite-") as name, _environment(env):
        out = Path(name).resolve()
        app = out / "app"
        command = make_program(suite, app)
        load = f"curl -s http://127.0.0.1:$PORT{_ASKED}"
        if suite.example:
            load = f"NODE_OPTIONS= {shlex.join(client(suite, '@PORT@'))}".replace("@PORT@", "'$PORT'")
        os.chdir(suite.home if suite.example else app)
        recorded = record(RecordOptions(command=command, output=out / "t.duckdb", app=app, wait_s=_WAIT_S,
                                        on_port=f"{load} > {out / 'recorded.json'}"))  # fmt: skip
        recording = load_recording(recorded.path)
        watchers = _watchers(recording, make_plan(recording, Options(machines=2, move="all")), suite)
        plan = make_plan(recording, Options(machines=2, move="all", keep=watchers))
        made = rewrite(plan, app, out / "staged")
        row.found, row.moved = len(plan.handlers) - len(watchers), len(made.moved)
        results = []
        for turn in ("first", "second"):
            running = start(command, app, env, name="the original", scratch=out / turn, timeout_s=120)
            try:
                results.append(_use(suite, running))
            finally:
                running.stop()
        staged = dataclasses.replace(load_staged(out / "staged"), cwd=out / "staged")
        running = start_staged(staged, transport, out / "scratch", timeout_s=120)
        try:
            after = _use(suite, running)
            row.away = sum(away for _, away, _ in read_notes(running, out / "scratch").calls)
        finally:
            running.stop()
    first, second = results
    _compare(row, first, second, after)
    return row


def _compare(row: Row, first: Results, second: Results, after: Results) -> None:
    shaky = {test for test, _ in (first.counts - second.counts) + (second.counts - first.counts)}
    row.tests = first.counts.total()
    row.unsteady = len(shaky)
    for (test, word), count in first.counts.items():
        if word == "passed" and test not in shaky:
            still = min(count, after.counts[test, word])
            row.passed += count
            row.staged += still
            if still < count:
                row.lost.append(f"{test}: {after.errors.get(test, 'it did not run')[:500]}")


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


def _table(rows: Iterable[Row]) -> str:
    lines = [
        "| suite | over | tests | passed | passed staged | unsteady | handlers | moved | calls on stages |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        figures = (row.tests, row.passed, row.staged, row.unsteady, row.found, row.moved, row.away)
        cells = [row.error.replace("|", "/")] if row.error else list(map(str, figures))
        lines.append(f"| {row.name} | {row.transport} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _text(rows: list[Row]) -> str:
    known = common.environment()
    done = [row for row in rows if not row.error]
    threads = [row for row in done if row.transport == "threads"]
    return (
        "# Own tests of applications and packages\n\n"
        f"Made by `python -m benchmarks.suites`; Node {known['node']}. Own tests of example applications and of "
        "packages that serve requests, run with the original and with the staged program, in which every handler is "
        "moved that may move, whatever it gains. *passed* counts tests that pass in two runs of the original; "
        "*unsteady* ones differ between these and are left out. *handlers* are those that ran after initialisation, "
        "without those of the tests themselves.\n\n"
        f"On threads {sum(row.staged for row in threads)} of {sum(row.passed for row in threads)} passes are kept, "
        f"with {sum(row.moved for row in threads)} of {sum(row.found for row in threads)} handlers moved.\n\n"
        f"{_table(rows)}\n"
    )


def _kept(folder: Path) -> list[Row]:
    found = [Row(**json.loads(file.read_text(encoding="utf-8"))) for file in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda row: (row.transport != "threads", row.name))


@click.command()
@click.argument("names", nargs=-1)
@click.option("--transport", type=click.Choice(["threads", "nats"]), default="threads", show_default=True)
@click.option("--checkout", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Instead, the programs of a checkout that have mocha tests beside them.")  # fmt: skip
@click.option("--tests", default="*/test.js", show_default=True, help="Of the checkout: which files are tests.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("benchmark-results"), show_default=True)
@click.option("--docs", type=click.Path(path_type=Path), help="Also write the table of all rows so far to this file.")
def main(
    names: tuple[str, ...], transport: str, folder: Path | None, tests: str, output: Path, docs: Path | None
) -> None:
    """Run the suites whose names begin with one of NAMES, or all."""
    kept = output.resolve() / "suites"
    kept.mkdir(parents=True, exist_ok=True)
    rows = []
    with contextlib.ExitStack() as stack:
        chosen = stack.enter_context(open_transport("nats")) if transport == "nats" else Transport("threads")
        for suite in checkout(folder.resolve(), tests) if folder is not None else suites(names):
            if names and not suite.name.startswith(names):
                continue
            try:
                row = _run(suite, chosen)
            except PipetraceError as error:
                row = Row(suite.name, transport, error=str(error))
            rows.append(row)
            click.echo(_table([row]).rpartition("\n")[2])
            for line in row.lost:
                click.echo(f"    {line}")
            file = kept / f"{row.name.replace('/', '-')}-{transport}.json"
            file.write_text(json.dumps(dataclasses.asdict(row), indent=2) + "\n", encoding="utf-8")
    if docs is not None:
        docs.write_text(_text(_kept(kept)), encoding="utf-8")
        click.echo(f"Wrote {docs}", err=True)
    sys.exit(any(row.lost or row.error for row in rows))


if __name__ == "__main__":
    main()
