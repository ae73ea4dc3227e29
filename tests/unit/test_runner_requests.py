"""The request file: what is read, what is sent, and what is refused with the line named."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from pipetrace.errors import UsageError
from pipetrace.runner.cookies import Cookies
from pipetrace.runner.measure import on_the_wire, recorded_mix
from pipetrace.runner.requests import Request, read_requests, select
from pipetrace.runner.wire import Answer


def read(folder: Path, *lines: object) -> tuple[Request, ...]:
    file = folder / "app.requests.jsonl"
    file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return read_requests(file)


def test_a_recorded_request_keeps_order_and_case_of_its_headers(tmp_path: Path) -> None:
    body = base64.b64encode(b"a=1").decode()
    (request,) = read(
        tmp_path,
        {"proto": "http", "server": 1, "connection": 3, "method": "POST", "url": "/x?y", "httpVersion": "1.1",
         "headers": [["host", "h"], ["X-B", "2"], ["x-a", "1"], ["Content-Length", "3"]], "body": body, "t_ms": 12.5},
    )  # fmt: skip
    assert (request.server, request.connection, request.t_ms) == (1, 3, 12.5)
    assert request.wire_head(request.headers) + request.wire_body() == (
        b"POST /x?y HTTP/1.1\r\nhost: h\r\nX-B: 2\r\nx-a: 1\r\nContent-Length: 3\r\n\r\na=1"
    )


def test_a_request_by_hand_gets_host_and_length(tmp_path: Path) -> None:
    (request,) = read(tmp_path, {"proto": "http", "method": "PUT", "url": "/", "text": "grün"})
    assert request.server is None
    assert on_the_wire(request) == "PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\ngrün".encode()


def test_a_chunked_request_is_sent_chunked(tmp_path: Path) -> None:
    (request,) = read(
        tmp_path,
        {"proto": "http", "method": "POST", "url": "/", "headers": [["Host", "h"], ["Transfer-Encoding", "chunked"]],
         "text": "x" * 26},
    )  # fmt: skip
    assert request.wire_body() == b"1a\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n"


def test_datagrams_and_tcp_data(tmp_path: Path) -> None:
    udp, tcp = read(
        tmp_path,
        {"proto": "udp", "server": 0, "data": base64.b64encode(b"a:1|c").decode()},
        {"proto": "tcp", "server": 1, "connection": 2, "text": "stats\n"},
    )
    assert (udp.proto, udp.body, udp.title) == ("udp", b"a:1|c", "udp data of 5 bytes")
    assert (tcp.proto, tcp.body, tcp.connection) == ("tcp", b"stats\n", 2)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "is not a request"),
        ("[1]", "it is not a JSON object"),
        ('{"proto":"http","url":"/"}', "lacks 'method'"),
        ('{"proto":"ftp"}', "proto is 'ftp'"),
        ('{"proto":"udp","data":"%%%"}', "is not a request"),
        ('{"proto":"http","method":"GET","url":"/a b"}', "cannot be a request line"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(UsageError, match=r"line 2 of .*app\.requests\.jsonl") as caught:
        read(tmp_path, '{"proto":"http","method":"GET","url":"/"}', line)
    assert why in str(caught.value)


def test_an_empty_file_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no request"):
        read(tmp_path, "")
    with pytest.raises(UsageError, match="cannot be read"):
        read_requests(tmp_path / "none.jsonl")


def test_the_selection_keeps_a_prefix_and_every_kind() -> None:
    urls = ["/a/1", "/a/2", "/a/3", "/b?x=1", "/b?x=2", "/a/4"]
    requests = [Request(n, "http", None, 0, "GET", url) for n, url in enumerate(urls)]
    assert [request.url for request in select(requests, 2)] == ["/a/1", "/a/2", "/b?x=1"]


def test_the_mix_is_that_of_the_busiest_server() -> None:
    requests = [Request(n, "http", server, 0, "GET", f"/{n}") for n, server in enumerate([0, 1, 1])]
    group = recorded_mix(requests, 4)
    assert group.server == 1
    assert [request.split(b" ")[1] for request in group.requests] == [b"/1", b"/2"]


def cookie(value: str) -> Request:
    return Request(1, "http", None, 0, "GET", "/", headers=(("Host", "h"), ("Cookie", value)))


def setting(value: bytes) -> Answer:
    return Answer(b"HTTP/1.1 200 OK", (b"Set-Cookie: " + value,))


def test_recorded_cookies_are_replaced_by_those_of_the_run() -> None:
    cookies = Cookies()
    cookies.learn(setting(b"sid=new1; Path=/"))
    cookies.learn(setting(b"sid=new2; HttpOnly"))
    assert cookies.headers(cookie("theme=dark; sid=old1"))[1] == ("Cookie", "theme=dark; sid=new1")
    assert cookies.headers(cookie("sid=old2"))[1] == ("Cookie", "sid=new2")
    assert cookies.headers(cookie("sid=old1"))[1] == ("Cookie", "sid=new1")


def test_a_cookie_that_the_server_sets_alike_stays() -> None:
    cookies = Cookies()
    cookies.learn(setting(b"lang=en"))
    assert cookies.headers(cookie("lang=en"))[1] == ("Cookie", "lang=en")
