"""A run of kernels is cut out of its function: calls of which one is given what another returns.

Before: `const small = shrink(read(data), width); send(write(small))`. After: `const small = await
$kernel1(data, width); send(small)`, and at the end of the file `function $kernel1(data, width) { const small =
shrink(read(data), width); return write(small); }`. Where something is done between the first calls and the last one,
the last one's error has to wait for its turn: the kernel returns `$pt.outcome(() => write(small))`, and
`$pt.result(small)` stands for the call.
"""

from __future__ import annotations

from pipetrace.javascript.kernel_run import KernelRun, RunInput, run_body
from pipetrace.javascript.kernels import KernelSite, kernel_sites, needs_parentheses
from pipetrace.javascript.nodes import Node, walk
from pipetrace.rewriter.context import FileContext
from pipetrace.rewriter.site import Site
from pipetrace.rewriter.view import FileView


def cut_out_of(view: FileView, run: KernelRun) -> tuple[tuple[int, int], ...]:
    """Return the ranges of the callees of a run and of the module's names that they are given, which go with it."""
    names = tuple((start, end) for _, start, end in run.names)
    return (*((site.start, site.callee_end) for site in _members(view, run)), *names)


def cut_run(context: FileContext, site: Site, run: KernelRun, tag: str, wait: str) -> None:
    """Replace the calls of a run by one call of a kernel."""
    view, surgery = context.view, context.surgery
    name = context.kernel_name()
    last = _members(view, run)[-1]
    waiting = "" if wait == "none" else "await "
    opening, closing = "", ""
    if waiting and not run.declarations and needs_parentheses(*_with_parent(view, site, last)):
        opening, closing = "(", ")"
    _replace_head(context, run, tag, f"{opening}{waiting}{name}(", f"){closing}")
    if run.declarations:
        first, shown = run.declarations[0], run.declarations[-1]
        result = view.text[shown[2] : shown[3]]
        if len(run.declarations) > 1:
            surgery.replace(tag, first[2], first[3], result)
            surgery.replace(tag, first[1], shown[1], "")
        surgery.replace(tag, last.start, last.end, context.call("result", result) if run.boxed else result)
    body = run_body(view.text, run, kernel_sites(view.parsed, view.scopes, view.functions))
    if run.boxed:
        head, _, value = body.rpartition("return ")
        body = f"{head}return {context.call('outcome', f'() => {value[:-1]}')};"
    parameters = ", ".join(one.name for one in run.inputs)
    context.last_of(tag, f"function {name}({parameters}) {{ {body} }}")
    context.first(tag, f"{name} = {context.call('kernel', context.string(tag), name)};")


def _replace_head(context: FileContext, run: KernelRun, tag: str, before: str, after: str) -> None:
    """Put a call of the kernel in the place of the first calls, around what they are given where it stands."""
    view, surgery = context.view, context.surgery
    start, end = run.head

    def stays(one: RunInput) -> bool:
        return start <= one.start and one.end <= end

    at, text = start, before
    # What is given stays where it is, so that guards in it do too; names from further down come behind it.
    for one in run.inputs:
        if stays(one):
            surgery.replace(tag, at, one.start, text)
            at, text = one.end, ", "
    names = ", ".join(view.text[one.start : one.end] for one in run.inputs if not stays(one))
    if names:
        after = f"{text}{names}{after}"
    elif at == start:
        after = before + after
    surgery.replace(tag, at, end, after)


def _members(view: FileView, run: KernelRun) -> list[KernelSite]:
    sites = kernel_sites(view.parsed, view.scopes, view.functions)
    return [sites[member] for member in run.members]


def _with_parent(view: FileView, site: Site, last: KernelSite) -> tuple[Node, Node | None]:
    call = next(
        node
        for node in walk(site.function.node)
        if node.type == "CallExpression" and tuple(node.range) == (last.start, last.end)
    )
    return call, view.parent(call)
