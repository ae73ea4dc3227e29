"""What is inserted into a text: probes, heads, and what must stay as it was."""

from __future__ import annotations

import pytest

from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.parse import parse
from pipetrace.javascript.scopes import analyse
from pipetrace.tracer.instrument import InstrumentOptions, NotInstrumentable, instrument


def code(text: str, *, memory: bool = True, module: bool = False) -> str:
    """Return the instrumented text without the head call."""
    parsed = parse(text, "a.js", "module" if module else "script")
    result = instrument(
        parsed,
        analyse(parsed),
        functions_of(parsed),
        file_id=3,
        function_base=100,
        options=InstrumentOptions(memory="sampled" if memory else "off"),
    )
    before, head, after = result.code.partition(";$pxF(")
    assert head
    depth, at = 1, 0
    while depth:
        depth += {"(": 1, ")": -1}.get(after[at], 0)
        at += 1
    return before + after[at + 1 :]


def test_function_gets_entry_exit_and_its_arguments_on_demand() -> None:
    assert code("exports.f = function (a, b) { g(a) }", memory=False) == (
        "exports.f = function (a, b) {;const $pxi=$pxE(101);try{$pxq&&$pxQ($pxi,this,[a,b]);"
        " g(a) ;$pxR($pxi);}finally{$pxX($pxi)}}"
    )


def test_concise_arrow_becomes_a_block_with_a_return() -> None:
    assert code("x.f = a =>\n  ({ a })", memory=False) == (
        "x.f = a =>\n  {const $pxi=$pxE(101);try{$pxq&&$pxQ($pxi,void 0,[a]);"
        "return $pxR($pxi,({ a }))}finally{$pxX($pxi)}}"
    )


def test_await_leaves_before_and_resumes_after_also_in_catch() -> None:
    assert code("async function f() { try { return await (g()) } catch (e) {} }", memory=False) == (
        "async function f() {;const $pxi=$pxP(101);try{$pxq&&$pxQ($pxi,this,[]);"
        " try { return $pxR($pxi,$pxB($pxi,await ($pxA($pxi,g())))) } catch (e) {$pxC($pxi);} "
        ";$pxR($pxi);}finally{$pxX($pxi)}}"
    )


def test_generator_pops_itself_while_it_is_suspended() -> None:
    assert "$pxJ(yield $pxJ(1,$pxX($pxi),$pxi=-1),$pxi=$pxE(101))" in code("function* f() { yield 1 }")
    assert "$pxJ(yield $pxJ(void 0,$pxX($pxi),$pxi=-1),$pxi=$pxE(101))" in code("function* f() { yield }")


def test_leaf_that_only_the_file_calls_gets_no_entry() -> None:
    text = "function half(n) { return n / 2 } exports.f = function () { return half(4) }"
    assert "function half(n) { return n / 2 }" in code(text)


def test_leaf_that_escapes_gets_an_entry() -> None:
    assert "$pxE(101)" in code("function half(n) { return n / 2 } exports.half = half")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v = o.p", ';v = ($pxs?$pxg(o,"p",1):o).p'),
        ("o.p = 1", ';($pxs?$pxw(o,"p",1,2):o).p = 1'),
        ("o.p = o.p + 1", ';($pxs?$pxw(o,"p",1,3):o).p = ($pxs?$pxg(o,"p",1):o).p + 1'),
        ("o.p++", ';($pxs?$pxw(o,"p",1,3):o).p++'),
        ("delete o.p", ';delete ($pxs?$pxw(o,"p",1,2):o).p'),
        ("v = o[k]", ";v = ($pxs?$pxg(o,0,1):o)[k]"),
        ("v = a().b", ';v = $pxG(($pxs?$pxf(a,196608):a)(),"b",1).b'),
        ("v = a?.b", ';v = ($pxs?$pxg(a,"b",1):a)?.b'),
        ("v = a?.b.c", ';v = (($px1=a)==null?void 0:($pxG(($pxs?$pxg($px1,"b",1):$px1).b,"c",1)).c)'),
        (
            "a?.b.m(1)",
            ';(($px1=a)==null?void 0:($pxK(($pxs?$pxg($px1,"b",1):$px1).b,"m",196608)).m(1))',
        ),
        ("delete a?.b", '; (($px1=a)==null?true:delete ($pxs?$pxw($px1,"b",1,2):$px1).b)'),
        ("o.m(1)", ';($pxs?$pxk(o,"m",196608):o).m(1)'),
        ("v = Math.max(1, 2)", ";v = Math.max(1, 2)"),
        ("for (const x of xs) ;", "for (const x of $pxI(xs,1)) ;"),
        ("v = k in o", ";v = k in $pxI(o,1)"),
    ],
)
def test_accesses(text: str, expected: str) -> None:
    assert code("var v, o, k, a, xs; " + text).partition("var v, o, k, a, xs; ")[2] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v = o", ';($pxs&&($pxo("v",2,1)),v = ($pxs&&$pxo("o",1,1),o))'),
        ("n++", ';($pxs&&$pxo("n",3,1),n++)'),
        ("typeof n", ';($pxs&&$pxo("n",1,1),typeof n)'),
        (
            "v = {n}",
            'let $px0;;($pxs&&($pxo("v",2,1)),v = ($px0={n:($pxs&&$pxo("n",1,1),n)},$pxs&&$pxn($px0,1,3),$px0))',
        ),
        ("f(1)", ';($pxs?($pxo("f",1,1),$pxf(f,196608)):f)(1)'),
    ],
)
def test_undeclared_names_are_variables_of_the_global_object(text: str, expected: str) -> None:
    assert code(text) == expected


