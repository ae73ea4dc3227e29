"""Watch the places where code may change what moved handlers take for constant, on paths that were never recorded.

Each stage has its own copy of what the recording saw unchanged. Where the text of a function assigns a variable that
moved handlers may use, or changes an object that it did not just make (it assigns a part of it, or calls a method that
changes a collection), the runtime is told: on the entry stage the handlers that use it run there from then on, and on
other stages a change of anything that exists since the start is a violation.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipetrace.javascript.nodes import FUNCTION_TYPES, LOOP_TYPES, Node, walk
from pipetrace.javascript.scopes import Binding
from pipetrace.rewriter.closures import Marks
from pipetrace.rewriter.context import GUARD, FileContext
from pipetrace.rewriter.guard import statement_beginning_with
from pipetrace.rewriter.orders import FileOrders
from pipetrace.rewriter.view import FileView

_CHANGING = frozenset(
    {
        "push", "pop", "shift", "unshift", "splice", "sort", "reverse", "fill", "copyWithin", "set", "add", "delete",
        "clear", "append", "write", "setTime", "setDate", "setMonth", "setFullYear", "setHours", "setMinutes",
        "setSeconds", "setMilliseconds",
    }
)  # fmt: skip
"""Methods of the language's collections, buffers and dates that change them."""
_TAKING = frozenset({"get", "at", "find"})
"""Methods that hand out what a collection holds."""
_GIVEN = {
    "Object": frozenset({"assign", "defineProperty", "defineProperties", "setPrototypeOf"}),
    "Reflect": frozenset({"set", "defineProperty", "deleteProperty", "setPrototypeOf"}),
}
"""Functions that change their first argument."""
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
            elif node.type == "CallExpression" and node.arguments and _changes_first(view, node):
                self._object(node.arguments[0], method=False)

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
            if outer.type in FUNCTION_TYPES or outer.type.endswith("Statement"):
                return

    def _member(self, member: Node) -> None:
        outer = self._view.parent(member)
        if outer is None:
            return
        if outer.type == "CallExpression" and outer.callee is member:
            name = member.property.name if not member.computed and member.property.type == "Identifier" else ""
            if name in _CHANGING:
                self._object(member.object, method=True)
        elif _is_target(self._view, member, outer) and not (member.computed and self._is_in_loop(member)):
            self._object(member.object, method=False)

    def _object(self, node: Node, *, method: bool) -> None:
        """Watch an expression whose value is changed, unless it is sure to be new or a request's own."""
        function = self._function_around(node)
        label = self._label(node, function) if function else None
        if label is None or id(node) in self._done or self._is_gone(node.range[0]):
            return
        self._done.add(id(node))
        mark = self._mark(node, function)
        opening = f"{self._context.pt}.changes("
        further = f", {'true' if method else 'false'}, {mark}" if mark else ", true" if method else ""
        closing = f", {self._context.string(label)}{further})"
        self._context.surgery.wrap(GUARD, node.range[0], node.range[1], opening, closing)

    def _mark(self, node: Node, function: int) -> str | None:
        """What tells whether the start made the variable that an expression begins with."""
        root, direct = _root_of(node)
        if root is None or root.type != "Identifier":
            return None
        binding = self._view.scopes.binding_at(root.range[0])
        if binding is None or not direct or self._marks.state(binding) is not None:
            return None
        return self._marks.of(binding, function)

    def _label(self, node: Node, function: int) -> str | None:
        """How a violation names an expression's value; None if it needs no watch."""
        view = self._view
        root, direct = _root_of(node)
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
        """Whether a loop of the same function does it many times, as code that fills an array does."""
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


def _root_of(node: Node) -> tuple[Node | None, bool]:
    """Where an expression begins, and whether only properties and parts of collections lead on from there.

    None where it is `super`, or may end early (`a?.b`): such an expression cannot be given to a function.
    """
    direct = True
    while True:
        if node.type == "Super" or node.optional or node.type == "ChainExpression":
            return None, False
        if node.type == "MemberExpression":
            node = node.object
        elif node.type == "CallExpression" and node.callee.type == "MemberExpression":
            key = node.callee.property
            direct = direct and not node.callee.computed and key.type == "Identifier" and key.name in _TAKING
            if node.callee.optional:
                return None, False
            node = node.callee.object
        else:
            return node, direct


def _is_target(view: FileView, member: Node, outer: Node) -> bool:
    """Whether a member expression stands where something is assigned to it, or deleted."""
    if outer.type in ("AssignmentExpression", "ForInStatement", "ForOfStatement", "AssignmentPattern"):
        return bool(outer.left is member)
    if outer.type == "Property":
        pattern = view.parent(outer)
        return pattern is not None and pattern.type == "ObjectPattern" and outer.value is member
    if outer.type == "UnaryExpression":
        return bool(outer.operator == "delete")
    return outer.type in ("UpdateExpression", "ArrayPattern", "RestElement")


def _changes_first(view: FileView, call: Node) -> bool:
    """Whether a call of the language changes its first argument, as `Object.assign` does."""
    callee = call.callee
    if callee.type != "MemberExpression" or callee.computed or callee.object.type != "Identifier":
        return False
    changing = _GIVEN.get(callee.object.name, frozenset())
    plain = call.arguments[0].type != "SpreadElement"
    return plain and callee.property.name in changing and view.scopes.binding_at(callee.object.range[0]) is None
