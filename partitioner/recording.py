"""What the partitioner reads from a trace, as frozen data: tables by id, long tables as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pipetrace.tracer.originals import Originals

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NO_IDS: Ints = np.zeros(0, dtype=np.int64)
NONE = -1
"""Stands for NULL in a column of ids."""

HANDLER, CALL, RESUME, INIT = range(4)
KINDS = {"handler": HANDLER, "call": CALL, "resume": RESUME, "init": INIT}

READ, WRITE, READ_WRITE = 1, 2, 3
MODES = {"r": READ, "w": WRITE, "rw": READ_WRITE}

DIRECT, BUILTIN, OPAQUE, COMPARED = range(4)
VIAS = {"direct": DIRECT, "builtin": BUILTIN, "opaque": OPAQUE, "compared": COMPARED}
"""How an access was noticed. Opaque: the object was handed to code that is not instrumented, and the access is a
guess. Compared: likewise, but the object was compared before and after."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the application."""

    id: int
    path: str
    sha256: str
    status: str = "instrumented"
    translated: bool = False
    """A loader translated it, so its functions do not stand in the file as they ran."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the application as it stands in the source.

    Kind 'module' is the file itself, kind 'kernel' a call that could be cut out of the function it stands in.
    """

    id: int
    file: int
    parent: int | None
    kind: str
    name: str
    key: str = ""
    start: int = 0
    end: int = 0
    line: int = 0
    column: int = 0
    end_line: int = 0
    is_async: bool = False
    is_generator: bool = False
    params: int = 0
    returns_promise: bool = False
    uses_this: bool = False
    dynamic_scope: bool = False
    code_after_next: bool = False
    global_reads: frozenset[str] = frozenset()
    global_writes: frozenset[str] = frozenset()
    """Global variables that its own text looks at, and that it may change."""
    position: str = ""
    """Of a kernel: 'awaited', 'returned' or 'free'."""
    names_before: tuple[str, ...] = ()
    """Of a kernel: module-level names that its function uses before it."""
    names_after: tuple[str, ...] = ()
    hands_out: bool = False
    """Of a kernel: before it its function hands a function of its own to another one."""
    members: tuple[int, ...] = ()
    """Of a run of kernels: these, in the order of their calls; the last one's result is the run's."""
    inputs: tuple[tuple[int, int], ...] = ()
    """Of a run: of each of its parameters the place among the members of the one that is given it, and as which
    argument."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A name that a function (or one nested in it) takes from outside."""

    name: str
    scope: int
    """The function that declares the name; of a module-level name the module."""
    module_level: bool
    kind: str
    reads: bool = True
    writes: bool = False
    reassigned: bool = False
    line: int = 0
    nondeterministic: bool = False
    init_kind: str = "none"
    home: tuple[int, str] | None = None
    """Module and name of the variable in another file that an imported name stands for; '' is any of that module."""
    library: str = ""
    """The package that the name was imported from."""


@dataclass(frozen=True, slots=True)
class Rupture:
    """A place where a function was registered as a handler."""

    file: int | None
    line: int
    callee: str
    kind: str
    count: int
    during_init: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What stood in one slot of a function: ``this``, ``arg0`` …, ``return`` or ``capture:<name>``."""

    slot: str
    klass: str
    count: int
    bytes_mean: float = 0.0
    values_mean: float = 0.0
    sendable: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class Location:
    """One variable of one scope, one property of one object, or the content of one collection."""

    id: int
    kind: str
    name: str
    owner: str
    file: int | None
    line: int
    scope: int | None
    klass: str
    born_init: bool
    root_variable: str
    born_chain: int | None = None
    object_id: int | None = None


@dataclass(frozen=True, slots=True)
class Invocations:
    """The invocations of the process that is partitioned, one column a field, in order of their ids."""

    id: Ints
    function: Ints
    parent: Ints
    chain: Ints
    kind: Ints
    first: Ints
    nested: Bools
    start_ns: Ints
    wall_ns: Ints
    cpu_ns: Ints
    sampled: Bools

    def __len__(self) -> int:
        return len(self.id)

    def functions(self, chosen: Bools | slice = slice(None)) -> set[int]:
        """The functions of those that are chosen, by index."""
        return set(np.flatnonzero(np.bincount(self.function[chosen])).tolist())


@dataclass(frozen=True, slots=True)
class Accesses:
    """Reads and writes of sampled invocations, one row for each pair of invocation and location."""

    invocation: Ints
    location: Ints
    mode: Ints
    via: Ints
    line: Ints

    def __len__(self) -> int:
        return len(self.invocation)


@dataclass(frozen=True, slots=True)
class Recording:
    """A trace as the partitioner sees it."""

    path: str
    meta: Mapping[str, Any]
    files: Mapping[int, SourceFile]
    functions: Mapping[int, Function]
    captures: Mapping[int, tuple[Capture, ...]]
    calls: Mapping[int, tuple[int, ...]]
    ruptures: Mapping[int, tuple[Rupture, ...]]
    shapes: Mapping[int, Mapping[str, tuple[Shape, ...]]]
    chains: Mapping[str, Ints]
    """Ids of the chains by their kind."""
    invocations: Invocations
    locations: Mapping[int, Location]
    accesses: Accesses
    left_out: float = 0.0
    """Share of the recorded CPU that other processes took; they are not partitioned."""
    started_processes: int = 0
    """Other processes, and worker threads started during initialisation, that ran code of the application."""
    originals: Originals = field(default_factory=Originals)
    """Where what stands in compiled files was written."""
    held: Mapping[tuple[int, str], tuple[int, ...]] = field(default_factory=dict)
    """Functions that can be got from a name, by the function or module that declares it."""
    leads: Mapping[tuple[int, str], tuple[tuple[int, str], ...]] = field(default_factory=dict)
    """Further names from which what a name holds may come."""
    soft: frozenset[int] = frozenset()
    """Indices of the resumptions that no suspension precedes: they stand behind a kernel, or are a light one."""

    def file_of(self, function: int) -> str:
        """Path of the file that a function stands in."""
        return self.files[self.functions[function].file].path

    def is_of_kind(self, kind: str) -> Bools:
        """By index of the invocation: whether its chain is of a kind."""
        found: Bools = np.isin(self.invocations.chain, self.chains.get(kind, NO_IDS))
        return found

    def ancestors(self, function: int) -> tuple[int, ...]:
        """The functions that a function stands in, innermost first, without the module."""
        found: list[int] = []
        parent = self.functions[function].parent
        while parent is not None and parent in self.functions and self.functions[parent].kind != "module":
            found.append(parent)
            parent = self.functions[parent].parent
        return tuple(found)

    def slot(self, function: int, name: str) -> tuple[Shape, ...]:
        """The shapes seen in a slot of a function; empty where none was recorded."""
        return self.shapes.get(function, {}).get(name, ())

    def arguments(self, function: int) -> tuple[tuple[Shape, ...], ...]:
        """The shapes of each argument in order, as far as any was recorded."""
        slots = self.shapes.get(function, {})
        count = 1 + max((int(s[3:]) for s in slots if s.startswith("arg") and s[3:].isdigit()), default=-1)
        return tuple(slots.get(f"arg{index}", ()) for index in range(count))
