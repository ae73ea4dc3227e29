"""Builds the report model from a trace, and a plan if there is one: pure functions of what they are given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pipetrace.report import queries, words
from pipetrace.report.costs import handler_ids, read_chains, read_handlers, read_hot
from pipetrace.report.diagnosis import diagnose, notes
from pipetrace.report.memory import observed_memory, observed_state, read_resources, read_touches
from pipetrace.report.model import Handler, Report
from pipetrace.report.originals import problems_in_originals, resources_in_originals, state_in_originals
from pipetrace.report.planned import PlanDocument, plan_view, planned_handlers, planned_state
from pipetrace.report.queries import FunctionRow, Tables
from pipetrace.report.recording import read_problems, read_recording, read_timelines
from pipetrace.report.runs import tell_runs
from pipetrace.report.sources import Sources

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Detail:
    """How much a report shows of each thing; what exceeds it is cut, and the report says so."""

    handlers: int = 300
    chains: int = 60
    tree_chains: int = 40
    state: int = 200
    touches: int = 12
    resources: int = 100
    problems: int = 200
    hot: int = 100
    points: int = 240
    processes: int = 8
    source_lines: int = 60
    source_bytes: int = 400_000

    def less(self) -> Detail:
        """Half of everything."""
        return Detail(**{name: max(1, getattr(self, name) // 2) for name in self.__dataclass_fields__})


def build_report(
    tables: Tables,
    plan: PlanDocument | None = None,
    plan_path: str = "",
    *,
    detail: Detail | None = None,
    with_source: bool = True,
) -> Report:
    """Build the report of an open trace.

    ``plan`` must belong to the trace. Source is read below the application's root as it was recorded, and
    only where ``with_source`` is set and the file has not changed since.
    """
    detail = detail or Detail()
    cuts: list[str] = []
    meta = tables.meta()
    functions = queries.functions(tables)
    planned = planned_handlers(plan)
    tell_runs(tables, planned)
    names = handler_ids(functions, planned)
    recording = read_recording(tables, meta)
    touches = read_touches(tables, names, detail.touches)
    state = planned_state(plan, touches) if plan is not None else observed_state(tables, touches)
    state = state_in_originals(state, tables.originals)
    handlers = read_handlers(tables, functions, names, planned, state)
    chains = read_chains(tables, functions, names, planned, detail.chains, detail.tree_chains, cuts)
    view = plan_view(plan, plan_path, handlers, chains) if plan is not None else None
    verdict, sentence = diagnose(recording, handlers, state, view, (plan or {}).get("diagnosis", ""))
    remarks = notes(recording, handlers)
    handlers = _cut(handlers, detail.handlers, "handlers", cuts)
    if with_source:
        root = Path(str(meta.get("app_root") or "."))
        sources = Sources(root, {**tables.originals.hashes, **queries.file_hashes(tables)}, detail.source_bytes)
        handlers = _with_source(handlers, functions, names, sources, detail.source_lines)
        if sources.refused:
            cuts.append(f"The source of {words.plural(sources.refused, 'handler')} is left out to keep this small.")
    timelines = read_timelines(tables, detail.points)
    return Report(
        diagnosis=sentence,
        verdict=verdict,
        notes=remarks,
        recording=recording,
        handlers=handlers,
        chains=chains,
        memory=observed_memory(tables),
        state=_cut(state, detail.state, "pieces of state", cuts),
        resources=_cut(
            resources_in_originals(read_resources(tables, names), tables.originals), detail.resources, "resources", cuts
        ),
        plan=view,
        timelines=_cut(timelines, detail.processes, "processes in the timeline", cuts),
        problems=_cut(
            problems_in_originals(read_problems(tables), tables.originals), detail.problems, "problems", cuts
        ),
        hot=_cut(read_hot(tables, functions), detail.hot, "hot functions", cuts),
        cuts=tuple(cuts),
    )


def _cut(items: tuple[T, ...], most: int, what: str, cuts: list[str]) -> tuple[T, ...]:
    if len(items) > most:
        cuts.append(f"{words.count(len(items) - most)} of {words.count(len(items))} {what} are not shown.")
    return items[:most]


def _with_source(
    handlers: tuple[Handler, ...],
    functions: dict[int, FunctionRow],
    names: dict[int, str],
    sources: Sources,
    most_lines: int,
) -> tuple[Handler, ...]:
    ends = {names[function_id]: function.end_line for function_id, function in functions.items()}
    return tuple(
        replace(handler, source=sources.excerpt(handler.file, handler.line, ends.get(handler.id, 0), most_lines))
        for handler in handlers
    )
