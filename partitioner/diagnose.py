"""The first sentence of a plan: what it brings, or why nothing can be gained."""

from __future__ import annotations

from pipetrace.partitioner.analysis import Analysis
from pipetrace.partitioner.places import ONE_PROCESS, several_processes
from pipetrace.partitioner.problem import ENTRY, Problem
from pipetrace.partitioner.reasons import blames, factor, listed, milliseconds, percent, phrase
from pipetrace.partitioner.scaling import limit_of
from pipetrace.partitioner.solve import Solution

_OTHER_PROCESSES = 0.3
_MOSTLY = 0.3
"""A library's share of all CPU from which it is worth a look of its own."""


def diagnosis(analysis: Analysis, problem: Problem, solution: Solution) -> str:
    """One sentence."""
    return _gain(analysis, problem, solution) if solution.moves else _nothing(analysis, problem, solution)


def _gain(analysis: Analysis, problem: Problem, solution: Solution) -> str:
    graph, machines = analysis.graph, solution.layout.machines
    moved = [
        (unit, stage)
        for unit, stage in zip(problem.units, solution.placement, strict=True)
        if stage != ENTRY and graph.units[unit].cpu_us > 0
    ]
    moved.sort(key=lambda entry: (-graph.units[entry[0]].cpu_us, entry[0]))
    units = {unit for unit, _ in moved}
    away = sum(cell.cpu_us for cell in graph.cells if not units.isdisjoint(cell.path))
    names = listed([analysis.name(unit) for unit, _ in moved])
    stages = {stage for _, stage in moved}
    loops = sum(solution.layout.loops(stage) for stage in stages)
    where = f"{loops} event loop{'s' if loops > 1 else ''} of {'its' if len(moved) == 1 else 'their'} own"
    share = percent(analysis.share(away))
    what = f"{names} ({share} of the handlers' CPU) on {where}"
    limit = limit_of(analysis, problem, solution)
    if solution.speedup < analysis.model.least_gain:
        slowest = max(graph.units[unit].mean_us for unit, _ in moved)
        if slowest < analysis.model.blocking_us:
            return f"Nothing to gain, but as it was asked for: {solution.speedup:.2f}× with {what}."
        return (
            f"Throughput hardly changes ({solution.speedup:.2f}×), but with {what}, the {milliseconds(slowest)} of a "
            "call no longer hold up all other requests."
        )
    counted = f"{machines} machines" if analysis.transport == "nats" else f"{machines} cores"
    return f"{counted} should give {factor(solution.speedup)} with {what}; limit: {_bare(limit)}."


def _bare(limit: str) -> str:
    if limit.startswith("all "):
        return "the number of cores"
    if limit.startswith("the replicas of "):
        return "the number of machines"
    return limit


def _nothing(analysis: Analysis, problem: Problem, solution: Solution) -> str:
    graph = analysis.graph
    if not graph.units or graph.cpu_us <= 0:
        return (
            "Nothing to gain: no function of the application itself ran after initialisation in this recording; record "
            "it under load, unless it leaves its work to libraries, which are not rewritten (record --include "
            "node_modules/NAME shows what one of them does)."
        )
    if solution.layout.machines == 1:
        return "Nothing to gain on one machine: ask for more with --machines."
    if analysis.recording.started_processes:
        cause = several_processes(analysis.recording)
        return f"Nothing is moved: {cause[0].lower()}{cause[1:-1]}; {ONE_PROCESS[0].lower()}{ONE_PROCESS[1:]}"
    if analysis.recording.left_out > _OTHER_PROCESSES:
        return (
            f"Nothing to gain: {percent(analysis.recording.left_out)} of the CPU is in other processes that the "
            "application starts, and a plan is about one event loop."
        )
    requests = graph.requests
    if requests and problem.base_us > graph.cpu_us:
        outside = problem.base_us / problem.total_us
        share = percent(outside) if outside < 0.99 else "more than 99 %"
        more = _heaviest(analysis, problem)
        return f"Nothing to gain: {share} of the CPU is in Node and libraries, outside of handlers{more}."
    heavy = {unit for unit in graph.units if analysis.is_heavy(unit)}
    free = {unit for unit in heavy if analysis.mobilities[unit].movable and not analysis.ties_of.get(unit)}
    staying = [cell for cell in graph.cells if free.isdisjoint(cell.path)]
    found = blames(analysis, staying)
    if not found or sum(cell.cpu_us for cell in staying) < graph.cpu_us / 2:
        return (
            "Nothing to gain: what could move would cost about as much in messages as it would take off the entry "
            "stage."
        )
    if found[0].kind != "light":
        return f"Nothing to gain: {phrase(analysis, found[0])}."
    light = [unit for number, unit in graph.units.items() if number not in heavy]
    busiest = max(light, key=lambda unit: (unit.own_us, -unit.function))
    name, mean = analysis.name(busiest.function), milliseconds(busiest.mean_us)
    part = phrase(analysis, found[0])
    shared = [item for item in analysis.ties_of.get(busiest.function, ()) if item.klass == "state"]
    more = f" and uses {shared[0].label}, which is state" if shared else ""
    return f"Nothing to gain: {part}; the busiest, {name}, takes {mean}{more}."


def _heaviest(analysis: Analysis, problem: Problem) -> str:
    """What to do where one library does most of the work after its caller has returned."""
    name, spent_us = next(iter(analysis.graph.libraries.items()), ("", 0.0))
    share = spent_us / problem.total_us
    if share < _MOSTLY:
        return ""
    return f"; {name} alone takes {percent(share)}, called back by Node (record --include node_modules/{name} shows it)"
