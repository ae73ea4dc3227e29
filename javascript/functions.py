"""The functions of a file: kind, name, extent, parameters, and what they need of their surroundings.

One iterative walk in source order. A function is every piece of code with activation of its own: the
module, functions, methods, accessors, constructors, static blocks and the initialisers of class fields.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from pipetrace.javascript.extents import (
    after_directives,
    declared_length,
    find_params,
    has_use_strict,
    key_end,
    module_head,
)
from pipetrace.javascript.naming import escape, key_name, target_name
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, code_children
from pipetrace.javascript.parse import ParsedFile, deep_recursion
from pipetrace.javascript.promises import returns_only_promises
from pipetrace.javascript.trivia import find_token, with_parentheses

FunctionKind = Literal[
    "module",
    "function",
    "declaration",
    "arrow",
    "method",
    "getter",
    "setter",
    "constructor",
    "static-block",
    "field-init",
]


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """One function of a file. Offsets are Python string indices into the file's text, ends exclusive."""

    index: int
    """Place in source order; 0 is the module."""
    parent: int | None
    """Index of the function that this one stands in; None for the module."""
    kind: FunctionKind
    name: str
    """Own name, or that of the variable, property or parameter it is assigned to; '' when there is none."""
    is_async: bool
    is_generator: bool
    start: int
    """Start of the function node; of a method the `(` behind its name; of a field initialiser its value."""
    end: int
    body_start: int
    """The body with its braces or, for an expression, with its parentheses; the whole text for the module."""
    body_end: int
    statements_start: int
    """Where code can be inserted that runs first: behind `{` and directives (begin it with `;`). Equals
    body_start for expression bodies."""
    expression_body: bool
    params_start: int
    """The `(` of the parameters; the start of an arrow. V8 gives this position in profiles and stacks."""
    params: int
    """Parameters before the first one with a default or rest, like `fn.length`."""
    line: int
    """1-based line of `start`."""
    column: int
    """0-based column of `start` in UTF-16 code units."""
    end_line: int
    handler_key: str
    """`<path>#<syntax path>#<8 hex digits of the text's SHA-256>`; unchanged when code elsewhere changes."""
    returns_promise: bool
    """Every call returns a promise, by syntax: async, or every path ends in `return new Promise(…)`,
    `Promise.all(…)`, `….then(…)` on such; whatever `Promise` is bound to."""
    uses_this: bool
    """`this` of this activation is used, here or in an arrow inside; for an arrow: the outer `this`."""
    uses_arguments: bool
    uses_super: bool
    uses_new_target: bool
    uses_eval: bool
    """A direct `eval` stands in it or in a function inside, so names can be used that no analysis sees."""
    uses_with: bool
    """A `with` stands in it or in a function inside, or it stands in one."""
    strict: bool
    node: Node = field(repr=False, compare=False)
    """The function node; a Program, StaticBlock or PropertyDefinition for the kinds that are no functions."""


def functions_of(parsed: ParsedFile) -> tuple[FunctionInfo, ...]:
    """Return all functions of the file in source order; the module itself is the first."""
    known: tuple[FunctionInfo, ...] | None = parsed.memo.get("functions")
    if known is None:
        with deep_recursion():
            known = parsed.memo["functions"] = _Collector(parsed).collect()
    return known


class _Draft:
    """A function while its inside is still being walked."""

    __slots__ = (
        "arguments",
        "children",
        "component",
        "eval",
        "index",
        "kind",
        "name",
        "new_target",
        "node",
        "parent",
        "prefix",
        "returns",
        "strict",
        "super",
        "this",
        "with_",
    )

    def __init__(
        self,
        index: int,
        parent: _Draft | None,
        kind: FunctionKind,
        name: str,
        prefix: str,
        node: Node,
        strict: bool,
    ) -> None:
        self.index = index
        self.parent = parent
        self.kind = kind
        self.name = name
        self.prefix = prefix
        self.node = node
        self.strict = strict
        self.returns: list[Node] = []
        self.this = self.arguments = self.super = self.new_target = self.eval = self.with_ = False
        self.component = ""
        self.children: dict[str, int] = {}


class _Task:
    """A node still to visit, with what its surroundings say about it."""

    __slots__ = ("name", "node", "owner", "prefix", "role", "strict")

    def __init__(
        self,
        node: Node,
        owner: _Draft,
        strict: bool,
        name: str = "",
        role: FunctionKind | None = None,
        prefix: str = "",
    ) -> None:
        self.node = node
        self.owner = owner
        self.strict = strict
        self.name = name
        self.role = role
        self.prefix = prefix


