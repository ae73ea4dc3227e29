"""Guard: state that one stage owns, and that code on another stage might touch on a path never recorded.

The value is guarded where it is made (`const cache = $pt.state('<location>', new Map())`) if the variable
always holds that value; otherwise its uses are, in the functions that moved code could reach
(`($pt.touch('<location>'), counter)`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, walk
from pipetrace.javascript.scopes import Binding, Reference
from pipetrace.rewriter.context import GUARD, FileContext
from pipetrace.rewriter.orders import GuardOrder
from pipetrace.rewriter.view import FileView


def can_guard(view: FileView, order: GuardOrder) -> bool:
    """Tell whether the variable of an order is found and can be guarded."""
    return view.binding_named(order.name, order.line) is not None


def guards_value(view: FileView, order: GuardOrder) -> bool:
    """Tell whether the value is guarded where it is made, so that it is guarded wherever it goes."""
    binding = view.binding_named(order.name, order.line)
    return (
        binding is not None
        and order.form == "object"
        and view.value_range(binding) is not None
        and _holds_one_object(view, binding)
    )


def guard(
    context: FileContext,
    order: GuardOrder,
    reachable: Iterable[int] | None,
    replaced: Sequence[tuple[int, int]] = (),
) -> None:
    """Guard one variable; `reachable` are the functions that moved code could run, None = all.

    Uses in `replaced` ranges are left out: other text takes their place.
    """
    view = context.view
    binding = view.binding_named(order.name, order.line)
    assert binding is not None
    held = view.value_range(binding)
    if held is not None and guards_value(view, order):
        start, end = held
        opening = f"{context.pt}.state({context.string(order.location)}, "
        context.surgery.wrap(GUARD, start, end, opening, ")")
        return
    allowed = None if reachable is None else frozenset(reachable)
    wrapped: set[int] = set()
    for reference in binding.references:
        if reference.init or reference.function == binding.scope_function:
            continue
        if any(start <= reference.start < end for start, end in replaced):
            continue
        if (allowed is None or reference.function in allowed) and not _reads_steady(view, reference, order.reads):
            _touch(context, order.location, reference, wrapped)


def leads_elsewhere(view: FileView, function: FunctionInfo) -> bool:
    """Tell whether a handler could run functions of its file by a way that this file does not show.

    Another file of the application can call back into this one, and so can a function passed as argument, or one that
    listens to an event.
    """
    reachable = view.scopes.reachable_functions(function.index)
    if not reachable.isdisjoint(view.emitting):
        return True
    for binding in view.scopes.bindings:
        used = any(reference.function in reachable for reference in binding.references)
        if not used:
            continue
        if binding.kind == "param" and binding.scope_function == function.index:
            if any(reference.called for reference in binding.references):
                return True
        elif binding.is_module_level and _comes_from_the_application(view, binding):
            return True
    return False


def _comes_from_the_application(view: FileView, binding: Binding) -> bool:
    """Tell whether a name is imported or required from a file, not from a package."""
    declared = view.identifier_at(binding.declaration_start)
    for outer in view.ancestors(declared) if declared is not None else ():
        if outer.type == "ImportDeclaration":
            return _is_relative(outer.source)
        if outer.type == "VariableDeclarator":
            calls = (node for node in walk(outer.init) if node.type == "CallExpression") if outer.init else ()
            return any(
                call.callee.type == "Identifier"
                and call.callee.name == "require"
                and not (call.arguments and _is_package(call.arguments[0]))
                for call in calls
            )
    return False


def _is_relative(source: Node) -> bool:
    return isinstance(source.value, str) and source.value.startswith((".", "/", "#", "file:"))


def _is_package(argument: Node) -> bool:
    return argument.type == "Literal" and not _is_relative(argument)


def _holds_one_object(view: FileView, binding: Binding) -> bool:
    """Tell whether a variable holds the value of its initialiser and no other, and a wrap leaves that alone."""
    if binding.init_range is None or binding.destructured or binding.reassigned:
        return False
    if binding.kind not in ("const", "let", "var"):
        return False
    start, end = binding.init_range
    declared = view.identifier_at(binding.declaration_start)
    declarator = view.parent(declared) if declared is not None else None
    if declarator is None or declarator.type != "VariableDeclarator":
        return False
    # The name of an anonymous class or function comes from the variable, and would be lost.
    return end > start and declarator.init.type not in (*FUNCTION_TYPES, "ClassExpression")


def _touch(context: FileContext, location: str, reference: Reference, wrapped: set[int]) -> None:
    view, surgery = context.view, context.surgery
    identifier = view.identifier_at(reference.start)
    if identifier is None:
        return
    touch = context.call("touch", context.string(location))
    text = view.text[reference.start : reference.end]
    if reference.mode == "r":
        statement = statement_beginning_with(view, identifier)
        if statement is not None:
            # A parenthesis at the start of a statement would continue a line that has no semicolon.
            if id(statement) not in wrapped:
                wrapped.add(id(statement))
                surgery.insert(GUARD, statement.range[0], f"{touch}, ")
            return
        key = f"{text}: " if reference.shorthand else ""
        surgery.replace(GUARD, reference.start, reference.end, f"{key}({touch}, {text})")
        return
    node = _writing_expression(view, identifier)
    if node is None or id(node) in wrapped:
        return
    wrapped.add(id(node))
    if node.type in ("ForInStatement", "ForOfStatement"):
        start, end = node.right.range
        surgery.wrap(GUARD, start, end, f"({touch}, ", ")")
        return
    statement = statement_beginning_with(view, node)
    if statement is None:
        surgery.wrap(GUARD, node.range[0], node.range[1], f"({touch}, ", ")")
    elif id(statement) not in wrapped:
        wrapped.add(id(statement))
        surgery.insert(GUARD, statement.range[0], f"{touch}, ")


def _reads_steady(view: FileView, reference: Reference, names: tuple[str, ...]) -> bool:
    """Tell whether a use only reads a property that every stage may read."""
    identifier = view.identifier_at(reference.start)
    member = view.parent(identifier) if identifier is not None and names else None
    if member is None or member.type != "MemberExpression" or member.computed or member.object is not identifier:
        return False
    if member.property.name not in names:
        return False
    outer = view.parent(member)
    changes = outer is not None and (
        (outer.type == "AssignmentExpression" and outer.left is member)
        or outer.type == "UpdateExpression"
        or (outer.type == "UnaryExpression" and outer.operator == "delete")
    )
    return not changes


def statement_beginning_with(view: FileView, node: Node) -> Node | None:
    """Return the expression statement whose text begins with `node`."""
    start = node.range[0]
    for outer in view.ancestors(node):
        if outer.range[0] != start:
            return None
        if outer.type == "ExpressionStatement":
            return outer
    return None


def _writing_expression(view: FileView, identifier: Node) -> Node | None:
    """Return the assignment, update or loop head that writes a variable by its name."""
    for outer in view.ancestors(identifier):
        if outer.type in ("AssignmentExpression", "UpdateExpression", "ForInStatement", "ForOfStatement"):
            return outer
        if outer.type in FUNCTION_TYPES or outer.type.endswith("Statement"):
            return None
    return None
