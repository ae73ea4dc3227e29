"""From a recording to a plan: solve, name, explain. The same recording gives the same bytes."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipetrace import __version__
from pipetrace.errors import PipetraceError
from pipetrace.partitioner import plan
from pipetrace.partitioner.analysis import Analysis, analyse
from pipetrace.partitioner.diagnose import diagnosis
from pipetrace.partitioner.guards import constants_of, guards_of, init_values_of, sources_of, staying_of
from pipetrace.partitioner.items import Item
from pipetrace.partitioner.model import Model, Transport
from pipetrace.partitioner.originals import in_originals
from pipetrace.partitioner.problem import ENTRY, Problem
from pipetrace.partitioner.reasons import listed, milliseconds, percent, refusals_of
from pipetrace.partitioner.recording import Recording
from pipetrace.partitioner.scaling import StageNames, machine_counts, scaling_table, what_ifs
from pipetrace.partitioner.solve import Solution, move_everything, solve, unmoved
from pipetrace.partitioner.stateless import check_stateless, stateless_what_if
from pipetrace.partitioner.violations import Violation, hold_together

Move = Literal["gain", "all", "none"]

_WORTH_NAMING = 0.01


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    machines: int = 4
    transport: Transport = "threads"
    threshold_us: float | None = None
    """Mean CPU from which a handler may move; None takes the model's."""
    move: Move = "gain"
    """'all' moves every handler that legally can, regardless of gain; for tests. 'none' moves nothing."""
    only: tuple[str, ...] = ()
    """Ids of handlers to move, regardless of gain, and no others; ``move`` then says nothing."""
    keep: tuple[str, ...] = ()
    """Ids of handlers that stay."""
    violations: tuple[Violation, ...] = ()
    """What an earlier plan of this application got wrong."""
    stateless: tuple[str, ...] = ()
    """Libraries that keep nothing on which an answer depends, as the user knows."""

    @property
    def regardless(self) -> bool:
        """Whether gain plays no part."""
        return self.move == "all" or bool(self.only)


def make_plan(recording: Recording, options: Options, model: Model | None = None) -> plan.Plan:
    """The best plan for a recording, within what the options choose.

    Raises PipetraceError where the options name a handler that did not run, or ask to move one that cannot leave.
    """
    threshold = 0.0 if options.regardless else options.threshold_us
    costs = (model or Model()).with_threshold(threshold)

    def analysed(stateless: frozenset[str]) -> Analysis:
        found = analyse(recording, costs, options.transport, stateless)
        return hold_together(dataclasses.replace(found, chosen=_chosen(found, options)), options.violations)

    def speedup_with(stateless: frozenset[str]) -> float:
        found = analysed(stateless | frozenset(options.stateless))
        return choose(found, found.problem(), options).speedup

    analysis = analysed(frozenset(options.stateless))
    check_stateless(analysis, options.stateless)
    problem = analysis.problem()
    solution = choose(analysis, problem, options)
    _refuse_unmoved(analysis, problem, solution, options)
    made = _Build(analysis, problem, solution, options).make()
    if not options.regardless and options.move == "gain":
        now = max(1.0, solution.speedup)
        asked = stateless_what_if(analysis, options.machines, now, speedup_with)
        made = dataclasses.replace(made, what_if=(*made.what_if, *asked))
    return in_originals(made, recording.originals)


def _chosen(analysis: Analysis, options: Options) -> frozenset[int] | None:
    """The units that the options let move; None where they name none."""
    if not options.only and not options.keep:
        return frozenset() if options.move == "none" else None
    by_id = {analysis.ids[unit]: unit for unit in analysis.graph.units}
    for name in (*options.only, *options.keep):
        if name not in by_id:
            close = difflib.get_close_matches(name, by_id, n=3, cutoff=0.4)
            hint = f"the nearest are {listed([f'`{found}`' for found in close])}" if close else "a plan lists all ids"
            raise PipetraceError(f"No handler that ran has the id `{name}`; {hint}.")
    wanted = {by_id[name] for name in options.only} if options.only else set(analysis.graph.units)
    if options.move == "none" and not options.only:
        wanted = set()
    return frozenset(wanted - {by_id[name] for name in options.keep})


