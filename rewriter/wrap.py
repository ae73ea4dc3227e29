"""Wrap: a handler that needs only what is at module level is replaced where it stands.

Before: `app.get('/', (req, res) => {…})`. After: `app.get('/', $pt.handler('<id>', (req, res) => {…}))`.
A function declaration keeps its text; its name is assigned anew on the module's first line, which holds
for exports too, because nothing of the module has run yet. A method of a literal becomes a property.
"""

from __future__ import annotations

from pipetrace.javascript.nodes import Node
from pipetrace.rewriter.context import FileContext
from pipetrace.rewriter.refusals import Refusal, refuse
from pipetrace.rewriter.site import Site, block_of, is_function_body, member_access, member_key
from pipetrace.rewriter.view import FileView, inferred_name


def wrap_refusal(view: FileView, site: Site, handler: str) -> Refusal | None:
    """Say why a handler cannot be wrapped where it stands."""
    node = site.function.node
    if site.form != "declaration":
        return None
    block = block_of(view, node)
    if block is None:
        return refuse("declaration-place", handler, handler, "that is the only statement of an if or label")
    if node.id is None:
        return None
    binding = view.scopes.binding_at(node.id.range[0])
    same = [
        statement
        for statement in block.body
        if _declared(statement) is not node and _declared_name(statement) == node.id.name
    ]
    if binding is None or same:
        return refuse("redeclared", handler, handler)
    return None


def wrap(context: FileContext, site: Site, handler: str) -> None:
    """Replace the handler by its stub, which is the function itself on the stage where it runs."""
    wrap_as(context, site, handler, "handler", context.string(handler))


def wrap_as(context: FileContext, site: Site, handler: str, method: str, *arguments: str) -> None:
    """Replace the handler where it stands by what a method of the runtime makes of it.

    `arguments` stand before the function in the call of that method.
    """
    view = context.view
    surgery = context.surgery
    opening = f"{context.pt}.{method}({', '.join(arguments)}, "
    if site.form == "expression":
        name = inferred_name(view, site.node)
        after = f", {context.string(name)})" if name else ")"
        surgery.wrap(handler, site.start, site.end, opening, after)
    elif site.form == "method":
        key, access = member_key(view, site.node), member_access(view, site.node)
        surgery.wrap(handler, site.start, site.end, f"{key}: {opening}{{", f"}}{access})")
    elif site.form == "class-method":
        body = view.parent(site.node)
        owner = view.parent(body) if body is not None else None
        assert owner is not None
        holder = owner.id.name if site.node.static else f"{owner.id.name}.prototype"
        target = holder + member_access(view, site.node)
        surgery.insert(handler, owner.range[1], f" {target} = {opening}{target});")
    else:
        assign_declaration(context, site.node, handler, method, *arguments)


def assign_declaration(context: FileContext, node: Node, tag: str, method: str, *arguments: str) -> None:
    """Give the name of a function declaration what a method of the runtime makes of the function.

    `arguments` stand before the function in the call of that method.
    """
    view = context.view
    block = block_of(view, node)
    assert block is not None
    if node.id is None:  # export default function () {…}
        name = view.fresh("$ptDefault")
        opening = view.text.index("(", node.range[0])
        context.surgery.insert(tag, opening, f" {name}" if view.text[opening - 1] not in " *" else name)
        statement = f"{name} = {context.call(method, *arguments, name, context.string('default'))};"
    else:
        name = node.id.name
        statement = f"{name} = {context.call(method, *arguments, name)};"
    if block.type == "Program":
        context.first(tag, statement)
    else:
        before, behind = context.around_assignments
        first_in_block(context, block, tag, f"{before}{statement}{behind}")


def first_in_block(context: FileContext, block: Node, tag: str, statement: str) -> None:
    """Have a statement run first in a block, behind its directives."""
    offset = block.range[0] + 1
    separator = " "
    if is_function_body(context.view, block):
        for child in block.body:
            if child.directive is None:
                break
            offset, separator = child.range[1], "; "
    context.surgery.insert(tag, offset, separator + statement)


def _declared(statement: Node) -> Node:
    return statement.declaration if statement.type.startswith("Export") and statement.declaration else statement


def _declared_name(statement: Node) -> str:
    declared = _declared(statement)
    return declared.id.name if declared.type == "FunctionDeclaration" and declared.id is not None else ""
