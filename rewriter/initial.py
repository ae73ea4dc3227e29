"""Initial value: what differs from start to start, such as a random secret, is taken from the entry stage.

Before: `const secret = randomBytes(32)`. After: `const secret = $pt.initial('<file>:secret', () => randomBytes(32))`.
"""

from __future__ import annotations

from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, code_children
from pipetrace.javascript.scopes import Binding
from pipetrace.rewriter.context import FileContext
from pipetrace.rewriter.orders import InitialOrder
from pipetrace.rewriter.view import FileView


def can_share(view: FileView, order: InitialOrder) -> bool:
    """Tell whether the initialiser can become an arrow function that runs once per start."""
    return _initialiser(view, order) is not None


def share(context: FileContext, order: InitialOrder, done: set[tuple[int, int]]) -> None:
    """Wrap the initialiser; `done` holds the ranges that are wrapped already, for `const {a, b} = …`."""
    found = _initialiser(context.view, order)
    assert found is not None
    start, end = found
    if found in done:
        return
    done.add(found)
    name = f"{order.file}:{order.name}"
    # The body of an arrow function may not begin with the brace of an object.
    braced = context.view.text.startswith("{", start)
    opening = f"{context.pt}.initial({context.string(name)}, () => {'(' if braced else ''}"
    context.surgery.wrap(name, start, end, opening, "))" if braced else ")")


def _initialiser(view: FileView, order: InitialOrder) -> tuple[int, int] | None:
    binding = view.binding_named(order.name, order.line)
    if binding is None or binding.scope_function != 0 or binding.in_loop:
        return None
    declarator = _declarator(view, binding)
    if declarator is None or declarator.init is None or _suspends(declarator.init):
        return None
    return view.value_range(binding)


def _declarator(view: FileView, binding: Binding) -> Node | None:
    identifier = view.identifier_at(binding.declaration_start)
    if identifier is None:
        return None
    for outer in view.ancestors(identifier):
        if outer.type == "VariableDeclarator":
            return outer
    return None


def _suspends(node: Node) -> bool:
    """Tell whether an expression awaits outside of functions inside it."""
    stack = [node]
    while stack:
        current = stack.pop()
        if current.type in ("AwaitExpression", "YieldExpression"):
            return True
        if current.type not in FUNCTION_TYPES:
            stack += code_children(current)
    return False
