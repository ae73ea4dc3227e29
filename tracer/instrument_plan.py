"""What gets a probe in a file: which functions, which variables, and where scope instances get an identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.kernels import kernel_sites
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, code_children
from pipetrace.javascript.parse import ParsedFile
from pipetrace.javascript.scopes import Binding, ScopeInfo

Shape = Literal["none", "plain", "generator", "promise"]
"""How a function is entered: not at all; as a call that may be an invocation; as a generator; always as one."""


@dataclass(slots=True)
class Plan:
    """Decisions about one file."""

    memory: bool
    shapes: list[Shape]
    """By function index."""
    split: set[int] = field(default_factory=set)
    """Functions whose body cannot become a block, because a function and a `var` in it share a name."""
    recorded: list[Binding] = field(default_factory=list)
    """Variables whose accesses are recorded."""
    variable: dict[int, int] = field(default_factory=dict)
    """Binding id → index in `recorded`."""
    function_tokens: set[int] = field(default_factory=set)
    """Functions whose activations need an identity."""
    loop_tokens: dict[tuple[int, int], int] = field(default_factory=dict)
    """Range of a scope inside a loop → number of its token."""
    function_of_binding: dict[int, int] = field(default_factory=dict)
    """Binding id → index of the function that it always means."""
    imports: dict[int, int] = field(default_factory=dict)
    """Binding id of an imported name → index in `foreigns`."""
    namespaces: dict[int, str] = field(default_factory=dict)
    """Binding id of `import * as` → specifier."""
    foreigns: list[tuple[str, str]] = field(default_factory=list)
    """Variables of other modules: specifier and exported name."""
    kept: list[Binding] = field(default_factory=list)
    """Further variables of the module that may hold objects, which other modules reach by its exports."""
    holders: set[int] = field(default_factory=set)
    """Binding ids of functions and classes whose properties are assigned."""
    passes: set[tuple[int, int]] = field(default_factory=set)
    """(caller, callee) where the caller's text hands the callee to a call."""
    kernels: dict[tuple[int, int], int] = field(default_factory=dict)
    """Range of a call that could become a kernel → its index behind the functions of the file."""
    kernel_parents: list[int] = field(default_factory=list)
    """By kernel: the function that it stands in."""

    def foreign(self, specifier: str, name: str) -> int:
        """Return the index of a variable of another module."""
        if (specifier, name) not in self.foreigns:
            self.foreigns.append((specifier, name))
        return self.foreigns.index((specifier, name))


def make_plan(parsed: ParsedFile, scopes: ScopeInfo, functions: Sequence[FunctionInfo], *, memory: bool) -> Plan:
    """Decide for a file."""
    plan = Plan(memory, ["none"] * len(functions))
    _map_functions(plan, scopes, functions)
    leaves = {info.index for info in functions} - {info.parent for info in functions}
    for info in functions[1:]:
        plan.shapes[info.index] = _shape(plan, scopes, info, info.index in leaves)
        if plan.shapes[info.index] != "none" and not info.expression_body and _names_collide(info.node):
            lexical = any(
                statement.type == "ClassDeclaration"
                or (statement.type == "VariableDeclaration" and statement.kind != "var")
                for statement in info.node.body.body
            )
            if lexical or info.is_generator:
                plan.shapes[info.index] = "none"
            else:
                plan.split.add(info.index)
    for number, site in enumerate(kernel_sites(parsed, scopes, functions)):
        plan.kernel_parents.append(site.function)
        if plan.shapes[site.function] in ("plain", "promise"):
            plan.kernels[(site.start, site.end)] = len(functions) + number
    if memory:
        _choose_variables(plan, parsed, scopes, functions)
    return plan


def _map_functions(plan: Plan, scopes: ScopeInfo, functions: Sequence[FunctionInfo]) -> None:
    by_range = {(info.start, info.end): info.index for info in functions[1:]}
    by_name: dict[int, int] = {
        info.node.id.range[0]: info.index for info in functions[1:] if info.kind == "declaration" and info.node.id
    }
    for binding in scopes.bindings:
        if binding.reassigned or binding.destructured:
            continue
        found = by_name.get(binding.declaration_start)
        if found is None and binding.init_range is not None:
            found = by_range.get(binding.init_range)
        if found is not None:
            plan.function_of_binding[binding.id] = found


def _shape(plan: Plan, scopes: ScopeInfo, info: FunctionInfo, leaf: bool) -> Shape:
    if info.kind in ("static-block", "field-init"):
        return "none"
    if info.uses_with:
        return "none"
    if info.is_async or info.returns_promise:
        return "promise"
    if info.is_generator:
        return "generator"
    if leaf and info.kind in ("constructor", "getter", "setter"):
        # Nobody registers these; what they touch counts for whoever constructs or reads.
        return "plain" if any(capture.writes for capture in scopes.captures(info.index)) else "none"
    if leaf and info.kind in ("declaration", "function", "arrow") and not scopes.functions[0].uses_eval:
        for binding_id, index in plan.function_of_binding.items():
            if index == info.index:
                binding = scopes.bindings[binding_id]
                outside = [use for use in binding.references if not use.init and use.function != info.index]
                if outside and all(use.called and use.mode == "r" for use in binding.references if not use.init):
                    return "none" if binding.kind != "import" and not _exported(scopes, binding) else "plain"
    return "plain"


