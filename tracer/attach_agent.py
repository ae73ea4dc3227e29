"""The agent as one expression for `Runtime.evaluate`: its files in a function, so that no module stays behind."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_DIRECTORY = Path(__file__).parent / "agent"
_MAIN = "./attach.js"
_ADDRESS = str(_DIRECTORY.resolve())
"""How the engine names the agent: as its files, so that profiles tell its share."""
CONTROL = 'globalThis[Symbol.for("pipetrace.attached")]'


def describe_expression() -> str:
    """JavaScript that answers what the process says of itself (JSON); changes nothing. Needs the command line API."""
    return f"({_bundle()}).describe()\n//# sourceURL={_ADDRESS}/describe.js"


def install_expression(options: Mapping[str, Any]) -> str:
    """JavaScript that installs the helpers and begins to record. Needs the command line API."""
    return f"({_bundle()}).install({json.dumps(options)})\n//# sourceURL={_ADDRESS}/agent.js"


def agent_files() -> dict[str, str]:
    """Return the texts of the agent's files, by the names under which they require one another."""
    found: dict[str, str] = {}
    wanted = [_MAIN]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = (_DIRECTORY / name).read_text(encoding="utf-8")
            wanted += re.findall(r"require\('(\./[\w.-]+)'\)", found[name])
    return found


@cache
def _bundle() -> str:
    parts = [
        f"{json.dumps(name)}(module,exports,require,__dirname){{{text}\n}}"
        for name, text in sorted(agent_files().items())
    ]
    return (
        "((builtin)=>{const files={"
        + ",".join(parts)
        + "},made={},load=(name)=>{if(!(name in files))return builtin(name);if(!(name in made)){"
        + "const module={exports:{}};made[name]=module;files[name](module,module.exports,load,"
        + json.dumps(_ADDRESS)
        + f")}}return made[name].exports}};return load({json.dumps(_MAIN)})}})"
        + "(process.getBuiltinModule?(name)=>process.getBuiltinModule(name):require)"
    )
