"""Classes of locations: what is state, what travels in messages, what never changes, what is bound to its process.

A location is a variable of one scope or a property of one object, so a trace has very many. They are judged one
by one and then gathered by the variable or the place in the source that they belong to:

* resource: part of a socket, stream, timer or emitter that outlives a chain. Requests and responses are resources
  too, but they do not tie anything down, since the runtime carries them.
* init-only: no invocation outside initialisation writes it, and what initialisation writes is written before any
  other chain looks at it. Every stage has its own copy.
* state: it outlives its chain and is written after initialisation, or two invocations of one chain use it that do
  not follow from one another.
* communication: within one chain each writer is a causal ancestor of its readers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from pipetrace.partitioner.causality import Causality
from pipetrace.partitioner.graph import Graph
from pipetrace.partitioner.items import BOUND, CARRIED, LIBRARY, Class, Classification, Evidence, Item, Split
from pipetrace.partitioner.names import brief, location_key, noun
from pipetrace.partitioner.recording import COMPARED, OPAQUE, READ, WRITE, Location, Recording

_UNTOLD = frozenset({"plain", "array", "function"})
"""Classes that do not tell one object from another."""
_LIBRARY = frozenset({"plain", "function", "module"})
"""What libraries group their functions in."""

_RANK: dict[Class, int] = {"state": 3, "resource": 2, "communication": 1, "init-only": 0}
_MOST_PAIRS = 5000
_SETTLED = 3
"""Later uses that must leave an object alone before its first change counts as its own setting up."""
_LOOKS = 2
"""Looks that must find what a library keeps to itself as it was; as many as found it changed, if those were more."""


@dataclass(slots=True)
class _Gathered:
    first: Location
    klass: Class = "init-only"
    variable_is_state: bool = False
    cross: bool = False
    functions: set[int] = field(default_factory=set)
    cells: set[int] = field(default_factory=set)
    readers: set[int] = field(default_factory=set)
    evidence: set[Evidence] = field(default_factory=set)
    seen_write: bool = False
    any_write: bool = False
    settled: bool = False
    steady: dict[str, set[int]] = field(default_factory=dict)
    whole: set[int] = field(default_factory=set)
    """Cells that read the object in a way that names no property of its own."""


@dataclass(frozen=True, slots=True)
class _Touch:
    """One access after initialisation, by index of its invocation."""

    at: int
    mode: int
    line: int
    via: int = 0

    @property
    def reads(self) -> bool:
        return self.mode != WRITE

    @property
    def writes(self) -> bool:
        return self.mode != READ


def classify(recording: Recording, graph: Graph, stateless: Collection[str] = frozenset()) -> Classification:
    """Give every location of a recording its class, with evidence.

    What the libraries in ``stateless`` keep between calls is init-only, whatever was seen.

    The content of an object and each of its properties overlap: who looks at the whole sees what others write to a
    part, and the other way round.
    """
    judge = _Judge(recording, graph, stateless)
    contents: dict[int, slice] = {}
    properties: dict[int, list[slice]] = {}
    spans = list(_by_location(recording))
    for location, span in spans:
        if location.object_id is not None and location.klass not in CARRIED:
            if location.kind == "content":
                contents[location.object_id] = span
            elif location.kind == "property":
                properties.setdefault(location.object_id, []).append(span)
    for location, span in spans:
        others: list[slice] = []
        if location.object_id is not None and location.kind == "property":
            others = [contents[location.object_id]] if location.object_id in contents else []
        elif location.object_id is not None:
            others = properties.get(location.object_id, []) if location.klass not in CARRIED else []
        judge.take(location, span, others)
    return judge.result()


def _by_location(recording: Recording) -> Iterator[tuple[Location, slice]]:
    column = recording.accesses.location
    if len(column) == 0:
        return
    starts = np.flatnonzero(np.r_[True, column[1:] != column[:-1]]).tolist()
    for begin, end in zip(starts, [*starts[1:], len(column)], strict=True):
        location = recording.locations.get(int(column[begin]))
        if location is not None:
            yield location, slice(begin, end)


class _Judge:
    """Judges one location after the other and gathers the verdicts."""

    def __init__(self, recording: Recording, graph: Graph, stateless: Collection[str]) -> None:
        self._recording = recording
        self._stateless = stateless
        self._graph = graph
        self._order = Causality(recording, graph)
        self._files = {number: file.path for number, file in recording.files.items()}
        self._items: dict[str, _Gathered] = {}
        self._keys: dict[int, str] = {}
        self._names: dict[str, str] = {}
        self._splits: set[Split] = set()
        self._judged_pairs: set[tuple[str, int, int, int, int]] = set()
        self._declared = _declared_lines(recording, self._files)
        self._declared_on: dict[tuple[int, int], set[str]] = {}
        for captures in recording.captures.values():
            for capture in captures:
                local = not capture.module_level and capture.kind in ("const", "let", "var")
                if local and capture.scope in recording.functions:
                    place = (recording.functions[capture.scope].file, capture.line)
                    self._declared_on.setdefault(place, set()).add(capture.name)
        self._required = {
            (recording.file_of(capture.scope), capture.name)
            for captures in recording.captures.values()
            for capture in captures
            if capture.module_level and capture.init_kind == "require" and capture.scope in recording.functions
        }

    def take(self, location: Location, span: slice, others: list[slice]) -> None:
        """Judge one location by its accesses and by those of ``others``, which overlap with it."""
        early, late, seen_write = self._split_by_phase(span)
        for other in others:
            more_early, more_late, more_seen = self._split_by_phase(other)
            early, late, seen_write = early + more_early, late + more_late, seen_write or more_seen
        key, name = self._key(location)
        self._keys[location.id] = key
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = _Gathered(location)
            self._names[key] = name
        for touch in late:
            item.functions.add(self._function(touch))
            item.readers.add(int(self._graph.cell_of[touch.at]))
        written = any(touch.writes for touch in late)
        item.any_write |= written
        item.seen_write |= written and seen_write
        klass = self._klass(key, location, item, early, late, seen_write)
        if _RANK[klass] > _RANK[item.klass]:
            item.klass = klass
        if klass == "init-only" and location.kind != "variable" and self._is_value_of_variable(location):
            cells = {int(self._graph.cell_of[touch.at]) for touch in late}
            if location.kind == "property" and location.klass in _LIBRARY:
                item.steady.setdefault(location.name, set()).update(cells)
            else:
                item.whole |= cells

    def _is_value_of_variable(self, location: Location) -> bool:
        """Whether the object is what a module-level variable holds, and not something inside of it."""
        return bool(location.root_variable) and location.owner == location.root_variable.replace("#", ":")

    def _klass(
        self, key: str, location: Location, item: _Gathered, early: list[_Touch], late: list[_Touch], seen_write: bool
    ) -> Class:
        written = any(touch.writes for touch in late)
        late_init = self._writes_after(early, late)
        if not written and not late_init:
            return "init-only" if location.born_init or not late else "communication"
        if location.klass == LIBRARY and key in self._stateless:
            return "init-only"
        on_object = location.kind != "variable"
        if on_object and not seen_write and not late_init and self._is_of_library(location):
            return "init-only"
        if on_object and not late_init and self._has_settled(location, late):
            item.settled = True
            return "init-only"
        if on_object and location.klass in CARRIED:
            if location.klass == "http.response":
                # What two of its writers send must arrive in their order, and a hop of one of them would change that.
                writers = [_Touch(touch.at, WRITE, touch.line, touch.via) for touch in late if touch.writes]
                self._within_one_chain(key, item, writers, None)
            return "resource"
        of_activation = location.kind == "variable" and not location.born_init and self._is_local(location)
        outlives = location.born_init or (not of_activation and len({self._chain(touch) for touch in late}) > 1)
        if on_object and location.klass in BOUND:
            if outlives:
                item.cross = True
                item.cells.update(int(self._graph.cell_of[touch.at]) for touch in late)
                item.evidence.update(self._evidence(late))
            return "resource"
        if outlives:
            item.cross = True
            item.variable_is_state |= location.kind == "variable"
            item.cells.update(int(self._graph.cell_of[touch.at]) for touch in late)
            item.evidence.update(self._evidence(early + late if late_init else late))
            return "state"
        return self._within_one_chain(key, item, late, location.scope if of_activation else None)

    def _has_settled(self, location: Location, late: list[_Touch]) -> bool:
        """Whether a library changed an object at its first use only, as one that compiles its rules then does.

        It was compared before and after, so later calls are known to leave it alone. Each stage does the same at
        its own first use. What a library keeps to itself is looked at ever more rarely, and has settled when the last
        looks found it as it was.
        """
        start = self._recording.invocations.start_ns
        writers = {touch.at for touch in late if touch.writes}
        if location.klass == LIBRARY:
            last = max(int(start[at]) for at in writers)
            after = {touch.at for touch in late if touch.via == COMPARED and int(start[touch.at]) > last}
            return len(after) >= max(_LOOKS, len(writers))
        if len(writers) != 1 or any(touch.writes and touch.via != COMPARED for touch in late):
            return False
        first = writers.pop()
        readers = {touch.at for touch in late} - {first}
        return len(readers) >= _SETTLED and all(int(start[at]) >= int(start[first]) for at in readers)

    def _is_of_library(self, location: Location) -> bool:
        """Whether an object only groups a library's functions, as `zlib` or `PNG.sync` does.

        Calling one of them hands the object itself to the library as `this`. What libraries keep inside is not
        recorded for plain calls either, and they are taken to answer the same on every stage.
        """
        if location.klass not in _LIBRARY or location.file is not None:
            return False
        if not location.root_variable:
            return not location.born_init
        file, _, name = location.root_variable.rpartition("#")
        return (file, name) in self._required

    def _is_local(self, location: Location) -> bool:
        scope = self._recording.functions.get(location.scope) if location.scope is not None else None
        return scope is not None and scope.kind != "module"

    def _within_one_chain(self, key: str, item: _Gathered, touches: list[_Touch], activation: int | None) -> Class:
        """Judge what lives as long as a chain; of a variable, ``activation`` is the function that declares it."""
        klass: Class = "communication"
        pairs = 0
        for one in touches:
            if not one.writes:
                continue
            for other in touches:
                pairs += 1
                if pairs > _MOST_PAIRS or self._graph.root_of[one.at] == self._graph.root_of[other.at]:
                    continue
                mark = (key, self._function(one), one.line, self._function(other), other.line)
                if mark in self._judged_pairs or self._follows(one, other, activation):
                    continue
                self._judged_pairs.add(mark)
                klass = "state"
                item.evidence.add(Evidence(self._function(one), one.line, self._function(other), other.line))
                self._note_splits(key, one.at, other.at, activation)
        return klass

    def _follows(self, writer: _Touch, other: _Touch, activation: int | None) -> bool:
        """Whether a message can carry what passes between two touches of one chain, of which one writes."""
        if activation is not None and self._function(writer) == activation != self._function(other):
            # The declaring function wrote it and then made the closure that uses it.
            begun = self._recording.invocations
            if int(begun.start_ns[writer.at]) <= int(begun.start_ns[other.at]):
                return True
        if self._order.is_before(writer.at, other.at):
            return True
        if self._order.is_before(other.at, writer.at):
            return not (other.reads and self._order.is_within(writer.at, other.at))
        return False

    def _note_splits(self, key: str, one: int, other: int, activation: int | None) -> None:
        graph = self._graph
        for at, against in ((one, other), (other, one)):
            path = graph.cells[int(graph.cell_of[at])].path
            facing = graph.cells[int(graph.cell_of[against])].path
            common = path.index(activation) + 1 if activation in path and activation in facing else 0
            for mine, theirs in zip(path[common:], facing[common:], strict=False):
                if mine != theirs or graph.instance(self._recording, at, mine) != graph.instance(
                    self._recording, against, mine
                ):
                    break
                common += 1
            other = int(self._recording.invocations.function[against])
            self._splits.update(Split(unit, other, key) for unit in path[common:])

    def _split_by_phase(self, span: slice) -> tuple[list[_Touch], list[_Touch], bool]:
        """(touches of initialisation, touches after it, whether a write after it was really seen)."""
        accesses, rows = self._recording.accesses, self._recording.invocations
        early: list[_Touch] = []
        late: list[_Touch] = []
        seen_write = False
        for number, mode, via, line in zip(
            accesses.invocation[span].tolist(),
            accesses.mode[span].tolist(),
            accesses.via[span].tolist(),
            accesses.line[span].tolist(),
            strict=True,
        ):
            at = self._graph.index.get(number)
            if at is None:
                continue
            touch = _Touch(at, mode, line, via)
            if int(rows.chain[at]) in self._graph.init:
                early.append(touch)
            else:
                late.append(touch)
                seen_write |= touch.writes and via != OPAQUE
        return early, late, seen_write

    def _writes_after(self, early: list[_Touch], late: list[_Touch]) -> bool:
        """Whether initialisation wrote a location after another chain had begun to use it."""
        if not late or not early:
            return False
        start = self._recording.invocations.start_ns
        first = min(int(start[touch.at]) for touch in late)
        return any(touch.writes and int(start[touch.at]) > first for touch in early)

    def _evidence(self, touches: list[_Touch]) -> set[Evidence]:
        """Pairs of a writer and a reader, of different chains where there are such."""
        found: dict[tuple[int, int], tuple[bool, Evidence]] = {}
        latest: dict[int, _Touch] = {}
        writers = [touch for touch in touches if touch.writes]
        for touch in writers:
            latest.setdefault(self._function(touch), touch)
        for function in sorted(latest):
            writer = latest[function]
            for other in touches:
                if other.at == writer.at:
                    continue
                pair = (function, self._function(other))
                crossing = self._chain(other) != self._chain(writer)
                known = found.get(pair)
                if known is None or (crossing and not known[0]):
                    found[pair] = (
                        crossing and other.reads,
                        Evidence(function, writer.line, pair[1], other.line),
                    )
        return {evidence for _, evidence in found.values()}

    def _function(self, touch: _Touch) -> int:
        return int(self._recording.invocations.function[touch.at])

    def _chain(self, touch: _Touch) -> int:
        return int(self._recording.invocations.chain[touch.at])

    def _key(self, location: Location) -> tuple[str, str]:
        """(id, name) of the item that a location belongs to."""
        by_chain = location.klass in CARRIED or (location.klass in BOUND and not location.born_init)
        on_object = location.kind != "variable"
        if on_object and not by_chain and not location.root_variable and location.file is not None:
            # Made where one local variable is declared, an object most probably is that variable's value.
            names = self._declared_on.get((location.file, location.line), ())
            if len(names) == 1:
                name = min(names)
                return f"{self._files.get(location.file, '')}:{name}@{location.line}", name
        return location_key(location, self._files, self._recording.functions, by_chain and on_object)

    def _held_by(self, gathered: _Gathered) -> tuple[str, str, int] | None:
        """(name, file, line) of the variable that most of its users hold an object of this class in."""
        wanted = gathered.first.klass
        votes: dict[tuple[str, str, int], int] = {}
        for function in sorted(gathered.functions):
            for capture in self._recording.captures.get(function, ()):
                shapes = self._recording.slot(function, f"capture:{capture.name}")
                if capture.scope in self._recording.functions and any(shape.klass == wanted for shape in shapes):
                    place = (capture.name, self._recording.file_of(capture.scope), capture.line)
                    votes[place] = votes.get(place, 0) + 1
        if wanted in CARRIED or wanted in _UNTOLD:
            return None
        return min(votes, key=lambda place: (-votes[place], place), default=None)

    def _described(self, gathered: _Gathered, evidence: tuple[Evidence, ...], name: str) -> str:
        """An object that no variable and no place tells apart, by what changes or uses it."""
        if not evidence:
            return name
        verb = "changes" if gathered.klass == "state" else "uses"
        return f"{noun(gathered.first.klass)} that {brief(self._recording, evidence[0].writer)} {verb}"

    def result(self) -> Classification:
        """The gathered items, in order of their ids."""
        items: dict[str, Item] = {}
        renamed: dict[str, str] = {}
        functions = self._recording.functions
        for key in sorted(self._items):
            gathered = self._items[key]
            first = gathered.first
            name = self._names[key]
            file, line = self._files.get(first.file, "") if first.file is not None else "", first.line
            module_level = bool(first.root_variable)
            evidence = tuple(sorted(gathered.evidence, key=_evidence_order))
            described = first.kind != "variable" and key.endswith(")") and not module_level
            if first.root_variable:
                file = first.root_variable.rpartition("#")[0]
                line = self._declared.get((file, self._names[key]), line)
            elif first.kind == "variable":
                module_level = first.scope is None or (
                    first.scope in functions and functions[first.scope].kind == "module"
                )
            elif not file and first.klass != LIBRARY:
                held = self._held_by(gathered)
                if held is None and key == first.owner:
                    name = self._described(gathered, evidence, name)
                if held is not None:
                    described = False
                    name, file, line = held
                    renamed[key] = f"{file}:{name}@{line} ({first.klass})"
                    renamed[key] = key if renamed[key] in items else renamed[key]
            item_id = renamed.get(key, key)
            if gathered.cross and gathered.klass == "state" and not gathered.variable_is_state:
                # Its guard lets only reads of steady properties through.
                gathered.cells |= gathered.whole
            items[item_id] = Item(
                id=item_id,
                name=name,
                file=file,
                line=line,
                klass=gathered.klass,
                form="variable" if gathered.variable_is_state else "object",
                module_level=module_level,
                object_class=first.klass,
                functions=tuple(sorted(gathered.functions)),
                cells=tuple(sorted(gathered.cells)),
                readers=tuple(sorted(gathered.readers)),
                evidence=evidence,
                guessed=gathered.any_write and not gathered.seen_write,
                local=gathered.klass == "state" and not gathered.cross,
                settled=gathered.settled and gathered.klass == "init-only",
                steady=tuple((own, tuple(sorted(cells))) for own, cells in sorted(gathered.steady.items()))
                if gathered.klass == "state"
                else (),
                described=described,
            )
        splits = {Split(split.unit, split.other, renamed.get(split.item, split.item)) for split in self._splits}
        return Classification(
            dict(sorted(items.items())),
            tuple(sorted(splits, key=lambda split: (split.unit, split.item, split.other))),
            {location: renamed.get(key, key) for location, key in self._keys.items()},
        )


def _declared_lines(recording: Recording, files: Mapping[int, str]) -> dict[tuple[str, str], int]:
    """Where module-level variables are declared, by file and name."""
    found: dict[tuple[str, str], int] = {}
    for captures in recording.captures.values():
        for capture in captures:
            if capture.module_level and capture.line and capture.scope in recording.functions:
                found.setdefault((recording.file_of(capture.scope), capture.name), capture.line)
    for location in recording.locations.values():
        if location.kind == "variable" and location.file is not None and location.line:
            found.setdefault((files.get(location.file, ""), location.name), location.line)
    return found


def _evidence_order(evidence: Evidence) -> tuple[bool, int, int, int, int]:
    same = evidence.writer == evidence.reader
    return (same, evidence.writer, evidence.reader, evidence.writer_line, evidence.reader_line)
