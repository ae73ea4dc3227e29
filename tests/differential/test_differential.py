"""More than a hundred random programs as original and staged, and the small ones that once did something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.differential.__main__ import attempt
from tests.differential.programs import make_program
from tests.differential.shrink import shrink, weight
from tests.differential.tree import load_program, save_program, text
from tests.differential.trial import Outcome, Setting

_REGRESSIONS = sorted(path.parent for path in Path(__file__).with_name("regressions").glob("*/program.json"))
_BATCH = 25


def _told(outcome: Outcome) -> str:
    return "\n".join(f"{failure.program.name}: {failure.kind}\n{failure.text}" for failure in outcome.failures)


@pytest.mark.parametrize(("first", "move"), [(0, "all"), (25, "some"), (50, "all"), (75, "gain"), (10_000, "kernels")])
def test_random_programs_do_the_same_when_they_are_staged(first: int, move: str) -> None:
    programs = [make_program(seed, modules="cjs" if first else None) for seed in range(first, first + _BATCH)]
    outcome = attempt(programs, Setting(move, first))
    assert not outcome.failures, _told(outcome)
    assert outcome.compared > 20 * _BATCH
    assert outcome.silent == 0
    if move == "all":
        assert outcome.moved > _BATCH
        assert outcome.calls > 10 * outcome.moved


@pytest.mark.parametrize("esm", [False, True])
def test_what_once_did_something_else_does_the_same_now(esm: bool) -> None:
    programs = [load_program(folder) for folder in _REGRESSIONS]
    chosen = [program for program in programs if program.entry.endswith(".mjs") == esm]
    outcome = attempt(chosen, Setting("all")) if chosen else Outcome()
    assert not outcome.failures, _told(outcome)
    assert outcome.programs == len(chosen)
    assert outcome.silent == 0


def test_a_program_that_leaves_a_client_without_an_answer_is_counted_and_costs_one_wait() -> None:
    folder = next(path for path in _REGRESSIONS if path.name == "class-changed")
    program = load_program(folder)
    lines = tuple(dict(program.files)[program.entry])
    never = program.with_file(program.entry, [line.replace("if (b === 5)", "if (b === 5) return;") for line in map(str, lines)])
    outcome = attempt([never], Setting("all", wait_s=2))
    assert (outcome.silent, outcome.compared, outcome.failures) == (1, 0, [])


def test_a_seed_makes_one_program_and_a_saved_one_is_the_same(tmp_path: Path) -> None:
    for seed in range(30):
        program = make_program(seed)
        assert program == make_program(seed)
        save_program(program, tmp_path / program.name)
        loaded = load_program(tmp_path / program.name)
        assert (loaded.asks, loaded.servers, loaded.entry) == (program.asks, program.servers, program.entry)
        assert [text(parts) for _, parts in loaded.files] == [text(parts) for _, parts in program.files]


def test_shrinking_keeps_what_fails_and_little_else() -> None:
    program = next(p for p in map(make_program, range(99)) if ".emit('ev'" in str(p.files))
    smaller = shrink(program, lambda candidates: [".emit('ev'" in str(one.files) for one in candidates], rounds=60)
    assert ".emit('ev'" in str(smaller.files)
    assert weight(smaller) < weight(program) / 2
