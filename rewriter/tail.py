"""Calls that must come last: handlers that go on after they have passed control on.

Moved to another stage, `next()` becomes a message, so that code behind it would run before what `next`
starts instead of after it. That cannot be seen when nothing comes behind the call, or when it is awaited.
"""

from __future__ import annotations

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import FUNCTION_TYPES, LOOP_TYPES, Node
from pipetrace.javascript.scopes import ScopeInfo
from pipetrace.rewriter.refusals import Refusal, refuse
from pipetrace.rewriter.view import FileView


def static_refusal(view: FileView, function: FunctionInfo, handler: str) -> Refusal | None:
    """Refuse a handler of the shape (a, b, next) or (error, a, b, next) that goes on after calling `next`."""
    node = function.node
    parameters = node.params if node.type in FUNCTION_TYPES else []
    if len(parameters) not in (3, 4) or parameters[-1].type != "Identifier":
        return None
    passed_on = parameters[-1]
    for start in _calls_of(view.scopes, passed_on):
        identifier = view.identifier_at(start)
        if identifier is None:
            continue
        call = view.parent(identifier)
        if call is not None and call.type == "CallExpression" and not _comes_last(view, call, node):
            return refuse("code-after-next", handler, handler, f"{passed_on.name}()")
    return None


def _calls_of(scopes: ScopeInfo, parameter: Node) -> list[int]:
    binding = scopes.binding_at(parameter.range[0])
    return [reference.start for reference in binding.references if reference.called] if binding else []


def _comes_last(view: FileView, call: Node, handler: Node) -> bool:
    """Tell whether nothing of the function around the call, up to the handler itself, runs after it."""
    node = call
    parent = view.parent(node)
    # Through expressions whose value is the call's value, or that discard it.
    while parent is not None:
        kind = parent.type
        if kind in ("ReturnStatement", "AwaitExpression"):
            # An awaited call is waited for on either side, whatever follows.
            return kind == "AwaitExpression" or not _in_try(view, parent)
        if kind == "ArrowFunctionExpression":
            return True
        if kind == "ExpressionStatement":
            break
        passes = (
            (kind == "ConditionalExpression" and parent.test is not node)
            or (kind == "LogicalExpression" and parent.right is node)
            or (kind == "SequenceExpression" and parent.expressions[-1] is node)
            or (kind == "UnaryExpression" and parent.operator == "void")
            or kind == "ChainExpression"
        )
        if not passes:
            return False
        node, parent = parent, view.parent(parent)
    return parent is not None and _statement_is_last(view, parent)


def _statement_is_last(view: FileView, statement: Node) -> bool:
    node = statement
    while True:
        parent = view.parent(node)
        if parent is None:
            return True
        kind = parent.type
        if kind in FUNCTION_TYPES:
            return True
        if kind in LOOP_TYPES or (kind == "TryStatement" and (node is parent.block or parent.finalizer)):
            return False
        statements = None
        if kind in ("BlockStatement", "Program"):
            statements = parent.body
        elif kind == "SwitchCase":
            statements = parent.consequent
        if statements is not None:
            verdict = _rest_is_empty(view, statements[statements.index(node) + 1 :])
            if verdict is not None:
                return verdict and not _in_try(view, node)
            if kind == "SwitchCase" and not _breaks_or_ends(view, parent, statements, node):
                return False
        node = parent


def _rest_is_empty(view: FileView, rest: list[Node]) -> bool | None:
    """Say what follows in the same list: True = it leaves the function, False = code, None = its end."""
    for statement in rest:
        if statement.type in ("FunctionDeclaration", "EmptyStatement"):
            continue
        if statement.type == "ReturnStatement":
            return statement.argument is None or statement.argument.type in ("Literal", "Identifier")
        if statement.type == "BreakStatement" and _breaks_switch(view, statement):
            return None
        return False
    return None


def _breaks_switch(view: FileView, statement: Node) -> bool:
    if statement.label is not None:
        return False
    for outer in view.ancestors(statement):
        if outer.type == "SwitchStatement":
            return True
        if outer.type in LOOP_TYPES:
            return False
    return False


def _breaks_or_ends(view: FileView, case: Node, statements: list[Node], node: Node) -> bool:
    """Tell whether a case does not fall through into code of the next one."""
    if any(statement.type == "BreakStatement" for statement in statements[statements.index(node) + 1 :]):
        return True
    switch = view.parent(case)
    return switch is not None and switch.cases[-1] is case


def _in_try(view: FileView, node: Node) -> bool:
    """Tell whether an error thrown at `node` would be caught by its own function, or `finally` follows."""
    current = node
    for outer in view.ancestors(node):
        if outer.type in FUNCTION_TYPES:
            return False
        if outer.type == "TryStatement" and (outer.block is current or outer.finalizer is not None):
            return True
        current = outer
    return False
