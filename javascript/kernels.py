"""Calls that could be cut out of the function they stand in: the places of *kernels*.

A kernel is a call of something that every copy of the program has under the same name (`markdown.render(text)`,
`heavy(data)`), at a place where an `await` may stand. What the call needs then travels as its arguments. Whether
it is heavy, and whether others could notice the wait, only a recording tells; here stands what the text says.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import FUNCTION_TYPES, LOOP_TYPES, Node, code_children, walk
from pipetrace.javascript.parse import ParsedFile, deep_recursion
from pipetrace.javascript.scopes import Binding, ScopeInfo

Position = Literal["awaited", "returned", "free"]
"""`await f(x)`; `return f(x)` outside of `try`, or the whole body of an arrow; anywhere else."""

_KINDS = frozenset({"declaration", "function", "arrow", "method"})
_STATELESS_NAMES = frozenset({"require", "eval", "super", "import"})
_WORK = LOOP_TYPES | {"CallExpression", "NewExpression", "TaggedTemplateExpression", "ImportExpression"}
"""What a function must hold somewhere to take long."""
ITERATIONS = frozenset(
    {"every", "filter", "find", "findIndex", "findLast", "findLastIndex", "flatMap", "forEach", "from", "map"}
    | {"reduce", "reduceRight", "replace", "replaceAll", "some", "sort", "toSorted"}
)
"""Methods of the language that call a function at once, and never later."""


@dataclass(frozen=True, slots=True)
class KernelSite:
    """One call that could become a kernel. Offsets are indices into the file's text, ends exclusive."""

    function: int
    """Index of the function that it stands in."""
    start: int
    end: int
    callee_end: int
    """Where the callee ends; it begins with the call."""
    name: str
    """The callee as it is written, with `()` behind it."""
    line: int
    """1-based line of the call."""
    column: int
    end_line: int
    key: str
    """`<path>#<syntax path>#<8 hex digits of the SHA-256 of its text>`, as functions have one."""
    position: Position
    root: int
    """Binding id of the module-level name that the callee begins with."""
    callee: int | None
    """Index of the function of this file that is called, where the text tells."""
    arguments: int
    before: tuple[str, ...]
    """Module-level names, other than functions and imports, that the function uses before the call."""
    after: tuple[str, ...]
    """Those that it uses after it; in a loop all of the loop's are both."""
    hands_out: bool
    """Before the call the function hands a function of its own to another one, which may call it in between, or it has
    a promise that it waits for only later, and whose rejection nobody would handle in between."""


def kernel_sites(
    parsed: ParsedFile, scopes: ScopeInfo, functions: Sequence[FunctionInfo]
) -> tuple[KernelSite, ...]:
    """Return the calls of a file that could become kernels, in source order."""
    known: tuple[KernelSite, ...] | None = parsed.memo.get("kernels")
    if known is None:
        with deep_recursion():
            uses = _uses(scopes)
            found = [
                site
                for info in functions[1:]
                if _can_wait(info)
                for site in _Inside(parsed, scopes, functions, info, uses).sites()
            ]
        known = parsed.memo["kernels"] = tuple(sorted(found, key=lambda site: site.start))
    return known


def _uses(scopes: ScopeInfo) -> list[tuple[int, str]]:
    """Offset and name of each use of a module-level variable that may hold something that changes."""
    return sorted(
        (use.start, binding.name)
        for binding in scopes.bindings
        if binding.is_module_level and (binding.kind not in ("function", "class", "import") or binding.reassigned)
        for use in binding.references
        if not use.init
    )


def _can_wait(info: FunctionInfo) -> bool:
    """Whether a function is async, or could be made so without a change of its text beyond that word."""
    if info.kind not in _KINDS or info.is_generator or info.uses_eval or info.uses_with:
        return False
    return not (info.uses_new_target or (info.kind == "method" and info.uses_super and not info.is_async))


def _may_be_kernel(callee: FunctionInfo) -> bool:
    """Whether a call of a function may be worth a place of its own: it can take long, and gives its result at once."""
    if callee.returns_promise or callee.is_generator:
        return False
    return any(node.type in _WORK for part in (*callee.node.params, callee.node.body) for node in walk(part))


