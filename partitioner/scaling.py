"""What more machines would give, what stops them, and what would be gained if that were gone."""

from __future__ import annotations

from dataclasses import dataclass

from pipetrace.partitioner import plan
from pipetrace.partitioner.analysis import Analysis
from pipetrace.partitioner.items import LIBRARY
from pipetrace.partitioner.problem import ENTRY, Problem, stage_of
from pipetrace.partitioner.reasons import Blame, blames, factor, listed, percent, phrase
from pipetrace.partitioner.solve import Solution, solve, unmoved

_MOST_ROWS = 16
_MOST_QUESTIONS = 5
_WORTH_SAYING = 1.1


@dataclass(frozen=True, slots=True)
class StageNames:
    """Ids of the stages of a solution by number."""

    ids: tuple[str, ...]

    @classmethod
    def of(cls, solution: Solution) -> StageNames:
        """'entry', then 'stage1' …, in the order of the solution."""
        return cls(("entry", *(f"stage{number}" for number in range(1, solution.layout.stages))))


def entry_blames(analysis: Analysis, problem: Problem, solution: Solution) -> list[Blame]:
    """What keeps CPU on the entry stage under a solution."""
    position = {unit: number for number, unit in enumerate(problem.units)}
    staying = [
        cell
        for cell in analysis.graph.cells
        if not any(unit in position and solution.placement[position[unit]] != ENTRY for unit in cell.path)
    ]
    return blames(analysis, staying)


def machine_counts(machines: int) -> list[int]:
    """Rows of the scaling table: each number up to 16, then powers of two, then ``machines``."""
    counts = list(range(1, min(machines, _MOST_ROWS) + 1))
    power = _MOST_ROWS * 2
    while power < machines:
        counts.append(power)
        power *= 2
    return [*counts, machines] if machines > counts[-1] else counts


def scaling_table(
    analysis: Analysis, problem: Problem, counts: list[int], chosen: Solution
) -> tuple[plan.ScalingPoint, ...]:
    """Speed-up and limit for each number of machines; the last row is the plan itself."""
    shared = analysis.transport == "threads"
    points: list[plan.ScalingPoint] = []
    best = 1.0
    for count in counts:
        last = count == counts[-1]
        solution = chosen if last else solve(problem, count, shared)
        if solution.speedup < max(best, analysis.model.least_gain) and not (last and chosen.moves):
            solution = unmoved(problem, count, shared) if best <= 1.0 else solution
        best = max(best, solution.speedup)
        points.append(
            plan.ScalingPoint(count, round(max(1.0, solution.speedup), 2), limit_of(analysis, problem, solution))
        )
    return tuple(points)


def limit_of(analysis: Analysis, problem: Problem, solution: Solution) -> str:
    """What stops a solution from being faster, by name."""
    if solution.layout.machines == 1:
        return "one event loop does all the work"
    loads = solution.loads
    if solution.moves and loads.cores >= max(loads.stages) - 1e-9:
        return f"all {solution.layout.machines} cores are busy: more machines would help"
    busiest = max(range(len(loads.stages)), key=lambda stage: (loads.stages[stage], -stage))
    if busiest == ENTRY:
        return f"the entry stage: {_entry_limit(analysis, problem, solution)}"
    name = StageNames.of(solution).ids[busiest]
    if solution.layout.is_pool(busiest):
        return f"the replicas of {name} are busy: more machines would help"
    owned = [
        analysis.classes.items[tie.item]
        for tie in problem.ties
        if stage_of(problem.works[tie.works[0]], solution.placement) == busiest
    ]
    what = listed([item.label for item in owned]) or "its state"
    return f"{name} owns {what} and so cannot have replicas"


def _entry_limit(analysis: Analysis, problem: Problem, solution: Solution) -> str:
    total = problem.total_us or 1.0
    found = entry_blames(analysis, problem, solution)
    handlers = found[0].cpu_us / total if found else 0.0
    base = problem.base_us / total
    if solution.loads.messages > max(handlers, base):
        return f"messages take {percent(solution.loads.messages)} of the original's time there"
    if base > handlers:
        named = [f"{name} {percent(us / total)}" for name, us in analysis.graph.libraries.items()]
        most = f" ({listed(named, most=3)})" if named else ""
        return f"Node and libraries{most} take {percent(base)} of the original's time there, outside of handlers"
    return phrase(analysis, found[0]) if found else "nothing is left to move"


def what_ifs(analysis: Analysis, problem: Problem, machines: int, chosen: Solution) -> tuple[plan.WhatIf, ...]:
    """Speed-ups if one piece of state were moved to a store; several at once where one alone changes nothing."""
    if machines < 2:
        return ()
    shared = analysis.transport == "threads"
    now = max(1.0, chosen.speedup)
    items = _candidates(analysis, problem, chosen)
    found: list[plan.WhatIf] = []
    for item in items:
        speedup = solve(analysis.problem([item]), machines, shared).speedup
        if speedup >= now * _WORTH_SAYING:
            found.append(_what_if(analysis, [item], machines, speedup, now))
    for count in range(2, len(items) + 1):
        if found:
            break
        speedup = solve(analysis.problem(items[:count]), machines, shared).speedup
        if speedup >= now * _WORTH_SAYING:
            found.append(_what_if(analysis, items[:count], machines, speedup, now))
    return tuple(sorted(found, key=lambda what: (-what.speedup, what.location)))


def _candidates(analysis: Analysis, problem: Problem, chosen: Solution) -> list[str]:
    """Items that hold CPU on the entry or keep a stage at one replica, those with most CPU first."""
    names: dict[str, None] = {}
    for blame in entry_blames(analysis, problem, chosen):
        if blame.item is not None:
            names.setdefault(blame.item.id)
    for tie in problem.ties:
        if stage_of(problem.works[tie.works[0]], chosen.placement) != ENTRY:
            names.setdefault(tie.item)
    heavy = {
        item.id: sum(
            analysis.graph.units[unit].cpu_us
            for unit in {u for cell in item.cells for u in analysis.graph.cells[cell].path}
            if analysis.is_heavy(unit)
        )
        for item in analysis.classes.ties
    }
    for item_id in sorted(heavy, key=lambda name: (-heavy[name], name)):
        if heavy[item_id] > 0:
            names.setdefault(item_id)
    # What libraries keep cannot be moved to a store.
    own = (name for name in names if analysis.classes.items[name].object_class != LIBRARY)
    return list(own)[:_MOST_QUESTIONS]


def _what_if(analysis: Analysis, items: list[str], machines: int, speedup: float, now: float) -> plan.WhatIf:
    named = [analysis.classes.items[item].label for item in items]
    resource = all(analysis.classes.items[item].klass == "resource" for item in items)
    verb = "were" if len(named) > 1 else "was"
    change = "kept out of the heavy handlers" if resource else "moved to a store"
    were = "were" if not resource else verb
    sentence = (
        f"If {listed(named, most=9)} {were} {change}, {machines} machines would give {factor(speedup)} "
        f"instead of {factor(now)}."
    )
    return plan.WhatIf(", ".join(items), machines, round(speedup, 2), round(now, 2), sentence)
