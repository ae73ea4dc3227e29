"""`python -m tests.differential`: many random programs as original and staged; failures are shrunk and kept."""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pipetrace.errors import PipetraceError
from pipetrace.runner import npm
from pipetrace.runner.transport import Transport, open_transport
from tests.differential.programs import make_program
from tests.differential.shrink import shrink
from tests.differential.tree import Program, save_program
from tests.differential.trial import COUNTED, TALLIES, Failure, Outcome, Setting, try_programs

_HASTE_S = 20.0
"""How long clients wait for an answer of a program that is made smaller."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return 1 if any program did something else when it was staged."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="how many programs (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first; the others follow (default 0)")
    parser.add_argument("--batch", type=int, default=25, help="programs in one process (default 25)")
    parser.add_argument("--nats", type=int, default=7, metavar="N", help="every Nth batch over NATS (default 7; 0 = none)")
    parser.add_argument("--move", choices=["mixed", "all", "some", "gain", "kernels"], default="mixed")
    parser.add_argument("--out", type=Path, default=Path("differential"), help="directory for summary and failures")
    parser.add_argument("--shrink", type=int, default=25, metavar="ROUNDS", help="rounds of shrinking (0 = none)")
    parser.add_argument("--one", action="store_true", help="one program alone, and keep all that it leaves in --out")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    if given.one:
        return _one(given)
    journal = given.out / "journal.jsonl"
    done = {json.loads(line)["first"] for line in journal.read_text().splitlines()} if journal.exists() else set()
    failed = 0
    with contextlib.ExitStack() as stack:
        broker: Transport | None = None
        for first in range(given.seed, given.seed + given.count, given.batch):
            if first in done:
                continue
            number = first // given.batch
            over_nats = given.nats > 0 and number % given.nats == given.nats - 1
            if over_nats and broker is None:
                broker = stack.enter_context(open_transport("nats"))
            move = ("all", "some", "kernels", "gain")[number % 4] if given.move == "mixed" else given.move
            setting = Setting(move, first, broker if over_nats and broker is not None else Setting().transport)
            count = min(given.batch, given.seed + given.count - first)
            failed += _batch(first, count, setting, given, journal)
    print(summary(journal))
    return 1 if failed else 0


def _batch(first: int, count: int, setting: Setting, given: argparse.Namespace, journal: Path) -> int:
    begun = time.monotonic()
    modules = "cjs" if random.Random(first).random() < 0.6 else None
    programs = [make_program(seed, modules=modules) for seed in range(first, first + count)]
    outcome = attempt(programs, setting)
    confirmed: list[Failure] = []
    for program in {failure.program.name: failure.program for failure in outcome.failures}.values():
        again = attempt([program], setting)
        told = again.failures or [f for f in outcome.failures if f.program is program]
        if not again.failures:
            print(f"seed {program.seed}: not again: {told[0].kind} {told[0].text[:300]}", file=sys.stderr, flush=True)
            continue
        confirmed.append(told[0])
        folder = given.out / "failures" / program.name
        save_program(program, folder / "whole")
        (folder / "failure.txt").write_text(f"move {setting.move}, {setting.transport.address}\n{told[0].kind}\n{told[0].text}\n")
        print(f"seed {program.seed}: {told[0].kind}\n{told[0].text[:700]}", file=sys.stderr, flush=True)
        if given.shrink:
            smaller = shrink_failure(program, told[0].kind, setting, given.shrink)
            save_program(smaller, folder / "small")
    row = {
        "first": first, "programs": outcome.programs, "move": setting.move, "transport": setting.transport.address.partition(":")[0],
        "failed": [failure.program.seed for failure in confirmed], "seconds": round(time.monotonic() - begun, 1),
        **{name: dict(getattr(outcome, name)) for name in TALLIES},
        **{name: getattr(outcome, name) for name in COUNTED},
    }  # fmt: skip
    with journal.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(f"{first}: {row['moved']} of {row['found']} moved, {row['compared']} compared, {row['seconds']} s, failed {row['failed']}", flush=True)
    return len(confirmed)


def attempt(programs: Sequence[Program], setting: Setting) -> Outcome:
    """Try some programs in a directory that is gone afterwards; a step that fails as a whole is a failure of each."""
    with _folder() as folder:
        try:
            return try_programs(programs, setting, folder, packages())
        except PipetraceError as error:
            text = f"{type(error).__name__}: {error}"
        except Exception:  # a traceback of pipetrace is a defect like a wrong answer
            text = traceback.format_exc()
    if len(programs) > 1:
        outcome = Outcome()
        for program in programs:
            outcome.add(attempt([program], setting))
        return outcome
    return Outcome(programs=1, failures=[Failure(programs[0], "step", text)])


def shrink_failure(program: Program, kind: str, setting: Setting, rounds: int) -> Program:
    """A smaller program that fails in the same way."""

    # A program from which its answer was cut away would hold up all that are tried with it.
    hasty = replace(setting, wait_s=_HASTE_S)

    def fails(candidates: Sequence[Program]) -> list[bool]:
        failed = {failure.program.name for failure in attempt(candidates, hasty).failures if failure.kind == kind}
        return [candidate.name in failed for candidate in candidates]

    return shrink(program, fails, rounds=rounds)


def packages() -> Path:
    """The node_modules directory that has express (installed when it is used first)."""
    return npm.install("express", "4.21.2").parent


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="pipetrace-differential-")).resolve()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _one(given: argparse.Namespace) -> int:
    move = "all" if given.move == "mixed" else given.move
    folder = given.out / f"p{given.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    outcome = try_programs([make_program(given.seed)], Setting(move, given.seed), folder.resolve(), packages())
    print(replace(outcome, failures=[]))
    for failure in outcome.failures:
        print(failure.kind, failure.text)
    return 1 if outcome.failures else 0


def summary(journal: Path) -> str:
    """What all batches of a journal came to."""
    rows = [json.loads(line) for line in journal.read_text().splitlines()]
    total = {name: sum(row[name] for row in rows) for name in ("programs", *COUNTED)}
    tally = {name: Counter[str]() for name in TALLIES}
    for row in rows:
        for name in TALLIES:
            tally[name].update(row[name])
    failed = sorted(seed for row in rows for seed in row["failed"])
    plans = Counter[str]()
    for row in rows:
        plans[f"{row['move']} ({row['transport']})"] += row["programs"]
    made = ", ".join(f"{mark} {tally['made_moved'][mark]} of {count}" for mark, count in sorted(tally["made"].items()))
    return (
        f"{total['programs']} programs, {len(failed)} with a difference{f' (seeds {failed})' if failed else ''}\n"
        f"by plan and transport: {_counts(plans)}\n"
        f"{total['found']} handlers found, {total['moved']} moved ({_counts(tally['forms'])}); "
        f"{total['calls']} calls ran on stages, {total['here']} of moved handlers on the entry\n"
        f"of what the generator made, moved by itself or with what is around it: {made}\n"
        f"{total['compared']} answers compared, {total['varied']} left out since the original varies, "
        f"{total['violations']} refused as violations on paths that were not recorded or after such; "
        f"{total['again']} compared once more without those requests; "
        f"{total['limits']} differ by changes that the README says are not watched\n"
        f"{total['silent']} programs left out whose original leaves a client without an answer\n"
        f"kept: {_counts(tally['refusals'])}"
    )


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common())


if __name__ == "__main__":
    sys.exit(main())