class _Inside:
    """Looks through one function, leaving out those inside it."""

    def __init__(
        self,
        parsed: ParsedFile,
        scopes: ScopeInfo,
        functions: Sequence[FunctionInfo],
        info: FunctionInfo,
        uses: list[tuple[int, str]],
    ) -> None:
        self._parsed = parsed
        self._uses = uses
        self._scopes = scopes
        self._info = info
        self._functions = functions
        self._by_range = {(other.start, other.end): other.index for other in functions[1:]}
        self._named = {
            other.node.id.range[0]: other.index
            for other in functions[1:]
            if other.kind == "declaration" and other.node.id
        }

    def sites(self) -> list[KernelSite]:
        """Return the calls that could become kernels."""
        counts: dict[str, int] = {}
        found = []
        for node, around in self._walk():
            if node.type == "Identifier" and node.name == "await":
                return []
            root = self._root(node, around)
            if root is not None:
                text = self._text(node.callee)
                counts[text] = counts.get(text, 0) + 1
                found.append(self._site(node, around, root, counts[text]))
        return found

    def _walk(self) -> Iterator[tuple[Node, tuple[Node, ...]]]:
        """Yield each node of the body with the nodes around it, innermost first."""
        stack: list[tuple[Node, tuple[Node, ...]]] = [(self._info.node.body, ())]
        while stack:
            node, around = stack.pop()
            yield node, around
            if node.type in FUNCTION_TYPES or node.type in ("StaticBlock", "PropertyDefinition"):
                continue
            inner = (node, *around)
            stack.extend((child, inner) for child in reversed(code_children(node)))

    def _text(self, node: Node) -> str:
        return self._parsed.text[node.range[0] : node.range[1]]

    def _root(self, node: Node, around: tuple[Node, ...]) -> Binding | None:
        """The module-level name that a call begins with; None where it cannot be a kernel."""
        if node.type != "CallExpression" or node.optional or any(_holds_function(one) for one in node.arguments):
            return None
        callee, depth = node.callee, 0
        while callee.type == "MemberExpression":
            if callee.computed or callee.optional or callee.property.type != "Identifier":
                return None
            callee, depth = callee.object, depth + 1
        if callee.type != "Identifier" or callee.name in _STATELESS_NAMES or callee.range[0] != node.range[0]:
            return None
        if "\n" in self._text(node.callee) or _in_optional_chain(around):
            return None
        binding = self._scopes.binding_at(callee.range[0])
        if binding is None or not binding.is_module_level or binding.reassigned:
            return None
        if binding.init_range is not None and self._parsed.text[binding.init_range[0]] == "/":
            return None  # a regular expression, which keeps its place from one match to the next
        if depth == 0:
            index = self._function_of(binding)
            if index is not None and not _may_be_kernel(self._functions[index]):
                return None
        return None if _needs_semicolon(node, around) else binding

    def _function_of(self, binding: Binding) -> int | None:
        found = self._named.get(binding.declaration_start)
        if found is None and binding.init_range is not None and not binding.destructured:
            found = self._by_range.get(binding.init_range)
        return found

    def _site(self, node: Node, around: tuple[Node, ...], root: Binding, number: int) -> KernelSite:
        parsed, info = self._parsed, self._info
        start, end = node.range
        line, column = parsed.lines.position(start)
        name = f"{self._text(node.callee)}()"
        syntax, _, _ = info.handler_key.rpartition("#")
        digest = hashlib.sha256(self._text(node).encode("utf-8", "surrogatepass")).hexdigest()[:8]
        # A loop leads back, so all of it runs before the call and after it.
        loop = next((outer.range for outer in reversed(around) if outer.type in LOOP_TYPES), None)
        until, since = (start, end) if loop is None else (loop[1], loop[0])
        plain = node.callee.type == "Identifier"
        return KernelSite(
            function=info.index,
            start=start,
            end=end,
            callee_end=node.callee.range[1],
            name=name,
            line=line,
            column=column,
            end_line=parsed.lines.position(end - 1)[0],
            key=f"{syntax}/{name}@{number}#{digest}",
            position=_position(node, around, info),
            root=root.id,
            callee=self._function_of(root) if plain else None,
            arguments=len(node.arguments),
            before=self._names(info.body_start, until),
            after=self._names(since, info.body_end),
            hands_out=self._hands_out(until) or self._holds_promise(until, since),
        )

    def _names(self, low: int, high: int) -> tuple[str, ...]:
        first, last = bisect_left(self._uses, (low, "")), bisect_left(self._uses, (high, ""))
        return tuple(sorted({name for _, name in self._uses[first:last]}))

    def _hands_out(self, high: int) -> bool:
        for node, around in self._walk():
            if node.range[0] >= high or node.type not in FUNCTION_TYPES or not around:
                continue
            call = around[0]
            if call.type not in ("CallExpression", "NewExpression") or call.callee is node:
                continue
            callee = call.callee
            named = callee.property.name if callee.type == "MemberExpression" and not callee.computed else ""
            if named not in ITERATIONS:
                return True
        return False

    def _holds_promise(self, high: int, low: int) -> bool:
        """Whether a local name that is waited for behind an offset may hold a promise from before another one."""
        for node, _ in self._walk():
            for name in _waited_for(node):
                binding = self._scopes.binding_at(name.range[0]) if name.range[0] >= low else None
                if binding is None or binding.is_module_level or binding.declaration_start >= high:
                    continue
                if self._may_hold_promise(binding):
                    return True
        return False

    def _may_hold_promise(self, binding: Binding) -> bool:
        if binding.reassigned or binding.init_range is None:
            return True
        start = binding.init_range[0]
        return not self._parsed.text.startswith(("await ", "await(", "'", '"', "`"), start)


