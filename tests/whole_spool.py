"""The tables of a spool in one piece each, for tests that look at a few rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipetrace.tracer.spool import SpoolTables, read_spool
from pipetrace.tracer.trace import Coded

Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WholeSpool:
    """As SpoolTables, with all rows of a table under its name."""

    tables: SpoolTables
    process: Mapping[str, Any]
    rupture: Mapping[str, Any]
    shape: Mapping[str, Any]
    problem: Mapping[str, Any]
    invocation: Columns
    chain: Columns
    location: Columns
    access: Columns
    init_end_ns: int | None


def read_whole(directory: Path, part_rows: int = 1000) -> WholeSpool:
    """Read a spool, at most ``part_rows`` rows at a time."""
    tables = read_spool(directory, part_rows)
    return WholeSpool(
        tables,
        tables.process,
        tables.rupture,
        tables.shape,
        tables.problem,
        whole(tables.invocation, ("invocation_id",)),
        whole(tables.chain, ("chain_id",)),
        whole(tables.location, ("location_id",)),
        whole(tables.access, ("invocation_id", "location_id", "line")),
        tables.init_end_ns,
    )


def whole(parts: Iterable[Mapping[str, Any]], least: Iterable[str] = ()) -> Columns:
    """The parts of a table as one; ``least`` names columns that an empty one has as well."""
    found: Columns = {name: [] for name in least}
    for part in parts:
        for name, values in part.items():
            found.setdefault(name, []).extend(plain(values))
    return found


def plain(values: Any) -> list[Any]:
    """A column as Python's values; None where it is masked."""
    if isinstance(values, Coded):
        return [values.texts[code] for code in values.codes.tolist()]
    listed: list[Any] = np.ma.asarray(values).tolist() if isinstance(values, np.ndarray) else list(values)
    return listed
