"""What ran while no function of the application did: whose work it was, and what is left for Node and libraries.

An asynchronous function of a library (`await minify(text)`) returns at once and works when Node calls it back. The
CPU profile tells how much time each library took so. Where functions of the application use a library by a name that
they imported from it, that is their work: it goes where they go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipetrace.partitioner.recording import CALL, HANDLER, Recording


@dataclass(frozen=True, slots=True)
class OutsideWork:
    """CPU outside of handlers, in microseconds."""

    given: npt.NDArray[np.float64]
    """By index of the invocation: what libraries did for it later."""
    rest_us: float
    """What nobody can be told for."""
    libraries: Mapping[str, float]
    """Of that, by library, dearest first."""


def outside_work(recording: Recording, handlers_us: float, steady: npt.NDArray[np.bool_]) -> OutsideWork:
    """Share out what ran outside of handlers.

    Args:
        recording: as it was loaded.
        handlers_us: CPU of all handlers after initialisation.
        steady: by index, the invocations after initialisation.
    """
    rows = recording.invocations
    given = np.zeros(len(rows), dtype=np.float64)
    share = recording.meta.get("outside_share")
    if share is None or not 0.0 < share < 1.0:
        return OutsideWork(given, 0.0, {})
    # Where handlers were hardly met in the profile, their time tells little about the rest.
    most_us = recording.meta.get("outside_s", float("inf")) * 1e6
    total_us = min(handlers_us / (1.0 - share), most_us / share)
    rest_us = total_us * share
    entered = steady & ((rows.kind == HANDLER) | (rows.kind == CALL))
    ran = rows.functions(entered)
    left: dict[str, float] = {}
    for library, part in (recording.meta.get("outside_libraries") or {}).items():
        users = _users(recording, library, ran)
        calls = entered & np.isin(rows.function, np.fromiter(users, dtype=np.int64, count=len(users)))
        spent_us = total_us * min(part, share)
        if calls.any():
            given[calls] += spent_us / int(calls.sum())
            rest_us -= spent_us
        else:
            left[library] = spent_us
    return OutsideWork(given, max(rest_us, 0.0), left)


def _users(recording: Recording, library: str, ran: set[int]) -> set[int]:
    """The innermost of the functions that ran which use a name imported from a library."""
    using = {
        function
        for function in ran
        if any(one.library == library and one.reads for one in recording.captures.get(function, ()))
    }
    around = {outer for function in using for outer in recording.ancestors(function)}
    return using - around
