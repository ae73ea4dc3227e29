"""Random functions of real files are moved: the result is JavaScript, and every name maps back to its place.

The corpus is the JavaScript of this repository; PIPETRACE_CORPUS may name more directories, joined by the
path separator of the system.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.lines import LineIndex
from pipetrace.javascript.nodes import walk
from pipetrace.javascript.parse import JavaScriptSyntaxError, parse
from pipetrace.rewriter.check import check_files
from pipetrace.rewriter.decide import decide
from pipetrace.rewriter.edit_file import FileChange, rewrite_file
from pipetrace.rewriter.orders import FileOrders, GuardOrder, HandlerOrder, Orders
from pipetrace.rewriter.view import FileView

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("PIPETRACE_SEED", "1"))
_DIGITS = {
    digit: value for value, digit in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}


def corpus() -> list[Path]:
    extra = [Path(part) for part in os.environ.get("PIPETRACE_CORPUS", "").split(os.pathsep) if part]
    found = [*(ROOT / "tracer" / "agent").rglob("*.js"), *(ROOT / "rewriter" / "runtime").rglob("*.js")]
    for place in extra:
        found += [file for kind in ("*.js", "*.mjs", "*.cjs") for file in place.rglob(kind)]
    return sorted(file for file in found if file.is_file() and file.stat().st_size < 200_000)


def decoded(mappings: str) -> Iterator[tuple[int, int, int, int]]:
    """Yield (line, column, original line, original column) of a source map, all from 0."""
    source_line = source_column = 0
    for line, part in enumerate(mappings.split(";")):
        column = 0
        for segment in filter(None, part.split(",")):
            fields: list[int] = []
            value = shift = 0
            for digit in segment:
                number = _DIGITS[digit]
                value |= (number & 31) << shift
                shift += 5
                if not number & 32:
                    fields.append(-(value >> 1) if value & 1 else value >> 1)
                    value = shift = 0
            column += fields[0]
            source_line += fields[2]
            source_column += fields[3]
            yield line, column, source_line, source_column


def rewritten(view: FileView, rng: random.Random) -> tuple[FileChange | None, int]:
    """Move random functions and guard random variables; return the change and how many were moved."""
    functions = functions_of(view.parsed)[1:]
    chosen = rng.sample(functions, min(len(functions), rng.randint(1, 12)))
    orders = FileOrders(
        handlers=[
            HandlerOrder(
                f"{view.path}#{function.index}",
                function.handler_key,
                view.path,
                function.name,
                "stage1",
                function.start,
                function.end,
                (),
            )
            for function in sorted(chosen, key=lambda function: function.index)
        ]
    )
    decisions = decide(Orders({view.path: orders}, ()), {view.path: view}, {})
    return rewrite_file(view, orders, decisions.moves, Path("/app")), len(decisions.moves)


def guard_everything(view: FileView) -> FileChange | None:
    """Guard all variables of the module at their uses, and move nothing but what can be moved."""
    bindings = [binding for binding in view.scopes.bindings if binding.is_module_level and binding.kind != "import"]
    functions = functions_of(view.parsed)[1:]
    orders = FileOrders(
        handlers=[
            HandlerOrder(
                f"f{function.index}", function.handler_key, view.path, "", "s", function.start, function.end, ()
            )
            for function in functions
        ],
        guards=[
            GuardOrder(
                f"{view.path}:{binding.name}",
                binding.name,
                view.path,
                view.parsed.lines.position(binding.declaration_start)[0],
                "object" if binding.id % 2 else "variable",
                (),
            )
            for binding in bindings
        ],
    )
    decisions = decide(Orders({view.path: orders}, ()), {view.path: view}, {})
    return rewrite_file(view, orders, decisions.moves, Path("/app"))


def all_names_map_back(view: FileView, change: FileChange) -> None:
    generated, original = LineIndex(change.loaded), view.parsed.lines
    name = re.compile(r"[\w$]+")
    hit: set[int] = set()
    for line, column, source_line, source_column in decoded(change.source_map["mappings"]):
        here = generated.offset(line + 1, column)
        there = original.offset(source_line + 1, source_column)
        found = name.match(change.loaded, here)
        if found is not None and view.text.startswith(found[0], there):
            hit.add(there)
    missing = [
        (node.name, node.range[0])
        for node in walk(view.parsed.tree)
        if node.type == "Identifier"
        and node.range[0] not in hit
        and name.fullmatch(node.name)
        and view.text.startswith(node.name, node.range[0])
    ]
    assert missing == [], change.path


def test_random_functions_of_real_files() -> None:
    rng = random.Random(SEED)
    moved = files = 0
    changes: list[FileChange] = []
    for number, file in enumerate(corpus()):
        try:
            parsed = parse(file.read_text(encoding="utf-8"), f"{number}/{file.name}")
        except (JavaScriptSyntaxError, UnicodeDecodeError):
            continue
        if len(functions_of(parsed)) < 2:
            continue
        view = FileView(parsed, is_module=parsed.goal == "module")
        change, count = rewritten(view, rng)
        moved += count
        if change is None:
            continue
        files += 1
        all_names_map_back(view, change)
        changes.append(change)
        guarded = guard_everything(view)
        if guarded is not None:
            changes.append(guarded)
    assert files > 10
    assert moved > 30
    check_files(changes)


@pytest.mark.parametrize("text", ["a;\n", "const b = () => c;\r\n", "d => `${e}`"])
def test_the_decoder_of_this_test_reads_what_the_editor_writes(text: str) -> None:
    view = FileView(parse(text, "a.js", "script"), is_module=False)
    functions = functions_of(view.parsed)[1:]
    if not functions:
        assert rewrite_file(view, FileOrders(), {}, Path("/app")) is None
        return
    change, count = rewritten(view, random.Random(1))
    assert count == 1
    assert change is not None
    all_names_map_back(view, change)
