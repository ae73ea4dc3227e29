"""Kernel: a call is cut out of its function, which waits for it, and everything else stays.

Before: `const html = markdown.render(text)`. After: `const html = await $kernel1(text)`, and at the end of the file
`function $kernel1(...args) { return markdown.render(...args); }`, which every stage has. A function that was not
async becomes `$pt.steps(async …)`, which keeps what its caller sees: nothing returned, and errors where they went.
"""

from __future__ import annotations

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.kernel_run import KernelRun
from pipetrace.javascript.kernel_runs import kernel_runs
from pipetrace.javascript.kernels import KernelSite, kernel_sites, needs_parentheses
from pipetrace.javascript.nodes import Node, walk
from pipetrace.rewriter.context import FileContext
from pipetrace.rewriter.kernel_run import cut_run
from pipetrace.rewriter.orders import HandlerOrder
from pipetrace.rewriter.refusals import Refusal, refuse
from pipetrace.rewriter.site import Site, is_constructed, member_access, member_key, method_site
from pipetrace.rewriter.view import FileView, inferred_name
from pipetrace.rewriter.wrap import assign_declaration, wrap_refusal


def find_kernel(view: FileView, order: HandlerOrder) -> KernelSite | KernelRun | None:
    """Return the call or run of calls that an order means, by its key or else by its place."""
    parts = (view.parsed, view.scopes, view.functions)
    sites: list[KernelSite | KernelRun] = [*kernel_sites(*parts), *kernel_runs(*parts)]
    by_key = [site for site in sites if site.key == order.key]
    if len(by_key) == 1:
        return by_key[0]
    return next((site for site in by_key or sites if (site.start, site.end) == (order.start, order.end)), None)


def kernel_site(view: FileView, kernel: KernelSite | KernelRun, order: HandlerOrder) -> Site | Refusal:
    """Return the site of the function around a kernel, or why it cannot wait for the call."""
    function = view.functions[kernel.function]
    site = _function_site(view, function, order.id)
    if isinstance(site, Refusal) or function.is_async or order.wait == "none":
        return site
    if order.wait != "async":
        return refuse("not-async", order.id, order.id, order.wait)
    if is_constructed(view, function):
        return refuse("constructed", order.id, order.id)
    return wrap_refusal(view, site, order.id) or site


def _function_site(view: FileView, function: FunctionInfo, handler: str) -> Site | Refusal:
    node = function.node
    if function.kind == "declaration":
        return Site(function, "declaration", node.range[0], node.range[1], node)
    if function.kind == "method":
        parent = view.parent(node)
        assert parent is not None
        found = method_site(view, function, parent, handler)
        if isinstance(found, Refusal) and function.is_async:
            return Site(function, "method", parent.range[0], parent.range[1], parent)
        return found
    return Site(function, "expression", node.range[0], node.range[1], node)


def cut(
    context: FileContext, site: Site, kernel: KernelSite | KernelRun, order: HandlerOrder, made_async: set[int]
) -> None:
    """Have the function call the kernel; `made_async` are the functions that wait already."""
    if order.wait != "none" and not site.function.is_async and site.function.index not in made_async:
        made_async.add(site.function.index)
        _make_async(context, site, order.id)
    if isinstance(kernel, KernelRun):
        cut_run(context, site, kernel, order.id, order.wait)
    else:
        _cut_call(context, site, kernel, order)


def _cut_call(context: FileContext, site: Site, kernel: KernelSite, order: HandlerOrder) -> None:
    view, surgery = context.view, context.surgery
    name = context.kernel_name()
    callee = view.text[kernel.start : kernel.callee_end]
    if order.wait == "none":
        surgery.replace(order.id, kernel.start, kernel.callee_end, name)
    else:
        call = next(
            node
            for node in walk(site.function.node)
            if node.type == "CallExpression" and tuple(node.range) == (kernel.start, kernel.end)
        )
        opening, closing = ("(", ")") if needs_parentheses(call, view.parent(call)) else ("", "")
        surgery.replace(order.id, kernel.start, kernel.callee_end, f"{opening}await {name}")
        if closing:
            surgery.insert(order.id, kernel.end, closing)
    context.last_of(order.id, f"function {name}(...args) {{ return {callee}(...args); }}")
    context.first(order.id, f"{name} = {context.call('kernel', context.string(order.id), name)};")


def _make_async(context: FileContext, site: Site, tag: str) -> None:
    view, surgery, node = context.view, context.surgery, site.node
    if site.form == "expression":
        name = inferred_name(view, node)
        after = f", {context.string(name)})" if name else ")"
        surgery.wrap(tag, site.start, site.end, f"{context.pt}.steps(async ", after)
    elif site.form == "method":
        key, access = member_key(view, node), member_access(view, node)
        before = f"{key}: {context.pt}.steps({{ async "
        surgery.wrap(tag, site.start, site.end, before, f" }}{access})")
    elif site.form == "class-method":
        body = view.parent(node)
        owner: Node = view.parent(body) if body is not None else None
        holder = owner.id.name if node.static else f"{owner.id.name}.prototype"
        target = holder + member_access(view, node)
        surgery.insert(tag, node.key.range[0], "async ")
        surgery.insert(tag, owner.range[1], f" {target} = {context.call('steps', target)};")
    else:
        surgery.insert(tag, node.range[0], "async ")
        assign_declaration(context, node, tag, "steps")
