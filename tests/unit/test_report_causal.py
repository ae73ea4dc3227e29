"""How the chains of an event become one tree."""

from __future__ import annotations

from pipetrace.report.causal import MAXIMUM_DEPTH, merge_chains, walk
from pipetrace.report.model import CausalNode
from pipetrace.report.queries import FunctionRow, InvocationRow

A, B, C = 1, 2, 3
NAMES = {number: f"app.js#{name}" for number, name in ((A, "a"), (B, "b"), (C, "c"))}
FUNCTIONS = {
    number: FunctionRow(number, "app.js", "function", name, f"key-{number}", number * 10, number * 10 + 5)
    for number, name in ((A, "a"), (B, "b"), (C, "c"))
}


def _row(
    number: int, function: int, parent: int | None = None, *, chain: int = 1, first: int | None = None, cpu: float = 1.0
) -> InvocationRow:
    return InvocationRow(("http", "GET /"), chain, number, parent, first, function, "handler", cpu)


def _merge(rows: list[InvocationRow], stages: dict[int, str] | None = None) -> tuple[CausalNode, ...]:
    tree, _ = merge_chains(rows, FUNCTIONS, NAMES.__getitem__, (stages or {}).get, "entry")
    return tree


def _drawn(tree: tuple[CausalNode, ...]) -> list[str]:
    return [
        f"{'.' * depth}{node.name} x{node.per_chain:g} {node.cpu_us:g}{' again' if node.again else ''}"
        for depth, node in walk(tree)
    ]


def test_chains_are_merged_by_their_handlers() -> None:
    rows = [_row(1, A), _row(2, B, 1), _row(3, A, chain=3, cpu=3.0), _row(4, B, 3, chain=3), _row(5, B, 3, chain=3)]
    assert _drawn(_merge(rows)) == ["a x1 2", ".b x1.5 1.5"]


def test_what_follows_an_await_belongs_to_its_call() -> None:
    rows = [_row(1, A), _row(2, B, 1), _row(3, A, 2, first=1, cpu=5.0), _row(4, C, 3)]
    assert _drawn(_merge(rows)) == ["a x1 6", ".b x1 1", ".c x1 1"]


def test_a_timer_that_arms_itself_is_one_node() -> None:
    rows = [_row(1, A), *(_row(number, A, number - 1) for number in range(2, 200))]
    assert _drawn(_merge(rows)) == ["a x199 199 again"]


def test_two_handlers_that_cause_each_other_stay_finite() -> None:
    rows = [_row(1, A), *(_row(number, B if number % 2 == 0 else A, number - 1) for number in range(2, 100))]
    assert _drawn(_merge(rows)) == ["a x50 50 again", ".b x49 49"]


def test_depth_is_bounded() -> None:
    functions = {number: FUNCTIONS[A]._replace(function_id=number) for number in range(200)}
    rows = [_row(1, 0), *(_row(number + 1, number, number) for number in range(1, 200))]
    tree, chains = merge_chains(rows, functions, lambda number: f"f{number}", lambda number: None, "")
    assert chains == 1
    assert max(depth for depth, _ in walk(tree)) == MAXIMUM_DEPTH


def test_a_handler_without_a_stage_runs_where_its_cause_runs() -> None:
    tree = _merge([_row(1, A), _row(2, B, 1), _row(3, C, 2)], {B: "stage1"})
    assert [node.stage for _, node in walk(tree)] == ["entry", "stage1", "stage1"]


def test_no_invocations_give_no_tree() -> None:
    assert merge_chains([], FUNCTIONS, NAMES.__getitem__, lambda number: None, "") == ((), 0)
