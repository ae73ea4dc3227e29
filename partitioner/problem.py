"""The assignment problem in plain numbers: work on paths of units, messages, ties, and what a placement costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipetrace.partitioner.graph import Graph
from pipetrace.partitioner.items import Classification, Item
from pipetrace.partitioner.mobility import Mobility
from pipetrace.partitioner.model import Model, Transport

Placement = tuple[int, ...]
"""The stage of every candidate: 0 is the entry stage, then the single stages, then the pool."""

ENTRY = 0
_BYTES = frozenset({"typedarray", "Buffer"})


@dataclass(frozen=True, slots=True)
class Work:
    """Cells that go where the same candidates go."""

    path: tuple[int, ...]
    """Positions of candidates, outermost first."""
    cpu_us: float
    calls: int
    """Messages, if the last candidate is moved and none before it."""


@dataclass(frozen=True, slots=True)
class Tie:
    """Work that must be on one stage, which then has one replica."""

    item: str
    works: tuple[int, ...]
    pinned: bool
    """It must be the entry stage."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be placed. Times are totals over the recording, in microseconds."""

    units: tuple[int, ...]
    works: tuple[Work, ...]
    caller_us: tuple[float, ...]
    """By candidate: what one message costs the stage that calls it."""
    stage_us: tuple[float, ...]
    """By candidate: what one message costs the stage that runs it."""
    ties: tuple[Tie, ...]
    base_us: float
    """What Node and libraries do on the entry stage in any case, outside of handlers."""
    away_factor: float = 1.0
    """CPU of work away from the entry stage, as a multiple of what it took there."""

    @property
    def total_us(self) -> float:
        """All work of the original application; 1.0 in loads."""
        return self.base_us + sum(work.cpu_us for work in self.works)


@dataclass(frozen=True, slots=True)
class Layout:
    """The event loops of a plan: the entry, ``singles`` stages of one loop each, and a pool of ``replicas``."""

    machines: int
    singles: int
    replicas: int
    shared_cores: bool
    """All loops share ``machines`` cores; there may be one loop more than cores."""

    @property
    def stages(self) -> int:
        return 1 + self.singles + (1 if self.replicas else 0)

    def loops(self, stage: int) -> int:
        """Number of event loops of a stage."""
        return self.replicas if stage > self.singles else 1

    def is_pool(self, stage: int) -> bool:
        """Whether a stage may have several replicas, and so cannot own state."""
        return stage > self.singles


@dataclass(frozen=True, slots=True)
class Loads:
    """Loads of a placement as fractions of the original application's work."""

    stages: tuple[float, ...]
    """By stage, for one of its loops."""
    cores: float
    """Load of each core where the loops share them, else 0."""
    messages: float
    """CPU of messages on the entry stage."""

    @property
    def busiest(self) -> float:
        """The load that limits throughput."""
        return max(*self.stages, self.cores)


def build_problem(
    graph: Graph,
    classes: Classification,
    mobilities: Mapping[int, Mobility],
    model: Model,
    transport: Transport,
    *,
    without: Iterable[str] = (),
    chosen: frozenset[int] | None = None,
) -> Problem:
    """The placement problem of a recording; items named in ``without`` tie nothing (for what-if questions).

    Of the units only those ``chosen`` may move; None stands for all.
    """
    ties = [item for item in classes.ties if item.id not in set(without)]
    units = _candidates(graph, mobilities, model.threshold_us[transport])
    if chosen is not None:
        units = tuple(unit for unit in units if unit in chosen)
    position = {unit: number for number, unit in enumerate(units)}
    works: dict[tuple[int, ...], int] = {(): 0}
    cpu: list[float] = [0.0]
    calls: list[int] = [0]
    work_of: list[int] = []
    for cell in graph.cells:
        path = tuple(position[unit] for unit in cell.path if unit in position)
        number = works.setdefault(path, len(works))
        if number == len(cpu):
            cpu.append(0.0)
            calls.append(0)
        cpu[number] += cell.cpu_us
        if cell.path and cell.path[-1] in position:
            calls[number] += cell.calls
        work_of.append(number)
    costs = [model.message(transport, mobilities[unit]) for unit in units]
    return Problem(
        units=units,
        works=tuple(Work(path, cpu[number], calls[number]) for path, number in works.items()),
        caller_us=tuple(caller for caller, _ in costs),
        stage_us=tuple(stage for _, stage in costs),
        ties=_ties(graph, ties, work_of),
        base_us=max(graph.requests * model.entry_us_per_request, graph.outside_us),
        away_factor=model.away_factor,
    )


