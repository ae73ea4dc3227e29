"""The packages that trap programs use, and each application staged once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipetrace.runner.transport import Transport, open_transport
from tests.npm_packages import installed
from tests.traps.harness import HERE, Staged, stage

PACKAGES = {
    "compression": "1.8.2", "cookie-parser": "1.4.7", "express": "4.22.3", "express-session": "1.19.0", "morgan": "1.12.1",
    "multer": "2.5.0", "passport": "0.7.0", "passport-local": "1.0.0", "readable-stream": "2.3.8", "ws": "8.23.0",
}  # fmt: skip


@pytest.fixture(scope="session")
def packages() -> Path:
    """A node_modules directory with what the traps need."""
    return installed("traps", PACKAGES)


@pytest.fixture(scope="session")
def staged(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Staged]:
    """An application of traps, recorded, planned and rewritten when it is asked for first."""
    os.environ["TRAP_MODULES"] = str(packages)
    # A machine that stands still for a while must not look like a dead stage.
    os.environ["PIPETRACE_DEAD_MS"] = "60000"
    made: dict[str, Staged] = {}

    def get(name: str) -> Staged:
        if name not in made:
            made[name] = stage(HERE / name, tmp_path_factory.mktemp(f"traps-{name}"), packages)
        return made[name]

    return get


@pytest.fixture(scope="session")
def transports() -> Iterator[dict[str, Transport]]:
    """Worker threads, and a NATS broker of our own."""
    with open_transport("nats") as over_nats:
        yield {"threads": Transport("threads"), "nats": over_nats}
