"""Fixtures that integration tests share."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipetrace.runner import nats, npm
from tests.integration.nats_server import NatsServer
from tests.integration.runtime_apps import Transport

FRAMEWORKS = {
    "@koa/router": "15.7.0", "compression": "1.8.2", "connect": "3.7.0", "cookie-session": "2.1.1", "ejs": "3.1.10",
    "express": "4.22.3", "express-session": "1.19.0", "express5": "npm:express@5.3.0", "fastify": "5.12.8", "koa": "3.3.0",
    "on-finished": "2.4.2", "polka": "0.5.2", "restify": "11.1.0", "serve-static": "2.2.1",
}  # fmt: skip


def installed(name: str, packages: dict[str, str]) -> Path:
    """A node_modules directory with some packages (installed once per user)."""
    wanted = json.dumps({"private": True, "dependencies": packages}, sort_keys=True)
    folder = npm.cache_folder() / "npm" / f"{name}-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as place:
            aside = Path(place) / "new"
            aside.mkdir()
            (aside / "package.json").write_text(wanted)
            words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error"]
            subprocess.run(words, cwd=aside, check=True, capture_output=True, timeout=300)
            try:
                aside.rename(folder)
            except OSError:
                # Another run was faster.
                shutil.rmtree(aside, ignore_errors=True)
    return folder / "node_modules"


@pytest.fixture(scope="session")
def frameworks() -> Path:
    """A node_modules directory with the frameworks that the runtime is tried with."""
    return installed("frameworks", FRAMEWORKS)


@pytest.fixture(scope="session")
def broker() -> Iterator[NatsServer]:
    """A NATS broker for the whole run."""
    with NatsServer() as server:
        yield server


@pytest.fixture(params=["threads", pytest.param("nats", marks=pytest.mark.nats)])
def transport(request: pytest.FixtureRequest) -> Transport:
    """Both transports in turn."""
    if request.param == "threads":
        return Transport("threads")
    server: NatsServer = request.getfixturevalue("broker")
    return Transport(server.url, str(nats.client_folder()))
