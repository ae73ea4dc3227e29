"""The global variables that each function names: those that it looks at, and those that it may change.

A name counts as global that nothing in the file declares, or that is a property of `globalThis`, `global` or
`process.env`. Of what Node itself provides the properties count (`console.error`), which some programs replace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import Node, code_children
from pipetrace.javascript.parse import ParsedFile
from pipetrace.javascript.scopes import ScopeInfo

_OBJECTS = frozenset({"globalThis", "global", "window", "self"})
def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PROVIDED = _words(
    """
    AbortController AbortSignal Array ArrayBuffer Atomics BigInt BigInt64Array BigUint64Array Blob Boolean
    BroadcastChannel Buffer CompressionStream Crypto CryptoKey CustomEvent DOMException DataView Date
    DecompressionStream Error EvalError Event EventTarget File FinalizationRegistry Float32Array Float64Array
    FormData Function Headers Infinity Int16Array Int32Array Int8Array Intl Iterator JSON Map Math
    MessageChannel MessageEvent MessagePort NaN Navigator Number Object Performance Promise Proxy RangeError
    ReadableStream ReferenceError Reflect RegExp Request Response Set SharedArrayBuffer String SubtleCrypto
    Symbol SyntaxError TextDecoder TextEncoder TransformStream TypeError URIError URL URLSearchParams
    Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet WebAssembly WebSocket
    WritableStream __dirname __filename arguments atob btoa clearImmediate clearInterval clearTimeout console
    crypto decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval exports fetch isFinite isNaN
    module navigator parseFloat parseInt performance process queueMicrotask require setImmediate setInterval
    setTimeout structuredClone undefined unescape
    """
)
"""Names that Node provides."""
_OF_MODULES = _words("__dirname __filename arguments eval exports module process require undefined")
"""Those of them that are each module's or function's own, or whose properties are watched otherwise."""


@dataclass(slots=True)
class GlobalNames:
    """What the own text of one function names."""

    reads: set[str]
    writes: set[str]
    """Names that it assigns, or whose content it may change: by an assignment to a part, or by calling a method."""


def global_names(parsed: ParsedFile, scopes: ScopeInfo, functions: Sequence[FunctionInfo]) -> list[GlobalNames]:
    """The global names of each function, by its index."""
    bound = {reference.start for binding in scopes.bindings for reference in binding.references}
    bound |= {binding.declaration_start for binding in scopes.bindings}
    number = {id(info.node): info.index for info in functions}
    found = [GlobalNames(set(), set()) for _ in functions]
    stack: list[tuple[Node, tuple[Node, ...], int]] = [(parsed.tree, (), 0)]
    while stack:
        node, above, function = stack.pop()
        function = number.get(id(node), function)
        if node.type == "Identifier" and node.range[0] not in bound:
            _note(node, above, found[function])
        # A global name and what is done with it stand close together.
        around = (*above[-11:], node)
        stack += [(child, around, function) for child in code_children(node)]
    return found


def _note(node: Node, above: tuple[Node, ...], names: GlobalNames) -> None:
    """Note what is done with a free name; ``above`` are the nodes around it, innermost last."""
    name, at, depth = node.name, node, len(above) - 1
    through = name in _OBJECTS
    if name == "process":
        key, at, depth = _step(at, above, depth)
        if key != "env":
            return
        through, name = True, "process.env"
    if through:
        key, at, depth = _step(at, above, depth)
        if key is None:
            return
        name = f"process.env.{key}" if name == "process.env" else key
    changes = _is_assigned(at, above, depth)
    if name in _PROVIDED and not changes:
        key, at, depth = _step(at, above, depth)
        if key is not None and name not in _OF_MODULES:
            assigned = _is_assigned(at, above, depth)
            (names.writes if assigned else names.reads).add(f"{name}.{key}")
        return
    while not changes:
        method = at
        key, at, depth = _step(at, above, depth)
        outer = above[depth] if depth >= 0 else None
        if at is method:
            break
        changes = _is_assigned(at, above, depth) or (
            outer is not None and outer.type == "CallExpression" and outer.callee is at
        )
    (names.writes if changes else names.reads).add(name)


def _step(node: Node, above: tuple[Node, ...], depth: int) -> tuple[str | None, Node, int]:
    """The property that is taken of a node ('*' if computed), and the expression that takes it; None if none is."""
    outer = above[depth] if depth >= 0 else None
    if outer is None or outer.type != "MemberExpression" or outer.object is not node:
        return None, node, depth
    if not outer.computed:
        return str(outer.property.name), outer, depth - 1
    literal = outer.property.type == "Literal" and isinstance(outer.property.value, str)
    return outer.property.value if literal else "*", outer, depth - 1


def _is_assigned(node: Node, above: tuple[Node, ...], depth: int) -> bool:
    outer = above[depth] if depth >= 0 else None
    if outer is None:
        return False
    if outer.type in ("AssignmentExpression", "ForInStatement", "ForOfStatement"):
        return outer.left is node
    if outer.type == "UnaryExpression":
        return bool(outer.operator == "delete")
    if outer.type == "Property":
        return depth > 0 and above[depth - 1].type == "ObjectPattern" and outer.value is node
    return outer.type in ("UpdateExpression", "ArrayPattern", "AssignmentPattern", "RestElement")
