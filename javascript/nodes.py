"""The shape of an ESTree: which fields of a node hold children, and an iterative walk over them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

Node: TypeAlias = Any
"""A node of esprima: `.type`, `.range` and the fields of its ESTree type; absent fields read as None."""

FUNCTION_TYPES = frozenset({"FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"})

LOOP_TYPES = frozenset({"ForStatement", "ForInStatement", "ForOfStatement", "WhileStatement", "DoWhileStatement"})

CHILD_FIELDS: dict[str, tuple[str, ...]] = {
    "ArrayExpression": ("elements",),
    "ArrayPattern": ("elements",),
    "ArrowFunctionExpression": ("params", "body"),
    "AssignmentExpression": ("left", "right"),
    "AssignmentPattern": ("left", "right"),
    "AwaitExpression": ("argument",),
    "BinaryExpression": ("left", "right"),
    "BlockStatement": ("body",),
    "BreakStatement": ("label",),
    "CallExpression": ("callee", "arguments"),
    "CatchClause": ("param", "body"),
    "ChainExpression": ("expression",),
    "ClassBody": ("body",),
    "ClassDeclaration": ("id", "superClass", "body"),
    "ClassExpression": ("id", "superClass", "body"),
    "ConditionalExpression": ("test", "consequent", "alternate"),
    "ContinueStatement": ("label",),
    "DebuggerStatement": (),
    "DoWhileStatement": ("body", "test"),
    "EmptyStatement": (),
    "ExportAllDeclaration": ("exported", "source", "attributes"),
    "ExportDefaultDeclaration": ("declaration",),
    "ExportNamedDeclaration": ("declaration", "specifiers", "source", "attributes"),
    "ExportSpecifier": ("local", "exported"),
    "ExpressionStatement": ("expression",),
    "ForInStatement": ("left", "right", "body"),
    "ForOfStatement": ("left", "right", "body"),
    "ForStatement": ("init", "test", "update", "body"),
    "FunctionDeclaration": ("id", "params", "body"),
    "FunctionExpression": ("id", "params", "body"),
    "Identifier": (),
    "IfStatement": ("test", "consequent", "alternate"),
    "ImportAttribute": ("key", "value"),
    "ImportDeclaration": ("specifiers", "source", "attributes"),
    "ImportDefaultSpecifier": ("local",),
    "ImportExpression": ("source", "options"),
    "ImportNamespaceSpecifier": ("local",),
    "ImportSpecifier": ("imported", "local"),
    "LabeledStatement": ("label", "body"),
    "Literal": (),
    "LogicalExpression": ("left", "right"),
    "MemberExpression": ("object", "property"),
    "MetaProperty": ("meta", "property"),
    "MethodDefinition": ("key", "value"),
    "NewExpression": ("callee", "arguments"),
    "ObjectExpression": ("properties",),
    "ObjectPattern": ("properties",),
    "PrivateIdentifier": (),
    "Program": ("body",),
    "Property": ("key", "value"),
    "PropertyDefinition": ("key", "value"),
    "RestElement": ("argument",),
    "ReturnStatement": ("argument",),
    "SequenceExpression": ("expressions",),
    "SpreadElement": ("argument",),
    "StaticBlock": ("body",),
    "Super": (),
    "SwitchCase": ("test", "consequent"),
    "SwitchStatement": ("discriminant", "cases"),
    "TaggedTemplateExpression": ("tag", "quasi"),
    "TemplateElement": (),
    "TemplateLiteral": ("expressions",),
    "ThisExpression": (),
    "ThrowStatement": ("argument",),
    "TryStatement": ("block", "handler", "finalizer"),
    "UnaryExpression": ("argument",),
    "UpdateExpression": ("argument",),
    "VariableDeclaration": ("declarations",),
    "VariableDeclarator": ("id", "init"),
    "WhileStatement": ("test", "body"),
    "WithStatement": ("object", "body"),
    "YieldExpression": ("argument",),
}
"""Fields that hold a node, None or a list, in source order; the strings of a template hold no code."""

_CODE_FIELDS: dict[str, tuple[str, ...]] = {
    **CHILD_FIELDS,
    "BreakStatement": (),
    "ContinueStatement": (),
    "ExportAllDeclaration": (),
    "ImportDeclaration": ("specifiers",),
    "ImportSpecifier": ("local",),
    "LabeledStatement": ("body",),
    "MetaProperty": (),
}

_KEYED = frozenset({"Property", "PropertyDefinition", "MethodDefinition"})


def children(node: Node) -> Iterator[Node]:
    """Yield every child node in source order, also names that are no variables (labels, keys)."""
    for field in CHILD_FIELDS[node.type]:
        value = getattr(node, field)
        if type(value) is list:
            yield from (child for child in value if child is not None)
        elif value is not None:
            yield value


def code_children(node: Node) -> list[Node]:
    """Return the children that are evaluated or declare a variable, in source order.

    Left out are labels, property names that are not computed, meta properties, and the foreign names
    of imports and exports; so every Identifier that a walk over these meets means a variable.
    """
    kind = node.type
    if kind in _KEYED:
        found = [node.key] if node.computed else []
        if node.value is not None:
            found.append(node.value)
        return found
    if kind == "MemberExpression":
        return [node.object, node.property] if node.computed else [node.object]
    if kind == "ExportSpecifier":
        return [node.local]
    if kind == "ExportNamedDeclaration" and node.source is not None:
        return []
    found = []
    values = node.__dict__
    for field in _CODE_FIELDS[kind]:
        value = values[field]
        if type(value) is list:
            found += [child for child in value if child is not None]
        elif value is not None:
            found.append(value)
    return found


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and all nodes below it, parents first and in source order, without recursion."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(list(children(current))))
