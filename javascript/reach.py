"""Which functions a call could run and which variables it could touch, as far as one file tells.

The answer is a superset on purpose, because guards are built on it. A *holder* is whatever functions can
be got from: a variable, an undeclared name such as `exports`, a class body or an object literal. It holds
the functions in its initialiser, in its declaration and in everything assigned to it or to a property
of it, and it leads on to the names that stand there. A call reaches the functions inside the called one,
all that its names hold and, where it uses `this` or `super`, all that is held together with it.

Not followed: values that come in by parameters, listeners that an event calls, other files.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.scope_model import Use, Variable
from pipetrace.javascript.scope_walk import ScopeWalk

Holder: TypeAlias = int | str
"""Binding id, undeclared name, or -1 - offset for a class or object literal that begins there."""


class Reach:
    """Answers for one file; prepared once, each answer kept."""

    def __init__(
        self,
        functions: tuple[FunctionInfo, ...],
        walk: ScopeWalk,
        variables: Sequence[Variable],
        unresolved: Iterable[Use],
    ) -> None:
        self._functions = functions
        self._known: dict[int, tuple[frozenset[int], frozenset[int]]] = {}
        self._scope_functions = [variable.scope.function for variable in variables]
        self._inside: list[list[int]] = [[] for _ in functions]
        self._names: list[set[Holder]] = [set() for _ in functions]
        self._held: dict[Holder, set[int]] = {}
        self._leads_to: dict[Holder, set[Holder]] = {}
        self._homes: dict[int, list[Holder]] = {}
        self._starts = [function.start for function in functions]
        uses: list[tuple[int, int, Holder]] = []
        for index, variable in enumerate(variables):
            uses += [(use.start, use.scope.function, index) for use in variable.uses]
        uses += [(use.start, use.scope.function, use.name) for use in unresolved]
        uses.sort(key=lambda use: use[0])
        self._uses = uses
        self._use_starts = [start for start, _, _ in uses]
        for function in functions[1:]:
            assert function.parent is not None
            self._inside[function.parent].append(function.index)
        for _, user, holder in uses:
            self._names[user].add(holder)
        for index, variable in enumerate(variables):
            self._held.setdefault(index, set()).update(variable.functions)
            for start, end in variable.held_ranges:
                self._hold(index, start, end)
        meaning = {start: holder for start, _, holder in uses}
        for use, start, end in walk.assigned_into:
            self._hold(meaning[use.start], start, end)
        for start, end in walk.literals:
            self._hold(-1 - start, start, end)
        for holder, held in self._held.items():
            for index in held:
                self._homes.setdefault(index, []).append(holder)

    def closure(self, function: int) -> tuple[frozenset[int], frozenset[int]]:
        """Return (functions, ids of bindings outside of these functions) that a call could reach."""
        known = self._known.get(function)
        if known is None:
            known = self._known[function] = self._closure(function)
        return known

    def holders(self) -> list[tuple[Holder, frozenset[int], frozenset[Holder]]]:
        """Return each holder with the functions that it holds itself and the names that it leads on to.

        A function inside another one that is held is left out.
        """
        full = {*self._held, *self._leads_to}
        found = []
        for holder in sorted(full, key=lambda one: (isinstance(one, str), one)):
            held = self._held.get(holder, set())
            outer = frozenset(index for index in held if self._functions[index].parent not in held)
            # An undeclared name leads on only if the file puts something into it.
            leads = frozenset(
                name for name in self._leads_to.get(holder, ()) if isinstance(name, int) or name in full
            )
            found.append((holder, outer, leads))
        return found

    def _closure(self, function: int) -> tuple[frozenset[int], frozenset[int]]:
        reached: set[int] = set()
        passed: set[Holder] = set()
        touched: set[int] = set()
        functions = [function]
        holders: list[Holder] = []
        while functions or holders:
            while holders:
                holder = holders.pop()
                if holder in passed:
                    continue
                passed.add(holder)
                functions += self._held.get(holder, ())
                names = self._leads_to.get(holder, set())
                touched |= {name for name in names if isinstance(name, int)}
                holders += names
            if not functions:
                break
            index = functions.pop()
            if index in reached:
                continue
            reached.add(index)
            functions += self._inside[index]
            names = self._names[index]
            touched |= {name for name in names if isinstance(name, int)}
            holders += names
            if self._functions[index].uses_this or self._functions[index].uses_super:
                holders += self._homes.get(index, ())
        outside = {found for found in touched if self._scope_functions[found] not in reached}
        return frozenset(reached), frozenset(outside)

    def _hold(self, holder: Holder, start: int, end: int) -> None:
        """Let a holder hold the functions in a range and lead to the names that stand beside them."""
        first = max(1, bisect_left(self._starts, start))
        last = bisect_left(self._starts, end)
        held = {index for index in range(first, last) if self._functions[index].end <= end}
        if held:
            self._held.setdefault(holder, set()).update(held)
        first, last = bisect_left(self._use_starts, start), bisect_left(self._use_starts, end)
        names = {name for _, user, name in self._uses[first:last] if user not in held}
        if names:
            self._leads_to.setdefault(holder, set()).update(names)
