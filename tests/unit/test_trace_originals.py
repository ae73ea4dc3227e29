"""Places of compiled files told as places of what was compiled."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from pipetrace.tracer.originals import Originals
from pipetrace.tracer.source_maps import OriginalLines, Points, SourceText, UnusableMapError, compiled

ORIGINALS = Originals(
    [
        ("dist/a.js", 3, 0, "src/a.ts", 10),
        ("dist/a.js", 4, 4, "src/a.ts", 12),
        ("dist/a.js", 4, 20, "src/a.ts", 13),
        ("dist/a.js.js", 3, 0, "src/b.ts", 1),
        ("dist/min.js", 1, 0, "src/a.ts", 1),
        ("dist/min.js", 1, 50, "src/a.ts", 90),
        ("dist/f.js", 1, 0, "src/f.ts", 1),
        ("dist/f.js", 1, 30, "src/f.ts", 2),
    ],
    functions={("dist/f.js", 1): 30},
)


@pytest.mark.parametrize(
    ("file", "line", "column", "place"),
    [
        ("dist/a.js", 3, None, ("src/a.ts", 10)),
        ("dist/a.js", 4, None, ("src/a.ts", 12)),
        ("dist/a.js", 4, 25, ("src/a.ts", 13)),
        ("dist/a.js", 4, 0, ("src/a.ts", 12)),
        ("dist/a.js", 5, None, ("dist/a.js", 5)),
        ("dist/other.js", 3, 0, ("dist/other.js", 3)),
        ("dist/min.js", 1, None, ("dist/min.js", 1)),
        ("dist/min.js", 1, 60, ("src/a.ts", 90)),
        ("dist/f.js", 1, None, ("src/f.ts", 2)),
    ],
)
def test_places(file: str, line: int, column: int | None, place: tuple[str, int]) -> None:
    assert ORIGINALS.place(file, line, column) == place


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("`f` at dist/a.js:3 changes `x` (dist/a.js:4).", "`f` at src/a.ts:10 changes `x` (src/a.ts:12)."),
        ("made at dist/a.js.js:3", "made at src/b.ts:1"),
        ("../dist/a.js:3 and lib/dist/a.js:3", "../dist/a.js:3 and lib/dist/a.js:3"),
        ("dist/a.js:x", "dist/a.js:x"),
    ],
)
def test_sentences(sentence: str, told: str) -> None:
    assert ORIGINALS.text(sentence) == told
    assert Originals().text(sentence) == sentence


def test_lines_of_a_compiled_text() -> None:
    points = Points((SourceText("a.ts", "", 9),), ((1, 3), (3, 0)), ((0, 4, 2), (0, 7, 0)))
    lines = OriginalLines("abcdef\ng\nh", points)
    assert [lines.position(offset) for offset in (0, 3, 5, 7, 9, 10)] == [
        (1, 0),
        (4, 2),
        (4, 2),
        (4, 2),
        (7, 0),
        (7, 0),
    ]


MAP = json.dumps({"version": 3, "sources": ["a.ts"], "mappings": "AAAA"})


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        ("//# sourceMappingURL=none.js.map", "its source map none.js.map cannot be read (No such file or directory)"),
        ("//# sourceMappingURL=https://x.test/a.map", "its source map https://x.test/a.map is not a file"),
        ("//# sourceMappingURL=data:application/json;base64,!!", "its source map is damaged"),
        ("//# sourceMappingURL=data:application/json;base64,AAAA", "its source map is damaged"),
        ("//# sourceMappingURL=data:application/json,%7B%22version%22:2%7D", "its source map is damaged"),
    ],
)
def test_maps_that_cannot_be_read(ending: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableMapError) as error:
        compiled(f"x;\n{ending}\n", tmp_path / "a.js")
    assert str(error.value) == why


@pytest.mark.parametrize(
    "ending",
    [
        "//# sourceMappingURL=my%20maps/a.map",
        "/*# sourceMappingURL=my%20maps/a.map */\n",
        f"//@ sourceMappingURL=data:application/json;charset=utf-8;base64,{base64.b64encode(MAP.encode()).decode()}\n\n",
    ],
)
def test_maps_that_can_be_read(ending: str, tmp_path: Path) -> None:
    (tmp_path / "my maps").mkdir()
    (tmp_path / "my maps" / "a.map").write_text(")]}'\n" + MAP)
    found = compiled(f"x;\n{ending}", tmp_path / "a.js")
    assert found is not None and found.map["sources"] == ["a.ts"]


def test_text_without_a_map(tmp_path: Path) -> None:
    assert compiled("x('//# sourceMappingURL=a.map');\ny;", tmp_path / "a.js") is None
