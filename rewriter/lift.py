"""Lift: a handler inside another function gets a factory at module level, which every stage has.

Before: `return (req, res) => {…dir…}`. After: `return $pt.lifted('<id>', () => [dir], (req, res) => {…dir…})`. When the
file is loaded, `function $lift1(dir) { return (req, res) => {…dir…}; }` is put to its end: from it a stage makes the
handler with the values that come with a call. They are read when the handler is called, not when it is made.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import FUNCTION_TYPES, LOOP_TYPES, Node
from pipetrace.javascript.scopes import Binding, Capture
from pipetrace.rewriter.context import LOADED, FileContext
from pipetrace.rewriter.refusals import Refusal, refuse
from pipetrace.rewriter.site import (
    Site,
    block_of,
    is_function_body,
    member_access,
    outer_activation_refusal,
)
from pipetrace.rewriter.view import FileView, inferred_name
from pipetrace.rewriter.wrap import wrap_as, wrap_refusal


def needs_lift(view: FileView, site: Site) -> bool:
    """Tell whether a handler must be lifted: it stands inside a function, or captures a block's names.

    A handler made while another function runs would be unknown on stages where that never ran.
    """
    return site.function.parent != 0 or bool(local_captures(view, site))


def local_captures(view: FileView, site: Site) -> list[Capture]:
    """Return the captures of a handler that are not at module level, its own name left out."""
    own = site.node.id.range[0] if site.form == "declaration" and site.node.id is not None else None
    return [
        capture
        for capture in view.scopes.captures(site.function.index)
        if not capture.is_module_level and capture.declaration_start != own
    ]


def lift_refusal(view: FileView, site: Site, handler: str) -> Refusal | None:
    """Say why a handler cannot be taken out of the function around it."""
    function = site.function
    if site.form == "class-method":
        return refuse("class-method", handler, handler, "it needs variables of a function or block")
    refusal = outer_activation_refusal(view, function, handler)
    if refusal is not None:
        return refusal
    if site.form == "declaration":
        refusal = wrap_refusal(view, site, handler) or _declaration_refusal(view, site, handler)
        if refusal is not None:
            return refusal
    for capture in local_captures(view, site):
        binding = view.scopes.bindings[capture.binding_id]
        if capture.writes:
            return refuse("capture-written", handler, handler, capture.name)
        if capture.kind == "class":
            return refuse("capture-class", handler, handler, capture.name)
        if capture.reassigned and not _settled_before(view, binding, site):
            return refuse("capture-reassigned", handler, handler, capture.name)
        if _result_used(view, binding, function):
            return refuse("capture-result", handler, handler, capture.name)
    return None


def _declaration_refusal(view: FileView, site: Site, handler: str) -> Refusal | None:
    block = block_of(view, site.node)
    if block is None or block.type == "Program" or is_function_body(view, block):
        return None
    if not site.function.strict:
        return refuse("declaration-place", handler, handler, "in a block of sloppy code")
    return None


def _settled_before(view: FileView, binding: Binding, site: Site) -> bool:
    """Tell whether all assignments to a variable are over when the handler is made.

    They stand before it in the same function, and no loop leads back from the handler to one of them.
    A declaration is made when its block begins, so for one nothing is settled.
    """
    if site.form == "declaration" or binding.kind == "function":
        return False
    writes = [reference for reference in binding.references if reference.mode != "r"]
    if any(write.function != binding.scope_function or write.start > site.start for write in writes):
        return False
    low, high = binding.scope_range
    for outer in view.ancestors(site.node):
        start, end = outer.range
        if start < low or end > high or (start, end) == (low, high):
            break
        if outer.type in LOOP_TYPES and any(start <= write.start < end for write in writes):
            return False
        if outer.type == "FunctionDeclaration":  # hoisted, so it may make the handler before the assignment
            return False
    return True


_ITERATIONS = frozenset(
    {"every", "filter", "find", "findIndex", "findLast", "findLastIndex", "flatMap", "forEach", "from", "map"}
    | {"reduce", "reduceRight", "replace", "replaceAll", "some", "sort", "toSorted"}
)
"""Methods of the language that call a function at once and use what it returns."""


def _result_used(view: FileView, binding: Binding, function: FunctionInfo) -> bool:
    """Tell whether the handler uses what a captured local function returns, other than by awaiting it."""
    if binding.kind != "function" and not _initialised_by_function(view, binding):
        return False
    for reference in binding.references:
        if not function.start <= reference.start < function.end:
            continue
        identifier = view.identifier_at(reference.start)
        call = view.parent(identifier) if identifier is not None else None
        if call is None or call.type not in ("CallExpression", "NewExpression"):
            continue
        if not reference.called:
            callee = call.callee
            if callee.type == "MemberExpression" and callee.property.name in _ITERATIONS:
                return True
        elif not _result_may_be_late(view, call, function):
            return True
    return False


def _result_may_be_late(view: FileView, call: Node, function: FunctionInfo) -> bool:
    """Tell whether a call's result is discarded, awaited, or the result of the handler itself."""
    around = view.parent(call)
    if around is None or call.type == "NewExpression":
        return False
    if around.type == "ReturnStatement":
        return next(outer for outer in view.ancestors(around) if outer.type in FUNCTION_TYPES) is function.node
    return around.type in ("ExpressionStatement", "AwaitExpression") or around is function.node


def _initialised_by_function(view: FileView, binding: Binding) -> bool:
    """Tell whether a variable's initialiser is a function, perhaps in parentheses."""
    if binding.init_range is None:
        return False
    start, end = binding.init_range
    return any(
        start <= function.start
        and function.end <= end
        and not view.text[start : function.start].strip("( \t\r\n")
        and not view.text[function.end : end].strip(") \t\r\n")
        for function in view.functions[1:]
    )


def capture_order(view: FileView, site: Site, planned: Sequence[str]) -> list[str]:
    """Return the names that the factory takes: those that the plan lists first, in its order."""
    captured = [capture.name for capture in local_captures(view, site)]
    names = [name for name in planned if name in captured]
    return names + [name for name in captured if name not in names]


def lift(context: FileContext, site: Site, handler: str, order: Sequence[str]) -> None:
    """Have calls sent with what the handler captures; `order` names the captures that the plan knows, in order."""
    view = context.view
    names = ", ".join(capture_order(view, site, order))
    quoted = context.string(handler)
    wrap_as(context, site, handler, "lifted", quoted, f"() => [{names}]")
    factory = context.lift_name()
    strict = ""
    if site.function.strict and not view.functions[0].strict:
        strict = context.string("use strict") + "; "
    before, after = f"function {factory}({names}) {{ {strict}return ", "; }"
    if site.form == "method":
        before, after = before + "{", f"}}{member_access(view, site.node)}{after}"
    context.surgery.copy(LOADED, site.start, site.end, before, after)
    name = inferred_name(view, site.node) if site.form == "expression" else ""
    named = [context.string(name)] if name else []
    context.first(LOADED, f"{context.call('factory', quoted, factory, *named)};")
