"""From the text of a module to its instrumented text, with ids, cache, and the rows that follow from the text."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipetrace.errors import PipetraceError
from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.lines import LineIndex
from pipetrace.javascript.parse import Goal, JavaScriptSyntaxError, deep_recursion, parse
from pipetrace.javascript.scopes import analyse
from pipetrace.tracer.instrument import InstrumentOptions, MemoryMode, instrument
from pipetrace.tracer.source_maps import OriginalLines, Points, UnusableMapError, compiled, decode, map_beside
from pipetrace.tracer.static_tables import LoadedFile, StaticFile, static_file
from pipetrace.tracer.transform_cache import TransformCache, cache_key

_LARGEST = 4_000_000
"""Characters; beyond it analysing takes longer than anybody waits for a server to start."""

_TRANSLATED = "its text was translated when it was loaded"

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """A row of the table ``problem``."""

    kind: str
    file_id: int
    line: int
    text: str


class Transformer:
    """Instruments the files of one application and remembers what it saw."""

    def __init__(self, app_root: Path, memory: MemoryMode, cache: TransformCache, node: str = "node") -> None:
        self.app_root = app_root
        self._node = node
        self._memory = memory
        self._cache = cache
        self._known_ids = cache.load_ids(str(app_root))
        self._ids: dict[str, tuple[int, int, int]] = {}
        self._next_file = 1 + max((entry[0] for entry in self._known_ids.values()), default=-1)
        self._next_function = max((entry[1] + entry[2] for entry in self._known_ids.values()), default=0)
        self._answers: dict[tuple[str, str, str], Answer] = {}
        self.files: list[LoadedFile] = []
        """In order of loading."""
        self.problems: list[Problem] = []
        self.unmapped: list[tuple[int, str]] = []
        """(id, sentence) of each translated file whose lines are not those of the file."""
        self.paths: set[str] = set()
        """Every path that the application was loaded from."""
        self.misses = 0
        """Files that were not in the cache."""

    def transform(self, path: str, form: str, source: str) -> Answer:
        """Return the answer for a module: its instrumented text, format and ids, or ``{"leave": reason}``.

        `form` is ``commonjs``, ``module``, or ``unknown`` for what Node will find out by trying.
        """
        self.paths.add(path)
        if form == "unknown":
            form = "module" if _parses_as_module_only(source, path) else "commonjs"
        key = (path, form, _hash(source))
        answer = self._answers.get(key)
        if answer is None:
            answer = self._transform(path, form, source)
            self._answers[key] = answer = answer if "leave" in answer else {**answer, "format": form}
        return answer

    def refuse(self, path: str, source: str, why: str) -> Answer:
        """Leave a module alone whose instrumented text the engine does not take, now and in later recordings."""
        name = Path(os.path.relpath(path, self.app_root)).as_posix()
        problem = f"The instrumented text of {name} does not compile ({why})."
        for index, file in enumerate(self.files):
            if file.path == name and file.status == "instrumented":
                self.files[index] = replace(file, status="left alone", reason=problem)
                self.problems.append(Problem("parse", file.file_id, 0, problem))
                text = _on_disk(path, source)[0]
                key = cache_key(
                    text + map_beside(text, Path(path)),
                    name,
                    file.format,
                    self._memory,
                    file.file_id,
                    file.function_base,
                )
                kept = self._cache.load(key)
                if kept is not None:
                    self._cache.store(key, {**kept, "code": None, "problem": problem, "line": 0})
        answer = {"leave": problem}
        self._answers[path, "commonjs", _hash(source)] = answer
        return answer

    def save_ids(self) -> None:
        """Remember the ids for the next recording of this application."""
        self._cache.store_ids(str(self.app_root), {**self._known_ids, **self._ids})

    def _transform(self, path: str, form: str, source: str) -> Answer:
        name = Path(os.path.relpath(path, self.app_root)).as_posix()
        text, digest, size, translated = _on_disk(path, source)
        # What a map says is part of the instrumented text.
        content = text + map_beside(text, Path(path))
        known = self._known_ids.pop(name, None)
        file_id, base, functions = known or (self._take_file_id(), self._next_function, 0)
        kept = self._cache.load(cache_key(content, name, form, self._memory, file_id, base)) if known else None
        if kept is not None and (len(kept["static"]["functions"]) if kept.get("static") else 0) <= functions:
            static = StaticFile.from_json(kept["static"]) if kept.get("static") else None
            return self._note(name, form, digest, size, translated, file_id, base, static, kept)
        self.misses += 1
        static, problem, line, count = None, "", 0, 0
        code: str | None = None
        spans = ""
        starts: list[tuple[int, int]] = []
        try:
            if len(text) > _LARGEST:
                raise PipetraceError(f"{name} is larger than {_LARGEST // 1_000_000} MB")
            parsed = parse(text, name, _goal(form))
            original, problem = self._original(name, text, translated, Path(path))
            if original is not None and translated:
                # Nobody rewrites what a loader makes, so nobody needs the lines of that text itself.
                parsed = replace(parsed, memo={})
                parsed.__dict__["lines"] = original
            static = static_file(parsed)
            count = len(static.functions)
            if count > functions:
                base = self._next_function
            with deep_recursion():
                result = instrument(
                    parsed,
                    analyse(parsed),
                    functions_of(parsed),
                    file_id=file_id,
                    function_base=base,
                    options=InstrumentOptions(memory=self._memory, read_lines=original),
                )
            code, spans = result.code, result.spans
            starts = _positions(code, result.places)
        except JavaScriptSyntaxError as error:
            problem, line = str(error), error.line
        except PipetraceError as error:
            problem = str(error)
        except (RecursionError, MemoryError):
            problem = f"{name} is nested too deeply to be analysed."
        except Exception as error:  # a defect of ours must not stop the application
            problem = f"{name} could not be analysed ({type(error).__name__}: {error})."
        made = {
            "code": code,
            "spans": spans,
            "static": static.to_json() if static else None,
            "starts": starts,
            "problem": problem,
            "line": line,
        }
        self._cache.store(cache_key(content, name, form, self._memory, file_id, base), made)
        return self._note(name, form, digest, size, translated, file_id, base, static, made, fresh=True)

    def _original(self, name: str, text: str, translated: bool, path: Path) -> tuple[OriginalLines | None, str]:
        """Return how lines of a compiled text are told as those of its source, or why they are not."""
        try:
            found = compiled(text, path)
            points = decode([found], self.app_root, self._node)[0] if found else None
        except UnusableMapError as error:
            points = error
        if isinstance(points, Points) and translated and [source.path for source in points.sources] != [name]:
            points = UnusableMapError("its source map leads to another file")
        if isinstance(points, UnusableMapError):
            return None, f"Lines of {name} are those of the translated text: {points}." if translated else ""
        return OriginalLines(text, points) if points else None, ""

    def _take_file_id(self) -> int:
        self._next_file += 1
        return self._next_file - 1

    def _note(
        self,
        name: str,
        form: str,
        digest: str,
        size: int,
        translated: bool,
        file_id: int,
        base: int,
        static: StaticFile | None,
        made: dict[str, Any],
        *,
        fresh: bool = False,
    ) -> Answer:
        count = len(static.functions) if static else 0
        self._next_function = max(self._next_function, base + count)
        self._ids[name] = (file_id, base, count)
        code, problem = made["code"], made["problem"]
        status = "left alone" if code is None else "instrumented"
        starts = tuple((line, column) for line, column in made["starts"])
        reason = _TRANSLATED if translated and code is not None else problem
        self.files.append(LoadedFile(file_id, name, digest, form, size, status, reason, base, static, starts))
        if problem and code is not None:
            self.unmapped.append((file_id, problem))
        if code is None:
            self.problems.append(Problem("parse", file_id, made["line"], problem))
            return {"leave": problem}
        # Node takes the byte order mark away before it compiles, so none of it is kept.
        kept, rest = made["spans"].split(",", 1)
        marked = 1 if code.startswith("\ufeff") else 0
        return {
            "code": code.removeprefix("\ufeff"),
            "spans": f"{int(kept) - marked},{rest}",
            "fresh": fresh,
            "file_id": file_id,
            "function_base": base,
            "functions": count,
        }


def _positions(code: str, offsets: Sequence[int]) -> list[tuple[int, int]]:
    """Return 0-based lines and columns in the text without byte order mark, as engines report them."""
    lines = LineIndex(code)
    mark = 1 if code.startswith("\ufeff") else 0
    found = []
    for offset in offsets:
        line, column = lines.position(offset)
        found.append((line - 1, column - mark if line == 1 else column))
    return found


def _hash(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def _parses_as_module_only(source: str, path: str) -> bool:
    try:
        parse(source, path, "script")
    except PipetraceError:
        try:
            parse(source, path, "module")
        except PipetraceError:
            return False
        return True
    return False


def _goal(form: str) -> Goal:
    return "module" if form == "module" else "script"


def _on_disk(path: str, source: str) -> tuple[str, str, int, bool]:
    """Return the text of a module, SHA-256 and bytes of its file, and whether a loader translated it.

    The text is that of the file where only a byte order mark is missing, which Node takes away.
    """
    try:
        data = Path(path).read_bytes()
    except OSError:
        data = b""
    text = data.decode("utf-8", "replace")
    if data and text.removeprefix("\ufeff") == source.removeprefix("\ufeff"):
        return text, hashlib.sha256(data).hexdigest(), len(data), False
    data = data or source.encode("utf-8", "replace")
    return source, hashlib.sha256(data).hexdigest(), len(data), True
