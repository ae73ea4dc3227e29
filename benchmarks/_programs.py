"""The programs and the tools of the overhead benchmark, installed into the benchmark cache."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import _common as common

from pipetrace.errors import PipetraceError
from pipetrace.runner import npm
from pipetrace.runner.node import find_node

PROGRAMS_FOLDER = common.HERE / "programs"
LISTENING = common.HERE / "listening.js"

OPEN_TELEMETRY = "0.69.0"

MATHOID_CONFIG = """
num_workers: 0
logging: {level: fatal}
services:
  - name: mathoid
    module: {module}
    conf:
      port: {port}
      interface: 127.0.0.1
      svg: true
      img: true
      png: false
      speech: false
      speech_on: false
      texvcinfo: true
      no_check: false
      mj_config: {extensions: "TeX/color,TeX/mediawiki-texvc,TeX/mhchem", MathJax: {menuSettings: {semantics: false}}}
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A server to be measured."""

    name: str
    what: str
    """In a few words, for the table."""
    cwd: Path
    script: Path
    arguments: tuple[str, ...]
    requests: tuple[bytes, ...]
    answers: int
    """Requests of one turn."""
    server: bool = True
    """Judged by the aims for servers; else by those for CPU-heavy programs, or shown only."""
    es5: bool = False
    config: str = ""
    """Text of a configuration file that is its last argument; `{port}` in it is a free port."""


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that the programs run under."""

    name: str
    command: Callable[[Program, Path], list[str]]
    """Program, scratch folder → command."""
    environment: Mapping[str, str] = field(default_factory=dict)
    es5_only: bool = False
    patience_s: float = 90.0
    """How long a program may take to end under it: some write what they have recorded."""


def _request(method: str, url: str, body: bytes = b"", **headers: str) -> bytes:
    return common.post(url, body, **headers) if method == "POST" else common.get(url, **headers)


def _own(name: str, packages: tuple[tuple[str, str], ...], what: str, answers: int, **kind: bool) -> Program:
    folder = common.work_folder() / "overhead" / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PROGRAMS_FOLDER / name, folder)
    for package, version in packages:
        found = npm.install(package, version)
        (folder / "node_modules").symlink_to(found.parent)
    return Program(name, what, folder, folder / "server.js", (), (common.get("/"),), answers, **kind)


def _shop() -> Program:
    app = common.load_app("example")
    return Program("shop", "examples/shop, mixed load", app.cwd, app.script, app.arguments, app.loads[-1].requests, 64)


def _markserv() -> Program:
    app = common.load_app("markserv")
    return Program(
        "markserv", "markserv 1.17.4, four pages", app.cwd, app.script, app.arguments, app.loads[-1].requests, 60
    )


def _mathoid() -> Program:
    package = npm.install("mathoid", "0.7.6")
    config = MATHOID_CONFIG.replace("{module}", str(package / "app.js"))
    formulas = ("E=mc^2", r"\sum_{n=1}^\infty \frac{1}{n^2}", r"\int_0^1 x^2 dx", r"\sqrt{a^2+b^2}")
    form = "application/x-www-form-urlencoded"
    requests = tuple(_request("POST", "/svg", f"q={_percent(text)}".encode(), Content_Type=form) for text in formulas)
    script = package / "server.js"
    return Program("mathoid", "mathoid 0.7.6, /svg", package, script, ("-c",), requests, 40, config=config)


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _json_server() -> Program:
    package = npm.install("json-server", "0.17.4")
    folder = common.work_folder() / "overhead" / "json-server"
    folder.mkdir(parents=True, exist_ok=True)
    database = {
        "posts": [{"id": number, "title": f"post {number}", "views": number * 7 % 100} for number in range(1, 101)],
        "comments": [{"id": number, "postId": number % 100 + 1, "text": "well"} for number in range(1, 301)],
    }
    (folder / "db.json").write_text(json.dumps(database), encoding="utf-8")
    requests = (
        common.get("/posts/7"),
        common.get("/posts?_sort=views&_order=desc&_limit=10"),
        common.get("/comments?postId=3"),
        common.get("/posts/9?_embed=comments"),
    )
    arguments = (str(folder / "db.json"), "--port", "0", "--host", "127.0.0.1", "--quiet")
    script = package / "lib" / "cli" / "bin.js"
    return Program("json-server", "json-server 0.17.4, reads", folder, script, arguments, requests, 400)


