"""Offsets and positions agree with the way engines count."""

from __future__ import annotations

import pytest

from pipetrace.javascript.lines import LineIndex
from pipetrace.javascript.trivia import find_token, skip_trivia, with_parentheses

MIXED = "ab\r\ncd\re😀f\u2028g\n\n"


@pytest.mark.parametrize(
    ("offset", "position"),
    [
        (0, (1, 0)),
        (2, (1, 2)),
        (4, (2, 0)),
        (7, (3, 0)),
        (8, (3, 1)),
        (9, (3, 3)),
        (11, (4, 0)),
        (13, (5, 0)),
        (14, (6, 0)),
    ],
)
def test_each_line_terminator_ends_a_line_and_an_astral_character_counts_two_columns(
    offset: int, position: tuple[int, int]
) -> None:
    assert LineIndex(MIXED).position(offset) == position


def test_every_offset_comes_back_from_its_position() -> None:
    index = LineIndex(MIXED)
    # The LF of a CR LF belongs to the line that it ends.
    assert [index.offset(*index.position(offset)) for offset in range(len(MIXED) + 1)] == list(range(len(MIXED) + 1))


def test_positions_outside_of_the_text_are_held_inside() -> None:
    index = LineIndex("ab\ncd")
    assert index.offset(0, 5) == 0
    assert index.offset(1, 99) == 3
    assert index.offset(2, 99) == 5
    assert index.offset(9, 0) == 5


def test_a_column_inside_a_surrogate_pair_means_the_whole_character() -> None:
    assert LineIndex("x😀y").offset(1, 2) == 1


def test_an_empty_text_has_one_line() -> None:
    assert LineIndex("").position(0) == (1, 0)
    assert LineIndex("").starts == [0]


def test_trivia_are_blanks_and_comments() -> None:
    text = " \t\ufeff/* a\n * b */ // c )\n\u2028x"
    assert text[skip_trivia(text, 0) :] == "x"
    assert skip_trivia("x", 0) == 0
    assert skip_trivia("// to the end", 0) == 13


def test_parentheses_around_an_expression_belong_to_it() -> None:
    text = "= /* ( */ ( /* ) */ (a, b) /* ) */ ) ;"
    start, end = with_parentheses(text, 1, text.index("a, b"), text.index("a, b") + 4)
    assert text[start:end] == "( /* ) */ (a, b) /* ) */ )"


def test_parentheses_that_begin_inside_an_expression_are_not_taken_twice() -> None:
    text = "= (f)(x);"
    assert with_parentheses(text, 1, 2, 8) == (2, 8)


def test_a_token_is_found_behind_comments_that_contain_it() -> None:
    text = "a /* => */ , // =>\n ) => b"
    assert text[find_token(text, 1, "=>") :] == "=> b"
    assert find_token("a b", 0, "=>") == -1
