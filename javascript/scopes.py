"""Scopes, bindings and captures of a file.

Method: one walk opens a scope wherever the language does, declares names in it (a `var` in the scope of
its function, which hoists it) and notes each use of a variable. When all declarations are known, every
use is looked up from its scope outwards. Captures, calls and reachability follow from the resolved uses.

Four decisions differ from the letter of the specification, each towards saying too much:

* The inner and the outer name of a class declaration are one binding.
* The own name of a function expression belongs to that function, so it is never one of its captures.
* A function in a block of sloppy code also binds in its function (Annex B) when a use needs it.
* `arguments` is no variable here; `FunctionInfo.uses_arguments` tells of it.

Uses inside `with` and names reached by direct `eval` cannot be known; `FunctionInfo` flags both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipetrace.javascript.functions import FunctionInfo, functions_of
from pipetrace.javascript.parse import ParsedFile, deep_recursion
from pipetrace.javascript.reach import Holder, Reach
from pipetrace.javascript.scope_model import Scope, Use, Variable, VariableKind
from pipetrace.javascript.scope_walk import ScopeWalk

BindingKind: TypeAlias = VariableKind
Mode = Literal["r", "w", "rw"]


@dataclass(frozen=True, slots=True)
class Reference:
    """One use of a variable by name."""

    start: int
    end: int
    function: int
    """Index of the innermost function it stands in."""
    mode: Mode
    """`rw` for `x += 1` and `x++`."""
    init: bool
    """A write by the variable's own declaration (`let x = 1`, `for (const x of …)`, a default)."""
    called: bool
    """It is the callee of a call or of `new`."""
    shorthand: bool
    """It is also the key of its property (`{x}`), so an edit must keep the key: `{x: …}`."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One variable of the file."""

    id: int
    """Index in `ScopeInfo.bindings`, which stand in source order."""
    name: str
    scope_function: int
    """The function whose activation (or module whose evaluation) creates it."""
    kind: BindingKind
    declaration_start: int
    """Offset of the (first) declaring identifier."""
    init_range: tuple[int, int] | None
    """The initialiser with its parentheses, or the whole function or class; None without one."""
    destructured: bool
    """The initialiser gives this variable only a part of its value (`const {a} = …`)."""
    references: tuple[Reference, ...]
    captured: bool
    """A function inside its function uses it."""
    in_loop: bool
    """Declared inside a loop of its function, so one activation can make several of it."""
    is_module_level: bool
    """Visible in the whole file; False for blocks, also for those outside of functions."""
    reassigned: bool
    """Assigned after its declaration: by a later write, a second declaration, or a `var` initialised in
    a loop."""
    scope_range: tuple[int, int]
    """Range of the text in which the name means this binding, where no inner one hides it."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A variable of an outer function or of the module that a function, or one inside it, uses."""

    name: str
    scope_function: int
    is_module_level: bool
    kind: BindingKind
    reads: bool
    writes: bool
    reassigned: bool
    declaration_start: int
    binding_id: int


class ScopeInfo:
    """What is known about the variables of one file."""

    def __init__(
        self,
        functions: tuple[FunctionInfo, ...],
        bindings: tuple[Binding, ...],
        captures: list[tuple[Capture, ...]],
        free_globals: list[frozenset[str]],
        static_calls: list[tuple[int, ...]],
        by_identifier: dict[int, int],
        make_reach: Callable[[], Reach],
        undeclared: Mapping[int, Reference],
    ) -> None:
        self.functions = functions
        self.bindings = bindings
        self._captures = captures
        self._free_globals = free_globals
        self._static_calls = static_calls
        self._by_identifier = by_identifier
        self._make_reach = make_reach
        self._reach: Reach | None = None
        self.undeclared = undeclared
        """Uses of names that nothing in the file declares, by offset."""

    def captures(self, function_index: int) -> tuple[Capture, ...]:
        """Return what a function takes from outside, functions inside it included, by first use."""
        return self._captures[function_index]

    def free_globals(self, function_index: int) -> frozenset[str]:
        """Return names used in a function, or in one inside it, that nothing in the file declares."""
        return self._free_globals[function_index]

    def static_calls(self, function_index: int) -> tuple[int, ...]:
        """Return the functions that a function itself calls by a name that can mean nothing else."""
        return self._static_calls[function_index]

    @property
    def names(self) -> frozenset[str]:
        """Every variable name that the file declares or uses; a name that is not among them is free."""
        return frozenset(binding.name for binding in self.bindings) | self._free_globals[0]

    def binding_at(self, offset: int) -> Binding | None:
        """Return the binding that the identifier beginning at `offset` declares or means."""
        found = self._by_identifier.get(offset)
        return None if found is None else self.bindings[found]

    def reachable_functions(self, function_index: int) -> frozenset[int]:
        """Return the functions of this file that a call could run: a superset, itself included.

        How it is found, and what it cannot see, is told in `reach`.
        """
        return self._closure(function_index)[0]

    def reachable_bindings(self, function_index: int) -> frozenset[int]:
        """Return ids of all bindings, outside of the functions themselves, that a call could touch."""
        return self._closure(function_index)[1]

    def reachable_names(self, function_index: int) -> frozenset[int]:
        """Return ids of the module's bindings that a call of the function could touch, transitively."""
        return frozenset(
            found for found in self.reachable_bindings(function_index) if self.bindings[found].scope_function == 0
        )

    def holders(self) -> list[tuple[Holder, frozenset[int], frozenset[Holder]]]:
        """Return what functions can be got from: each with those that it holds and the names that it leads to."""
        return self._prepared().holders()

    def _closure(self, function_index: int) -> tuple[frozenset[int], frozenset[int]]:
        return self._prepared().closure(function_index)

    def _prepared(self) -> Reach:
        if self._reach is None:
            self._reach = self._make_reach()
        return self._reach


