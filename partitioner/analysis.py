"""All that is known about a recording before anything is placed: graph, classes and constraints together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

from pipetrace.partitioner.classify import classify
from pipetrace.partitioner.constraints import mobilities
from pipetrace.partitioner.fuse import fuse_runs
from pipetrace.partitioner.graph import Cell, Graph, build_graph
from pipetrace.partitioner.items import Classification, Item
from pipetrace.partitioner.kernels import fold_light, is_kernel
from pipetrace.partitioner.mobility import Mobilities
from pipetrace.partitioner.model import Model, Transport
from pipetrace.partitioner.names import brief, handler_ids, short
from pipetrace.partitioner.problem import Problem, build_problem
from pipetrace.partitioner.reach import Reach
from pipetrace.partitioner.recording import Recording
from pipetrace.partitioner.repair import repair


@dataclass(frozen=True)
class Analysis:
    """A recording with its graph, the classes of its locations, and what each unit may do."""

    recording: Recording
    graph: Graph
    classes: Classification
    mobilities: Mobilities
    model: Model
    transport: Transport
    chosen: frozenset[int] | None = None
    """Units that the user lets move; None stands for all."""

    @cached_property
    def ids(self) -> dict[int, str]:
        """Handler ids by function."""
        return handler_ids(self.recording)

    @cached_property
    def ties_of(self) -> dict[int, tuple[Item, ...]]:
        """By unit: the items that tie it or something that runs inside it."""
        found: dict[int, dict[str, Item]] = {}
        for item in self.classes.ties:
            for cell in item.cells:
                for unit in self.graph.cells[cell].path:
                    found.setdefault(unit, {})[item.id] = item
        return {unit: tuple(items.values()) for unit, items in found.items()}

    @cached_property
    def reach(self) -> Reach:
        """Which functions could run inside which unit."""
        return Reach(self.recording, self.graph)

    @property
    def threshold_us(self) -> float:
        """Mean CPU of a call from which a move pays."""
        return self.model.threshold_us[self.transport]

    def name(self, function: int) -> str:
        """A function as a sentence names it."""
        return short(self.recording, function)

    def brief(self, function: int) -> str:
        """A function in a list of several."""
        return brief(self.recording, function)

    def share(self, cpu_us: float) -> float:
        """Part of the CPU of all handlers."""
        return cpu_us / self.graph.cpu_us if self.graph.cpu_us > 0 else 0.0

    def is_heavy(self, unit: int) -> bool:
        """Whether a call of a unit costs enough to be worth a message."""
        found = self.graph.units.get(unit)
        return found is not None and found.mean_us >= self.threshold_us

    def problem(self, without: Iterable[str] = ()) -> Problem:
        """The placement problem, if the items named in ``without`` tied nothing."""
        return build_problem(
            self.graph,
            self.classes,
            self.mobilities,
            self.model,
            self.transport,
            without=without,
            chosen=self.chosen,
        )

    def cells_of(self, unit: int) -> list[Cell]:
        """The cells that end in a unit: those of its own invocations."""
        return [cell for cell in self.graph.cells if cell.path and cell.path[-1] == unit]


def analyse(
    recording: Recording, model: Model, transport: Transport, stateless: Collection[str] = frozenset()
) -> Analysis:
    """Everything about a recording that does not depend on the number of machines.

    What the libraries in ``stateless`` keep between calls counts as init-only.
    """
    mended = repair(recording)
    found = _analyse(mended, (), model, transport, stateless)
    movable = {
        unit
        for unit, mobility in found.mobilities.items()
        if is_kernel(mended, unit) and mobility.movable and unit not in found.ties_of
    }
    runs = {info.id for info in mended.functions.values() if info.members and set(info.members) <= movable}
    if not runs:
        return found
    fused = _analyse(mended, movable, model, transport, stateless)
    held = any(not fused.mobilities[run].movable or run in fused.ties_of for run in runs & fused.mobilities.keys())
    return found if held else fused


def _analyse(
    recording: Recording, movable: Collection[int], model: Model, transport: Transport, stateless: Collection[str]
) -> Analysis:
    recording = fold_light(fuse_runs(recording, movable), model.threshold_us[transport])
    graph = build_graph(recording)
    classes = classify(recording, graph, stateless)
    return Analysis(recording, graph, classes, mobilities(recording, graph, classes), model, transport)
