"""Where a handler stands and in what form, and the reasons that forbid to move it from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, walk
from pipetrace.rewriter.handed import handed_function
from pipetrace.rewriter.process_use import bound_member
from pipetrace.rewriter.refusals import Refusal, refuse
from pipetrace.rewriter.tail import static_refusal
from pipetrace.rewriter.view import FileView

Form = Literal["expression", "method", "declaration", "class-method"]


@dataclass(frozen=True, slots=True)
class Site:
    """A function at the place where it can be replaced."""

    function: FunctionInfo
    form: Form
    start: int
    """Start of the text that is the function: of a method, its whole property."""
    end: int
    node: Node
    """The function; of methods the property or class member."""


def site_of(view: FileView, function: FunctionInfo, handler: str) -> Site | Refusal:
    """Find the site of a handler, or the first reason why it has to stay as it is."""
    node = function.node
    kind = function.kind
    if kind in ("module", "static-block", "field-init"):
        return refuse("not-found", handler, handler)
    if kind in ("getter", "setter", "constructor"):
        return refuse("accessor", handler, handler, kind)
    if function.is_generator:
        return refuse("generator", handler, handler)
    if function.uses_eval or function.uses_with:
        return refuse("dynamic-scope", handler, handler)
    # A plain function that uses `this` is moved only if the recording saw that it is undefined.
    if kind == "method" and function.uses_this:
        return refuse("uses-this", handler, handler)
    if kind == "method" and function.uses_super:
        return refuse("outer-activation", handler, handler, "super")
    refusal = static_refusal(view, function, handler)
    if refusal is not None:
        return refusal
    handed = handed_function(view, function)
    if handed is not None:
        return refuse("hands-function-over", handler, handler, handed)
    bound = bound_member(view, function)
    if bound is not None:
        return refuse("uses-process", handler, handler, bound)
    parent = view.parent(node)
    assert parent is not None
    if is_constructed(view, function):
        return refuse("constructed", handler, handler)
    if kind == "declaration":
        return Site(function, "declaration", node.range[0], node.range[1], node)
    if kind == "method":
        return method_site(view, function, parent, handler)
    return Site(function, "expression", node.range[0], node.range[1], node)


def is_constructed(view: FileView, function: FunctionInfo) -> bool:
    """Tell whether a function is called with `new`, where it stands or by the name that it is declared with."""
    node = function.node
    parent = view.parent(node)
    if parent is not None and parent.type == "NewExpression" and parent.callee is node:
        return True
    name = node.id if node.type == "FunctionDeclaration" else None
    if parent is not None and parent.type == "VariableDeclarator":
        name = parent.id
    binding = view.scopes.binding_at(name.range[0]) if name is not None else None
    for reference in binding.references if binding is not None else ():
        identifier = view.identifier_at(reference.start)
        around = view.parent(identifier) if identifier is not None else None
        if around is not None and around.type == "NewExpression" and around.callee is identifier:
            return True
    return False


def method_site(view: FileView, function: FunctionInfo, member: Node, handler: str) -> Site | Refusal:
    """Find the site of a method of a class or of an object literal."""
    start, end = member.range
    if member.type == "MethodDefinition":
        return _class_method_site(view, function, member, handler)
    if member.computed:
        return refuse("method-key", handler, handler, "computed")
    if member_key(view, member) in ("__proto__", "'__proto__'", '"__proto__"'):
        return refuse("method-key", handler, handler, "__proto__")
    return Site(function, "method", start, end, member)


def _class_method_site(view: FileView, function: FunctionInfo, member: Node, handler: str) -> Site | Refusal:
    def no(detail: str) -> Refusal:
        return refuse("class-method", handler, handler, detail)

    if member.computed or member.key.type == "PrivateIdentifier":
        return no("its key is computed or private")
    if getattr(member, "decorators", None):
        return no("it has decorators")
    body = view.parent(member)
    owner = view.parent(body) if body is not None else None
    if owner is None or owner.type != "ClassDeclaration" or owner.id is None:
        return no("the class has no declaration with a name")
    around = view.parent(owner)
    if around is None or around.type not in ("Program", "ExportNamedDeclaration", "ExportDefaultDeclaration"):
        return no("the class stands inside a function or block")
    binding = view.scopes.binding_at(owner.id.range[0])
    if binding is None or binding.reassigned:
        return no("its name is assigned again")
    key = member_key(view, member)
    same = [
        other
        for other in owner.body.body
        if other.key is not None
        and not other.computed
        and member_key(view, other) == key
        and bool(other.static) == bool(member.static)
    ]
    if len(same) > 1:
        return no("it is declared twice")
    return Site(function, "class-method", member.range[0], member.range[1], member)


def member_key(view: FileView, member: Node) -> str:
    """Return a property's key as it is written."""
    start, end = member.key.range
    return view.text[start:end]


def member_access(view: FileView, member: Node) -> str:
    """Write the access to the property that a member with a plain key defines."""
    key = member_key(view, member)
    return f".{key}" if member.key.type == "Identifier" else f"[{key}]"


def outer_activation_refusal(view: FileView, function: FunctionInfo, handler: str) -> Refusal | None:
    """Refuse to take a function out of the functions around it if it needs their activation."""
    if function.kind == "arrow":
        for used, word in (
            (function.uses_this, "this"),
            (function.uses_arguments, "arguments"),
            (function.uses_super, "super"),
            (function.uses_new_target, "new.target"),
        ):
            if used:
                return refuse("outer-activation", handler, handler, word)
    foreign = _foreign_private_name(view, function.node)
    return refuse("private-name", handler, handler, foreign) if foreign else None


def _foreign_private_name(view: FileView, node: Node) -> str:
    """Return a private name that is used in `node` but not declared by a class inside it."""
    for inner in walk(node):
        if inner.type != "PrivateIdentifier":
            continue
        declared = False
        for outer in view.ancestors(inner):
            if outer.type == "ClassBody":
                declared = any(
                    member.key is not None and member.key.type == "PrivateIdentifier" and member.key.name == inner.name
                    for member in outer.body
                )
            if declared or outer is node:
                break
        if not declared:
            return str(inner.name)
    return ""


def block_of(view: FileView, declaration: Node) -> Node | None:
    """Return the Program or BlockStatement whose start a function declaration is hoisted to."""
    parent = view.parent(declaration)
    if parent is not None and parent.type in ("ExportNamedDeclaration", "ExportDefaultDeclaration"):
        parent = view.parent(parent)
    return parent if parent is not None and parent.type in ("Program", "BlockStatement") else None


def is_function_body(view: FileView, block: Node) -> bool:
    """Tell whether a block is the body of a function."""
    parent = view.parent(block)
    return parent is not None and parent.type in FUNCTION_TYPES
