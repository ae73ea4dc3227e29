"""Reading the agents' spool: binary blocks and JSON lines of all processes become the tables of a trace.

The layout is private to this module and `tracer/agent/spool.js`. A file ends where its last block is cut
off or damaged; everything before counts. Ids in the files are per thread; here they become dense over all.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipetrace.tracer.spool_rows import RowBuilder

Column = NDArray[Any] | list[Any]
Table = Mapping[str, Column]
"""Column name → values of equal length; the names are those of the trace's tables."""

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


@dataclass(slots=True)
class ThreadSpool:
    """What one thread wrote, as it stands in its file."""

    path: Path
    invocations: NDArray[Any]
    accesses: NDArray[Any]
    chains: NDArray[Any]
    lines: list[dict[str, Any]] = field(repr=False)
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class SpoolTables:
    """Rows for the trace; each table maps the column names of the trace's table to its values."""

    process: Table
    invocation: Table
    chain: Table
    rupture: Table
    shape: Table
    location: Table
    access: Table
    problem: Table
    init_end_ns: int | None = None
    """End of the main process's initialisation in ns since the epoch; None when it never came."""
    lost_records: int = 0
    """Records that could not be written."""
    left_invocations: int = 0
    """Invocations that were left out, with their chains, to keep the recording within its size."""
    left_chains: int = 0


def read_spool(directory: Path | str) -> SpoolTables:
    """Read all spool files of a directory; a directory without any gives empty tables.

    Times are ns since the epoch. A block that is cut off (the process was killed, the disk was full) ends
    its file without an error.
    """
    files = sorted(Path(directory).glob("*.bin"))
    threads = [thread for thread in map(read_thread, files) if thread.lines]
    threads.sort(key=_started)
    rows = RowBuilder()
    for thread in threads:
        rows.add(thread)
    return SpoolTables(
        **rows.tables(),
        init_end_ns=rows.init_end_ns,
        lost_records=rows.lost,
        left_invocations=rows.left_invocations,
        left_chains=rows.left_chains,
    )


def read_thread(path: Path) -> ThreadSpool:
    """Read one file up to its last whole block."""
    data = path.read_bytes()
    parts: dict[int, list[bytes]] = {_INVOCATIONS: [], _ACCESSES: [], _CHAINS: [], _LINES: []}
    sizes = {_INVOCATIONS: INVOCATION.itemsize, _ACCESSES: ACCESS.itemsize, _CHAINS: CHAIN.itemsize}
    at, truncated = 0, False
    while at + _HEADER.size <= len(data):
        magic, kind, length, count = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        if magic != _MAGIC or kind not in parts or at + length > len(data):
            truncated = True
            break
        parts[kind].append(data[at : at + (sizes[kind] * count if kind in sizes else length)])
        at += length
    truncated = truncated or at != len(data)
    lines = [json.loads(line) for part in parts[_LINES] for line in part.split(b"\n") if line.strip()]
    return ThreadSpool(
        path,
        np.frombuffer(b"".join(parts[_INVOCATIONS]), INVOCATION),
        np.frombuffer(b"".join(parts[_ACCESSES]), ACCESS),
        np.frombuffer(b"".join(parts[_CHAINS]), CHAIN),
        lines,
        truncated,
    )


def _started(thread: ThreadSpool) -> float:
    for line in thread.lines:
        if line["t"] == "process":
            return float(line["origin"]) + float(line["start"])
    return 0.0
