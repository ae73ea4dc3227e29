"""Source maps, read back by a decoder that was written for these tests."""

from __future__ import annotations

import random
import re

import pytest

from pipetrace.javascript.edits import EditConflict, Edits
from pipetrace.javascript.lines import LineIndex
from pipetrace.javascript.sourcemap import encode_vlq

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def decode_vlq(text: str) -> list[int]:
    values, value, shift = [], 0, 0
    for character in text:
        digit = ALPHABET.index(character)
        value += (digit & 31) << shift
        if digit & 32:
            shift += 5
        else:
            values.append(-(value >> 1) if value & 1 else value >> 1)
            value = shift = 0
    return values


def decode(mappings: str) -> dict[tuple[int, int], tuple[int, int]]:
    """(generated line, column) → (original line, column); lines 1-based."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    source = line = column = 0
    for number, row in enumerate(mappings.split(";"), start=1):
        generated = 0
        for segment in filter(None, row.split(",")):
            fields = decode_vlq(segment)
            assert len(fields) == 4
            generated += fields[0]
            source += fields[1]
            line += fields[2]
            column += fields[3]
            assert source == 0
            assert (number, generated) not in found
            found[number, generated] = line + 1, column
    return found


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@pytest.mark.parametrize("value", [0, 1, -1, 15, 16, -16, 31, 32, 1023, -1024, 123_456_789])
def test_numbers_come_back(value: int) -> None:
    assert decode_vlq(encode_vlq(value)) == [value]


def test_a_map_written_out() -> None:
    edits = Edits("let a;\nb();\n")
    edits.insert(7, "$(")
    edits.insert(10, ")")
    assert edits.apply() == "let a;\n$(b());\n"
    assert edits.source_map("out.js", "in.js") == {
        "version": 3,
        "file": "out.js",
        "sources": ["in.js"],
        "sourcesContent": ["let a;\nb();\n"],
        "names": [],
        # let→1:0 a→1:4 ;→1:5 | $(→2:0 b→2:0 ()→2:1 )→2:3 ;→2:3
        "mappings": "AAAA,IAAI,CAAC;AACL,EAAA,CAAC,EAAE,CAAA",
    }
    assert "sourcesContent" not in edits.source_map("out.js", "in.js", content=False)


def test_lines_of_new_text_belong_to_the_place_where_it_was_put() -> None:
    edits = Edits("a\nb\n")
    edits.replace(2, 3, "x\r\ny\n")
    found = decode(edits.source_map("o", "i")["mappings"])
    assert edits.apply() == "a\nx\r\ny\n\n"
    assert found == {(1, 0): (1, 0), (2, 0): (2, 0), (3, 0): (2, 0)}


def test_columns_are_utf16_units() -> None:
    edits = Edits("'😀' + a")
    edits.insert(0, "'😀', ")
    found = decode(edits.source_map("o", "i")["mappings"])
    assert found[1, 13] == (1, 7)
    assert edits.apply().endswith("a")


def test_a_map_of_no_edits_is_the_identity() -> None:
    found = decode(Edits("a = b\n\n  c\u2028d").source_map("o", "i")["mappings"])
    assert found
    assert all(generated == original for generated, original in found.items())
    assert (4, 0) in found


@pytest.mark.parametrize("seed", range(60))
def test_every_word_taken_over_maps_to_itself(seed: int) -> None:
    chance = random.Random(seed)
    words = ["a1", "b2", "😀", "é", " ", "  ", "\n", "\r\n", "\r", "\u2028", "();", "$x", "'q'"]
    text = "".join(chance.choice(words) for _ in range(60))
    edits = Edits(text)
    for _ in range(12):
        start, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        try:
            match chance.randrange(3):
                case 0:
                    edits.insert(start, chance.choice(["NEW", "\nNEW\r\n", "😀NEW"]))
                case 1:
                    edits.replace(start, min(end, start + 4), "OTHER")
                case _:
                    edits.move(start, end, chance.randrange(len(text) + 1))
        except EditConflict:
            continue
    out = edits.apply()
    found = decode(edits.source_map("o", "i")["mappings"])
    breaks = re.compile("\r\n|[\r\n\u2028\u2029]")
    source, base, checked = LineIndex(text), 0, 0
    for piece in edits._pieces():
        for match in re.finditer(r"[\w$]+", piece.text) if piece.verbatim else ():
            before = breaks.split(out[: base + match.start()])
            # A CR at the end of what stands before could be half of a CR LF only if no word followed.
            generated = len(before), utf16(before[-1])
            line, column = found[generated]
            offset = source.offset(line, column)
            assert text.startswith(match.group(), offset)
            assert offset == piece.start + match.start()
            checked += 1
        base += len(piece.text)
    assert checked
