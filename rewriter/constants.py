"""Watch the places where code may change what moved handlers take for constant, on paths that were never recorded.

Each stage has its own copy of what the recording saw unchanged. Where the text of a function assigns a variable that
moved handlers may use, or changes an object that it did not just make (it assigns a part of it, or calls a method that
changes a collection), the runtime is told: on the entry stage the handlers that use it run there from then on, and on
other stages a change of anything that exists since the start is a violation. `mutations.py` tells what changes an
object.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipetrace.javascript.nodes import FUNCTION_TYPES, LOOP_TYPES, Node, walk
from pipetrace.javascript.scopes import Binding
from pipetrace.rewriter.closures import Marks
from pipetrace.rewriter.context import GUARD, FileContext
from pipetrace.rewriter.guard import statement_beginning_with
from pipetrace.rewriter.mutations import WITHIN, before_chain, changed_by_call, is_target, root_of
from pipetrace.rewriter.orders import FileOrders
from pipetrace.rewriter.view import FileView

_MAKING = frozenset(
    {"ObjectExpression", "ArrayExpression", "NewExpression", "ClassExpression", "TemplateLiteral", *FUNCTION_TYPES}
)
_PER_REQUEST = frozenset({"http.request", "http.response"})
_BEGINNING = frozenset({"constructor", "field-init", "static-block"})
"""Kinds of functions whose `this` is an object or class in the making."""


def watch_changes(
    context: FileContext,
    orders: FileOrders,
    marks: Marks,
    constant: Collection[str],
    apart: Collection[str],
    replaced: Sequence[tuple[int, int]] = (),
) -> None:
    """Tell the runtime of changes in one file.

    Args:
        context: the file.
        orders: tell which functions ran as handlers, and with what.
        marks: tell of variables of functions that the start may have called.
        constant: locations (`file:name`) that moved handlers may use and that nothing was seen to change.
        apart: locations that are state or guarded, and so watched otherwise.
        replaced: ranges of text that other text takes the place of.
    """
    _Watch(context, orders, marks, constant, apart, replaced).run()


class _Watch:
    """The watch over one file."""

    def __init__(
        self,
        context: FileContext,
        orders: FileOrders,
        marks: Marks,
        constant: Collection[str],
        apart: Collection[str],
        replaced: Sequence[tuple[int, int]],
    ) -> None:
        self._context = context
        self._replaced = replaced
        self._marks = marks
        self._view = context.view
        self._constant = constant
        self._apart = {*apart, *(guard.location for guard in orders.guards)}
        self._numbers = {id(function.node): function.index for function in self._view.functions}
        self._requests = _request_parameters(self._view, orders)
        self._done: set[int] = set()
        self._loops = 0

    def run(self) -> None:
        """Make the edits."""
        view = self._view
        for binding in view.scopes.bindings:
            location = f"{view.path}:{binding.name}"
            if not binding.is_module_level or location in self._apart or location not in self._constant:
                continue
            for reference in binding.references:
                if reference.init or reference.mode == "r" or self._is_gone(reference.start):
                    continue
                if reference.function != binding.scope_function:
                    self._assignment(location, view.identifier_at(reference.start))
        for node in walk(view.parsed.tree):
            if node.type == "MemberExpression":
                self._member(node)
            elif node.type == "CallExpression":
                for changed, how in changed_by_call(view, node):
                    self._object(changed, how)

    def _is_gone(self, offset: int) -> bool:
        return any(start <= offset < end for start, end in self._replaced)

    def _assignment(self, location: str, identifier: Node | None) -> None:
        for outer in self._view.ancestors(identifier) if identifier is not None else ():
            if outer.type in ("AssignmentExpression", "UpdateExpression"):
                call = self._context.call("changes", "undefined", self._context.string(location))
                statement = statement_beginning_with(self._view, outer)
                if statement is None:
                    self._context.surgery.wrap(GUARD, outer.range[0], outer.range[1], f"({call}, ", ")")
                else:  # A parenthesis there would continue a line that has no semicolon.
                    self._context.surgery.insert(GUARD, statement.range[0], f"{call}, ")
                return
            if outer.type in ("ForInStatement", "ForOfStatement"):
                call = self._context.call("changes", "undefined", self._context.string(location))
                self._context.surgery.wrap(GUARD, outer.right.range[0], outer.right.range[1], f"({call}, ", ")")
                return
            if outer.type in FUNCTION_TYPES or outer.type.endswith("Statement"):
                return

    def _member(self, member: Node) -> None:
        outer = self._view.parent(member)
        if outer is not None and is_target(self._view, member, outer):
            self._object(member.object, WITHIN if member.optional else "")

    def _object(self, node: Node, how: str) -> None:
        """Watch an expression whose value is changed, unless it is sure to be new or a request's own.

        `how`: what the runtime has to know about the change, as it is written in its call; '' = a part is assigned.
        """
        begin = before_chain(self._view, node)
        if begin is None:
            return
        if begin is not node:
            node, how = begin, WITHIN
        function = self._function_around(node)
        label = self._label(node, function) if function else None
        if label is None or id(node) in self._done or self._is_gone(node.range[0]):
            return
        self._done.add(id(node))
        further = [part for part in (self._context.string(label), how) if part]
        mark = self._mark(node, function)
        if mark:
            further = [self._context.string(label), how or "false", mark]
        start, end = node.range
        opening, closing = f"{self._context.pt}.changes(", f", {', '.join(further)})"
        names = self._remembered(function) if self._is_in_loop(node) else None
        if names is not None:
            # A loop asks once as long as it fills the same: asking each time would cost more than the loop itself.
            now, seen = names
            statement = statement_beginning_with(self._view, node)
            if statement is not None:  # A parenthesis there would continue a line that has no semicolon.
                self._context.surgery.insert(GUARD, statement.range[0], "0, ")
            self._context.surgery.wrap(
                GUARD, start, end, f"(({now} = ", f") === {seen} ? {now} : {seen} = {opening}{now}{closing})"
            )
        else:
            self._context.surgery.wrap(GUARD, start, end, opening, closing)

    def _remembered(self, function: int) -> tuple[str, str] | None:
        """Two new variables of a function; None if there is no place for them, or it may be left in between."""
        info = self._view.functions[function]
        body = info.node.body if info.node.type in FUNCTION_TYPES else None
        if info.is_async or info.is_generator or body is None or body.type != "BlockStatement":
            return None
        first = next((node for node in body.body if node.directive is None), None)
        if first is None:
            return None
        self._loops += 1
        now, seen = self._view.fresh(f"$now{self._loops}"), self._view.fresh(f"$seen{self._loops}")
        self._context.surgery.insert(GUARD, first.range[0], f"let {now}, {seen}; ", statement=True)
        return now, seen

    def _mark(self, node: Node, function: int) -> str | None:
        """What tells whether the start made the variable that an expression begins with."""
        root, direct = root_of(node)
        if root is None or root.type != "Identifier":
            return None
        binding = self._view.scopes.binding_at(root.range[0])
        if binding is None or not direct or self._marks.state(binding) is not None:
            return None
        return self._marks.of(binding, function)

    def _label(self, node: Node, function: int) -> str | None:
        """How a violation names an expression's value; None if it needs no watch."""
        view = self._view
        root, direct = root_of(node)
        if root is None:
            return None
        line = view.parsed.lines.position(node.range[0])[0]
        if root.type == "ThisExpression":
            kind = view.functions[self._owner_of_this(function)].kind
            return None if root is node and kind in _BEGINNING else f"{view.path}:this@{line}"
        if root.type != "Identifier":
            return None if node.type in _MAKING or node.type == "Literal" else f"{view.path}:{line}"
        binding = view.scopes.binding_at(root.range[0])
        if binding is None:
            return f"{view.path}:{root.name}" if root.name in ("module", "exports") and not view.is_module else None
        if binding.is_module_level:
            location = f"{view.path}:{binding.name}"
            return None if location in self._apart else location if direct else f"{location}@{line}"
        own = self._is_new(binding) and (binding.scope_function == function or self._marks.begin_anew(binding))
        if root is node and (own or binding.id in self._requests):
            return None
        return f"{view.path}:{binding.name}@{line}"

    def _is_new(self, binding: Binding) -> bool:
        """Whether a variable holds an object that its own function makes."""
        held = self._view.value_range(binding)
        if held is None or binding.reassigned or binding.destructured:
            return False
        declared = self._view.identifier_at(binding.declaration_start)
        parent = self._view.parent(declared) if declared is not None else None
        return parent is not None and parent.type == "VariableDeclarator" and parent.init.type in _MAKING

    def _function_around(self, node: Node) -> int:
        return next((self._numbers[id(outer)] for outer in self._view.ancestors(node) if id(outer) in self._numbers), 0)

    def _owner_of_this(self, function: int) -> int:
        """The function whose `this` it is: arrow functions have none."""
        info = self._view.functions[function]
        while info.kind == "arrow" and info.parent is not None:
            info = self._view.functions[info.parent]
        return info.index

    def _is_in_loop(self, node: Node) -> bool:
        """Whether a loop of the same function does it many times."""
        for outer in self._view.ancestors(node):
            if outer.type in LOOP_TYPES:
                return True
            if outer.type in FUNCTION_TYPES:
                return False
        return False


def _request_parameters(view: FileView, orders: FileOrders) -> frozenset[int]:
    """Ids of the parameters that were seen to be requests or responses."""
    found: set[int] = set()
    for ran in orders.ran:
        function = view.find_function(ran.key, ran.start, ran.end)
        for node, klass in zip(function.node.params if function is not None else (), ran.arguments, strict=False):
            binding = view.scopes.binding_at(node.range[0]) if node.type == "Identifier" else None
            if binding is not None and klass in _PER_REQUEST and not binding.reassigned:
                found.add(binding.id)
    return frozenset(found)
