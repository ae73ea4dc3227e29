"""Reading the agents' spool: the records of all processes become the tables of a trace.

Ids in the files are per thread; here they become dense over all. Long tables come in parts, so that the memory this
takes hardly grows with the recording: two bytes for each id that a thread gave out, and four for each location.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipetrace.tracer.spool_file import PART_ROWS, scan_file
from pipetrace.tracer.spool_rows import RowBuilder
from pipetrace.tracer.spool_thread import Table, ThreadRows


@dataclass(frozen=True, slots=True)
class Parts:
    """A long table: so many rows, in parts that are read anew each time they are asked for."""

    rows: int
    _read: Callable[[], Iterator[Table]]

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Table]:
        return self._read()


@dataclass(frozen=True, slots=True)
class SpoolTables:
    """Rows for the trace; each table maps the column names of the trace's table to its values.

    Each part of a long table is of one process.
    """

    process: Table
    invocation: Parts
    chain: Parts
    rupture: Table
    shape: Table
    location: Parts
    access: Parts
    problem: Table
    invocation_kinds: frozenset[str] = frozenset()
    chain_kinds: frozenset[str] = frozenset()
    """Kinds that occur."""
    init_end_ns: int | None = None
    """End of the main process's initialisation in ns since the epoch; None when it never came."""
    lost_records: int = 0
    """Records that could not be written."""
    left_invocations: int = 0
    """Invocations that were left out, with their chains, to keep the recording within its size."""
    left_chains: int = 0
    cut_invocations: int = 0
    """Of the invocations that were left out, those whose chains are recorded up to then."""


def read_spool(directory: Path | str, part_rows: int = PART_ROWS) -> SpoolTables:
    """Read all spool files of a directory; a directory without any gives empty tables.

    Times are ns since the epoch. A block that is cut off (the process was killed, the disk was full) ends
    its file without an error. Parts have at most ``part_rows`` rows, and need the files as long as they are read.
    """
    files = (scan_file(path, part_rows) for path in sorted(Path(directory).glob("*.bin")))
    threads = [thread for thread in map(ThreadRows, files) if thread.process]
    threads.sort(key=lambda thread: thread.started)
    rows = RowBuilder()
    for thread in threads:
        rows.add(thread)

    def parts(count: str, read: Callable[[ThreadRows], Iterator[Table]]) -> Parts:
        def all_parts() -> Iterator[Table]:
            for thread in threads:
                yield from read(thread)

        return Parts(sum(getattr(thread, count) for thread in threads), all_parts)

    return SpoolTables(
        **rows.tables(),
        invocation=parts("invocation_count", ThreadRows.invocations),
        chain=parts("chain_count", ThreadRows.chains),
        location=parts("location_count", ThreadRows.locations),
        access=parts("access_count", ThreadRows.accesses),
        invocation_kinds=frozenset[str]().union(*(thread.invocation_kinds for thread in threads)),
        chain_kinds=frozenset[str]().union(*(thread.chain_kinds for thread in threads)),
        init_end_ns=rows.init_end_ns,
        lost_records=rows.lost,
        left_invocations=rows.left_invocations,
        left_chains=rows.left_chains,
        cut_invocations=rows.cut_invocations,
    )
