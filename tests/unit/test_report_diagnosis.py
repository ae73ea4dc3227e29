"""The first sentence of a report, and the notes below it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipetrace.report.diagnosis import diagnose, notes
from pipetrace.report.model import Objection, Plan, Refusal, Report
from tests.unit.report_fixture import made_up_report


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return made_up_report(tmp_path_factory.mktemp("report"))


def _diagnose(report: Report, plan: Plan | None, planned: str = "") -> tuple[str, str]:
    return diagnose(report.recording, report.handlers, report.state, plan, planned)


def test_the_sentence_of_the_plan_stands(report: Report) -> None:
    assert report.verdict == "gain"
    assert report.diagnosis == (
        "`render` (lib/render.js:4) takes 78 % of the CPU and shares no state: 4 cores would serve 3.1× as much."
    )


def test_a_plan_without_a_sentence_gets_one(report: Report) -> None:
    assert _diagnose(report, report.plan) == ("gain", report.diagnosis)


def test_nothing_to_gain_names_the_reason(report: Report) -> None:
    assert report.plan is not None
    refused = Refusal("lib/render.js#render", 0.78, (Objection("state", "It writes `cache`.", ""),))
    plan = replace(report.plan, moved=0, scaling=(), refusals=(refused,))
    assert _diagnose(report, plan) == ("nothing", "Nothing to gain: It writes `cache`.")
    assert _diagnose(report, replace(plan, refusals=())) == (
        "nothing",
        "Nothing to gain: no handler is heavy enough to pay for its messages; "
        "`render` (lib/render.js:4) takes 78 % of the CPU.",
    )


def test_without_a_plan_the_next_step_is_named(report: Report) -> None:
    assert _diagnose(report, None) == (
        "open",
        "`render` (lib/render.js:4) takes 75 % of the handlers' CPU and shares no state; "
        "`pipetrace partition` tells what more machines would gain.",
    )


def test_shared_state_is_named_with_the_number_of_sharers(report: Report) -> None:
    top = replace(report.handlers[0], id="lib/stats.js#flush", touches=("app.js:visits",))
    sentence = diagnose(report.recording, (top,), report.state, None, "")[1]
    assert "and shares `visits` with 1 other handler;" in sentence


def test_an_empty_recording_says_what_to_do(tmp_path: Path) -> None:
    report = made_up_report(tmp_path, planned=False, empty=True)
    assert report.verdict == "empty"
    assert report.diagnosis.startswith("Nothing was recorded: no file of the application was loaded")
    loaded = replace(report.recording, files_instrumented=3)
    assert diagnose(loaded, (), (), None, "")[1].startswith("Nothing was served while this was recorded; put load")


def test_notes_begin_with_what_is_missing(report: Report) -> None:
    recording = replace(
        report.recording,
        complete=False,
        partial_reason="killed by SIGKILL",
        lost_records=12,
        gc_share=0.2,
        cpu_mean=0.1,
    )
    assert notes(recording, ()) == (
        "The recording is partial (killed by SIGKILL): every figure covers only what was written before.",
        "12 records were lost while recording, so counts are too low.",
        "The event loop was held up for 86 ms at worst; whatever arrives then waits that long.",
        "The process used 10 % of a core on average: the load did not fill it, "
        "so its limit was not reached in this recording.",
        "Garbage collection took 20 % of the time.",
    )


def test_two_modes_are_a_note(report: Report) -> None:
    assert report.notes[-1] == "`render` has two modes: 75 % of its calls take 432 µs, 25 % take 8.2 ms."


def test_without_memory_nothing_is_said_of_state(report: Report) -> None:
    recording = replace(report.recording, memory_mode="off")
    verdict, sentence = diagnose(recording, report.handlers, report.state, None, "")
    assert verdict == "open"
    assert sentence.endswith("memory was not recorded, so nothing is known of what it shares.")
