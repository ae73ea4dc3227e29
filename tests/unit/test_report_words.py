"""How figures are worded."""

from __future__ import annotations

import pytest

from pipetrace.report import words


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (0.04, "0.04 µs"), (3, "3.0 µs"), (442.4, "442 µs"), (999.6, "1.0 ms"), (8245, "8.2 ms"),
     (2_500_000, "2.5 s"), (119e6, "119 s"), (300e6, "5.0 min"), (8000e6, "2.2 h")],
)  # fmt: skip
def test_a_time_has_the_unit_that_suits_it(value: float, expected: str) -> None:
    assert words.microseconds(value) == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, "0 %"), (0.0004, "< 0.1 %"), (0.0126, "1.3 %"), (0.0994, "9.9 %"), (0.0996, "10 %"),
     (0.714, "71 %"), (1, "100 %")],
)  # fmt: skip
def test_a_share_is_a_percentage_with_no_needless_digit(share: float, expected: str) -> None:
    assert words.percent(share) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(12, "12 B"), (2100, "2.1 kB"), (79_500_000, "80 MB"), (3.2e9, "3.2 GB")]
)
def test_a_size_is_decimal(value: float, expected: str) -> None:
    assert words.size(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(1, "1"), (0.5, "0.5"), (0.333, "0.33"), (12.4, "12"), (5.001, "5")])
def test_a_rate_shows_decimals_only_where_it_has_some(value: float, expected: str) -> None:
    assert words.rate(value) == expected


def test_a_long_list_is_cut_and_the_rest_counted() -> None:
    assert words.joined(["a"]) == "a"
    assert words.joined(["a", "b", "c"]) == "a, b and c"
    assert words.joined(["a", "b", "c", "d", "e"]) == "a, b and 3 more"


def test_a_number_agrees_with_its_noun() -> None:
    assert [words.plural(1, "access", "accesses"), words.plural(2, "access", "accesses")] == ["1 access", "2 accesses"]
    assert words.plural(1234, "handler") == "1,234 handlers"
    assert [words.times(3.14), words.times(2.45), words.times(12.3)] == ["3.1×", "2.4×", "12×"]
