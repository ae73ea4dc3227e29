"""Fetches Debian source packages, without root and without touching the system's package lists."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipetrace.errors import PipetraceError
from pipetrace.runner import npm

SUITE = "bookworm"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_ARCHIVE = "http://deb.debian.org/debian"


def source(package: str, patterns: Sequence[str] = ("*",)) -> Path:
    """Directory of a source package's upstream text: once per user, only the files that match the tar `patterns`.

    Raises PipetraceError when apt is missing or the archive does not have it.
    """
    digest = hashlib.sha256("\0".join(patterns).encode()).hexdigest()[:8]
    folder = npm.cache_folder() / "debian" / f"{package}-{SUITE}-{digest}"
    if folder.is_dir():
        return folder
    if shutil.which("apt-get") is None:
        raise PipetraceError(f"apt-get was not found; {package} comes from a Debian source package.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as name:
        aside = Path(name)
        tarball = _download(package, aside)
        new = aside / "new"
        new.mkdir()
        words = ["tar", "-x", "-f", str(tarball), "--strip-components=1", "--wildcards", *patterns]
        subprocess.run(words, cwd=new, check=True, timeout=1800)
        try:
            new.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another run was faster
                raise
    return folder


def _download(package: str, directory: Path) -> Path:
    for part in ("state/lists/partial", "cache/archives/partial", "etc"):
        (directory / part).mkdir(parents=True)
    (directory / "etc/sources.list").write_text(f"deb-src [signed-by={_KEYRING}] {_ARCHIVE} {SUITE} main\n")
    config = directory / "etc/apt.conf"
    config.write_text(
        f'Dir::Etc::sourcelist "{directory}/etc/sources.list";\nDir::Etc::sourceparts "-";\n'
        f'Dir::State "{directory}/state";\nDir::Cache "{directory}/cache";\nAPT::Sandbox::User "";\n'
    )
    env = {"APT_CONFIG": str(config), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

    def run(*words: str) -> str:
        done = subprocess.run(
            ["apt-get", *words], cwd=directory, env=env, capture_output=True, text=True, timeout=1800, check=False
        )
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["E: unknown"]
            raise PipetraceError(f"apt-get could not fetch the source of {package} ({said[0][3:]}).")
        return done.stdout

    run("update", "-qq")
    # One tarball is the program; others beside it hold types or other packages.
    for line in run("source", "--print-uris", "-qq", package).splitlines():
        address, file, *_ = line.replace("'", "").split()
        if re.search(r"\.orig\.tar\.\w+$", file):
            target = directory / file
            fetched = subprocess.run(
                ["/usr/lib/apt/apt-helper", "download-file", address, str(target)],
                env=env, capture_output=True, text=True, timeout=1800, check=False,
            )  # fmt: skip
            if fetched.returncode != 0:
                raise PipetraceError(f"The archive does not have {file} of {package} at this time; try again later.")
            return target
    raise PipetraceError(f"Debian {SUITE} has no source package {package}.")
