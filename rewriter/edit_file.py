"""One file from original to rewritten text, with its source map and what each handler cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipetrace.javascript.kernel_run import KernelRun
from pipetrace.rewriter.bindings import makes_objects, register_bindings
from pipetrace.rewriter.closures import Marks, watch_closures
from pipetrace.rewriter.constants import watch_changes
from pipetrace.rewriter.context import GUARD, WHEN_LOADED, FileContext
from pipetrace.rewriter.decide import Move
from pipetrace.rewriter.diff import count_changes
from pipetrace.rewriter.guard import guard, leads_elsewhere
from pipetrace.rewriter.initial import can_share, share
from pipetrace.rewriter.kernel import cut
from pipetrace.rewriter.kernel_run import cut_out_of
from pipetrace.rewriter.lift import lift
from pipetrace.rewriter.orders import FileOrders, GuardOrder
from pipetrace.rewriter.outside import anchor_outside_paths
from pipetrace.rewriter.source import source
from pipetrace.rewriter.twin import stay, twin
from pipetrace.rewriter.view import FileView
from pipetrace.rewriter.wrap import wrap


@dataclass(frozen=True, slots=True)
class HandlerChange:
    """What the move of one handler changed in its file, without the line that all share."""

    handler: str
    form: str
    """`wrap`, `lift`, `twin` or `kernel`."""
    lines_added: int
    lines_removed: int


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that is rewritten, or gets guards when it is loaded."""

    path: str
    """Relative to the package, with slashes."""
    original: str
    text: str
    """As it stands in the staged application; that of the original if only `loaded` differs."""
    loaded: str
    """What the runtime takes in the place of the text when it loads the file: the same with guards."""
    is_module: bool
    source_map: Mapping[str, Any]
    """From the loaded text to the original."""
    lines_added: int
    lines_removed: int
    lines_guarded: int
    """Lines of the text that are loaded otherwise."""
    handlers: tuple[HandlerChange, ...]
    notes: tuple[str, ...]
    """Sentences on what the plan ordered and was left undone."""

    @property
    def rewritten(self) -> bool:
        """Whether the file itself is changed."""
        return self.text != self.original

    @property
    def texts(self) -> tuple[str, ...]:
        """What Node may be given of it."""
        return (self.text,) if self.loaded == self.text else (self.text, self.loaded)


def rewrite_file(
    view: FileView,
    orders: FileOrders,
    moves: Mapping[str, Move],
    root: Path,
    constants: Collection[str] = (),
    apart: Collection[str] = (),
    *,
    guarded: bool = True,
    linted: bool = False,
) -> FileChange | None:
    """Carry out the orders for one file; None if there is nothing to change.

    A file without orders still registers its names if it makes objects that others might refer to.

    Args:
        view: the file.
        orders: what the plan orders in it.
        moves: the handlers that are moved, of all files; if there are none, only paths are changed.
        root: absolute directory of the package.
        constants: locations, of all files, that moved handlers take for constant.
        apart: locations that are state or guarded.
        guarded: put guards in; without them nobody can trust the answers, but measure what guards cost.
        linted: the application is checked by ESLint.
    """
    context = FileContext(view, linted=linted)
    if moves:
        _carry_out(context, orders, moves)
        replaced = _cut_out(view, moves)
        marks = Marks(context, orders, moves)
        watch_changes(context, orders, marks, constants, apart, replaced)
        watch_closures(context, marks, replaced)
        if context.touched or makes_objects(view):
            register_bindings(context)
        if context.touched:
            context.last_line(_map_comment(view))
            context.place_head()
    anchor_outside_paths(context, root)
    if not context.touched:
        return None
    text = context.surgery.edits(lambda tag: tag not in WHEN_LOADED, context.tail(loaded=False)).apply()
    loading = context.surgery.edits(lambda tag: guarded or tag != GUARD, context.tail(loaded=True))
    loaded = loading.apply()
    added, removed = count_changes(view.text, text)
    mine = [moves[order.id] for order in orders.handlers if order.id in moves]
    return FileChange(
        path=view.path,
        original=view.text,
        text=text,
        loaded=loaded,
        is_module=view.is_module,
        source_map=loading.source_map(view.path.rsplit("/", 1)[-1], (root / view.path).as_posix()),
        lines_added=added,
        lines_removed=removed,
        lines_guarded=count_changes(text, loaded)[1],
        handlers=tuple(_cost(context, move) for move in mine),
        notes=tuple(context.notes),
    )


def _carry_out(context: FileContext, orders: FileOrders, moves: Mapping[str, Move]) -> None:
    view = context.view
    guarded: set[int] = set()
    for order in orders.guards:
        binding = view.binding_named(order.name, order.line)
        # A name may stand for a variable of another file that is guarded too.
        if binding is not None and binding.id not in guarded:
            guarded.add(binding.id)
            guard(context, order, _reachable(view, order, moves), _cut_out(view, moves))
    shared: set[tuple[int, int]] = set()
    for initial in orders.initials:
        if can_share(view, initial):
            share(context, initial, shared)
        else:
            context.notes.append(
                f"The initial value of {initial.file}:{initial.name} cannot be taken from the entry stage, "
                "because it is not computed by a synchronous initialiser at module level."
            )
    for origin in orders.sources:
        if origin.handler in moves:
            continue
        if origin.strict:
            stay(context, origin)
        else:
            source(context, origin)
    made_async: set[int] = set()
    for handler in orders.handlers:
        move = moves.get(handler.id)
        if move is None:
            continue
        if move.kernel is not None:
            cut(context, move.site, move.kernel, handler, made_async)
        elif handler.twin:
            twin(context, move.site, handler.id)
        elif move.lifted:
            lift(context, move.site, handler.id, handler.captures)
        else:
            wrap(context, move.site, handler.id)


def _reachable(view: FileView, order: GuardOrder, moves: Mapping[str, Move]) -> frozenset[int] | None:
    """Return the functions of a file that moved code could run; None = possibly all of them."""
    names: Sequence[str] = order.handlers or tuple(moves)
    found: set[int] = set()
    for name in names:
        move = moves.get(name)
        if move is None:
            # It is not moved, and could use what left it wherever that is named.
            return None
        if move.order.file != view.path or leads_elsewhere(view, move.site.function):
            return None
        found |= view.scopes.reachable_functions(move.site.function.index)
    return frozenset(found)


def _cut_out(view: FileView, moves: Mapping[str, Move]) -> tuple[tuple[int, int], ...]:
    """Return the ranges of the callees in whose place the name of a kernel stands."""
    found: list[tuple[int, int]] = []
    for move in moves.values():
        if move.kernel is None or move.order.file != view.path:
            continue
        if isinstance(move.kernel, KernelRun):
            found += cut_out_of(view, move.kernel)
        else:
            found.append((move.kernel.start, move.kernel.callee_end))
    return tuple(found)


def _cost(context: FileContext, move: Move) -> HandlerChange:
    handler = move.order.id
    alone = context.surgery.edits(lambda tag: tag == handler, tail=context.tail_of(handler)).apply()
    added, removed = count_changes(context.view.text, alone)
    return HandlerChange(handler, move.form, added, removed)


def _map_comment(view: FileView) -> str:
    """Return the comment by which tools find the source map; '' if the file has one of its own."""
    if "sourceMappingURL=" in view.text:
        return ""
    ups = "../" * view.path.count("/")
    return f"//# sourceMappingURL={ups}.pipetrace/maps/{view.path}.map"
