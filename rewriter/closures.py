"""Watch variables of functions that the program's start called: each stage has its own, as it has of a module's.

`const counter = (() => { let n = 0; return { up: () => ++n }; })()` keeps state that no name of the module leads to.
The function that declares such a variable notes whether it runs during the start (`const $start1 = $pt.starting()`);
where a function inside it changes the variable, or uses one that is known to be state, the runtime is told
(`($start1 && $pt.closed('<location>'), ++n)`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node
from pipetrace.javascript.scopes import Binding, Reference
from pipetrace.rewriter.context import GUARD, FileContext
from pipetrace.rewriter.decide import Move
from pipetrace.rewriter.guard import statement_beginning_with
from pipetrace.rewriter.orders import FileOrders
from pipetrace.rewriter.view import FileView

_VARIABLES = frozenset({"const", "let", "var", "param"})


class Marks:
    """Which variables of a file's functions the program's start may have made, and the names that tell at run time."""

    def __init__(self, context: FileContext, orders: FileOrders, moves: Mapping[str, Move]) -> None:
        view = context.view
        self._context = context
        self._held = orders.held
        self._ran = _ran(view, orders)
        self._moved = frozenset(
            move.site.function.index
            for move in moves.values()
            if move.order.file == view.path and move.form not in ("kernel", "twin")
        )
        self._names: dict[int, str | None] = {}

    def state(self, binding: Binding) -> str | None:
        """The location of a variable that is known to be state."""
        return self._held.get((binding.name, self._context.view.parsed.lines.position(binding.declaration_start)[0]))

    def begin_anew(self, binding: Binding) -> bool:
        """Whether a variable belongs to a handler, so that each event has its own."""
        return not self._ran.isdisjoint(_chain(self._context.view, binding.scope_function))

    def of(self, binding: Binding, function: int) -> str | None:
        """The name that tells whether the start made a variable that a function uses; None if it surely did not."""
        view, home = self._context.view, binding.scope_function
        if home == 0 or function == home or binding.kind not in _VARIABLES or self.begin_anew(binding):
            return None
        if not self._moved.isdisjoint(_chain(view, function)):
            return None
        if home not in self._names:
            self._names[home] = _mark(self._context, view.functions[home], len(self._names) + 1)
        return self._names[home]


def watch_closures(context: FileContext, marks: Marks, replaced: Sequence[tuple[int, int]] = ()) -> None:
    """Tell the runtime of changes and uses of such variables in one file, but not where other text takes its place."""
    for binding in context.view.scopes.bindings:
        if not binding.captured or binding.scope_function == 0:
            continue
        state = marks.state(binding)
        for reference in binding.references:
            if reference.init or (state is None and reference.mode == "r"):
                continue
            if any(start <= reference.start < end for start, end in replaced):
                continue
            mark = marks.of(binding, reference.function)
            if mark is not None:
                _watch(context, binding, reference, mark, state)


def _ran(view: FileView, orders: FileOrders) -> frozenset[int]:
    found = (view.find_function(ran.key, ran.start, ran.end) for ran in orders.ran)
    return frozenset(function.index for function in found if function is not None)


def _chain(view: FileView, function: int) -> list[int]:
    """A function and those that it stands in."""
    found = []
    at: int | None = function
    while at is not None:
        found.append(at)
        at = view.functions[at].parent
    return found


def _mark(context: FileContext, function: FunctionInfo, number: int) -> str | None:
    """Have a function note whether it runs during the start; None if its text leaves no room for that."""
    body = function.node.body if function.node.type in FUNCTION_TYPES else None
    if body is None:
        return None
    name = context.view.fresh(f"$start{number}")
    statement = f"const {name} = {context.call('starting')};"
    if body.type == "BlockStatement":
        first = next((node for node in body.body if node.directive is None), None)
        if first is None:
            return None
        context.surgery.insert(GUARD, first.range[0], f"{statement} ", statement=True)
    else:
        # An object literal stands in parentheses that are no part of the body's range.
        start = context.view.text.index("=>", _end_of_parameters(function.node)) + 2
        context.surgery.wrap(GUARD, start, function.end, f" {{ {statement} return (", "); }")
    return name


def _end_of_parameters(node: Node) -> int:
    return int(node.params[-1].range[1]) if node.params else int(node.range[0])


def _check_before(context: FileContext, node: Node, check: str) -> None:
    """Have an expression preceded by a check; a parenthesis at the start of a statement would continue a line."""
    statement = statement_beginning_with(context.view, node)
    if statement is None:
        context.surgery.wrap(GUARD, node.range[0], node.range[1], f"({check}, ", ")")
    else:
        context.surgery.insert(GUARD, statement.range[0], f"{check}, ")


def _watch(context: FileContext, binding: Binding, reference: Reference, mark: str, state: str | None) -> None:
    view = context.view
    identifier = view.identifier_at(reference.start)
    if identifier is None:
        return
    line = view.parsed.lines.position(binding.declaration_start)[0]
    location = state or f"{view.path}:{binding.name}@{line}"
    call = context.call("closed", context.string(location), *(["true"] if state else []))
    check = f"{mark} && {call}"
    if reference.mode == "r":
        statement = statement_beginning_with(view, identifier)
        if statement is not None:
            context.surgery.insert(GUARD, statement.range[0], f"{check}, ")
            return
        key = f"{binding.name}: " if reference.shorthand else ""
        context.surgery.replace(GUARD, reference.start, reference.end, f"{key}({check}, {binding.name})")
        return
    for outer in view.ancestors(identifier):
        if outer.type in ("AssignmentExpression", "UpdateExpression"):
            _check_before(context, outer, check)
            return
        if outer.type in ("ForInStatement", "ForOfStatement"):
            context.surgery.wrap(GUARD, outer.right.range[0], outer.right.range[1], f"({check}, ", ")")
            return
        if outer.type in FUNCTION_TYPES or outer.type.endswith("Statement"):
            return
