"""One recording from start to trace file: starts the application, the load, and stops what it started."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from pipetrace.errors import PipetraceError
from pipetrace.tracer.assemble import Run, write_trace
from pipetrace.tracer.control import Watcher
from pipetrace.tracer.instrument import MemoryMode
from pipetrace.tracer.launch import Application, understand
from pipetrace.tracer.listen import Listener, main_port, node_options, read_listeners, wait_for_listener
from pipetrace.tracer.transform import Transformer
from pipetrace.tracer.transform_cache import TransformCache
from pipetrace.tracer.transform_server import TransformServer

AGENT = Path(__file__).parent / "agent" / "index.js"
_STOP_S = 5.0

Ending = Literal["exit", "load", "duration", "interrupt"]


@dataclass(frozen=True, slots=True)
class Options:
    """What to record and for how long."""

    command: tuple[str, ...]
    output: Path | None = None
    name: str | None = None
    force: bool = False
    on_port: str | None = None
    """Shell command that makes the load; the recording ends with it."""
    duration_s: float | None = None
    wait_s: float = 30.0
    """How long to wait for the application to listen when `on_port` is given."""
    memory: MemoryMode = "sampled"
    capture_requests: bool = False
    max_requests: int = 1000
    app: Path | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a recording left behind."""

    trace: Path
    requests: Path | None
    ending: Ending
    exit_status: int
    """Of the application when it ended by itself, otherwise 0; 128 + N when signal N ended it."""
    load_status: int | None
    meta: dict[str, Any]
    counts: dict[str, int]
    """Rows per table."""


def record(options: Options, progress: Callable[[str], None] = lambda text: None) -> Recorded:
    """Run the command once under observation and write the trace.

    ``progress`` gets short texts for people. Raises PipetraceError for everything that a user can cure; an
    existing output is never replaced without ``force``, and only by a whole trace.
    """
    cwd = Path.cwd()
    application = understand(options.command, cwd, options.app)
    output = _output(options, application)
    with tempfile.TemporaryDirectory(prefix="pipetrace-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder).resolve()
        _prepare(directory, application, options)
        transformer = Transformer(application.root, options.memory, TransformCache())
        server = TransformServer()
        server.serve(directory, transformer)
        started = time.time()
        with _running(application, directory) as process:
            watcher = Watcher(directory)
            watcher.start()
            listeners: list[Listener] = []
            with _interrupts() as interrupted:
                ending, load_status = _follow(process, directory, options, interrupted, progress, listeners)
                ended = time.time()
                observation = watcher.finish()
                status = _stop(process)
        if ending == "exit":
            _require_something(directory, status, ended - started)
        server.close()
        transformer.save_ids()
        progress("writing the trace")
        run = Run(
            directory=directory, application=application, cwd=cwd, started=started, ended=ended,
            ending=ending, status=status, observation=observation, files=transformer.files, problems=transformer.problems, force=options.force,
            transform_s=server.busy_s, memory=options.memory, on_port=options.on_port,
            listeners=read_listeners(directory / "listeners.jsonl"),
        )
        meta, counts = write_trace(run, output)
        requests = _keep_requests(directory, output) if options.capture_requests else None
    exit_status = 0 if ending != "exit" else (status if status >= 0 else 128 - status)
    return Recorded(output, requests, ending, exit_status, load_status, meta, counts)


def _output(options: Options, application: Application) -> Path:
    name = options.name or application.name
    output = options.output or Path("traces") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}.duckdb"
    taken = [output, *([_requests_path(output)] if options.capture_requests else [])]
    for path in taken:
        if path.exists() and not options.force:
            raise PipetraceError(f"{path} exists; name another file with -o, or replace it with --force.")
    folder = output.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PipetraceError(
            f"{folder} cannot be written ({error.strerror}); name another place for the trace with -o."
        ) from None
    return output


def _requests_path(output: Path) -> Path:
    return output.with_name(output.name.removesuffix(".duckdb") + ".requests.jsonl")


def _prepare(directory: Path, application: Application, options: Options) -> None:
    (directory / "spool").mkdir()
    config = {
        "app_root": str(application.root), "memory": options.memory,
        "capture_requests": options.capture_requests, "max_requests": options.max_requests,
    }
    (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")


@contextlib.contextmanager
def _running(application: Application, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        # The inspector would otherwise announce itself on the application's stderr.
        "NODE_OPTIONS": f"{node_options(os.environ, AGENT)} --inspect-publish-uid=http",
        "PIPETRACE_DIR": str(directory),
        "PIPETRACE_LISTEN_FILE": str(directory / "listeners.jsonl"),
    }
    command = list(application.command)
    try:
        # A process group of its own, so that Ctrl-C reaches pipetrace first and what was seen can be saved.
        process = subprocess.Popen(command, env=environment, process_group=0)
    except OSError as error:
        raise PipetraceError(f"{command[0]} cannot be started ({error.strerror}); check that it may be run.") from None
    try:
        yield process
    finally:
        _stop(process)


@contextlib.contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM set a flag; a second one raises KeyboardInterrupt."""
    count = 0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: count > 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(
    process: subprocess.Popen[bytes],
    directory: Path,
    options: Options,
    interrupted: Callable[[], bool],
    progress: Callable[[str], None],
    listeners: list[Listener],
) -> tuple[Ending, int | None]:
    until = None if options.duration_s is None else time.monotonic() + options.duration_s
    load: subprocess.Popen[bytes] | None = None
    if options.on_port is not None:
        progress("waiting for the application to listen")
        listeners += wait_for_listener(directory / "listeners.jsonl", process, options.wait_s)
        port = main_port(listeners)
        progress(f"recording; the load runs against port {port}")
        load = subprocess.Popen(options.on_port, shell=True, env={**os.environ, "PORT": str(port)}, process_group=0)
    else:
        progress("recording; Ctrl-C stops and keeps the data")
    try:
        while True:
            if process.poll() is not None:
                return "exit", None
            if load is not None and load.poll() is not None:
                return "load", load.returncode
            if until is not None and time.monotonic() >= until:
                return "duration", None
            if interrupted():
                return "interrupt", None
            time.sleep(0.02)
    finally:
        if load is not None and load.poll() is None:
            _stop(load)


def _stop(process: subprocess.Popen[bytes]) -> int:
    """End a process group that we started, kindly and then not; return the exit status."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # Children that outlive their parent.
        os.killpg(process.pid, signal.SIGTERM)
    return process.wait()


def _require_something(directory: Path, status: int, seconds: float) -> None:
    if any((directory / "spool").glob("*.bin")) and (status == 0 or seconds > 5):
        return
    how = f"with status {status}" if status >= 0 else f"by signal {-status}"
    raise PipetraceError(
        f"The application ended {how} after {seconds:.1f} s, before there was anything to record; "
        "its own messages above say why: start it by hand first."
    )


def _keep_requests(directory: Path, output: Path) -> Path | None:
    written = directory / "requests.jsonl"
    if not written.exists():
        return None
    lines = []
    for line in written.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError):
            lines.append(json.loads(line))
    lines.sort(key=lambda row: row["order"])
    path = _requests_path(output)
    path.touch(mode=0o600)
    shutil.copymode(written, path)
    with path.open("w", encoding="utf-8") as out:
        for row in lines:
            row.pop("order")
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path
