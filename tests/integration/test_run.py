"""`pipetrace run`: stdio, arguments, signals and exit status are those of the application."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipetrace.runner.launch import wait_until
from pipetrace.runner.nats import start_broker
from pipetrace.runner.staged import StagedApp
from tests.integration.staged_by_hand import stage_by_hand, stage_one_handler

ECHO = """
console.log(JSON.stringify({args: process.argv.slice(2), cwd: process.cwd(), stage: process.env.PIPETRACE_STAGE,
  flags: process.execArgv.filter((flag) => flag.startsWith('--no-'))}));
process.stdin.on('data', (data) => { process.stderr.write(`heard ${data}`); process.exit(7); });
"""

WAIT = """
process.on('SIGTERM', () => { console.log('got SIGTERM'); process.exit(0); });
process.on('SIGUSR2', () => console.log('got SIGUSR2'));
setInterval(() => {}, 1000);
console.log('ready');
"""

LISTEN = "require('net').createServer().listen(Number(process.argv[2]), '127.0.0.1');"
LISTEN_AND_HIDE = (
    "require('net').createServer().on('error', () => process.exit(1)).listen(Number(process.argv[2]), '127.0.0.1');"
)


def start(staged: StagedApp, *args: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "pipetrace", "run", str(staged.folder), *args]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(staged: StagedApp, *args: str, heard: str = "") -> tuple[int, str, str]:
    process = start(staged, *args)
    out, err = process.communicate(heard, timeout=30)
    return process.returncode, out, err


def test_arguments_directory_stdin_and_exit_status(tmp_path: Path) -> None:
    staged = stage_by_hand(tmp_path, ECHO, ["--port", "1"])
    status, out, err = run(staged, heard="hello")
    assert (status, err) == (7, "heard hello")
    assert out == f'{{"args":["--port","1"],"cwd":"{tmp_path}/app","stage":"entry","flags":[]}}\n'
    assert '"args":["-x","y"]' in run(staged, "--", "-x", "y", heard="z")[1]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 128 + signal.SIGINT)])
def test_signals_reach_the_application_and_its_end_is_ours(tmp_path: Path, number: signal.Signals, status: int) -> None:
    process = start(stage_by_hand(tmp_path, WAIT))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGUSR2)
    assert process.stdout.readline() == "got SIGUSR2\n"
    os.kill(process.pid, number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == status
    assert out == ("got SIGTERM\n" if number == signal.SIGTERM else "")


@pytest.mark.parametrize("source", [LISTEN, LISTEN_AND_HIDE])
def test_a_port_in_use_is_said_beside_the_applications_own_error(tmp_path: Path, source: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, err = run(stage_by_hand(tmp_path, source, [str(port)]))
    assert status == 1
    assert f"pipetrace: the port 127.0.0.1:{port} is in use; stop the process that has it" in err


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    staged = stage_by_hand(tmp_path, ECHO)
    assert run(staged, "--stage", "stage9")[::2] == (2, "pipetrace: the plan has no stage 'stage9'; it has entry.\n")
    status, _, err = run(staged, "--transport", "nats://127.0.0.1:1")
    assert status == 1
    assert err.startswith("pipetrace: no NATS broker can be reached at 127.0.0.1:1 ")
    (tmp_path / "app" / "app.js").write_text("// other")
    status, _, err = run(staged)
    assert status == 1
    assert "app.js has changed since the staged application was made" in err


def ask(port: int, url: str) -> str:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}{url}", timeout=10) as answer:
        return str(answer.read().decode())
    return ""


def ask_until(port: int, wanted: Callable[[str], bool]) -> str:
    """Ask until the answer is as wanted, for half a minute at most."""
    answers = [""]

    def found() -> bool:
        answers.append(ask(port, "/who"))
        return wanted(answers[-1])

    wait_until(found, 30.0, 0.05)
    return answers[-1]


def stage_processes(parent: int) -> list[psutil.Process]:
    """The running processes of stages that a `pipetrace run` has started."""
    found = []
    for child in psutil.Process(parent).children():
        with contextlib.suppress(psutil.Error):
            if child.environ().get("PIPETRACE_STAGE") == "stage1" and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
    return found


@pytest.mark.nats
@pytest.mark.skipif(shutil.which("nats-server") is None, reason="nats-server is not installed")
def test_over_nats_the_stages_run_beside_the_entry_start_again_and_end_with_it(tmp_path: Path) -> None:
    with start_broker() as broker:
        process = start(stage_one_handler(tmp_path), "--transport", broker.url)
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert ask_until(port, lambda answer: answer == "stage1") == "stage1"
        (first,) = stage_processes(process.pid)
        # From outside: the stage itself has the application's process id, as its program must see.
        first.kill()
        assert wait_until(lambda: bool(stage_processes(process.pid)), 30.0)
        assert ask_until(port, lambda answer: answer == "stage1") == "stage1"
        (second,) = stage_processes(process.pid)
        assert second != first
        process.terminate()
        _, err = process.communicate(timeout=30)
        assert process.returncode == 128 + signal.SIGTERM
        assert "a process of stage1 ended with signal 9; starting it again" in err
        assert wait_until(lambda: not second.is_running(), 10.0)
