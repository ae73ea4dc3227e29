"""Every reference and every capture of real packages, as eslint-scope resolves them.

The packages come from npm, at fixed versions, into a directory for temporary files that later runs use again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from pipetrace.javascript.edits import Edits
from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.parse import ParsedFile, parse
from pipetrace.javascript.scopes import ScopeInfo, analyse

ORACLE = Path(__file__).parent / "oracles" / "scopes.cjs"
TOOLS = ("acorn@8.15.0", "eslint-scope@9.0.0")
SAMPLES = ("express@4.21.2", "fastify@5.3.3", "koa@3.0.0", "ws@8.18.2", "undici@7.10.0", "handlebars@4.7.8")
FOLDERS = ("express/lib", "fastify/lib", "koa/lib", "ws/lib", "undici/lib", "handlebars/dist/cjs", "find-my-way")

HARD_CASES = """
var late = early; function early() { return late }
function defaults(a, b = () => a, { c = b, [a]: d = c } = {}, ...rest) { var a; return () => [a, b, c, d, rest] }
function inner(x = () => y) { var y = x; return y }
const named = function own(n) { return n ? own(n - 1) : named };
class Outer { static #count = 0; static { this.made = () => Outer.#count; var kept = late } [early()] = () => this.kept;
  static get [late]() { return class Inner extends Outer { m() { return [Inner, Outer, super.m] } } }
  #p(q) { q ||= Outer } }
try { early() } catch ({ message, stack: [first = message] }) { var first2 = () => [message, first] } finally { late++ }
try { early() } catch { let late; late = 1 }
for (let i = 0, f = () => i; i < 3; i++) { const j = i; setTimeout(() => i + j + f()) }
for (var k in late) { k } for (const [m, o = m] of late) { () => m + o } for (late.x of [late]) ; for (late of []) ;
switch (late) { case early: let shadow = late; default: (() => shadow)() }
label: for (;;) { break label } ({ label: early, early, late() { return late }, get k() { return k }, [k]: k });
[late, k = early, ...named.x] = [k, late]; ({ late, k: k = 1, ...first2 } = named);
late **= k; late ??= early; k = `${late}${early`${k}`}`; typeof missing; delete named.x; new early(...k);
const arrow = async (a, [b] = a, { c: { d } = b } = {}) => { for await (const e of d) yield_(e, arguments, b) };
function* generator() { const got = yield late; yield* got; return async () => await got }
export_: { let block = 1; { let block = 2; () => block } () => block }
"""  # an own sample of what the packages use seldom


@pytest.fixture(scope="module")
def modules() -> Path:
    """node_modules with the oracle's tools and the packages to compare on."""
    packages = [*TOOLS, *SAMPLES]
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    directory = Path(tempfile.gettempdir()) / f"pipetrace-npm-{digest}"
    if not directory.exists():
        fresh = Path(tempfile.mkdtemp(prefix="pipetrace-npm-"))
        (fresh / "package.json").write_text("{}")
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages]
        subprocess.run(command, cwd=fresh, check=True, capture_output=True, timeout=120)
        try:
            fresh.rename(directory)
        except OSError:
            # Another run was first.
            shutil.rmtree(fresh)
    return directory / "node_modules"


@pytest.fixture(scope="module")
def compared(modules: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[ParsedFile, dict[str, Any]]]:
    """Each parsed file with what the oracle says about it."""
    paths = sorted(path for folder in FOLDERS for path in (modules / folder).rglob("*.js") if is_sample(path))
    files = [parse(path.read_bytes().decode(), str(path.relative_to(modules))) for path in paths]
    files += [parse(HARD_CASES, "hard.cjs"), parse("'😀'; let a;\r\n" + HARD_CASES, "hard.mjs")]
    questions = tmp_path_factory.mktemp("oracle") / "files.json"
    questions.write_text(json.dumps([{"path": f.path, "text": f.text, "goal": f.goal} for f in files]))
    environment = {**os.environ, "NODE_PATH": str(modules)}
    done = subprocess.run(
        ["node", str(ORACLE), str(questions)],
        env=environment,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return list(zip(files, json.loads(done.stdout), strict=True))


def is_sample(path: Path) -> bool:
    # Generated tables and bundles are large and say little.
    return "test" not in path.parts and path.stat().st_size < 200_000


def offsets_of(text: str) -> list[int]:
    """The string index of each UTF-16 offset."""
    found: list[int] = []
    for index, character in enumerate(text):
        found += [index] * (2 if character > "\uffff" else 1)
    return [*found, len(text)]


def key_of(function: FunctionInfo) -> int:
    """Where the oracle's node of this function begins."""
    start: int = (function.node.value if function.kind == "field-init" else function.node).range[0]
    return start


def ours(info: ScopeInfo) -> dict[int, set[tuple[int, str, bool]]]:
    found: dict[int, set[tuple[int, str, bool]]] = {}
    for binding in info.bindings:
        for use in binding.references:
            found.setdefault(use.start, set()).add((binding.declaration_start, use.mode, use.init))
    return found


def test_the_sample_is_large(compared: list[tuple[ParsedFile, dict[str, Any]]]) -> None:
    assert len(compared) > 150
    assert sum(len(answer["references"]) for _, answer in compared) > 20_000


def test_references_resolve_alike(compared: list[tuple[ParsedFile, dict[str, Any]]]) -> None:
    differences: list[str] = []
    for parsed, answer in compared:
        offsets = offsets_of(parsed.text)
        theirs: dict[int, set[tuple[int, str, bool]]] = {}
        for start, declaration, mode, init in answer["references"]:
            if declaration is not None:
                theirs.setdefault(offsets[start], set()).add((offsets[declaration], mode, init))
        mine = ours(analyse(parsed))
        differences += [
            f"{parsed.path}:{parsed.lines.position(start)}: {theirs.get(start)} but {mine.get(start)}"
            for start in sorted(theirs.keys() | mine.keys())
            if theirs.get(start) != mine.get(start)
        ]
    assert differences == []


def test_captures_are_the_same(compared: list[tuple[ParsedFile, dict[str, Any]]]) -> None:
    differences: list[str] = []
    count = 0
    for parsed, answer in compared:
        info = analyse(parsed)
        offsets = offsets_of(parsed.text)
        theirs = {
            offsets[int(start)]: {offsets[declaration] for declaration in declarations}
            for start, declarations in answer["captures"].items()
        }
        for function in info.functions[1:]:
            if function.kind == "field-init" and function.node.value.type.endswith("FunctionExpression"):
                continue  # the oracle's answer under this offset is that of the function
            count += 1
            mine = {capture.declaration_start for capture in info.captures(function.index)}
            if theirs[key_of(function)] != mine:
                differences.append(f"{parsed.path}:{function.line} {function.name}: {theirs[key_of(function)]} {mine}")
    assert differences == []
    assert count > 2_500


def test_no_edits_are_no_change(compared: list[tuple[ParsedFile, dict[str, Any]]]) -> None:
    for parsed, _ in compared:
        assert Edits(parsed.text).apply().encode() == parsed.text.encode()
