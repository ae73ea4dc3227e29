"""Which invocations run inside which units: the path of units around each, outermost first.

A handler runs where the function that made it ran. Mostly that is what triggered it too; where it is not (a listener
on a request is triggered by the connection), the latest invocation of its maker counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipetrace.partitioner.positions import Positions
from pipetrace.partitioner.recording import HANDLER, INIT, NONE, RESUME, Ints, Recording

Path = tuple[int, ...]

_LISTEN = frozenset({"on", "once", "addListener", "prependListener", "prependOnceListener", "addEventListener"})
_OTHER, _INIT, _SAME = 2, 3, -1
"""Ways of running beside HANDLER and a nested one (1); _SAME continues an invocation of the same function."""
_WAYS = 4
_NOTHING = -2
"""Stands for the function of an invocation where there is none."""


@dataclass(frozen=True, slots=True)
class Folded:
    """Where the invocations of a recording ran, by their indices."""

    paths: list[Path]
    path_of: Ints
    """Number of the path."""
    root_of: Ints
    """Index of the invocation that entered its innermost unit, or NONE."""
    outer_of: Ints
    """Of an invocation that entered a unit: index of that which entered the unit around it, or NONE."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What becomes of a path when a function is called in it in some way."""

    path: Path
    """What still encloses the call."""
    last: int
    """Innermost unit of that."""
    enters: bool
    number: int
    """Path of the invocation."""
    looks: bool
    """Another invocation may say better where the function was made."""


def fold_paths(recording: Recording, index: Positions, init: frozenset[int]) -> Folded:
    """Give every invocation its path. ``init`` has the chains of the initialisation."""
    rows = recording.invocations
    cause = index.of(np.where((rows.kind == RESUME) & (rows.first >= 0), rows.first, rows.parent))
    folder = _Folder(recording, cause, init)
    if bool((cause >= np.arange(len(rows))).any()):
        folder.place_in_order(cause.tolist())
    else:
        folder.place(range(len(rows)))
    return Folded(folder.paths, folder.path_of, folder.root_of, folder.outer_of)


def takes_functions(recording: Recording, unit: int) -> bool:
    """Whether functions were seen among a unit's arguments or the local names that it captures."""
    local = {f"capture:{capture.name}" for capture in recording.captures.get(unit, ()) if not capture.module_level}
    return any(
        shape.klass == "function"
        for slot, shapes in recording.shapes.get(unit, {}).items()
        if slot.startswith("arg") or slot in local
        for shape in shapes
    )


