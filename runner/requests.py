"""The request file: JSON lines written by `record --capture-requests` or by hand, read and checked."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipetrace.errors import UsageError

Protocol = Literal["http", "udp", "tcp"]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, one datagram, or one piece of data on a TCP connection."""

    number: int
    """Line in the request file, from 1."""
    proto: Protocol
    server: int | None
    """Index of the server in order of listen() calls; None = the first one that speaks `proto`."""
    connection: int
    method: str = ""
    url: str = ""
    version: str = "1.1"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    """Body of an HTTP request, or the data of a datagram or TCP piece."""
    t_ms: float = 0.0
    """Arrival in the recording, milliseconds since its start; 0 when unknown."""

    @property
    def title(self) -> str:
        """How output names it: `GET /x`, or protocol and size."""
        if self.proto == "http":
            return f"{self.method} {self.url if len(self.url) <= 80 else self.url[:79] + '…'}"
        return f"{self.proto} data of {len(self.body)} bytes"

    @property
    def kind(self) -> tuple[str, ...]:
        """What groups requests of one route: protocol, method and path without query and numbers."""
        path = re.sub(r"\d+", "0", self.url.partition("?")[0])
        return (self.proto, str(self.server), self.method, path)

    @property
    def sameness(self) -> tuple[object, ...]:
        """Equal for requests that ask exactly the same."""
        return (self.proto, self.server, self.method, self.url, self.body, self.headers)

    def header(self, name: str) -> str | None:
        """Value of the first header with this name, whatever its case; None when absent."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def wire_head(self, headers: Sequence[tuple[str, str]]) -> bytes:
        """Request line and header lines as they go over the wire, with the given headers."""
        lines = [f"{self.method} {self.url} HTTP/{self.version}", *(f"{key}: {value}" for key, value in headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def wire_body(self) -> bytes:
        """Body as it goes over the wire: framed as one chunk where the headers say chunked."""
        if "chunked" in (self.header("transfer-encoding") or "").lower():
            chunk = b"%x\r\n%b\r\n" % (len(self.body), self.body) if self.body else b""
            return chunk + b"0\r\n\r\n"
        return self.body


def read_requests(path: Path) -> tuple[Request, ...]:
    """Read a request file. Raises UsageError naming the line that is wrong, or when there is no request."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the request file {path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not a request file (JSON lines in UTF-8).") from None
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.append(_request(json.loads(line), number))
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            why = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            raise UsageError(f"line {number} of {path} is not a request: {why}.") from None
    if not found:
        raise UsageError(
            f"{path} holds no request; record again with --capture-requests while the application is under load."
        )
    return tuple(found)


def select(requests: Sequence[Request], limit: int) -> tuple[Request, ...]:
    """The first `limit` requests and the first of each kind that comes later, in their order.

    A prefix, because answers depend on what came before; the rest, so that a rare route is not missed.
    """
    chosen = list(requests[:limit])
    kinds = {request.kind for request in chosen}
    for request in requests[limit:]:
        if request.kind not in kinds:
            kinds.add(request.kind)
            chosen.append(request)
    return tuple(chosen)


def _request(value: Any, number: int) -> Request:
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    proto = value.get("proto", "http")
    server = None if value.get("server") is None else int(value["server"])
    connection, t_ms = int(value.get("connection", 0)), float(value.get("t_ms", 0))
    if proto in ("udp", "tcp"):
        data = base64.b64decode(value["data"], validate=True) if "data" in value else str(value["text"]).encode()
        return Request(number, proto, server, connection, body=data, t_ms=t_ms)
    if proto != "http":
        raise ValueError(f"proto is {proto!r}, not http, udp or tcp")
    method, url = str(value["method"]), str(value["url"])
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", method) or not re.fullmatch(r"[^\s\x00-\x1f]+", url):
        raise ValueError(f"{method} {url} cannot be a request line")
    body = str(value["text"]).encode() if "text" in value else base64.b64decode(value.get("body") or "", validate=True)
    headers = [(str(key), str(content)) for key, content in value.get("headers") or ()]
    names = {key.lower() for key, _ in headers}
    if "headers" not in value or "host" not in names:
        headers.insert(0, ("Host", "localhost"))
    if body and not names & {"content-length", "transfer-encoding"}:
        headers.append(("Content-Length", str(len(body))))
    version = str(value.get("httpVersion", "1.1"))
    return Request(number, "http", server, connection, method, url, version, tuple(headers), body, t_ms)
