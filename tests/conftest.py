"""Tests that fail for a defect that is known and not mended yet; `pytest -m open_defect` runs them."""

from __future__ import annotations

import pytest

_DIFFERENTIAL = "test_differential.py::test_random_programs_do_the_same_when_they_are_staged"
OPEN = {
    f"{_DIFFERENTIAL}[25-some]": "not analysed",
    "test_traps.py::test_what_is_moved_and_what_stays_for_which_reason[values-buffers]": "decision changed, not analysed",
    "test_traps.py::test_what_is_moved_and_what_stays_for_which_reason[state-app-state]": "decision changed, not analysed",
    "test_traps.py::test_what_is_moved_and_what_stays_for_which_reason[state-counters-in-classes]": "decision changed",
    "test_traps.py::test_what_is_moved_and_what_stays_for_which_reason[state-env]": "decision changed, not analysed",
    "test_traps.py::test_the_staged_program_does_the_same[state-app-state-threads]": "another answer, not analysed",
    "test_traps.py::test_the_staged_program_does_the_same[state-app-state-nats]": "another answer, not analysed",
    "test_traps.py::test_it_serves_to_the_end_without_violations[values-threads]": "not analysed",
    "test_traps.py::test_it_serves_to_the_end_without_violations[values-nats]": "not analysed",
    "test_agent_handlers.py::test_invocations[a pool of its own]": "rows of kernels that are not expected",
    "test_record.py::test_es_modules_with_options_of_node": "rows of kernels that are not expected",
    "test_node_chain.py::test_the_whole_chain[20.20.2-esm]": "not analysed; kernels are cut there now",
    "test_node_chain.py::test_the_whole_chain[26.12.1-cjs]": "not analysed; kernels are cut there now",
    "test_run.py::test_over_nats_the_stages_run_beside_the_entry_start_again_and_end_with_it": "failed once, under load",
    "test_harmless_suites.py::test_packages_pass_their_own_tests[qs]": "takes minutes: comparing what libraries keep is slow",
}
"""End of a test's id → what is known."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.nodeid.endswith(name) for name in OPEN):
            item.add_marker(pytest.mark.open_defect)
