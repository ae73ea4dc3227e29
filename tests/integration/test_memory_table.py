"""What handlers do to memory, by construct of the language: source, and the accesses that must be in the trace.

A case file holds a comment with one line an access, `handler mode location`, and a program that exports its handlers;
each runs in a chain of its own, in that order, recorded in full. Locations are written as `name` (a variable),
`name.key` (a property of the object in it), `name[]` (elements of the object in it), `name/.key` and `name/[]` (of an
object reached through it), `(class).key` and `(class)[]` where no module-level variable leads there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.agent_runs import Recorded, Runner

CASES = Path(__file__).parent / "memory_cases"
MAIN = """
const handlers = []
async function main () {
  for (const name of FILES) {
    const found = name.endsWith('.mjs') ? (await import('./' + name)).default : require('./' + name)
    handlers.push(...found)
  }
  next()
}
function next () {
  const handler = handlers.shift()
  if (!handler) return
  setTimeout(handler, 1)
  setTimeout(next, 4)
}
main()
"""


def cases() -> list[Path]:
    return sorted(path for path in CASES.iterdir() if path.suffix in (".js", ".mjs") and not path.name.startswith("_"))


def expected(path: Path) -> list[str]:
    """The lines of the first comment."""
    comment = path.read_text().partition("/*")[2].partition("*/")[0]
    return sorted(" ".join(line.split()) for line in comment.splitlines() if line.strip())


def label(run: Recorded, at: int) -> str:
    """A location as the tables of the cases write it."""
    location = run.tables.location
    kind, name, owner = location["kind"][at], location["name"][at], location["owner"][at]
    if kind == "variable":
        return str(name)
    root = location["root_variable"][at] or ""
    if root:
        base = root.rpartition("#")[2] + ("" if owner == root.replace("#", ":") else "/")
    else:
        base = f"({location['class'][at]})" if owner.startswith("object #") else owner
    return base + ("[]" if kind == "content" else f".{name}")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[str]]]:
    """By file: the accesses of its functions, other than initialisation's."""
    runner = Runner(tmp_path_factory.mktemp("memory"))
    files = cases()
    for path in CASES.iterdir():
        runner.write(
            ("node_modules/lib/" if path.name == "_lib.js" else "") + path.name.replace("_lib.js", "index.js"),
            path.read_text(),
        )
    names = [path.name for path in files]
    runner.write("main.js", MAIN.replace("FILES", repr(names)))
    run = runner.record("main.js")
    assert run.status == 0, run.stdout
    index = {number: at for at, number in enumerate(run.tables.location["location_id"])}
    functions = {row["invocation_id"]: row for row in run.invocations()}
    found: dict[str, set[str]] = {}
    access = run.tables.access
    for at, number in enumerate(access["invocation_id"]):
        row = functions[number]
        if row["kind"] == "init":
            continue
        place = label(run, index[access["location_id"][at]])
        found.setdefault(run.file_of(row["function_id"]), set()).add(f"{row['name']} {access['mode'][at]} {place}")
    yield {name: sorted(lines) for name, lines in found.items()}


@pytest.mark.parametrize("path", cases(), ids=lambda path: path.stem)
def test_accesses(path: Path, seen: dict[str, list[str]]) -> None:
    wanted = expected(path)
    # What nothing but the handler holds is of no interest unless the case asks for it.
    lines = [line for line in seen.get(path.name, []) if line in wanted or " (" not in line]
    assert lines == wanted
