"""What patterns read: destructuring of variables, parameters and elements, as data for a probe."""

from __future__ import annotations

import json
import re
from typing import Any

from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, children, code_children
from pipetrace.tracer.instrument_plan import identifiers

_LINE_BREAK = re.compile(r"\r\n|[\n\r\u2028\u2029]")
_UNMOVABLE = frozenset(
    {*FUNCTION_TYPES, "ClassExpression", "AwaitExpression", "YieldExpression", "MemberExpression", "MetaProperty"}
)


def pattern_text(pattern: Node) -> str:
    """Return a pattern as the probes take it, in JSON: `[["a"],["b",[["c"]]]]`, 1 for plain elements."""
    return json.dumps(_spec(pattern), separators=(",", ":"))


def _spec(pattern: Node) -> Any:
    if pattern.type == "ArrayPattern":
        inner = [_inner(element) for element in pattern.elements]
        if not any(inner):
            return 1
        return [[1, [[0, each] if each else [0] for each in inner]]]
    found: list[list[Any]] = []
    for member in pattern.properties:
        key = constant_key(member) if member.type == "Property" else None
        if key is None:
            found.append([0])
            continue
        inner = _inner(member.value)
        found.append([key, inner] if inner else [key])
    return found


def _inner(node: Node | None) -> Any:
    """The pattern inside an element or a property's value; None where a name or a member stands there."""
    while node is not None and node.type in ("AssignmentPattern", "RestElement"):
        node = node.left if node.type == "AssignmentPattern" else node.argument
    return _spec(node) if node is not None and node.type in ("ObjectPattern", "ArrayPattern") else None


def constant_key(member: Node) -> str | None:
    """Return the name of a member of a pattern; None for a computed one."""
    key = member.key
    if member.computed:
        return None
    return str(key.name) if key.type == "Identifier" else str(key.value)


def parameter_pattern(param: Node) -> Node | None:
    """Return the pattern that a parameter is, without its default."""
    target = param.left if param.type == "AssignmentPattern" else param
    return target if target.type in ("ObjectPattern", "ArrayPattern") else None


def movable_patterns(function: Node, text: str) -> list[Node]:
    """Return the patterns among the parameters that may as well stand at the head of the body.

    Only there can a probe see what they take apart. Nothing may tell the difference: no default of another
    parameter, no name that the body declares again, nothing in the pattern that depends on where it stands.
    """
    patterns = [pattern for param in function.params if (pattern := parameter_pattern(param)) is not None]
    if not patterns or function.generator:
        return []
    if any(param.type == "AssignmentPattern" and parameter_pattern(param) is None for param in function.params):
        return []
    if any(param.type == "RestElement" and param.argument.type != "Identifier" for param in function.params):
        return []
    defaults = [param.right for param in function.params if param.type == "AssignmentPattern"]
    if any(_contains(default, frozenset({*FUNCTION_TYPES, "CallExpression", "NewExpression"})) for default in defaults):
        return []
    body_names = _declared_again(function.body)
    for pattern in patterns:
        source = text[pattern.range[0] : pattern.range[1]]
        names = {name.name for name in identifiers(pattern)}
        if names & body_names or "//" in source or "`" in source or _contains(pattern, _UNMOVABLE) or not names:
            return []
    return patterns


def _declared_again(body: Node) -> set[str]:
    """Names that a body declares by `var` or as functions, where parameters may have the same names."""
    names: set[str] = set()
    stack = [body]
    while stack:
        node = stack.pop()
        if node.type == "FunctionDeclaration":
            names.add(node.id.name)
        elif node.type == "VariableDeclaration" and node.kind == "var":
            names |= {name.name for one in node.declarations for name in identifiers(one.id)}
        if node.type not in FUNCTION_TYPES:
            stack.extend(code_children(node))
    return names


def without_line_breaks(text: str) -> tuple[str, str]:
    """Return (text on one line, the line breaks that were in it)."""
    return _LINE_BREAK.sub(" ", text), "".join(_LINE_BREAK.findall(text))


def _contains(node: Node, kinds: frozenset[str]) -> bool:
    stack = [node]
    while stack:
        current = stack.pop()
        if current.type in kinds:
            return True
        stack.extend(children(current))
    return False


def suspends(node: Node) -> bool:
    """Whether the evaluation of an expression is interrupted by an `await` or `yield` of its own function."""
    return _evaluates(node, frozenset({"AwaitExpression", "YieldExpression"}))


def runs_code(node: Node) -> bool:
    """Whether the evaluation of an expression calls something."""
    return _evaluates(
        node,
        frozenset(
            {"AwaitExpression", "YieldExpression", "CallExpression", "NewExpression", "TaggedTemplateExpression"}
        ),
    )


def _evaluates(node: Node, kinds: frozenset[str]) -> bool:
    stack = [node]
    while stack:
        current = stack.pop()
        if current.type in kinds:
            return True
        if current.type not in FUNCTION_TYPES and current.type != "ClassExpression":
            stack.extend(code_children(current))
    return False
