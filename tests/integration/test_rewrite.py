"""A staged application as a directory: what is in it, that it runs, and what is refused before anything is written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipetrace.commands import run_command_line
from pipetrace.errors import PipetraceError
from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.parse import parse
from pipetrace.partitioner.plan import Plan, load_plan
from pipetrace.rewriter.rewrite import rewrite

APP = {
    "package.json": '{"name": "app", "version": "1.0.0"}\n',
    "server.js": (
        "#!/usr/bin/env node\n"
        "'use strict'\n"
        "\n"
        "const { twice } = require('./lib/work')\n"
        "const helper = require('helper')\n"
        "const scoped = require('@scope/pack')\n"
        "\n"
        "// The heavy part.\n"
        "const heavy = async (n) => twice(n) + helper.one\n"
        "function serve(base) {\n"
        "  return async (n) => base + await heavy(n) // adds\n"
        "}\n"
        "\n"
        "serve(scoped.hundred)(5).then((answer) => console.log(answer, heavy.name, require('app').twice(4)))\n"
    ),
    "lib/work.js": "exports.twice = (n) => n * 2;\n",
    "data/table.csv": "a;b\r\n1;2\r\n",
}
STAGED = {
    "server.js": (
        "#!/usr/bin/env node\n"
        "'use strict'\n"
        "\n"
        "const $pt = require('@pipetrace/runtime').file('server.js'); const { twice } = require('./lib/work')\n"
        "const helper = require('helper')\n"
        "const scoped = require('@scope/pack')\n"
        "\n"
        "// The heavy part.\n"
        "const heavy = $pt.handler('server.js#heavy', async (n) => twice(n) + helper.one, 'heavy')\n"
        "function serve(base) {\n"
        "  return $pt.lifted('server.js#function@11', () => [base], async (n) => base + await heavy(n)) // adds\n"
        "}\n"
        "\n"
        "serve(scoped.hundred)(5).then((answer) => console.log(answer, heavy.name, require('app').twice(4)))\n"
    ),
    "lib/work.js": "exports.twice = (n) => n * 2;\n",
    "data/table.csv": "a;b\r\n1;2\r\n",
}
LOADED = (
    STAGED["server.js"].replace(
        "file('server.js'); ", "file('server.js'); $pt.factory('server.js#function@11', $lift1); "
    )
    + "function $lift1(base) { return async (n) => base + await heavy(n); }\n"
    "$pt.bindings({twice: () => twice, heavy: () => heavy, serve: () => serve});\n"
    "//# sourceMappingURL=.pipetrace/maps/server.js.map\n"
)
# Runs every handler where it is called: what the edits alone do to a program.
LOCAL_RUNTIME = """
'use strict';
const named = (fn, name) => (name ? Object.defineProperty(fn, 'name', { value: name }) : fn);
exports.file = () => ({
  handler: (id, fn, name) => named(fn, name),
  lifted: (id, captures, fn, name) => named(fn, name),
  source: (id, fn) => fn,
  initial: (name, make) => make(),
});
"""


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A package below a directory that has more packages, one of them hidden by a nearer one."""
    root = tmp_path / "home" / "app"
    write(root, APP)
    (root / "server.js").chmod(0o755)
    write(root / "node_modules", {"helper/index.js": "exports.one = 1;\n", ".bin/tool": "#!/bin/sh\n"})
    write(
        tmp_path / "home" / "node_modules",
        {"helper/index.js": "exports.one = 1000;\n", "@scope/pack/index.js": "exports.hundred = 100;\n"},
    )
    (root / "node_modules" / "app").symlink_to("..")
    (root / "node_modules" / ".bin" / "app").symlink_to("../../server.js")
    (root / "node_modules" / "part").symlink_to("../packages/part")
    (root / "package.json").write_text('{"name": "app", "version": "1.0.0", "main": "lib/work.js"}\n')
    (root / "current").symlink_to("data/table.csv")
    (root / "outside").symlink_to(tmp_path / "home" / "node_modules" / "helper" / "index.js")
    write(root, {"packages/part/index.js": "exports.part = 1;\n"})
    write(root, {".git/HEAD": "ref\n", "nested/node_modules/deep/index.js": "exports.x = 1;\n"})
    return root


