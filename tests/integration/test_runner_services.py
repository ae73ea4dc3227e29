"""What the runner starts or installs beside applications: a broker on a free port, packages in a cache."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipetrace.errors import PipetraceError
from pipetrace.runner import npm
from pipetrace.runner.nats import check_reachable, start_broker

FAKE_NPM = """#!/bin/sh
echo call >> "{log}"
if [ -e "{fail}" ]; then echo 'npm error code E404' >&2; exit 1; fi
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/node_modules/@scope/tool" && echo '{{}}' > "$2/node_modules/@scope/tool/package.json"
"""


@pytest.mark.nats
@pytest.mark.skipif(shutil.which("nats-server") is None, reason="nats-server is not installed")
def test_a_broker_listens_on_a_free_port_and_is_gone_afterwards() -> None:
    with start_broker() as one, start_broker() as other:
        assert one.url != other.url
        check_reachable(one.url)
        check_reachable(other.url)
    assert one.process.returncode is not None
    assert not one.folder.exists()
    with pytest.raises(PipetraceError, match="no NATS broker can be reached"):
        check_reachable(one.url)


@pytest.fixture
def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(FAKE_NPM.format(log=tmp_path / "log", fail=tmp_path / "fail"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PIPETRACE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_a_package_is_installed_once(fake_npm: Path) -> None:
    first = npm.install("@scope/tool", "1.2.3")
    assert first == fake_npm / "cache" / "npm" / "@scope+tool-1.2.3" / "node_modules" / "@scope" / "tool"
    assert (first / "package.json").is_file()
    assert npm.install("@scope/tool", "1.2.3") == first
    assert (fake_npm / "log").read_text() == "call\n"
    assert [path.name for path in first.parents[2].parent.iterdir()] == ["@scope+tool-1.2.3"]


def test_a_failed_installation_leaves_nothing_and_says_why(fake_npm: Path) -> None:
    (fake_npm / "fail").touch()
    with pytest.raises(PipetraceError, match=r"npm could not install @scope/tool 1\.2\.3 \(code E404\)"):
        npm.install("@scope/tool", "1.2.3")
    assert list((fake_npm / "cache" / "npm").iterdir()) == []


def test_a_missing_npm_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PipetraceError, match="npm was not found on the PATH"):
        npm.install("tool", "1.0.0", cache=tmp_path)
