"""What a module exports, what its names mean in other modules, and which of its calls reach functions there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, code_children, walk
from pipetrace.javascript.parse import ParsedFile
from pipetrace.javascript.scopes import Binding, ScopeInfo
from pipetrace.tracer.initialisers import required_module


@dataclass(frozen=True, slots=True)
class Call:
    """A call of something that another module exports."""

    caller: int
    """Index of the function that the call stands in."""
    specifier: str
    name: str
    """Exported name; '' is the whole of `module.exports`."""


@dataclass(frozen=True, slots=True)
class Import:
    """A module-level name that stands for what another module exports."""

    name: str
    specifier: str
    source: str
    """Exported name; '' is the whole of `module.exports`, '*' all that an ES module exports."""


@dataclass(frozen=True, slots=True)
class Export:
    """A function or variable under an exported name, or a name that another module exports and this one passes on."""

    name: str
    """'' is the whole of `module.exports`, '*' everything that ``specifier`` exports."""
    function: int | None = None
    specifier: str = ""
    source: str = ""
    """Its name in the module ``specifier``."""
    variable: str = ""
    """Name of the module-level variable."""
    constant: bool = False
    """It never changes, and is the same in every process."""


@dataclass(frozen=True, slots=True)
class ModuleLinks:
    """Both directions of one file."""

    calls: tuple[Call, ...]
    exports: tuple[Export, ...]
    imports: tuple[Import, ...]


@dataclass(slots=True)
class _File:
    scopes: ScopeInfo
    functions: Sequence[FunctionInfo]
    by_range: dict[tuple[int, int], int]
    imports: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Binding id → specifier and exported name ('*' for the namespace of an ES module)."""
    exports: dict[str, Export] = field(default_factory=dict)
    calls: set[Call] = field(default_factory=set)

    def function_at(self, node: Node) -> int | None:
        """Index of the function that an expression or a declared name always means."""
        if node.type in FUNCTION_TYPES:
            return self.by_range.get((node.range[0], node.range[1]))
        binding = self.scopes.binding_at(node.range[0]) if node.type == "Identifier" else None
        if binding is None or binding.reassigned or binding.destructured or binding.init_range is None:
            return None
        return self.by_range.get(binding.init_range)

    def import_at(self, node: Node) -> tuple[str, str] | None:
        """What an expression takes from another module: specifier and exported name."""
        if node.type == "Identifier":
            binding = self.scopes.binding_at(node.range[0])
            return None if binding is None or binding.reassigned else self.imports.get(binding.id)
        if node.type == "MemberExpression" and not node.computed:
            whole = self.import_at(node.object)
            if whole is None:
                return None
            specifier, name = whole
            if name in ("", "*"):
                return specifier, node.property.name
            return None
        required = required_module(node)
        return (required, "") if required is not None and node.type == "CallExpression" else None


def module_links(parsed: ParsedFile, scopes: ScopeInfo, functions: Sequence[FunctionInfo]) -> ModuleLinks:
    """Find exports and foreign calls of a file, as far as its text tells."""
    file = _File(scopes, functions, {(info.start, info.end): info.index for info in functions[1:]})
    bindings = {binding.declaration_start: binding for binding in scopes.bindings}
    for node in walk(parsed.tree):
        if node.type == "ImportDeclaration":
            _import(file, bindings, node)
        elif node.type == "VariableDeclarator" and node.init is not None:
            _require(file, bindings, node)
    for node in walk(parsed.tree):
        if node.type in ("ExportNamedDeclaration", "ExportDefaultDeclaration", "ExportAllDeclaration"):
            _export(file, node)
        elif node.type == "AssignmentExpression" and node.operator == "=":
            _assign(file, node)
    _find_calls(file, parsed.tree)
    calls = sorted(file.calls, key=lambda call: (call.caller, call.specifier, call.name))
    bound = {binding.id: binding for binding in scopes.bindings if binding.is_module_level}
    imports = (Import(bound[found].name, *source) for found, source in file.imports.items() if found in bound)
    return ModuleLinks(tuple(calls), tuple(file.exports.values()), tuple(imports))


def _import(file: _File, bindings: dict[int, Binding], node: Node) -> None:
    for specifier in node.specifiers:
        binding = bindings.get(specifier.local.range[0])
        if binding is None:
            continue
        name = {"ImportDefaultSpecifier": "default", "ImportNamespaceSpecifier": "*"}.get(specifier.type)
        file.imports[binding.id] = (node.source.value, name or _name(specifier.imported))


