"""Text to ESTree: the only module that calls the parser."""

from __future__ import annotations

import gc
import hashlib
import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import esprima

from pipetrace.errors import PipetraceError
from pipetrace.javascript.lines import LineIndex
from pipetrace.javascript.nodes import Node

Goal = Literal["script", "module"]

_REQUIRED_VERSION = (5, 0)
_CACHED_CHARACTERS = 4_000_000
"""Bound of the cache; a tree takes about 50 bytes for each character of its text."""
_MODULE_SYNTAX = re.compile(
    r"^[^\S\r\n]*(?:import\s*(?:[\w$*{\"']|\s)|export\s*(?:[*{]|default\b|const\b|let\b|var\b|function\b|class\b|async\b))",
    re.MULTILINE,
)


class JavaScriptSyntaxError(PipetraceError):
    """A file that is not JavaScript; the message reads `path:line:column: why`, line and column 1-based."""

    def __init__(self, path: str, line: int, column: int, why: str) -> None:
        super().__init__(f"{path}:{line}:{column}: {why}")
        self.path = path
        self.line = line
        self.column = column
        self.why = why


@dataclass(frozen=True)
class ParsedFile:
    """One parsed file. Trees are shared between equal texts, so nobody may change a node."""

    text: str
    """The text as it was given, byte order mark and shebang included; all offsets index it."""
    path: str
    goal: Goal
    tree: Node = field(repr=False, compare=False)
    """The ESTree Program; `.range` of each node is [start, end) in Python string indices."""
    sha256: str = field(repr=False)
    """Hash of the text in UTF-8, hexadecimal."""
    memo: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """Results that the other modules of this room derived from this file."""

    @cached_property
    def lines(self) -> LineIndex:
        """Positions of offsets."""
        return LineIndex(self.text)


_lock = threading.RLock()
_cache: OrderedDict[tuple[str, Goal | None], ParsedFile] = OrderedDict()
_deep_users = 0
_usual_limit = sys.getrecursionlimit()


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let code inside recurse as deeply as a syntax tree may nest, and pause the cycle collector.

    Since Python 3.11 a call from Python to Python takes no C stack, so only memory bounds the depth. The
    collector would traverse the growing tree again and again, which costs 40 % of the time.
    """
    global _deep_users, _usual_limit, _collecting
    with _lock:
        if _deep_users == 0:
            _usual_limit = sys.getrecursionlimit()
            _collecting = gc.isenabled()
            sys.setrecursionlimit(max(_usual_limit, 1_000_000))
            gc.disable()
        _deep_users += 1
    try:
        yield
    finally:
        with _lock:
            _deep_users -= 1
            if _deep_users == 0:
                sys.setrecursionlimit(_usual_limit)
                if _collecting:
                    gc.enable()


_collecting = True


def parse(text: str, path: str, goal: Goal | None = None) -> ParsedFile:
    """Parse one file.

    With goal None, the extension decides (`.mjs`, `.cjs`), else the goal that the content suggests is
    tried first and the other one next. A `return` outside of functions is accepted in scripts, because
    CommonJS wraps files in a function. Results are cached by content.

    Raises JavaScriptSyntaxError with the error of the goal that got further.
    """
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    if goal is None and path.endswith((".mjs", ".cjs")):
        goal = "module" if path.endswith(".mjs") else "script"
    key = (digest, goal)
    with _lock:
        cached = _cache.get(key)
        if cached is not None:
            _cache.move_to_end(key)
    if cached is not None:
        return cached if cached.path == path else replace(cached, path=path, memo={})
    parsed = _parse_uncached(text, path, goal, digest)
    with _lock:
        _cache[key] = parsed
        size = sum(len(entry.text) for entry in _cache.values())
        while size > _CACHED_CHARACTERS and len(_cache) > 1:
            size -= len(_cache.popitem(last=False)[1].text)
    return parsed


def _parse_uncached(text: str, path: str, goal: Goal | None, digest: str) -> ParsedFile:
    goals: tuple[Goal, ...]
    if goal is not None:
        goals = (goal,)
    elif _MODULE_SYNTAX.search(text):
        goals = ("module", "script")
    else:
        goals = ("script", "module")
    failures: list[tuple[int, str]] = []
    fallback: ParsedFile | None = None
    for candidate in goals:
        outcome = _attempt(text, candidate)
        if isinstance(outcome, tuple):
            failures.append(outcome)
            continue
        parsed = ParsedFile(text, path, candidate, outcome, digest)
        # What looked like an import may have stood in a comment or a template.
        if candidate == "script" or goal is not None or _has_module_items(outcome):
            return parsed
        fallback = fallback or parsed
    if fallback is not None:
        return fallback
    index, why = max(failures, key=lambda failure: failure[0])
    line, column = LineIndex(text).position(index)
    raise JavaScriptSyntaxError(path, line, column + 1, why)


def _has_module_items(tree: Node) -> bool:
    return any(item.type.startswith(("Import", "Export")) for item in tree.body)


def _attempt(text: str, goal: Goal) -> Node | tuple[int, str]:
    """Return the tree, or the offset and the reason of the first error."""
    # A shebang behind a byte order mark is legal for engines, which drop the mark, but not for the parser.
    source = "// " + text[3:] if text.startswith("\ufeff#!") else text
    with deep_recursion():
        try:
            tree = esprima.parse(source, sourceType=goal, range=True, positionEncoding="scalar", tolerant=True)
        except esprima.Error as error:
            return _failure(text, error.index, error.message)
    for recovered in tree.errors:
        if goal == "script" and "Illegal return statement" in recovered["message"]:
            continue
        return _failure(text, recovered.get("index"), recovered["message"])
    return tree


def _failure(text: str, index: int | None, message: str) -> tuple[int, str]:
    why = re.sub(r"^(?:Error: )?Line \d+: ", "", message).strip().rstrip(".")
    return min(index if index is not None else 0, len(text)), why


def _check_parser() -> None:
    version = tuple(getattr(esprima, "__version__", ()))[:2]
    if version != _REQUIRED_VERSION:
        found = ".".join(str(part) for part in version) or "unknown"
        raise PipetraceError(
            f"The Python package esprima-fork 5.0 is needed, but the installed esprima is {found}; "
            "run: pip uninstall -y esprima && pip install --force-reinstall esprima-fork==5.0.0"
        )


_check_parser()
