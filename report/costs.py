"""What the handlers, the chains and the functions of the profile cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pipetrace.report import queries, words
from pipetrace.report.causal import merge_chains
from pipetrace.report.model import Chain, Handler, HotFunction, Spread, State
from pipetrace.report.modes import STEPS_PER_OCTAVE, find_modes
from pipetrace.report.planned import ENTRY
from pipetrace.report.queries import CostRow, FunctionRow, Tables

Planned = Mapping[str, Mapping[str, Any]]
"""The plan's word on each handler, by handler key; empty without a plan."""


def handler_ids(functions: Mapping[int, FunctionRow], planned: Planned) -> dict[int, str]:
    """The id of each function: the plan's, else ``<file>#<name>``, made unique with ``:2`` and so on."""
    ids: dict[int, str] = {}
    used: Counter[str] = Counter(str(handler["id"]) for handler in planned.values())
    for function in functions.values():
        handler = planned.get(function.key)
        if handler is not None:
            ids[function.function_id] = str(handler["id"])
            continue
        path, line = function.recorded
        plain = f"{path}#{function.name or f'function@{line}'}"
        used[plain] += 1
        ids[function.function_id] = plain if used[plain] == 1 else f"{plain}:{used[plain]}"
    return ids


def function_name(function: FunctionRow) -> str:
    """The name of a function, or where it stands if it has none."""
    return function.name or f"function@{function.line}"


def read_handlers(
    tables: Tables,
    functions: Mapping[int, FunctionRow],
    names: Mapping[int, str],
    planned: Planned,
    state: Iterable[State],
) -> tuple[Handler, ...]:
    """Every handler that served something, dearest first.

    Costs come from calls whose memory was not sampled, where there are any; the total is their mean times all
    calls, so that the observer's own cost does not count.
    """
    costs = queries.call_costs(tables)
    histograms = queries.cost_histograms(tables, STEPS_PER_OCTAVE)
    registered = queries.registrations(tables)
    touched: dict[str, list[str]] = {}
    for each in state:
        for handler_id in each.handlers:
            touched.setdefault(handler_id, []).append(each.id)
    merged: list[tuple[int, bool, CostRow, int, int]] = []
    for function_id in dict.fromkeys(function_id for function_id, _ in costs):
        plain, sampled = costs.get((function_id, False)), costs.get((function_id, True))
        both = [row for row in (plain, sampled) if row is not None]
        calls, threw = sum(row.number for row in both), sum(row.threw for row in both)
        merged.append((function_id, plain is not None, both[0], calls, threw))
    total = sum(cost.mean * calls for _, _, cost, calls, _ in merged) or 1.0
    found = []
    for function_id, undisturbed, cost, calls, threw in merged:
        function = functions[function_id]
        decision = planned.get(function.key, {})
        reason = decision.get("reason") or {}
        found.append(
            Handler(
                id=names[function_id],
                key=function.key,
                name=function_name(function),
                file=function.file,
                line=function.line,
                passed_to=registered.get(function_id, ""),
                calls=calls,
                threw=threw,
                cpu=_spread(cost),
                undisturbed=undisturbed,
                total_us=cost.mean * calls,
                share=cost.mean * calls / total,
                unit_share=decision.get("share"),
                modes=find_modes(histograms.get((function_id, not undisturbed), {})),
                stage=decision.get("stage") or "",
                decision=decision.get("decision", ""),
                cause=reason.get("cause", ""),
                reason=reason.get("sentence", ""),
                remedy=reason.get("remedy") or "",
                message_bytes=decision.get("message_bytes"),
                touches=tuple(touched.get(names[function_id], ())),
                source=None,
            )
        )
    return tuple(sorted(found, key=lambda handler: (-handler.total_us, handler.id)))


def read_chains(
    tables: Tables,
    functions: dict[int, FunctionRow],
    names: Mapping[int, str],
    planned: Planned,
    most: int,
    merged_chains: int,
    cuts: list[str],
) -> tuple[Chain, ...]:
    """The chains by event, dearest event first, each with its causal tree.

    Where an application has too many events (a path per file, say), events are merged by their paths; what
    still exceeds ``most`` is cut. Both are told in ``cuts``.
    """
    level = queries.event_level(tables, most)
    if level:
        cuts.append("There are many different events: those with similar paths are shown as one, with `*`.")
    costs: dict[tuple[str, str], dict[bool, tuple[CostRow, CostRow]]] = {}
    for kind, event, sampled, cpu, wall in queries.chain_costs(tables, level):
        costs.setdefault((kind, event), {})[sampled] = (cpu, wall)
    totals: dict[tuple[str, str], float] = {}
    for key, rows in costs.items():
        best = rows.get(False) or rows[True]
        totals[key] = best[0].mean * sum(cpu.number for cpu, _ in rows.values())
    total = sum(totals.values()) or 1.0
    events = sorted(costs, key=lambda key: (-totals[key], key))
    if len(events) > most:
        cuts.append(f"{words.count(len(events) - most)} of {words.count(len(events))} events are not shown.")
        events = events[:most]
    invocations: dict[tuple[str, str], list[queries.InvocationRow]] = {}
    for row in queries.chain_invocations(tables, events, merged_chains, level):
        invocations.setdefault(row.event, []).append(row)

    def stage_of(function_id: int) -> str | None:
        handler = planned.get(functions[function_id].key)
        return str(handler["stage"]) if handler is not None else None

    found = []
    for key in events:
        cpu, wall = costs[key].get(False) or costs[key][True]
        tree, number = merge_chains(
            invocations.get(key, ()), functions, names.__getitem__, stage_of, ENTRY if planned else ""
        )
        count = sum(row.number for row, _ in costs[key].values())
        found.append(Chain(*key, count, _spread(cpu), _spread(wall), totals[key] / total, tree, number))
    return tuple(found)


def read_hot(tables: Tables, functions: Mapping[int, FunctionRow]) -> tuple[HotFunction, ...]:
    """The functions of the CPU profile, dearest first."""
    rows = queries.hot_functions(tables)
    total = sum(row[1] for row in rows) or 1.0
    return tuple(
        HotFunction(
            name=function_name(functions[function_id]),
            file=functions[function_id].file,
            line=functions[function_id].line,
            self_us=self_us,
            total_us=total_us,
            self_share=self_us / total,
            samples=samples,
            calls=calls,
        )
        for function_id, self_us, total_us, samples, calls in rows
        if function_id in functions
    )


def _spread(row: CostRow) -> Spread:
    return Spread(row.number, row.mean, row.p50, row.p95, row.p99, row.max)