def analyse(parsed: ParsedFile) -> ScopeInfo:
    """Analyse the scopes of a file; the result is kept with the parsed file."""
    known: ScopeInfo | None = parsed.memo.get("scopes")
    if known is None:
        functions = functions_of(parsed)
        with deep_recursion():
            walk = ScopeWalk(parsed, functions)
            walk.run()
            known = parsed.memo["scopes"] = _Resolver(functions, walk).result()
    return known


class _Resolver:
    """Turns what the walk noted into the frozen answer."""

    def __init__(self, functions: tuple[FunctionInfo, ...], walk: ScopeWalk) -> None:
        self.functions = functions
        self.walk = walk
        self.unresolved: list[Use] = []

    def result(self) -> ScopeInfo:
        for use in self.walk.uses:
            variable = _lookup(use)
            if variable is None:
                self.unresolved.append(use)
            else:
                variable.uses.append(use)
        variables = sorted(self.walk.variables, key=lambda variable: (variable.start, variable.scope.depth))
        bindings = tuple(_freeze(index, variable) for index, variable in enumerate(variables))
        by_identifier: dict[int, int] = {}
        for binding, variable in zip(bindings, variables, strict=True):
            for use in variable.uses:
                by_identifier[use.start] = binding.id
            for start in variable.declarations:
                by_identifier.setdefault(start, binding.id)
        return ScopeInfo(
            self.functions,
            bindings,
            self._captures(bindings),
            self._free_globals(),
            self._static_calls(bindings, variables),
            by_identifier,
            # Most users ask for captures only.
            lambda: Reach(self.functions, self.walk, variables, self.unresolved),
            {use.start: _reference(use) for use in self.unresolved},
        )

    def _captures(self, bindings: tuple[Binding, ...]) -> list[tuple[Capture, ...]]:
        parents = [function.parent for function in self.functions]
        noted: list[dict[int, list[int]]] = [{} for _ in parents]
        for binding in bindings:
            home = binding.scope_function
            for reference in binding.references:
                function: int | None = reference.function
                while function is not None and function != home:
                    facts = noted[function].get(binding.id)
                    if facts is None:
                        facts = noted[function][binding.id] = [reference.start, 0, 0]
                    if reference.mode != "w":
                        facts[1] = 1
                    if reference.mode != "r":
                        facts[2] = 1
                    function = parents[function]
        captures: list[tuple[Capture, ...]] = []
        for by_binding in noted:
            ordered = sorted(by_binding.items(), key=lambda item: item[1][0])
            captures.append(
                tuple(_capture(bindings[found], bool(reads), bool(writes)) for found, (_, reads, writes) in ordered)
            )
        return captures

    def _free_globals(self) -> list[frozenset[str]]:
        names: list[set[str]] = [set() for _ in self.functions]
        for use in self.unresolved:
            if use.name != "arguments":
                names[use.scope.function].add(use.name)
        # Functions stand behind their parents, so a backward pass hands everything upwards.
        for function in reversed(self.functions):
            if function.parent is not None:
                names[function.parent] |= names[function.index]
        return [frozenset(found) for found in names]

    def _static_calls(self, bindings: tuple[Binding, ...], variables: list[Variable]) -> list[tuple[int, ...]]:
        calls: list[set[int]] = [set() for _ in self.functions]
        for binding, variable in zip(bindings, variables, strict=True):
            if binding.reassigned or len(variable.functions) != 1:
                continue
            for use in variable.uses:
                if use.called:
                    calls[use.scope.function].add(variable.functions[0])
        return [tuple(sorted(found)) for found in calls]


def _lookup(use: Use) -> Variable | None:
    """Find the variable that a use means, from its scope outwards."""
    name = use.name
    scope: Scope | None = use.scope
    while scope is not None:
        variable = scope.names.get(name)
        if variable is not None:
            return variable
        if name in scope.annex_b:
            return scope.declare_annex_b(name)
        scope = scope.parent
    return None


def _reference(use: Use) -> Reference:
    end = use.start + use.length
    return Reference(use.start, end, use.scope.function, use.mode, use.init, use.called, use.shorthand)


def _freeze(index: int, variable: Variable) -> Binding:
    scope = variable.scope
    uses = sorted(variable.uses, key=lambda use: use.start)
    references = tuple(_reference(use) for use in uses)
    return Binding(
        id=index,
        name=variable.name,
        scope_function=scope.function,
        kind=variable.kind,
        declaration_start=variable.start,
        init_range=variable.init_range,
        destructured=variable.destructured,
        references=references,
        captured=any(use.scope.function != scope.function for use in uses),
        in_loop=variable.in_loop,
        is_module_level=scope.parent is None,
        reassigned=variable.reassigned
        # `catch (e) { var e = 1 }` initialises another variable than the one that it declares.
        or any(use.mode != "r" and not (use.init and use.start in variable.declarations) for use in uses),
        scope_range=scope.range,
    )


def _capture(binding: Binding, reads: bool, writes: bool) -> Capture:
    return Capture(
        binding.name,
        binding.scope_function,
        binding.is_module_level,
        binding.kind,
        reads,
        writes,
        binding.reassigned,
        binding.declaration_start,
        binding.id,
    )
