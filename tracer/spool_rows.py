"""From the threads of a recording to the tables that are small: processes, ruptures, shapes and problems."""

from __future__ import annotations

from typing import Any

from pipetrace.tracer.spool_thread import ThreadRows

_PROCESS_COLUMNS = (
    "process_id", "pid", "thread_id", "parent_process_id", "kind", "argv", "node_version", "started_ns",
    "ended_ns", "exit_code",
)  # fmt: skip
_RUPTURE_COLUMNS = ("function_id", "file_id", "line", "callee", "kind", "count", "during_init")
_SHAPE_COLUMNS = ("function_id", "slot", "class", "count", "bytes_mean", "values_mean", "sendable", "why")
_PROBLEM_COLUMNS = ("kind", "file_id", "line", "text")

Columns = dict[str, list[Any]]


class RowBuilder:
    """Numbers all threads, the earliest first, and collects what they share."""

    def __init__(self) -> None:
        self._process: Columns = {name: [] for name in _PROCESS_COLUMNS}
        self._problems: Columns = {name: [] for name in _PROBLEM_COLUMNS}
        self._shapes: dict[tuple[int, str, str, str], list[float]] = {}
        self._ruptures: dict[tuple[int, int, int, str], list[int]] = {}
        self._handled: dict[int, tuple[int, int]] = {}
        """Handler invocations by function: all, and those outside of the initialisation."""
        self._invocations = 0
        self._locations = 0
        self._objects = 0
        self.init_end_ns: int | None = None
        self.lost = 0
        self.left_invocations = self.left_chains = self.cut_invocations = 0
        """What the agents left out to keep the recording within its size."""

    def add(self, thread: ThreadRows) -> None:
        """Number a thread and add what it wrote."""
        process_id = len(self._process["pid"])
        thread.number(process_id, self._invocations, self._locations, self._objects)
        self.lost += thread.exit.get("lost", 0)
        left = thread.exit.get("left") or {}
        self.left_invocations += left.get("invocations", 0)
        self.left_chains += left.get("chains", 0)
        self.cut_invocations += left.get("cut", 0)
        if process_id == 0 and thread.init_end is not None:
            self.init_end_ns = thread.ns(thread.init_end)
        self._add_process(process_id, thread)
        for line in thread.problems:
            row = (line["k"], line["f"] if line["f"] >= 0 else None, line["l"], line["x"])
            _append(self._problems, _PROBLEM_COLUMNS, row)
        for function, (count, outside) in thread.handled.items():
            before = self._handled.get(function, (0, 0))
            self._handled[function] = (before[0] + count, before[1] + outside)
        for key, shape in thread.shapes.items():
            total = self._shapes.setdefault(key, [0, 0.0, 0.0, 1.0 if shape["ok"] else 0.0])
            total[0] += shape["n"]
            total[1] += shape["b"]
            total[2] += shape["v"]
        for place, rupture in thread.ruptures.items():
            counts = self._ruptures.setdefault(place, [0, 0, 0])
            counts[0] += rupture["n"]
            counts[1] += rupture["d"]
            counts[2] = max(counts[2], rupture["k"])
        self._invocations += max(thread.last_invocation, thread.last_chain)
        self._locations += thread.last_location
        self._objects += thread.last_object

    def tables(self) -> dict[str, Columns]:
        """Return the tables."""
        shapes = [
            (function, slot, name, int(count), size / max(count, 1), values / max(count, 1), sendable > 0, why)
            for (function, slot, name, why), (count, size, values, sendable) in sorted(self._shapes.items())
        ]
        ruptures = [
            (function, file, line, callee, self._rupture_kind(function, counts), counts[0], counts[1])
            for (function, file, line, callee), counts in sorted(self._ruptures.items())
        ]
        return {
            "process": self._process,
            "problem": self._problems,
            "shape": _table(_SHAPE_COLUMNS, shapes),
            "rupture": _table(_RUPTURE_COLUMNS, ruptures),
        }

    def _rupture_kind(self, function: int, counts: list[int]) -> str:
        count, during_init, known = counts
        if known:
            return "start" if known == 1 else "post"
        handled, outside = self._handled.get(function, (0, 0))
        # What the initialisation registered and only itself called was a continuation of it.
        again = outside > 0 or handled == 0 if during_init else handled > count
        return "start" if again else "post"

    def _add_process(self, process_id: int, thread: ThreadRows) -> None:
        table, line, end = self._process, thread.process, thread.exit
        parent = None
        for index, pid in enumerate(table["pid"]):
            if table["thread_id"][index] == 0 and pid == (line["pid"] if line["worker"] else line["ppid"]):
                parent = index
        kind = "worker" if line["worker"] else ("main" if process_id == 0 else "child")
        row = (
            process_id, line["pid"], line["tid"], parent, kind, " ".join(line["argv"]), line["node"],
            thread.ns(line["start"]), thread.ns(end["end"]) if end else None, end.get("code"),
        )  # fmt: skip
        _append(table, _PROCESS_COLUMNS, row)


def _append(table: Columns, columns: tuple[str, ...], row: tuple[Any, ...]) -> None:
    for name, value in zip(columns, row, strict=True):
        table[name].append(value)


def _table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Columns:
    return {name: [row[index] for row in rows] for index, name in enumerate(columns)}
