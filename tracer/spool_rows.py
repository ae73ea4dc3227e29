"""From the records of each thread to rows of the trace: one numbering over all threads, names for codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pipetrace.tracer.spool import ThreadSpool

Table = dict[str, Any]

INVOCATION_KINDS = np.array(["handler", "call", "resume", "init"], dtype=object)
MODES = np.array(["", "r", "w", "rw"], dtype=object)
VIAS = np.array(["direct", "builtin", "opaque", "compared"], dtype=object)
LOCATION_KINDS = {"v": "variable", "p": "property", "c": "content"}
_NESTED, _SAMPLED, _THREW = 4, 8, 16
_CALL = 1

_INVOCATION_COLUMNS = (
    "invocation_id", "process_id", "function_id", "parent_id", "chain_id", "kind", "first_id", "nested",
    "trigger", "start_ns", "wall_ns", "self_ns", "cpu_ns", "sampled", "threw",
)  # fmt: skip
_CHAIN_COLUMNS = ("chain_id", "process_id", "kind", "event", "start_ns")
_ACCESS_COLUMNS = ("invocation_id", "location_id", "mode", "via", "line")
_PROCESS_COLUMNS = (
    "process_id", "pid", "thread_id", "parent_process_id", "kind", "argv", "node_version", "started_ns",
    "ended_ns", "exit_code",
)  # fmt: skip
_LOCATION_COLUMNS = (
    "location_id", "process_id", "kind", "name", "object_id", "owner", "file_id", "line", "scope_function_id",
    "class", "born_init", "born_chain", "root_variable",
)  # fmt: skip
_RUPTURE_COLUMNS = ("function_id", "file_id", "line", "callee", "kind", "count", "during_init")
_SHAPE_COLUMNS = ("function_id", "slot", "class", "count", "bytes_mean", "values_mean", "sendable", "why")
_PROBLEM_COLUMNS = ("kind", "file_id", "line", "text")


class RowBuilder:
    """Collects the rows of all threads, earliest thread first."""

    def __init__(self) -> None:
        self._arrays: dict[str, list[dict[str, NDArray[Any]]]] = {"invocation": [], "chain": [], "access": []}
        self._lists: dict[str, dict[str, list[Any]]] = {
            "process": {name: [] for name in _PROCESS_COLUMNS},
            "location": {name: [] for name in _LOCATION_COLUMNS},
            "problem": {name: [] for name in _PROBLEM_COLUMNS},
        }
        self._shapes: dict[tuple[int, str, str, str], list[float]] = {}
        self._ruptures: dict[tuple[int, int, int, str], list[int]] = {}
        self._handled: dict[int, tuple[int, int]] = {}
        """Handler invocations by function: all, and those outside of the initialisation."""
        self._invocations = 0
        self._locations = 0
        self._objects = 0
        self.init_end_ns: int | None = None
        self.lost = 0
        self.left_invocations = self.left_chains = 0
        """What the agents left out to keep the recording within its size."""

    def add(self, thread: ThreadSpool) -> None:
        """Add what one thread wrote."""
        process_id = len(self._lists["process"]["pid"])
        strings = {0: ""}
        exit_line: dict[str, Any] = {}
        process: dict[str, Any] | None = None
        locations: dict[int, dict[str, Any]] = {}
        shapes: dict[tuple[int, str, str, str], dict[str, Any]] = {}
        ruptures: dict[tuple[int, int, int, str], dict[str, Any]] = {}
        init_end: float | None = None
        for line in thread.lines:
            kind = line["t"]
            if kind == "s":
                strings[line["i"]] = line["v"]
            elif kind == "l":
                locations[line["id"]] = line
            elif kind == "h":
                shapes[line["f"], line["s"], line["c"], line["w"]] = line
            elif kind == "r":
                ruptures[line["f"], line["file"], line["l"], line["x"]] = line
            elif kind == "p":
                self._problem(line)
            elif kind == "process":
                process = line
            elif kind == "init":
                init_end = line["end"]
            elif kind == "exit":
                exit_line = line
        if process is None:
            return
        origin = process["origin"]
        self.lost += exit_line.get("lost", 0)
        left = exit_line.get("left") or {}
        self.left_invocations += left.get("invocations", 0)
        self.left_chains += left.get("chains", 0)
        if process_id == 0 and init_end is not None:
            self.init_end_ns = _ns(origin, init_end)
        self._process(process_id, process, exit_line, origin)
        invocation_base, location_base = self._invocations, self._locations
        last = int(thread.invocations["id"].max(initial=0))
        self._invocation_rows(thread, process_id, invocation_base, strings, origin, exit_line.get("own") or {})
        self._chain_rows(thread, process_id, invocation_base, strings, origin)
        known = self._location_rows(list(locations.values()), process_id, location_base, invocation_base)
        self._access_rows(thread, invocation_base, location_base, known, last)
        for key, shape in shapes.items():
            total = self._shapes.setdefault(key, [0, 0.0, 0.0, 1.0 if shape["ok"] else 0.0])
            total[0] += shape["n"]
            total[1] += shape["b"]
            total[2] += shape["v"]
        for place, rupture in ruptures.items():
            counts = self._ruptures.setdefault(place, [0, 0, 0])
            counts[0] += rupture["n"]
            counts[1] += rupture["d"]
            counts[2] = max(counts[2], rupture["k"])
        self._invocations += max(last, int(thread.chains["id"].max(initial=0)))

    def tables(self) -> dict[str, Table]:
        """Return all tables."""
        tables: dict[str, Table] = {
            "invocation": _concatenate(self._arrays["invocation"], _INVOCATION_COLUMNS),
            "chain": _concatenate(self._arrays["chain"], _CHAIN_COLUMNS),
            "access": _concatenate(self._arrays["access"], _ACCESS_COLUMNS),
            **self._lists,
        }
        shapes = [
            (function, slot, name, int(count), size / max(count, 1), values / max(count, 1), sendable > 0, why)
            for (function, slot, name, why), (count, size, values, sendable) in sorted(self._shapes.items())
        ]
        tables["shape"] = _table(_SHAPE_COLUMNS, shapes)
        ruptures = [
            (function, file, line, callee, self._rupture_kind(function, counts), counts[0], counts[1])
            for (function, file, line, callee), counts in sorted(self._ruptures.items())
        ]
        tables["rupture"] = _table(_RUPTURE_COLUMNS, ruptures)
        return tables

    def _rupture_kind(self, function: int, counts: list[int]) -> str:
        count, during_init, known = counts
        if known:
            return "start" if known == 1 else "post"
        handled, outside = self._handled.get(function, (0, 0))
        # What the initialisation registered and only itself called was a continuation of it.
        again = outside > 0 or handled == 0 if during_init else handled > count
        return "start" if again else "post"

    def _process(self, process_id: int, line: dict[str, Any], end: dict[str, Any], origin: float) -> None:
        table = self._lists["process"]
        parent = None
        for index, pid in enumerate(table["pid"]):
            if table["thread_id"][index] == 0 and pid == (line["pid"] if line["worker"] else line["ppid"]):
                parent = index
        kind = "worker" if line["worker"] else ("main" if process_id == 0 else "child")
        row = (
            process_id, line["pid"], line["tid"], parent, kind, " ".join(line["argv"]), line["node"],
            _ns(origin, line["start"]), _ns(origin, end["end"]) if end else None, end.get("code"),
        )  # fmt: skip
        _append(table, _PROCESS_COLUMNS, row)

    def _problem(self, line: dict[str, Any]) -> None:
        file_id = line["f"] if line["f"] >= 0 else None
        _append(self._lists["problem"], _PROBLEM_COLUMNS, (line["k"], file_id, line["l"], line["x"]))

    def _invocation_rows(
        self,
        thread: ThreadSpool,
        process_id: int,
        base: int,
        strings: dict[int, str],
        origin: float,
        costs: dict[str, int],
    ) -> None:
        rows = thread.invocations
        flags = rows["flags"]
        written = np.zeros(int(rows["id"].max(initial=0)) + 1, dtype=bool)
        written[rows["id"]] = True
        kinds = flags & 3
        wall = (rows["wall"] * 1e6).round().astype(np.int64)
        own = np.maximum((rows["self"] * 1e6).round().astype(np.int64), 0)
        self._arrays["invocation"].append(
            {
                "invocation_id": rows["id"].astype(np.int64) + base,
                "process_id": np.full(len(rows), process_id, dtype=np.int32),
                "function_id": rows["function"].astype(np.int32),
                "parent_id": _references(rows["parent"], written, base),
                "chain_id": rows["chain"].astype(np.int64) + base,
                "kind": INVOCATION_KINDS[kinds],
                "first_id": _references(rows["first"], written, base),
                "nested": (flags & _NESTED) != 0,
                "trigger": _names(flags >> 8, strings),
                "start_ns": _ns_array(origin, rows["start"]),
                "wall_ns": wall,
                "self_ns": own,
                "cpu_ns": _corrected(rows, own, len(written), costs),
                "sampled": (flags & _SAMPLED) != 0,
                "threw": (flags & _THREW) != 0,
            }
        )
        inits = thread.chains["id"][_names(thread.chains["kind"], strings) == "init"]
        for outside, chosen in ((0, kinds == 0), (1, (kinds == 0) & ~np.isin(rows["chain"], inits))):
            functions, counts = np.unique(rows["function"][chosen], return_counts=True)
            for function, count in zip(functions.tolist(), counts.tolist(), strict=True):
                handled = list(self._handled.get(function, (0, 0)))
                handled[outside] += count
                self._handled[function] = (handled[0], handled[1])

    def _chain_rows(
        self, thread: ThreadSpool, process_id: int, base: int, strings: dict[int, str], origin: float
    ) -> None:
        rows = thread.chains
        # A chain whose root was still open when the process was killed has invocations but no row of its own.
        missing, first = np.unique(thread.invocations["chain"], return_index=True)
        absent = ~np.isin(missing, rows["id"])
        missing, starts = missing[absent], thread.invocations["start"][first[absent]]
        unnamed = np.full(len(missing), "other", dtype=object)
        blank = np.full(len(missing), "", dtype=object)
        self._arrays["chain"].append(
            {
                "chain_id": np.concatenate([rows["id"], missing]).astype(np.int64) + base,
                "process_id": np.full(len(rows) + len(missing), process_id, dtype=np.int32),
                "kind": np.concatenate([_names(rows["kind"], strings), unnamed]),
                "event": np.concatenate([_names(rows["event"], strings), blank]),
                "start_ns": _ns_array(origin, np.concatenate([rows["start"], starts])),
            }
        )

    def _location_rows(
        self, lines: list[dict[str, Any]], process_id: int, base: int, invocation_base: int
    ) -> NDArray[np.bool_]:
        table = self._lists["location"]
        known = np.zeros(max((line["id"] for line in lines), default=0) + 1, dtype=bool)
        objects = 0
        for line in lines:
            known[line["id"]] = True
            objects = max(objects, line["o"])
            row = (
                base + line["id"], process_id, LOCATION_KINDS[line["k"]], line["n"],
                self._objects + line["o"] if line["o"] else None, line["w"],
                line["f"] if line["f"] >= 0 else None, line["l"] or None, line["s"] if line["s"] >= 0 else None,
                line["c"], line["bi"], invocation_base + line["bc"] if line["bc"] > 0 else None, line["r"] or None,
            )  # fmt: skip
            _append(table, _LOCATION_COLUMNS, row)
        self._locations += len(known) - 1
        self._objects += objects
        return known

    def _access_rows(
        self, thread: ThreadSpool, base: int, location_base: int, known: NDArray[np.bool_], last: int
    ) -> None:
        rows = thread.accesses
        rows = rows[(rows["location"] < len(known)) & (rows["invocation"] <= last)]
        rows = rows[known[rows["location"]]]
        self._arrays["access"].append(
            {
                "invocation_id": rows["invocation"].astype(np.int64) + base,
                "location_id": rows["location"].astype(np.int64) + location_base,
                "mode": MODES[rows["mode"] & 3],
                "via": VIAS[(rows["mode"] >> 4) & 3],
                "line": rows["line"].astype(np.int32),
            }
        )


def _corrected(rows: NDArray[Any], own: NDArray[Any], size: int, costs: dict[str, int]) -> NDArray[Any]:
    """Return self times without what the agent took: within each, and around those that ran inside of it."""
    flags = rows["flags"]
    inside = ((flags & _NESTED) != 0) | ((flags & 3) == _CALL)
    parents = rows["parent"][inside]
    counts = np.bincount(parents[(parents > 0) & (parents < size)], minlength=size)
    agent = costs.get("within_ns", 0) + costs.get("outside_ns", 0) * counts[rows["id"]]
    found: NDArray[Any] = np.maximum(own - agent, 0)
    return found


def _references(ids: NDArray[Any], written: NDArray[np.bool_], base: int) -> NDArray[Any]:
    """Return global ids as a masked array; masked where there is none, or where its record was never written."""
    inside = (ids > 0) & (ids < len(written))
    valid = np.zeros(len(ids), dtype=bool)
    valid[inside] = written[ids[inside]]
    return np.ma.masked_array(ids.astype(np.int64) + base, mask=~valid)


def _names(numbers: NDArray[Any], strings: dict[int, str]) -> NDArray[Any]:
    table = np.full(max([int(numbers.max(initial=0)), *strings]) + 1, "", dtype=object)
    for number, text in strings.items():
        table[number] = text
    names: NDArray[Any] = table[numbers]
    return names


def _ns(origin: float, milliseconds: float) -> int:
    """Return ns since the epoch of a time given in ms since a thread's time origin (ms since the epoch)."""
    return round(origin * 1e3) * 1000 + round(milliseconds * 1e6)


def _ns_array(origin: float, milliseconds: NDArray[Any]) -> NDArray[Any]:
    return round(origin * 1e3) * 1000 + (milliseconds * 1e6).round().astype(np.int64)


def _append(table: dict[str, list[Any]], columns: tuple[str, ...], row: tuple[Any, ...]) -> None:
    for name, value in zip(columns, row, strict=True):
        table[name].append(value)


def _table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Table:
    return {name: [row[index] for row in rows] for index, name in enumerate(columns)}


def _concatenate(parts: list[dict[str, NDArray[Any]]], columns: tuple[str, ...]) -> Table:
    if not parts:
        return {name: np.zeros(0, dtype=object) for name in columns}
    joined: Table = {}
    for name in columns:
        arrays = [part[name] for part in parts]
        masked = any(isinstance(array, np.ma.MaskedArray) for array in arrays)
        joined[name] = _join_masked(arrays) if masked else np.concatenate(arrays)
    return joined


def _join_masked(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    values = np.concatenate([np.ma.getdata(array) for array in arrays])
    return np.ma.masked_array(values, mask=np.concatenate([np.ma.getmaskarray(array) for array in arrays]))