PROGRAMS: Mapping[str, Callable[[], Program]] = {
    "shop": _shop,
    "markserv": _markserv,
    "mathoid": _mathoid,
    "json-server": _json_server,
    "hello-express": lambda: _own("hello-express", (("express", "4.21.2"),), "Express 4, one line of answer", 2000),
    "hello-koa": lambda: _own("hello-koa", (("koa", "2.16.1"),), "Koa 2, asynchronous middleware", 2000),
    "await-heavy": lambda: _own("await-heavy", (), "nothing but awaits", 400, server=False),
    "cpu-heavy": lambda: _own("cpu-heavy", (), "nothing but small functions (ES5)", 40, server=False, es5=True),
}


def plain(program: Program) -> list[str]:
    """The program's own start command; a program with a configuration gets a new one with a free port."""
    words = [find_node(), str(program.script), *program.arguments]
    if program.config:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        file = common.work_folder() / f"{program.name}-{port}.yaml"
        file.write_text(program.config.replace("{port}", str(port)), encoding="utf-8")
        words.append(str(file))
    return words


def _recorded(memory: str) -> Callable[[Program, Path], list[str]]:
    def command(program: Program, folder: Path) -> list[str]:
        words = [sys.executable, "-m", "pipetrace", "record", "--force", "--quiet", "--memory", memory]
        return [*words, "-o", str(folder / f"{memory}.duckdb"), "--", *plain(program)]

    return command


def _with_options(*options: str) -> Callable[[Program, Path], list[str]]:
    return lambda program, folder: [
        find_node(), *(option.format(folder=folder) for option in options), *plain(program)[1:]
    ]  # fmt: skip


def _wrapped(package: str, version: str, script: str, *options: str) -> Callable[[Program, Path], list[str]]:
    def command(program: Program, folder: Path) -> list[str]:
        found = npm.install(package, version)
        words = [option.format(folder=folder) for option in options]
        return [find_node(), str(found / script), *words, "--", *plain(program)]

    return command


def _open_telemetry(program: Program, folder: Path) -> list[str]:
    # The last line of versions for Node 20.
    found = npm.install("@opentelemetry/auto-instrumentations-node", OPEN_TELEMETRY)
    exports = json.loads((found / "package.json").read_text(encoding="utf-8"))["exports"]
    return [find_node(), "--require", str(found / exports["./register"]), *plain(program)[1:]]


def _jalangi(program: Program, folder: Path) -> list[str]:
    found = npm.install("jalangi2", "0.2.6")
    copy = folder / "jalangi"
    copy.mkdir(exist_ok=True)
    shutil.copyfile(program.script, copy / "server.js")
    script = found / "src/js/commands/jalangi.js"
    analysis = PROGRAMS_FOLDER / "jalangi-accesses.js"
    options = ["--inlineIID", "--inlineSource", "--analysis", str(analysis)]
    return [find_node(), str(script), *options, str(copy / "server.js")]


NOTHING = "no tool"
TOOLS: Mapping[str, Tool] = {
    NOTHING: Tool(NOTHING, lambda program, folder: plain(program)),
    "again": Tool("no tool, another process", lambda program, folder: plain(program)),
    "costs": Tool("pipetrace, costs only", _recorded("off")),
    "sampled": Tool("pipetrace, memory sampled", _recorded("sampled")),
    "full": Tool("pipetrace, memory full", _recorded("full")),
    "cpu-prof": Tool("node --cpu-prof", _with_options("--cpu-prof", "--cpu-prof-dir={folder}")),
    "bubbleprof": Tool(
        "clinic bubbleprof 13.0.0",
        _wrapped("clinic", "13.0.0", "bin.js", "bubbleprof", "--collect-only", "--dest", "{folder}/clinic"),
        {"NO_INSIGHT": "1"},
    ),
    "0x": Tool("0x 6.0.0", _wrapped("0x", "6.0.0", "cmd.js", "--collect-only", "--output-dir", "{folder}/0x")),
    "otel": Tool(
        f"OpenTelemetry auto-instrumentation {OPEN_TELEMETRY}",
        _open_telemetry,
        {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", "OTEL_SERVICE_NAME": "benchmark"},
        # It takes the signal for itself, and the server goes on.
        patience_s=2.0,
    ),
    "jalangi2": Tool("Jalangi2 0.2.6, counting accesses", _jalangi, es5_only=True),
}


def program(name: str) -> Program:
    """A program by its name, installed. Raises PipetraceError when npm fails."""
    if name not in PROGRAMS:
        raise PipetraceError(f"there is no program {name}; choose among {', '.join(PROGRAMS)}.")
    return PROGRAMS[name]()
