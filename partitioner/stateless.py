"""What a plan would gain if no answer depended on what libraries keep between calls, which only their user knows."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from pipetrace.errors import PipetraceError
from pipetrace.partitioner import plan
from pipetrace.partitioner.analysis import Analysis
from pipetrace.partitioner.items import LIBRARY
from pipetrace.partitioner.reasons import factor, listed

_MOST = 4
"""More libraries are not told apart: either none of them ties anything, or all do."""
_AS_MUCH = 0.98
_WORTH_SAYING = 0.05


def check_stateless(analysis: Analysis, names: tuple[str, ...]) -> None:
    """Raise PipetraceError for a name that is no library which a handler called."""
    known = [item.id for item in analysis.classes.items.values() if item.object_class == LIBRARY]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            hint = f"the nearest are {listed([f'`{found}`' for found in close])}" if close else "leave --stateless out"
            raise PipetraceError(f"No handler that ran calls a library `{name}`; {hint}.")


def stateless_what_if(
    analysis: Analysis, machines: int, now: float, speedup_with: Callable[[frozenset[str]], float]
) -> tuple[plan.WhatIf, ...]:
    """The speed-up without the ties of libraries, as few of them as it takes; empty if that gains nothing.

    ``speedup_with`` plans again with some libraries taken for stateless: handlers may then move in other forms, so
    leaving their ties out of this plan's problem would not tell.
    """
    wanted = frozenset(item.id for item in analysis.classes.ties if item.object_class == LIBRARY)
    if not wanted or machines < 2:
        return ()
    best = speedup_with(wanted)
    if best < now + _WORTH_SAYING:
        return ()
    if len(wanted) <= _MOST:
        for library in sorted(wanted):
            fewer = wanted - {library}
            if fewer and (found := speedup_with(fewer)) >= best * _AS_MUCH:
                wanted, best = fewer, found
    labels = [analysis.classes.items[library].mention for library in sorted(wanted)]
    words = " ".join(f"--stateless {library}" for library in sorted(wanted))
    sentence = (
        f"If no answer depends on {listed(labels, most=9)}, `{words}` would give {machines} machines {factor(best)} "
        f"instead of {factor(now)}."
    )
    return (plan.WhatIf(", ".join(sorted(wanted)), machines, round(best, 2), round(now, 2), sentence),)
