"""A running process that is instrumented by live edits, and put back as it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipetrace.tracer.attach_agent import CONTROL, describe_expression, install_expression
from pipetrace.tracer.attach_plan import ScriptPlan, ScriptPlanner
from pipetrace.tracer.cdp import Session, SessionEnded

_EDIT_S = 120.0
_PATIENCE_S = 60.0
"""How long any answer may take: the process may be in a long computation, and must not be given up for that."""
_DRAIN_S = 10.0
"""How long functions with calls under way are waited for before they keep their idle helpers."""
_POLL_S = 0.1
_ATTEMPTS = 8
"""How often a function that may have a call under way is tried."""


@dataclass(frozen=True, slots=True)
class Described:
    """What the process said of itself before anything was changed."""

    pid: int
    argv: tuple[str, ...]
    cwd: str
    version: str
    listeners: tuple[Mapping[str, Any], ...]
    attached: bool
    """A recording runs in it, or its recorder was killed."""

    @property
    def major(self) -> int:
        """Major version of its Node.js."""
        return int(self.version.removeprefix("v").split(".")[0])


@dataclass(slots=True)
class LiveScript:
    """A script of the application in the process."""

    script_id: str
    url: str
    module: bool
    """An ES module."""
    source: str
    """The text as it was found."""
    planner: ScriptPlanner | None = None
    plan: ScriptPlan | None = None
    base: int = 0
    """Number of its first function in the trace."""
    sent: str = ""
    """The text that it has now; '' while it has its own."""
    restored: bool = True
    """The engine has the text that was sent last."""
    refused: str = ""
    """Why the engine took no edit."""


@dataclass(slots=True)
class Stalls:
    """How long single edits held the process up, in seconds."""

    seconds: list[float] = field(default_factory=list)

    @property
    def longest(self) -> float:
        """The longest of them."""
        return max(self.seconds, default=0.0)


class AttachedProcess:
    """One process over its inspector. All calls come from one thread."""

    def __init__(self, url: str) -> None:
        """Connect; raises SessionEnded."""
        self.session = Session(url)
        self.stalls = Stalls()
        self.leaving = False
        """The process ends and waits for us to disconnect."""
        self.session.listen("NodeRuntime.waitingForDisconnect", lambda params: self._leave())
        self.session.call("NodeRuntime.notifyWhenWaitingForDisconnect", _PATIENCE_S, enabled=True)
        self.described = self._describe()

    def _leave(self) -> None:
        self.leaving = True

    def _describe(self) -> Described:
        said = json.loads(self._run(describe_expression()))
        return Described(
            pid=said["pid"],
            argv=tuple(said["argv"]),
            cwd=said["cwd"],
            version=said["version"],
            listeners=tuple(said["listeners"]),
            attached=said["attached"],
        )

    def heap_bytes(self) -> int:
        """Size of the used heap, to which the time of an edit is proportional."""
        return int(self.session.call("Runtime.getHeapUsage", _PATIENCE_S)["usedSize"])

    def control(self, call: str) -> Any:
        """Call a method of the agent and wait for what it promises."""
        return self._run(f"{CONTROL}.{call}", awaitPromise=True)

    def scripts(self, wanted: Callable[[str], bool]) -> list[LiveScript]:
        """Return the scripts whose address is wanted, with their texts."""
        events: list[dict[str, Any]] = []
        self.session.listen("Debugger.scriptParsed", events.append)
        self.session.call("Debugger.enable", _PATIENCE_S)
        try:
            self.session.drain()
            last = {event["url"]: event for event in events if wanted(event["url"])}
            return [
                LiveScript(
                    script_id=event["scriptId"],
                    url=url,
                    module=bool(event.get("isModule")),
                    source=self.source(event["scriptId"]),
                )
                for url, event in last.items()
            ]
        finally:
            self.session.call("Debugger.disable", _PATIENCE_S)

    def source(self, script_id: str) -> str:
        """The text that the engine has for a script; needs the debugger domain."""
        return str(self.session.call("Debugger.getScriptSource", _PATIENCE_S, scriptId=script_id)["scriptSource"])

    def install(self, options: Mapping[str, Any]) -> None:
        """Install the agent; nothing is recorded before the scripts are edited."""
        self._run(install_expression(options))

    def edit(self, scripts: Collection[LiveScript], further: int) -> None:
        """Send the planned texts; what the engine refuses because calls are under way is sent with less.

        Args:
            scripts: with their plans.
            further: how many edits may be made beyond one for each script.
        """
        for script in scripts:
            if script.plan is not None and script.plan.text != script.source:
                further -= self._edit_one(script, further)

    def _edit_one(self, script: LiveScript, further: int) -> int:
        """Edit one script; returns how many edits it took beyond the first."""
        assert script.planner is not None and script.plan is not None
        status = self._send(script, script.plan.text)
        if status == "Ok":
            return 0
        if status != "BlockedByActiveGenerator":
            _give_up(script, status)
            return 0
        # Some function has calls under way; nobody says which. All that may is left out, then let in by halves.
        suspects = sorted(set(script.plan.covered()) & script.planner.suspendable)
        out = set(suspects)
        plan = script.planner.plan(out)
        status = self._send(script, plan.text)
        if status != "Ok":
            _give_up(script, status)
            return 1
        script.plan = plan
        spent = 1
        groups = [(suspects, 1)]
        while groups and spent < further:
            group, attempt = groups.pop(0)
            plan = script.planner.plan(out - set(group))
            spent += 1
            if self._send(script, plan.text) == "Ok":
                out -= set(group)
                script.plan = plan
            elif len(group) > 1:
                middle = len(group) // 2
                groups += [(group[:middle], 1), (group[middle:], 1)]
            elif attempt < _ATTEMPTS:
                groups.append((group, attempt + 1))
            time.sleep(self.stalls.seconds[-1])
        return spent

    def restore(self, scripts: Collection[LiveScript], say: Callable[[str], None]) -> list[LiveScript]:
        """Stop recording and put the original texts back; returns the scripts where something had to stay.

        A function with calls under way cannot be edited; it is waited for, with helpers that do nothing.
        """
        self.control("stop()")
        pending = [script for script in scripts if script.sent]
        deadline = time.monotonic() + _DRAIN_S
        for script in list(pending):
            if self._send(script, script.source) == "Ok":
                pending.remove(script)
            else:
                self._restore_most(script)
        while pending and time.monotonic() < deadline:
            say("waiting for calls under way, to put the last functions back")
            time.sleep(max(_POLL_S, self.stalls.seconds[-1]))
            active = set(json.loads(self.control("active()")))
            late = time.monotonic() > deadline - 1
            for script in list(pending):
                assert script.plan is not None
                idle = not active & {script.base + index for index in script.plan.changed}
                if (late or idle) and self._send(script, script.source) == "Ok":
                    pending.remove(script)
        return pending + [script for script in scripts if script not in pending and not script.restored]

    def _restore_most(self, script: LiveScript) -> None:
        """Put everything back but what can be suspended."""
        assert script.planner is not None and script.plan is not None
        kept = {
            index: form
            for index, form in script.plan.forms.items()
            if form != "none" and index in script.planner.suspendable
        }
        self._send(script, script.planner.text_with(kept))

    def remove(self) -> None:
        """Take the helpers away; only when no edited text is left."""
        self.control("remove()")

    def close(self, *, inspector: bool) -> None:
        """Disconnect, and close the inspector if that is asked for."""
        if inspector and self.session.alive and not self.leaving:
            self.session.evaluate("void setTimeout(() => process._debugEnd(), 100)", _PATIENCE_S)
        self.session.close()

    def _send(self, script: LiveScript, text: str) -> str:
        answer = self.session.call(
            "Runtime.evaluate",
            _EDIT_S,
            expression=f"{CONTROL}.edit({json.dumps(script.script_id)},{json.dumps(text)})",
            awaitPromise=True,
            returnByValue=True,
        )
        if "value" not in answer["result"]:
            return "NotAvailable"
        edited = json.loads(answer["result"]["value"])
        self.stalls.seconds.append(edited["seconds"])
        if edited["status"] == "Ok":
            script.sent = "" if text == script.source else text
            script.restored = bool(edited["same"])
        return str(edited["status"])

    def _run(self, expression: str, **how: Any) -> Any:
        answer = self.session.call(
            "Runtime.evaluate",
            _PATIENCE_S,
            expression=expression,
            includeCommandLineAPI=True,
            returnByValue=True,
            **how,
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            said = details.get("exception", {}).get("description") or details.get("text") or "?"
            raise SessionEnded(f"the agent failed in the process ({str(said).splitlines()[0]})")
        return answer.get("result", {}).get("value")


_WORDS = {
    "BlockedByActiveGenerator": "calls of its functions were under way",
    "BlockedByTopLevelEsModuleChange": "this version of Node.js edits no ES module with such classes",
    "CompileError": "the edited text does not compile",
    "NotAvailable": "this version of Node.js edits no running code",
}


def _give_up(script: LiveScript, status: str) -> None:
    assert script.planner is not None
    script.refused = _WORDS.get(status, f"the engine answered {status}")
    script.plan = script.planner.nothing(script.refused)
