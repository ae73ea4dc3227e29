"""What is inserted into a function of a running application, in the forms that a live edit survives.

The helpers' names share no character with ordinary source, calls are tagged templates, and nothing is put right
in front of a function or at the end of one, so that the engine's difference stays unique (see livedit_model.py).
No form adds a line break or a variable that closures could capture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.nodes import FUNCTION_TYPES, Node, code_children
from pipetrace.javascript.parse import ParsedFile
from pipetrace.javascript.trivia import with_parentheses
from pipetrace.tracer.instrument_plan import Plan, identifiers

MARK = "\u0195"
"""The local variable, and the first letter of all helpers."""
ENTER, ENTER_PROMISE, EXIT, LEAVE, RESUME, CAUGHT, RETURN, HIT, HIT_PROMISE, CALL = (
    MARK + letter for letter in "\ua4d0\ua4d1\ua4d2\ua4d3\ua4d4\ua4d5\ua4d6\ua4d7\ua4d8\ua4d9"
)
_DIGITS = "\ua4da\ua4db\ua4dc\ua4dd\ua4de\ua4df\ua4e0\ua4e1\ua4e2\ua4e3\ua4e4\ua4e5\ua4e6\ua4e7\ua4e8\ua4e9"
_GAP = "\u00a0"
"""White space that hardly stands in source."""
FOREIGN = re.compile(f"[{MARK}\ua4d0-\ua4e9]")

Form = Literal["using", "try", "return", "call", "hit", "none"]
"""`using` and `try` see every exit; `return` and `call` all but exceptions; `hit` only entries."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """A text to insert; `order` as in javascript/edits.py."""

    offset: int
    text: str
    order: int = 0


def helper(role: str, number: int) -> str:
    """Name the helper of one function."""
    digits = ""
    while True:
        digits = _DIGITS[number % 16] + digits
        number //= 16
        if not number:
            return role + digits


def forms_of(
    text: str, info: FunctionInfo, functions: Sequence[FunctionInfo], plan: Plan, *, using: bool
) -> tuple[Form, ...]:
    """Return the forms that fit a function, the best first; ("none",) when none does."""
    shape = plan.shapes[info.index]
    if shape == "none" or shape == "generator" or info.uses_eval or info.uses_with:
        return ("none",)
    if info.is_generator or (info.is_async and any(_suspends_otherwise(node) for node in own_nodes(info.node))):
        return ("none",)
    if info.expression_body:
        closed = text[info.body_end - 1] == ")" and not _awaits(info)
        return ("call", "hit", "none") if closed else ("hit", "none")
    found: list[Form] = []
    inner = any(other.parent == info.index for other in functions)
    if not (inner and _adds_scope(info)):
        if using:
            found.append("using")
        if not _declares_lexically(info) or (not inner and not _declares_function(info)):
            found.append("try")
        found.append("return")
    return (*found, "hit", "none") if not _awaits(info) else (*found, "none")


def why_not(info: FunctionInfo) -> str:
    """Say why a function that calls could be seen of cannot be instrumented at all; '' when it can."""
    if info.uses_eval or info.uses_with:
        return "it uses eval or with"
    if info.is_generator:
        return "it is a generator"
    if info.is_async and any(_suspends_otherwise(node) for node in own_nodes(info.node)):
        return "it suspends in `for await` or `await using`"
    return ""


def insertions(parsed: ParsedFile, info: FunctionInfo, form: Form, number: int) -> list[Insertion]:
    """Return what a form inserts into a function whose id in the trace is `number`."""
    if form == "none":
        return []
    promise = info.is_async or info.returns_promise
    enter = f"{helper(ENTER_PROMISE if promise else ENTER, number)}``"
    if info.expression_body:
        return _concise(parsed.text, info, form, enter, number, promise)
    has_directives = parsed.text[info.body_start + 1 : info.statements_start].strip() != ""
    head = ";" if has_directives else ""
    at = info.statements_start
    if form == "hit":
        return [Insertion(at, f"{head}{helper(HIT_PROMISE if promise else HIT, number)}``;")]
    keyword, opening = "using" if form == "using" else "let", "try{" if form == "try" else ""
    found = [Insertion(at, f"{head}{keyword} {MARK}={enter};{opening}")]
    end = _last_place(info)
    if form == "try":
        found.append(Insertion(end, f"}}finally{{{EXIT}`${{{MARK}}}`}}", order=9))
    elif form == "return" and not _ends_by_jump(info):
        found.append(Insertion(end, f";{RETURN}`${{{MARK}}}`;", order=9))
    for node in own_nodes(info.node.body):
        if node.type == "ReturnStatement" and form == "return":
            found += _return(parsed.text, node)
        elif node.type == "AwaitExpression":
            found += _await(parsed.text, node)
        elif info.is_async and node.type == "CatchClause":
            found.append(Insertion(node.body.range[0] + 1, f"{CAUGHT}`${{{MARK}}}`;"))
        elif info.is_async and node.type == "TryStatement" and node.finalizer is not None:
            found.append(Insertion(node.finalizer.range[0] + 1, f"{CAUGHT}`${{{MARK}}}`;"))
    return found


def own_nodes(root: Node) -> Iterator[Node]:
    """Yield the nodes of a function's own code, without those of functions in it."""
    stack = list(reversed(code_children(root)))
    while stack:
        node = stack.pop()
        if node.type in FUNCTION_TYPES:
            continue
        yield node
        if node.type in ("ClassDeclaration", "ClassExpression"):
            stack.extend(_class_parts(node))
        else:
            stack.extend(reversed(code_children(node)))


