"""Recording an application from its start to the finished trace."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipetrace import __version__
from pipetrace.errors import PipetraceError
from pipetrace.tracer import launch
from pipetrace.tracer.assemble import Collected, listener_entries, process_ids, write_tables
from pipetrace.tracer.captured import Captured, gather_requests, requests_path
from pipetrace.tracer.following import Candidate, Ending, Following, Orders
from pipetrace.tracer.instrument import MemoryMode
from pipetrace.tracer.listen import describe_status, read_taken
from pipetrace.tracer.originals import map_files
from pipetrace.tracer.shortfall import left_out, left_out_remark, not_written
from pipetrace.tracer.signals import counted_interrupts, passed_on
from pipetrace.tracer.spool import SpoolTables, read_spool
from pipetrace.tracer.trace import TraceWriter
from pipetrace.tracer.transform import Problem

_DIRECTORY = Path("traces")


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """What the user asked for."""

    command: tuple[str, ...]
    output: Path | None = None
    force: bool = False
    on_port: str | None = None
    duration_s: float | None = None
    wait_s: float = 30.0
    memory: MemoryMode = "sampled"
    capture_requests: bool = False
    max_requests: int = 1000
    max_bytes: int = 1_000_000_000
    """Records of a process beyond which chains are left out, ever more of them."""
    name: str | None = None
    app: Path | None = None
    include: tuple[Path, ...] = ()
    """Directories of dependencies that count as part of the application."""
    stdout: int | None = None
    """File descriptor for what the application and the load print; None leaves it as it is."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finished recording."""

    path: Path
    requests: Captured | None
    exit_status: int
    """What the command line should exit with: that of the application if it ended by itself, else 0."""
    remarks: tuple[str, ...]
    """Sentences for the user."""
    meta: dict[str, Any] = field(repr=False)
    counts: dict[str, int] = field(default_factory=dict)
    """Rows: invocations, chains, accesses, functions."""


