"""Causal trees: the invocations of many chains of one event, merged by the handlers that they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pipetrace.report.model import CausalNode
from pipetrace.report.queries import FunctionRow, InvocationRow

MAXIMUM_NODES = 400
MAXIMUM_DEPTH = 60


@dataclass(slots=True)
class _Node:
    function_id: int
    kind: str
    parent: _Node | None
    depth: int
    calls: int = 0
    cpu_us: float = 0.0
    again: bool = False
    children: dict[int, _Node] = field(default_factory=dict)


def merge_chains(
    invocations: Iterable[InvocationRow],
    functions: dict[int, FunctionRow],
    handler_id: Callable[[int], str],
    stage_of: Callable[[int], str | None],
    home: str,
) -> tuple[tuple[CausalNode, ...], int]:
    """Merge chains of one event into a tree, and count them.

    Invocations come ordered by chain and start. The part of a function after an ``await`` belongs to the call
    that it continues. A handler that brings itself about again is folded into its first appearance, so the
    tree of a timer that arms itself stays finite. ``stage_of`` names the stage where the plan puts a
    function, or None where it runs with its parent; ``home`` is the stage where events arrive.
    """
    roots: dict[int, _Node] = {}
    nodes: dict[int, _Node] = {}
    chains: set[int] = set()
    created = 0
    for row in invocations:
        chains.add(row.chain_id)
        if row.first_id is not None and row.first_id in nodes:
            node = nodes[row.first_id]
            node.cpu_us += row.cpu_us
            nodes[row.invocation_id] = node
            continue
        parent = nodes.get(row.parent_id) if row.parent_id is not None else None
        earlier = _same_function_above(parent, row.function_id)
        if earlier is not None:
            node, earlier.again = earlier, True
        else:
            siblings = parent.children if parent is not None else roots
            found = siblings.get(row.function_id)
            if found is None:
                depth = parent.depth + 1 if parent is not None else 0
                if created >= MAXIMUM_NODES or depth > MAXIMUM_DEPTH:
                    continue
                created += 1
                found = siblings[row.function_id] = _Node(row.function_id, row.kind, parent, depth)
            node = found
        node.calls += 1
        node.cpu_us += row.cpu_us
        nodes[row.invocation_id] = node
    number = max(len(chains), 1)

    def freeze(node: _Node, above: str) -> CausalNode:
        function = functions[node.function_id]
        stage = stage_of(node.function_id) or above
        return CausalNode(
            handler=handler_id(node.function_id),
            name=function.name or f"function@{function.line}",
            file=function.file,
            line=function.line,
            kind=node.kind,
            stage=stage,
            per_chain=node.calls / number,
            cpu_us=node.cpu_us / number,
            again=node.again,
            children=tuple(freeze(child, stage) for child in node.children.values()),
        )

    return tuple(freeze(node, home) for node in roots.values()), len(chains)


def walk(nodes: tuple[CausalNode, ...], depth: int = 0) -> Iterable[tuple[int, CausalNode]]:
    """Every node of a tree with its depth, a parent before its children."""
    for node in nodes:
        yield depth, node
        yield from walk(node.children, depth + 1)


def _same_function_above(node: _Node | None, function_id: int) -> _Node | None:
    while node is not None:
        if node.function_id == function_id:
            return node
        node = node.parent
    return None
