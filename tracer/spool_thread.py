"""What one thread wrote, as rows of the trace: names for codes, ids of the whole trace for those of the thread.

A first look at all records finds what single parts cannot tell: which ids were written, and how many invocations ran
inside of each. The rows themselves are made part by part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipetrace.tracer.spool_file import SpoolFile
from pipetrace.tracer.trace import Coded

Table = Mapping[str, Any]
"""Column name → values of equal length; the names are those of the trace's tables."""

INVOCATION_KINDS = ("handler", "call", "resume", "init")
_MODES = ("", "r", "w", "rw")
_VIAS = ("direct", "builtin", "opaque", "compared")
_LOCATION_KINDS = {"v": "variable", "p": "property", "c": "content"}
_NESTED, _SAMPLED, _THREW = 4, 8, 16
_HANDLER, _CALL = 0, 1
_MANY = 255
_LOCATION_WEIGHT = 8
"""How many records take as much memory as the line of a location."""
_LOCATION_COLUMNS = (
    "location_id", "process_id", "kind", "name", "object_id", "owner", "file_id", "line", "scope_function_id",
    "class", "born_init", "born_chain", "root_variable",
)  # fmt: skip


class _Marks:
    """One byte for each id, which grows with the highest one."""

    def __init__(self) -> None:
        self.bytes = np.zeros(1, dtype=np.uint8)

    def reach(self, highest: int) -> None:
        """Make room for ids up to ``highest``."""
        if highest >= len(self.bytes):
            grown = np.zeros(max(highest + 1, 2 * len(self.bytes)), dtype=np.uint8)
            grown[: len(self.bytes)] = self.bytes
            self.bytes = grown

    def of(self, ids: NDArray[Any]) -> NDArray[np.uint8]:
        """The bytes of some ids; 0 for those out of reach."""
        inside = (ids > 0) & (ids < len(self.bytes))
        found: NDArray[np.uint8] = np.where(inside, self.bytes[np.where(inside, ids, 0)], 0)
        return found


