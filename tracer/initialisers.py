"""How variables get their first value: by a literal, a call, `new`, `require` …, and whether it can differ
from run to run (randomness, clocks, the process itself), so that stages must not each compute their own."""

from __future__ import annotations

from collections.abc import Sequence

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, code_children, walk
from pipetrace.javascript.parse import ParsedFile
from pipetrace.javascript.scopes import ScopeInfo

_RANDOM_METHODS = frozenset(
    {
        "random", "randomBytes", "randomFillSync", "randomInt", "randomUUID", "getRandomValues", "generateKeySync",
        "generateKeyPairSync", "generatePrimeSync", "now", "hrtime", "uptime", "cpuUsage", "memoryUsage",
        "resourceUsage", "mkdtempSync", "tmpdir", "hostname",
    }
)  # fmt: skip
"""Methods of JavaScript's and Node's own objects whose results differ between runs or processes."""

_OWNERS = frozenset({"Math", "Date", "performance", "process", "crypto", "os", "fs"})
_PROCESS_PROPERTIES = frozenset({"pid", "ppid", "hrtime"})


def describe_initialisers(
    parsed: ParsedFile, scopes: ScopeInfo, functions: Sequence[FunctionInfo]
) -> dict[int, tuple[str, bool]]:
    """Return binding id → (kind of its initialiser, whether its value can differ between runs).

    Kinds: literal, call, new, require, function, other, none.
    """
    nodes = _initialiser_nodes(parsed.tree)
    directly = {info.index for info in functions[1:] if _differs_directly(info.node, inside=True)}
    spread = _spread(directly, scopes, len(functions))
    described: dict[int, tuple[str, bool]] = {}
    for binding in scopes.bindings:
        if binding.kind in ("function", "class"):
            described[binding.id] = ("function", False)
            continue
        if binding.kind == "import":
            described[binding.id] = ("require", False)
            continue
        node = nodes.get(binding.declaration_start)
        if node is None:
            continue
        differs = _differs_directly(node, inside=False) or _calls_any(node, spread, scopes, functions)
        described[binding.id] = (_kind(node), differs)
    return described


def _initialiser_nodes(tree: Node) -> dict[int, Node]:
    found: dict[int, Node] = {}
    for node in walk(tree):
        if node.type == "VariableDeclarator" and node.init is not None:
            pattern = [node.id]
            while pattern:
                part = pattern.pop()
                if part.type == "Identifier":
                    found[part.range[0]] = node.init
                elif part.type == "ObjectPattern":
                    pattern += [p.argument if p.type == "RestElement" else p.value for p in part.properties]
                elif part.type == "ArrayPattern":
                    pattern += [element for element in part.elements if element is not None]
                elif part.type == "AssignmentPattern":
                    pattern.append(part.left)
                elif part.type == "RestElement":
                    pattern.append(part.argument)
    return found


def _kind(node: Node) -> str:
    kind = node.type
    if kind == "AwaitExpression" and node.argument is not None:
        return _kind(node.argument)
    if kind in ("Literal", "TemplateLiteral"):
        return "literal"
    if kind == "UnaryExpression" and node.argument.type == "Literal":
        return "literal"
    if kind in FUNCTION_TYPES or kind == "ClassExpression":
        return "function"
    if required_module(node) is not None:
        return "require"
    if kind == "NewExpression":
        return "new"
    if kind in ("CallExpression", "TaggedTemplateExpression", "ImportExpression"):
        return "call"
    return "other"


def required_module(node: Node) -> str | None:
    """Return the specifier of `require('x')` or of a property of it, else None."""
    while node.type == "MemberExpression" and not node.computed:
        node = node.object
    if (
        node.type == "CallExpression"
        and node.callee.type == "Identifier"
        and node.callee.name == "require"
        and len(node.arguments) == 1
        and node.arguments[0].type == "Literal"
        and isinstance(node.arguments[0].value, str)
    ):
        return str(node.arguments[0].value)
    return None


def _differs_directly(node: Node, *, inside: bool) -> bool:
    """Whether evaluating an expression (with ``inside``: running a function) asks for something that differs."""
    stack = [node]
    while stack:
        current = stack.pop()
        if current.type in FUNCTION_TYPES and not (inside and current is node):
            continue
        if _asks(current):
            return True
        stack.extend(code_children(current))
    return False


def _asks(node: Node) -> bool:
    if node.type in ("NewExpression", "CallExpression"):
        callee = node.callee
        if callee.type == "Identifier":
            if callee.name == "Date":
                return node.type == "CallExpression" or not node.arguments
            return callee.name in _RANDOM_METHODS and callee.name not in ("now", "random")
        if callee.type == "MemberExpression" and not callee.computed:
            return callee.property.name in _RANDOM_METHODS and _is_platform(callee.object)
    if node.type == "MemberExpression" and not node.computed and node.object.type == "Identifier":
        return node.object.name == "process" and node.property.name in _PROCESS_PROPERTIES
    return False


def _is_platform(node: Node) -> bool:
    if node.type == "MemberExpression" and not node.computed:
        return node.property.name in _OWNERS or _is_platform(node.object)
    if node.type == "Identifier":
        return node.name in _OWNERS
    module = required_module(node)
    return module is not None and module.removeprefix("node:") in _OWNERS


def _spread(directly: set[int], scopes: ScopeInfo, count: int) -> set[int]:
    """Return the functions that ask for something that differs, themselves or by those they call."""
    found = set(directly)
    while True:
        more = {
            index
            for index in range(1, count)
            if index not in found and any(callee in found for callee in scopes.static_calls(index))
        }
        if not more:
            return found
        found |= more


def _calls_any(node: Node, wanted: set[int], scopes: ScopeInfo, functions: Sequence[FunctionInfo]) -> bool:
    if not wanted:
        return False
    names: dict[int, int] = {}
    for info in functions[1:]:
        if info.kind == "declaration" and info.node.id is not None:
            names[info.node.id.range[0]] = info.index
    ranges = {(info.start, info.end): info.index for info in functions[1:]}
    stack = [node]
    while stack:
        current = stack.pop()
        if current.type in FUNCTION_TYPES:
            continue
        if current.type == "CallExpression" and current.callee.type == "Identifier":
            binding = scopes.binding_at(current.callee.range[0])
            if binding is not None:
                index = names.get(binding.declaration_start)
                if index is None and binding.init_range is not None:
                    index = ranges.get(binding.init_range)
                if index in wanted:
                    return True
        if current.type == "CallExpression" and ranges.get(tuple(current.callee.range), -1) in wanted:
            return True
        stack.extend(code_children(current))
    return False
