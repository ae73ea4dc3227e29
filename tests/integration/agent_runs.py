"""Programs run with the agent alone, and what it spooled: no recorder around it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pipetrace.tracer
from pipetrace.javascript.functions import functions_of
from pipetrace.javascript.kernels import kernel_sites
from pipetrace.javascript.parse import parse
from pipetrace.javascript.scopes import analyse
from pipetrace.tracer.instrument import InstrumentOptions, MemoryMode, instrument
from tests.whole_spool import WholeSpool, read_whole

AGENT = Path(pipetrace.tracer.__file__).parent / "agent" / "index.js"
DEADLINE_S = 60


class Texts:
    """Answers the agents' requests for instrumented text."""

    def __init__(self, directory: Path, root: Path, memory: MemoryMode) -> None:
        (directory / "spool").mkdir(parents=True)
        (directory / "config.json").write_text(json.dumps({"app_root": str(root), "memory": memory}))
        self.root, self.memory = root, memory
        self.names: list[str] = []
        self.paths: list[str] = []
        """Of each function the file it stands in."""
        self.files = 0
        self.refused: list[str] = []
        self.lock = threading.Lock()
        for number in range(6):
            pair = directory / f"free{number}"
            pair.mkdir()
            os.mkfifo(pair / "req")
            os.mkfifo(pair / "rsp")
            ends = os.open(pair / "req", os.O_RDWR), os.open(pair / "rsp", os.O_RDWR)
            threading.Thread(target=self.serve, args=ends, daemon=True).start()

    def serve(self, request: int, response: int) -> None:
        while True:
            size = struct.unpack("<I", self.read(request, 4))[0]
            body = json.dumps(self.answer(json.loads(self.read(request, size)))).encode()
            left = memoryview(struct.pack("<I", len(body)) + body)
            while left:
                left = left[os.write(response, left) :]

    @staticmethod
    def read(fd: int, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += os.read(fd, count - len(data))
        return data

    def answer(self, message: dict[str, str]) -> dict[str, Any]:
        with self.lock:
            if "refused" in message:
                self.refused.append(message["refused"])
                return {"leave": message["refused"]}
            path = os.path.relpath(message["path"], self.root)
            parsed = parse(message["source"], path, "module" if message["format"] == "module" else "script")
            functions = functions_of(parsed)
            base = len(self.names)
            options = InstrumentOptions(memory=self.memory)
            made = instrument(
                parsed, analyse(parsed), functions, file_id=self.files, function_base=base, options=options
            )
            self.files += 1
            kernels = kernel_sites(parsed, analyse(parsed), functions)
            self.names += [info.name or f"{info.kind}@{info.line}" for info in functions]
            self.names += [site.name for site in kernels]
            self.paths += [path] * (len(functions) + len(kernels))
            return {
                "code": made.code, "spans": made.spans, "fresh": True, "file_id": self.files - 1,
                "function_base": base, "functions": len(functions) + len(kernels),
            }  # fmt: skip


class Recorded(NamedTuple):
    tables: WholeSpool
    names: list[str]
    stdout: str
    status: int
    refused: list[str]
    paths: list[str]

    def file_of(self, function: int) -> str:
        """The file that a function stands in, relative to the program's directory."""
        return self.paths[function]

    def invocations(self) -> list[dict[str, Any]]:
        columns = self.tables.invocation
        rows = []
        for index in range(len(columns["invocation_id"])):
            row = {name: values[index] for name, values in columns.items()}
            row["name"] = self.names[row["function_id"]]
            rows.append(row)
        return rows

    def of(self, name: str) -> list[dict[str, Any]]:
        return [row for row in self.invocations() if row["name"] == name]

    def accesses(self) -> set[tuple[str, str, str, str, str]]:
        """Function, kind of location, owner or name, mode, via."""
        location = self.tables.location
        index = {number: at for at, number in enumerate(location["location_id"])}
        functions = {row["invocation_id"]: row["name"] for row in self.invocations()}
        access = self.tables.access
        found = set()
        for at in range(len(access["invocation_id"])):
            place = index[access["location_id"][at]]
            label = location["owner"][place]
            if location["kind"][place] == "property":
                label += "." + location["name"][place]
            name = functions[access["invocation_id"][at]]
            found.add((name, location["kind"][place], label, access["mode"][at], access["via"][at]))
        return found


class Runner:
    """Writes programs below a directory, and runs them with and without the agent."""

    def __init__(self, directory: Path, node: str = "node") -> None:
        self.root = directory / "app"
        self.root.mkdir()
        self.directory = directory
        self.node = node
        self.runs = 0

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")

    def plain(self, name: str) -> tuple[str, int]:
        done = subprocess.run(
            [self.node, name], cwd=self.root, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        return done.stdout + done.stderr, done.returncode

    def record(
        self, name: str, memory: MemoryMode = "full", until: Callable[[Path, subprocess.Popen[str]], None] | None = None
    ) -> Recorded:
        self.runs += 1
        directory = self.directory / f"run{self.runs}"
        texts = Texts(directory, self.root, memory)
        environment = {**os.environ, "PIPETRACE_DIR": str(directory), "NODE_OPTIONS": f"--require {AGENT}"}
        process = subprocess.Popen(
            [self.node, name], cwd=self.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            if until is not None:
                until(directory, process)
            out, errors = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
        shown = "".join(line for line in errors.splitlines(True) if "ebugger" not in line and "inspector" not in line)
        status = process.returncode
        return Recorded(
            read_whole(directory / "spool"), texts.names, out + shown, status, texts.refused, texts.paths
        )