_SILENT = frozenset({"Literal", "PrivateIdentifier", "TemplateElement", "EmptyStatement", "MetaProperty"})
_METHOD_ROLES: dict[str, FunctionKind] = {
    "constructor": "constructor",
    "get": "getter",
    "set": "setter",
    "method": "method",
}


class _Collector:
    def __init__(self, parsed: ParsedFile) -> None:
        self.parsed = parsed
        self.text = parsed.text
        self.drafts: list[_Draft] = []
        self.with_bodies: list[tuple[int, int]] = []
        self.stack: list[_Task] = []

    def collect(self) -> tuple[FunctionInfo, ...]:
        strict = self.parsed.goal == "module" or has_use_strict(self.parsed.tree.body)
        module = self._draft(None, "module", "", "", self.parsed.tree, strict)
        stack = self.stack
        stack.extend(_Task(child, module, strict) for child in reversed(self.parsed.tree.body))
        while stack:
            self._visit(stack.pop())
        for draft in self.drafts:
            if any(start <= draft.node.range[0] < end for start, end in self.with_bodies):
                draft.with_ = True
        infos: list[FunctionInfo] = []
        paths: list[str] = []
        for draft in self.drafts:
            parent = draft.parent
            above = paths[parent.index] if parent is not None and parent.index else ""
            paths.append(f"{above}/{draft.component}" if above else draft.component)
            infos.append(self._finish(draft, paths[-1]))
        return tuple(infos)

    def _draft(
        self, parent: _Draft | None, kind: FunctionKind, name: str, prefix: str, node: Node, strict: bool
    ) -> _Draft:
        draft = _Draft(len(self.drafts), parent, kind, name, prefix, node, strict)
        self.drafts.append(draft)
        label = name or kind
        base = escape(f"{prefix}.{label}" if prefix else label)
        if parent is None:
            draft.component = "module"
            return draft
        count = parent.children[base] = parent.children.get(base, 0) + 1
        # An anonymous function always carries its number, so that a second one does not rename the first.
        draft.component = base if name and count == 1 else f"{base}@{count}"
        return draft

    def _visit(self, task: _Task) -> None:
        node, owner = task.node, task.owner
        kind = node.type
        if kind == "Identifier":
            if node.name == "arguments":
                self._mark_activation(owner, "arguments")
        elif kind in FUNCTION_TYPES:
            self._visit_function(task)
        elif kind in ("ClassDeclaration", "ClassExpression"):
            self._visit_class(task)
        elif kind == "ThisExpression":
            self._mark_activation(owner, "this")
        elif kind == "Super":
            self._mark_activation(owner, "super")
        elif kind == "MetaProperty":
            if node.meta.name == "new":
                self._mark_activation(owner, "new_target")
        elif task.role is not None and kind in ("StaticBlock", "PropertyDefinition"):
            draft = self._draft(owner, task.role, task.name, task.prefix, node, True)
            if kind == "StaticBlock":
                self.stack.extend(_Task(child, draft, True) for child in reversed(node.body))
            else:
                self.stack.append(_Task(node.value, draft, True, task.name))
        elif kind not in _SILENT:
            self._visit_other(task, kind)

    def _visit_other(self, task: _Task, kind: str) -> None:
        node, owner, strict = task.node, task.owner, task.strict
        name = ""
        named: tuple[Node, ...] = ()
        role: FunctionKind | None = None
        if kind == "VariableDeclarator":
            name, named = target_name(node.id), (node.init,)
        elif kind in ("AssignmentExpression", "AssignmentPattern"):
            name, named = target_name(node.left), (node.right,)
        elif kind == "Property":
            name, named = key_name(node), (node.value,)
            if node.kind in ("get", "set"):
                role = _METHOD_ROLES[node.kind]
            elif node.method:
                role = "method"
        elif kind == "ConditionalExpression":
            name, named = task.name, (node.consequent, node.alternate)
        elif kind == "LogicalExpression":
            name, named = task.name, (node.right,)
        elif kind == "ExportDefaultDeclaration":
            name, named = "default", (node.declaration,)
        elif kind == "ReturnStatement":
            owner.returns.append(node.argument)
        elif kind == "CallExpression":
            if node.callee.type == "Identifier" and node.callee.name == "eval" and not node.optional:
                _mark_ancestors(owner, "eval")
        elif kind == "WithStatement":
            _mark_ancestors(owner, "with_")
            self.with_bodies.append(tuple(node.body.range))
        for child in reversed(code_children(node)):
            if child in named:
                self.stack.append(_Task(child, owner, strict, name, role))
            else:
                self.stack.append(_Task(child, owner, strict))

    def _visit_function(self, task: _Task) -> None:
        node = task.node
        role = task.role
        if role is None:
            role = _FUNCTION_ROLES[node.type]
        name = task.name if node.id is None else node.id.name
        block = node.body.type == "BlockStatement"
        strict = task.strict or (block and has_use_strict(node.body.body))
        draft = self._draft(task.owner, role, name, task.prefix, node, strict)
        inside = [*node.params, *(node.body.body if block else (node.body,))]
        self.stack.extend(_Task(child, draft, strict) for child in reversed(inside))

    def _visit_class(self, task: _Task) -> None:
        node, owner = task.node, task.owner
        name = node.id.name if node.id is not None else task.name
        later: list[_Task] = []
        if node.superClass is not None:
            later.append(_Task(node.superClass, owner, True))
        for member in node.body.body:
            if member.type == "StaticBlock":
                later.append(_Task(member, owner, True, prefix=name, role="static-block"))
                continue
            if member.computed:
                later.append(_Task(member.key, owner, True))
            if member.type == "MethodDefinition":
                role = _METHOD_ROLES[member.kind]
                if role == "constructor":
                    later.append(_Task(member.value, owner, True, name or "constructor", role))
                else:
                    later.append(_Task(member.value, owner, True, key_name(member), role, name))
            elif member.value is not None:
                later.append(_Task(member, owner, True, key_name(member), "field-init", name))
        # Members open drafts in the order in which they are popped, which keeps source order.
        self.stack.extend(reversed(later))

    @staticmethod
    def _mark_activation(owner: _Draft, what: str) -> None:
        """Mark the function whose activation provides `this` and the like, and the arrows up to it."""
        setattr(owner, what, True)
        while owner.kind == "arrow" and owner.parent is not None:
            owner = owner.parent
            setattr(owner, what, True)

    def _finish(self, draft: _Draft, path: str) -> FunctionInfo:
        node, text = draft.node, self.text
        start, end = node.range
        params: list[Node] = []
        expression = False
        is_function = node.type in FUNCTION_TYPES
        params_start = start
        if draft.kind == "module":
            start, end = 0, len(text)
            params_start = body_start = 0
            body_end = end
            statements_start = after_directives(node.body, module_head(text))
        elif draft.kind == "static-block":
            body_start = params_start = find_token(text, start + len("static"), "{")
            body_end = end
            statements_start = body_start + 1
        elif draft.kind == "field-init":
            gap = find_token(text, key_end(text, node), "=") + 1
            start, end = with_parentheses(text, gap, *node.value.range)
            params_start = body_start = statements_start = start
            body_end = end
            expression = True
        else:
            params = node.params
            expression = node.body.type != "BlockStatement"
            params_start = find_params(text, node)
            if expression:
                arrow = find_token(text, params[-1].range[1] if params else params_start, "=>") + 2
                body_start, body_end = with_parentheses(text, arrow, *node.body.range)
                statements_start = body_start
            else:
                body_start, body_end = node.body.range
                statements_start = after_directives(node.body.body, body_start + 1)
        line, column = self.parsed.lines.position(start)
        digest = hashlib.sha256(text[start:end].encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return FunctionInfo(
            index=draft.index,
            parent=draft.parent.index if draft.parent is not None else None,
            kind=draft.kind,
            name=draft.name,
            is_async=bool(node.isAsync) if is_function else False,
            is_generator=bool(node.generator) if is_function else False,
            start=start,
            end=end,
            body_start=body_start,
            body_end=body_end,
            statements_start=statements_start,
            expression_body=expression,
            params_start=params_start,
            params=declared_length(params),
            line=line,
            column=column,
            end_line=self.parsed.lines.position(end if draft.kind == "module" else end - 1)[0],
            handler_key=f"{self.parsed.path}#{path}#{digest}",
            returns_promise=is_function
            and draft.kind not in ("constructor", "setter")
            and returns_only_promises(node, draft.returns),
            uses_this=draft.this,
            uses_arguments=draft.arguments,
            uses_super=draft.super,
            uses_new_target=draft.new_target,
            uses_eval=draft.eval,
            uses_with=draft.with_,
            strict=draft.strict,
            node=node,
        )


_FUNCTION_ROLES: dict[str, FunctionKind] = {
    "FunctionDeclaration": "declaration",
    "FunctionExpression": "function",
    "ArrowFunctionExpression": "arrow",
}


def _mark_ancestors(owner: _Draft | None, what: str) -> None:
    while owner is not None:
        setattr(owner, what, True)
        owner = owner.parent
