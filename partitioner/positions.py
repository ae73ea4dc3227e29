"""Where the invocations of a recording stand in its columns, by their ids."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from pipetrace.partitioner.recording import NONE, Ints

_MOST_GAPS = 8
"""Ids for each invocation up to which a table of all ids takes less than it saves."""


class Positions:
    """Id → index, of ids that ascend; takes a hundredth of the memory of a dictionary."""

    def __init__(self, ids: Ints) -> None:
        self._ids = np.ascontiguousarray(ids, dtype=np.int64)
        self._listed = self._ids.data
        self._first = int(self._ids[0]) if len(self._ids) else 0
        span = int(self._ids[-1]) - self._first + 1 if len(self._ids) else 0
        self._table: Ints | None = None
        if span <= _MOST_GAPS * len(self._ids):
            self._table = np.full(span, NONE, dtype=np.int64)
            self._table[self._ids - self._first] = np.arange(len(self._ids))
            self._looked = self._table.data

    def get(self, number: int) -> int | None:
        """The index of an id, or None."""
        if self._table is not None:
            at = number - self._first
            found = self._looked[at] if 0 <= at < len(self._looked) else NONE
            return found if found != NONE else None
        at = bisect_left(self._listed, number)
        return at if at < len(self._listed) and self._listed[at] == number else None

    def of(self, ids: Ints) -> Ints:
        """The indices of ids; NONE for those that there are not."""
        found = np.full(len(ids), NONE, dtype=np.int64)
        if len(self._ids) == 0:
            return found
        if self._table is not None:
            inside = (ids >= self._first) & (ids < self._first + len(self._table))
            found[inside] = self._table[ids[inside] - self._first]
            return found
        at = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return np.where(self._ids[at] == ids, at, NONE)
