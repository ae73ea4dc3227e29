"""What a plan orders in each file: the part of the plan that the rewriter carries out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class HandlerOrder:
    """Move one handler to its stage."""

    id: str
    key: str
    file: str
    name: str
    stage: str
    start: int
    end: int
    captures: tuple[str, ...]
    """Local variables that the plan expects to be passed, in order."""
    wait: str = ""
    """Of a kernel: `none`, `await` or `async`; '' for a function."""
    twin: bool = False
    """Run the function that the start of the stage made itself."""


@dataclass(frozen=True, slots=True)
class GuardOrder:
    """Guard one variable that belongs to one stage and that code on another stage might touch."""

    location: str
    name: str
    file: str
    line: int
    form: str
    """`object`: the value is guarded; `variable`: its uses are."""
    handlers: tuple[str, ...]
    """Ids of the moved handlers that could touch it; empty = any."""
    reads: tuple[str, ...] = ()
    """Properties that any stage may read."""


@dataclass(frozen=True, slots=True)
class SourceOrder:
    """Let a function that an outside source calls, or that a twin leads to, run only on its stage."""

    handler: str
    key: str
    file: str
    start: int
    end: int
    strict: bool = False
    """Running it elsewhere is a violation; otherwise it does nothing there."""


@dataclass(frozen=True, slots=True)
class InitialOrder:
    """Take a module's initial value from the entry stage."""

    file: str
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class RanOrder:
    """A function that ran as a handler after initialisation, moved or not."""

    key: str
    start: int
    end: int
    arguments: tuple[str, ...]
    """Classes of its arguments, as far as they were seen."""


@dataclass(slots=True)
class FileOrders:
    """All orders for one file, in the sequence of the plan."""

    handlers: list[HandlerOrder] = field(default_factory=list)
    guards: list[GuardOrder] = field(default_factory=list)
    sources: list[SourceOrder] = field(default_factory=list)
    initials: list[InitialOrder] = field(default_factory=list)
    ran: list[RanOrder] = field(default_factory=list)
    held: dict[tuple[str, int], str] = field(default_factory=dict)
    """State in variables of functions: name and line of the declaration → location."""


@dataclass(frozen=True, slots=True)
class StateOrder:
    """The handlers that one piece of state ties to its owner."""

    id: str
    owner: str
    handlers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Orders:
    """All orders of a plan."""

    files: Mapping[str, FileOrders]
    """Path relative to the package, with slashes → its orders; every file of the plan is there."""
    states: tuple[StateOrder, ...]
    constants: frozenset[str] = frozenset()
    """Locations that moved handlers may use and that nothing was seen to change."""
    apart: frozenset[str] = frozenset()
    """Locations that are state or guarded."""


def orders_of(plan: Mapping[str, Any]) -> Orders:
    """Read the orders from a plan in its JSON form."""
    files: dict[str, FileOrders] = {entry["path"]: FileOrders() for entry in plan["files"]}

    def of(path: str) -> FileOrders:
        return files.setdefault(path, FileOrders())

    for handler in plan["handlers"]:
        if handler["decision"] == "moved" and handler["stage"] != "entry":
            of(handler["file"]).handlers.append(
                HandlerOrder(
                    handler["id"],
                    handler["key"],
                    handler["file"],
                    handler["name"],
                    handler["stage"],
                    handler["start"],
                    handler["end"],
                    tuple(handler.get("captures") or ()),
                    (handler.get("wait") or "none") if handler.get("form") == "kernel" else "",
                    handler.get("form") == "twin",
                )
            )
        if handler.get("form") != "kernel":
            of(handler["file"]).ran.append(
                RanOrder(handler["key"], handler["start"], handler["end"], tuple(handler.get("arguments") or ()))
            )
    for state in plan.get("state", ()):
        if state["class"] == "state" and state["file"]:
            of(state["file"]).held[(state["name"], state["line"])] = state["id"]
    for guard in plan.get("guards", ()):
        of(guard["file"]).guards.append(
            GuardOrder(
                guard["location"],
                guard["name"],
                guard["file"],
                guard["line"],
                guard["form"],
                tuple(guard.get("handlers") or ()),
                tuple(guard.get("reads") or ()),
            )
        )
    for source in plan.get("sources", ()):
        of(source["file"]).sources.append(
            SourceOrder(
                source["handler"],
                source["key"],
                source["file"],
                source["start"],
                source["end"],
                source["kind"] == "handler",
            )
        )
    for initial in plan.get("init_values", ()):
        of(initial["file"]).initials.append(InitialOrder(initial["file"], initial["name"], initial["line"]))
    states = tuple(StateOrder(state["id"], state["owner"], tuple(state["handlers"])) for state in plan.get("state", ()))
    constants = frozenset(constant["location"] for constant in plan.get("constants", ()) if constant["handlers"])
    tied = {state["id"] for state in plan.get("state", ()) if state["class"] in ("state", "resource")}
    apart = frozenset(tied | {guard["location"] for guard in plan.get("guards", ())})
    return Orders(files, states, constants, apart)
