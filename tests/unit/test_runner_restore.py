"""Files are put back exactly as they were: content, mode, times, inode, and nothing new stays."""

from __future__ import annotations

import os
from pathlib import Path

from pipetrace.runner.restore import remember


def test_changed_new_and_deleted_files_are_put_back(tmp_path: Path) -> None:
    data, gone, folder = tmp_path / "db.json", tmp_path / "gone.txt", tmp_path / "sub"
    folder.mkdir()
    data.write_text("before")
    data.chmod(0o640)
    os.utime(data, ns=(1_000_000_000, 2_000_000_000))
    gone.write_text("still here")
    inode = data.stat().st_ino
    with remember([tmp_path]) as snapshot:
        data.write_text("after, and longer")
        gone.unlink()
        (folder / "new").mkdir()
        (folder / "new" / "log.txt").write_text("x")
        changed = snapshot.restore()
        assert {path.name for path in changed} == {"db.json", "gone.txt", "new", "log.txt"}
        assert data.read_text() == "before"
        assert (data.stat().st_mtime_ns, data.stat().st_ino, data.stat().st_mode & 0o777) == (
            2_000_000_000,
            inode,
            0o640,
        )
        assert gone.read_text() == "still here"
        assert list(folder.iterdir()) == []
        assert snapshot.restore() == []
        data.write_text("again")
    assert data.read_text() == "before"


def test_a_change_that_hides_its_time_is_seen(tmp_path: Path) -> None:
    data = tmp_path / "a"
    data.write_text("one")
    stat = data.stat()
    with remember([tmp_path]):
        data.write_text("two")
        os.utime(data, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert data.read_text() == "one"


def test_a_file_replaced_by_rename_and_a_link(tmp_path: Path) -> None:
    data, link = tmp_path / "a", tmp_path / "link"
    data.write_text("one")
    link.symlink_to("a")
    with remember([tmp_path]):
        (tmp_path / "b").write_text("two")
        (tmp_path / "b").rename(data)
        link.unlink()
        link.write_text("no link")
    assert data.read_text() == "one"
    assert os.readlink(link) == "a"  # noqa: PTH115


def test_installed_packages_are_left_alone(tmp_path: Path) -> None:
    module = tmp_path / "node_modules" / "m.js"
    module.parent.mkdir()
    module.write_text("1")
    with remember([tmp_path]) as snapshot:
        module.write_text("2")
        assert snapshot.restore() == []
    assert module.read_text() == "2"


def test_a_directory_that_is_too_large_is_said_and_left_alone(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
    with remember([tmp_path], count_limit=2) as snapshot:
        (tmp_path / "a").write_text("changed")
        assert snapshot.restore() == []
        assert "2 files" in snapshot.skipped
    assert (tmp_path / "a").read_text() == "changed"