def _exported(scopes: ScopeInfo, binding: Binding) -> bool:
    """Whether the declaration itself is exported, which no reference shows."""
    for statement in scopes.functions[0].node.body:
        if (
            statement.type in ("ExportNamedDeclaration", "ExportDefaultDeclaration")
            and statement.range[0] <= binding.declaration_start < statement.range[1]
        ):
            return True
    return False


def _names_collide(node: Node) -> bool:
    """Whether the body cannot stand in a block: its functions share names with each other or with a `var`."""
    functions = [s.id.name for s in node.body.body if s.type == "FunctionDeclaration"]
    if not functions:
        return False
    names = set(functions)
    if len(names) != len(functions):
        return True
    stack = list(node.body.body)
    while stack:
        current = stack.pop()
        if current.type in FUNCTION_TYPES:
            if current.type == "FunctionDeclaration" and current not in node.body.body and current.id.name in names:
                return True
            continue
        variables = current.declarations if current.type == "VariableDeclaration" and current.kind == "var" else []
        if any(name.name in names for one in variables for name in identifiers(one.id)):
            return True
        stack.extend(code_children(current))
    return False


def identifiers(pattern: Node) -> list[Node]:
    """Return the identifiers that a pattern binds."""
    kind = pattern.type
    if kind == "Identifier":
        return [pattern]
    if kind == "AssignmentPattern":
        return identifiers(pattern.left)
    if kind == "RestElement":
        return identifiers(pattern.argument)
    if kind == "ArrayPattern":
        return [name for element in pattern.elements if element is not None for name in identifiers(element)]
    if kind == "ObjectPattern":
        return [
            name
            for member in pattern.properties
            for name in identifiers(member if member.type == "RestElement" else member.value)
        ]
    return []


def _choose_variables(plan: Plan, parsed: ParsedFile, scopes: ScopeInfo, functions: Sequence[FunctionInfo]) -> None:
    shared: set[int] = set()
    if parsed.goal == "module":
        # Imported here, because it builds on this module.
        from pipetrace.tracer.instrument_links import exported_bindings, find_imports

        find_imports(plan, parsed, scopes)
        shared = {binding.id for binding in exported_bindings(parsed, scopes).values()}
    initialisers = _initialisers(parsed.tree)
    for binding in scopes.bindings:
        if _constant(binding, plan, initialisers):
            continue
        if not (binding.captured or binding.id in shared):
            if binding.is_module_level:
                plan.kept.append(binding)
            continue
        home = functions[binding.scope_function]
        if home.index and plan.shapes[home.index] != "none" and not home.uses_with:
            if binding.in_loop and binding.kind in ("let", "const", "class", "function"):
                plan.loop_tokens.setdefault(binding.scope_range, len(plan.loop_tokens))
            plan.function_tokens.add(home.index)
        plan.variable[binding.id] = len(plan.recorded)
        plan.recorded.append(binding)


def _initialisers(tree: Node) -> dict[int, Node]:
    """Return declaring identifier's offset → initialiser, for all variables of a file."""
    found: dict[int, Node] = {}
    stack = [tree]
    while stack:
        node = stack.pop()
        if node.type == "VariableDeclarator" and node.init is not None:
            for name in identifiers(node.id):
                found[name.range[0]] = node.init
        stack.extend(code_children(node))
    return found


def _constant(binding: Binding, plan: Plan, initialisers: dict[int, Node]) -> bool:
    """Whether a variable never changes and holds nothing that could: recording its reads tells nothing."""
    if binding.reassigned:
        return False
    if binding.kind in ("function", "class", "import") or binding.id in plan.function_of_binding:
        return True
    init = initialisers.get(binding.declaration_start)
    if init is None:
        return False
    while init.type in ("MemberExpression", "CallExpression") and not _is_require(init):
        init = init.object if init.type == "MemberExpression" else init.callee
        if init.type not in ("MemberExpression", "CallExpression"):
            return False
    if init.type == "Literal":
        pattern = getattr(init, "regex", None)
        keeps_place = pattern is not None and not {"g", "y"}.isdisjoint(pattern.flags)
        return not binding.destructured and not keeps_place
    if init.type == "TemplateLiteral":
        return not init.expressions
    return init.type in (*FUNCTION_TYPES, "ClassExpression") or _is_require(init)


def _is_require(node: Node) -> bool:
    return bool(node.type == "CallExpression" and node.callee.type == "Identifier" and node.callee.name == "require")