def is_pinned(graph: Graph, item: Item) -> bool:
    """Whether an item stays on the entry stage whatever it costs.

    It does if it is a resource, if nobody saw what library code keeps in it, if no module-level name leads to it on
    another stage, if it is bytes, which other names may mean as well, or if several handlers share it: then lighter
    ones (timers, middleware) would have to go along, and what they did at once would take a message. State that a
    single unit has for itself may go with it.
    """
    # A function that keeps state is a library's: a framework's application for instance, with modules behind it.
    unseen = item.guessed or item.object_class == "function"
    if item.klass == "resource" or unseen or not item.module_level or item.object_class in _BYTES:
        return True
    paths = [set(graph.cells[cell].path) for cell in item.cells]
    return not set.intersection(*paths)


def _candidates(graph: Graph, mobilities: Mapping[int, Mobility], threshold_us: float) -> tuple[int, ...]:
    """Units that may move and are worth a message."""
    return tuple(
        number
        for number, unit in sorted(graph.units.items())
        if mobilities[number].movable and unit.mean_us >= threshold_us
    )


def _ties(graph: Graph, items: Sequence[Item], work_of: Sequence[int]) -> tuple[Tie, ...]:
    ties: list[Tie] = []
    seen: set[tuple[tuple[int, ...], bool]] = set()
    for item in items:
        works = tuple(sorted({work_of[cell] for cell in item.cells}))
        pinned = is_pinned(graph, item) or 0 in works
        works = tuple(work for work in works if work != 0)
        if works and (works, pinned) not in seen:
            seen.add((works, pinned))
            ties.append(Tie(item.id, works, pinned))
    return tuple(ties)


def stage_of(work: Work, placement: Placement) -> int:
    """The stage on which some work runs: that of the first moved unit on its path."""
    return next((placement[unit] for unit in work.path if placement[unit] != ENTRY), ENTRY)


def is_allowed(problem: Problem, layout: Layout, placement: Placement) -> bool:
    """Whether a placement keeps state together and sends no message from one stage to another."""
    for work in problem.works:
        stages = {placement[unit] for unit in work.path} - {ENTRY}
        if len(stages) > 1:
            return False
    for tie in problem.ties:
        stages = {stage_of(problem.works[number], placement) for number in tie.works}
        if len(stages) > 1 or (tie.pinned and stages != {ENTRY}):
            return False
        if any(stage != ENTRY and layout.is_pool(stage) for stage in stages):
            return False
    return True


def loads_of(problem: Problem, layout: Layout, placement: Placement) -> Loads:
    """Load of every stage under a placement."""
    total = problem.total_us or 1.0
    loads = [0.0] * layout.stages
    loads[ENTRY] = problem.base_us
    messages = 0.0
    for work in problem.works:
        stage = stage_of(work, placement)
        loads[stage] += work.cpu_us * (1.0 if stage == ENTRY else problem.away_factor)
        if stage != ENTRY and work.calls and all(placement[unit] == ENTRY for unit in work.path[:-1]):
            last = work.path[-1]
            messages += work.calls * problem.caller_us[last]
            loads[stage] += work.calls * problem.stage_us[last]
    loads[ENTRY] += messages
    return Loads(
        stages=tuple(load / layout.loops(stage) / total for stage, load in enumerate(loads)),
        cores=sum(loads) / layout.machines / total if layout.shared_cores else 0.0,
        messages=messages / total,
    )
