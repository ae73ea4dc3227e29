"""One file as the transformations see it: tree with parents, functions, scopes, names that are free."""

from __future__ import annotations

import re
from functools import cached_property

from pipetrace.javascript.functions import FunctionInfo, functions_of
from pipetrace.javascript.nodes import Node, children, walk
from pipetrace.javascript.parse import ParsedFile
from pipetrace.javascript.scopes import Binding, ScopeInfo, analyse


class FileView:
    """A parsed file of the application and questions about places in it."""

    def __init__(self, parsed: ParsedFile, *, is_module: bool) -> None:
        self.parsed = parsed
        self.text = parsed.text
        self.path = parsed.path
        self.is_module = is_module
        """ES module; otherwise CommonJS."""

    @cached_property
    def functions(self) -> tuple[FunctionInfo, ...]:
        """All functions, the module first."""
        return functions_of(self.parsed)

    @cached_property
    def scopes(self) -> ScopeInfo:
        """Bindings and captures."""
        return analyse(self.parsed)

    @cached_property
    def _parents(self) -> dict[int, Node]:
        parents: dict[int, Node] = {}
        for node in walk(self.parsed.tree):
            for child in children(node):
                parents[id(child)] = node
        return parents

    def parent(self, node: Node) -> Node | None:
        """Return the node that `node` is a child of; None for the Program."""
        return self._parents.get(id(node))

    def ancestors(self, node: Node) -> list[Node]:
        """Return the nodes around `node`, innermost first, the Program last."""
        found: list[Node] = []
        current = self.parent(node)
        while current is not None:
            found.append(current)
            current = self.parent(current)
        return found

    @cached_property
    def _identifiers(self) -> dict[int, Node]:
        return {node.range[0]: node for node in walk(self.parsed.tree) if node.type == "Identifier"}

    def identifier_at(self, offset: int) -> Node | None:
        """Return the Identifier that begins at `offset`."""
        return self._identifiers.get(offset)

    @cached_property
    def emitting(self) -> frozenset[int]:
        """Functions whose text emits an event, and so runs whatever listens to it."""
        number = {id(function.node): function.index for function in self.functions}
        found: set[int] = set()
        for node in walk(self.parsed.tree):
            member = node.callee if node.type == "CallExpression" else None
            if member is None or member.type != "MemberExpression" or member.computed:
                continue
            if member.property.name in ("emit", "dispatchEvent", "publish"):
                around = (number.get(id(outer)) for outer in self.ancestors(node))
                found.add(next((index for index in around if index is not None), 0))
        return frozenset(found)

    def find_function(self, key: str, start: int, end: int) -> FunctionInfo | None:
        """Return the function with this key, or else at this place."""
        by_key = [function for function in self.functions if function.handler_key == key]
        if len(by_key) == 1:
            return by_key[0]
        for function in by_key or self.functions:
            if (function.start, function.end) == (start, end) and function.kind != "module":
                return function
        return None

    def encloses(self, outer: FunctionInfo, inner: FunctionInfo) -> bool:
        """Tell whether `inner` stands inside `outer`."""
        current = inner.parent
        while current is not None:
            if current == outer.index:
                return True
            current = self.functions[current].parent
        return False

    def binding_named(self, name: str, line: int) -> Binding | None:
        """Return the variable `name` declared at a line; at module level also elsewhere, if it is the only one."""
        found = [binding for binding in self.scopes.bindings if binding.name == name]
        for binding in found:
            if self.parsed.lines.position(binding.declaration_start)[0] == line:
                return binding
        top = [binding for binding in found if binding.is_module_level]
        return top[0] if len(top) == 1 else None

    def value_range(self, binding: Binding) -> tuple[int, int] | None:
        """Return the range of a variable's initial value; of `const a = exports.a = make()` it is `make()`.

        None if there is none, or it is a sequence, which cannot be told from arguments without its parentheses.
        """
        declared = self.identifier_at(binding.declaration_start)
        around = self.ancestors(declared) if declared is not None else []
        declarator = next((node for node in around if node.type == "VariableDeclarator"), None)
        if declarator is None or declarator.init is None:
            return binding.init_range
        value = declarator.init
        if value.type != "AssignmentExpression":
            return binding.init_range
        while value.type == "AssignmentExpression" and value.operator == "=":
            value = value.right
        return None if value.type == "SequenceExpression" else (value.range[0], value.range[1])

    def fresh(self, wanted: str) -> str:
        """Return `wanted`, or with a number behind it, so that the file does not use the name yet."""
        number = 1
        name = wanted
        while re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", self.text):
            number += 1
            name = f"{wanted}{number}"
        return name

    @cached_property
    def newline(self) -> str:
        """The line end that the file uses."""
        return "\r\n" if "\r\n" in self.text else "\n"

    @cached_property
    def quote(self) -> str:
        """The quotation mark that the file uses more often."""
        text = self.text
        single = double = 0
        for node in walk(self.parsed.tree):
            if node.type == "Literal" and isinstance(node.value, str):
                single += text.startswith("'", node.range[0])
                double += text.startswith('"', node.range[0])
        return '"' if double > single else "'"

    def string(self, value: str) -> str:
        """Write a string literal in the manner of the file."""
        quote = self.quote
        out = value.replace("\\", "\\\\").replace(quote, "\\" + quote)
        out = re.sub(r"[\x00-\x1f\u2028\u2029\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", out)
        return quote + out + quote


def inferred_name(view: FileView, node: Node) -> str:
    """Return the name that the language gives to an anonymous function because of where it stands, or ''.

    A wrapped function does not stand there any more, so the runtime has to be told.
    """
    if node.id is not None:
        return ""
    parent = view.parent(node)
    if parent is None:
        return ""
    kind = parent.type
    if kind == "VariableDeclarator" and parent.id.type == "Identifier":
        return str(parent.id.name)
    if kind in ("AssignmentExpression", "AssignmentPattern") and parent.right is node:
        plain = kind == "AssignmentPattern" or parent.operator in ("=", "&&=", "||=", "??=")
        return str(parent.left.name) if plain and parent.left.type == "Identifier" else ""
    if kind in ("Property", "PropertyDefinition") and parent.value is node and not parent.computed:
        name = key_text(parent.key)
        return "" if kind == "Property" and name == "__proto__" else name
    if kind == "ExportDefaultDeclaration":
        return "default"
    return ""


def key_text(key: Node) -> str:
    """Return the name of a property key that is not computed."""
    if key.type == "PrivateIdentifier":
        return f"#{key.name}"
    if key.type == "Identifier":
        return str(key.name)
    value = key.value
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return str(key.raw) if value is None or isinstance(value, bool) else str(value)
