"""What changes an object, as far as the text tells: assignments of its parts, calls of the language's own functions."""

from __future__ import annotations

from pipetrace.javascript.nodes import Node
from pipetrace.rewriter.view import FileView

METHOD = "true"
"""By a method, which changes only what the language gives it: the runtime looks at the object."""
WITHIN = "'within'"
"""Something that an expression with `?.` leads to from there, if to anything."""
FREEZE = "'freeze'"
"""It may be frozen already."""

_METHODS = frozenset(
    {
        "push", "pop", "shift", "unshift", "splice", "sort", "reverse", "fill", "copyWithin", "set", "add", "delete",
        "clear", "append", "write", "swap16", "swap32", "swap64", "setTime", "setDate", "setMonth", "setFullYear",
        "setHours", "setMinutes", "setSeconds", "setMilliseconds", "setYear", "setUTCDate", "setUTCMonth",
        "setUTCFullYear", "setUTCHours", "setUTCMinutes", "setUTCSeconds", "setUTCMilliseconds", "next",
        "getOrInsert", "getOrInsertComputed",
        *(f"set{name}" for name in ("Int8", "Uint8", "Int16", "Uint16", "Int32", "Uint32", "Float16", "Float32",
                                    "Float64", "BigInt64", "BigUint64")),
        *(f"write{name}" for name in ("UInt8", "Uint8", "Int8", "BigInt64LE", "BigInt64BE", "BigUInt64LE",
                                      "BigUInt64BE", "FloatLE", "FloatBE", "DoubleLE", "DoubleBE", "IntLE", "IntBE",
                                      "UIntLE", "UIntBE", "UintLE", "UintBE")),
        *(f"write{sign}{size}" for sign in ("Int", "UInt", "Uint") for size in ("16LE", "16BE", "32LE", "32BE")),
        "on", "once", "off", "addListener", "prependListener", "prependOnceListener", "removeListener",
        "removeAllListeners", "setMaxListeners", "addEventListener", "removeEventListener",
    }
)  # fmt: skip
"""Methods of collections, buffers, dates, generators and emitters that change them."""
_DEFINING = frozenset({"__defineGetter__", "__defineSetter__"})
"""Methods that change any object."""
_TAKING = frozenset({"get", "at", "find"})
"""Methods that hand out what a collection holds."""
_GIVEN = {
    "Object": frozenset({"assign", "defineProperty", "defineProperties", "setPrototypeOf"}),
    "Reflect": frozenset({"set", "defineProperty", "deleteProperty", "setPrototypeOf"}),
    "Atomics": frozenset({"add", "and", "compareExchange", "exchange", "or", "store", "sub", "xor"}),
}
"""Functions that change their first argument."""
_FREEZING = {
    "Object": frozenset({"freeze", "seal", "preventExtensions"}),
    "Reflect": frozenset({"preventExtensions"}),
}
_FILLING = frozenset({"copy", "randomFillSync", "randomFill", "getRandomValues"})
"""Methods that change their first argument if it is a buffer."""


def changed_by_call(view: FileView, call: Node) -> list[tuple[Node, str]]:
    """Return the expressions whose values a call may change, with how."""
    callee, arguments = call.callee, call.arguments
    if callee.type != "MemberExpression":
        return []
    name = _key(callee)
    found: list[tuple[Node, str]] = []
    if name in _METHODS:
        found.append((callee.object, METHOD))
    elif name in _DEFINING:
        found.append((callee.object, ""))
    if not arguments or arguments[0].type == "SpreadElement":
        return found
    first = arguments[0]
    owner = callee.object.name if callee.object.type == "Identifier" else ""
    if owner and view.scopes.binding_at(callee.object.range[0]) is None:
        if name in _GIVEN.get(owner, ()):
            return [(first, "")]
        if name in _FREEZING.get(owner, ()):
            return [(first, FREEZE)]
        plain = len(arguments) > 1 and arguments[1].type != "SpreadElement"
        if (owner, name) == ("Reflect", "apply") and plain and _is_method(first):
            return [(arguments[1], METHOD)]
    if name in _FILLING or (name in ("call", "apply") and _is_method(callee.object)):
        found.append((first, METHOD))
    return found


def _is_method(node: Node) -> bool:
    return bool(node.type == "MemberExpression") and _key(node) in _METHODS


def _key(member: Node) -> str:
    key = member.property
    if member.computed:
        return key.value if key.type == "Literal" and isinstance(key.value, str) else ""
    return key.name if key.type == "Identifier" else ""


def is_target(view: FileView, member: Node, outer: Node) -> bool:
    """Whether a member expression stands where something is assigned to it, or deleted."""
    if outer.type == "ChainExpression":
        parent = view.parent(outer)
        return parent is not None and parent.type == "UnaryExpression" and parent.operator == "delete"
    if outer.type in ("AssignmentExpression", "ForInStatement", "ForOfStatement", "AssignmentPattern"):
        return bool(outer.left is member)
    if outer.type == "Property":
        pattern = view.parent(outer)
        return pattern is not None and pattern.type == "ObjectPattern" and outer.value is member
    if outer.type == "UnaryExpression":
        return bool(outer.operator == "delete")
    return outer.type in ("UpdateExpression", "ArrayPattern", "RestElement")


def before_chain(view: FileView, node: Node) -> Node | None:
    """Return the longest beginning of an expression that can be given to a function: what stands before its first `?.`.

    None if there is none: it is `super`, or a function that is called, whose `this` would be lost.
    """
    found, at = node, node
    while at.type in ("MemberExpression", "CallExpression"):
        inner = at.object if at.type == "MemberExpression" else at.callee
        if at.optional:
            found = inner
        at = inner
    outer = view.parent(found)
    if outer is not None and outer.type == "CallExpression" and outer.callee is found:
        if found.type != "MemberExpression":
            return None
        found = found.object
    return None if found.type == "Super" else found


def root_of(node: Node) -> tuple[Node | None, bool]:
    """Where an expression begins, and whether only properties and parts of collections lead on from there.

    None where that is `super`.
    """
    direct = True
    while True:
        if node.type == "Super":
            return None, False
        if node.type == "ChainExpression":
            node = node.expression
        elif node.type == "MemberExpression":
            node = node.object
        elif node.type == "CallExpression" and node.callee.type == "MemberExpression":
            key = node.callee.property
            direct = direct and not node.callee.computed and key.type == "Identifier" and key.name in _TAKING
            node = node.callee.object
        else:
            return node, direct