def _class_parts(node: Node) -> list[Node]:
    """Return what a class evaluates in the code around it: its heritage and computed keys."""
    keys = [member.key for member in node.body.body if member.type != "StaticBlock" and member.computed]
    return [part for part in (node.superClass, *keys) if part is not None]


def _concise(text: str, info: FunctionInfo, form: Form, enter: str, number: int, promise: bool) -> list[Insertion]:
    arrow = text.rfind("=>", info.start, info.body_start) + 2
    at = arrow if not text[arrow : info.body_start].strip() else info.body_start
    if form == "call":
        return [Insertion(at, f"{_GAP}{CALL}({enter},", order=-9), Insertion(info.body_end, ")", order=-9)]
    return [Insertion(at, f"{_GAP}{helper(HIT_PROMISE if promise else HIT, number)}``?0:", order=-9)]


def _return(text: str, node: Node) -> list[Insertion]:
    after = node.range[0] + len("return")
    if node.argument is None:
        return [Insertion(after, f"{_GAP}{RETURN}`${{{MARK}}}`", order=-9)]
    end = with_parentheses(text, after, *node.argument.range)[1]
    if ends_with_function(node.argument):
        return [Insertion(after, f"{_GAP}{RETURN}`${{{MARK}}}`?0:", order=-9)]
    return [Insertion(after, f"{_GAP}{RETURN}`${{{MARK}}}${{", order=-9), Insertion(end, "}`", order=8)]


def _await(text: str, node: Node) -> list[Insertion]:
    after = node.range[0] + len("await")
    end = node.range[1]
    return [
        Insertion(node.range[0], f"{RESUME}`${{{MARK}}}${{"),
        Insertion(after, f"{_GAP}{LEAVE}`${{{MARK}}}${{", order=-9),
        Insertion(end, "}`}`", order=-8),
    ]


def ends_with_function(node: Node) -> bool:
    """Whether the text of an expression ends where a function in it ends."""
    end = node.range[1]
    while node.range[1] == end:
        if node.type in FUNCTION_TYPES:
            return True
        inside = [child for child in code_children(node) if child.range[1] == end]
        if not inside:
            return False
        node = inside[-1]
    return False


def _awaits(info: FunctionInfo) -> bool:
    return any(node.type == "AwaitExpression" for node in own_nodes(info.node))


def _suspends_otherwise(node: Node) -> bool:
    if node.type == "ForOfStatement":
        return bool(node.allowAwait)
    return bool(node.type == "VariableDeclaration" and node.kind == "await using")


def _last_place(info: FunctionInfo) -> int:
    """Return where text at the end of a body stands best: far from the brace, which the differ confuses with others."""
    statements = info.node.body.body
    if not statements or statements[-1].directive is not None or ends_with_function(statements[-1]):
        return info.body_end - 1
    return int(statements[-1].range[1])


def _ends_by_jump(info: FunctionInfo) -> bool:
    statements = info.node.body.body
    return bool(statements) and statements[-1].type in ("ReturnStatement", "ThrowStatement")


def _declares_lexically(info: FunctionInfo) -> bool:
    """Whether a block around the body would become a scope."""
    return _declares_function(info) or any(
        statement.type == "ClassDeclaration" or (statement.type == "VariableDeclaration" and statement.kind != "var")
        for statement in info.node.body.body
    )


def _declares_function(info: FunctionInfo) -> bool:
    return any(statement.type == "FunctionDeclaration" for statement in info.node.body.body)


def _adds_scope(info: FunctionInfo) -> bool:
    """Whether a variable in the body gives it a scope of its own: with parameters that are no plain names."""
    if all(param.type == "Identifier" for param in info.node.params):
        return False
    for node in own_nodes(info.node.body):
        if node.type == "VariableDeclaration" and any(identifiers(one.id) for one in node.declarations):
            return False
    return not _declares_lexically(info)
