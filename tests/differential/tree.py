"""The tree of a generated program: lines and blocks of JavaScript that can be left out one by one, and its requests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Block:
    """Lines with something around them: a function, a branch, a callback with what follows in it."""

    head: str
    parts: tuple[Part, ...]
    tail: str


Part = str | Block


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing that a client sends to a program, and when."""

    proto: str
    """http | tcp | udp"""
    text: str
    """Path with query, or the line that is sent."""
    method: str = "GET"
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    phase: str = "in order"
    """in order | together (several clients at once) | unseen (takes branches that the recording never saw)"""
    recorded: bool = True
    left_out: bool = False
    leaves: bool = False
    """The client goes away when the answer has begun, that is when it has read `so` at the end of a line."""


@dataclass(frozen=True, slots=True)
class Program:
    """One generated application: files by name, its entry first, and what its clients send."""

    name: str
    seed: int
    entry: str
    files: tuple[tuple[str, tuple[Part, ...]], ...]
    asks: tuple[Ask, ...]
    servers: tuple[str, ...] = ("http",)
    """The protocols that it listens with: http, tcp, udp."""
    packages: tuple[str, ...] = ()
    """npm packages that it needs, `tiny` (a router of this test) among them."""
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """Lines of JavaScript, as a measure of what is left of it."""
        return sum(text(parts).count("\n") for _, parts in self.files)

    def with_file(self, name: str, parts: Sequence[Part]) -> Program:
        """The same program with other content of one file."""
        files = tuple((file, tuple(parts) if file == name else old) for file, old in self.files)
        return replace(self, files=files)

    def write(self, folder: Path) -> None:
        """Write the program's files and its requests."""
        for name, parts in self.files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text(parts), encoding="utf-8")

    def to_json(self) -> dict[str, Any]:
        """Everything but the content of the files."""
        return {
            "name": self.name,
            "seed": self.seed,
            "entry": self.entry,
            "files": [name for name, _ in self.files],
            "servers": list(self.servers),
            "packages": list(self.packages),
            "notes": self.notes,
            "asks": [
                {key: value for key, value in vars_of(ask).items() if value != getattr(_DEFAULT, key) or key == "text"}
                for ask in self.asks
            ],
        }


_DEFAULT = Ask("http", "")
_SUPPORT = Path(__file__).with_name("support")
COMMON = frozenset({"lib.js", "lib.mjs", "data.txt"})
"""Files that every generated program has; kept programs do without."""


def vars_of(ask: Ask) -> dict[str, Any]:
    """The fields of a request by name."""
    return {name: getattr(ask, name) for name in Ask.__dataclass_fields__}


def common_file(name: str) -> str:
    """The text of one of the common files, of which there is one for CommonJS and ES modules."""
    if name != "lib.mjs":
        return (_SUPPORT / name).read_text(encoding="utf-8")
    text = common_file("lib.js").replace("'use strict';\n", "")
    for module in ("util", "crypto"):
        text = text.replace(f"const {module} = require('node:{module}');", f"import {module} from 'node:{module}';")
    return text.replace("module.exports = {", "export {")


def load_program(folder: Path) -> Program:
    """Read a program that was saved with its requests; its files are single parts then."""
    told = json.loads((folder / "program.json").read_text(encoding="utf-8"))
    files = tuple((name, tuple(_saved(folder, name).splitlines())) for name in told["files"])
    asks = tuple(
        Ask(**{"proto": "http", **one, "headers": tuple((k, v) for k, v in one.get("headers", ()))})
        for one in told["asks"]
    )
    return Program(
        told["name"], told["seed"], told["entry"], files, asks, tuple(told["servers"]), tuple(told["packages"]),
        told["notes"],
    )  # fmt: skip


def _saved(folder: Path, name: str) -> str:
    path = folder / name
    return common_file(name) if name in COMMON and not path.exists() else path.read_text(encoding="utf-8")


def save_program(program: Program, folder: Path) -> None:
    """Write a program so that `load_program` reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    program.write(folder)
    for name, parts in program.files:
        if name in COMMON and text(parts) == common_file(name):
            (folder / name).unlink()
    (folder / "program.json").write_text(json.dumps(program.to_json(), indent=1) + "\n", encoding="utf-8")


def text(parts: Sequence[Part], indent: str = "") -> str:
    """The JavaScript of some parts."""
    return "".join(_lines(parts, indent))


def _lines(parts: Sequence[Part], indent: str) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield f"{indent}{part}\n"
        else:
            yield f"{indent}{part.head}\n"
            yield from _lines(part.parts, indent + "  ")
            yield f"{indent}{part.tail}\n"
