"""What the benchmarks share: the applications, their loads, how they are staged, and a look at the machine."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import psutil

from pipetrace import __version__
from pipetrace.errors import PipetraceError
from pipetrace.runner import npm
from pipetrace.runner.measure import GENERATOR, Group, busy_processes
from pipetrace.runner.node import find_node, node_version

HERE = Path(__file__).resolve().parent
BASELINES = HERE / "baselines"
SHOP = HERE.parent / "examples" / "shop"
PISCINA = ("piscina", "5.3.2")
MARKSERV = ("markserv", "1.17.4")
LIGHT_RATE = 20.0
"""Light requests a second beside the load, at fixed times."""

LIGHT_CONNECTIONS = 10
"""Enough that a late answer does not hold back the next request."""

DISTURBED = 0.3
"""Cores that other processes and the kernel may use in a measurement before it counts as disturbed."""


@dataclass(frozen=True, slots=True)
class Load:
    """A load and the aim that the issue of these figures set for it."""

    name: str
    requests: tuple[bytes, ...]
    light: tuple[bytes, ...]
    aim: float
    """Throughput of staged over original that is aimed at."""

    def groups(self, connections: int) -> list[Group]:
        """The load, and light requests beside it."""
        return [
            Group("load", self.requests, connections),
            Group("light", self.light, LIGHT_CONNECTIONS, rate=LIGHT_RATE),
        ]


@dataclass(frozen=True, slots=True)
class App:
    """An application to measure."""

    name: str
    cwd: Path
    script: Path
    arguments: tuple[str, ...]
    loads: tuple[Load, ...]

    @property
    def command(self) -> list[str]:
        """Its start command."""
        return [find_node(), str(self.script), *self.arguments]


def get(url: str, **headers: str) -> bytes:
    """A GET request as bytes."""
    return request("GET", url, headers, b"")


def post(url: str, body: bytes, **headers: str) -> bytes:
    """A POST request as bytes."""
    return request("POST", url, {**headers, "Content-Length": str(len(body))}, body)


def request(method: str, url: str, headers: dict[str, str], body: bytes) -> bytes:
    """A request as bytes; a body gets its length."""
    if body and "Content-Length" not in headers:
        headers = {**headers, "Content-Length": str(len(body))}
    named = (f"{key.replace('_', '-')}: {value}" for key, value in headers.items())
    lines = [f"{method} {url} HTTP/1.1", "Host: 127.0.0.1", *named]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def load_app(name: str) -> App:
    """The application `example` or `markserv`, installed."""
    return _example() if name == "example" else _markserv()


def _example() -> App:
    if not (SHOP / "node_modules").is_dir():
        click.echo("installing the example application", err=True)
        subprocess.run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"],
                       cwd=SHOP, check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    subprocess.run([find_node(), "make-content.js"], cwd=SHOP, check=True, stdout=subprocess.DEVNULL)
    text = (SHOP / "content" / "guide.md").read_bytes()
    markdown = {"Content_Type": "text/markdown"}
    sign_in = json.dumps({"user": "ada", "password": "correct horse"}).encode()
    light = (get("/me", x_session="light", x_user="light"), get("/"))
    manual = (SHOP / "content" / "manual.md").read_bytes()
    dominant = Load("one heavy handler", (post("/preview", manual, **markdown),), light, 1.7)
    mixed = Load(
        "mixed",
        (
            post("/preview", text, **markdown),
            post("/sign-in", sign_in, Content_Type="application/json"),
            get("/images/photo?width=64"),
            get("/me", x_session="s1", x_user="u1"),
            get("/pages/guide"),
            post("/sign-in", sign_in, Content_Type="application/json"),
            get("/search?q=stage"),
            get("/"),
        ),
        light,
        1.4,
    )
    return App("example", SHOP, SHOP / "server.js", ("0",), (dominant, mixed))


def _markserv() -> App:
    package = npm.install(*MARKSERV)
    docs = work_folder() / "markserv-docs"
    docs.mkdir(parents=True, exist_ok=True)
    for page in sorted((SHOP / "content").glob("*.md")):
        shutil.copyfile(page, docs / page.name)
    (docs / "light.txt").write_text("light\n", encoding="utf-8")
    light = (get("/light.txt"),)
    dominant = Load("one heavy handler", (get("/manual.md"),), light, 1.7)
    mixed = Load("mixed", (get("/guide.md"), get("/about.md"), get("/light.txt"), get("/")), light, 1.4)
    arguments = (str(docs), "-p", "0", "--livereloadport", "false", "--browser", "false", "--silent")
    return App("markserv", docs, package / "lib" / "cli.js", arguments, (dominant, mixed))


def work_folder() -> Path:
    """Where benchmarks keep what they make."""
    folder = npm.cache_folder() / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def stage(app: App, machines: int) -> Path:
    """Record, partition and rewrite the application under its own loads; return the staged directory."""
    folder = work_folder() / f"staged-{app.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    config = load_config(app.loads[-1], connections=4, duration_s=8.0, warmup_s=0.0, answers=2000)
    (folder / "load.json").write_text(json.dumps(config), encoding="utf-8")
    trace, plan, staged = folder / f"{app.name}.duckdb", folder / "plan.json", folder / "staged"
    load = f"{find_node()} {GENERATOR} {folder / 'load.json'}"
    pipetrace("record", "--capture-requests", "-o", str(trace), "--on-port", load, "--", *app.command, cwd=app.cwd)
    pipetrace("partition", str(trace), "--machines", str(machines), "-o", str(plan), cwd=folder)
    pipetrace("rewrite", str(plan), "-o", str(staged), cwd=folder)
    return staged


def load_config(
    load: Load, *, connections: int, duration_s: float, warmup_s: float, answers: int | None = None, light: bool = True
) -> dict[str, Any]:
    """Configuration of the load generator for the port that the environment names, with or without light requests."""
    groups = [
        {"name": group.name, "port": 0, "connections": group.connections, "rate": group.rate,
         "requests": [_base64(request) for request in group.requests]}
        for group in load.groups(connections)[: None if light else 1]
    ]  # fmt: skip
    return {"host": "127.0.0.1", "warmup_s": warmup_s, "duration_s": duration_s, "answers": answers, "groups": groups}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pipetrace(*args: str, cwd: Path) -> str:
    """Run one verb of pipetrace and return its stdout. Raises PipetraceError when it fails."""
    click.echo(f"pipetrace {args[0]}", err=True)
    words = [sys.executable, "-m", "pipetrace", *args]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise PipetraceError(f"pipetrace {args[0]} failed: {said[-1] if said else 'it printed nothing'}")
    return done.stdout


def check_quiet(anyway: bool) -> list[str]:
    """Whether the machine runs nothing else: the disturbing processes; exits unless `anyway`."""
    busy = [f"{name} {percent:.0f} %" for name, percent in busy_processes(seconds=2.0)]
    if not busy:
        click.echo("the machine is quiet: no other process above 5 % CPU", err=True)
    elif not anyway:
        raise click.ClickException(
            f"the machine is not quiet ({', '.join(busy[:5])}); end these processes, or measure with --anyway."
        )
    else:
        click.echo(f"the machine is NOT quiet ({', '.join(busy[:5])}): trust ratios only", err=True)
    return busy


def environment() -> dict[str, Any]:
    """What the figures depend on."""
    source = hashlib.sha256()
    for room in ("rewriter/runtime", "runner", "tracer/agent"):
        for file in sorted((HERE.parent / room).rglob("*.js")):
            source.update(file.read_bytes())
    return {
        "pipetrace": __version__,
        "runtime_sha256": source.hexdigest()[:12],
        "node": node_version(find_node()),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1024**3, 1),
    }


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    lines = [f"| {' | '.join(headings)} |", "| --- |" + " ---: |" * (len(headings) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def figure(value: float | None) -> str:
    """Three significant digits."""
    if value is None:
        return "–"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write(folder: Path, name: str, text: str, data: dict[str, Any]) -> None:
    """Write Markdown and JSON, and say where."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".md", text), (".json", json.dumps(data, indent=2) + "\n")):
        (folder / f"{name}{suffix}").write_text(content, encoding="utf-8")
        click.echo(f"Wrote {folder / f'{name}{suffix}'}", err=True)
