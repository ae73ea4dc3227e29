"""Optional chains: `a?.b.c` becomes a conditional, where each link has an object that a probe can see.

A probe around `a?.b` would end the chain too early, so that `.c` failed where the whole chain gives
`undefined`. Hence `a?.b.c` is rewritten to `(($px1=a)==null?void 0:$px1.b.c)` where something follows the
optional link; the probes then stand as they do elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipetrace.javascript.nodes import Node
from pipetrace.javascript.trivia import find_token

if TYPE_CHECKING:
    from pipetrace.tracer.instrument_walk import Walk

_BASES = frozenset({"Identifier", "ThisExpression", "MemberExpression", "CallExpression", "AwaitExpression"})


class Chains:
    """The optional links of one file that were made conditionals."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.names: dict[int, str] = {}
        """By id of an optional link: the temporary that holds its object."""
        self._fronts: dict[int, list[str]] = {}
        """By id of a link behind an optional one: the text to stand in front of it."""

    def begin(self, chain: Node, *, deletes: Node | None = None) -> list[Node]:
        """Make the optional links of a chain conditionals; return them, none where that is not needed or possible.

        `deletes` is the `delete` around the chain, which moves inside.
        """
        walk = self.walk
        links = _links(chain.expression)
        optional = [link for link in links if link.optional]
        first = links.index(optional[0])
        later = any(link.type == "MemberExpression" for link in links[first + 1 :])
        if (
            walk.bare
            or walk.quiet
            or not (later or deletes is not None)
            or not all(_can_split(link) for link in optional)
        ):
            return []
        otherwise = "void 0" if deletes is None else "true"
        if deletes is not None:
            walk.edits.replace(deletes.range[0], deletes.range[0] + len("delete"), "")
        fronts: list[str] | None = None
        position = 0
        for link in links:
            if link.optional:
                name = walk.temporary(2 * walk.depth + 1)
                walk.depth += 1
                opening = f"(({name}="
                if fronts is None:
                    walk.edits.insert(_object(links[0]).range[0], opening)
                else:
                    fronts.append(opening)
                fronts = [f")==null?{otherwise}:"]
                position += 1
                if deletes is not None and position == len(optional):
                    fronts.append("delete ")
                self.names[id(link)] = name
            if fronts is not None:
                self._fronts[id(link)] = fronts
        return optional

    def front(self, node: Node, text: str) -> bool:
        """Keep text to stand in front of a node behind an optional link; False for other nodes."""
        fronts = self._fronts.get(id(node))
        if fronts is None:
            return False
        fronts.append(text)
        return True

    def is_behind(self, node: Node) -> bool:
        """Whether an optional link that was made a conditional stands in front of a node, or is it."""
        return id(node) in self._fronts

    def name_of(self, link: Node) -> str | None:
        """Return the temporary that holds the object of an optional link that was made a conditional."""
        return self.names.get(id(link))

    def put(self, link: Node, text: str) -> None:
        """Replace the `?.` of a link by the conditional and the text of its object."""
        walk = self.walk
        held = _object(link)
        end = _end(walk.text, held, link)
        at = find_token(walk.text, end, "?.")
        dot = "." if link.type == "MemberExpression" and not link.computed else ""
        walk.edits.replace(at, at + 2, "".join(self._fronts[id(link)]) + text + dot)

    def end(self, chain: Node, optional: list[Node]) -> None:
        """Close the conditionals of a chain."""
        self.walk.edits.insert(chain.range[1], ")" * len(optional))
        self.walk.depth -= len(optional)


def _links(node: Node) -> list[Node]:
    """The member accesses and calls of a chain, first to last."""
    found: list[Node] = []
    while node.type in ("MemberExpression", "CallExpression"):
        found.append(node)
        node = _object(node)
    return found[::-1]


def _object(link: Node) -> Node:
    return link.object if link.type == "MemberExpression" else link.callee


def _can_split(link: Node) -> bool:
    held = _object(link)
    if link.type == "CallExpression" and held.type != "Identifier":
        return False  # the call needs the object of its callee
    return held.type in _BASES and not (held.type == "Identifier" and held.name == "eval")


def _end(text: str, node: Node, within: Node) -> int:
    """Return the end of a node with the parentheses around it."""
    end: int = node.range[1]
    for _ in range(text[within.range[0] : node.range[0]].count("(")):
        end = find_token(text, end, ")") + 1
    return end
