"""Bindings: the names at module level, so that the runtime can name the objects of the program by path.

`$pt.bindings({app: () => app})` on the last line: a function for each, because a name may still be without
a value then, or get another one.
"""

from __future__ import annotations

from pipetrace.javascript.nodes import Node
from pipetrace.javascript.scopes import Binding
from pipetrace.rewriter.context import FileContext
from pipetrace.rewriter.view import FileView


def register_bindings(context: FileContext) -> None:
    """Register all names of the module that can hold an object and cannot be found in another way."""
    names = [binding.name for binding in context.view.scopes.bindings if _worth_naming(context.view, binding)]
    if names:
        entries = ", ".join(f"{name}: () => {name}" for name in names)
        context.last(f"{context.pt}.bindings({{{entries}}});")


def makes_objects(view: FileView) -> bool:
    """Tell whether a module makes objects by a call, or classes, that it may not export.

    The application object of a server is one: without a name for it, requests that refer to it could
    not travel.
    """
    return any(
        binding.is_module_level and (binding.kind == "class" or _init_type(view, binding) in _MAKERS)
        for binding in view.scopes.bindings
        if _worth_naming(view, binding)
    )


_MAKERS = ("CallExpression", "NewExpression", "AwaitExpression")


def _worth_naming(view: FileView, binding: Binding) -> bool:
    if not binding.is_module_level or binding.name in ("__proto__", "default"):
        return False
    if view.is_module:
        return _init_type(view, binding) not in ("Literal", "TemplateLiteral")
    init = _init(view, binding)
    if init is None:
        return True
    if init.type in ("Literal", "TemplateLiteral"):
        return False
    # What require() returns is found in require.cache, or is built in.
    return not (
        init.type == "CallExpression"
        and init.callee.type == "Identifier"
        and init.callee.name == "require"
        and not binding.destructured
        and not binding.reassigned
    )


def _init(view: FileView, binding: Binding) -> Node | None:
    identifier = view.identifier_at(binding.declaration_start)
    parent = view.parent(identifier) if identifier is not None else None
    return parent.init if parent is not None and parent.type == "VariableDeclarator" else None


def _init_type(view: FileView, binding: Binding) -> str:
    init = _init(view, binding)
    return str(init.type) if init is not None else ""
