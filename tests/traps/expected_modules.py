"""What becomes of the handlers of each trap about modules of ECMAScript."""

TRAPS = {
    "bindings": {
        "change": "shares-state",
        "heavy": "shares-state",
        "read": "shares-state",
    },
    "cycles": {
        "even": "shares-state",
        "isEven": "moved",
        "odd": "shares-state",
    },
    "dynamic": {
        "describe": "moved",
        "lazy": "shares-state",
        "meta": "shares-state",
    },
    "awaited": {
        "config": "shares-state",
        "sum": "moved",
        "sum:2": "shares-state",
    },
    "plain": {
        "common": "shares-state",
        "thrown": "shares-state",
        "work": "moved",
        "function@21": "shares-state",
    },
}
"""Trap → handler → 'moved', or the cause for which it stays."""

RUN_HERE: dict[str, str] = {}
"""Moved handlers whose values cannot travel, so that each call runs on the entry stage, and why."""
