"""The agent as one expression for `Runtime.evaluate`: its files in a function, so that no module stays behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_DIRECTORY = Path(__file__).parent / "agent"
_FILES = ("state", "spool", "sampling", "causality", "decide", "frames", "figures", "attach")
_ADDRESS = str(_DIRECTORY.resolve())
"""How the engine names the agent: as its files, so that profiles tell its share."""
CONTROL = 'globalThis[Symbol.for("pipetrace.attached")]'

ROLES = ("exit", "leave", "resume", "caught", "return", "call", "enter", "enterPromise", "hit", "hitPromise")


def describe_expression() -> str:
    """JavaScript that answers what the process says of itself (JSON); changes nothing. Needs the command line API."""
    return f"({_bundle()}).describe()\n//# sourceURL={_ADDRESS}/describe.js"


def install_expression(options: Mapping[str, Any]) -> str:
    """JavaScript that installs the helpers and begins to record. Needs the command line API."""
    return f"({_bundle()}).install({json.dumps(options)})\n//# sourceURL={_ADDRESS}/agent.js"


@cache
def _bundle() -> str:
    parts = []
    for name in _FILES:
        text = (_DIRECTORY / f"{name}.js").read_text(encoding="utf-8")
        parts.append(f"{json.dumps(f'./{name}.js')}(module,exports,require,__dirname){{{text}\n}}")
    return (
        "((builtin)=>{const files={"
        + ",".join(parts)
        + "},made={},load=(name)=>{if(!(name in files))return builtin(name);if(!(name in made)){"
        + "const module={exports:{}};made[name]=module;files[name](module,module.exports,load,"
        + json.dumps(_ADDRESS)
        + ")}return made[name].exports};return load('./attach.js')})"
        + "(process.getBuiltinModule?(name)=>process.getBuiltinModule(name):require)"
    )
