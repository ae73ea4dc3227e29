"""Calls that could be cut out together, because one is given what the other returns: *runs* of kernels.

`write(shrink(read(data), width))` is a run, and so is `const small = shrink(read(data), width); send(write(small))`.
Each of these calls could be a kernel of its own, but what passes between them may be no data, or large. As a run they
need what is handed in from outside, and give what the last one returns; the values in between never travel. Names of
the module that are given to them (`render(App, user)`) need not travel either, so one such call alone is a run too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.kernel_run import KernelRun, RunInput
from pipetrace.javascript.kernels import KernelSite, kernel_sites
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, code_children, walk
from pipetrace.javascript.parse import ParsedFile, deep_recursion
from pipetrace.javascript.scopes import Binding, ScopeInfo

_VALUES = frozenset({"undefined", "NaN", "Infinity"})
"""Global names that are as good as literals."""
_PLAIN = frozenset({"Literal", "TemplateLiteral", "TemplateElement", "UnaryExpression", "ArrayExpression"}) | {
    "ObjectExpression",
    "Property",
}
"""What an expression that means the same everywhere is made of."""
_EFFECTS = frozenset({"CallExpression", "NewExpression", "TaggedTemplateExpression", "ImportExpression"}) | {
    "AssignmentExpression",
    "AwaitExpression",
    "UpdateExpression",
    "YieldExpression",
}
_ALWAYS: dict[str, tuple[str, ...]] = {
    "ArrayExpression": ("elements",),
    "AssignmentExpression": ("right",),
    "AwaitExpression": ("argument",),
    "BinaryExpression": ("left", "right"),
    "CallExpression": ("callee", "arguments"),
    "ConditionalExpression": ("test",),
    "ExpressionStatement": ("expression",),
    "IfStatement": ("test",),
    "LogicalExpression": ("left",),
    "MemberExpression": ("object", "property"),
    "NewExpression": ("callee", "arguments"),
    "ObjectExpression": ("properties",),
    "Property": ("value",),
    "ReturnStatement": ("argument",),
    "SequenceExpression": ("expressions",),
    "SpreadElement": ("argument",),
    "TemplateLiteral": ("expressions",),
    "ThrowStatement": ("argument",),
    "UnaryExpression": ("argument",),
    "VariableDeclaration": ("declarations",),
    "VariableDeclarator": ("init",),
}
"""Parts that are evaluated whenever the whole is, if nothing throws before."""


def kernel_runs(
    parsed: ParsedFile, scopes: ScopeInfo, functions: Sequence[FunctionInfo]
) -> tuple[KernelRun, ...]:
    """Return the runs of a file in source order of their last calls; of calls in calls each gives one of its own."""
    known: tuple[KernelRun, ...] | None = parsed.memo.get("kernel-runs")
    if known is None:
        sites = kernel_sites(parsed, scopes, functions)
        with deep_recursion():
            finder = _Finder(parsed, scopes, functions, sites)
            found = (finder.run_of(index) for index in range(len(sites)))
            known = parsed.memo["kernel-runs"] = tuple(run for run in found if run is not None)
    return known


class _Finder:
    """Looks for the runs that end with one call of a file or another."""

    def __init__(
        self, parsed: ParsedFile, scopes: ScopeInfo, functions: Sequence[FunctionInfo], sites: Sequence[KernelSite]
    ) -> None:
        self._parsed, self._scopes, self._functions, self._sites = parsed, scopes, functions, sites
        self._at = {(site.start, site.end): index for index, site in enumerate(sites)}
        self._nodes: dict[int, Node] = {}
        self._parents: dict[int, Node] = {}
        for function in {site.function for site in sites}:
            self._look_through(functions[function].node)
        self._declared = {int(one.declarations[0].id.range[0]): one for one in self._declarations()}

    def _look_through(self, root: Node) -> None:
        stack = [root.body]
        self._parents[id(root.body)] = root
        while stack:
            node = stack.pop()
            index = self._at.get(tuple(node.range)) if node.type == "CallExpression" else None
            if index is not None:
                self._nodes[index] = node
            if node.type in FUNCTION_TYPES:
                continue
            for child in code_children(node):
                self._parents[id(child)] = node
                stack.append(child)

    def _declarations(self) -> Iterator[Node]:
        """Yield the statements that do nothing but give a call's result a name."""
        for call in self._nodes.values():
            declarator = self._parents[id(call)]
            if declarator.type != "VariableDeclarator" or declarator.id.type != "Identifier":
                continue
            statement = self._parents[id(declarator)]
            if len(statement.declarations) == 1 and self.list_around(statement):
                yield statement

    def run_of(self, last: int) -> KernelRun | None:
        """The run that ends with a call, if there is one."""
        if last not in self._nodes:
            return None
        feeding = _Feeding(self, last)
        if not feeding.collect(last) or not (len(feeding.members) > 1 or feeding.names):
            return None
        return feeding.run()

    def node(self, index: int) -> Node:
        """The call of a site."""
        return self._nodes[index]

    def site_at(self, node: Node) -> int | None:
        """The site that an expression is."""
        index = self._at.get(tuple(node.range)) if node.type == "CallExpression" else None
        return index if index in self._nodes else None

    def binding(self, node: Node) -> Binding | None:
        """The variable that a name means."""
        return self._scopes.binding_at(node.range[0])

    def is_everywhere(self, name: Node) -> bool:
        """Whether a name means the same in every function of the module, at any time."""
        binding = self.binding(name)
        return binding is not None and binding.is_module_level and not binding.reassigned

    def declaration_of(self, name: Node) -> Node | None:
        """The statement `const name = call()` that makes a name which is used once; None for others."""
        binding = self.binding(name)
        if binding is None or binding.is_module_level or binding.reassigned or binding.destructured:
            return None
        if sum(not reference.init for reference in binding.references) != 1:
            return None
        return self._declared.get(binding.declaration_start)

    def statement_of(self, node: Node) -> Node | None:
        """The statement that always evaluates an expression, if what comes before it does not throw."""
        while True:
            parent = self._parents.get(id(node))
            if parent is None:
                return None
            parts = (getattr(parent, part) for part in _ALWAYS.get(parent.type, ()))
            values = (value if isinstance(value, list) else [value] for value in parts)
            if not any(one is node for value in values for one in value):
                return None
            if parent.type.endswith(("Statement", "Declaration")):
                return parent
            node = parent

    def list_around(self, statement: Node) -> list[Node]:
        """The statements among which one stands."""
        parent = self._parents.get(id(statement))
        if parent is None:
            return []
        found = parent.consequent if parent.type == "SwitchCase" else parent.body
        return list(found) if isinstance(found, list) else []

    @property
    def text(self) -> str:
        """The file's text."""
        return self._parsed.text

    @property
    def sites(self) -> Sequence[KernelSite]:
        """The calls of the file that could be kernels."""
        return self._sites

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that the file uses."""
        return self._scopes.names

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset."""
        return self._parsed.lines.position(offset)

    def key_of(self, function: int) -> str:
        """The path to a function."""
        return self._functions[function].handler_key.rpartition("#")[0]


