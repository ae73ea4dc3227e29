"""The directory tree around rewritten files: a copy of the package, and its node_modules by symbolic links."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from pipetrace.errors import PipetraceError

RUNTIME = "@pipetrace/runtime"
_RUNTIME_SKIPPED = frozenset({"node_modules", "test", "tests", "__pycache__"})


def copy_package(source: Path, target: Path, exclude: frozenset[Path]) -> None:
    """Copy a package with modes, times and symbolic links, without `.git` and its own `node_modules`.

    A `node_modules` deeper inside becomes a link to the original. Directories in `exclude` and other
    staged applications are left out. A link that leads out of the package, or back into it, leads to the
    same file from the copy.
    """
    target.mkdir(parents=True, exist_ok=True)
    _copy_folder(source, target, source.resolve(), exclude, top=True)
    shutil.copystat(source, target)


def _copy_folder(source: Path, target: Path, root: Path, exclude: frozenset[Path], *, top: bool) -> None:
    for entry in sorted(os.scandir(source), key=lambda item: item.name):
        origin, copy = Path(entry.path), target / entry.name
        if entry.name == ".git" or (entry.name == "node_modules" and top):
            continue
        if entry.is_symlink():
            _copy_link(origin, copy, root)
        elif entry.is_dir(follow_symlinks=False):
            if entry.name == "node_modules":
                copy.symlink_to(origin.resolve(), target_is_directory=True)
            elif origin.resolve() not in exclude and not (origin / ".pipetrace" / "staged.json").is_file():
                copy.mkdir()
                _copy_folder(origin, copy, root, exclude, top=False)
                shutil.copystat(origin, copy)
        elif entry.is_file(follow_symlinks=False):
            _copy_file(origin, copy)


def _copy_file(origin: Path, copy: Path) -> None:
    try:
        shutil.copy2(origin, copy)
    except PermissionError as error:
        raise PipetraceError(
            f"{origin} cannot be read, so the package cannot be copied; change its permissions or move it away."
        ) from error
    mode = stat.S_IMODE(origin.stat().st_mode)
    if stat.S_IMODE(copy.stat().st_mode) != mode:
        copy.chmod(mode)


def _copy_link(origin: Path, copy: Path, root: Path) -> None:
    written = Path(os.readlink(origin))  # noqa: PTH115  (Path.readlink is the same, but normalises)
    place = Path(os.path.normpath(written if written.is_absolute() else origin.parent.resolve() / written))
    if place.is_relative_to(root):
        # Inside the package: relative, so that the copy's link leads into the copy.
        relative = os.path.relpath(place, origin.parent.resolve())
        copy.symlink_to(relative if written.is_absolute() else written)
    else:
        copy.symlink_to(place)


def link_node_modules(source: Path, target: Path) -> int:
    """Fill `target`/node_modules with links to the packages that the original finds; return how many.

    Node looks in `node_modules` of the package's directory and of each one above it, and the nearest
    wins. The package itself, where it is found on that path, is the staged one.
    """
    farm = target / "node_modules"
    farm.mkdir()
    own = source.resolve()
    for place in _lookup_path(own):
        for entry in _entries(place):
            if entry.name == ".bin":
                _link_commands(entry, farm, own)
            elif entry.name.startswith("@") and entry.is_dir():
                for scoped in _entries(entry):
                    _link(scoped, farm / entry.name / scoped.name, own, target)
            elif entry.is_dir():
                _link(entry, farm / entry.name, own, target)
    return sum(1 for _ in _packages(farm))


def _lookup_path(folder: Path) -> Iterator[Path]:
    for place in (folder, *folder.parents):
        found = place / "node_modules"
        if place.name != "node_modules" and found.is_dir():
            yield found


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _link(package: Path, link: Path, own: Path, target: Path) -> None:
    if link.is_symlink() or link.exists() or link.relative_to(target / "node_modules").as_posix() == RUNTIME:
        return
    link.parent.mkdir(exist_ok=True)
    real = package.resolve()
    copied = _copied(real, own)
    if copied is None:
        link.symlink_to(real, target_is_directory=True)
    else:
        link.symlink_to(os.path.relpath(target / copied, link.parent), target_is_directory=True)


def _link_commands(commands: Path, farm: Path, own: Path) -> None:
    folder = farm / ".bin"
    folder.mkdir(exist_ok=True)
    for command in _entries(commands):
        link = folder / command.name
        if link.is_symlink() or link.exists():
            continue
        real = command.resolve()
        copied = _copied(real, own)
        link.symlink_to(real if copied is None else Path("..", "..") / copied)


def _copied(real: Path, own: Path) -> Path | None:
    """Return the place in the copy, relative to it, of a file or directory of the package itself."""
    if not real.is_relative_to(own):
        return None
    relative = real.relative_to(own)
    return None if "node_modules" in relative.parts else relative


def _packages(farm: Path) -> Iterator[Path]:
    for entry in _entries(farm):
        if entry.name.startswith("@"):
            yield from _entries(entry)
        elif not entry.name.startswith("."):
            yield entry


def copy_runtime(target: Path) -> None:
    """Copy the runtime package into `target`/node_modules, without its own dependencies and tests."""
    runtime = Path(__file__).resolve().parent / "runtime"
    folder = target / "node_modules" / RUNTIME
    if folder.parent.is_symlink():
        raise AssertionError("scopes are real directories")

    def skip(place: str, names: list[str]) -> list[str]:
        return [name for name in names if name in _RUNTIME_SKIPPED or name.endswith((".test.js", ".pyc"))]

    shutil.copytree(runtime, folder, ignore=skip)


def pin_package_type(target: Path, output: Path, wanted: str, found: str) -> None:
    """Keep Node's choice of module format for a package without package.json of its own.

    The copy may stand below another package.json than the original did.
    """
    if wanted == found or (target / "package.json").exists():
        return
    content = {"private": True, "type": wanted or "commonjs"}
    (target / "package.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
