"""Functions that a handler hangs on what it was given: whoever calls them later wants their result at once.

`req.can = (role) => …` in a middleware makes a function that lives on the middleware's stage. Called from another
stage it would return a promise, which looks true, has no length and becomes `{}` in JSON.
"""

from __future__ import annotations

import re

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, walk
from pipetrace.rewriter.view import FileView

_EVENT = re.compile(r"on[a-z]+")
"""Properties that hold a listener, whose result nobody uses."""
_EITHER = {
    "LogicalExpression": ("left", "right"),
    "ConditionalExpression": ("consequent", "alternate"),
    "AssignmentExpression": ("right",),
}
"""Expressions whose value is that of a part."""
_INTO = frozenset({"assign", "defineProperty", "defineProperties"})


def handed_function(view: FileView, function: FunctionInfo) -> str | None:
    """The property of a parameter that the handler gives a function of its own, as 'req.can'; None if there is none."""
    for node in walk(function.node):
        target: Node | None = None
        values: list[Node] = []
        if node.type == "AssignmentExpression" and node.left.type == "MemberExpression":
            target, values = node.left, [node.right]
            name = node.left.property
            if not node.left.computed and name.type == "Identifier" and _EVENT.fullmatch(name.name):
                continue
        elif node.type == "CallExpression" and _is_object_method(node.callee) and node.arguments:
            target, values = node.arguments[0], list(node.arguments[1:])
        if target is None or not any(_makes_function(view, function, value) for value in values):
            continue
        root = target
        while root.type == "MemberExpression":
            root = root.object
        if root.type == "Identifier" and _is_parameter(view, function, root):
            return view.text[target.range[0] : target.range[1]]
    return None


def _is_object_method(callee: Node) -> bool:
    return (
        callee.type == "MemberExpression"
        and callee.object.type == "Identifier"
        and callee.object.name in ("Object", "Reflect")
        and callee.property.type == "Identifier"
        and callee.property.name in _INTO
    )


def _is_parameter(view: FileView, function: FunctionInfo, identifier: Node) -> bool:
    binding = view.scopes.binding_at(identifier.range[0])
    return binding is not None and binding.kind == "param" and binding.scope_function == function.index


def _makes_function(view: FileView, function: FunctionInfo, value: Node) -> bool:
    """Tell whether a value is, or directly holds, a function that is made while the handler runs."""
    if value.type in FUNCTION_TYPES or value.type == "ClassExpression":
        return True
    if value.type in _EITHER:
        return any(_makes_function(view, function, getattr(value, part)) for part in _EITHER[value.type])
    if value.type == "ArrayExpression":
        return any(_makes_function(view, function, element) for element in value.elements if element is not None)
    if value.type == "ObjectExpression":
        return any(
            member.type == "Property" and _makes_function(view, function, member.value) for member in value.properties
        )
    if value.type == "CallExpression" and value.callee.type == "MemberExpression":
        return bool(value.callee.property.type == "Identifier" and value.callee.property.name == "bind")
    if value.type != "Identifier":
        return False
    binding = view.scopes.binding_at(value.range[0])
    if binding is None or binding.is_module_level or binding.scope_function != function.index:
        return False
    if binding.kind in ("function", "class"):
        return True
    held = view.value_range(binding)
    return held is not None and any(other.start == held[0] for other in view.functions[1:])
