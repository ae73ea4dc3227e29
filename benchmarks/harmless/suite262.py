"""test262 as a list of programs: where it comes from, what a program needs, and in which forms it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.harmless import debian
from pipetrace.errors import PipetraceError

Kind = Literal["function", "script", "module"]
Edition = Literal["firefox-esr", "qtdeclarative-opensource-src"]

_PLACES: dict[Edition, tuple[str, str]] = {
    "firefox-esr": ("*/js/src/tests/test262/*", "js/src/tests/test262"),
    "qtdeclarative-opensource-src": ("*/ecmascripttests/test262/*", "tests/auto/qml/ecmascripttests/test262"),
}
"""Debian source packages that carry test262: what to unpack, and where it then is."""

_HOST = "var print; function reportCompare() {}\n"


@dataclass(frozen=True, slots=True)
class Program:
    """One test in one form."""

    name: str
    """Path below `language` and the form."""
    path: str
    text: str
    kind: Kind
    includes: tuple[str, ...]
    asynchronous: bool
    negative: bool
    """It must not run to its end."""


@dataclass(frozen=True, slots=True)
class Suite:
    """test262 on disk."""

    language: Path
    includes: dict[str, str]
    """Files of the harness by name."""

    def modules(self) -> dict[str, str]:
        """Texts that programs import, by path below `language`."""
        return {
            path.relative_to(self.language).as_posix(): path.read_text("utf-8", "surrogateescape")
            for pattern in ("*_FIXTURE*", "*.json")
            for path in self.language.rglob(pattern)
            if path.is_file()
        }

    def programs(self, every: int = 1) -> Iterator[Program]:
        """Each test in its forms; only one in `every`, evenly over all directories."""
        paths = sorted(self.language.rglob("*.js"))
        paths = [p for p in paths if "_FIXTURE" not in p.name and p.name not in ("shell.js", "browser.js")]
        for path in paths[::every]:
            try:
                text = path.read_bytes().decode("utf-8")
            except UnicodeDecodeError:
                continue
            yield from _forms(path.relative_to(self.language).as_posix(), text)


def fetch(edition: Edition) -> Suite:
    """The copy of test262 in a Debian source package; downloaded once per user."""
    pattern, place = _PLACES[edition]
    return load(debian.source(edition, [pattern]) / place)


def load(folder: Path) -> Suite:
    """A checkout of test262, or Firefox's rendering of it. Raises PipetraceError when it is neither."""
    if (folder / "test" / "language").is_dir():
        includes = {path.name: path.read_text("utf-8") for path in (folder / "harness").glob("*.js")}
        return Suite(folder / "test" / "language", includes)
    if not (folder / "language").is_dir():
        raise PipetraceError(f"{folder} holds no test262; give the directory of a checkout.")
    # Firefox puts the harness's files that a directory needs into a file there, one behind the other.
    includes = {}
    for shell in sorted(folder.rglob("shell.js")):
        parts = re.split(r"^// file: (\S+)\n", shell.read_text("utf-8"), flags=re.M)
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            includes.setdefault(name, text)
    return Suite(folder / "language", includes)


def _forms(name: str, text: str) -> Iterator[Program]:
    front = re.search(r"/\*---(.*?)---\*/", text, re.S)
    head = front[1] if front else ""
    flags = set(re.findall(r"[\w-]+", _entry(head, "flags")))
    first = text.split("\n", 1)[0]
    if "|reftest|" in first:
        flags |= set(re.findall(r"\b(module|async|onlyStrict)\b", first))
    includes = ("assert.js", "sta.js", *re.findall(r"[\w.-]+\.js", _entry(head, "includes")))
    asynchronous = "async" in flags
    if asynchronous:
        includes += ("doneprintHandle.js",)
    negative = re.search(r"^negative:", head, re.M) is not None
    if "module" in flags:
        yield Program(f"{name} module", name, text, "module", includes, asynchronous, negative)
        return
    for kind in ("function", "script"):
        if "onlyStrict" not in flags:
            yield Program(f"{name} {kind}", name, text, kind, includes, asynchronous, negative)
        if not flags & {"noStrict", "raw"}:
            strict = f'"use strict";\n{text}'
            yield Program(f"{name} {kind} strict", name, strict, kind, includes, asynchronous, negative)


def _entry(head: str, key: str) -> str:
    found = re.search(rf"^{key}:(.*(?:\n[ \t]*-.*)*)", head, re.M)
    return found[1] if found else ""


def host() -> str:
    """What the programs expect of their host beside `$262`."""
    return _HOST
