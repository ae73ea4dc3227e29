"""Instrumenting one application: ids that stay from recording to recording, the cache, and what is left alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipetrace.tracer.transform import Transformer
from pipetrace.tracer.transform_cache import TransformCache

TWO = "function f() { return 1; }\nexports.f = f;\n"
THREE = "function f() { return () => 1; }\nexports.f = f;\n"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    root = tmp_path / "app"
    root.mkdir()
    return root


def transformer(app: Path) -> Transformer:
    return Transformer(app, "sampled", TransformCache(app.parent / "cache"))


def ask(server: Transformer, app: Path, name: str, source: str, *, on_disk: bytes | None = None) -> dict[str, object]:
    (app / name).write_bytes(source.encode() if on_disk is None else on_disk)
    return server.transform(str(app / name), "module" if name.endswith(".mjs") else "commonjs", source)


def test_files_get_consecutive_ids(app: Path) -> None:
    server = transformer(app)
    first, second = ask(server, app, "a.js", TWO), ask(server, app, "b.js", THREE)
    assert (first["file_id"], first["function_base"], first["functions"]) == (0, 0, 2)
    assert (second["file_id"], second["function_base"], second["functions"]) == (1, 2, 3)
    assert [(file.path, file.status, file.size) for file in server.files] == [
        ("a.js", "instrumented", len(TWO)),
        ("b.js", "instrumented", len(THREE)),
    ]


def test_the_same_module_asked_for_again_has_one_row(app: Path) -> None:
    server = transformer(app)
    assert ask(server, app, "a.js", TWO) == ask(server, app, "a.js", TWO)
    assert len(server.files) == 1


def test_the_next_recording_takes_everything_from_the_cache(app: Path) -> None:
    first = transformer(app)
    answers = [ask(first, app, "a.js", TWO), ask(first, app, "b.js", THREE)]
    first.save_ids()
    again = transformer(app)
    # Loaded in another order, the files keep their ids, else their texts would not fit.
    taken = [ask(again, app, "b.js", THREE), ask(again, app, "a.js", TWO)]
    assert taken == [{**answer, "fresh": False} for answer in answers[::-1]]
    assert (first.misses, again.misses) == (2, 0)
    assert [file.static for file in again.files] == [file.static for file in reversed(first.files)]
    assert [file.starts for file in again.files] == [file.starts for file in reversed(first.files)]


def test_a_file_that_grew_gets_new_ids_and_the_others_keep_theirs(app: Path) -> None:
    first = transformer(app)
    ask(first, app, "a.js", TWO)
    ask(first, app, "b.js", THREE)
    first.save_ids()
    again = transformer(app)
    grown = ask(again, app, "a.js", "exports.a = () => () => () => 1;")
    assert (grown["file_id"], grown["function_base"]) == (0, 5)
    assert ask(again, app, "b.js", THREE)["function_base"] == 2
    assert again.misses == 1


def test_a_syntax_error_leaves_the_file_alone_and_names_the_place(app: Path) -> None:
    server = transformer(app)
    answer = ask(server, app, "bad.js", "let a = 1;\nlet b = ;\n")
    assert list(answer) == ["leave"]
    assert str(answer["leave"]).startswith("bad.js:2:9: ")
    assert (server.files[0].status, server.files[0].static) == ("left alone", None)
    assert [(problem.kind, problem.file_id, problem.line) for problem in server.problems] == [("parse", 0, 2)]
    assert ask(server, app, "good.js", TWO)["file_id"] == 1


def test_a_byte_order_mark_counts_in_offsets_but_not_in_the_text_for_node(app: Path) -> None:
    server = transformer(app)
    answer = ask(server, app, "a.js", TWO, on_disk=b"\xef\xbb\xbf" + TWO.encode())
    file = server.files[0]
    assert not str(answer["code"]).startswith("\ufeff")
    assert file.sha256 == hashlib.sha256(b"\xef\xbb\xbf" + TWO.encode()).hexdigest()
    assert file.static is not None
    assert file.static.functions[1]["start_offset"] == 1


def test_a_text_that_a_loader_changed_is_taken_as_it_was_handed_over(app: Path) -> None:
    server = transformer(app)
    answer = ask(server, app, "a.ts", TWO, on_disk=b"function f(): number { return 1; }")
    assert answer["functions"] == 2
    assert server.files[0].sha256 == hashlib.sha256(b"function f(): number { return 1; }").hexdigest()
    assert server.files[0].reason == "its text was translated when it was loaded"


def test_functions_are_found_where_the_engine_reports_them(app: Path) -> None:
    server = transformer(app)
    answer = ask(server, app, "a.js", "const a = 1; function f(x) { return a; }\nexports.g = (y) => f(y);\n")
    lines = str(answer["code"]).split("\n")
    (_, f, g) = server.files[0].starts
    assert lines[f[0]][f[1] :].startswith("(x)")
    assert lines[g[0]][g[1] :].startswith("(y)")


def test_a_cache_that_cannot_be_written_is_no_error(app: Path) -> None:
    blocked = app.parent / "cache"
    blocked.write_text("a file where the directory should be")
    server = transformer(app)
    assert ask(server, app, "a.js", TWO)["functions"] == 2
    server.save_ids()
    assert transformer(app).misses == 0
