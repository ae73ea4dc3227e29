"""Where the parts of a function begin and end in the text, where the tree does not say it."""

from __future__ import annotations

from pipetrace.javascript.nodes import Node
from pipetrace.javascript.trivia import find_token


def has_use_strict(statements: list[Node]) -> bool:
    """Tell whether the directives at the start of a body make it strict."""
    for statement in statements:
        directive = statement.directive
        if directive is None:
            return False
        if directive == "use strict":
            return True
    return False


def after_directives(statements: list[Node], start: int) -> int:
    """Return the end of the last directive of a body whose statements begin at `start`."""
    end = start
    for statement in statements:
        if statement.directive is None:
            break
        end = statement.range[1]
    return end


def module_head(text: str) -> int:
    """Return where code may begin: behind the byte order mark and the shebang line."""
    start = 1 if text.startswith("\ufeff") else 0
    if not text.startswith("#!", start):
        return start
    end = start
    while end < len(text) and text[end] not in "\n\r\u2028\u2029":
        end += 1
    return min(len(text), end + (2 if text.startswith("\r\n", end) else 1))


def find_params(text: str, node: Node) -> int:
    """Return the offset of the `(` of the parameters, or the start of an arrow function."""
    start: int = node.range[0]
    if node.type == "ArrowFunctionExpression":
        return start
    return find_token(text, start if node.id is None else node.id.range[1], "(")


def key_end(text: str, member: Node) -> int:
    """Return the end of a class member's key, with the bracket of a computed one."""
    end: int = member.key.range[1]
    return find_token(text, end, "]") + 1 if member.computed else end


def declared_length(params: list[Node]) -> int:
    """Count parameters up to the first with a default or rest, like `fn.length`."""
    count = 0
    for param in params:
        if param.type in ("AssignmentPattern", "RestElement"):
            break
        count += 1
    return count
