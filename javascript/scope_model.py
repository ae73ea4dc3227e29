"""Scopes, variables and uses while a file is being analysed."""

from __future__ import annotations

from typing import Literal

VariableKind = Literal["const", "let", "var", "function", "class", "param", "import", "catch"]


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

    def __init__(self, name: str, kind: VariableKind, start: int, scope: Scope, in_loop: bool) -> None:
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
        "variables",
    )

    def __init__(self, parent: Scope | None, function: int, extent: tuple[int, int], strict: bool) -> None:
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
        """For a scope of `var`: sloppy functions in blocks inside, with the scope of the block."""
        self.variables: list[Variable] = [] if parent is None else parent.variables
        """All variables of the file."""

    def declare(self, name: str, kind: VariableKind, start: int, in_loop: bool = False) -> Variable:
        """Declare a name in exactly this scope, or return the variable that has it already."""
        known = self.names.get(name)
        if known is None and kind == "var" and self.params is not None:
            known = self.params.names.get(name)
        if known is not None:
            known.declarations.append(start)
            return known
        variable = Variable(name, kind, start, self, in_loop)
        self.names[name] = variable
        self.variables.append(variable)
        return variable

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
        variable = self.declare(name, "function", first.start)
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


def _hidden(name: str, scope: Scope | None, home: Scope) -> bool:
    """Tell whether a `let`, `const`, class or block function keeps a `var` of this name out of `home`."""
    while scope is not None and scope is not home:
        found = scope.names.get(name)
        if found is not None and found.kind != "catch":
            return True
        scope = scope.parent
    return home.params is not None and name in home.params.names
