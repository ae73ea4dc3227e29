"""What a plan adds to a report: stages, the messages between them, scaling, refusals, and who owns what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipetrace.report.causal import walk
from pipetrace.report.model import (
    Chain,
    Evidence,
    Handler,
    Message,
    Objection,
    Plan,
    Refusal,
    ScalingPoint,
    Stage,
    StageHandler,
    State,
    Touch,
    WhatIf,
)

PlanDocument = Mapping[str, Any]
"""A plan as its JSON says it; the schema stands beside the partitioner."""

ENTRY = "entry"


def belongs_to(plan: PlanDocument, meta: Mapping[str, Any]) -> bool:
    """Whether a plan was made from the recording with this description."""
    trace = plan.get("trace", {})
    return all(trace.get(key) == meta.get(key) for key in ("created", "app_name"))


def planned_handlers(plan: PlanDocument | None) -> dict[str, Mapping[str, Any]]:
    """The plan's word on each handler, by handler key."""
    return {handler["key"]: handler for handler in (plan or {}).get("handlers", ())}


def plan_view(plan: PlanDocument, path: str, handlers: Iterable[Handler], chains: Iterable[Chain]) -> Plan:
    """The plan as a report shows it; messages are counted from the causal trees of the recording."""
    by_stage: dict[str, list[StageHandler]] = {}
    shares: dict[str, float] = {}
    for handler in handlers:
        whole = handler.share if handler.unit_share is None else handler.unit_share
        shares[handler.id] = whole
        # What moves takes along all that it calls; what stays is only itself.
        drawn = StageHandler(handler.id, handler.name, whole if handler.decision == "moved" else handler.share)
        if handler.stage:
            by_stage.setdefault(handler.stage, []).append(drawn)
    stages = tuple(
        Stage(
            stage["id"],
            stage["replicas"],
            stage["load"],
            tuple(stage.get("owns", ())),
            tuple(sorted(by_stage.get(stage["id"], ()), key=lambda each: -each.share)),
        )
        for stage in plan.get("stages", ())
    )
    decisions = [handler["decision"] for handler in plan.get("handlers", ())]
    return Plan(
        path=path,
        machines=plan["machines"],
        transport=plan.get("transport", ""),
        stages=stages,
        messages=_messages(plan, tuple(chains)),
        scaling=tuple(
            ScalingPoint(point["machines"], point["speedup"], point.get("limit") or "")
            for point in plan.get("scaling", ())
        ),
        what_if=tuple(
            WhatIf(each["location"], each["machines"], each["speedup"], each["instead_of"], each["sentence"])
            for each in plan.get("what_if", ())
        ),
        refusals=_refusals(plan, shares),
        moved=decisions.count("moved"),
        kept=decisions.count("kept"),
        guards=len(plan.get("guards", ())),
        bound_gap=(plan.get("objective") or {}).get("gap"),
    )


def planned_state(plan: PlanDocument, touched: Mapping[str, tuple[Touch, ...]]) -> tuple[State, ...]:
    """The plan's shared state (class ``state``), each with its owner and the accesses that were recorded."""
    found = []
    for each in plan.get("state", ()):
        if each["class"] != "state":
            continue
        touches = touched.get(each["id"], ())
        found.append(
            State(
                id=each["id"],
                name=each["name"],
                file=each["file"],
                line=each["line"] or 0,
                kind=each.get("form", ""),
                owner=each.get("owner") or "",
                handlers=tuple(each.get("handlers", ())),
                evidence=tuple(
                    Evidence(proof["writer"], proof["writer_line"] or 0, proof["reader"], proof["reader_line"] or 0)
                    for proof in each.get("evidence", ())
                ),
                touches=touches,
                chains=max((touch.chains for touch in touches), default=0),
            )
        )
    return tuple(sorted(found, key=lambda state: (-state.chains, state.id)))


def _refusals(plan: PlanDocument, shares: Mapping[str, float]) -> tuple[Refusal, ...]:
    objections: dict[str, list[Objection]] = {}
    for each in plan.get("refusals", ()):
        found = objections.setdefault(each["handler"], [])
        found.append(Objection(each["cause"], each["sentence"], each.get("remedy", "")))
    refusals = [Refusal(handler, shares.get(handler), tuple(found)) for handler, found in objections.items()]
    return tuple(sorted(refusals, key=lambda refusal: -(refusal.share or 0.0)))


def _messages(plan: PlanDocument, chains: tuple[Chain, ...]) -> tuple[Message, ...]:
    moved = {handler["id"]: handler for handler in plan.get("handlers", ()) if handler["decision"] == "moved"}
    flows: dict[tuple[str, str], tuple[float, float]] = {}

    def add(source: str, target: str, number: float, bytes_each: float) -> None:
        calls, size = flows.get((source, target), (0.0, 0.0))
        flows[source, target] = (calls + number, size + number * bytes_each)

    seen: set[str] = set()
    for chain in chains:
        above = {-1: ENTRY}
        for depth, node in walk(chain.tree):
            above[depth] = node.stage
            handler = moved.get(node.handler)
            if handler is not None and node.stage != above[depth - 1]:
                seen.add(node.handler)
                add(
                    above[depth - 1],
                    node.stage,
                    node.per_chain * chain.count,
                    handler.get("message_bytes") or 0,
                )
    for name, handler in moved.items():
        if name not in seen and handler["stage"] != ENTRY and handler.get("calls"):
            add(ENTRY, handler["stage"], handler["calls"], handler.get("message_bytes") or 0)
    return tuple(
        Message(source, target, round(number), size / number)
        for (source, target), (number, size) in sorted(flows.items())
        if round(number)
    )
