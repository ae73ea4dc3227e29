"""What a plan says of places in compiled files, told as places in the files that people wrote."""

from __future__ import annotations

from dataclasses import replace

from pipetrace.partitioner.plan import Plan
from pipetrace.tracer.originals import Originals


def in_originals(plan: Plan, originals: Originals) -> Plan:
    """Return a plan whose sentences name original places; all else stays, since the rewriter goes by it."""
    text = originals.text
    return replace(
        plan,
        diagnosis=text(plan.diagnosis),
        handlers=tuple(
            replace(
                handler,
                reason=replace(
                    handler.reason, sentence=text(handler.reason.sentence), remedy=text(handler.reason.remedy)
                ),
            )
            for handler in plan.handlers
        ),
        refusals=tuple(
            replace(refusal, sentence=text(refusal.sentence), remedy=text(refusal.remedy)) for refusal in plan.refusals
        ),
        scaling=tuple(replace(point, limit=text(point.limit)) for point in plan.scaling),
        what_if=tuple(replace(each, sentence=text(each.sentence)) for each in plan.what_if),
        init_values=tuple(replace(value, reason=text(value.reason)) for value in plan.init_values),
    )