def plan_json(root: Path, moved: dict[str, str], **more: Any) -> dict[str, Any]:
    """A plan that moves the functions at 'file:line' → id."""
    handlers = []
    files = sorted(
        path.relative_to(root).as_posix() for path in root.rglob("*.*js") if "node_modules" not in path.parts
    )
    for place, name in moved.items():
        path, line = place.rsplit(":", 1)
        parsed = parse((root / path).read_text(), path)
        function = next(found for found in functions_of(parsed)[1:] if found.line == int(line))
        handlers.append(
            {
                "id": name,
                "key": function.handler_key,
                "file": path,
                "name": function.name,
                "line": function.line,
                "column": function.column,
                "start": function.start,
                "end": function.end,
                "stage": "stage1",
                "decision": "moved",
                "form": "wrap",
                "cpu_us": 1000.0,
                "calls": 10,
                "share": 0.5,
                "message_bytes": 100.0,
                "returns": "promise",
                "arguments": [],
                "reason": {"cause": "stateless-heavy", "sentence": "It is heavy.", "remedy": ""},
            }
        )
    return {
        "format": "pipetrace-plan",
        "version": 1,
        "tool_version": "0.1.0",
        "diagnosis": "One handler is heavy.",
        "trace": {
            "path": "t.duckdb",
            "created": "2024-01-01T00:00:00Z",
            "command": ["node", "server.js"],
            "cwd": str(root),
            "app_root": str(root),
            "entry": "server.js",
            "app_name": "app",
            "node_version": "v20.0.0",
        },
        "files": [{"path": path, "sha256": hashlib.sha256((root / path).read_bytes()).hexdigest()} for path in files],
        "machines": 2,
        "transport": "threads",
        "stages": [
            {"id": "entry", "replicas": 1, "load": 0.5, "owns": []},
            {"id": "stage1", "replicas": 1, "load": 0.5, "owns": []},
        ],
        "handlers": handlers,
        "state": [],
        "guards": [],
        "sources": [],
        "init_values": [],
        "refusals": [],
        "scaling": [],
        "what_if": [],
        "model": {
            "message_us": {"threads": 40.0, "nats": 120.0},
            "byte_us": {"threads": 0.01, "nats": 0.02},
            "value_us": {"threads": 0.3, "nats": 0.9},
            "http_entry_us": 30.0,
            "http_stage_us": 60.0,
            "away_factor": 1.1,
            "entry_us_per_request": 150.0,
            "move_threshold_us": 200.0,
        },
        "objective": {"busiest_load": 0.5, "bound": 0.5, "gap": 0.0},
        **more,
    }


MOVED = {"server.js:9": "server.js#heavy", "server.js:11": "server.js#function@11"}


def load(tmp_path: Path, content: dict[str, Any]) -> Plan:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(content))
    return load_plan(file)


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and link below a directory: mode and content or target."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*files, *(name for name in folders if (Path(folder) / name).is_symlink())]:
            path = Path(folder) / name
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            found[path.relative_to(root).as_posix()] = (path.lstat().st_mode, content)
    return found


def node(*command: str, cwd: Path) -> str:
    return subprocess.run(["node", *command], cwd=cwd, capture_output=True, text=True, timeout=60, check=True).stdout


def replace_runtime(staged: Path) -> None:
    runtime = staged / "node_modules" / "@pipetrace" / "runtime"
    shutil.rmtree(runtime)
    write(runtime, {"index.js": LOCAL_RUNTIME})


def test_the_edited_files_read_like_the_original(app: Path, tmp_path: Path) -> None:
    result = rewrite(load(tmp_path, plan_json(app, MOVED)), app, tmp_path / "staged")
    assert {name: (tmp_path / "staged" / name).read_bytes().decode() for name in STAGED} == STAGED
    assert (tmp_path / "staged" / ".pipetrace" / "loaded" / "server.js").read_text() == LOADED
    assert [(file.path, file.lines_added, file.lines_removed) for file in result.files] == [("server.js", 3, 3)]
    assert [(change.form, change.lines_added, change.lines_removed) for change in result.files[0].handlers] == [
        ("wrap", 1, 1),
        ("lift", 1, 1),
    ]
    assert result.refusals == ()
    assert result.moved == ("server.js#heavy", "server.js#function@11")