class ThreadRows:
    """The rows of one thread; ``number`` gives it its place among the others before rows are asked for."""

    def __init__(self, file: SpoolFile) -> None:
        self._file = file
        self.process: dict[str, Any] = {}
        self.exit: dict[str, Any] = {}
        self.init_end: float | None = None
        """In ms since the time origin."""
        self.shapes: dict[tuple[int, str, str, str], dict[str, Any]] = {}
        self.ruptures: dict[tuple[int, int, int, str], dict[str, Any]] = {}
        self.problems: list[dict[str, Any]] = []
        self.handled: dict[int, tuple[int, int]] = {}
        """Handler invocations by function: all, and those outside of the initialisation."""
        self.invocation_count = self.chain_count = self.access_count = self.location_count = 0
        self.last_invocation = self.last_chain = self.last_location = self.last_object = 0
        """Highest ids."""
        self.invocation_kinds: frozenset[str] = frozenset()
        self.chain_kinds: frozenset[str] = frozenset()
        self._strings: dict[int, str] = {0: ""}
        self._latest = np.zeros(1, dtype=np.int32)
        """By location: number of its last line, which holds, counted from 1."""
        self._written = _Marks()
        self._inside = _Marks()
        """How many invocations ran inside of each: as many, or _MANY and the number in ``_crowded``."""
        self._crowded: dict[int, int] = {}
        self._unwritten: dict[int, float] = {}
        """Chains that have invocations and no record: begin of the first of those."""
        self._process_id = self._base = self._location_base = self._object_base = 0
        self._origin_ns = 0
        self._read_lines()
        if self.process:
            self._look_at_records()

    @property
    def started(self) -> float:
        """When it began, in ms since the epoch."""
        return float(self.process["origin"]) + float(self.process["start"])

    def number(self, process_id: int, base: int, location_base: int, object_base: int) -> None:
        """Say which process it is, and what is added to its ids of invocations, locations and objects."""
        self._process_id, self._base = process_id, base
        self._location_base, self._object_base = location_base, object_base

    def ns(self, milliseconds: float) -> int:
        """Return ns since the epoch of a time given in ms since the thread's time origin."""
        return self._origin_ns + round(milliseconds * 1e6)

    def invocations(self) -> Iterator[Table]:
        """Its invocations, in parts."""
        names, costs = self._texts(), self.exit.get("own") or {}
        for rows in self._file.invocations():
            flags = rows["flags"]
            own = np.maximum((rows["self"] * 1e6).round().astype(np.int64), 0)
            yield {
                "invocation_id": rows["id"].astype(np.int64) + self._base,
                "process_id": np.full(len(rows), self._process_id, dtype=np.int32),
                "function_id": rows["function"].astype(np.int32),
                "parent_id": self._references(rows["parent"]),
                "chain_id": rows["chain"].astype(np.int64) + self._base,
                "kind": Coded(flags & 3, INVOCATION_KINDS),
                "first_id": self._references(rows["first"]),
                "nested": (flags & _NESTED) != 0,
                "trigger": Coded(_within(flags >> 8, names), names),
                "start_ns": self._ns_array(rows["start"]),
                "wall_ns": (rows["wall"] * 1e6).round().astype(np.int64),
                "self_ns": own,
                "cpu_ns": self._corrected(rows, own, costs),
                "sampled": (flags & _SAMPLED) != 0,
                "threw": (flags & _THREW) != 0,
            }

    def chains(self) -> Iterator[Table]:
        """Its chains, in parts."""
        names = self._texts()
        for rows in self._file.chains():
            yield self._chain_table(rows["id"], rows["start"], rows["kind"], rows["event"], names)
        if self._unwritten:
            # A chain whose root was still open when the process was killed.
            ids = np.array(sorted(self._unwritten), dtype=np.int64)
            starts = np.array([self._unwritten[number] for number in ids.tolist()])
            yield self._chain_table(ids, starts, np.ones(len(ids), int), np.zeros(len(ids), int), ("", "other"))

    def locations(self) -> Iterator[Table]:
        """Its locations, in parts; what was written last of each holds."""
        rows: list[tuple[Any, ...]] = []
        for number, line in self._location_lines():
            if number != int(self._latest[line["id"]]):
                continue
            rows.append(
                (
                    self._location_base + line["id"], self._process_id, _LOCATION_KINDS[line["k"]], line["n"],
                    self._object_base + line["o"] if line["o"] else None, line["w"],
                    line["f"] if line["f"] >= 0 else None, line["l"] or None, line["s"] if line["s"] >= 0 else None,
                    line["c"], line["bi"], self._base + line["bc"] if line["bc"] > 0 else None, line["r"] or None,
                )
            )  # fmt: skip
            if len(rows) >= self._file.part_rows // _LOCATION_WEIGHT:
                yield _table(rows)
                rows = []
        if rows:
            yield _table(rows)

    def accesses(self) -> Iterator[Table]:
        """Its accesses to locations that are known, in parts."""
        for records in self._file.accesses():
            rows = records[self._is_known(records)]
            if len(rows):
                yield {
                    "invocation_id": rows["invocation"].astype(np.int64) + self._base,
                    "location_id": rows["location"].astype(np.int64) + self._location_base,
                    "mode": Coded(rows["mode"] & 3, _MODES),
                    "via": Coded((rows["mode"] >> 4) & 3, _VIAS),
                    "line": rows["line"].astype(np.int32),
                }

    # -- the first look -------------------------------------------------------------------------------

    def _read_lines(self) -> None:
        located = 0
        for line in self._file.lines():
            kind = line["t"]
            if kind == "l":
                located += 1
                self._locate(line, located)
            elif kind == "s":
                self._strings[line["i"]] = line["v"]
            elif kind == "h":
                self.shapes[line["f"], line["s"], line["c"], line["w"]] = line
            elif kind == "r":
                self.ruptures[line["f"], line["file"], line["l"], line["x"]] = line
            elif kind == "p":
                self.problems.append(line)
            elif kind == "process":
                self.process = line
            elif kind == "init":
                self.init_end = line["end"]
            elif kind == "exit":
                self.exit = line
        self._origin_ns = round(float(self.process.get("origin", 0.0)) * 1e3) * 1000

    def _locate(self, line: dict[str, Any], number: int) -> None:
        at = line["id"]
        self.last_location = max(self.last_location, at)
        self.last_object = max(self.last_object, line["o"])
        if at >= len(self._latest):
            self._latest = np.concatenate([self._latest, np.zeros(max(at + 1, len(self._latest)), dtype=np.int32)])
        self.location_count += int(self._latest[at]) == 0
        self._latest[at] = number

    def _location_lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        return enumerate((line for line in self._file.lines() if line["t"] == "l"), 1)

    def _look_at_records(self) -> None:
        names = self._texts()
        recorded, chain_kinds = _Marks(), np.zeros(len(names), dtype=bool)
        inits: list[NDArray[Any]] = []
        init = names.index("init") if "init" in names else -1
        for rows in self._file.chains():
            recorded.reach(int(rows["id"].max()))
            recorded.bytes[rows["id"]] = 1
            kinds = _within(rows["kind"], names)
            chain_kinds[kinds] = True
            inits.append(rows["id"][kinds == init])
            self.chain_count += len(rows)
            self.last_chain = max(self.last_chain, int(rows["id"].max()))
        init_chains = np.concatenate([np.zeros(0, dtype=np.int32), *inits])
        handled, outside, kinds_seen = Counter[int](), Counter[int](), np.zeros(4, dtype=bool)
        for rows in self._file.invocations():
            kinds = rows["flags"] & 3
            kinds_seen[kinds] = True
            self._look_at_invocations(rows, kinds, recorded)
            for counts, chosen in (
                (handled, kinds == _HANDLER),
                (outside, (kinds == _HANDLER) & ~np.isin(rows["chain"], init_chains)),
            ):
                functions, numbers = np.unique(rows["function"][chosen], return_counts=True)
                counts.update(dict(zip(functions.tolist(), numbers.tolist(), strict=True)))
        for records in self._file.accesses():
            self.access_count += int(np.count_nonzero(self._is_known(records)))
        self.handled = {function: (count, outside[function]) for function, count in handled.items()}
        self.chain_count += len(self._unwritten)
        self.invocation_kinds = frozenset(INVOCATION_KINDS[at] for at in np.flatnonzero(kinds_seen).tolist())
        found = {names[at] for at in np.flatnonzero(chain_kinds).tolist()}
        self.chain_kinds = frozenset(found | {"other"} if self._unwritten else found)

    def _look_at_invocations(self, rows: NDArray[Any], kinds: NDArray[Any], recorded: _Marks) -> None:
        self.invocation_count += len(rows)
        self.last_invocation = max(self.last_invocation, int(rows["id"].max()))
        self._written.reach(self.last_invocation)
        self._written.bytes[rows["id"]] = 1
        absent = recorded.of(rows["chain"]) == 0
        if absent.any():
            chains, first = np.unique(rows["chain"][absent], return_index=True)
            for chain, start in zip(chains.tolist(), rows["start"][absent][first].tolist(), strict=True):
                self._unwritten.setdefault(chain, start)
        inside = (((rows["flags"] & _NESTED) != 0) | (kinds == _CALL)) & (rows["parent"] > 0)
        parents, counts = np.unique(rows["parent"][inside], return_counts=True)
        if len(parents):
            self._inside.reach(int(parents[-1]))
            total = self._inside.bytes[parents].astype(np.int64) + counts
            for at in np.flatnonzero(total >= _MANY).tolist():
                parent = int(parents[at])
                before = self._crowded.get(parent, int(self._inside.bytes[parent]))
                self._crowded[parent] = before + int(counts[at])
            self._inside.bytes[parents] = np.minimum(total, _MANY)

    # -- rows ------------------------------------------------------------------------------------------

    def _texts(self) -> tuple[str, ...]:
        names = [""] * (max(self._strings) + 1)
        for number, text in self._strings.items():
            names[number] = text
        return tuple(names)

    def _is_known(self, rows: NDArray[Any]) -> NDArray[np.bool_]:
        inside = (rows["location"] < len(self._latest)) & (rows["invocation"] <= self.last_invocation)
        known: NDArray[np.bool_] = inside & (self._latest[np.where(inside, rows["location"], 0)] > 0)
        return known

    def _references(self, ids: NDArray[Any]) -> NDArray[Any]:
        """Return ids of the trace as a masked array; masked where there is none, or its record was never written."""
        return np.ma.masked_array(ids.astype(np.int64) + self._base, mask=self._written.of(ids) == 0)

    def _corrected(self, rows: NDArray[Any], own: NDArray[Any], costs: Mapping[str, int]) -> NDArray[Any]:
        """Return self times without what the agent took: within each, and around those that ran inside of it."""
        counts = self._inside.of(rows["id"]).astype(np.int64)
        for at in np.flatnonzero(counts == _MANY).tolist():
            counts[at] = self._crowded[int(rows["id"][at])]
        agent = costs.get("within_ns", 0) + costs.get("outside_ns", 0) * counts
        found: NDArray[Any] = np.maximum(own - agent, 0)
        return found

    def _chain_table(
        self, ids: NDArray[Any], starts: NDArray[Any], kinds: NDArray[Any], events: NDArray[Any], names: tuple[str, ...]
    ) -> Table:
        return {
            "chain_id": ids.astype(np.int64) + self._base,
            "process_id": np.full(len(ids), self._process_id, dtype=np.int32),
            "kind": Coded(_within(kinds, names), names),
            "event": Coded(_within(events, names), names),
            "start_ns": self._ns_array(starts),
        }

    def _ns_array(self, milliseconds: NDArray[Any]) -> NDArray[Any]:
        found: NDArray[Any] = self._origin_ns + (milliseconds * 1e6).round().astype(np.int64)
        return found


def _within(codes: NDArray[Any], names: tuple[str, ...]) -> NDArray[Any]:
    """Numbers of texts; those that were never written (the process was killed) stand for the empty one."""
    found: NDArray[Any] = np.where(codes < len(names), codes, 0)
    return found


def _table(rows: list[tuple[Any, ...]]) -> Table:
    return {name: [row[index] for row in rows] for index, name in enumerate(_LOCATION_COLUMNS)}
