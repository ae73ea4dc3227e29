"""A sample of what benchmarks/harmless runs whole: test262, and the own tests of packages, instrumented and not."""

from __future__ import annotations

import pytest

from benchmarks.harmless import corpus, suite262, test262
from benchmarks.harmless.packages import PACKAGES


def test_language_tests_end_as_without_instrumentation() -> None:
    suite = suite262.fetch("qtdeclarative-opensource-src")
    programs = list(suite.programs(every=60))
    for outcome in test262.compare(programs, suite, ["full"], processes=2):
        assert outcome.different == []
        assert outcome.ran > 0.7 * len(programs) > 300
        assert outcome.left_alone.total() < 5


@pytest.mark.parametrize("name", ["minimist", pytest.param("qs", marks=pytest.mark.soak)])
def test_packages_pass_their_own_tests(name: str) -> None:
    package = next(package for package in PACKAGES if package.name == name)
    found = corpus.compare(package)
    assert found.different == ()
    assert found.left_alone == ()
    assert found.passed > 100
    assert found.files > 5
