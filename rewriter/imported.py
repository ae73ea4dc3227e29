"""Guarded variables of ES modules are also read where they are imported: those uses need guards, too.

An import is a live view of the variable, so a guard in the declaring file alone would miss it. CommonJS
has no such views; there a property of `exports` is a location of its own.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from pipetrace.javascript.nodes import Node
from pipetrace.rewriter.guard import guards_value
from pipetrace.rewriter.orders import GuardOrder, Orders
from pipetrace.rewriter.view import FileView


def guard_imports(orders: Orders, views: Mapping[str, FileView]) -> None:
    """Add to the orders a guard for each import of a variable whose uses are guarded."""
    found: list[GuardOrder] = []
    for path, file in orders.files.items():
        view = views.get(path)
        if view is None or not view.is_module:
            continue
        for order in file.guards:
            if not guards_value(view, order):
                found += _imports(order, view, views)
    for order in found:
        orders.files[order.file].guards.append(order)


def _imports(order: GuardOrder, view: FileView, views: Mapping[str, FileView]) -> Iterator[GuardOrder]:
    seen: set[tuple[str, str]] = set()
    queue = [(view.path, name) for name in _exported(view, order.name)]
    while queue:
        exported = queue.pop()
        if exported in seen:
            continue
        seen.add(exported)
        for other in views.values():
            if not other.is_module:
                continue
            for statement in other.parsed.tree.body:
                if _names(other, statement) != exported[0]:
                    continue
                if statement.type == "ImportDeclaration":
                    for local in _locals(statement, exported[1]):
                        line = other.parsed.lines.position(local.range[0])[0]
                        yield GuardOrder(order.location, local.name, other.path, line, "variable", order.handlers)
                else:
                    queue += [(other.path, name) for name in _passed_on(statement, exported[1])]


def _exported(view: FileView, name: str) -> Iterator[str]:
    """Yield the names by which a module exports its variable."""
    for statement in view.parsed.tree.body:
        if statement.type != "ExportNamedDeclaration" or statement.source is not None:
            continue
        for specifier in statement.specifiers or ():
            if specifier.local.name == name:
                yield _text(specifier.exported)
        if statement.declaration is not None:
            low, high = statement.declaration.range
            declared = (binding for binding in view.scopes.bindings if binding.is_module_level)
            if any(binding.name == name and low <= binding.declaration_start < high for binding in declared):
                yield name


def _names(view: FileView, statement: Node) -> str:
    """Return the file of the application that an import or re-export names, or ''."""
    kinds = ("ImportDeclaration", "ExportNamedDeclaration", "ExportAllDeclaration")
    if statement.type not in kinds or statement.source is None:
        return ""
    value = str(statement.source.value)
    if not value.startswith("."):
        return ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(view.path), value))


def _locals(statement: Node, exported: str) -> Iterator[Node]:
    for specifier in statement.specifiers:
        name = {"ImportNamespaceSpecifier": exported, "ImportDefaultSpecifier": "default"}.get(specifier.type)
        if (_text(specifier.imported) if name is None else name) == exported:
            yield specifier.local


def _passed_on(statement: Node, exported: str) -> Iterator[str]:
    if statement.type == "ExportAllDeclaration":
        if statement.exported is None:
            yield exported
        else:
            yield _text(statement.exported)
        return
    for specifier in statement.specifiers or ():
        if _text(specifier.local) == exported:
            yield _text(specifier.exported)


def _text(name: Node) -> str:
    return str(name.name if name.type == "Identifier" else name.value)
