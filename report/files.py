"""Writing results to files: never over an existing one unless asked, never half of one."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable
from pathlib import Path

from pipetrace.errors import PipetraceError


def check_free(path: Path, force: bool) -> None:
    """Raise PipetraceError where ``path`` exists and must not be overwritten, or cannot be written."""
    if path.is_dir():
        raise PipetraceError(f"{path} is a directory; name a file with -o.")
    if path.exists() and not force:
        raise PipetraceError(f"{path} exists; overwrite it with --force or name another file with -o.")
    if not path.parent.is_dir():
        raise PipetraceError(f"{path.parent} does not exist; create it or name another file with -o.")


def write_file(path: Path, parts: Iterable[str], force: bool) -> None:
    """Write text to ``path``, whole or not at all; a name that ends in ``.gz`` is compressed."""
    check_free(path, force)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.suffix == ".gz":
            # No time stamp inside, so that the same trace gives the same bytes.
            with partial.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
                for part in parts:
                    packed.write(part.encode())
        else:
            with partial.open("w", encoding="utf-8", newline="\n") as plain:
                plain.writelines(parts)
        partial.replace(path)
    except OSError as error:
        raise PipetraceError(f"{path} cannot be written ({error.strerror}); name another file with -o.") from error
    finally:
        partial.unlink(missing_ok=True)
