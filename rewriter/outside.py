"""Files outside of the package that its files name by a relative path: the copy names them by an absolute one."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pipetrace.javascript.nodes import Node, walk
from pipetrace.rewriter.context import HEAD, FileContext
from pipetrace.rewriter.view import FileView

_UPWARDS = re.compile(r"""['"]\.\.?/[^'"\n]*['"]""")


def may_lead_outside(text: str, path: str) -> bool:
    """Tell cheaply whether a text holds a relative path that leaves the package."""
    return any(_leaves(match[0][1:-1], path) for match in _UPWARDS.finditer(text))


def anchor_outside_paths(context: FileContext, root: Path) -> None:
    """Make the relative paths in `require` and `import` absolute that lead out of the package at `root`."""
    for literal in _specifiers(context.view):
        if not _leaves(literal.value, context.view.path):
            continue
        place = os.path.normpath(root / os.path.dirname(context.view.path) / literal.value)  # noqa: PTH120
        start, end = literal.range
        context.surgery.replace(HEAD, start, end, context.string(Path(place).as_posix()))


def _leaves(specifier: str, path: str) -> bool:
    if not specifier.startswith(("./", "../")):
        return False
    place = os.path.normpath(os.path.join(os.path.dirname(path), specifier))  # noqa: PTH118, PTH120
    return place.startswith("..")


def _specifiers(view: FileView) -> list[Node]:
    found: list[Node] = []
    for node in walk(view.parsed.tree):
        source: Node | None = None
        if node.type in ("ImportDeclaration", "ExportNamedDeclaration", "ExportAllDeclaration", "ImportExpression"):
            source = node.source
        elif node.type == "CallExpression" and node.arguments and _is_require(node.callee):
            source = node.arguments[0]
        if source is not None and source.type == "Literal" and isinstance(source.value, str):
            found.append(source)
    return found


def _is_require(callee: Node) -> bool:
    """Match `require(…)` and `require.resolve(…)`."""
    if callee.type == "MemberExpression":
        return bool(not callee.computed and callee.property.name == "resolve" and _is_require(callee.object))
    return bool(callee.type == "Identifier" and callee.name == "require")
