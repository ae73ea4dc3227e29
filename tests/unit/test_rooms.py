"""The rooms import one way, and modules keep to a size that one subject needs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ["javascript", "tracer", "partitioner", "rewriter", "runner", "report"]


def _imported_rooms(module: Path) -> set[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return {name.split(".")[1] for name in names if name.startswith("pipetrace.")} & {*ROOMS, "commands"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_before_it(room: str) -> None:
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    wrong = {
        f"{module.name} imports {', '.join(sorted(found))}"
        for module in (ROOT / room).rglob("*.py")
        if "node_modules" not in module.parts and (found := _imported_rooms(module) - allowed)
    }
    assert wrong == set()


@pytest.mark.parametrize("room", [*ROOMS, "pipetrace/commands"])
def test_a_module_opens_with_a_sentence_and_is_not_too_long(room: str) -> None:
    wrong = set()
    for module in (ROOT / room).glob("*.py"):
        text = module.read_text(encoding="utf-8")
        if not ast.get_docstring(ast.parse(text)):
            wrong.add(f"{module.name} has no docstring")
        if text.count("\n") > 600:
            wrong.add(f"{module.name} has {text.count(chr(10))} lines")
    assert wrong == set()
