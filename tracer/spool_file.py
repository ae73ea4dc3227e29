"""The spool file of one thread: where its blocks are, and its records in parts of bounded size.

The layout is private to this module and `tracer/agent/spool.js`. A file ends where its last block is cut off or
damaged (the process was killed, the disk was full); everything before counts.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PART_ROWS = 122_880
"""Records that are in memory at a time; DuckDB stores as many in one piece."""

_HEADER = struct.Struct("<4I")
_MAGIC = 0x31425450
_INVOCATIONS, _ACCESSES, _CHAINS, _LINES = 1, 2, 3, 4

INVOCATION = np.dtype(
    [
        ("id", "<i4"),
        ("function", "<i4"),
        ("parent", "<i4"),
        ("chain", "<i4"),
        ("first", "<i4"),
        ("flags", "<i4"),
        ("start", "<f8"),
        ("wall", "<f8"),
        ("self", "<f8"),
    ]
)
ACCESS = np.dtype([("invocation", "<i4"), ("location", "<i4"), ("mode", "<i4"), ("line", "<i4")])
CHAIN = np.dtype([("id", "<i4"), ("kind", "<i4"), ("event", "<i4"), ("pad", "<i4"), ("start", "<f8")])
_RECORDS = {_INVOCATIONS: INVOCATION, _ACCESSES: ACCESS, _CHAINS: CHAIN}


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """One file up to its last whole block; the records themselves stay in it until they are asked for."""

    path: Path
    part_rows: int
    truncated: bool
    _blocks: dict[int, tuple[array[int], array[int]]]
    """By type: where the payload of each block begins, and its records or, of lines, its bytes."""

    def lines(self) -> Iterator[dict[str, Any]]:
        """All JSON lines, in the order in which they were written."""
        with self.path.open("rb") as file:
            for at, length in zip(*self._blocks[_LINES], strict=True):
                file.seek(at)
                for line in file.read(length).split(b"\n"):
                    if line.strip():
                        yield json.loads(line)

    def invocations(self) -> Iterator[NDArray[Any]]:
        """The invocations in parts, as INVOCATION records."""
        return self._parts(_INVOCATIONS)

    def accesses(self) -> Iterator[NDArray[Any]]:
        """The accesses in parts, as ACCESS records."""
        return self._parts(_ACCESSES)

    def chains(self) -> Iterator[NDArray[Any]]:
        """The chains in parts, as CHAIN records."""
        return self._parts(_CHAINS)

    def _parts(self, kind: int) -> Iterator[NDArray[Any]]:
        record = _RECORDS[kind]
        filled, part = 0, np.empty(self.part_rows, record)
        with self.path.open("rb") as file:
            for at, count in zip(*self._blocks[kind], strict=True):
                file.seek(at)
                while count:
                    taken = min(count, self.part_rows - filled)
                    part[filled : filled + taken] = np.frombuffer(file.read(taken * record.itemsize), record)
                    filled, count = filled + taken, count - taken
                    if filled == self.part_rows:
                        yield part
                        filled, part = 0, np.empty(self.part_rows, record)
        if filled:
            yield part[:filled]


def scan_file(path: Path, part_rows: int = PART_ROWS) -> SpoolFile:
    """Find the blocks of a file."""
    blocks = {kind: (array("q"), array("q")) for kind in (_INVOCATIONS, _ACCESSES, _CHAINS, _LINES)}
    size = path.stat().st_size
    at = 0
    with path.open("rb") as file:
        while at + _HEADER.size <= size:
            file.seek(at)
            head = file.read(_HEADER.size)
            if len(head) < _HEADER.size:
                break
            magic, kind, length, count = _HEADER.unpack(head)
            begin = at + _HEADER.size
            if magic != _MAGIC or kind not in blocks or begin + length > size:
                break
            starts, sizes = blocks[kind]
            starts.append(begin)
            sizes.append(min(count, length // _RECORDS[kind].itemsize) if kind in _RECORDS else length)
            at = begin + length
    return SpoolFile(path, part_rows, at != size, blocks)