def _refuse_unmoved(analysis: Analysis, problem: Problem, solution: Solution, options: Options) -> None:
    """Raise PipetraceError for a handler that was asked to move and stays."""
    moved = frozenset(unit for unit, stage in zip(problem.units, solution.placement, strict=True) if stage != ENTRY)
    by_id = {analysis.ids[unit]: unit for unit in analysis.graph.units}
    for name in options.only:
        unit = by_id[name]
        if unit in moved:
            continue
        if name in options.keep:
            raise PipetraceError(f"`{name}` is asked both to move and to stay; name it once.")
        refusals = refusals_of(analysis, unit, moved)
        if refusals and refusals[0].cause == "nested-in-moved":
            continue
        why = (
            f"{refusals[0].sentence} {refusals[0].remedy}"
            if refusals
            else "others of the named handlers are in its way"
        )
        raise PipetraceError(f"`{name}` cannot move: {why}".rstrip())


def choose(analysis: Analysis, problem: Problem, options: Options) -> Solution:
    """The solution to plan with: the best, if it gains anything, else the one that moves nothing."""
    shared = options.transport == "threads"
    if options.regardless:
        return move_everything(problem, options.machines, shared)
    solution = solve(problem, options.machines, shared, with_bound=True)
    if not solution.moves:
        return solution
    blocking = any(
        stage != ENTRY and _blocks(analysis, unit)
        for unit, stage in zip(problem.units, solution.placement, strict=True)
    )
    if solution.speedup >= analysis.model.least_gain or (blocking and solution.speedup >= 1.0):
        return solution
    return unmoved(problem, options.machines, shared)


def _blocks(analysis: Analysis, unit: int) -> bool:
    """Whether a unit holds up everything else so long and so often that latency alone is worth a move."""
    cost, model = analysis.graph.units[unit], analysis.model
    often = cost.calls >= model.blocking_calls and analysis.share(cost.cpu_us) >= model.blocking_share
    return often and cost.mean_us >= model.blocking_us