_CHAINING = frozenset({"then", "catch", "finally"})
_GATHERING = frozenset({"all", "allSettled", "any", "race", "resolve"})


def _waited_for(node: Node) -> Iterator[Node]:
    """Yield the names whose promises a node waits for: `await name`, `name.then()`, `Promise.all([name])`."""
    if node.type == "AwaitExpression":
        yield from _names_of(node.argument)
    elif node.type == "CallExpression" and node.callee.type == "MemberExpression" and not node.callee.computed:
        target, method = node.callee.object, node.callee.property.name
        if method in _CHAINING:
            yield from _names_of(target)
        elif method in _GATHERING and target.type == "Identifier" and target.name == "Promise":
            for argument in node.arguments:
                yield from _names_of(argument)


def _names_of(node: Node) -> Iterator[Node]:
    """Yield the names that an expression begins with, or that a list of it holds."""
    stack = [node]
    while stack:
        current = stack.pop()
        if current.type == "Identifier":
            yield current
        elif current.type == "MemberExpression":
            stack.append(current.object)
        elif current.type == "SpreadElement":
            stack.append(current.argument)
        elif current.type == "ArrayExpression":
            stack += [element for element in current.elements if element is not None]
        elif current.type == "ConditionalExpression":
            stack += [current.consequent, current.alternate]
        elif current.type == "LogicalExpression":
            stack += [current.left, current.right]


def _holds_function(node: Node) -> bool:
    stack = [node]
    while stack:
        current = stack.pop()
        if current.type in FUNCTION_TYPES or current.type in ("ClassExpression", "YieldExpression"):
            return True
        stack.extend(code_children(current))
    return False


def _in_optional_chain(around: tuple[Node, ...]) -> bool:
    """Whether the call is a link of an optional chain, which parentheses around it would cut."""
    return bool(around) and any(outer.type == "ChainExpression" for outer in around[:8])


def _position(node: Node, around: tuple[Node, ...], info: FunctionInfo) -> Position:
    if not around:
        return "returned" if info.expression_body else "free"
    if around[0].type == "AwaitExpression":
        return "awaited"
    in_try = any(outer.type == "TryStatement" for outer in around)
    return "returned" if around[0].type == "ReturnStatement" and not in_try else "free"


def needs_parentheses(node: Node, parent: Node | None) -> bool:
    """Whether `await call` has to stand in parentheses where `call` stood."""
    if parent is None:
        return False
    kind = parent.type
    if kind == "MemberExpression":
        return bool(parent.object is node)
    if kind in ("CallExpression", "NewExpression"):
        return bool(parent.callee is node)
    if kind == "TaggedTemplateExpression":
        return bool(parent.tag is node)
    return bool(kind == "BinaryExpression" and parent.operator == "**" and parent.left is node)


def _needs_semicolon(node: Node, around: tuple[Node, ...]) -> bool:
    """Whether a parenthesis would have to open a statement, which could continue the one before it."""
    if not around or not needs_parentheses(node, around[0]):
        return False
    return any(outer.type == "ExpressionStatement" and outer.range[0] == node.range[0] for outer in around)
