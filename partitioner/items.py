"""What classification says of a recording: the items that locations are gathered to, and the classes of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Class = Literal["state", "init-only", "communication", "resource"]

CARRIED = frozenset({"http.request", "http.response"})
"""Resources that the runtime carries to a stage."""
LIBRARY = "library"
"""Class of what a package keeps to itself between calls."""
BOUND = frozenset({"socket", "stream", "timer", "emitter"})
"""Resources that stay where they were made."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two invocations that depend on one another through a location: their functions and lines."""

    writer: int
    writer_line: int
    reader: int
    reader_line: int


@dataclass(frozen=True, slots=True)
class Split:
    """A unit that cannot leave alone: it shares a location within one chain with a function outside it."""

    unit: int
    other: int
    item: str


@dataclass(frozen=True, slots=True)
class Item:
    """All locations of one variable, or of the objects made at one place."""

    id: str
    name: str
    file: str
    line: int
    klass: Class
    form: Literal["variable", "object"]
    module_level: bool
    object_class: str
    functions: tuple[int, ...]
    """Functions that touched it after initialisation."""
    cells: tuple[int, ...]
    """Cells that touched it as state or as a bound resource: those that must share a stage."""
    readers: tuple[int, ...]
    """Cells that touched it at all after initialisation."""
    evidence: tuple[Evidence, ...]
    guessed: bool
    """All its writes are objects handed to code that was not seen."""
    local: bool
    """It is state only between parts of one chain, and binds units but no stage."""
    settled: bool = False
    """A library changed it at its first use, and never again."""
    steady: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """Of state: the object's own properties that nothing changes, each with the cells that read it."""
    described: bool = False
    """Its name is no name of the source, but a noun and mostly a place: 'array made at app.js:7', 'response'."""

    @property
    def place(self) -> str:
        """'file:line' where it is declared or made."""
        return f"{self.file}:{self.line}" if self.file else self.name

    @property
    def label(self) -> str:
        """How a sentence names it: its name and, where the name does not tell, its place."""
        if self.described or self.object_class == LIBRARY:
            return self.mention
        if self.file and f"{self.file}:{self.line}" not in self.name:
            return f"`{self.name}` ({self.file}:{self.line})"
        return f"`{self.name}`"

    @property
    def mention(self) -> str:
        """How a sentence names it where its place does not matter."""
        if self.object_class == LIBRARY:
            return f"what the library `{self.name}` keeps between calls"
        return f"the {self.name}" if self.described else f"`{self.name}`"


@dataclass(frozen=True, slots=True)
class Classification:
    """The items of a recording by id, and the units that locations of single chains hold back."""

    items: Mapping[str, Item]
    splits: tuple[Split, ...]
    item_of: Mapping[int, str] = field(default_factory=dict)
    """By location: the id of its item."""

    @property
    def ties(self) -> tuple[Item, ...]:
        """Items that keep the cells touching them on one stage."""
        return tuple(item for item in self.items.values() if item.cells)
