"""Staged directories: start commands taken apart, damage and changes told in one sentence."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pipetrace.errors import PipetraceError, UsageError
from pipetrace.runner.staged import load_staged, request_file, split_command


def package(folder: Path, **files: str) -> Path:
    for name, text in {"app.js": "", **files}.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def staged(tmp_path: Path, command: list[str], source: str = "listen()") -> Path:
    app, out = tmp_path / "app", tmp_path / "staged"
    app.mkdir()
    (app / "app.js").write_text(source)
    (out / ".pipetrace").mkdir(parents=True)
    (out / "app.js").write_text(source)
    files = [{"path": "app.js", "sha256": hashlib.sha256(source.encode()).hexdigest()}]
    described = {"entry": "app.js", "command": command, "cwd": str(app), "app_root": str(app), "files": files}
    stages = [{"id": "entry", "replicas": 1}, {"id": "stage1", "replicas": 3}]
    handlers = [{"id": "app.js#f", "decision": "moved"}, {"id": "app.js#g", "decision": "kept"}]
    plan = {"trace": {"path": "traces/app-1.duckdb"}, "files": files, "stages": stages, "handlers": handlers}
    (out / ".pipetrace" / "staged.json").write_text(json.dumps(described))
    (out / ".pipetrace" / "plan.json").write_text(json.dumps(plan))
    return out


@pytest.mark.parametrize(
    ("command", "flags", "arguments"),
    [
        (["node", "app.js"], (), ()),
        (["node", "app", "-p", "0"], (), ("-p", "0")),
        (["node", "--no-warnings", "-r", "./h.js", "app.js", "x"], ("--no-warnings", "-r", "./h.js"), ("x",)),
        (["/usr/bin/node", "--", "app.js", "--flag"], ("--",), ("--flag",)),
        (["./app.js", "1"], (), ("1",)),
        (["npm", "start"], ("--trace-warnings",), ("--port", "1")),
        (["npm", "run", "serve", "--", "extra"], (), ("extra",)),
        (["npx", "-y", "tool", "docs", "-p", "0"], (), ("docs", "-p", "0")),
    ],
)  # fmt: skip
def test_commands_are_taken_apart(
    tmp_path: Path, command: list[str], flags: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    scripts = {"start": "NODE_ENV=x node --trace-warnings app.js --port 1", "serve": "node app.js"}
    package(tmp_path, **{"package.json": json.dumps({"scripts": scripts}), "h.js": ""})
    assert split_command(command, tmp_path, tmp_path / "app.js")[1:] == (flags, arguments)


def test_a_link_to_the_entry_script_is_the_entry_script(tmp_path: Path) -> None:
    package(tmp_path, lib__cli="")
    (tmp_path / "lib" / "cli").rename(tmp_path / "lib" / "cli.js")
    commands = tmp_path / "node_modules" / ".bin"
    commands.mkdir(parents=True)
    (commands / "tool").symlink_to("../../lib/cli.js")
    for command in (["node", "node_modules/.bin/tool", "docs"], ["node_modules/.bin/tool", "docs"]):
        assert split_command(command, tmp_path, tmp_path / "lib" / "cli.js")[2] == ("docs",)


def test_a_command_that_tells_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"arguments .* cannot be told .* './start.sh'"):
        split_command(["./start.sh"], tmp_path, package(tmp_path) / "app.js")


def test_the_staged_command_keeps_flags_and_arguments(tmp_path: Path) -> None:
    app = load_staged(staged(tmp_path, ["node", "--no-warnings", "app.js", "-p", "0"]))
    register = f"{tmp_path}/staged/node_modules/@pipetrace/runtime/register.js"
    assert app.staged_command()[1:] == ["--no-warnings", "--require", register, f"{tmp_path}/staged/app.js", "-p", "0"]
    assert app.staged_command(["9"])[-1] == "9"
    assert [(stage.id, stage.replicas) for stage in app.stages] == [("stage1", 3)]
    assert app.moved == ("app.js#f",)


def test_the_request_file_lies_beside_the_trace_wherever_the_plan_was_made(tmp_path: Path) -> None:
    out = staged(tmp_path, ["node", "app.js"])
    assert request_file(load_staged(out)) == Path.cwd() / "traces" / "app-1.requests.jsonl"
    for folder in (tmp_path / "app" / "traces", tmp_path / "traces"):
        folder.mkdir()
        (folder / "app-1.requests.jsonl").touch()
        assert request_file(load_staged(out)) == folder / "app-1.requests.jsonl"


def test_another_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a staged application"):
        load_staged(tmp_path)


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    out = staged(tmp_path, ["node", "app.js"])
    (out / ".pipetrace" / "staged.json").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        load_staged(out)


def test_a_changed_or_missing_source_is_refused(tmp_path: Path) -> None:
    out = staged(tmp_path, ["node", "app.js"])
    (tmp_path / "app" / "app.js").write_text("listen(); more()")
    with pytest.raises(PipetraceError, match=r"app\.js has changed since .* rewrite again"):
        load_staged(out)
    (tmp_path / "app" / "app.js").unlink()
    with pytest.raises(PipetraceError, match=r"app\.js is gone"):
        load_staged(out)


def test_the_node_of_the_recording_is_taken_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pretend(name: str, version: str) -> str:
        program = tmp_path / name / "node"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho v{version}\n")
        program.chmod(0o755)
        return str(program)

    recorded, other, old = pretend("recorded", "24.1.0"), pretend("other", "22.1.0"), pretend("old", "18.1.0")
    monkeypatch.setenv("PATH", f"{tmp_path}/other:/usr/bin:/bin")
    out = staged(tmp_path, ["npm", "start"])
    planned = out / ".pipetrace" / "plan.json"
    plan = json.loads(planned.read_text())
    plan["trace"] |= {"node": recorded, "node_version": "v24.1.0", "node_flags": ["--no-warnings"], "arguments": ["7"]}
    planned.write_text(json.dumps(plan))

    app = load_staged(out)
    assert (app.node, app.node_remark, app.node_flags, app.arguments) == (recorded, "", ("--no-warnings",), ("7",))
    assert app.original_environment({"PATH": "/usr/bin"})["PATH"] == f"{tmp_path}/recorded:/usr/bin"
    assert load_staged(out, node=other).node == other
    with pytest.raises(PipetraceError, match=r"old/node is Node.js 18.1.0; install Node.js 20 or newer"):
        load_staged(out, node=old)
    with pytest.raises(PipetraceError, match="nowhere was not found; name the node to run with"):
        load_staged(out, node="nowhere")
    Path(recorded).unlink()
    app = load_staged(out)
    assert app.node == other
    assert app.node_remark == (
        f"it was recorded with Node.js 24.1.0, which is not here; {other} is 22.1.0 (choose with --node)."
    )


def test_a_file_that_no_longer_fits_its_guards_is_refused(tmp_path: Path) -> None:
    out = staged(tmp_path, ["node", "app.js"])
    described = json.loads((out / ".pipetrace" / "staged.json").read_text())
    described["files"][0]["loaded"] = "commonjs"
    (out / ".pipetrace" / "staged.json").write_text(json.dumps(described))
    assert load_staged(out).entry == "app.js"
    (out / "app.js").write_text("listen() // mine")
    with pytest.raises(PipetraceError, match=r"app\.js has changed since it was rewritten, so its guards do not fit;"):
        load_staged(out)
