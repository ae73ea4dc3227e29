"""Runs of kernels: calls of which one is given what another returns; they become one unit where that is no data.

The agent records each call of such a run by itself. Where what passes from one to the next cannot travel, none of them
could be cut out alone; together they need what is handed in from outside, and give what the last one returns. Where all
of them could, they are one message together instead of one each. What their function does between two of them stays
with the function. A single call is a run of its own where names of its module are among its arguments, which every copy
of the program has: where one of them is no data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import TypeVar

import numpy as np

from pipetrace.partitioner.kernels import unsendable
from pipetrace.partitioner.positions import Positions
from pipetrace.partitioner.recording import CALL, NONE, RESUME, Function, Invocations, Recording, Shape

_T = TypeVar("_T")


def fuse_runs(recording: Recording, movable: Collection[int] = ()) -> Recording:
    """The same recording with the calls of such runs as one unit each: its first call enters, the others go on.

    Args:
        recording: as it was loaded, mended.
        movable: kernels that could be cut out by themselves; of these, runs are fused for the sake of the messages.
    """
    fused: dict[int, Function] = {}
    for run in sorted(recording.functions.values(), key=lambda info: (-len(info.members), info.id)):
        if not run.members or fused.keys() & set(run.members):
            continue
        if not _is_data(recording, run) or _changes_elsewhere(recording, run):
            continue
        together = len(run.members) > 1 and set(run.members) <= set(movable)
        if together or _needs_it(recording, run):
            fused.update(dict.fromkeys(run.members, run))
    ran = {number for number in fused if number in recording.invocations.functions()}
    if not ran:
        return recording
    runs = {run.id: run for run in fused.values()}
    return dataclasses.replace(
        recording,
        invocations=_relabelled(recording, {number: fused[number] for number in ran}),
        shapes={**recording.shapes, **{number: _shapes(recording, run) for number, run in runs.items()}},
        captures={**recording.captures, **{run: _all(recording.captures, info) for run, info in runs.items()}},
        calls={**recording.calls, **{run: _all(recording.calls, info) for run, info in runs.items()}},
    )


def _is_data(recording: Recording, run: Function) -> bool:
    """Whether only data goes in and out."""
    result = recording.slot(run.members[-1], "return")
    return bool(result) and all(unsendable(shapes) is None for shapes in (result, *_inputs(recording, run)))


def _changes_elsewhere(recording: Recording, run: Function) -> bool:
    """Whether a name of the module that a run is given stands for a variable that another module may assign."""
    for capture in recording.captures.get(run.id, ()):
        if capture.home is not None:
            module, name = capture.home
            homes = [home for home in recording.captures.get(module, ()) if name in ("", home.name)]
            if not name or any(home.reassigned or home.writes for home in homes):
                return True
    return False


def _needs_it(recording: Recording, run: Function) -> bool:
    """Whether something that is no data stays inside: a result that the next call is given, or a name of the module."""
    given = {(run.members[member], argument) for member, argument in run.inputs}
    stays = [recording.slot(member, "return") for member in run.members[:-1]]
    for member in run.members:
        stays += [
            shapes
            for argument, shapes in enumerate(recording.arguments(member))
            if (member, argument) not in given
        ]
    return any(unsendable(shapes) is not None for shapes in stays)


def _inputs(recording: Recording, run: Function) -> list[tuple[Shape, ...]]:
    return [recording.slot(run.members[member], f"arg{argument}") for member, argument in run.inputs]


def _shapes(recording: Recording, run: Function) -> Mapping[str, tuple[Shape, ...]]:
    found = {f"arg{number}": shapes for number, shapes in enumerate(_inputs(recording, run))}
    return {**found, "return": recording.slot(run.members[-1], "return")}


def _all(table: Mapping[int, tuple[_T, ...]], run: Function) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(entry for part in (*run.members, run.id) for entry in table.get(part, ())))


def _relabelled(recording: Recording, fused: Mapping[int, Function]) -> Invocations:
    """The invocations with those of the runs' calls as the runs' own."""
    rows = recording.invocations
    function, kind, first = rows.function.copy(), rows.kind.copy(), rows.first.copy()
    position = Positions(rows.id)
    begun: dict[tuple[int, int], tuple[int, int]] = {}
    """By activation of the function around and run: id of the call that entered it, and the last member seen."""
    chosen = np.isin(rows.function, np.fromiter(fused, dtype=np.int64, count=len(fused)))
    for at in np.flatnonzero(chosen).tolist():
        run = fused[int(rows.function[at])]
        around = position.get(int(rows.parent[at]))
        if around is None:
            continue
        activation = int(rows.first[around]) if int(rows.first[around]) != NONE else int(rows.id[around])
        member = run.members.index(int(rows.function[at]))
        function[at] = run.id
        entered, before = begun.get((activation, run.id), (NONE, len(run.members)))
        if before < member:
            kind[at], first[at] = RESUME, entered
        else:
            kind[at], entered = CALL, int(rows.id[at])
        begun[(activation, run.id)] = (entered, member)
    return dataclasses.replace(rows, function=function, kind=kind, first=first)
