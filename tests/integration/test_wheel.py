"""An installed wheel brings the command and the JavaScript files, and no generic top-level names."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)],
        capture_output=True, text=True, check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_only_pipetrace_is_installed_at_top_level(wheel_names: list[str]) -> None:
    top = {name.split("/")[0] for name in wheel_names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"pipetrace"}


def test_the_wheel_carries_what_is_not_python(wheel_names: list[str]) -> None:
    for needed in (
        "pipetrace/tracer/agent/index.js",
        "pipetrace/tracer/agent/listen.js",
        "pipetrace/rewriter/runtime/package.json",
        "pipetrace/rewriter/runtime/register.js",
        "pipetrace/partitioner/plan.schema.json",
    ):
        assert needed in wheel_names
    assert not [name for name in wheel_names if "node_modules" in name]
