"""The plan as it is carried out: handlers that could not be moved are kept, and the plan says why."""

from __future__ import annotations

import copy
from typing import Any

from pipetrace.rewriter.decide import Decisions
from pipetrace.rewriter.lift import capture_order


def carried_out(plan: dict[str, Any], decisions: Decisions) -> dict[str, Any]:
    """Return the plan with the form of each move as it is, and the refused handlers kept on the entry stage.

    State that such a handler touches goes to the entry stage with it.
    """
    result = copy.deepcopy(plan)
    for handler in result["handlers"]:
        move = decisions.moves.get(handler["id"])
        if move is not None:
            handler["form"] = move.form
            handler.pop("captures", None)
            if move.lifted:
                handler["captures"] = capture_order(move.view, move.site, move.order.captures)
    refusals = decisions.refusals
    if not refusals:
        return result
    refused = {refusal.handler: refusal for refusal in refusals}
    for handler in result["handlers"]:
        refusal = refused.get(handler["id"])
        if refusal is not None:
            handler["decision"] = "kept"
            handler["stage"] = "entry"
            handler.pop("form", None)
            handler.pop("captures", None)
            handler["reason"] = {
                "cause": refusal.cause,
                "sentence": refusal.sentence,
                "remedy": refusal.remedy,
            }
    back = {
        state["id"]
        for state in result.get("state", ())
        if state["owner"] not in ("entry", "") and any(handler in refused for handler in state["handlers"])
    }
    for state in result.get("state", ()):
        if state["id"] in back:
            state["owner"] = "entry"
    for guard in result.get("guards", ()):
        if guard["location"] in back:
            guard["owner"] = "entry"
        guard["handlers"] = [handler for handler in guard.get("handlers", ()) if handler not in refused]
    for source in result.get("sources", ()):
        if source["handler"] in refused:
            source["stage"] = "entry"
    for stage in result["stages"]:
        stage["owns"] = [location for location in stage["owns"] if location not in back]
        if stage["id"] == "entry":
            stage["owns"] = sorted({*stage["owns"], *back})
    known = {entry["handler"] for entry in result.get("refusals", ())}
    result["refusals"] = [
        *result.get("refusals", ()),
        *(refusal.to_json() for refusal in refusals if refusal.handler not in known),
    ]
    return result
