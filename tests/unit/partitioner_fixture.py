"""Small recordings drawn by hand for the tests of the partitioner; nothing depends on a clock or on chance."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from pipetrace.partitioner.recording import (
    KINDS,
    MODES,
    NONE,
    VIAS,
    Accesses,
    Capture,
    Function,
    Invocations,
    Location,
    Recording,
    Rupture,
    Shape,
    SourceFile,
)
from pipetrace.tracer.trace import TraceWriter

META: dict[str, Any] = {
    "tool_version": "0.1.0",
    "created": "2026-01-02T03:04:05+00:00",
    "command": ["node", "app.js"],
    "cwd": "/srv/shop",
    "app_root": "/srv/shop",
    "entry": "app.js",
    "app_name": "shop",
    "node_version": "v20.20.2",
    "lost_records": 0,
}

MODULE = 0
MS = 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Chain:
    id: int
    kind: str
    event: str
    start_ns: int


class Drawing:
    """A recording under construction: one module `app.js`, initialised by invocation 1."""

    def __init__(self) -> None:
        self.files = {0: SourceFile(0, "app.js", "00ff")}
        self.functions = {MODULE: Function(MODULE, 0, None, "module", "", key="app.js#module")}
        self.captures: dict[int, list[Capture]] = {}
        self.calls: dict[int, list[int]] = {}
        self.held: dict[tuple[int, str], tuple[int, ...]] = {}
        self.leads: dict[tuple[int, str], tuple[tuple[int, str], ...]] = {}
        self.ruptures: dict[int, list[Rupture]] = {}
        self.shapes: dict[int, dict[str, list[Shape]]] = {}
        self.chains: dict[int, Chain] = {}
        self.locations: dict[int, Location] = {}
        self._rows: list[dict[str, Any]] = []
        self._accesses: list[tuple[int, int, int, int, int]] = []
        self._now = 0
        self.init = self.run(MODULE, kind="init", ms=1, event=("init", "node app.js"))

    def function(self, name: str, *, parent: int = MODULE, line: int = 0, at_init: bool = True, **facts: Any) -> int:
        """A function of app.js; ``at_init``: registered by the initialisation, as `app.get('/', name)` is."""
        number = len(self.functions)
        line = line or number * 10
        place = {"start": line * 100, "end": line * 100 + 50, "line": line, "column": 2, "end_line": line}
        kind = facts.pop("kind", "function")
        self.functions[number] = Function(
            number, 0, parent, kind, name, key=f"app.js#{name}#{number}", **{**place, **facts}
        )
        if at_init:
            self.ruptures[number] = [Rupture(0, line, "app.get", "start", 1, 1)]
        return number

    def promised(self, name: str, **facts: Any) -> int:
        """An async function of app.js that other functions call."""
        return self.function(name, at_init=False, is_async=True, returns_promise=True, **facts)

    def shape(self, function: int, slot: str, klass: str, **facts: Any) -> None:
        self.shapes.setdefault(function, {}).setdefault(slot, []).append(Shape(slot, klass, 1, **facts))

    def http(self, function: int, *, following: bool = False) -> None:
        """Give a function the arguments (req, res), or (req, res, next)."""
        for position, klass in enumerate(["http.request", "http.response", "function"][: 3 if following else 2]):
            self.shape(function, f"arg{position}", klass)

    def capture(self, function: int, name: str, **facts: Any) -> None:
        """A captured name; of the module unless ``scope`` names a function."""
        scope = facts.pop("scope", MODULE)
        self.captures.setdefault(function, []).append(
            Capture(name, scope, scope == MODULE, facts.pop("kind", "const"), **{"line": 1, **facts})
        )

    def run(
        self,
        function: int,
        *,
        ms: float = 0.01,
        parent: int | None = None,
        kind: str = "handler",
        first: int | None = None,
        event: tuple[str, str] = ("http", "GET /"),
        nested: bool = False,
        sampled: bool = True,
        wall_ms: float | None = None,
        at_ms: float | None = None,
    ) -> int:
        """One invocation; without a parent it begins a chain. Invocations follow one another unless placed."""
        number = len(self._rows) + 1
        start = self._now if at_ms is None else int(at_ms * MS)
        wall = int((ms if wall_ms is None else wall_ms) * MS)
        chain = number if parent is None else self._rows[parent - 1]["chain"]
        if parent is None:
            self.chains[number] = Chain(number, event[0], event[1], start)
        self._rows.append(
            {
                "id": number,
                "function": function,
                "parent": NONE if parent is None else parent,
                "chain": chain,
                "kind": KINDS[kind],
                "first": NONE if first is None else first,
                "nested": nested,
                "start_ns": start,
                "wall_ns": wall,
                "cpu_ns": int(ms * MS),
                "sampled": sampled,
            }
        )
        self._now = max(self._now, start) + (wall if not nested and kind != "call" else 1)
        return number

    def variable(
        self, name: str, *, klass: str = "number", scope: int = MODULE, line: int = 1, chain: int | None = None
    ) -> int:
        """A variable: of the module, or of one activation of a function."""
        return self._location("variable", name, klass, scope=scope, line=line, born_init=scope == MODULE, chain=chain)

    def content(self, name: str, *, klass: str = "Map", line: int = 1, file: str = "app.js") -> int:
        """The content of a collection that a module-level variable holds."""
        return self._location("content", "elements", klass, line=line, root=f"{file}#{name}", born_init=True)

    def object(self, name: str, *, klass: str = "plain", line: int = 1, born_init: bool = False) -> int:
        """A property of an object that no module-level variable leads to."""
        return self._location("property", name, klass, line=line, born_init=born_init)

    def found(self, name: str, *, klass: str = "plain") -> int:
        """A property of an object that was met after it had been made where nobody watched."""
        number = self._location("property", name, klass, line=0, born_init=True, owner=f"object #{name} ({klass})")
        self.locations[number] = dataclasses.replace(self.locations[number], file=None)
        return number

    def library(self, name: str) -> int:
        """What a package keeps to itself between calls."""
        number = self._location("content", "content", "library", line=0, born_init=True, owner=name)
        self.locations[number] = dataclasses.replace(self.locations[number], file=None)
        return number

    def own(self, name: str, variable: str, *, klass: str = "plain", line: int = 1) -> int:
        """A property of the object that a module-level variable holds."""
        return self._location(
            "property", name, klass, line=line, root=f"app.js#{variable}", born_init=True, owner=f"app.js:{variable}"
        )

    def _location(
        self,
        kind: str,
        name: str,
        klass: str,
        *,
        line: int,
        born_init: bool,
        scope: int | None = None,
        root: str = "",
        chain: int | None = None,
        owner: str = "",
    ) -> int:
        number = len(self.locations) + 1
        self.locations[number] = Location(
            number, kind, name, owner or f"app.js:{name}", 0, line, scope, klass, born_init, root, chain
        )
        return number

    def touch(self, invocation: int, mode: str, location: int, *, line: int = 1, via: str = "direct") -> None:
        self._accesses.append((location, invocation, MODES[mode], VIAS[via], line))

    def recording(self) -> Recording:
        columns = {
            name: np.array([row[name] for row in self._rows]) for name in self._rows[0]
        }  # every recording has its initialisation
        table = sorted(self._accesses)
        return Recording(
            path="traces/shop.duckdb",
            meta=META,
            files=self.files,
            functions=self.functions,
            captures={function: tuple(found) for function, found in self.captures.items()},
            calls={function: tuple(found) for function, found in self.calls.items()},
            held=self.held,
            leads=self.leads,
            ruptures={function: tuple(found) for function, found in self.ruptures.items()},
            shapes={
                function: {slot: tuple(shapes) for slot, shapes in slots.items()}
                for function, slots in self.shapes.items()
            },
            chains={
                kind: np.array([chain.id for chain in self.chains.values() if chain.kind == kind], dtype=np.int64)
                for kind in sorted({chain.kind for chain in self.chains.values()})
            },
            invocations=Invocations(**columns),
            locations=self.locations,
            accesses=Accesses(
                invocation=np.array([row[1] for row in table], dtype=np.int64),
                location=np.array([row[0] for row in table], dtype=np.int64),
                mode=np.array([row[2] for row in table], dtype=np.int64),
                via=np.array([row[3] for row in table], dtype=np.int64),
                line=np.array([row[4] for row in table], dtype=np.int64),
            ),
        )

    def write_trace(self, path: Path) -> Path:
        """The same recording as a trace file."""
        kinds = {code: name for name, code in KINDS.items()}
        modes = {code: name for name, code in MODES.items()}
        vias = {code: name for name, code in VIAS.items()}
        functions, chains, locations = self.functions.values(), self.chains.values(), self.locations.values()
        with TraceWriter(path) as writer:
            writer.write("process", {"process_id": [0], "kind": ["main"]})
            writer.write("file", {"file_id": [0], "path": ["app.js"], "sha256": ["00ff"], "status": ["instrumented"]})
            writer.write(
                "function",
                {
                    "function_id": [f.id for f in functions],
                    "file_id": [f.file for f in functions],
                    "parent_id": [f.parent for f in functions],
                    **{name: [getattr(f, name) for f in functions] for name in ("kind", "name", "line", "params")},
                    **{name: [getattr(f, name) for f in functions] for name in ("is_async", "is_generator")},
                    **{name: [getattr(f, name) for f in functions] for name in ("returns_promise", "uses_this")},
                    "handler_key": [f.key for f in functions],
                    "start_offset": [f.start for f in functions],
                    "end_offset": [f.end for f in functions],
                    "col": [f.column for f in functions],
                    "end_line": [f.end_line for f in functions],
                    "uses_dynamic_scope": [f.dynamic_scope for f in functions],
                    "code_after_next": [f.code_after_next for f in functions],
                },
            )
            captures = [(function, capture) for function, found in self.captures.items() for capture in found]
            writer.write(
                "capture",
                {
                    "function_id": [function for function, _ in captures],
                    "scope_function_id": [c.scope for _, c in captures],
                    **{
                        name: [getattr(c, name) for _, c in captures]
                        for name in (
                            "name",
                            "module_level",
                            "kind",
                            "reads",
                            "writes",
                            "reassigned",
                            "init_kind",
                            "library",
                        )
                    },
                    "declaration_line": [c.line for _, c in captures],
                    "nondeterministic_init": [c.nondeterministic for _, c in captures],
                    "home_function_id": [None if c.home is None else c.home[0] for _, c in captures],
                    "home_name": [None if c.home is None else c.home[1] for _, c in captures],
                },
            )
            ruptures = [(function, rupture) for function, found in self.ruptures.items() for rupture in found]
            writer.write(
                "rupture",
                {
                    "function_id": [function for function, _ in ruptures],
                    "file_id": [r.file for _, r in ruptures],
                    **{
                        name: [getattr(r, name) for _, r in ruptures]
                        for name in ("line", "callee", "kind", "count", "during_init")
                    },
                },
            )
            shapes = [(f, s) for f, slots in self.shapes.items() for found in slots.values() for s in found]
            writer.write(
                "shape",
                {
                    "function_id": [function for function, _ in shapes],
                    "class": [s.klass for _, s in shapes],
                    **{
                        name: [getattr(s, name) for _, s in shapes]
                        for name in ("slot", "count", "bytes_mean", "values_mean", "sendable", "why")
                    },
                },
            )
            writer.write(
                "chain",
                {
                    "chain_id": [c.id for c in chains],
                    "process_id": [0 for _ in chains],
                    **{name: [getattr(c, name) for c in chains] for name in ("kind", "event", "start_ns")},
                },
            )
            writer.write(
                "invocation",
                {
                    "invocation_id": [row["id"] for row in self._rows],
                    "process_id": [0 for _ in self._rows],
                    "function_id": [row["function"] for row in self._rows],
                    "parent_id": [None if row["parent"] == NONE else row["parent"] for row in self._rows],
                    "first_id": [None if row["first"] == NONE else row["first"] for row in self._rows],
                    "chain_id": [row["chain"] for row in self._rows],
                    "kind": [kinds[row["kind"]] for row in self._rows],
                    **{
                        name: [row[name] for row in self._rows]
                        for name in ("nested", "start_ns", "wall_ns", "cpu_ns", "sampled")
                    },
                },
            )
            writer.write(
                "location",
                {
                    "location_id": [found.id for found in locations],
                    "process_id": [0 for _ in locations],
                    "file_id": [found.file for found in locations],
                    "scope_function_id": [found.scope for found in locations],
                    "class": [found.klass for found in locations],
                    "root_variable": [found.root_variable or None for found in locations],
                    **{
                        name: [getattr(found, name) for found in locations]
                        for name in ("kind", "name", "owner", "line", "born_init", "born_chain")
                    },
                },
            )
            writer.write(
                "access",
                {
                    "location_id": [row[0] for row in self._accesses],
                    "invocation_id": [row[1] for row in self._accesses],
                    "mode": [modes[row[2]] for row in self._accesses],
                    "via": [vias[row[3]] for row in self._accesses],
                    "line": [row[4] for row in self._accesses],
                },
            )
            writer.commit(META)
        return path
