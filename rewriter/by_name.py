"""Functions that other code calls by their name, and goes on with what the call returns or changes.

Moved, such a call would give a promise. What the recording's handlers say of a function is not enough: the same one
may be a reaction (`.catch(fail)`) here and be called for its result (`text = fail(error)`) there, on a path that never
ran.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, walk
from pipetrace.javascript.scopes import Binding
from pipetrace.rewriter.view import FileView, key_text

_AT_ONCE = frozenset(
    {
        "map", "forEach", "filter", "reduce", "reduceRight", "some", "every", "find", "findIndex", "findLast",
        "findLastIndex", "flatMap", "sort", "toSorted", "replace", "replaceAll", "from", "groupBy",
    }
)  # fmt: skip
"""Methods that call a function while they run."""
_MOST_ALIASES = 8


class NamedCalls:
    """The calls of a package by the names that they call."""

    def __init__(self, views: Mapping[str, FileView]) -> None:
        self._views = views
        self._members: dict[str, str] | None = None

    def of(self, view: FileView, function: FunctionInfo) -> str | None:
        """Where a function is called by a name, as 'file:line'; None if it is not, or its callers wait anyway."""
        if function.returns_promise:
            return None
        parent = view.parent(function.node)
        names = set(_keys(view, function.node))
        binding = _named(view, function.node)
        if parent is not None and parent.type == "VariableDeclarator" and parent.id.type == "Identifier":
            binding = view.scopes.binding_at(parent.id.range[0])
        waiting, seen = [binding] if binding is not None else [], set[int]()
        while waiting and len(seen) < _MOST_ALIASES:
            one = waiting.pop()
            if one.id in seen:
                continue
            seen.add(one.id)
            for identifier in _uses(view, one):
                if _calls(view, identifier):
                    return _place(view, identifier)
                names.update(_keys(view, identifier))
                around = view.parent(identifier)
                if around is not None and around.type == "VariableDeclarator" and around.id.type == "Identifier":
                    alias = view.scopes.binding_at(around.id.range[0])
                    waiting += [alias] if alias is not None else []
        return next((self._member_calls[name] for name in sorted(names) if name in self._member_calls), None)

    @property
    def _member_calls(self) -> dict[str, str]:
        """By name: where a function calls a method of that name."""
        if self._members is None:
            self._members = {}
            for view in self._views.values():
                for node in walk(view.parsed.tree):
                    callee = node.callee if node.type == "CallExpression" else None
                    if callee is None or callee.type != "MemberExpression" or callee.computed:
                        continue
                    if callee.property.type == "Identifier" and not _at_top(view, node):
                        self._members.setdefault(callee.property.name, _place(view, node))
        return self._members


def _named(view: FileView, node: Node) -> Binding | None:
    return view.scopes.binding_at(node.id.range[0]) if node.id is not None else None


def _uses(view: FileView, binding: Binding) -> Iterator[Node]:
    for reference in binding.references:
        identifier = view.identifier_at(reference.start)
        if identifier is not None and reference.mode != "w":
            yield identifier


def _keys(view: FileView, node: Node) -> Iterator[str]:
    """The names of properties that are given a value where it stands."""
    parent = view.parent(node)
    if parent is None:
        return
    if parent.type in ("Property", "PropertyDefinition", "MethodDefinition") and parent.value is node:
        if not parent.computed:
            yield key_text(parent.key)
    elif parent.type == "AssignmentExpression" and parent.right is node:
        target = parent.left
        if target.type == "MemberExpression" and not target.computed and target.property.type == "Identifier":
            yield str(target.property.name)


def _calls(view: FileView, identifier: Node) -> bool:
    """Whether a name stands where its function is called, other than by the top of the module."""
    parent = view.parent(identifier)
    if parent is None or parent.type not in ("CallExpression", "MemberExpression"):
        return False
    if parent.type == "MemberExpression":
        member = parent.property
        direct = parent.object is identifier and member.type == "Identifier" and member.name in ("call", "apply")
        return direct and not _at_top(view, identifier)
    if parent.callee is identifier:
        return not _at_top(view, identifier)
    callee = parent.callee
    return bool(
        callee.type == "MemberExpression" and callee.property.type == "Identifier" and callee.property.name in _AT_ONCE
    )


def _at_top(view: FileView, node: Node) -> bool:
    return not any(outer.type in FUNCTION_TYPES for outer in view.ancestors(node))


def _place(view: FileView, node: Node) -> str:
    return f"{view.path}:{view.parsed.lines.position(node.range[0])[0]}"