def test_patterns_of_parameters_are_taken_apart_in_the_body() -> None:
    text = code("exports.f = ({ a,\n b: { c } = {} }, d) => a")
    assert text == (
        ";exports.f = ($pxp0\n, d) => {const $pxi=$pxE(101);try{$pxq&&$pxQ($pxi,void 0,[$pxp0,d]);"
        "$pxp0==null&&(({ a,  b: { c } = {} })=>{})($pxp0);"
        'let { a,  b: { c } = {} }=$pxs?$pxD($pxp0,[["a"],["b",[["c"]]]],1):$pxp0;'
        "return $pxR($pxi,a)}finally{$pxX($pxi)}}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "exports.f = function* ({ a }) {}",
        "exports.f = ({ a }) => { var a }",
        "exports.f = ({ a }, b = a) => b",
        "exports.f = function ({ a }) { return arguments }",
        "exports.f = ({ a = () => 1 }) => a",
    ],
)
def test_patterns_of_parameters_that_depend_on_their_place_stay(text: str) -> None:
    assert "$pxp0" not in code(text)


def test_write_behind_an_await_is_recorded_behind_it() -> None:
    text = code("let n\nexports.f = async () => { n = await g(); this.x = await g() }")
    assert "n = ($px0=($pxB($pxi,await " in text
    assert "),$pxs&&($pxm(3,0,2,2)),$px0)" in text
    assert '),$pxs&&($pxw(this,"x",2,2)),$px0)' in text


def test_module_variable_is_recorded_where_functions_share_it() -> None:
    text = code("let n = 0\nexports.f = () => { n++ }")
    assert text.startswith(";$pxs&&($pxm(3,0,2,1));let n = 0\n")
    assert "($pxs&&$pxm(3,0,3,2,n),n++)" in text


def test_constant_function_and_require_are_not_recorded() -> None:
    text = code("const fs = require('fs'), f = () => fs.x\nexports.g = () => f()")
    assert "$pxm(" not in text


def test_captured_local_has_the_identity_of_its_activation() -> None:
    text = code("exports.f = () => { let n = 0; return () => n++ }")
    assert "const $pxi=$pxE(101);let $pxf1=$pxs&&$pxN(101);try{" in text
    assert "($pxs&&$pxv($pxf1||($pxf1=$pxL(101)),3,0,3,1,n),n++)" in text


def test_captured_loop_variable_has_the_identity_of_its_round() -> None:
    text = code("exports.f = () => { for (const x of [1]) { g(() => x) } }")
    assert "{let $pxl0=$pxs&&$pxN(101); " in text
    assert "$pxv($pxl0||($pxl0=$pxL(101)),3,0,1,1,x)" in text


def test_statement_without_semicolon_before_an_inserted_parenthesis_ends() -> None:
    assert "\n;($pxs?" in code("a = b\no.p = 1")


def test_directives_and_shebang_stay_in_front() -> None:
    text = "#!/usr/bin/env node\n'use strict'\nexports.f = function () { 'use strict'; return 1 }\n"
    result = code(text)
    assert result.startswith("#!/usr/bin/env node\n'use strict'")
    assert "{ 'use strict';;const $pxi=" in result


def test_no_line_is_added_or_removed() -> None:
    text = "exports.f = async (a,\n  b) =>\n  a.x +\n  await b\n\nclass A {\n  m () {\n    return this.q\n  }\n}\n//\n"
    assert code(text).count("\n") == text.count("\n")


def test_module_head_opens_and_its_end_closes_the_evaluation() -> None:
    text = code("export const a = 1 // last", module=True, memory=False)
    assert text == "const $pxi=$pxM(100);export const a = 1 // last\n;$pxZ($pxi);"


def test_function_and_var_of_one_name_keep_their_places() -> None:
    text = code("function f() { var g = g || 1; function g() {} return g }\nexports.f = f", memory=False)
    assert "try{var g = g || 1;}catch($pxc){$pxX($pxi);throw $pxc} function g() {" in text
    assert "return $pxY($pxi,g)" in text


def test_class_constructor_writes_to_this_are_its_birth() -> None:
    assert "constructor (x) { ;this.x = x }" in code("class A { constructor (x) { this.x = x } }")


def test_eval_and_with_are_named() -> None:
    parsed = parse("function f() { return eval('1') }\nfunction g(o) { with (o) { return a } }", "a.js", "script")
    result = instrument(parsed, analyse(parsed), functions_of(parsed), file_id=0, function_base=0)
    assert [(kind, line) for kind, line, _ in result.problems] == [("eval", 1), ("with", 2)]


def test_sites_carry_names_and_no_values() -> None:
    parsed = parse("a.b('secret').c['other secret'](d)", "a.js", "script")
    result = instrument(parsed, analyse(parsed), functions_of(parsed), file_id=2, function_base=0)
    assert [(site.id, site.line, site.name) for site in result.sites] == [
        (131072, 1, "a.b().c[…]"),
        (131073, 1, "a.b"),
    ]
    assert "secret" not in result.code.partition(");;")[0]


def test_text_that_uses_the_names_of_the_probes_is_refused() -> None:
    parsed = parse("var $pxE = 1", "a.js", "script")
    with pytest.raises(NotInstrumentable, match="rename them"):
        instrument(parsed, analyse(parsed), functions_of(parsed), file_id=0, function_base=0)


@pytest.mark.parametrize("text", ['return"x"', "return[a]", "return`x`", 'return{a:"x"}'])
def test_a_probe_does_not_melt_into_the_keyword_before_it(text: str) -> None:
    assert "return $px" in code(f"exports.f=function(a){{if(a){text};return g(a)}}", memory=False)
