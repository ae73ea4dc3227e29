"""Which handlers of a plan are really moved: each needs a site that can be replaced and state that can be guarded.

A refusal can bring others about: a handler that stays keeps the state group it belongs to on the entry
stage. So the rules are applied until nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipetrace.javascript.kernel_run import KernelRun
from pipetrace.javascript.kernels import KernelSite
from pipetrace.rewriter.by_name import NamedCalls
from pipetrace.rewriter.guard import can_guard
from pipetrace.rewriter.initial import can_share
from pipetrace.rewriter.kernel import find_kernel, kernel_site
from pipetrace.rewriter.lift import lift_refusal, needs_lift
from pipetrace.rewriter.orders import HandlerOrder, Orders
from pipetrace.rewriter.process_use import reads_environment, writes_environment
from pipetrace.rewriter.refusals import Refusal, refuse
from pipetrace.rewriter.site import Site, site_of
from pipetrace.rewriter.twin import stays_site, twin_refusal
from pipetrace.rewriter.view import FileView
from pipetrace.rewriter.wrap import wrap_refusal


@dataclass(frozen=True, slots=True)
class Move:
    """A handler that is moved, and how."""

    view: FileView
    order: HandlerOrder
    site: Site
    lifted: bool
    kernel: KernelSite | KernelRun | None = None
    """Of a kernel its call or run of calls; `site` is then that of the function around it."""

    @property
    def form(self) -> str:
        """`kernel`, `twin`, `lift` or `wrap`."""
        if self.kernel is not None:
            return "kernel"
        return "twin" if self.order.twin else ("lift" if self.lifted else "wrap")


@dataclass(frozen=True, slots=True)
class Decisions:
    """What becomes of the handlers that a plan moves."""

    moves: Mapping[str, Move]
    """Handler id → how it is moved."""
    refusals: tuple[Refusal, ...]
    """In the sequence of the plan."""


def decide(orders: Orders, views: Mapping[str, FileView], unreadable: Mapping[str, str]) -> Decisions:
    """Decide on each handler.

    Args:
        orders: what the plan wants.
        views: path → file, for each file with an order that could be parsed.
        unreadable: path → why a file cannot be edited.
    """
    moves: dict[str, Move] = {}
    refused: dict[str, Refusal] = {}
    for path, file in orders.files.items():
        for order in file.handlers:
            if path not in views:
                why = unreadable.get(path, "it is not part of the package")
                refused[order.id] = refuse("not-javascript", order.id, order.id, why, path)
                continue
            outcome = _move(views[path], order)
            if isinstance(outcome, Refusal):
                refused[order.id] = outcome
            else:
                moves[order.id] = outcome
    if any(writes_environment(view) for view in views.values()):
        _refuse_for_environment(moves, refused)
    _refuse_called(views, moves, refused)
    _refuse_for_variables(orders, views, moves, refused)
    _refuse_for_next(orders, views, moves, refused)
    _refuse_groups(orders, moves, refused)
    _refuse_nested(moves, refused)
    # A handler left out for standing inside another one may belong to a state group in turn.
    while _refuse_groups(orders, moves, refused):
        pass
    sequence = [order.id for file in orders.files.values() for order in file.handlers]
    return Decisions(moves, tuple(refused[handler] for handler in sequence if handler in refused))


def _move(view: FileView, order: HandlerOrder) -> Move | Refusal:
    if order.wait:
        return _move_kernel(view, order)
    function = view.find_function(order.key, order.start, order.end)
    if function is None:
        return refuse("not-found", order.id, order.id)
    if not view.is_module and _declares(view, "require"):
        return refuse("require-taken", order.id, order.id, "require", view.path)
    site = site_of(view, function, order.id)
    if isinstance(site, Refusal):
        return site
    if order.twin:
        return twin_refusal(view, site, order.id) or Move(view, order, site, False)
    lifted = needs_lift(view, site)
    refusal = lift_refusal(view, site, order.id) if lifted else wrap_refusal(view, site, order.id)
    return refusal or Move(view, order, site, lifted)


def _move_kernel(view: FileView, order: HandlerOrder) -> Move | Refusal:
    kernel = find_kernel(view, order)
    if kernel is None:
        return refuse("not-found", order.id, order.id)
    if not view.is_module and _declares(view, "require"):
        return refuse("require-taken", order.id, order.id, "require", view.path)
    site = kernel_site(view, kernel, order)
    return site if isinstance(site, Refusal) else Move(view, order, site, False, kernel)


def _declares(view: FileView, name: str) -> bool:
    return any(binding.is_module_level and binding.name == name for binding in view.scopes.bindings)


def _refuse_for_variables(
    orders: Orders, views: Mapping[str, FileView], moves: dict[str, Move], refused: dict[str, Refusal]
) -> None:
    """Keep handlers that could touch state which cannot be guarded, or a value that cannot be shared."""
    for path, file in orders.files.items():
        view = views.get(path)
        for guard in file.guards:
            if view is not None and can_guard(view, guard):
                continue
            for handler in guard.handlers or tuple(moves):
                if handler in moves:
                    del moves[handler]
                    refused[handler] = refuse("unguarded-state", handler, handler, guard.location)
        for initial in file.initials:
            if view is None or can_share(view, initial):
                continue
            binding = view.binding_named(initial.name, initial.line)
            for handler, move in list(moves.items()):
                reads = binding is None or binding.id in view.scopes.reachable_bindings(move.site.function.index)
                if move.order.file == path and reads:
                    del moves[handler]
                    detail = f"{path}:{initial.name}"
                    refused[handler] = refuse("unshared-initial", handler, handler, detail)


def _refuse_called(views: Mapping[str, FileView], moves: dict[str, Move], refused: dict[str, Refusal]) -> None:
    """Keep the handlers that other code calls by name, and does not wait for."""
    calls = NamedCalls(views)
    for handler, move in list(moves.items()):
        place = calls.of(move.view, move.site.function) if move.kernel is None else None
        if place is not None:
            del moves[handler]
            refused[handler] = refuse("called-by-name", handler, handler, place)


def _refuse_for_environment(moves: dict[str, Move], refused: dict[str, Refusal]) -> None:
    """Keep the handlers that read the environment of an application that changes it while it runs."""
    for handler, move in list(moves.items()):
        if reads_environment(move.view, move.site.function):
            del moves[handler]
            refused[handler] = refuse("uses-process", handler, handler, "process.env")


def _refuse_for_next(
    orders: Orders, views: Mapping[str, FileView], moves: dict[str, Move], refused: dict[str, Refusal]
) -> None:
    """Keep the twins if a handler to which one leads could run beside it unnoticed."""
    for path, file in orders.files.items():
        for order in file.sources:
            if not order.strict or (path in views and stays_site(views[path], order) is not None):
                continue
            for handler in [name for name, move in moves.items() if move.order.twin]:
                del moves[handler]
                refused[handler] = refuse("unguarded-state", handler, handler, order.handler)


def _refuse_groups(orders: Orders, moves: dict[str, Move], refused: dict[str, Refusal]) -> bool:
    """Keep all handlers of a piece of state if one of them was refused; tell whether any was."""
    changed = False
    again = True
    while again:
        again = False
        for state in orders.states:
            if state.owner in ("entry", "") or not any(handler in refused for handler in state.handlers):
                continue
            for handler in state.handlers:
                if handler in moves:
                    del moves[handler]
                    refused[handler] = refuse("state-group", handler, handler, state.id)
                    again = changed = True
    return changed


def _refuse_nested(moves: dict[str, Move], refused: dict[str, Refusal]) -> None:
    """Of two moved handlers, one inside the other, the outer one is moved with all that it contains."""
    for handler, move in list(moves.items()):
        for other, outer in moves.items():
            if other == handler or outer.order.file != move.order.file or outer.kernel is not None:
                continue
            twice = outer.site.function.index == move.site.function.index
            if twice or move.view.encloses(outer.site.function, move.site.function):
                del moves[handler]
                refused[handler] = refuse("nested-in-moved", handler, handler, other)
                break