class _Build:
    """Puts the records of a plan together."""

    def __init__(self, analysis: Analysis, problem: Problem, solution: Solution, options: Options) -> None:
        self._analysis = analysis
        self._problem = problem
        self._solution = solution
        self._options = options
        self._stage_ids = StageNames.of(solution).ids
        self._moved = {
            unit: self._stage_ids[stage]
            for unit, stage in zip(problem.units, solution.placement, strict=True)
            if stage != ENTRY
        }
        self._moved_set = frozenset(self._moved)
        self._owners = {item.id: self._stage_of_cells(item.cells) for item in analysis.classes.ties}

    def make(self) -> plan.Plan:
        analysis, recording = self._analysis, self._analysis.recording
        meta = recording.meta
        counts = [self._options.machines] if self._options.regardless else machine_counts(self._options.machines)
        scaling = scaling_table(analysis, self._problem, counts, self._solution)
        reasons: tuple[plan.WhatIf, ...] = ()
        if not self._options.regardless:  # where gain plays no part, what would bring more is no question
            reasons = what_ifs(analysis, self._problem, self._options.machines, self._solution)
        model = analysis.model
        loads = self._solution.loads
        guards = guards_of(analysis, self._moved, self._owners) if self._moved else ()
        return plan.Plan(
            tool_version=__version__,
            diagnosis=diagnosis(analysis, self._problem, self._solution),
            trace=plan.TraceOrigin(
                path=recording.path,
                command=_words(meta, "command"),
                node_flags=_words(meta, "node_flags"),
                arguments=_words(meta, "arguments"),
                **{
                    key: str(meta.get(key) or "")
                    for key in ("created", "cwd", "app_root", "entry", "app_name", "node_version", "node")
                },
            ),
            files=tuple(
                plan.PlannedFile(file.path, file.sha256)
                for file in sorted(recording.files.values(), key=lambda file: file.path)
            ),
            machines=self._options.machines,
            transport=self._options.transport,
            stages=self._stages(),
            handlers=self._handlers(),
            state=tuple(self._states()),
            guards=guards,
            constants=constants_of(analysis, self._moved, guards),
            stateless=tuple(sorted(set(self._options.stateless))),
            sources=(*sources_of(analysis), *staying_of(analysis, self._moved)) if self._moved else (),
            init_values=init_values_of(analysis, self._moved),
            refusals=tuple(self._refusals()),
            scaling=scaling,
            what_if=reasons,
            model=plan.Costs(
                message_us=dict(model.message_us),
                byte_us=dict(model.byte_us),
                value_us=dict(model.value_us),
                http_entry_us=model.http_entry_us,
                http_stage_us=model.http_stage_us,
                away_factor=model.away_factor,
                entry_us_per_request=model.entry_us_per_request,
                move_threshold_us=analysis.threshold_us,
                outside_share=round(self._problem.base_us / (self._problem.total_us or 1.0), 4),
            ),
            objective=plan.Objective(
                round(loads.busiest, 4), round(self._solution.bound, 4), round(self._solution.gap, 4)
            ),
        )

    def _stages(self) -> tuple[plan.Stage, ...]:
        layout, loads = self._solution.layout, self._solution.loads
        return tuple(
            plan.Stage(
                id=name,
                replicas=layout.loops(number),
                load=round(loads.stages[number], 4),
                owns=tuple(item for item, owner in sorted(self._owners.items()) if owner == name),
            )
            for number, name in enumerate(self._stage_ids)
        )

    def _stage_of_cells(self, cells: Iterable[int]) -> str:
        paths = (self._analysis.graph.cells[cell].path for cell in cells)
        return next((self._moved[unit] for path in paths for unit in path if unit in self._moved), "entry")

    def _handlers(self) -> tuple[plan.Handler, ...]:
        units = sorted(
            self._analysis.graph.units.values(), key=lambda unit: (-unit.cpu_us, self._analysis.ids[unit.function])
        )
        return tuple(self._handler(unit.function) for unit in units)

    def _handler(self, unit: int) -> plan.Handler:
        analysis = self._analysis
        info = analysis.recording.functions[unit]
        cost, mobility = analysis.graph.units[unit], analysis.mobilities[unit]
        stage = self._moved.get(unit)
        reason = self._reason(unit)
        if stage is None and reason.cause == "nested-in-moved":
            stage = self._stage_of_cells(
                number for number, cell in enumerate(analysis.graph.cells) if cell.path[-1:] == (unit,)
            )
        moved = unit in self._moved
        return plan.Handler(
            id=analysis.ids[unit],
            key=info.key,
            file=analysis.recording.file_of(unit),
            name=info.name,
            line=info.line,
            column=info.column,
            start=info.start,
            end=info.end,
            stage=stage or "entry",
            decision="moved" if moved else "kept",
            form=mobility.form if moved else None,
            captures=mobility.captures if moved and mobility.form == "lift" else None,
            wait=mobility.wait if moved and mobility.form == "kernel" else None,
            cpu_us=round(cost.mean_us, 1),
            calls=cost.calls,
            share=round(analysis.share(cost.cpu_us), 4),
            message_bytes=round(mobility.message_bytes),
            returns=mobility.returns,
            arguments=mobility.arguments,
            reason=reason,
        )

    def _reason(self, unit: int) -> plan.Reason:
        analysis = self._analysis
        cost, mobility = analysis.graph.units[unit], analysis.mobilities[unit]
        if unit in self._moved:
            share = percent(analysis.share(cost.cpu_us))
            owned = [item for item in analysis.ties_of.get(unit, ()) if self._owners[item.id] == self._moved[unit]]
            if owned:
                return plan.Reason(
                    "owns-state",
                    f"{milliseconds(cost.mean_us)} a call, {share} of the handlers' CPU; its state "
                    f"{owned[0].label} goes with it.",
                )
            if mobility.form == "kernel":
                return plan.Reason(
                    "pure-kernel",
                    f"{milliseconds(cost.mean_us)} a call, {share} of the handlers' CPU, in a call that needs only its "
                    f"arguments; {self._around(unit)} waits for it.",
                )
            return plan.Reason(
                "stateless-heavy",
                f"{milliseconds(cost.mean_us)} a call, {share} of the handlers' CPU, and no state that another "
                "chain could miss.",
            )
        refusals = refusals_of(analysis, unit, self._moved_set)
        if refusals:
            first = refusals[0]
            return plan.Reason(first.cause, first.sentence, first.remedy)
        inner = self._moved_inside(unit)
        if inner is not None:
            return plan.Reason(
                "inner-moved",
                f"{analysis.name(unit)} stays, since what is heavy in it, {analysis.name(inner)}, moves by itself.",
            )
        if analysis.chosen is not None and unit not in analysis.chosen:
            return plan.Reason("not-asked", f"{analysis.name(unit)} could move, but was not asked to.")
        return plan.Reason(
            "no-gain",
            f"{analysis.name(unit)} could move, but messages would cost about as much as the move would gain.",
        )

    def _around(self, kernel: int) -> str:
        parent = self._analysis.recording.functions[kernel].parent
        return self._analysis.name(parent) if parent is not None else ""

    def _moved_inside(self, unit: int) -> int | None:
        """The moved unit that took most CPU inside a unit that stays."""
        found: dict[int, float] = {}
        for cell in self._analysis.graph.cells:
            if unit in cell.path:
                for inner in cell.path[cell.path.index(unit) + 1 :]:
                    if inner in self._moved:
                        found[inner] = found.get(inner, 0.0) + cell.cpu_us
        return max(found, key=lambda inner: (found[inner], -inner), default=None)

    def _refusals(self) -> Iterable[plan.Refusal]:
        analysis = self._analysis
        units = sorted(analysis.graph.units.values(), key=lambda unit: (-unit.cpu_us, analysis.ids[unit.function]))
        for cost in units:
            if cost.function in self._moved:
                continue
            if not analysis.is_heavy(cost.function) and analysis.share(cost.cpu_us) < _WORTH_NAMING:
                continue
            for refusal in refusals_of(analysis, cost.function, self._moved_set):
                yield plan.Refusal(analysis.ids[cost.function], refusal.cause, refusal.sentence, refusal.remedy)
        yield from self._unseen()

    def _unseen(self) -> Iterable[plan.Refusal]:
        analysis, recording = self._analysis, self._analysis.recording
        ran = recording.invocations.functions()
        for function, ruptures in sorted(recording.ruptures.items(), key=lambda entry: analysis.ids.get(entry[0], "")):
            if function in ran or function not in recording.functions:
                continue
            first = next((rupture for rupture in ruptures if rupture.during_init > 0), None)
            if first is not None:
                found = recording.files.get(first.file) if first.file is not None else None
                place = f"{found.path if found else 'line '}:{first.line}"
                yield plan.Refusal(
                    analysis.ids[function],
                    "unseen",
                    f"{analysis.name(function)} was registered at {place}, but never ran in this recording.",
                    "Record a load that reaches it.",
                )

    def _states(self) -> Iterable[plan.State]:
        for item in self._analysis.classes.items.values():
            if item.functions and (item.klass != "communication" or item.evidence) and self._is_listed(item):
                yield plan.State(
                    id=item.id,
                    name=item.name,
                    file=item.file,
                    line=item.line,
                    klass=item.klass,
                    owner=self._owners.get(item.id, ""),
                    handlers=tuple(self._analysis.ids[function] for function in item.functions),
                    form=item.form,
                    evidence=tuple(
                        plan.Evidence(
                            self._analysis.ids[each.writer],
                            each.writer_line,
                            self._analysis.ids[each.reader],
                            each.reader_line,
                        )
                        for each in item.evidence[:3]
                    ),
                )

    def _is_listed(self, item: Item) -> bool:
        """Init-only functions and modules are the program itself, and would only lengthen the list."""
        if item.klass == "init-only":
            return item.module_level and item.object_class not in ("function", "module")
        return True


def _words(meta: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(str(word) for word in meta.get(key) or ())
