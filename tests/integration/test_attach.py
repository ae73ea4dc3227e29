"""Attaching to running applications: what the trace holds, and that the application is as it was."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipetrace.tracer.trace import open_trace
from tests.integration.attached_app import ANSWERS, AttachedApp, Clients, attach, command
from tests.integration.node_versions import VERSIONS

NEWEST = VERSIONS[-1]


def listening(pid: int) -> list[int]:
    return sorted(
        connection.laddr.port
        for connection in psutil.Process(pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    )


def wait_until_only(pid: int, ports: list[int]) -> None:
    deadline = time.monotonic() + 20
    while listening(pid) != ports and time.monotonic() < deadline:
        time.sleep(0.02)
    assert listening(pid) == ports


@pytest.mark.parametrize("module", [False, True], ids=["commonjs", "module"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_running_application_is_recorded_and_left_as_it_was(version: str, module: bool, tmp_path: Path) -> None:
    trace = tmp_path / "attached.duckdb"
    with AttachedApp(version, tmp_path / "app", module=module) as app:
        assert app.count() == 1
        ports = listening(app.process.pid)
        with Clients(app, tmp_path) as clients:
            done = attach(app.process.pid, "--on-port", clients.load, "-o", trace, "--json")
        assert done.returncode == 0, done.stderr
        wait_until_only(app.process.pid, ports)
        assert clients.failures == []
        assert clients.answers == {path: {answer} for path, answer in ANSWERS.items()}
        assert clients.counts == list(range(2, 2 + len(clients.counts)))
        assert json.loads(app.get("/globals")[1]) == {"same": True}
        assert app.count() == 2 + len(clients.counts)
    described = json.loads(done.stdout)["meta"]["attached"]
    assert described["not_restored"] == []
    assert described["covered"] >= 12
    assert described["called"] >= 10
    with open_trace(trace) as opened:
        events = dict(opened.sql("select event, count(*) from chain where kind = 'http' group by 1").fetchall())
        assert events.keys() >= {"GET /count", "GET /later/a", "GET /rejected", "GET /thrown"}
        later = opened.sql(
            """select distinct f.name, i.kind from invocation i join "function" f using (function_id)
               join chain c using (chain_id) where c.event = 'GET /later/a'"""
        ).fetchall()
        assert {("put", "call"), ("put", "resume"), ("", "handler"), ("", "resume")} <= set(later)
        orphans = opened.sql(
            "select count(*) from invocation where parent_id is null and chain_id <> invocation_id"
        ).fetchall()
        assert orphans == [(0,)]
        left = opened.sql("select text from problem where text like 'forever %'").fetchall()
        assert len(left) == 1 and "a call of it was under way" in left[0][0]
        assert opened.sql("select count(*) from access").fetchall() == [(0,)]
        assert opened.meta["memory_mode"] == "off"


def test_the_process_is_found_by_its_own_port_and_by_that_of_its_inspector(tmp_path: Path) -> None:
    with AttachedApp(NEWEST, tmp_path / "app", flags=["--inspect=127.0.0.1:0"]) as app:
        inspector = next(port for port in listening(app.process.pid) if port != app.port)
        for index, target in enumerate((f":{app.port}", f":{inspector}")):
            done = attach(target, "--duration", 0.3, "-o", tmp_path / f"{index}.duckdb")
            assert done.returncode == 0, done.stderr
        # It was open before, so it stays open.
        assert listening(app.process.pid) == sorted([app.port, inspector])


def test_no_plan_is_made_from_an_attached_recording_but_a_report(tmp_path: Path) -> None:
    trace = tmp_path / "attached.duckdb"
    with AttachedApp(NEWEST, tmp_path / "app") as app:
        url = "curl -s http://127.0.0.1:$PORT/later/a http://127.0.0.1:$PORT/count"
        done = attach(app.process.pid, "--on-port", url, "-o", trace)
        assert done.returncode == 0, done.stderr
    words = [sys.executable, "-m", "pipetrace"]
    planned = subprocess.run(
        [*words, "partition", str(trace), "-o", str(tmp_path / "plan.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert planned.returncode != 0
    assert "recorded by attaching" in planned.stderr and "record the application from its start" in planned.stderr
    assert not (tmp_path / "plan.json").exists()
    report = subprocess.run(
        [*words, "report", str(trace), "-f", "md", "-o", "-"], capture_output=True, text=True, check=False
    )
    assert report.returncode == 0, report.stderr
    assert "GET /later/a" in report.stdout


def test_an_application_that_ends_meanwhile_leaves_its_trace(tmp_path: Path) -> None:
    trace = tmp_path / "attached.duckdb"
    with AttachedApp(NEWEST, tmp_path / "app") as app:
        load = "curl -s http://127.0.0.1:$PORT/count http://127.0.0.1:$PORT/end; sleep 60"
        done = attach(app.process.pid, "--on-port", load, "-o", trace)
        assert app.process.wait(20) == 7
    assert done.returncode == 0, done.stderr
    with open_trace(trace) as opened:
        assert opened.meta["ended"] == "the application ended"
        assert opened.sql("select count(*) from chain where event = 'GET /end'").fetchall() == [(1,)]


def test_an_application_outlives_its_recorder(tmp_path: Path) -> None:
    with AttachedApp(NEWEST, tmp_path / "app") as app:
        before = app.count()
        recorder = subprocess.Popen(
            command(
                app.process.pid,
                "-o",
                tmp_path / "t.duckdb",
                "--on-port",
                "curl -s http://127.0.0.1:$PORT/end-not; sleep 60",
            ),
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while json.loads(app.get("/globals")[1])["same"] is not False and time.monotonic() < deadline:
            time.sleep(0.05)
        recorder.send_signal(signal.SIGKILL)
        recorder.communicate()
        assert {path: app.get(path) for path in ANSWERS} == ANSWERS
        assert app.count() == before + 1
        again = attach(app.process.pid, "--duration", 1)
        assert again.returncode == 1
        assert "its recorder was killed" in again.stderr
        # After a while the agent notices, and takes itself out.
        deadline = time.monotonic() + 100
        while json.loads(app.get("/globals")[1])["same"] is False and time.monotonic() < deadline:
            time.sleep(0.2)
        assert json.loads(app.get("/globals")[1]) == {"same": True}
        assert app.count() == before + 2


def test_what_cannot_be_attached_to_is_said_in_a_sentence(tmp_path: Path) -> None:
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        done = attach(sleeper.pid)
        assert done.returncode == 1
        assert "does not open an inspector when it is asked to: it is not Node.js" in done.stderr
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        done = attach(f":{free.getsockname()[1]}")
    assert done.returncode == 1 and "nothing of yours listens on port" in done.stderr
    done = attach("ws://192.0.2.1:9229/x")
    assert done.returncode == 1 and "is not on this machine" in done.stderr
    done = attach("what")
    assert done.returncode == 1 and "neither a process id" in done.stderr
    done = attach(os.getpid(), "node", "app.js")
    assert done.returncode == 2 and "leave the command" in done.stderr


def test_a_pause_longer_than_allowed_is_refused_before_anything_is_edited(tmp_path: Path) -> None:
    with AttachedApp(NEWEST, tmp_path / "app") as app:
        done = attach(app.process.pid, "--allow-stall", 0.05, "-o", tmp_path / "t.duckdb")
        assert done.returncode == 1
        assert "allow it with --allow-stall" in done.stderr
        assert json.loads(app.get("/globals")[1]) == {"same": True}