class ApplicationFailedError(PipetraceError):
    """The application ended before there was anything to record; the exit status is its own."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


def record(options: RecordOptions, say: Callable[[str], None] = lambda line: None) -> Recorded:
    """Record an application; `say` is told about the progress now and then.

    Raises PipetraceError for everything that a user can cause; nothing was overwritten then.
    """
    command = launch.check_command(options.command)
    check_output(options)
    app = options.app
    if app is not None and not app.is_dir():
        raise PipetraceError(f"The directory {app} given with --app does not exist.")
    for directory in options.include:
        if not directory.is_dir():
            raise PipetraceError(f"The directory {directory} given with --include does not exist; install it first.")
    orders = Orders(
        memory=options.memory,
        on_port=options.on_port,
        duration_s=options.duration_s,
        wait_s=options.wait_s,
        stdout=options.stdout,
        options={
            "app_root": os.path.realpath(app) if app else None,
            "include": [os.path.realpath(directory) for directory in options.include],
            "launchers": launch.launcher_packages(),
            "memory": options.memory,
            "capture_requests": options.capture_requests,
            "max_requests": options.max_requests,
            "max_bytes": options.max_bytes,
        },
    )
    created = datetime.now().astimezone()
    with (
        counted_interrupts() as interrupts,
        Following(command, orders, interrupts) as following,
        passed_on(following.send_signal),
    ):
        ending = following.follow(say)
        say("ending the recording")
        following.stop(ending)
        candidate = following.application()
        assert following.process is not None
        status = following.process.returncode
        if candidate is None or candidate.transformer is None:
            raise _nothing_ran(following, candidate, ending, status)
        say("writing the trace")
        return _write(options, command, following, candidate, ending, created)


def _write(
    options: RecordOptions,
    command: launch.Command,
    following: Following,
    candidate: Candidate,
    ending: Ending,
    created: datetime,
) -> Recorded:
    assert following.process is not None and candidate.transformer is not None
    transformer = candidate.transformer
    claim = following.claim_of(candidate)
    status = following.process.returncode
    spool = read_spool(candidate.directory / "spool")
    for profile in candidate.directory.glob("profile.*.json"):
        _add_profile(following, candidate, profile)
    inspected = candidate.inspection.stats if candidate.inspection else {}
    inspected = inspected or candidate.own_stats
    # On a full disk the agent cannot even write how much it lost.
    lost = max(spool.lost_records, int(inspected.get("lost") or 0))
    _refuse_empty(spool, lost, ending, status, read_taken(following.run.listening))
    transformer.save_ids()
    app_root = Path(claim.app_root)
    name = options.name or app_name(app_root)
    path = options.output or default_output(name, created)
    ids = process_ids(spool)
    listeners = following.listeners()
    by_itself = ending is Ending.BY_ITSELF
    partial = _partial_reason(spool, lost, ending)
    meta: dict[str, Any] = {
        "tool_version": __version__,
        "created": created.isoformat(timespec="seconds"),
        "command": list(command.argv),
        "cwd": claim.cwd,
        "app_root": claim.app_root,
        "entry": Path(os.path.relpath(claim.entry, claim.app_root)).as_posix(),
        "app_name": name,
        "node": claim.node,
        "node_version": claim.version,
        "node_flags": list(claim.exec_argv),
        "arguments": list(claim.argv[2:]),
        "duration_s": round(following.duration_s, 3),
        "complete": partial == "",
        "partial_reason": partial,
        "ended": ending.value,
        "exit_code": status if by_itself and status >= 0 else None,
        "signal": _signal_name(status) if by_itself and status < 0 else None,
        "memory_mode": options.memory,
        "init_end_ns": spool.init_end_ns,
        "lost_records": lost,
        "left_out": left_out(spool),
        "on_port": options.on_port,
        "load_exit_code": following.load_status,
        "listeners": listener_entries(listeners, ids),
        "overhead": _overhead(following, candidate, spool, inspected),
        **candidate.profile.entries(spool.init_end_ns or 0),
    }
    mapped = map_files(transformer.files, app_root, claim.node)
    unmapped = [*transformer.unmapped, *mapped.unusable]
    collected = Collected(
        candidate.directory,
        app_root,
        spool,
        transformer.files,
        [*transformer.problems, *(Problem("other", file_id, 0, sentence) for file_id, sentence in unmapped)],
        candidate.profile,
        following.metrics.samples,
        listeners,
        mapped,
        following.metrics.run_times,
    )
    captured = None
    with TraceWriter(path, force=options.force) as writer:
        write_tables(writer, collected)
        if options.capture_requests:
            captured = gather_requests(candidate.directory, path, options.max_requests, force=options.force)
        writer.commit(meta)
    counts = {
        "invocations": len(spool.invocation),
        "chains": len(spool.chain),
        "accesses": len(spool.access),
        "files": len(transformer.files),
        "functions": sum(len(file.static.functions) for file in transformer.files if file.static),
    }
    return Recorded(
        path,
        captured,
        _exit_status(ending, status),
        (
            *_remarks(following, transformer.files, partial, captured),
            *left_out_remark(spool),
            *unmapped_remark(unmapped),
        ),
        meta,
        counts,
    )


def check_output(options: RecordOptions) -> None:
    """Raise when the trace could not be written, before anything is started."""
    path = options.output
    if path is not None:
        if path.is_dir():
            raise PipetraceError(f"{path} is a directory; give the name of a file with -o.")
        taken = [path, requests_path(path)] if options.capture_requests else [path]
        for file in taken:
            if file.exists() and not options.force:
                raise PipetraceError(
                    f"{file} exists already; choose another name with -o, or overwrite it with --force."
                )
    directory = _DIRECTORY if path is None else path.parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".pipetrace-"):
            pass
    except OSError as error:
        raise PipetraceError(
            f"The directory {directory} cannot be written to ({error.strerror}); choose another place with -o."
        ) from None


def default_output(name: str, created: datetime) -> Path:
    """Return a file name in traces/ that is free."""
    safe = re.sub(r"[^\w.-]+", "-", name.lstrip("@")).strip("-.") or "app"
    stem = f"{safe}-{created:%Y%m%d-%H%M%S}"
    path = _DIRECTORY / f"{stem}.duckdb"
    number = 2
    while path.exists() or requests_path(path).exists():
        path = _DIRECTORY / f"{stem}-{number}.duckdb"
        number += 1
    return path


def app_name(app_root: Path) -> str:
    """Return the name in the application's package.json, else that of its directory."""
    import json

    with contextlib.suppress(OSError, ValueError, AttributeError):
        name = json.loads((app_root / "package.json").read_bytes()).get("name")
        if isinstance(name, str) and name:
            return name
    return app_root.name or "app"


def _nothing_ran(following: Following, candidate: Candidate | None, ending: Ending, status: int) -> PipetraceError:
    """Say why there is nothing: no node process, no module of the application, or an agent that failed."""
    by_itself = ending is Ending.BY_ITSELF
    how = f" and ended with {describe_status(status)} (what it printed stands above)" if by_itself else ""
    failure = status if by_itself and status > 0 else 1
    if following.run.failures:
        return ApplicationFailedError(f"The agent could not start: {following.run.failures[0]}.", failure)
    if candidate is None:
        if following.run.launchers:
            return ApplicationFailedError(
                f"The command only ran the package manager{how}; name the command that starts the application.",
                failure,
            )
        return ApplicationFailedError(
            f"The command started no Node.js script{how}; name a command that runs node, and keep NODE_OPTIONS "
            "in its environment.",
            failure,
        )
    claim = following.claim_of(candidate)
    return ApplicationFailedError(
        f"No file of the application in {claim.app_root} was loaded{how}; name its directory with --app if it is "
        "another.",
        failure,
    )


