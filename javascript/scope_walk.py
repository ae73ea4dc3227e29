"""The walk behind `scopes`: opens scopes, declares variables, notes uses; resolves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, code_children
from pipetrace.javascript.parse import ParsedFile
from pipetrace.javascript.scope_model import Scope, Use, Variable, VariableKind
from pipetrace.javascript.trivia import find_token, with_parentheses

_Handler: TypeAlias = Callable[[Node, Scope], None]


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
        module = Scope(None, 0, (0, len(self.text)), self.functions[0].strict)
        for statement in self.parsed.tree.body:
            self.visit(statement, module)
        self.variables = module.variables
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
        declared: VariableKind = "var" if kind == "var" else "const" if kind == "const" else "let"
        home = scope.var_scope if declared == "var" else scope
        variables: list[Variable] = []
        for use in self.pattern(target, scope, "w" if initialised else None, init=True):
            variable = home.declare(use.name, declared, use.start, self.in_loop)
            variables.append(variable)
            if initialised:
                if declared == "var" and (variable.initialised or self.in_loop):
                    variable.reassigned = True
                variable.initialised = True
        return variables

    def import_(self, node: Node, scope: Scope) -> None:
        for specifier in node.specifiers:
            scope.declare(specifier.local.name, "import", specifier.local.range[0])

    def function(self, node: Node, scope: Scope) -> None:
        info = self.by_node[id(node)]
        outer = scope
        if node.type == "FunctionDeclaration":
            if node.id is not None:
                self.declare_function(node, info, scope)
        elif node.type == "FunctionExpression" and node.id is not None:
            outer = Scope(scope, info.index, (info.start, info.end), info.strict)
            own = outer.declare(node.id.name, "function", node.id.range[0])
            own.init_range = (info.start, info.end)
            own.functions.append(info.index)
        inner = Scope(outer, info.index, (info.params_start, info.end), info.strict)
        inner.var_scope = inner
        was_in_loop, self.in_loop = self.in_loop, False
        simple = True
        for param in node.params:
            simple = simple and param.type == "Identifier"
            for use in self.pattern(param, inner, None, init=True):
                inner.declare(use.name, "param", use.start)
        if node.body.type != "BlockStatement":
            self.visit(node.body, inner)
        else:
            if not simple:
                # Functions in parameter defaults do not see the variables of the body.
                params, inner = (
                    inner,
                    Scope(inner, info.index, (info.body_start, info.end), info.strict),
                )
                inner.params = params
                inner.var_scope = inner
            for statement in node.body.body:
                self.visit(statement, inner)
        self.in_loop = was_in_loop

    def declare_function(self, node: Node, info: FunctionInfo, scope: Scope) -> None:
        name, start = node.id.name, node.id.range[0]
        known = scope.names.get(name)
        variable = scope.declare(name, "function", start, self.in_loop)
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
        inner = Scope(scope, scope.function, extent, strict=True)
        if node.id is not None:
            home = scope if node.type == "ClassDeclaration" else inner
            variable = home.declare(node.id.name, "class", node.id.range[0], self.in_loop)
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
        inner = Scope(scope, info.index, (info.start, info.end), strict=True)
        inner.var_scope = inner
        was_in_loop, self.in_loop = self.in_loop, False
        for statement in node.body:
            self.visit(statement, inner)
        self.in_loop = was_in_loop

    def field(self, node: Node, scope: Scope) -> None:
        info = self.by_node[id(node)]
        inner = Scope(scope, info.index, (info.start, info.end), strict=True)
        inner.var_scope = inner
        was_in_loop, self.in_loop = self.in_loop, False
        self.visit(node.value, inner)
        self.in_loop = was_in_loop

    # Blocks and loops

    def block(self, node: Node, scope: Scope) -> None:
        inner = Scope(scope, scope.function, tuple(node.range), scope.strict)
        for statement in node.body:
            self.visit(statement, inner)

    def catch(self, node: Node, scope: Scope) -> None:
        inner = Scope(scope, scope.function, tuple(node.range), scope.strict)
        if node.param is not None:
            for use in self.pattern(node.param, inner, None, init=True):
                inner.declare(use.name, "catch", use.start, self.in_loop)
        self.block(node.body, inner)

    def switch(self, node: Node, scope: Scope) -> None:
        self.visit(node.discriminant, scope)
        inner = Scope(scope, scope.function, tuple(node.range), scope.strict)
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
            scope = Scope(scope, scope.function, tuple(node.range), scope.strict)
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
                scope = Scope(scope, scope.function, tuple(node.range), scope.strict)
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
