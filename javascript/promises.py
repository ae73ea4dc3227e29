"""Which functions return a promise on every path, judged by syntax alone."""

from __future__ import annotations

from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, children

_MAKERS = frozenset({"resolve", "reject", "all", "allSettled", "any", "race", "try"})
_DERIVERS = frozenset({"then", "catch", "finally"})


def returns_only_promises(function: Node, returns: list[Node | None]) -> bool:
    """Tell whether each call of `function` returns a promise (or throws).

    `returns` are the arguments of its own return statements, None for a bare `return`. The name
    `Promise` is taken at its word, also where the file binds it to a library's class.
    """
    if function.generator:
        return False
    if function.isAsync:
        return True
    if function.body.type != "BlockStatement":
        return is_promise_expression(function.body)
    return (
        bool(returns)
        and all(value is not None and is_promise_expression(value) for value in returns)
        and not _can_end_normally(function.body)
    )


def is_promise_expression(node: Node) -> bool:
    """Tell whether an expression's value is a promise by its form."""
    kind = node.type
    if kind == "NewExpression":
        return bool(node.callee.type == "Identifier" and node.callee.name == "Promise")
    if kind == "ConditionalExpression":
        return is_promise_expression(node.consequent) and is_promise_expression(node.alternate)
    if kind == "SequenceExpression":
        return is_promise_expression(node.expressions[-1])
    if kind == "ImportExpression":
        return True
    if kind != "CallExpression" or node.callee.type != "MemberExpression" or node.callee.computed:
        return False
    # A chain of thens is as deep as it is long, so it is followed in a loop.
    while (
        node.type == "CallExpression"
        and node.callee.type == "MemberExpression"
        and not node.callee.computed
        and node.callee.property.name in _DERIVERS
    ):
        node = node.callee.object
        if node.type != "CallExpression":
            return is_promise_expression(node)
    callee = node.callee
    return bool(
        callee.type == "MemberExpression"
        and not callee.computed
        and callee.object.type == "Identifier"
        and callee.object.name == "Promise"
        and callee.property.name in _MAKERS
    )


def _can_end_normally(statement: Node | None) -> bool:
    """Tell whether control may reach the end of a statement; True where it takes more than syntax to know."""
    if statement is None:
        return True
    kind = statement.type
    if kind in ("ReturnStatement", "ThrowStatement"):
        return False
    if kind == "BlockStatement":
        return all(_can_end_normally(child) for child in statement.body)
    if kind == "IfStatement":
        return _can_end_normally(statement.consequent) or _can_end_normally(statement.alternate)
    if kind == "TryStatement":
        if statement.finalizer is not None and not _can_end_normally(statement.finalizer):
            return False
        handled = statement.handler is not None and _can_end_normally(statement.handler.body)
        return handled or _can_end_normally(statement.block)
    if kind == "SwitchStatement":
        cases = statement.cases
        if not any(case.test is None for case in cases) or _breaks(statement):
            return True
        return all(_can_end_normally(child) for child in cases[-1].consequent)
    return True


def _breaks(switch: Node) -> bool:
    """Tell whether a `break` may leave the switch; those of inner loops count too, to be on the safe side."""
    stack: list[Node] = list(switch.cases)
    while stack:
        node = stack.pop()
        if node.type == "BreakStatement":
            return True
        if node.type not in FUNCTION_TYPES:
            stack.extend(children(node))
    return False