def _refuse_empty(spool: SpoolTables, lost: int, ending: Ending, status: int, taken: str | None) -> None:
    """Raise when nothing but the initialisation was recorded: the application ended too early, or no record fitted."""
    several = len(spool.process["kind"]) > 1
    served = spool.chain_kinds - {"init"}
    if lost and not served:
        raise PipetraceError(
            f"Nothing could be recorded: {lost} records could not be written to {tempfile.gettempdir()} (disk full?); "
            "free some space, or name another directory with TMPDIR."
        )
    if ending is not Ending.BY_ITSELF or several or served:
        return
    if status != 0:
        why = "its own message stands above, and no trace was written."
        if taken is not None:
            why = f"the port {taken} is in use; stop the process that has it, or give the application another port."
        raise ApplicationFailedError(
            f"The application ended with {describe_status(status)} while it started; {why}",
            _exit_status(ending, status),
        )
    if spool.invocation_kinds - {"init"}:
        raise PipetraceError(
            "The application ended, and all that it ran was a part of its start: no request, timer, message or other "
            "event followed, so there is nothing to record; give the command that keeps it running."
        )
    raise PipetraceError(
        "The application ended at once and handled no event, so there is nothing to record; give the command that "
        "keeps it running."
    )


def _partial_reason(spool: SpoolTables, lost: int, ending: Ending) -> str:
    """Say what is missing in the trace; '' when nothing is."""
    missing = not_written(spool, lost)
    if missing:
        return missing
    if ending is Ending.BY_ITSELF:
        table = spool.process
        for kind, pid, ended in zip(table["kind"], table["pid"], table["ended_ns"], strict=True):
            if ended is None and kind != "worker":
                return f"Process {pid} ended without notice (killed?), so its last moments are missing."
    return ""


def _overhead(
    following: Following, candidate: Candidate, spool: SpoolTables, inspected: dict[str, Any]
) -> dict[str, Any]:
    """What the recording itself cost, as far as it was measured."""
    profile, transformer = candidate.profile, candidate.transformer
    assert transformer is not None
    written = sum(path.stat().st_size for path in (candidate.directory / "spool").glob("*.bin"))
    share = profile.agent_share(spool.init_end_ns or 0)
    total_ms = inspected.get("total_ms") or 0
    return {
        "records": len(spool.invocation) + len(spool.access),
        "written_bytes": written,
        "agent_share": None if share is None else round(share, 4),
        "slow_down": None if share is None or share >= 1 else round(1 / (1 - share), 3),
        "sampled_time_share": round(inspected["sampled_ms"] / total_ms, 4) if total_ms else None,
        "start_up_s": round(max(profile.waiting_us / 1e6, (inspected.get("waited_ms") or 0) / 1e3), 3),
        "files_instrumented_anew": transformer.misses,
    }


def _remarks(following: Following, files: list[Any], partial: str, captured: Captured | None) -> Iterator[str]:
    for file in files:
        if file.status != "instrumented":
            yield f"{file.path} was left alone: {file.reason}"
    if partial:
        yield f"The trace is partial: {partial}"
    if following.had_to_kill:
        yield "The application did not end when it was asked to, and was killed."
    if following.load_status:
        yield f"The load ended with {describe_status(following.load_status)}; check the command given with --on-port."
    if captured is not None and captured.bounded:
        yield f"Only the first {captured.requests} requests were captured; --max-requests keeps more."


def unmapped_remark(unmapped: Sequence[tuple[int, str]]) -> Iterator[str]:
    """Say of files whose source maps say nothing that their lines are those of the compiled text."""
    if unmapped:
        others = len(unmapped) - 1
        more = f" {others} more file{'s have' if others > 1 else ' has'} no usable map." if others else ""
        yield unmapped[0][1] + more


def _exit_status(ending: Ending, status: int) -> int:
    if ending is not Ending.BY_ITSELF:
        return 0
    return status if status >= 0 else 128 - status


def _signal_name(status: int) -> str:
    return describe_status(status).removeprefix("signal ")


def _add_profile(following: Following, candidate: Candidate, path: Path) -> None:
    import json

    with contextlib.suppress(OSError, ValueError, KeyError):  # a process that was killed while writing
        taken = json.loads(path.read_bytes())
        candidate.profile.add(taken["profile"], taken["begun"] * 1_000_000, taken["weight"])
        firsts = {claim.pid for claim in following.run.claims()}
        _, pid, thread, *_ = path.name.split(".")
        own = taken["stats"]
        if thread == "0" and int(pid) in firsts and own["total_ms"] >= candidate.own_stats.get("total_ms", 0):
            candidate.own_stats = own
