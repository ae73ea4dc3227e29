"""Fixtures that integration tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipetrace.runner import nats
from tests.integration.nats_server import NatsServer
from tests.integration.runtime_apps import Transport
from tests.npm_packages import installed

FRAMEWORKS = {
    "@koa/router": "15.7.0", "compression": "1.8.2", "connect": "3.7.0", "cookie-session": "2.1.1", "ejs": "3.1.10",
    "express": "4.22.3", "express-session": "1.19.0", "express5": "npm:express@5.3.0", "fastify": "5.12.8", "koa": "3.3.0",
    "on-finished": "2.4.2", "polka": "0.5.2", "restify": "11.1.0", "serve-static": "2.2.1",
}  # fmt: skip


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
