"""Global variables that functions name, as the text says."""

from __future__ import annotations

import pytest

from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.parse import parse
from pipetrace.javascript.scopes import analyse
from pipetrace.tracer.global_names import global_names


@pytest.mark.parametrize(
    ("body", "reads", "writes"),
    [
        ("return own + Math.max(1, process.pid) + new Map().size + require('fs').x", "Math.max", ""),
        ("console.error = (text) => console.log(text)", "", "console.error"),
        ("Math['random'] = g; delete globalThis.Date.now; exports.x = 1; process.exitCode = 1", "g", "Date.now Math.random"),
        ("return count", "count", ""),
        ("return globalThis.count + global.other.deep", "count other", ""),
        ("globalThis.count++; other = 1; delete global.third", "", "count other third"),
        ("config.deep.level = 2; cache.set(1, 2); globalThis.list.items.push(3)", "", "cache config list"),
        ("({ a } = x); [b] = x; for (c of x) ;", "x", "a b c"),
        ("return process.env.HOME + process.env['PATH']", "process.env.HOME process.env.PATH", ""),
        ("process.env.MODE = 'x'", "", "process.env.MODE"),
        ("return globalThis[own]", "*", ""),
        ("globalThis.setTimeout(g, 1); const inner = 1; return inner", "g", ""),
        ("globalThis.fetch = g", "g", "fetch"),
        ("return typeof window", "", ""),
    ],
)
def test_names_of_a_function(body: str, reads: str, writes: str) -> None:
    parsed = parse(f"const own = 1;\nfunction f() {{ {body} }}\n", "a.js")
    functions = functions_of(parsed)
    names = global_names(parsed, analyse(parsed), functions)[1]
    assert (" ".join(sorted(names.reads)), " ".join(sorted(names.writes))) == (reads, writes)


def test_the_text_of_an_inner_function_is_its_own() -> None:
    parsed = parse("function f() { return () => { count += 1; }; }\n", "a.js")
    functions = functions_of(parsed)
    found = global_names(parsed, analyse(parsed), functions)
    assert [sorted(names.writes) for names in found] == [[], [], ["count"]]
