"""A small file of an application, the orders for it, and what becomes of both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.parse import parse
from pipetrace.rewriter.decide import Decisions, decide
from pipetrace.rewriter.edit_file import FileChange, rewrite_file
from pipetrace.rewriter.orders import (
    FileOrders,
    GuardOrder,
    HandlerOrder,
    InitialOrder,
    Orders,
    RanOrder,
    SourceOrder,
    StateOrder,
)
from pipetrace.rewriter.view import FileView


@dataclass(frozen=True)
class Outcome:
    """The decisions, and the file's change if there is one."""

    decisions: Decisions
    change: FileChange | None

    @property
    def shown(self) -> str:
        """The text as it stands in the staged application."""
        assert self.change is not None, self.refused
        return self.change.text

    @property
    def text(self) -> str:
        """The text as it is loaded."""
        assert self.change is not None, self.refused
        return self.change.loaded

    @property
    def body(self) -> str:
        """The loaded text without the lines that all such files end with."""
        keep = [
            line for line in self.text.splitlines(keepends=True) if not line.startswith(("$pt.bindings", "//# source"))
        ]
        return "".join(keep)

    @property
    def refused(self) -> dict[str, str]:
        """Handler → cause."""
        return {refusal.handler: refusal.cause for refusal in self.decisions.refusals}


def view_of(text: str, *, path: str = "app.js", is_module: bool = False) -> FileView:
    return FileView(parse(text, path, "module" if is_module else "script"), is_module=is_module)


def order_for(view: FileView, name: str, captures: tuple[str, ...] = (), *, twin: bool = False) -> HandlerOrder:
    """The order to move the function of a name, or of 'line:3' the first that begins on a line."""
    for function in functions_of(view.parsed)[1:]:
        if function.name == name or name == f"line:{function.line}":
            key, start, end = function.handler_key, function.start, function.end
            return HandlerOrder(name, key, view.path, function.name, "stage1", start, end, captures, twin=twin)
    raise AssertionError(f"no function {name}")


def rewritten(
    text: str,
    *moved: str,
    is_module: bool = False,
    path: str = "app.js",
    captures: tuple[str, ...] = (),
    guards: tuple[GuardOrder, ...] = (),
    initials: tuple[InitialOrder, ...] = (),
    sources: tuple[str, ...] = (),
    states: tuple[StateOrder, ...] = (),
    constants: tuple[str, ...] = (),
    ran: tuple[RanOrder, ...] = (),
    held: dict[tuple[str, int], str] | None = None,
    elsewhere: bool = False,
    twin: bool = False,
    staying: tuple[str, ...] = (),
    linted: bool = False,
) -> Outcome:
    """Rewrite one file, moving the functions named; with `elsewhere` the handler 'elsewhere' of another file, too."""
    view = view_of(text, path=path, is_module=is_module)
    file = FileOrders(
        handlers=[order_for(view, name, captures, twin=twin) for name in moved],
        guards=list(guards),
        initials=list(initials),
        ran=list(ran),
        held=held or {},
    )
    for name in (*sources, *staying):
        found = order_for(view, name)
        file.sources.append(SourceOrder(found.id, found.key, path, found.start, found.end, name in staying))
    views, files = {path: view}, {path: file}
    if elsewhere:
        other = views["other.js"] = view_of("get(function elsewhere() {});\n", path="other.js")
        files["other.js"] = FileOrders(handlers=[order_for(other, "elsewhere")])
    decisions = decide(Orders(files, states), views, {})
    return Outcome(decisions, rewrite_file(view, file, decisions.moves, Path("/app"), constants, linted=linted))
