"""Runs the language tests of test262 with and without instrumentation, and lists every program that notices.

Run it from the repository: ``python -m benchmarks.harmless.test262``. All programs take about half an hour on two
cores; ``--every N`` takes an even sample of the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import click

import pipetrace.tracer
from benchmarks.harmless import suite262
from benchmarks.harmless.suite262 import Program
from pipetrace.errors import PipetraceError
from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.parse import parse
from pipetrace.javascript.scopes import analyse
from pipetrace.tracer.instrument import Instrumented, InstrumentOptions, instrument

AGENT = Path(pipetrace.tracer.__file__).resolve().parent / "agent"
RUNNER = Path(__file__).with_name("test262.js")
_BATCH = 250
_SILENCE_S = 20.0
"""A program that is silent for so long hangs; it is killed and the batch goes on behind it."""

Mode = Literal["full", "unsampled", "off"]
"""All accesses recorded, probes that are passed without recording, or no probes for accesses."""


@dataclass(slots=True)
class Outcome:
    """What one mode did to the programs."""

    mode: Mode
    ran: int = 0
    """Programs that ran to their end without instrumentation, or failed as they must."""
    left_alone: Counter[str] = field(default_factory=Counter)
    """Why programs were not instrumented."""
    different: list[tuple[str, str, str]] = field(default_factory=list)
    """Program, and how it ended without and with instrumentation."""


def instrumented(text: str, path: str, kind: str, memory: Mode, number: int = 0) -> tuple[Instrumented | None, str]:
    """Return a program's instrumented text, or None and the reason."""
    try:
        parsed = parse(text, path, "module" if kind == "module" else "script")
        options = InstrumentOptions(memory="off" if memory == "off" else "full")
        made = instrument(
            parsed, analyse(parsed), functions_of(parsed), file_id=number, function_base=number * 1000, options=options
        )
    except (PipetraceError, RecursionError) as error:
        return None, str(error)
    return made, ""


def run_batch(work: tuple[Sequence[Program], Sequence[Mode], str]) -> list[Outcome]:
    """Run some programs in all modes. `work` ends with the file of the texts that programs include."""
    programs, modes, library = work
    as_it_is = [_message(number, program, program.text, False) for number, program in enumerate(programs)]
    plain = execute(as_it_is, library)
    found = []
    for mode in modes:
        outcome = Outcome(mode)
        messages = []
        for number, program in enumerate(programs):
            if not _counts(program, plain[number]):
                continue
            outcome.ran += 1
            made, why = instrumented(program.text, program.path, program.kind, mode, number)
            if made is None:
                # What must not parse is never instrumented.
                if not program.negative:
                    outcome.left_alone[_generic(why)] += 1
                continue
            told = _message(number, program, made.code, True)
            messages.append({**told, "spans": made.spans, "original": program.text})
        ends = execute(messages, library, "never" if mode == "unsampled" else "full")
        for message in messages:
            number = message["id"]
            if ends[number] != plain[number]:
                outcome.different.append((programs[number].name, plain[number], ends[number]))
        found.append(outcome)
    return found


def _counts(program: Program, end: str) -> bool:
    if program.negative:
        return end != "completed"
    return end == ("printed Test262:AsyncTestComplete" if program.asynchronous else "completed")


def _generic(why: str) -> str:
    return why.split(": ", 1)[-1][:70]


def _message(number: int, program: Program, code: str, probes: bool) -> dict[str, Any]:
    return {
        "id": number, "kind": program.kind, "code": code, "path": program.path, "probes": probes, "base": number * 1000,
        "includes": ["(host)", *program.includes], "asynchronous": program.asynchronous,
    }  # fmt: skip


