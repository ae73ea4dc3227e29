"""Mends causality where a library's own queue has broken it.

Libraries with promises or queues of their own run the callbacks of many requests from one tick, so a callback can
seem to descend from another request than its own. The variables that it captures tell: they belong to one
activation of the function that made it, and that activation belongs to one chain. A sampled invocation that touches
a variable of an activation in another chain is moved there, below that activation, with all that it caused.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from pipetrace.partitioner.positions import Positions
from pipetrace.partitioner.recording import HANDLER, NONE, Invocations, Recording


def repair(recording: Recording) -> Recording:
    """The same recording with such invocations below the activation that made them."""
    evidence = _evidence(recording)
    if not evidence:
        return recording
    rows = recording.invocations
    makers = _makers(recording, set(evidence.values()))
    parent, chain = rows.parent.copy(), rows.chain.copy()
    causes = Positions(rows.id).of(np.where(rows.first == NONE, rows.parent, rows.first)).data
    before, after = np.ascontiguousarray(rows.chain).data, chain.data
    for at in range(len(rows)):
        cause = causes[at]
        if NONE < cause < at and before[cause] == before[at]:
            after[at] = after[cause]
        found = evidence.get(at)
        if found is None or found[0] == after[at]:
            continue
        maker = makers.get(found)
        if maker is not None and maker < at:
            parent[at], after[at] = rows.id[maker], found[0]
    mended = Invocations(
        **{
            field.name: getattr(rows, field.name)
            for field in dataclasses.fields(rows)
            if field.name not in ("parent", "chain")
        },
        parent=parent,
        chain=chain,
    )
    return dataclasses.replace(recording, invocations=mended)


def _evidence(recording: Recording) -> dict[int, tuple[int, int]]:
    """By index of a handler's invocation: the chain and the function of the activation whose variables it touches."""
    rows, accesses = recording.invocations, recording.accesses
    position = Positions(rows.id)
    ancestors: dict[int, tuple[int, ...]] = {}
    found: dict[int, tuple[int, int]] = {}
    for number, location_id in zip(accesses.invocation.tolist(), accesses.location.tolist(), strict=True):
        location = recording.locations.get(location_id)
        if location is None or location.kind != "variable" or location.born_init or location.born_chain is None:
            continue
        at = position.get(number)
        if at is None or int(rows.kind[at]) != HANDLER or location.scope is None:
            continue
        function = int(rows.function[at])
        around = ancestors.get(function)
        if around is None:
            around = ancestors[function] = recording.ancestors(function)
        if location.scope not in around:
            continue
        known = found.get(at)
        if known is None or around.index(location.scope) < around.index(known[1]):
            found[at] = (location.born_chain, location.scope)
    return found


def _makers(recording: Recording, wanted: set[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """By chain and function, of those wanted: index of the first invocation of the function in that chain."""
    rows = recording.invocations
    chains, functions = (np.unique(np.array([pair[part] for pair in wanted])) for part in (0, 1))
    found: dict[tuple[int, int], int] = {}
    for at in np.flatnonzero(np.isin(rows.chain, chains) & np.isin(rows.function, functions)).tolist():
        pair = (int(rows.chain[at]), int(rows.function[at]))
        if pair in wanted:
            found.setdefault(pair, at)
    return found
