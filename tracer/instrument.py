"""Instrumenting a file: probes for entries, exits, suspensions and memory accesses, inserted into its text.

The probes are the global functions of `tracer/agent/probes.js`. Everything they need to know stands in the
text itself: ids, lines and names as arguments, tables in a head call. No insertion adds a line break, so
that stack traces keep their lines; directives, shebang, names, lengths, `this` and hoisting are unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipetrace.errors import PipetraceError
from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.lines import LineIndex
from pipetrace.javascript.nodes import walk
from pipetrace.javascript.parse import ParsedFile, deep_recursion, parse
from pipetrace.javascript.scopes import ScopeInfo
from pipetrace.tracer.instrument_links import links, package_imports
from pipetrace.tracer.instrument_plan import Plan, make_plan
from pipetrace.tracer.instrument_walk import Walk

PROBE_PREFIX = "$px"
"""How all names begin that instrumented text uses."""

MemoryMode = Literal["off", "sampled", "full"]


@dataclass(frozen=True, slots=True)
class InstrumentOptions:
    """What to insert."""

    memory: MemoryMode = "sampled"
    """`off` inserts no probes for memory accesses."""
    check: bool = True
    """Parse the instrumented text of ES modules again, because Node could not fall back to the original."""
    read_lines: LineIndex | None = None
    """How lines of memory accesses are told, where people read another text than this."""


@dataclass(frozen=True, slots=True)
class Site:
    """A call that is watched; its id is `file_id * 65536 + index`."""

    id: int
    offset: int
    line: int
    """1-based."""
    name: str
    """The callee, made of names only."""


@dataclass(frozen=True, slots=True)
class Instrumented:
    """The instrumented text of one file."""

    code: str
    sites: tuple[Site, ...]
    problems: tuple[tuple[str, int, str], ...]
    """Kind, line and sentence for what the probes cannot see (`eval`, `with`)."""
    places: tuple[int, ...] = ()
    """Offset in `code` of the parameters of each function; engines report a function by this place."""
    spans: str = ""
    """What of `code` is the original's: `kept,new,left out;…` in UTF-16 units; `kept,new` where nothing is left out."""


class NotInstrumentable(PipetraceError):  # noqa: N818
    """The file must be left as it is; the message says why."""


def instrument(
    parsed: ParsedFile,
    scopes: ScopeInfo,
    functions: Sequence[FunctionInfo],
    *,
    file_id: int,
    function_base: int,
    options: InstrumentOptions | None = None,
) -> Instrumented:
    """Return the instrumented text of a file; function ids are `function_base + FunctionInfo.index`.

    Raises NotInstrumentable when the text uses names of the probes, or when the result would not parse.
    """
    options = options or InstrumentOptions()
    if PROBE_PREFIX in parsed.text:
        raise NotInstrumentable(
            f"{parsed.path} uses names that begin with {PROBE_PREFIX}, which the probes need; rename them."
        )
    if not parsed.tree.body:
        return Instrumented(parsed.text, (), ())
    with deep_recursion():
        plan = make_plan(parsed, scopes, functions, memory=options.memory != "off")
        walk = Walk(parsed, scopes, functions, plan, file_id=file_id, function_base=function_base)
        walk.read_lines = options.read_lines
        walk.run()
    problems = (*_problems(functions), *_made_functions(parsed, scopes))
    sites = tuple(
        Site(file_id * 65536 + index, offset, parsed.lines.position(offset)[0], name)
        for index, (offset, name) in enumerate(walk.sites)
    )
    _insert_head(walk, plan, functions, sites, problems, file_id, function_base)
    code = walk.edits.apply()
    if options.check and parsed.goal == "module":
        try:
            parse(code, parsed.path, "module")
        except PipetraceError as error:
            raise NotInstrumentable(f"The instrumented text does not parse ({error}).") from error
    places = walk.edits.places(info.params_start for info in functions)
    spans = ";".join(f"{kept},{new},{gone}" if gone else f"{kept},{new}" for kept, new, gone in walk.edits.spans())
    return Instrumented(code, sites, problems, tuple(places), spans)


def _insert_head(
    walk: Walk,
    plan: Plan,
    functions: Sequence[FunctionInfo],
    sites: tuple[Site, ...],
    problems: tuple[tuple[str, int, str], ...],
    file_id: int,
    function_base: int,
) -> None:
    parsed = walk.parsed
    module = functions[0]
    parents = [-1 if info.parent is None else info.parent for info in functions] + plan.kernel_parents
    variables = [
        [binding.name, parsed.lines.position(binding.declaration_start)[0], binding.scope_function]
        for binding in plan.recorded
    ]
    named = [*plan.recorded, *(walk.scopes.bindings[found] for found in sorted(plan.holders)), *plan.kept]
    roots = [f"{binding.name}:()=>{binding.name}" for binding in named if binding.is_module_level]
    if parsed.goal == "script" and {"module", "exports"}.isdisjoint(
        binding.name for binding in walk.scopes.bindings if binding.is_module_level
    ):
        roots.append("exports:()=>module.exports")
    tables = (
        parents,
        variables,
        [_site_row(site, walk.read_lines) for site in sites],
        sorted(plan.passes),
    )
    arguments = ",".join(json.dumps(table, separators=(",", ":")) for table in tables)
    head = f";$pxF({file_id},{function_base},{json.dumps(parsed.path)},{arguments},{{{','.join(roots)}}},"
    head += json.dumps(problems, separators=(",", ":"))
    linked = links(plan, parsed, walk.scopes) if plan.memory and parsed.goal == "module" else []
    packages = ",".join(package_imports(parsed)) if plan.memory and parsed.goal == "module" else ""
    if linked or packages:
        head += "," + json.dumps(linked or [[], []], separators=(",", ":"))
    head += f",[{packages}]);" if packages else ");"
    temporaries = walk.temporaries(0)
    if temporaries:
        head += f"let {temporaries};"
    if parsed.goal == "module":
        head += f"const $pxi=$pxM({function_base});"
        end = parsed.tree.body[-1].range[1]
        # At the end of the text the last statement may include a comment, which only a line break ends.
        walk.edits.insert(end, "\n;$pxZ($pxi);" if end == len(parsed.text) else ";$pxZ($pxi);", order=9)
    walk.edits.insert(module.statements_start, head, order=-9)


def _site_row(site: Site, read: LineIndex | None) -> list[int | str]:
    line = read.position(site.offset)[0] if read else site.line
    return [site.line, site.name] if line == site.line else [site.line, site.name, line]


def _problems(functions: Sequence[FunctionInfo]) -> tuple[tuple[str, int, str], ...]:
    found: list[tuple[str, int, str]] = []
    for info in functions:
        inner = [other for other in functions if other.parent == info.index]
        if info.uses_eval and not any(other.uses_eval for other in inner):
            found.append(("eval", info.line, "a direct eval can use variables that no analysis sees"))
        if info.uses_with and not any(other.uses_with for other in inner):
            found.append(("with", info.line, "code inside a with statement is not watched"))
    return tuple(found)


def _made_functions(parsed: ParsedFile, scopes: ScopeInfo) -> Iterator[tuple[str, int, str]]:
    """Yield what `Function` compiles at run time: it has no file, so nothing in it is seen."""
    if "Function" not in scopes.free_globals(0):
        return
    for node in walk(parsed.tree):
        if node.type in ("NewExpression", "CallExpression"):
            callee = node.callee
            if callee.type == "Identifier" and callee.name == "Function" and node.arguments:
                line = parsed.lines.position(node.range[0])[0]
                yield "eval", line, "a function made by Function from text is not watched"