def execute(messages: Sequence[dict[str, Any]], library: str, sampling: str = "full") -> dict[int, str]:
    """Return how each program ended; one that kills or blocks the process ended with that."""
    ends: dict[int, str] = {}
    left = list(messages)
    while left:
        lines = "".join(json.dumps(message) + "\n" for message in left)
        words = ["node", "--experimental-vm-modules", "--no-warnings", "--stack-size=900", str(RUNNER), str(AGENT)]
        with tempfile.TemporaryDirectory() as temporary:
            env = {**os.environ, "TMPDIR": temporary, "NODE_OPTIONS": ""}
            process = subprocess.Popen(
                [*words, sampling, library], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=env,
            )  # fmt: skip
            try:
                output, _ = process.communicate(lines.encode("ascii"), timeout=_SILENCE_S + len(left) * 0.3)
                how = f"the process ended with {process.returncode}"
            except subprocess.TimeoutExpired:
                process.kill()
                output, _ = process.communicate()
                how = "no end"
        begun = None
        for line in output.splitlines():
            said = json.loads(line)
            begun = said["id"]
            if "end" in said:
                ends[begun] = said["end"]
        if begun is not None:
            ends.setdefault(begun, how)
        rest = [message for message in left if message["id"] not in ends]
        if len(rest) == len(left):
            raise PipetraceError(f"No program of test262 could be run ({how}).")
        left = rest
    return ends


def library_text(suite: suite262.Suite) -> dict[str, Any]:
    """What programs include and import, with and without probes."""
    plain = suite.modules()
    probes = {}
    for number, (path, text) in enumerate(plain.items()):
        made = None if path.endswith(".json") else instrumented(text, path, "module", "full", 40_000 + number)[0]
        probes[path] = made.code if made else text
    return {"includes": {"(host)": suite262.host(), **suite.includes}, "plain": plain, "probes": probes}


def compare(programs: Iterable[Program], suite: suite262.Suite, modes: Sequence[Mode], processes: int) -> list[Outcome]:
    """Run programs in all modes; one outcome a mode."""
    totals = {mode: Outcome(mode) for mode in modes}
    with tempfile.TemporaryDirectory() as temporary:
        library = Path(temporary) / "library.json"
        library.write_text(json.dumps(library_text(suite)))
        todo = list(programs)
        work = [(todo[at : at + _BATCH], modes, str(library)) for at in range(0, len(todo), _BATCH)]
        with ProcessPoolExecutor(processes) as pool:
            for done, outcomes in enumerate(pool.map(run_batch, work), 1):
                for outcome in outcomes:
                    total = totals[outcome.mode]
                    total.ran += outcome.ran
                    total.left_alone += outcome.left_alone
                    total.different += outcome.different
                if sys.stderr.isatty():
                    print(f"\r{done}/{len(work)} batches", end="", file=sys.stderr)
    return list(totals.values())


@click.command()
@click.option("--every", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
              help="Take one test in N.")  # fmt: skip
@click.option("--from", "edition", type=click.Choice(get_args(suite262.Edition)), default="firefox-esr",
              show_default=True, help="Debian source package that test262 is taken from.")  # fmt: skip
@click.option("--directory", type=click.Path(path_type=Path), help="A checkout of test262 instead.")
@click.option("--only", default="", metavar="TEXT", help="Only programs whose name contains TEXT.")
@click.option("--processes", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default=True)
@click.option("--mode", "modes", type=click.Choice(get_args(Mode)), multiple=True, default=("full", "unsampled", "off"))
def main(
    every: int, edition: suite262.Edition, directory: Path | None, only: str, processes: int, modes: tuple[Mode, ...]
) -> None:
    """Compare how the language tests of test262 end with and without instrumentation."""
    suite = suite262.load(directory) if directory else suite262.fetch(edition)
    programs = [program for program in suite.programs(every) if only in program.name]
    outcomes = compare(programs, suite, modes, processes)
    for outcome in outcomes:
        alone = sum(outcome.left_alone.values())
        print(f"{outcome.mode}: {len(programs)} programs, {outcome.ran} as node should; of these {alone} left alone, "
              f"{len(outcome.different)} different")  # fmt: skip
        for why, count in outcome.left_alone.most_common(12):
            print(f"  left alone {count}: {why}")
        for name, before, after in outcome.different:
            print(f"  {name}: {before} -> {after}")
    sys.exit(1 if any(outcome.different for outcome in outcomes) else 0)


if __name__ == "__main__":
    main()
