"""What becomes of the handlers of each trap about the process itself."""

TRAPS = {
    "late-throw": {
        "function@18": "shares-state",
        "function@19": "moved",
        "function@23": "shares-state",
        "function@25": "moved",
        "function@28": "shares-state",
        "function@30": "captures-resource",
        "function@34": "shares-state",
        "function@35": "moved",
    },
    "rejections": {
        "fail": "moved",
        "function@16": "shares-state",
        "function@21": "moved",
        "function@26": "shares-state",
        "function@31": "shares-state",
        "function@36": "moved",
        "function@38": "nested-in-moved",
    },
    "facts": {
        "function@9": "uses-process",
        "function@13": "uses-process",
        "function@18": "uses-process",
        "function@26": "uses-process",
        "function@33": "moved",
        "function@37": "uses-process",
        "function@41": "moved",
        "function@48": "uses-process",
        "function@52": "moved",
    },
    "hidden-secret": {
        "function@25": "captures-unsendable",
        "function@29": "moved",
        "function@33": "shares-state",
    },
    "final-exit": {
        "function@9": "uses-process",
        "function@14": "moved",
        "function@15": "nested-in-moved",
    },
}
"""Trap → handler → 'moved', or the cause for which it stays."""

RUN_HERE: dict[str, str] = {}
"""Moved handlers whose values cannot travel, so that each call runs on the entry stage, and why."""
