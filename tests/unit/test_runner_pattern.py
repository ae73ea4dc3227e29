"""Patterns: what several answers have in common, with whole words left out where they vary."""

from __future__ import annotations

import pytest

from pipetrace.runner.pattern import learn


def test_equal_samples_give_an_exact_pattern() -> None:
    pattern = learn([b"abc", b"abc"])
    assert pattern.pieces == (b"abc",)
    assert pattern.exact
    assert pattern.matches(b"abc")
    assert not pattern.matches(b"abcd")


def test_a_gap_covers_the_whole_word_that_varies() -> None:
    pattern = learn([b"Sun, 23 Nov 17:59:58 GMT", b"Sun, 23 Nov 17:59:59 GMT"])
    assert pattern.pieces == (b"Sun, 23 Nov ", b" GMT")
    assert pattern.matches(b"Sun, 23 Nov 18:00:00 GMT")
    assert not pattern.matches(b"Sun, 24 Nov 18:00:00 GMT")


def test_words_of_different_number_are_aligned() -> None:
    pattern = learn([b'{"items":[1,2],"page":7}', b'{"items":[1,2,3],"page":7}'])
    assert pattern.matches(b'{"items":[1,2,5,6],"page":7}')
    assert not pattern.matches(b'{"items":[1,2,5,6],"page":8}')


def test_a_third_sample_widens_the_pattern() -> None:
    two = learn([b"id=a1 user=x", b"id=b2 user=x"])
    three = learn([b"id=a1 user=x", b"id=b2 user=x", b"id=b2 user=y"])
    assert not two.matches(b"id=c3 user=z")
    assert three.matches(b"id=c3 user=z")
    assert three.pieces == (b"id=", b" user=", b"")


def test_order_of_the_fixed_pieces_counts() -> None:
    pattern = learn([b"a 1 b 2 c", b"a 3 b 4 c"])
    assert pattern.pieces == (b"a ", b" b ", b" c")
    assert not pattern.matches(b"a 1 c 2 b")


def test_ends_may_not_overlap() -> None:
    pattern = learn([b"xx 1 xx", b"xx 2 xx"])
    assert not pattern.matches(b"xx xx"[:4])


@pytest.mark.parametrize("size", [10, 20_000])
def test_long_bodies_with_one_date_keep_everything_else(size: int) -> None:
    head, tail = b"<p>line</p>\n" * size, b"<p>end</p>\n" * size
    pattern = learn([head + b"09:00:01" + tail, head + b"09:00:02" + tail])
    assert pattern.fixed == len(head) + len(tail)
    assert pattern.matches(head + b"10:11:12" + tail)
    assert not pattern.matches(head + b"10:11:12" + tail[:-1])
