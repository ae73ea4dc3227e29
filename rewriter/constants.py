"""Watch the places where code may change what moved handlers take for constant, on paths that were never recorded.

Each stage has its own copy of what the recording saw unchanged. Where the text of a function changes such a thing (it
assigns a part of it, or calls a method that changes a collection), the runtime is told: on the entry stage the
handlers that use it run there from then on, and on other stages it is a violation.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipetrace.javascript.nodes import FUNCTION_TYPES, Node
from pipetrace.javascript.scopes import Binding, Reference
from pipetrace.rewriter.context import FileContext
from pipetrace.rewriter.view import FileView

TAG = "constants"

_CHANGING = frozenset(
    {
        "push", "pop", "shift", "unshift", "splice", "sort", "reverse", "fill", "copyWithin", "set", "add", "delete",
        "clear", "append", "write", "setTime", "setDate", "setMonth", "setFullYear", "setHours", "setMinutes",
        "setSeconds", "setMilliseconds",
    }
)  # fmt: skip
"""Methods of the language's collections, buffers and dates that change them."""
_TAKING = frozenset({"get", "at", "find"})
"""Methods that hand out what a collection holds."""
_KEPT = frozenset({"function", "class", "param", "catch"})


def watch_changes(
    context: FileContext,
    constant: Collection[str],
    apart: Collection[str],
    replaced: Sequence[tuple[int, int]] = (),
) -> None:
    """Tell the runtime of changes in one file.

    Args:
        context: the file.
        constant: locations (`file:name`) that moved handlers may use and that nothing was seen to change.
        apart: locations that are state or guarded, and so watched otherwise.
        replaced: ranges of text that other text takes the place of.
    """
    view = context.view
    for binding in view.scopes.bindings:
        location = f"{view.path}:{binding.name}"
        if not binding.is_module_level or binding.kind in _KEPT or location in apart:
            continue
        # What another file made may be one of the constants under another name; what this one made has its own.
        if location not in constant and not _comes_from_elsewhere(view, binding):
            continue
        for reference in binding.references:
            gone = any(start <= reference.start < end for start, end in replaced)
            if not (reference.init or gone) and reference.function != binding.scope_function:
                _watch(context, location, reference, location in constant)


def _comes_from_elsewhere(view: FileView, binding: Binding) -> bool:
    """Tell whether a variable only gives another name to something: an import, a part of a module, an alias."""
    if binding.kind == "import":
        return True
    held = view.value_range(binding)
    declared = view.identifier_at(binding.declaration_start)
    around = view.ancestors(declared) if declared is not None else []
    declarator = next((node for node in around if node.type == "VariableDeclarator"), None)
    if held is None or declarator is None or declarator.init is None:
        return False
    value = declarator.init
    while value.type == "MemberExpression":
        value = value.object
    if value.type == "CallExpression":
        return bool(value.callee.type == "Identifier" and value.callee.name == "require")
    return bool(value.type == "Identifier")


def _watch(context: FileContext, location: str, reference: Reference, constant: bool) -> None:
    view = context.view
    identifier = view.identifier_at(reference.start)
    if identifier is None:
        return
    if reference.mode != "r":
        if constant:
            _watch_assignment(context, location, identifier)
        return
    changed, method = _changed_part(view, identifier)
    if changed is not None:
        start, end = changed.range
        opening, flag = f"{context.pt}.changes(", ", true" if method else ""
        context.surgery.wrap(TAG, start, end, opening, f", {context.string(location)}{flag})")


def _watch_assignment(context: FileContext, location: str, identifier: Node) -> None:
    for outer in context.view.ancestors(identifier):
        if outer.type in ("AssignmentExpression", "UpdateExpression"):
            call = context.call("changes", "undefined", context.string(location))
            context.surgery.wrap(TAG, outer.range[0], outer.range[1], f"({call}, ", ")")
            return
        if outer.type in FUNCTION_TYPES or outer.type.endswith("Statement"):
            return


def _changed_part(view: FileView, identifier: Node) -> tuple[Node | None, bool]:
    """Return the expression, beginning with a name, whose value is changed where it stands; None if none is.

    The flag tells that a method does it, which changes only what is a collection of the language.
    """
    node = identifier
    while True:
        member = view.parent(node)
        if member is None or member.type != "MemberExpression" or member.object is not node:
            return None, False
        outer = view.parent(member)
        if outer is None:
            return None, False
        if outer.type == "CallExpression" and outer.callee is member:
            name = member.property.name if not member.computed and member.property.type == "Identifier" else ""
            if name in _CHANGING:
                return node, True
            if name not in _TAKING:
                return None, False
            node = outer
            continue
        if (
            (outer.type in ("AssignmentExpression", "ForInStatement", "ForOfStatement") and outer.left is member)
            or outer.type in ("UpdateExpression", "ArrayPattern", "RestElement")
            or (outer.type == "UnaryExpression" and outer.operator == "delete")
        ):
            return node, False
        node = member
