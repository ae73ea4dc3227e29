"""A running Node.js process whose scripts tests edit, and the closures in it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from pipetrace.tracer.cdp import Session
from tests.integration.node_versions import node

_EDIT_S = 60.0
_TEXTS = """function () {
  const text = (f) => { try { return Function.prototype.toString.call(f); } catch { return ''; } };
  return this.map(text);
}"""


class LiveNode:
    """A process that loaded a file and keeps what it exports alive; use it as a context manager."""

    def __init__(self, version: str, file: Path, folder: Path) -> None:
        main = folder / "main.mjs"
        main.write_text(
            f"globalThis.kept = await import({str(file)!r});\nglobalThis.ready = true;\nsetInterval(() => {{}}, 1000);\n"
        )
        self.file = file
        self.process = subprocess.Popen(
            [str(node(version)), "--inspect=127.0.0.1:0", str(main)], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if match := re.search(r"ws://\S+", line):
                break
        else:
            raise AssertionError("the inspector did not open")
        self.session = Session(match[0])
        scripts: dict[str, str] = {}
        self.session.call("Runtime.enable")
        while not self.session.evaluate("globalThis.ready === true"):
            pass
        if int(version.split(".")[0]) >= 26:
            self.session.evaluate("process.getBuiltinModule('v8').setFlagsFromString('--inspector-live-edit')")
        self.session.listen("Debugger.scriptParsed", lambda event: scripts.__setitem__(event["url"], event["scriptId"]))
        self.session.call("Debugger.enable")
        self.session.drain()
        self.script = scripts[file.as_uri()]

    def __enter__(self) -> LiveNode:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()
        self.process.kill()
        self.process.communicate()

    def source(self) -> str:
        """The script's text as the engine has it."""
        return str(self.session.call("Debugger.getScriptSource", scriptId=self.script)["scriptSource"])

    def edit(self, text: str) -> str:
        """Send a text; returns the engine's status."""
        answer = self.session.call("Debugger.setScriptSource", _EDIT_S, scriptId=self.script, scriptSource=text)
        return str(answer["status"])

    def closures(self) -> list[str]:
        """The texts of all functions that are alive."""
        session = self.session
        prototype = session.call("Runtime.evaluate", expression="Function.prototype", objectGroup="q")
        found = session.call(
            "Runtime.queryObjects", _EDIT_S, prototypeObjectId=prototype["result"]["objectId"], objectGroup="q"
        )
        texts: dict[str, Any] = session.call(
            "Runtime.callFunctionOn",
            _EDIT_S,
            objectId=found["objects"]["objectId"],
            functionDeclaration=_TEXTS,
            returnByValue=True,
        )
        session.call("Runtime.releaseObjectGroup", objectGroup="q")
        return list(texts["result"]["value"])