class _Folder:
    """Gives one invocation after the other its path; each is told after its cause."""

    def __init__(self, recording: Recording, cause: Ints, init: frozenset[int]) -> None:
        rows = recording.invocations
        count = len(rows)
        self.paths: list[Path] = [()]
        self.path_of, self.root_of, self.outer_of = (np.full(count, NONE, dtype=np.int64) for _ in range(3))
        self._recording = recording
        self._numbers: dict[Path, int] = {(): 0}
        self._steps: dict[int, _Step] = {}
        self._width = _WAYS * (1 + int(rows.function.max(initial=0)))
        self._inside = _Inside(recording)
        self._registered = _registering(recording)
        self._latest: dict[tuple[int, int], int] = {}
        self._cause = cause
        way = np.where(rows.kind == INIT, _INIT, np.where(rows.kind == HANDLER, rows.nested.astype(np.int64), _OTHER))
        self._call = rows.function * _WAYS + way
        same = (rows.kind == RESUME) & (cause >= 0)
        self._call[same & (rows.function[cause] == rows.function)] = _SAME
        # Only these are ever asked for, and of most programs there are few.
        makers = {
            maker
            for function in sorted(rows.functions(rows.kind == HANDLER))
            for maker in recording.ancestors(function)
        }
        steady = ~np.isin(rows.chain, np.fromiter(init, dtype=np.int64, count=len(init)))
        self._makes = steady & np.isin(rows.function, np.fromiter(makers, dtype=np.int64, count=len(makers)))

    def place_in_order(self, cause: list[int]) -> None:
        """Place all where some come before their causes."""
        placed = [False] * len(cause)
        pending = [False] * len(cause)
        order: list[int] = []
        for begin in range(len(cause)):
            waiting = [begin]
            while waiting:
                at = waiting[-1]
                if placed[at]:
                    waiting.pop()
                    continue
                pending[at] = True
                before = cause[at]
                if before >= 0 and not placed[before] and not pending[before]:
                    waiting.append(before)
                    continue
                waiting.pop()
                if before >= 0 and not placed[before]:
                    # A broken trace: two invocations that name each other as their cause.
                    self._cause[at] = NONE
                placed[at] = True
                order.append(at)
        self.place(order)

    def place(self, order: range | list[int]) -> None:
        """Place all in an order in which causes come first."""
        rows = self._recording.invocations
        # A view gives Python's own numbers, without a list of millions of them.
        path_of, root_of, outer_of = self.path_of.data, self.root_of.data, self.outer_of.data
        calls, causes, function_of = self._call.data, self._cause.data, np.ascontiguousarray(rows.function).data
        makes, chain_of = self._makes.data, np.ascontiguousarray(rows.chain).data
        steps, width, latest = self._steps, self._width, self._latest
        for at in order:
            call, before = calls[at], causes[at]
            if call == _SAME:
                if before >= 0:
                    path_of[at], root_of[at] = path_of[before], root_of[before]
                    continue
                call = function_of[at] * _WAYS + _OTHER
            start = path_of[before] if before >= 0 else 0
            step = steps.get(start * width + call)
            if step is None:
                step = steps[start * width + call] = self._step(start, call)
            way = call % _WAYS
            if way == _INIT:
                path_of[at], root_of[at] = 0, at
                continue
            root = root_of[before] if start else NONE
            if way != _OTHER:
                while root != NONE and function_of[root] != step.last:
                    root = outer_of[root]
            enters, number = step.enters, step.number
            if step.looks:
                enters, number, root = self._look(call // _WAYS, chain_of[at], step, root)
            path_of[at] = number
            if enters:
                root_of[at], outer_of[at] = at, root
            else:
                root_of[at] = root
            if makes[at]:
                function = call // _WAYS
                latest[(chain_of[at], function)] = latest[(NONE, function)] = at

    def _step(self, start: int, call: int) -> _Step:
        function, way = divmod(call, _WAYS)
        if way == _INIT:
            return _Step((), _NOTHING, False, 0, False)
        path, looks = self.paths[start], False
        if way != _OTHER:
            path = self._inside.prefix(path, function, way == 1)
            inner = next((maker for maker in self._makers_of(function) if maker in path), None)
            if inner is not None:
                path = path[: path.index(inner) + 1]
            looks = inner is None and bool(self._recording.ancestors(function))
        enters = function not in path
        last = path[-1] if path else _NOTHING
        if looks:
            return _Step(path, last, enters, NONE, looks)
        return _Step(path, last, enters, self._number((*path, function) if enters else path), looks)

    def _look(self, function: int, chain: int, step: _Step, root: int) -> tuple[bool, int, int]:
        """Whether an invocation enters a unit, its path, and the entry of the unit around it, by its latest maker."""
        path = step.path
        for maker in self._recording.ancestors(function):
            made = self._latest.get((chain, maker), self._latest.get((NONE, maker), NONE))
            if made != NONE:
                path = self.paths[int(self.path_of[made])]
                path, root = self._cut(path, int(self.root_of[made]), path.index(maker) + 1)
                break
        if function in path:
            return False, self._number(path), root
        return True, self._number((*path, function)), root

    def _makers_of(self, function: int) -> Path:
        """The functions that make a handler, innermost first; where it stands at the top, those that register it."""
        return self._recording.ancestors(function) or self._registered.get(function, ())

    def _cut(self, path: Path, root: int, length: int) -> tuple[Path, int]:
        path = path[:length]
        function = self._recording.invocations.function
        while root != NONE and (not path or int(function[root]) != path[-1]):
            root = int(self.outer_of[root])
        return path, root

    def _number(self, path: Path) -> int:
        number = self._numbers.get(path)
        if number is None:
            number = self._numbers[path] = len(self.paths)
            self.paths.append(path)
        return number


class _Inside:
    """Decides whether a handler that was triggered from inside a unit runs inside it as well."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._lexical: dict[int, frozenset[int]] = {}
        self._passes: dict[int, bool] = {}

    def prefix(self, path: Path, function: int, nested: bool) -> Path:
        """The part of ``path`` that still encloses an invocation of ``function``."""
        for depth, unit in enumerate(path):
            if not self._is_inside(path[depth:], unit, function, nested):
                return path[:depth]
        return path

    def _is_inside(self, around: Path, unit: int, function: int, nested: bool) -> bool:
        if function in around or not self._lexical_of(function).isdisjoint(around):
            return True
        ruptures = self._recording.ruptures.get(function, ())
        if nested and any(rupture.callee.rpartition(".")[2] in _LISTEN for rupture in ruptures):
            # Whoever emits an event runs its listeners; `next` is no event.
            return True
        if any(rupture.during_init > 0 for rupture in ruptures):
            # Registered on every stage alike; reached from here only through a function that came in, as `next`.
            return not self._takes_functions(unit)
        for creator in self._recording.ancestors(function):
            if any(rupture.during_init > 0 for rupture in self._recording.ruptures.get(creator, ())):
                return not self._takes_functions(unit)
        if ruptures:
            return True
        at_top = not self._lexical_of(function)
        return not ((at_top or nested) and self._takes_functions(unit))

    def _lexical_of(self, function: int) -> frozenset[int]:
        found = self._lexical.get(function)
        if found is None:
            found = self._lexical[function] = frozenset(self._recording.ancestors(function))
        return found

    def _takes_functions(self, unit: int) -> bool:
        found = self._passes.get(unit)
        if found is None:
            found = self._passes[unit] = takes_functions(self._recording, unit)
        return found


def _registering(recording: Recording) -> dict[int, Path]:
    """By function: the functions whose text registers it after initialisation, innermost first."""
    by_file: dict[int, list[int]] = {}
    for info in recording.functions.values():
        if info.kind not in ("module", "kernel"):
            by_file.setdefault(info.file, []).append(info.id)
    found: dict[int, Path] = {}
    for function, ruptures in recording.ruptures.items():
        makers: list[int] = []
        for rupture in ruptures:
            if rupture.file is None or rupture.during_init >= rupture.count:
                continue
            around = [
                number
                for number in by_file.get(rupture.file, ())
                if recording.functions[number].line <= rupture.line <= recording.functions[number].end_line
            ]
            around.sort(key=lambda number: (recording.functions[number].start, -recording.functions[number].end))
            makers += [number for number in reversed(around) if number not in makers and number != function]
        if makers:
            found[function] = tuple(makers)
    return found
