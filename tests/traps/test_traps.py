"""Programs in which moving a handler would change what they do: equal all the same, or left where it is with the reason.

`expected_<application>.py` says for each trap what becomes of its handlers: 'moved', or the cause for which one stays.
Refusing everything would not pass, nor would moving what must stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest

from pipetrace.runner.transport import Transport
from tests.traps import expected_http, expected_modules, expected_process, expected_state, expected_values
from tests.traps.harness import Staged

APPLICATIONS: dict[str, Mapping[str, Mapping[str, str]]] = {
    "values": expected_values.TRAPS,
    "state": expected_state.TRAPS,
    "http": expected_http.TRAPS,
    "process": expected_process.TRAPS,
    "modules": expected_modules.TRAPS,
}
"""Application → trap → handler ('file.js#name' outside the trap's own file) → 'moved', or why it stays."""
RUN_HERE: dict[str, Mapping[str, str]] = {
    "values": expected_values.RUN_HERE,
    "state": expected_state.RUN_HERE,
    "http": expected_http.RUN_HERE,
    "process": expected_process.RUN_HERE,
    "modules": expected_modules.RUN_HERE,
}
CASES = [(application, trap) for application, traps in APPLICATIONS.items() for trap in traps]


def _id(app: Staged, trap: str, handler: str) -> str:
    if "#" in handler:
        return handler
    file = next(name for name in (f"{trap}.js", f"{trap}.mjs", f"{trap}.cjs") if (app.folder / "app" / name).is_file())
    return f"{file}#{handler}"


def _warnings(errors: str) -> set[str]:
    """What Node warns of."""
    return set(re.findall(r"^\(node:\d+\) (.*)$", errors, re.MULTILINE))


KINDS = ["threads", pytest.param("nats", marks=pytest.mark.nats)]


@pytest.mark.parametrize(("application", "trap"), CASES, ids=[f"{a}-{t}" for a, t in CASES])
def test_what_is_moved_and_what_stays_for_which_reason(
    staged: Callable[[str], Staged], application: str, trap: str
) -> None:
    app = staged(application)
    expected = APPLICATIONS[application][trap]
    assert {handler: app.decision(_id(app, trap, handler)) for handler in expected} == expected
    for handler, cause in expected.items():
        _, sentence = app.reason(_id(app, trap, handler))
        assert cause == "moved" or re.sub(r"^function@|:\d+$", "", handler) in sentence, (handler, sentence)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("application", "trap"), CASES, ids=[f"{a}-{t}" for a, t in CASES])
def test_the_staged_program_does_the_same(
    staged: Callable[[str], Staged], transports: dict[str, Transport], application: str, trap: str, kind: str
) -> None:
    app = staged(application)
    run = app.run(kind, transports[kind])
    original = app.original.transcripts[trap]
    assert original and not any("the client of" in line or "NO_ANSWER" in line for line in original), original
    assert run.transcripts[trap] == original, run.errors[-2000:]
    for handler, cause in APPLICATIONS[application][trap].items():
        name = _id(app, trap, handler)
        if cause == "moved" and name not in RUN_HERE[application] and not trap.startswith("final"):
            assert run.sent.get(name, 0) > 0, f"{name} never ran on a stage: {run.errors[-2000:]}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("application", APPLICATIONS)
def test_it_serves_to_the_end_without_violations(
    staged: Callable[[str], Staged], transports: dict[str, Transport], application: str, kind: str
) -> None:
    app = staged(application)
    run = app.run(kind, transports[kind])
    assert run.alive and app.original.alive
    assert run.status == app.original.status
    assert run.violations == ()
    assert _warnings(run.errors) <= _warnings(app.original.errors)
    assert sorted(run.output.splitlines()) == sorted(app.original.output.splitlines())
    for handler, why in RUN_HERE[application].items():
        assert f"{handler} runs on the entry stage: {why}" in run.errors
        assert run.sent.get(handler, 0) == 0


def test_traps_are_sprung_on_stages(staged: Callable[[str], Staged]) -> None:
    for application, traps in APPLICATIONS.items():
        moved = [handler for handlers in traps.values() for handler, cause in handlers.items() if cause == "moved"]
        assert len(moved) * 3 > len(traps), application
        assert set(staged(application).original.transcripts) == set(traps)
