"""Gives replayed requests the cookies of this run in the place of those of the recording.

A server makes new session cookies at each start. The n-th different value that a cookie had in the recording is
taken for the n-th different value that the server has set in this run, so that sessions go on as they did.
"""

from __future__ import annotations

import re

from pipetrace.runner.requests import Request
from pipetrace.runner.wire import Answer


class Cookies:
    """Cookie values that one run has seen: those recorded, those set by the server."""

    def __init__(self) -> None:
        self._recorded: dict[str, list[str]] = {}
        self._issued: dict[str, list[str]] = {}

    def learn(self, answer: Answer) -> None:
        """Note the values that an answer sets."""
        for line in answer.headers:
            name, _, value = line.partition(b":")
            if name.lower() == b"set-cookie":
                key, _, content = value.decode("latin-1").split(";")[0].strip().partition("=")
                known = self._issued.setdefault(key, [])
                if content and content not in known:
                    known.append(content)

    def headers(self, request: Request) -> tuple[tuple[str, str], ...]:
        """The request's headers with the values of this run."""
        if request.header("cookie") is None:
            return request.headers
        return tuple(
            (key, self._replace(value) if key.lower() == "cookie" else value) for key, value in request.headers
        )

    def _replace(self, value: str) -> str:
        return re.sub(r"([^=;\s]+)=([^;]*)", lambda match: f"{match[1]}={self._current(match[1], match[2])}", value)

    def _current(self, name: str, recorded: str) -> str:
        issued = self._issued.get(name, [])
        if not issued or recorded in issued:
            return recorded
        known = self._recorded.setdefault(name, [])
        if recorded not in known:
            known.append(recorded)
        position = known.index(recorded)
        return issued[position] if position < len(issued) else recorded
