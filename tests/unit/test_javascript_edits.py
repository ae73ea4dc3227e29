"""Edits at original offsets, through a double that checks the invariants after every call."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from pipetrace.javascript.edits import EditConflict, Edits


@dataclass
class Slot:
    """The place before a character of the original, with what was put there."""

    offset: int
    items: list[tuple[int, int, list[object]]] = field(default_factory=list)


@dataclass
class Moved:
    start: int
    end: int
    to: int
    order: int
    sequence: int


class CheckedEdits(Edits):
    """Does what Edits does, compares with a slow model of its own, and checks that refusals change nothing."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.inserted: list[tuple[int, int, int, str]] = []
        self.replacements: list[tuple[int, int, str]] = []
        self.moved: list[Moved] = []
        self.calls = 0

    def insert(self, offset: int, s: str, *, order: int = 0) -> None:
        self._checked(lambda: super(CheckedEdits, self).insert(offset, s, order=order))
        self.inserted.append((offset, order, self.calls, s))
        self.check()

    def replace(self, start: int, end: int, s: str) -> None:
        if start == end:
            super().replace(start, end, s)
            return
        self._checked(lambda: super(CheckedEdits, self).replace(start, end, s))
        self.replacements.append((start, end, s))
        self.check()

    def move(self, start: int, end: int, to: int, *, order: int = 0) -> None:
        self._checked(lambda: super(CheckedEdits, self).move(start, end, to, order=order))
        if start < end and to not in (start, end):
            self.moved.append(Moved(start, end, to, order, self.calls))
        self.check()

    def _checked(self, call: Callable[[], None]) -> None:
        self.calls += 1
        before = self.apply()
        try:
            call()
        except EditConflict:
            assert self.apply() == before
            raise

    def check(self) -> None:
        assert self.apply() == self.expected()
        taken = sorted((piece.start, piece.start + len(piece.text)) for piece in self._pieces() if piece.verbatim)
        gone = [(start, end) for start, end, _ in self.replacements]
        covered = sorted(taken + gone)
        assert [start for start, _ in covered][1:] == [end for _, end in covered][:-1]
        assert sum(end - start for start, end in covered) == len(self.text)
        for piece in self._pieces():
            if piece.verbatim:
                assert piece.text == self.text[piece.start : piece.start + len(piece.text)]

    def expected(self) -> str:
        """The text by another method: a list of slots and characters out of which ranges are taken."""
        slots = [Slot(offset) for offset in range(len(self.text) + 1)]
        main: list[object] = []
        for offset, character in enumerate(self.text):
            main += [slots[offset], (offset, character)]
        main.append(slots[-1])
        for offset, order, sequence, s in self.inserted:
            slots[offset].items.append((order, sequence, [s]))
        lists = [main]
        # Outer ranges first: the inner ones are then found in what was taken out.
        for move in sorted(self.moved, key=lambda move: move.start - move.end):
            for tokens in lists:
                offsets = [token[0] if isinstance(token, tuple) else None for token in tokens]
                if move.start in offsets and move.end - 1 in offsets:
                    first, last = offsets.index(move.start), offsets.index(move.end - 1) + 1
                    taken = tokens[first:last]
                    del tokens[first:last]
                    lists.append(taken)
                    slots[move.to].items.append((move.order, move.sequence, taken))
                    break
            else:
                raise AssertionError("a moved range was torn")
        new = {start: s for start, _, s in self.replacements}
        dropped = {offset for start, end, _ in self.replacements for offset in range(start, end)}

        def text_of(tokens: list[object]) -> str:
            out = ""
            for token in tokens:
                if isinstance(token, Slot):
                    for _, _, inner in sorted(token.items, key=lambda item: item[:2]):
                        out += text_of(inner)
                elif isinstance(token, tuple):
                    out += new.get(token[0], "") if token[0] in dropped else token[1]
                else:
                    out += str(token)
            return out

        return text_of(main)


def edited(text: str, *calls: tuple[object, ...]) -> str:
    edits = CheckedEdits(text)
    for name, *arguments in calls:
        options = arguments.pop() if isinstance(arguments[-1], dict) else {}
        getattr(edits, str(name))(*arguments, **options)
    return edits.apply()


@pytest.mark.parametrize("text", ["", "a", "\ufeff#!/x\r\n'😀'\u2028\n", "no newline at the end", "\ud83d"])
def test_no_edits_give_the_same_text(text: str) -> None:
    edits = CheckedEdits(text)
    assert edits.apply() == text
    assert not edits


