"""Recording a process that already runs: attach, edit, follow, put back, write the trace."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pipetrace import __version__
from pipetrace.errors import PipetraceError
from pipetrace.tracer.assemble import Collected, listener_entries, process_ids, write_tables
from pipetrace.tracer.attach_process import AttachedProcess
from pipetrace.tracer.attach_scripts import (
    ROLES,
    USING_SINCE,
    AppScript,
    application_root,
    file_table,
    helper_table,
    in_application,
    loaded_file,
    prepare,
    problems,
)
from pipetrace.tracer.attach_target import Target, find_target
from pipetrace.tracer.cdp import SessionEnded
from pipetrace.tracer.cpu_profile import CpuProfile
from pipetrace.tracer.following import Ending
from pipetrace.tracer.launch import OLDEST_NODE, too_old
from pipetrace.tracer.listen import Listener
from pipetrace.tracer.metrics import ProcessMetrics
from pipetrace.tracer.originals import map_files
from pipetrace.tracer.record import (
    Recorded,
    RecordOptions,
    app_name,
    check_output,
    default_output,
    unmapped_remark,
)
from pipetrace.tracer.shortfall import left_out, left_out_remark, not_written
from pipetrace.tracer.signals import counted_interrupts
from pipetrace.tracer.spool import SpoolTables, read_spool
from pipetrace.tracer.trace import TraceWriter
from pipetrace.tracer.transform import Problem

_BEAT_S = 1.0
_PATIENCE_S = 60.0
_POLL_S = 0.05
_PROFILE_S = 60.0
"""A profile is fetched and begun anew this often."""
_MOST_REMARKS = 12
_FURTHER_S = 3.0
"""Time that edits may take in all, beyond one for each file, to find the functions with calls under way; it counts as
the heap makes expect, with `--allow-stall` as unit."""
_EDIT_BASE_S, _EDIT_PER_MB_S = 0.03, 0.005
"""What one edit takes: a fixed part, and one for each MB of heap."""

NOT_SEEN = (
    "Recorded by attaching: memory accesses, the shapes of arguments and the points where handlers were registered "
    "were not recorded, nor whether a call threw; what existed before has no known origin, so the first events of "
    "its timers, sockets and promises begin chains of their own."
)


@dataclass(frozen=True, slots=True)
class AttachOptions:
    """What the user asked for."""

    record: RecordOptions
    """Output, name, application, duration and load; the rest does not apply."""
    target: str
    """Process id, port, or address of an inspector."""
    allow_stall_s: float = 1.0
    """Longest time that one edit may hold the process up."""


def record_attached(options: AttachOptions, say: Callable[[str], None], warn: Callable[[str], None]) -> Recorded:
    """Record a running process until it ends, the time is over, the load ends, or the user interrupts.

    `say` is told about the progress, `warn` about what the process will suffer. Raises PipetraceError for
    everything that a user can cause; the process runs on as it was then.
    """
    check_output(options.record)
    target = find_target(options.target)
    try:
        process = AttachedProcess(target.url)
    except SessionEnded as error:
        raise PipetraceError(f"The process cannot be attached to: {error}.") from None
    directory = Path(tempfile.mkdtemp(prefix="pipetrace-")).resolve()
    recording = _Recording(options, target, process, directory, say, warn)
    try:
        with counted_interrupts() as interrupts:
            try:
                recording.begin()
                ending = recording.follow(interrupts)
            finally:
                recording.end()
        say("writing the trace")
        return recording.write(ending)
    except SessionEnded as error:
        raise PipetraceError(f"The process was lost while attaching ({error}).") from None
    finally:
        recording.close()
        shutil.rmtree(directory, ignore_errors=True)


class _Recording:
    def __init__(
        self,
        options: AttachOptions,
        target: Target,
        process: AttachedProcess,
        directory: Path,
        say: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        self._options = options
        self._target = target
        self._process = process
        self._directory = directory
        self._say, self._warn = say, warn
        self._created = datetime.now().astimezone()
        self._scripts: list[AppScript] = []
        self._entry = self._root = Path()
        self._profile = CpuProfile()
        self._profiling_ns = 0
        self._metrics = ProcessMetrics()
        self._load: subprocess.Popen[bytes] | None = None
        self._load_status: int | None = None
        self._duration_s = 0.0
        self._attach_stalls = 0
        self._heap_mb = 0.0
        self._further = 0
        self._called: set[int] = set()
        self._stayed: list[str] = []
        self._begun = self._closed = self._silent = False
        (directory / "spool").mkdir()

    # -- beginning ------------------------------------------------------------------------------------

    def begin(self) -> None:
        process, described = self._process, self._process.described
        if described.major < OLDEST_NODE:
            raise too_old(described.version)
        if described.attached:
            raise PipetraceError(
                f"Process {described.pid} is being recorded already, or its recorder was killed; wait for the other "
                "recording, or restart the process."
            )
        self._entry, self._root = application_root(described.argv, described.cwd)
        if self._options.record.app is not None:
            self._root = Path(os.path.realpath(self._options.record.app))
        self._share_directory(described.pid)
        found = process.scripts(in_application(self._root))
        if not found:
            raise PipetraceError(
                f"The process has loaded no file in {self._root}; name the application's directory with --app."
            )
        self._say(f"planning the edits of {len(found)} files")
        using = described.major >= USING_SINCE
        self._scripts = prepare(found, self._root, using=using)
        ready = [script for script in self._scripts if script.live.plan is not None]
        edits = [script for script in ready if script.live.plan and script.live.plan.covered()]
        if not edits:
            raise PipetraceError(
                f"No function of the application can be edited while it runs ({_why_none(self._scripts)}); record it "
                "from its start: pipetrace record -- <its command>."
            )
        self._announce(len(edits))
        forms = {form for one in ready if one.live.plan for form in one.live.plan.forms.values()}
        process.install(
            {
                "directory": str(self._directory),
                "app_root": str(self._root),
                "max_bytes": self._options.record.max_bytes,
                "roles": ROLES,
                "using": using,
                "loose": bool(forms & {"return", "call"}) or not using,
                "files": [file_table(script) for script in ready],
                "helpers": [entry for script in ready for entry in helper_table(script)],
            }
        )
        self._begun = True
        self._say("editing the running functions")
        process.edit([script.live for script in edits], self._further)
        self._attach_stalls = len(process.stalls.seconds)
        process.session.call("Profiler.enable", _PATIENCE_S)
        process.session.call("Profiler.setSamplingInterval", _PATIENCE_S, interval=1000)
        self._begin_profile()
        self._metrics.add(described.pid)

    def _share_directory(self, pid: int) -> None:
        """Let a process of another user write its records, and see that it is one of this machine."""
        try:
            status = Path(f"/proc/{pid}").stat()
            root = os.readlink(f"/proc/{pid}/root") if os.path.isdir("/proc/self") else "/"  # noqa: PTH112, PTH115
        except OSError:
            raise PipetraceError(
                f"Process {pid} is not visible here (it runs in a container?); run pipetrace in the same container."
            ) from None
        if root != "/":
            raise PipetraceError(f"Process {pid} has other files ({root}); run pipetrace in the same container.")
        if status.st_uid != os.geteuid():
            for path in (self._directory, self._directory / "spool"):
                os.chown(path, status.st_uid, status.st_gid)

    def _announce(self, edits: int) -> None:
        self._heap_mb = self._process.heap_bytes() / 1e6
        one = _EDIT_BASE_S + _EDIT_PER_MB_S * self._heap_mb
        self._warn(
            f"{edits} files are edited, now and again at the end; each edit holds the process up for about {one:.2f} s "
            f"(heap {self._heap_mb:.0f} MB), {one * edits:.1f} s in all."
        )
        self._further = max(3, min(60, int(_FURTHER_S * self._options.allow_stall_s / one)))
        if one > self._options.allow_stall_s:
            raise PipetraceError(
                f"Each edit would hold the process up for about {one:.1f} s, longer than the "
                f"{self._options.allow_stall_s:g} s allowed; allow it with --allow-stall {one * 2:.0f}, or attach to a "
                "process with a smaller heap."
            )

    # -- following ------------------------------------------------------------------------------------

    def follow(self, interrupts: Callable[[], int]) -> Ending:
        started = beaten = profiled = time.monotonic()
        wanted = self._options.record
        self._start_load()
        self._say("recording, Ctrl-C ends it and leaves the process as it was")
        try:
            while True:
                now = time.monotonic()
                self._duration_s = now - started
                if interrupts():
                    return Ending.INTERRUPTED
                if self._process.leaving or not self._process.session.alive:
                    return Ending.BY_ITSELF
                if self._load is not None:
                    self._load_status = self._load.poll()
                    if self._load_status is not None:
                        return Ending.LOAD
                if wanted.duration_s is not None and self._duration_s >= wanted.duration_s:
                    return Ending.DURATION
                if now - beaten >= _BEAT_S:
                    beaten = now
                    self._process.control("beat()")
                if now - profiled >= _PROFILE_S:
                    profiled = now
                    self._fetch_profile()
                    self._begin_profile()
                time.sleep(_POLL_S)
        except SessionEnded:
            if self._process.session.alive and not self._process.leaving:
                raise
            return Ending.BY_ITSELF

    def _start_load(self) -> None:
        command = self._options.record.on_port
        if command is None:
            return
        listeners = self._process.described.listeners
        if not listeners:
            raise PipetraceError("The process listens on no port, so the load has no target; leave --on-port out.")
        chosen = min(listeners, key=lambda one: (one["kind"] != "http", one["index"]))
        env = {**os.environ, "PORT": str(chosen["port"])}
        self._load = subprocess.Popen(
            command, shell=True, env=env, stdout=self._options.record.stdout, start_new_session=True
        )

    def _begin_profile(self) -> None:
        self._profiling_ns = time.time_ns()
        self._process.session.call("Profiler.start", _PATIENCE_S)

    def _fetch_profile(self) -> None:
        self._profile.add(self._process.session.call("Profiler.stop", _PATIENCE_S)["profile"], self._profiling_ns)

    # -- ending ---------------------------------------------------------------------------------------

    def end(self) -> None:
        """Leave the process as it was; does nothing when it is gone."""
        self._end_load()
        process = self._process
        with contextlib.suppress(SessionEnded):
            if process.session.alive:
                self._fetch_profile()
                process.session.call("Profiler.disable", _PATIENCE_S)
        try:
            if process.session.alive and not process.leaving and self._begun:
                self._put_back()
        except SessionEnded:
            self._silent = process.session.alive
        self._metrics.close()

    def _put_back(self) -> None:
        process = self._process
        self._say("putting the functions back")
        self._called = set(json_list(process.control("called()")))
        stayed = process.restore([script.live for script in self._scripts], self._say)
        names = {id(script.live): script.name for script in self._scripts}
        self._stayed = [names[id(live)] for live in stayed]
        if not stayed:
            process.remove()

    def _end_load(self) -> None:
        if self._load is not None and self._load.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._load.pid, 15)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._load.wait(2.0)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._metrics.close()
            with contextlib.suppress(SessionEnded):
                self._process.close(inspector=self._target.opened)

    # -- writing --------------------------------------------------------------------------------------

    def write(self, ending: Ending) -> Recorded:
        options, described = self._options.record, self._process.described
        spool = _with_problem(read_spool(self._directory / "spool"), NOT_SEEN)
        if not len(spool.process["pid"]):
            raise PipetraceError("The process wrote no records; it ended at once, or sees other files than pipetrace.")
        name = options.name or app_name(self._root)
        path = options.output or default_output(name, self._created)
        files = [loaded_file(script) for script in self._scripts]
        rows = [row for script in self._scripts for row in problems(script)]
        listeners = [Listener(pid=described.pid, **entry) for entry in described.listeners]
        samples = self._metrics.samples
        lost = spool.lost_records
        partial = not_written(spool, lost)
        meta: dict[str, Any] = {
            "tool_version": __version__,
            "created": self._created.isoformat(timespec="seconds"),
            "command": list(described.argv),
            "cwd": described.cwd,
            "app_root": str(self._root),
            "entry": Path(os.path.relpath(self._entry, self._root)).as_posix(),
            "app_name": name,
            "node_version": described.version,
            "arguments": list(described.argv[2:]),
            "duration_s": round(self._duration_s, 3),
            "complete": partial == "",
            "partial_reason": partial,
            "ended": ending.value,
            "exit_code": None,
            "signal": None,
            "memory_mode": "off",
            "init_end_ns": spool.init_end_ns,
            "lost_records": lost,
            "left_out": left_out(spool),
            "on_port": options.on_port,
            "load_exit_code": self._load_status,
            "listeners": listener_entries(listeners, process_ids(spool)),
            "overhead": self._overhead(spool),
            "attached": self._summary(),
        }
        mapped = map_files(files, self._root, described.argv[0])
        unmapped = [Problem("other", file_id, 0, sentence) for file_id, sentence in mapped.unusable]
        collected = Collected(
            self._directory, self._root, spool, files, [*rows, *unmapped], self._profile, samples, listeners, mapped,
            self._metrics.run_times,
        )  # fmt: skip
        with TraceWriter(path, force=options.force) as writer:
            write_tables(writer, collected)
            writer.commit(meta)
        counts = {
            "invocations": len(spool.invocation),
            "chains": len(spool.chain),
            "accesses": 0,
            "files": len(files),
            "functions": sum(len(file.static.functions) for file in files if file.static),
        }
        remarks = [*self._remarks(meta["attached"], rows), *unmapped_remark(mapped.unusable), *left_out_remark(spool)]
        if partial:
            remarks.append(f"The trace is partial: {partial}")
        return Recorded(path, None, 0, tuple(remarks), meta, counts)

    def _overhead(self, spool: SpoolTables) -> dict[str, Any]:
        written = sum(path.stat().st_size for path in (self._directory / "spool").glob("*.bin"))
        share = self._profile.agent_share(spool.init_end_ns or 0)
        return {
            "records": len(spool.invocation),
            "written_bytes": written,
            "agent_share": None if share is None else round(share, 4),
            "slow_down": None if share is None or share >= 1 else round(1 / (1 - share), 3),
            "sampled_time_share": None,
            "start_up_s": 0.0,
            "files_instrumented_anew": len(self._scripts),
        }

    def _summary(self) -> dict[str, Any]:
        """What the trace says of the attachment."""
        plans = [script.live.plan for script in self._scripts if script.live.plan is not None]
        found = [form for plan in plans for form in plan.forms.values()]
        stalls = self._process.stalls.seconds
        return {
            "functions": len(found),
            "covered": sum(form not in ("none", "hit") for form in found),
            "entry_only": found.count("hit"),
            "not_covered": found.count("none"),
            "called": len(self._called),
            "heap_mb": round(self._heap_mb, 1),
            "edits": len(stalls),
            "attach_stall_s": round(sum(stalls[: self._attach_stalls]), 3),
            "detach_stall_s": round(sum(stalls[self._attach_stalls :]), 3),
            "longest_stall_s": round(max(stalls, default=0.0), 3),
            "not_restored": self._stayed,
        }

    def _remarks(self, summary: Mapping[str, Any], rows: list[Any]) -> list[str]:
        found = [
            f"{summary['covered']} of {summary['functions']} functions were covered, {summary['entry_only']} at their "
            f"entry only; {summary['called']} were called. The longest edit held the process up for "
            f"{summary['longest_stall_s']:.2f} s."
        ]
        found += [row.text for row in rows[:_MOST_REMARKS]]
        if len(rows) > _MOST_REMARKS:
            found.append(
                f"{len(rows) - _MOST_REMARKS} more functions are not or partly covered; the table `problem` has all."
            )
        if self._silent:
            found.append(
                "The process did not answer at the end; it puts its functions back by itself as soon as it can."
            )
        if self._stayed:
            found.append(
                f"Calls never ceased in {', '.join(self._stayed)}, so some functions there keep calls of helpers that "
                "do nothing; a restart removes them."
            )
        return found


def json_list(text: Any) -> list[int]:
    """Return the numbers of a JSON array that the agent answered."""
    import json

    return [int(value) for value in json.loads(text or "[]")]


def _with_problem(spool: SpoolTables, sentence: str) -> SpoolTables:
    table = {name: list(values) for name, values in spool.problem.items()}
    for name, value in (("kind", "other"), ("file_id", None), ("line", 0), ("text", sentence)):
        table[name].append(value)
    return replace(spool, problem=table)


def _why_none(scripts: list[AppScript]) -> str:
    for script in scripts:
        if script.problem:
            return script.problem
        if script.live.plan is not None and script.live.plan.reasons:
            return f"in {script.name}: {next(iter(script.live.plan.reasons.values()))}"
    return "there are none that could be called"
