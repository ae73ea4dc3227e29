"""What a handler asks of, or does to, the process itself: on another stage it would be another process."""

from __future__ import annotations

from collections.abc import Iterable

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import Node, walk
from pipetrace.rewriter.view import FileView

_BOUND = frozenset(
    {
        "abort", "addListener", "chdir", "cpuUsage", "disconnect", "emit", "emitWarning", "exitCode",
        "initgroups", "kill", "listenerCount", "listeners", "memoryUsage", "off", "on", "once", "prependListener",
        "prependOnceListener", "removeAllListeners", "removeListener", "resourceUsage", "send", "setegid",
        "seteuid", "setgid", "setgroups", "setuid", "title", "umask", "uptime",
    }
)  # fmt: skip
"""Members of `process` whose meaning depends on which process it is; those not listed are forwarded or the same."""
_CHANGING = frozenset({"assign", "defineProperty", "deleteProperty", "set"})


def bound_member(view: FileView, function: FunctionInfo) -> str | None:
    """The member of `process` that holds a handler back, or a function of its file that it could call; else None."""
    for member in _members(view, _reachable(view, function)):
        name = _name_of(member)
        if name in _BOUND:
            return f"process.{name}"
        if name == "env" and _is_written(view, member):
            return "process.env"
    return None


def writes_environment(view: FileView) -> bool:
    """Whether a function of a file changes the environment, which others then read anew."""
    functions = (function for function in view.functions if function.kind != "module")
    return any(
        _name_of(member) == "env" and _is_written(view, member)
        for member in _members(view, [function.node for function in functions if function.parent == 0])
    )


def reads_environment(view: FileView, function: FunctionInfo) -> bool:
    """Whether a handler, or a function of its file that it could call, uses the environment."""
    return any(_name_of(member) == "env" for member in _members(view, _reachable(view, function)))


def _reachable(view: FileView, function: FunctionInfo) -> list[Node]:
    return [view.functions[index].node for index in sorted(view.scopes.reachable_functions(function.index))]


def _members(view: FileView, roots: Iterable[Node]) -> Iterable[Node]:
    """Every `process.…` in some functions, where `process` is the global one."""
    for root in roots:
        for node in walk(root):
            if (
                node.type == "MemberExpression"
                and node.object.type == "Identifier"
                and node.object.name == "process"
                and view.scopes.binding_at(node.object.range[0]) is None
            ):
                yield node


def _name_of(member: Node) -> str:
    key = member.property
    if not member.computed and key.type == "Identifier":
        return str(key.name)
    return str(key.value) if key.type == "Literal" else ""


def _is_written(view: FileView, member: Node) -> bool:
    """Whether `process.env` is assigned, or something in it is assigned or deleted."""
    target, around = member, view.parent(member)
    while around is not None and around.type == "MemberExpression" and around.object is target:
        target, around = around, view.parent(around)
    if around is None:
        return False
    if around.type == "AssignmentExpression":
        return bool(around.left is target)
    if around.type == "UpdateExpression" or (around.type == "UnaryExpression" and around.operator == "delete"):
        return True
    called = around.type == "CallExpression" and around.arguments and around.arguments[0] is target
    if not called or around.callee.type != "MemberExpression" or around.callee.object.type != "Identifier":
        return False
    return around.callee.object.name in ("Object", "Reflect") and _name_of(around.callee) in _CHANGING