@pytest.mark.parametrize(
    ("calls", "result"),
    [
        ([("insert", 0, "x")], "xabcdef"),
        ([("insert", 6, "x")], "abcdefx"),
        ([("insert", 2, "x"), ("insert", 2, "y")], "abxycdef"),
        ([("insert", 2, "x"), ("insert", 2, "y", {"order": -1})], "abyxcdef"),
        ([("insert", 2, "x", {"order": 1}), ("insert", 2, "y")], "abyxcdef"),
        ([("insert", 2, "")], "abcdef"),
        ([("replace", 1, 3, "x")], "axdef"),
        ([("replace", 2, 2, "x")], "abxcdef"),
        ([("remove", 0, 6)], ""),
        ([("replace", 1, 3, "x"), ("insert", 1, "<"), ("insert", 3, ">")], "a<x>def"),
        ([("replace", 1, 3, "x"), ("replace", 3, 5, "y")], "axyf"),
        ([("remove", 1, 3), ("remove", 3, 5), ("insert", 3, "|")], "a|f"),
        ([("move", 1, 3, 6)], "adefbc"),
        ([("move", 4, 6, 0)], "efabcd"),
        ([("move", 1, 3, 1)], "abcdef"),
        ([("move", 2, 2, 4)], "abcdef"),
        ([("move", 1, 3, 3)], "abcdef"),
        ([("move", 1, 3, 6), ("insert", 1, "<"), ("insert", 3, ">")], "a<>defbc"),
        ([("move", 1, 4, 6), ("insert", 2, "<"), ("remove", 3, 4)], "aefb<c"),
        ([("move", 1, 4, 6), ("replace", 1, 4, "x")], "aefx"),
        ([("replace", 1, 4, "x"), ("move", 1, 4, 6)], "aefx"),
        ([("move", 1, 3, 6), ("insert", 6, "x"), ("insert", 6, "y", {"order": -1})], "adefybcx"),
        ([("insert", 6, "x"), ("move", 1, 3, 6, {"order": -1})], "adefbcx"),
        ([("move", 1, 5, 6), ("move", 2, 4, 0)], "cdafbe"),
        ([("move", 2, 4, 0), ("move", 1, 5, 6)], "cdafbe"),
        ([("move", 0, 2, 5), ("move", 4, 6, 3)], "ceabfd"),
        ([("move", 1, 3, 5), ("move", 4, 6, 0)], "ebcfad"),
    ],
)
def test_edits(calls: list[tuple[object, ...]], result: str) -> None:
    assert edited("abcdef", *calls) == result


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("insert", 0, "x"), ("insert", -1, "x")),
        (("insert", 0, "x"), ("insert", 7, "x")),
        (("insert", 0, "x"), ("replace", 4, 3, "x")),
        (("replace", 1, 4, "x"), ("replace", 3, 5, "y")),
        (("replace", 1, 4, "x"), ("replace", 0, 2, "y")),
        (("replace", 1, 4, "x"), ("replace", 2, 3, "y")),
        (("replace", 2, 3, "x"), ("replace", 1, 4, "y")),
        (("replace", 1, 4, "x"), ("replace", 1, 4, "x")),
        (("replace", 1, 4, "x"), ("insert", 2, "y")),
        (("insert", 2, "x"), ("replace", 1, 4, "y")),
        (("replace", 1, 4, "x"), ("move", 0, 2, 5)),
        (("replace", 1, 4, "x"), ("move", 2, 3, 5)),
        (("replace", 1, 4, "x"), ("move", 5, 6, 2)),
        (("move", 2, 3, 5), ("replace", 1, 4, "x")),
        (("move", 5, 6, 2), ("replace", 1, 4, "x")),
        (("move", 1, 4, 6), ("replace", 3, 5, "x")),
        (("move", 1, 4, 6), ("move", 3, 5, 0)),
        (("move", 1, 4, 6), ("move", 1, 4, 0)),
        (("move", 0, 3, 4), ("move", 1, 5, 6)),
        (("insert", 0, "x"), ("move", 1, 4, 2)),
        (("move", 0, 3, 5), ("move", 4, 6, 1)),
    ],
)
def test_contradictions_are_refused(first: tuple[object, ...], second: tuple[object, ...]) -> None:
    edits = CheckedEdits("abcdef")
    getattr(edits, str(first[0]))(*first[1:])
    with pytest.raises(EditConflict):
        getattr(edits, str(second[0]))(*second[1:])


def test_a_text_may_be_edited_after_it_was_read() -> None:
    edits = CheckedEdits("ab")
    edits.insert(1, "-")
    assert edits.apply() == "a-b"
    edits.insert(2, "!")
    assert edits.apply() == "a-b!"
    assert edits


@pytest.mark.parametrize("seed", range(150))
def test_random_edits_agree_with_the_model(seed: int) -> None:
    chance = random.Random(seed)
    text = "".join(chance.choice("abc😀\n\r ") for _ in range(chance.randrange(1, 30)))
    edits = CheckedEdits(text)
    accepted = 0
    for _ in range(chance.randrange(1, 16)):
        start, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        new = chance.choice(["", "X", "<\n>", "YZ"])
        try:
            match chance.randrange(4):
                case 0:
                    edits.insert(start, new, order=chance.randrange(-1, 2))
                case 1:
                    edits.replace(start, min(end, start + 3), new)
                case 2:
                    edits.remove(start, min(end, start + 2))
                case _:
                    edits.move(start, end, chance.randrange(len(text) + 1), order=chance.randrange(-1, 2))
        except EditConflict:
            continue
        accepted += 1
    assert accepted or text


def test_many_edits_stay_fast() -> None:
    size = 30_000
    edits = Edits("ab" * size)
    for offset in range(0, 2 * size, 2):
        edits.insert(offset, "(")
        edits.replace(offset + 1, offset + 2, "c")
    assert edits.apply() == "(ac" * size


def test_a_copied_range_takes_along_what_is_done_inside_it() -> None:
    edits = Edits("abcdef")
    edits.insert(1, "<")
    edits.insert(2, "|")
    edits.replace(2, 3, "C")
    edits.copy(1, 4, 6)
    assert edits.apply() == "a<b|Cdefb|Cd"
    with pytest.raises(EditConflict):
        edits.copy(1, 4, 3)
    with pytest.raises(EditConflict, match="copied"):
        edits.spans()
