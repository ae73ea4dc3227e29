"""The model of V8's live edit and the planner of edits, without an engine."""

from __future__ import annotations

import random

import pytest

from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.parse import parse
from pipetrace.tracer import livedit_diff
from pipetrace.tracer.attach_forms import FOREIGN
from pipetrace.tracer.attach_plan import ScriptPlan, ScriptPlanner, decide
from pipetrace.tracer.livedit_diff import Change, Differ, Unpredictable, shortest_edits
from pipetrace.tracer.livedit_model import Literal, map_functions


def planned(text: str, *, using: bool = False, without: tuple[int, ...] = ()) -> ScriptPlan:
    parsed = parse(text, "app.js")
    functions = functions_of(parsed)
    return ScriptPlanner(parsed, functions, decide(parsed, functions), using=using, base=0).plan(without)


def test_the_changes_turn_the_old_text_into_the_new_one() -> None:
    chance = random.Random(7)
    for _ in range(100):
        old = "".join(chance.choices("ab(){}\n", k=60))
        new = "".join(chance.choice(("", c, c, c, c + "\u0195", c + chance.choice("ab"))) for c in old)
        try:
            changes = Differ().changes(old, new)
        except Unpredictable:
            continue
        made, at = "", 0
        for change in changes:
            made += old[at : change.start] + new[change.new_start : change.new_end]
            at = change.end
        assert made + old[at:] == new


def test_both_searches_choose_the_same_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    for _ in range(100):
        old = chance.choices(range(5), k=chance.randint(1, 40))
        new = list(old)
        for _ in range(chance.randint(0, 15)):
            new.insert(chance.randint(0, len(new)), chance.randint(0, 7))
        found: list[list[Change] | None] = []
        for limit in (3000, -1):
            monkeypatch.setattr(livedit_diff, "_SMALL", limit)
            try:
                found.append(shortest_edits(old, new))
            except Unpredictable:
                found.append(None)
        assert found[0] == found[1]


def test_a_function_that_ends_where_text_is_inserted_is_lost() -> None:
    reach = map_functions(
        [Change(10, 10, 10, 13)], {1: Literal(4, 10), 2: Literal(11, 20)}, {1: Literal(4, 13), 2: Literal(14, 23)}
    )
    assert reach.lost == {1}
    assert reach.outside


def test_a_function_around_an_insertion_changes_and_those_behind_it_move() -> None:
    reach = map_functions(
        [Change(6, 6, 6, 9)], {1: Literal(2, 12), 2: Literal(20, 30)}, {1: Literal(2, 15), 2: Literal(23, 33)}
    )
    assert (reach.lost, reach.confused, reach.changed, reach.outside) == (frozenset(), frozenset(), {1}, False)


def test_a_function_that_would_get_the_code_of_another_is_found() -> None:
    reach = map_functions([Change(0, 6, 0, 0)], {1: Literal(10, 14)}, {1: Literal(8, 12), 2: Literal(4, 8)})
    assert reach.confused == {1}


def test_positions_count_utf16_units() -> None:
    assert Differ().changes("\U0001f600a\n", "\U0001f600ba\n") == [Change(2, 2, 2, 3)]


def test_a_long_run_of_changed_lines_is_one_change() -> None:
    old = "x" * 800 + "\n"
    assert Differ().changes(old, "y" + old) == [Change(0, 801, 0, 802)]


SOURCE = """'use strict';
function counter() {
  let n = 0;
  return function next() {
    n += 1;
    return n;
  };
}
app.get('/', async (req, res) => {
  const rows = await find(req);
  try {
    res.json(rows.map((row) => row.id));
  } catch (error) {
    res.end();
  }
});
const later = (f) => setTimeout(f, 10);
const nothing = (f) => f.length;
function* all() { yield 1; }
"""


def test_using_shows_every_exit() -> None:
    plan = planned(SOURCE, using=True)
    functions = functions_of(parse(SOURCE, "app.js"))
    forms = {functions[index].name or functions[index].line: form for index, form in plan.forms.items()}
    assert forms == {
        "counter": "using", "next": "using", 9: "using", 12: "hit", "later": "call", "nothing": "hit", "all": "none",
    }  # fmt: skip
    assert plan.lost == plan.left == frozenset()
    assert plan.text.count("\n") == SOURCE.count("\n")
    assert "it is a generator" in plan.reasons.values()
    assert FOREIGN.sub("", plan.text).count("using") == 3


def test_without_using_a_body_with_variables_and_closures_gets_no_block() -> None:
    plan = planned(SOURCE)
    functions = functions_of(parse(SOURCE, "app.js"))
    forms = {functions[index].name or functions[index].line: form for index, form in plan.forms.items()}
    assert forms["counter"] == "return"
    assert forms["next"] == "try"
    assert plan.lost == plan.left == frozenset()


def test_functions_left_out_keep_their_text() -> None:
    plan = planned(SOURCE, without=tuple(planned(SOURCE).forms))
    assert plan.text == SOURCE
    assert plan.covered() == []


def test_lines_that_are_too_long_are_left_alone() -> None:
    text = "keep(function a() { return b(1); });" * 40 + "\nfunction c() { return keep(c); }\nkeep(c);\n"
    plan = planned(text)
    functions = functions_of(parse(text, "app.js"))
    assert plan.lost == frozenset()
    assert {functions[index].name for index in plan.covered()} <= {"c"}
    assert plan.text.splitlines()[0] == text.splitlines()[0]


def test_a_file_with_the_letters_of_the_probes_is_left_alone() -> None:
    text = "keep(function a() { return '\u0195'; });\n"
    plan = planned(text)
    assert plan.text == text
    assert set(plan.reasons.values()) == {"its file uses letters that the probes need"}
