"""The transform server, spoken to as the agent does: claim a pair by renaming it, ask, read the answer."""

from __future__ import annotations

import json
import os
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipetrace.tracer.transform_server import TransformServer


class Echo:
    """Answers with what it was asked."""

    def transform(self, path: str, form: str, source: str) -> dict[str, Any]:
        if source == "fail":
            raise KeyError("broken")
        return {"code": source, "path": path, "format": form}


class Agent:
    """One thread of an application."""

    def __init__(self, directory: Path, name: str) -> None:
        deadline = time.monotonic() + 10
        mine = directory / f"used.{name}"
        while not mine.exists() and time.monotonic() < deadline:
            for free in directory.glob("free*"):
                try:
                    free.rename(mine)
                    break
                except OSError:
                    continue
        self.request = os.open(mine / "req", os.O_WRONLY)
        self.response = os.open(mine / "rsp", os.O_RDONLY)

    def ask(self, source: str) -> dict[str, Any]:
        body = json.dumps({"path": "/a.js", "format": "commonjs", "source": source}).encode()
        rest = memoryview(struct.pack("<I", len(body)) + body)
        while rest:
            rest = rest[os.write(self.request, rest) :]
        (length,) = struct.unpack("<I", self._read(4))
        answer: dict[str, Any] = json.loads(self._read(length))
        return answer

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            part = os.read(self.response, length - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def close(self) -> None:
        os.close(self.request)
        os.close(self.response)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    server = TransformServer()
    server.serve(tmp_path, Echo())
    yield tmp_path
    server.close()


def test_questions_of_any_size_are_answered(directory: Path) -> None:
    agent = Agent(directory, "1.0")
    for source in ("", "let a;", "x" * 3_000_000, "日本" * 1000):
        assert agent.ask(source) == {"code": source, "path": "/a.js", "format": "commonjs"}
    agent.close()


def test_more_threads_than_pairs_were_made_at_first(directory: Path) -> None:
    agents = [Agent(directory, f"1.{number}") for number in range(20)]
    assert [agent.ask(str(number))["code"] for number, agent in enumerate(agents)] == [str(n) for n in range(20)]
    for agent in agents:
        agent.close()


def test_a_failure_is_an_answer_too(directory: Path) -> None:
    agent = Agent(directory, "1.0")
    assert agent.ask("fail") == {"leave": "the recorder failed on it (KeyError: 'broken')"}
    assert agent.ask("next")["code"] == "next"
    agent.close()


def test_a_thread_that_dies_in_the_middle_stops_nobody_else(directory: Path) -> None:
    dying = Agent(directory, "1.0")
    os.write(dying.request, struct.pack("<I", 100) + b"half a que")
    dying.close()
    other = Agent(directory, "2.0")
    assert other.ask("ok")["code"] == "ok"
    other.close()


def test_an_agent_that_waits_sees_the_end_of_the_recorder(tmp_path: Path) -> None:
    server = TransformServer()
    server.serve(tmp_path, Echo())
    agent = Agent(tmp_path, "1.0")
    closing = threading.Thread(target=server.close)
    closing.start()
    with pytest.raises(EOFError):
        agent._read(4)
    closing.join(10)
    assert not closing.is_alive()
    agent.close()