def test_the_staged_program_says_the_same(app: Path, tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    rewrite(load(tmp_path, plan_json(app, MOVED)), app, staged)
    replace_runtime(staged)
    assert node(str(staged / "server.js"), cwd=app) == node("server.js", cwd=app) == "111 heavy 8\n"


def test_what_is_in_the_directory(app: Path, tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    rewrite(load(tmp_path, plan_json(app, MOVED)), app, staged)
    assert os.access(staged / "server.js", os.X_OK)
    assert (staged / "server.js").stat().st_mtime == (app / "server.js").stat().st_mtime
    assert not (staged / ".git").exists()
    assert (staged / "current").readlink() == Path("data/table.csv")
    assert (staged / "outside").read_text() == "exports.one = 1000;\n"
    modules = staged / "node_modules"
    assert (modules / "helper" / "index.js").read_text() == "exports.one = 1;\n"
    assert (modules / "app").resolve() == staged
    assert (modules / "@scope" / "pack").is_symlink()
    assert (modules / ".bin" / "tool").resolve() == app / "node_modules" / ".bin" / "tool"
    assert (modules / ".bin" / "app").resolve() == staged / "server.js"
    assert (modules / "part").resolve() == staged / "packages" / "part"
    assert (staged / "nested" / "node_modules" / "deep" / "index.js").is_file()
    runtime = modules / "@pipetrace" / "runtime"
    assert json.loads((runtime / "package.json").read_text())["name"] == "@pipetrace/runtime"
    assert not runtime.is_symlink()
    records = staged / ".pipetrace"
    assert sorted(path.relative_to(records).as_posix() for path in records.rglob("*") if path.is_file()) == [
        "changes.diff",
        "guards.diff",
        "loaded/server.js",
        "maps/server.js.map",
        "plan.json",
        "staged.json",
    ]
    record = json.loads((records / "staged.json").read_text())
    assert (record["entry"], record["command"], record["app_root"]) == ("server.js", ["node", "server.js"], str(app))
    hashes = {entry["path"]: (entry["rewritten"], entry["sha256"]) for entry in record["files"]}
    for path, (changed, digest) in hashes.items():
        assert hashlib.sha256((staged / path).read_bytes()).hexdigest() == digest
        assert changed == (path == "server.js")
    staged_plan = load_plan(records / "plan.json")
    assert {handler.id: (handler.form, handler.captures) for handler in staged_plan.handlers} == {
        "server.js#heavy": ("wrap", None),
        "server.js#function@11": ("lift", ("base",)),
    }


def test_the_source_is_not_touched_and_two_rewrites_are_equal(app: Path, tmp_path: Path) -> None:
    before = tree(app)
    plan = load(tmp_path, plan_json(app, MOVED))
    rewrite(plan, app, tmp_path / "one")
    first = tree(tmp_path / "one")
    rewrite(plan, app, tmp_path / "one", force=True)
    assert tree(tmp_path / "one") == first
    assert tree(app) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "one", "plan.json"]


def test_the_difference_applies_with_git(app: Path, tmp_path: Path) -> None:
    (app / "lib" / "work.js").write_bytes(b"exports.twice = make();\r\nexports.f = () => 1")
    rewrite(load(tmp_path, plan_json(app, {**MOVED, "lib/work.js:2": "f"})), app, tmp_path / "staged")
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(app / "server.js", copy)
    shutil.copytree(app / "lib", copy / "lib")
    diff = tmp_path / "staged" / ".pipetrace" / "changes.diff"
    subprocess.run(["git", "apply", str(diff)], cwd=copy, check=True)
    for name in ("server.js", "lib/work.js"):
        assert (copy / name).read_bytes() == (tmp_path / "staged" / name).read_bytes()


def test_the_output_may_lie_inside_the_package(app: Path, tmp_path: Path) -> None:
    plan = load(tmp_path, plan_json(app, MOVED))
    rewrite(plan, app, app / "staged")
    rewrite(plan, app, app / "other")
    assert not (app / "staged" / "staged").exists()
    assert not (app / "other" / "staged").exists()
    replace_runtime(app / "other")
    assert node("other/server.js", cwd=app) == "111 heavy 8\n"


def test_es_modules(tmp_path: Path) -> None:
    root = tmp_path / "app"
    write(
        root,
        {
            "package.json": '{"name": "esm", "type": "module"}',
            "server.js": (
                "import run, { heavy, count } from './work.js';\n"
                "import old from './old.cjs';\n"
                "console.log(await heavy(2), await run(3), run.name, count(), old(), typeof import.meta.url);\n"
            ),
            "work.js": (
                "let calls = 0;\n"
                "export async function heavy(n) { calls++; return n * 2; }\n"
                "export default async function (n) { return heavy(n); }\n"
                "export const count = () => calls;\n"
            ),
            "old.cjs": "module.exports = function old() { return 'old'; };\n",
        },
    )
    moved = {"work.js:2": "heavy", "work.js:3": "default", "old.cjs:1": "old"}
    guards = [
        {
            "location": "work.js:calls",
            "name": "calls",
            "file": "work.js",
            "line": 1,
            "form": "variable",
            "owner": "entry",
            "handlers": ["heavy"],
        }
    ]
    result = rewrite(load(tmp_path, plan_json(root, moved, guards=guards)), root, tmp_path / "staged")
    assert set(result.moved) == {"heavy", "default", "old"}
    replace_runtime(tmp_path / "staged")
    assert node("server.js", cwd=tmp_path / "staged") == node("server.js", cwd=root) == "4 6 default 2 old string\n"
    assert "{ calls++; return n * 2; }" in (tmp_path / "staged" / "work.js").read_text()
    loaded = (tmp_path / "staged" / ".pipetrace" / "loaded" / "work.js").read_text()
    assert "{ $pt.touch('work.js:calls'), calls++; return n * 2; }" in loaded


def test_a_refused_handler_is_kept_in_the_staged_plan(app: Path, tmp_path: Path) -> None:
    text = (
        (app / "server.js")
        .read_text()
        .replace("const heavy = async (n) => twice(n)", "const heavy = async (n) => eval(n)")
    )
    (app / "server.js").write_text(text)
    result = rewrite(load(tmp_path, plan_json(app, MOVED)), app, tmp_path / "staged")
    assert [refusal.cause for refusal in result.refusals] == ["dynamic-scope"]
    plan = load_plan(tmp_path / "staged" / ".pipetrace" / "plan.json")
    heavy = plan.handlers[0]
    assert (heavy.decision, heavy.stage, heavy.reason.cause) == ("kept", "entry", "dynamic-scope")
    assert [refusal.handler for refusal in plan.refusals] == ["server.js#heavy"]


def test_with_nothing_to_move_it_is_a_plain_copy(app: Path, tmp_path: Path) -> None:
    result = rewrite(load(tmp_path, plan_json(app, {})), app, tmp_path / "staged")
    assert (result.files, result.diff) == ((), "")
    assert (tmp_path / "staged" / "server.js").read_text() == APP["server.js"]


def test_a_package_without_package_json_keeps_its_module_format(tmp_path: Path) -> None:
    root = tmp_path / "app"
    write(root, {"server.js": "const f = () => 'common';\nconsole.log(f(), typeof require);\n"})
    elsewhere = tmp_path / "modules"
    write(elsewhere, {"package.json": '{"type": "module"}'})
    rewrite(load(tmp_path, plan_json(root, {"server.js:1": "f"})), root, elsewhere / "staged")
    replace_runtime(elsewhere / "staged")
    assert node("server.js", cwd=elsewhere / "staged") == "common function\n"


def refused(tmp_path: Path, plan: dict[str, Any], source: Path, output: Path, **options: bool) -> str:
    before = sorted(path.as_posix() for path in tmp_path.rglob("*"))
    loaded = load(tmp_path, plan)
    with pytest.raises(PipetraceError) as caught:
        rewrite(loaded, source, output, **options)
    after = sorted(path.as_posix() for path in tmp_path.rglob("*"))
    assert [path for path in after if not path.endswith("plan.json")] == [
        path for path in before if not path.endswith("plan.json")
    ]
    return str(caught.value)


def test_an_older_source_is_refused(app: Path, tmp_path: Path) -> None:
    plan = plan_json(app, MOVED)
    (app / "lib" / "work.js").write_text("exports.twice = (n) => n + n;\n")
    message = refused(tmp_path, plan, app, tmp_path / "staged")
    assert message == (
        f"{app}/lib/work.js has changed since it was recorded, so the plan does not fit; record and partition again."
    )
    (app / "lib" / "work.js").unlink()
    assert "cannot be read" in refused(tmp_path, plan, app, tmp_path / "staged")


def test_a_byte_order_mark_is_no_change(app: Path, tmp_path: Path) -> None:
    plan = plan_json(app, MOVED)
    (app / "lib" / "work.js").write_bytes(b"\xef\xbb\xbf" + (app / "lib" / "work.js").read_bytes())
    rewrite(load(tmp_path, plan), app, tmp_path / "staged")
    assert (tmp_path / "staged" / "lib" / "work.js").read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_directory_with_other_things_is_refused(app: Path, tmp_path: Path) -> None:
    write(tmp_path / "staged", {"mine.txt": "x"})
    plan = plan_json(app, MOVED)
    for force in (False, True):
        assert "not empty and holds no staged application" in refused(
            tmp_path, plan, app, tmp_path / "staged", force=force
        )
    assert (tmp_path / "staged" / "mine.txt").read_text() == "x"


def test_a_staged_application_is_replaced_with_force_only(app: Path, tmp_path: Path) -> None:
    plan = plan_json(app, MOVED)
    rewrite(load(tmp_path, plan), app, tmp_path / "staged")
    assert "use --force" in refused(tmp_path, plan, app, tmp_path / "staged")
    write(tmp_path / "staged", {"left.txt": "x"})
    rewrite(load(tmp_path, plan), app, tmp_path / "staged", force=True)
    assert not (tmp_path / "staged" / "left.txt").exists()


def test_the_source_is_never_the_output(app: Path, tmp_path: Path) -> None:
    plan = plan_json(app, MOVED)
    for output in (app, app.parent):
        assert "never changed" in refused(tmp_path, plan, app, output, force=True)
    rewrite(load(tmp_path, plan), app, tmp_path / "staged")
    assert "staged application itself" in refused(tmp_path, plan, tmp_path / "staged", tmp_path / "again")
    assert "is not there" in refused(tmp_path, plan, tmp_path / "gone", tmp_path / "again")


def test_an_empty_directory_is_filled(app: Path, tmp_path: Path) -> None:
    (tmp_path / "staged").mkdir()
    rewrite(load(tmp_path, plan_json(app, MOVED)), app, tmp_path / "staged")
    assert (tmp_path / "staged" / "server.js").is_file()


def test_the_command(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command_line(["rewrite"]) == 1
    assert "pipetrace partition" in capsys.readouterr().err
    load(tmp_path, plan_json(app, MOVED))
    assert run_command_line(["rewrite", "--diff"]) == 0
    streams = capsys.readouterr()
    assert streams.out == (tmp_path / "staged" / ".pipetrace" / "changes.diff").read_text()
    assert streams.err.endswith("Wrote staged\n")
    assert run_command_line(["rewrite"]) == 1
    assert capsys.readouterr().err == (
        "pipetrace: staged is not empty; use --force to replace the staged application in it.\n"
    )
    assert run_command_line(["rewrite", "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["moved"] == list(MOVED.values())
    assert run_command_line(["rewrite", "--force", "-o", "other"]) == 0
    assert capsys.readouterr().out == (
        "server.js: +3 −3 lines\n"  # noqa: RUF001
        "  wrap server.js#heavy: +1 −1 lines\n"  # noqa: RUF001
        "  lift server.js#function@11: +1 −1 lines\n"  # noqa: RUF001
        "3 lines changed for 2 moved handlers\n"
        "1 line of 1 file get guards when they are loaded; see .pipetrace/guards.diff\n"
        "Wrote other\n"
    )


def test_with_the_real_runtime_it_says_the_same(app: Path, tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    rewrite(load(tmp_path, plan_json(app, MOVED)), app, staged)
    register = staged / "node_modules" / "@pipetrace" / "runtime" / "register.js"
    assert node("--require", str(register), str(staged / "server.js"), cwd=app) == "111 heavy 8\n"
