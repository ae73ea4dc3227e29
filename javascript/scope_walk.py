"""The walk behind `scopes`: opens scopes, declares variables, notes uses; resolves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, code_children
from pipetrace.javascript.parse import ParsedFile
from pipetrace.javascript.trivia import find_token, with_parentheses

_Kind = Literal["const", "let", "var", "function", "class", "param", "import", "catch"]


class Variable:
    """A variable while the file is being analysed."""

    __slots__ = (
        "declarations",
        "destructured",
        "functions",
        "held_ranges",
        "in_loop",
        "init_range",
        "initialised",
        "kind",
        "name",
        "reassigned",
        "scope",
        "start",
        "uses",
    )

    def __init__(self, name: str, kind: _Kind, start: int, scope: Scope, in_loop: bool) -> None:
        self.name = name
        self.kind = kind
        self.start = start
        self.scope = scope
        self.in_loop = in_loop
        self.declarations = [start]
        self.destructured = False
        self.init_range: tuple[int, int] | None = None
        self.initialised = False
        self.reassigned = False
        self.functions: list[int] = []
        """Functions that the declarations themselves make its value."""
        self.held_ranges: list[tuple[int, int]] = []
        """Ranges of initialisers: functions in them can be reached through the variable."""
        self.uses: list[Use] = []


class Scope:
    """A region of the text with names of its own."""

    __slots__ = (
        "annex_b",
        "depth",
        "function",
        "names",
        "params",
        "parent",
        "range",
        "strict",
        "var_scope",
        "walk",
    )

    def __init__(
        self, walk: ScopeWalk, parent: Scope | None, function: int, extent: tuple[int, int], strict: bool
    ) -> None:
        self.walk = walk
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.function = function
        self.range = extent
        self.strict = strict
        self.names: dict[str, Variable] = {}
        self.var_scope: Scope = self if parent is None else parent.var_scope
        self.params: Scope | None = None
        """For the body of a function with defaults or patterns: the scope of its parameters."""
        self.annex_b: dict[str, list[tuple[Scope, Variable]]] = {}

    def assign_annex_b(self, name: str) -> None:
        """Note that functions in blocks also assign to the `var` of the same name in their function."""
        variable = self.names[name]
        for block, inner in self.annex_b.pop(name):
            if variable.kind in ("var", "function") and not _hidden(name, block.parent, self):
                variable.reassigned = True
                variable.functions += inner.functions
                variable.held_ranges += inner.held_ranges

    def declare_annex_b(self, name: str) -> Variable | None:
        """Make the `var` that functions in blocks bind in their function; None where they cannot."""
        candidates = [inner for block, inner in self.annex_b.pop(name) if not _hidden(name, block.parent, self)]
        if not candidates:
            return None
        first = candidates[0]
        variable = self.walk.declare(name, "function", first.start, self, in_loop=False)
        variable.init_range = first.init_range
        variable.initialised = True
        variable.reassigned = len(candidates) > 1 or first.in_loop
        for inner in candidates:
            variable.functions += inner.functions
            variable.held_ranges += inner.held_ranges
        return variable


class Use:
    """One use of a name, to be resolved later."""

    __slots__ = ("called", "init", "length", "mode", "name", "scope", "shorthand", "start")

    def __init__(
        self,
        name: str,
        start: int,
        length: int,
        scope: Scope,
        mode: Literal["r", "w", "rw"],
        init: bool = False,
        called: bool = False,
    ) -> None:
        self.name = name
        self.start = start
        self.length = length
        self.scope = scope
        self.mode: Literal["r", "w", "rw"] = mode
        self.init = init
        self.called = called
        self.shorthand = False


_Handler = Callable[[Node, Scope], None]


class ScopeWalk:
    """Walks a tree once. Recursion is as deep as the tree, so it runs inside `deep_recursion`."""

    def __init__(self, parsed: ParsedFile, functions: tuple[FunctionInfo, ...]) -> None:
        self.parsed = parsed
        self.text = parsed.text
        self.functions = functions
        self.by_node = {id(function.node): function for function in functions}
        self.variables: list[Variable] = []
        self.uses: list[Use] = []
        self.annex_b_scopes: list[Scope] = []
        self.assigned_into: list[tuple[Use, int, int]] = []
        """(name at the root of the target, range of the value) of assignments, also to properties."""
        self.literals: list[tuple[int, int]] = []
        """Ranges of classes and object literals."""
        self.in_loop = False
        self.handlers: dict[str, _Handler] = {
            "ArrowFunctionExpression": self.function,
            "AssignmentExpression": self.assignment,
            "BlockStatement": self.block,
            "CallExpression": self.call,
            "CatchClause": self.catch,
            "ClassDeclaration": self.class_,
            "ClassExpression": self.class_,
            "DoWhileStatement": self.loop,
            "ForInStatement": self.for_each,
            "ForOfStatement": self.for_each,
            "ForStatement": self.for_,
            "FunctionDeclaration": self.function,
            "FunctionExpression": self.function,
            "Identifier": self.identifier,
            "ImportDeclaration": self.import_,
            "Literal": self.nothing,
            "MemberExpression": self.member,
            "NewExpression": self.call,
            "ObjectExpression": self.object,
            "Property": self.property,
            "SwitchStatement": self.switch,
            "ThisExpression": self.nothing,
            "UpdateExpression": self.update,
            "VariableDeclaration": self.variable_declaration,
            "WhileStatement": self.loop,
        }

    def run(self) -> None:
        """Walk the whole file."""
        module = Scope(self, None, 0, (0, len(self.text)), self.functions[0].strict)
        for statement in self.parsed.tree.body:
            self.visit(statement, module)
        for scope in self.annex_b_scopes:
            for name in [name for name in scope.annex_b if name in scope.names]:
                scope.assign_annex_b(name)

    # Uses

    def visit(self, node: Node, scope: Scope) -> None:
        handler = self.handlers.get(node.type)
        if handler is not None:
            handler(node, scope)
        else:
            for child in code_children(node):
                self.visit(child, scope)

    def nothing(self, node: Node, scope: Scope) -> None:
        pass

    def identifier(self, node: Node, scope: Scope) -> None:
        start, end = node.range
        self.uses.append(Use(node.name, start, end - start, scope, "r"))

    def member(self, node: Node, scope: Scope) -> None:
        self.visit(node.object, scope)
        if node.computed:
            self.visit(node.property, scope)

    def call(self, node: Node, scope: Scope) -> None:
        callee = node.callee
        self.visit(callee, scope)
        if callee.type == "Identifier":
            self.uses[-1].called = True
        for argument in node.arguments:
            self.visit(argument, scope)

    def object(self, node: Node, scope: Scope) -> None:
        self.literals.append((node.range[0], node.range[1]))
        for member in node.properties:
            self.visit(member, scope)

    def property(self, node: Node, scope: Scope) -> None:
        if node.computed:
            self.visit(node.key, scope)
        self.visit(node.value, scope)
        if node.shorthand and node.value.type == "Identifier":
            self.uses[-1].shorthand = True

    def update(self, node: Node, scope: Scope) -> None:
        self.visit(node.argument, scope)
        if node.argument.type == "Identifier":
            self.uses[-1].mode = "rw"

    def assignment(self, node: Node, scope: Scope) -> None:
        target = node.left
        if target.type == "Identifier":
            start, end = target.range
            use = Use(target.name, start, end - start, scope, "w" if node.operator == "=" else "rw")
            self.uses.append(use)
            self.assigned_into.append((use, *node.right.range))
        elif target.type == "MemberExpression":
            before = len(self.uses)
            self.visit(target, scope)
            root = target
            while root.type == "MemberExpression":
                root = root.object
            if root.type == "Identifier":
                self.assigned_into.append((self.uses[before], *node.right.range))
        else:
            for written in self.pattern(target, scope, "w", init=False):
                self.assigned_into.append((written, *node.right.range))
        self.visit(node.right, scope)

    def pattern(
        self, node: Node | None, scope: Scope, mode: Literal["w"] | None, init: bool, shorthand: bool = False
    ) -> list[Use]:
        """Visit defaults and computed keys of a pattern; return a use per variable that it binds.

        The uses are noted with `mode`; with None they are only returned, except where a default writes.
        """
        if node is None:
            return []
        kind = node.type
        if kind == "Identifier":
            start, end = node.range
            use = Use(node.name, start, end - start, scope, mode or "w", init)
            use.shorthand = shorthand
            if mode is not None:
                self.uses.append(use)
            return [use]
        if kind == "ObjectPattern":
            found: list[Use] = []
            for member in node.properties:
                if member.type != "Property":
                    found += self.pattern(member.argument, scope, mode, init)
                    continue
                if member.computed:
                    self.visit(member.key, scope)
                found += self.pattern(member.value, scope, mode, init, bool(member.shorthand))
            return found
        if kind == "ArrayPattern":
            found = []
            for element in node.elements:
                found += self.pattern(element, scope, mode, init)
            return found
        if kind == "AssignmentPattern":
            found = self.pattern(node.left, scope, "w", init, shorthand)
            self.visit(node.right, scope)
            return found
        if kind in ("RestElement", "SpreadElement"):
            return self.pattern(node.argument, scope, mode, init)
        self.visit(node, scope)
        return []

    # Declarations

    def declare(self, name: str, kind: _Kind, start: int, scope: Scope, in_loop: bool) -> Variable:
        """Declare a name in exactly this scope, or return the variable that has it already."""
        known = scope.names.get(name)
        if known is not None:
            known.declarations.append(start)
            return known
        if scope.params is not None and kind == "var" and name in scope.params.names:
            known = scope.params.names[name]
            known.declarations.append(start)
            return known
        variable = Variable(name, kind, start, scope, in_loop)
        scope.names[name] = variable
        self.variables.append(variable)
        return variable

    def variable_declaration(self, node: Node, scope: Scope) -> None:
        for declarator in node.declarations:
            target, value = declarator.id, declarator.init
            extent = None
            if value is not None:
                gap = find_token(self.text, target.range[1], "=") + 1
                extent = with_parentheses(self.text, gap, *value.range)
            variables = self.declare_pattern(target, node.kind, scope, initialised=value is not None)
            for variable in variables:
                if extent is None:
                    continue
                variable.held_ranges.append(extent)
                if variable.init_range is None:
                    variable.init_range = extent
                    variable.destructured = target.type != "Identifier"
                if target.type == "Identifier" and value.type in FUNCTION_TYPES:
                    variable.functions.append(self.by_node[id(value)].index)
            if value is not None:
                self.visit(value, scope)

    def declare_pattern(self, target: Node, kind: str, scope: Scope, initialised: bool) -> list[Variable]:
        """Declare the variables of a declarator and note the writes of its initialiser."""
        declared: _Kind = "var" if kind == "var" else "const" if kind == "const" else "let"
        home = scope.var_scope if declared == "var" else scope
        variables: list[Variable] = []
        for use in self.pattern(target, scope, "w" if initialised else None, init=True):
            variable = self.declare(use.name, declared, use.start, home, self.in_loop)
            variables.append(variable)
            if initialised:
                if declared == "var" and (variable.initialised or self.in_loop):
                    variable.reassigned = True
                variable.initialised = True
        return variables

    def import_(self, node: Node, scope: Scope) -> None:
        for specifier in node.specifiers:
            self.declare(specifier.local.name, "import", specifier.local.range[0], scope, in_loop=False)

    def function(self, node: Node, scope: Scope) -> None:
        info = self.by_node[id(node)]
        outer = scope
        if node.type == "FunctionDeclaration":
            if node.id is not None:
                self.declare_function(node, info, scope)
        elif node.type == "FunctionExpression" and node.id is not None:
            outer = Scope(self, scope, info.index, (info.start, info.end), info.strict)
            own = self.declare(node.id.name, "function", node.id.range[0], outer, in_loop=False)
            own.init_range = (info.start, info.end)
            own.functions.append(info.index)
        inner = Scope(self, outer, info.index, (info.params_start, info.end), info.strict)
        inner.var_scope = inner
        was_in_loop, self.in_loop = self.in_loop, False
        simple = True
        for param in node.params:
            simple = simple and param.type == "Identifier"
            for use in self.pattern(param, inner, None, init=True):
                self.declare(use.name, "param", use.start, inner, in_loop=False)
        if node.body.type != "BlockStatement":
            self.visit(node.body, inner)
        else:
            if not simple:
                # Functions in parameter defaults do not see the variables of the body.
                params, inner = (
                    inner,
                    Scope(self, inner, info.index, (info.body_start, info.end), info.strict),
                )
                inner.params = params
                inner.var_scope = inner
            for statement in node.body.body:
                self.visit(statement, inner)
        self.in_loop = was_in_loop

    def declare_function(self, node: Node, info: FunctionInfo, scope: Scope) -> None:
        name, start = node.id.name, node.id.range[0]
        known = scope.names.get(name)
        variable = self.declare(name, "function", start, scope, self.in_loop)
        if known is not None:
            # A parameter, a `var` or another function of the same name: one of them overwrites the other.
            variable.reassigned = variable.reassigned or known.initialised or known.kind == "param"
            if known.kind == "var":
                known.kind = "function"
        variable.initialised = True
        variable.init_range = (info.start, info.end)
        variable.held_ranges.append((info.start, info.end))
        variable.functions.append(info.index)
        home = scope.var_scope
        if scope is not home and not scope.strict and not node.isAsync and not node.generator:
            if not home.annex_b:
                self.annex_b_scopes.append(home)
            home.annex_b.setdefault(name, []).append((scope, variable))

    def class_(self, node: Node, scope: Scope) -> None:
        extent = (node.range[0], node.range[1])
        self.literals.append(extent)
        inner = Scope(self, scope, scope.function, extent, strict=True)
        if node.id is not None:
            home = scope if node.type == "ClassDeclaration" else inner
            variable = self.declare(node.id.name, "class", node.id.range[0], home, self.in_loop)
            variable.initialised = True
            variable.init_range = extent
            variable.held_ranges.append(extent)
            variable.functions += [
                self.by_node[id(member.value)].index
                for member in node.body.body
                if member.type == "MethodDefinition" and member.kind == "constructor"
            ]
        if node.superClass is not None:
            self.visit(node.superClass, inner)
        for member in node.body.body:
            if member.type == "StaticBlock":
                self.static_block(member, inner)
                continue
            if member.computed:
                self.visit(member.key, inner)
            if member.type == "MethodDefinition":
                self.visit(member.value, inner)
            elif member.value is not None:
                self.field(member, inner)

    def static_block(self, node: Node, scope: Scope) -> None:
        info = self.by_node[id(node)]
        inner = Scope(self, scope, info.index, (info.start, info.end), strict=True)
        inner.var_scope = inner
        was_in_loop, self.in_loop = self.in_loop, False
        for statement in node.body:
            self.visit(statement, inner)
        self.in_loop = was_in_loop

    def field(self, node: Node, scope: Scope) -> None:
        info = self.by_node[id(node)]
        inner = Scope(self, scope, info.index, (info.start, info.end), strict=True)
        inner.var_scope = inner
        was_in_loop, self.in_loop = self.in_loop, False
        self.visit(node.value, inner)
        self.in_loop = was_in_loop

    # Blocks and loops

    def block(self, node: Node, scope: Scope) -> None:
        inner = Scope(self, scope, scope.function, tuple(node.range), scope.strict)
        for statement in node.body:
            self.visit(statement, inner)

    def catch(self, node: Node, scope: Scope) -> None:
        inner = Scope(self, scope, scope.function, tuple(node.range), scope.strict)
        if node.param is not None:
            for use in self.pattern(node.param, inner, None, init=True):
                self.declare(use.name, "catch", use.start, inner, self.in_loop)
        self.block(node.body, inner)

    def switch(self, node: Node, scope: Scope) -> None:
        self.visit(node.discriminant, scope)
        inner = Scope(self, scope, scope.function, tuple(node.range), scope.strict)
        for case in node.cases:
            self.visit(case, inner)

    def loop(self, node: Node, scope: Scope) -> None:
        was_in_loop, self.in_loop = self.in_loop, True
        for child in code_children(node):
            self.visit(child, scope)
        self.in_loop = was_in_loop

    def for_(self, node: Node, scope: Scope) -> None:
        was_in_loop = self.in_loop
        if node.init is not None and node.init.type == "VariableDeclaration" and node.init.kind != "var":
            scope = Scope(self, scope, scope.function, tuple(node.range), scope.strict)
            self.in_loop = True
        if node.init is not None:
            self.visit(node.init, scope)
        self.in_loop = True
        for part in (node.test, node.update, node.body):
            if part is not None:
                self.visit(part, scope)
        self.in_loop = was_in_loop

    def for_each(self, node: Node, scope: Scope) -> None:
        was_in_loop, left = self.in_loop, node.left
        if left.type != "VariableDeclaration":
            for written in self.pattern(left, scope, "w", init=False):
                self.assigned_into.append((written, *node.right.range))
            self.visit(node.right, scope)
            self.in_loop = True
        else:
            if left.kind != "var":
                scope = Scope(self, scope, scope.function, tuple(node.range), scope.strict)
            self.in_loop = True
            for declarator in left.declarations:
                for variable in self.declare_pattern(declarator.id, left.kind, scope, initialised=True):
                    variable.held_ranges.append(tuple(node.right.range))
                if declarator.init is not None:
                    self.visit(declarator.init, scope)
            self.in_loop = was_in_loop
            self.visit(node.right, scope)
            self.in_loop = True
        self.visit(node.body, scope)
        self.in_loop = was_in_loop


def _hidden(name: str, scope: Scope | None, home: Scope) -> bool:
    """Tell whether a `let`, `const`, class or block function keeps a `var` of this name out of `home`."""
    while scope is not None and scope is not home:
        found = scope.names.get(name)
        if found is not None and found.kind != "catch":
            return True
        scope = scope.parent
    return home.params is not None and name in home.params.names