class _Feeding:
    """One run while it is put together."""

    def __init__(self, finder: _Finder, last: int) -> None:
        self._finder = finder
        self._last = last
        self.members: list[int] = []
        self._given: list[tuple[int, int, Node]] = []
        """Site, argument and expression of what comes from outside."""
        self.names: list[tuple[str, int, int]] = []
        self._declared: list[Node] = []

    def collect(self, index: int) -> bool:
        """Take a call into the run, after those that it is given the results of; False where it cannot be in one."""
        call = self._finder.node(index)
        for number, argument in enumerate(call.arguments):
            if argument.type == "SpreadElement":
                return False
            inner = self._finder.site_at(argument)
            if inner is None and argument.type == "Identifier":
                inner = self._declared_by(argument)
            if inner is not None:
                if self._finder.sites[inner].position == "awaited" or not self.collect(inner):
                    return False
            elif argument.type == "Identifier" and self._finder.is_everywhere(argument):
                self.names.append((argument.name, int(argument.range[0]), int(argument.range[1])))
            elif not _is_plain(argument, self._finder):
                self._given.append((index, number, argument))
        self.members.append(index)
        return True

    def _declared_by(self, name: Node) -> int | None:
        statement = self._finder.declaration_of(name)
        if statement is None:
            return None
        self._declared.append(statement)
        return self._finder.site_at(statement.declarations[0].init)

    def run(self) -> KernelRun | None:
        """The run; None where the statements do not follow on one another, or what is given cannot be."""
        finder, sites = self._finder, self._finder.sites
        last = sites[self._last]
        if len(set(self.members)) != len(self.members):
            return None
        self.members.sort(key=lambda index: (sites[index].end, index))
        declared = sorted(self._declared, key=lambda node: int(node.range[0]))
        boxed = False
        if declared:
            statement = finder.statement_of(finder.node(self._last))
            if statement is None or not self._follow(declared, statement):
                return None
            boxed = any(
                node.type in _EFFECTS and node.range[1] <= last.start and node.range[0] >= statement.range[0]
                for node in walk(statement)
            )
        head = tuple(declared[0].declarations[0].init.range) if declared else (last.start, last.end)
        inputs = self._inputs(head, boxed=boxed)
        if inputs is None:
            return None
        members = [sites[index] for index in self.members]
        first = [site for site in members if head[0] <= site.start and site.end <= head[1]]
        start = int(declared[0].range[0]) if declared else last.start
        name = last.name if len(self.members) == 1 else f"{sites[self.members[0]].name}..{last.name}"
        line, column = finder.place(start)
        digest = hashlib.sha256(finder.text[start : last.end].encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return KernelRun(
            function=last.function,
            start=start,
            end=last.end,
            name=name,
            line=line,
            column=column,
            end_line=finder.place(last.end)[0],
            key=f"{finder.key_of(last.function)}/{name}#{digest}",
            position="free" if declared else last.position,
            members=tuple(self.members),
            names=tuple(self.names),
            inputs=inputs,
            declarations=tuple((*node.range, *node.declarations[0].id.range) for node in declared),
            head=(int(head[0]), int(head[1])),
            boxed=boxed,
            before=tuple(sorted({used for site in first for used in site.before})),
            after=tuple(sorted({used for site in first for used in site.after})),
            hands_out=any(site.hands_out for site in first),
        )

    def _follow(self, declared: list[Node], statement: Node) -> bool:
        """Whether the declarations stand right before the statement with the last call, with nothing in between."""
        around = self._finder.list_around(statement)
        position = next((at for at, node in enumerate(around) if node is statement), 0)
        chain = [*around[max(0, position - len(declared)) : position], statement]
        if len(chain) != len(declared) + 1 or any(a is not b for a, b in zip(chain, declared, strict=False)):
            return False
        text = self._finder.text
        return all(not text[a.range[1] : b.range[0]].strip() for a, b in pairwise(chain))

    def _inputs(self, head: tuple[int, int], *, boxed: bool) -> tuple[RunInput, ...] | None:
        """What the run is given, by place; None where something has to be evaluated only after a part of the run."""
        sites = self._finder.sites
        first = sites[self.members[0]]
        taken: dict[str, RunInput] = {}
        for index, argument, node in sorted(self._given, key=lambda one: int(one[2].range[0])):
            outside = not (head[0] <= node.range[0] and node.range[1] <= head[1])
            late = outside or node.range[0] >= first.end
            name = node.name if self._is_local(node) else ""
            if late and (not self._is_settled(node) or (boxed and node.range[0] >= sites[self._last].start)):
                return None
            if node.type == "SequenceExpression":
                return None
            if name and name in taken:
                continue
            shown = name or self._fresh(taken)
            taken[shown] = RunInput(
                shown, self.members.index(index), argument, int(node.range[0]), int(node.range[1]), late
            )
        return tuple(sorted(taken.values(), key=lambda one: (one.late, one.start)))

    def _is_local(self, node: Node) -> bool:
        binding = self._finder.binding(node) if node.type == "Identifier" else None
        return binding is not None and not binding.is_module_level

    def _is_settled(self, node: Node) -> bool:
        """Whether an expression is a local name that means the same wherever it stands."""
        binding = self._finder.binding(node) if self._is_local(node) else None
        return binding is not None and not binding.reassigned

    def _fresh(self, taken: dict[str, RunInput]) -> str:
        number = 1
        while f"$in{number}" in taken or f"$in{number}" in self._finder.names:
            number += 1
        return f"$in{number}"


def _is_plain(node: Node, finder: _Finder) -> bool:
    """Whether an expression is made of literals alone."""
    stack = [node]
    while stack:
        inner = stack.pop()
        if inner.type == "Identifier":
            if inner.name not in _VALUES or finder.binding(inner) is not None:
                return False
        elif inner.type not in _PLAIN:
            return False
        stack += code_children(inner)
    return True
