"""The model of V8's live edit against V8: which closures go over to a new text, on each version of Node.js."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipetrace.javascript.functions import FunctionInfo, functions_of
from pipetrace.javascript.parse import parse
from pipetrace.runner import npm
from pipetrace.tracer.attach_forms import MARK
from pipetrace.tracer.attach_plan import ScriptPlanner, decide
from pipetrace.tracer.livedit_diff import Differ
from pipetrace.tracer.livedit_model import Literal, map_functions
from tests.integration.live_node import LiveNode
from tests.integration.node_versions import VERSIONS

SOURCE = """'use strict';
const kept = (globalThis.closures = []);
const keep = (f) => (kept.push(f), f);
keep((a) => a + 'endInserted');
keep((a) => a.concat('parenthesised'));
keep(function statement(a) { return a + 1; });
keep((a) => (b) => a + b + 'outer');
kept[3](1);
function factory(n) { return keep(() => n + 'directly behind return'); }
factory(1);
function ends(n) { const later = () => n + 'ends at the brace'; keep(later); return keep(x => x + n) }
ends(2);
const table = { one: (a) => a.one, two: (a) => [a.two], three(a) { return a.three; } };
keep(table.one), keep(table.two), keep(table.three);
keep((f) => f(() => 'inner'));
keep(async (a) => a + 'async');
""" + "".join(f"keep((a) => a + 1{index:04d} + 'one of a long run of lines that all change');\n" for index in range(14))

EDITS: tuple[tuple[str, str], ...] = (
    ("(a) => a + 'endInserted'", "(a) => (1, a + 'endInserted')"),
    ("(a) => a.concat('parenthesised')", "(a) => \u0195\u0195\u0195(1,a.concat('parenthesised'))"),
    ("{ return a + 1; }", "{;try{ return a + 1; }finally{;}}"),
    ("(a) => (b) => a + b + 'outer'", "(a) =>\u0195?0: (b) => a + b + 'outer'"),
    ("{ return keep(() => n", "{ return keep(\u0195?0:() => n"),
    ("return keep(x => x + n) }", "return keep(x => x + n);\u0195}"),
    ("const later = () => n + 'ends at the brace';", "const later = () => n + 'ends at the brace' + \u0195;"),
    ("one: (a) => a.one,", "one: (a) => \u0195(a.one),"),
    ("two: (a) => [a.two],", "two: (a) => \u0195?0:[a.two],"),
    ("{ return a.three; }", "{\u0195; return a.three; }"),
    ("(f) => f(() => 'inner')", "(f) => (\u0195, f(() => 'inner'))"),
    ("async (a) => a + 'async'", "async (a) =>\u0195?0: a + 'async'"),
    ("'one of a long run", "\u0195+'one of a long run"),
)  # fmt: skip

PACKAGES = (
    ("express", "4.21.2", "lib/router/index.js"),
    ("express", "4.21.2", "lib/response.js"),
    ("json-server", "0.17.4", "lib/server/router/plural.js"),
    ("p-queue", "8.0.1", "dist/index.js"),
)


def literals(functions: Sequence[FunctionInfo]) -> dict[int, Literal]:
    return {info.index: Literal(info.params_start, info.end) for info in functions[1:]}


def text_of(text: str, info: FunctionInfo) -> str:
    return text[info.node.range[0] : info.node.range[1]]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_model_predicts_every_closure_that_keeps_the_old_code(version: str, tmp_path: Path) -> None:
    edited = SOURCE
    for old, new in EDITS:
        assert old in edited
        edited = edited.replace(old, new)
    file = tmp_path / "source.cjs"
    file.write_text(SOURCE)
    before, after = (functions_of(parse(text, "source.cjs")) for text in (SOURCE, edited))
    reach = map_functions(Differ().changes(SOURCE, edited), literals(before), literals(after))
    with LiveNode(version, file, tmp_path) as live:
        alive = Counter(live.closures())
        assert live.edit(edited) == "Ok"
        kept = Counter(live.closures())
    watched = [info for info in before[1:] if any(text.endswith(text_of(SOURCE, info)) for text in alive)]
    differing = [info for info in watched if text_of(SOURCE, info) != text_of(edited, after[info.index])]
    lost = {info.index for info in differing if any(text.endswith(text_of(SOURCE, info)) for text in kept)}
    assert len(differing) > 20
    assert lost == reach.lost & {info.index for info in differing}
    assert 3 < len(lost) < len(differing)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "release", "path"), PACKAGES)
def test_a_planned_edit_loses_no_closure_and_is_taken_back(
    version: str, name: str, release: str, path: str, tmp_path: Path
) -> None:
    file = npm.install(name, release) / path
    text = file.read_text(encoding="utf-8")
    parsed = parse(text, path)
    functions = functions_of(parsed)
    planner = ScriptPlanner(parsed, functions, decide(parsed, functions), using=int(version[:2]) >= 24, base=1000)
    plan = planner.plan()
    assert plan.lost == plan.left == frozenset()
    assert len(plan.covered()) >= 0.9 * len(plan.forms)
    with LiveNode(version, file, tmp_path) as live:
        alive = live.closures()
        assert live.source() == text
        assert live.edit(plan.text) == "Ok"
        assert live.source() == plan.text
        kept = live.closures()
        for index in plan.covered():
            own = text_of(text, functions[index])
            others = [info for info in functions[1:] if info.index != index and text_of(text, info).endswith(own)]
            if not others:
                assert not any(closure.endswith(own) for closure in kept), own
        assert sum(MARK in closure for closure in kept) >= 3
        assert live.edit(text) == "Ok"
        assert live.source() == text
        restored = live.closures()
    assert not any(MARK in closure for closure in restored)
    assert len(alive) > 100
