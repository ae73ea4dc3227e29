"""Which variables of other ES modules a file reads, and which of its own they can: one location under two names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pipetrace.javascript.nodes import Node
from pipetrace.javascript.parse import ParsedFile
from pipetrace.javascript.scopes import Binding, ScopeInfo
from pipetrace.tracer.instrument_plan import Plan, identifiers
from pipetrace.tracer.module_links import package_of


def find_imports(plan: Plan, parsed: ParsedFile, scopes: ScopeInfo) -> None:
    """Note the imported names that may be variables of the application's own modules."""
    for node in parsed.tree.body:
        if node.type != "ImportDeclaration" or not str(node.source.value).startswith("."):
            continue
        for specifier in node.specifiers:
            binding = scopes.binding_at(specifier.local.range[0])
            if binding is None:
                continue
            if specifier.type == "ImportNamespaceSpecifier":
                plan.namespaces[binding.id] = node.source.value
            else:
                default = specifier.type == "ImportDefaultSpecifier"
                name = "default" if default else _name(specifier.imported)
                plan.imports[binding.id] = plan.foreign(node.source.value, name)


def package_imports(parsed: ParsedFile) -> Iterator[str]:
    """Yield, for each name that a module imports from a package, text that gives the package and reads the name."""
    for node in parsed.tree.body:
        package = package_of(str(node.source.value)) if node.type == "ImportDeclaration" else ""
        for specifier in node.specifiers if package else ():
            yield f"[{json.dumps(package)},()=>{specifier.local.name}]"


def exported_bindings(parsed: ParsedFile, scopes: ScopeInfo) -> dict[str, Binding]:
    """Return the variables of a module that others can see, by exported name."""
    found: dict[str, Binding] = {}
    for node in parsed.tree.body:
        if node.type == "ExportDefaultDeclaration":
            _add(found, "default", node.declaration, scopes)
        elif node.type == "ExportNamedDeclaration" and node.source is None:
            for specifier in node.specifiers or ():
                _add(found, _name(specifier.exported), specifier.local, scopes)
            declaration = node.declaration
            if declaration is not None and declaration.type == "VariableDeclaration":
                for one in declaration.declarations:
                    for name in identifiers(one.id):
                        _add(found, name.name, name, scopes)
    return found


def links(plan: Plan, parsed: ParsedFile, scopes: ScopeInfo) -> list[Any]:
    """Return `[imports, exports]` as the agent takes them: pairs of specifier and name; variables by name, and what is
    passed on from other modules; empty where there is neither."""
    exports: list[list[Any]] = [
        [name, plan.variable[binding.id]]
        for name, binding in exported_bindings(parsed, scopes).items()
        if binding.id in plan.variable
    ]
    exports += [
        [name, *plan.foreigns[plan.imports[binding.id]]]
        for name, binding in exported_bindings(parsed, scopes).items()
        if binding.id in plan.imports
    ]
    for node in parsed.tree.body:
        if node.type == "ExportNamedDeclaration" and node.source is not None:
            exports += [[_name(each.exported), node.source.value, _name(each.local)] for each in node.specifiers]
        elif node.type == "ExportAllDeclaration" and node.exported is None:
            exports.append(["*", node.source.value, "*"])
    return [plan.foreigns, exports] if plan.foreigns or exports else []


def _add(found: dict[str, Binding], name: str, node: Node, scopes: ScopeInfo) -> None:
    binding = scopes.binding_at(node.range[0]) if node.type == "Identifier" else None
    if binding is not None:
        found[name] = binding


def _name(node: Node) -> str:
    return str(node.name if node.type == "Identifier" else node.value)