def _require(file: _File, bindings: dict[int, Binding], node: Node) -> None:
    found = file.import_at(node.init)
    if found is None:
        return
    specifier, name = found
    if node.id.type == "Identifier" and node.id.range[0] in bindings:
        file.imports[bindings[node.id.range[0]].id] = (specifier, name)
    elif node.id.type == "ObjectPattern" and name == "":
        for member in node.id.properties:
            if member.type == "Property" and not member.computed and member.value.type == "Identifier":
                binding = bindings.get(member.value.range[0])
                if binding is not None:
                    file.imports[binding.id] = (specifier, _name(member.key))


def _export(file: _File, node: Node) -> None:
    if node.type == "ExportAllDeclaration":
        if node.exported is None:
            file.exports[f"* {node.source.value}"] = Export("*", None, node.source.value, "*")
        return
    if node.type == "ExportDefaultDeclaration":
        _put(file, "default", node.declaration)
        return
    if node.source is not None:
        for specifier in node.specifiers:
            name = _name(specifier.exported)
            file.exports[name] = Export(name, None, node.source.value, _name(specifier.local))
        return
    for specifier in node.specifiers or ():
        _put(file, _name(specifier.exported), specifier.local)
    declaration = node.declaration
    if declaration is not None and declaration.type == "FunctionDeclaration":
        _put(file, declaration.id.name, declaration)
    elif declaration is not None and declaration.type == "VariableDeclaration":
        for declarator in declaration.declarations:
            if declarator.id.type == "Identifier" and declarator.init is not None:
                _put(file, declarator.id.name, declarator.init, declarator.id.name)
            elif declarator.id.type == "Identifier":
                file.exports.setdefault(declarator.id.name, Export(declarator.id.name, variable=declarator.id.name))


def _assign(file: _File, node: Node) -> None:
    name = _exported_name(node.left)
    if name is None:
        return
    value = node.right
    while value.type == "AssignmentExpression":
        value = value.right
    if name == "" and value.type == "ObjectExpression":
        for member in value.properties:
            if member.type == "Property" and not member.computed:
                _put(file, _name(member.key), member.value)
    else:
        _put(file, name, value)


def _exported_name(target: Node) -> str | None:
    """Name that an assignment exports: '' for `module.exports = …`, None when it exports nothing."""
    if target.type != "MemberExpression" or target.computed:
        return None
    if target.object.type == "Identifier":
        if target.object.name == "exports":
            return str(target.property.name)
        return "" if target.object.name == "module" and target.property.name == "exports" else None
    return str(target.property.name) if _exported_name(target.object) == "" else None


def _put(file: _File, name: str, value: Node, variable: str = "") -> None:
    function = file.function_at(value)
    if function is not None:
        file.exports.setdefault(name, Export(name, function))
        return
    found = file.import_at(value)
    if found is not None:
        file.exports.setdefault(name, Export(name, None, found[0], found[1]))
        return
    binding = file.scopes.binding_at(value.range[0]) if value.type == "Identifier" else None
    if not variable and binding is not None and binding.is_module_level:
        variable = binding.name
    constant = not variable and value.type == "Literal" and getattr(value, "regex", None) is None
    if variable or constant:
        file.exports.setdefault(name, Export(name, variable=variable, constant=constant))


def _find_calls(file: _File, tree: Node) -> None:
    stack: list[tuple[Node, int]] = [(tree, 0)]
    while stack:
        node, owner = stack.pop()
        if node.type in FUNCTION_TYPES:
            owner = file.by_range.get((node.range[0], node.range[1]), owner)
        elif node.type in ("CallExpression", "NewExpression"):
            found = file.import_at(node.callee)
            if found is not None and found[1] != "*":
                file.calls.add(Call(owner, *found))
        stack.extend((child, owner) for child in code_children(node))


def _name(node: Node) -> str:
    return str(node.name if node.type == "Identifier" else node.value)


def package_of(specifier: str) -> str:
    """Name of the package that a module specifier asks for; empty for files and for Node's own modules."""
    if specifier.startswith((".", "/", "#", "node:", "file:")):
        return ""
    scope, _, rest = specifier.partition("/")
    return f"{scope}/{rest.partition('/')[0]}" if scope.startswith("@") else scope
