"""A running process that is instrumented by live edits, and put back as it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipetrace.errors import PipetraceError
from pipetrace.tracer.attach_agent import CONTROL, describe_expression, install_expression
from pipetrace.tracer.attach_plan import ScriptPlan, ScriptPlanner
from pipetrace.tracer.cdp import Session, SessionEnded

_EDIT_S = 120.0
_FLAG_SINCE = 26
"""Major version from which live edits are behind a flag of the engine, which can be set at run time."""
_DRAIN_S = 10.0
"""How long functions with calls under way are waited for before they keep their idle helpers."""
_POLL_S = 0.1


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
        self.session.call("NodeRuntime.notifyWhenWaitingForDisconnect", enabled=True)
        self.described = self._describe()
        self._flag_set = False

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
        return int(self.session.call("Runtime.getHeapUsage")["usedSize"])

    def scripts(self, wanted: Callable[[str], bool]) -> list[LiveScript]:
        """Return the scripts whose address is wanted, with their texts."""
        events: list[dict[str, Any]] = []
        self.session.listen("Debugger.scriptParsed", events.append)
        self.session.call("Debugger.enable", 30.0)
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
            self.session.call("Debugger.disable")

    def source(self, script_id: str) -> str:
        """The text that the engine has for a script; needs the debugger domain."""
        return str(self.session.call("Debugger.getScriptSource", 30.0, scriptId=script_id)["scriptSource"])

    def install(self, options: Mapping[str, Any]) -> None:
        """Install the agent; nothing is recorded before the scripts are edited."""
        self._run(install_expression(options))

    def edit(self, scripts: Collection[LiveScript], budget_s: float) -> None:
        """Send the planned texts; what the engine refuses because calls are under way is sent with less.

        Args:
            scripts: with their plans.
            budget_s: time that further edits may take in all, beyond one for each script.
        """
        self._allow_edits()
        self.session.call("Debugger.enable", 30.0)
        try:
            for script in scripts:
                if script.plan is not None and script.plan.text != script.source:
                    budget_s -= self._edit_one(script, budget_s)
        finally:
            self.session.call("Debugger.disable")

    def _edit_one(self, script: LiveScript, budget_s: float) -> float:
        assert script.planner is not None and script.plan is not None
        status = self._send(script, script.plan.text)
        if status == "Ok":
            return 0.0
        if status not in ("BlockedByActiveGenerator", "BlockedByActiveFunction"):
            _give_up(script, status)
            return 0.0
        # Some function has calls under way; nobody says which. All that may is left out, then let in by halves.
        suspects = sorted(set(script.plan.covered()) & script.planner.suspendable)
        if status == "BlockedByActiveFunction":
            time.sleep(_POLL_S)  # the message came between two statements of a long computation
            status = self._send(script, script.plan.text)
            if status == "Ok":
                return 0.0
        out = set(suspects)
        plan = script.planner.plan(out)
        status = self._send(script, plan.text)
        if status != "Ok":
            _give_up(script, status)
            return 0.0
        script.plan = plan
        spent = 0.0
        groups = [suspects]
        while groups and spent + self.stalls.seconds[-1] <= budget_s:
            group = groups.pop(0)
            plan = script.planner.plan(out - set(group))
            status = self._send(script, plan.text)
            spent += self.stalls.seconds[-1]
            if status == "Ok":
                out -= set(group)
                script.plan = plan
            elif len(group) > 1:
                groups += [group[: len(group) // 2], group[len(group) // 2 :]]
            time.sleep(self.stalls.seconds[-1])
        return spent

    def restore(self, scripts: Collection[LiveScript], say: Callable[[str], None]) -> list[LiveScript]:
        """Stop recording and put the original texts back; returns the scripts where something had to stay.

        A function with calls under way cannot be edited; it is waited for, with helpers that do nothing.
        """
        self.session.evaluate(f"{CONTROL}.stop()")
        pending = [script for script in scripts if script.sent]
        deadline = time.monotonic() + _DRAIN_S
        self.session.call("Debugger.enable", 30.0)
        try:
            for script in list(pending):
                if self._send(script, script.source) == "Ok" or self._restore_most(script):
                    pending.remove(script)
            while pending and time.monotonic() < deadline:
                say("waiting for calls under way, to put the last functions back")
                self.session.call("Debugger.disable")
                time.sleep(max(_POLL_S, self.stalls.seconds[-1]))
                active = set(json.loads(self.session.evaluate(f"{CONTROL}.active()")))
                self.session.call("Debugger.enable", 30.0)
                late = time.monotonic() > deadline - 1
                for script in list(pending):
                    assert script.plan is not None
                    if (late or not active & {script.base + index for index in script.plan.changed}) and (
                        self._send(script, script.source) == "Ok"
                    ):
                        pending.remove(script)
            for script in scripts:
                if script not in pending and script.plan is not None and self.source(script.script_id) != script.source:
                    pending.append(script)
        finally:
            self.session.call("Debugger.disable")
        return pending

    def _restore_most(self, script: LiveScript) -> bool:
        """Put everything back but what can be suspended; True when nothing of the edit stays by that."""
        assert script.planner is not None and script.plan is not None
        kept = {
            index: form
            for index, form in script.plan.forms.items()
            if form != "none" and index in script.planner.suspendable
        }
        self._send(script, script.planner.text_with(kept))
        return False

    def remove(self) -> None:
        """Take the helpers away; only when no edited text is left."""
        self.session.evaluate(f"{CONTROL}.remove()")

    def forbid_edits(self) -> None:
        """Set the engine's flag back."""
        if self._flag_set:
            self._run("process.getBuiltinModule('v8').setFlagsFromString('--no-inspector-live-edit')")

    def close(self, *, inspector: bool) -> None:
        """Disconnect, and close the inspector if that is asked for."""
        if inspector and self.session.alive and not self.leaving:
            self.session.evaluate("void setTimeout(() => process._debugEnd(), 100)")
        self.session.close()

    def _allow_edits(self) -> None:
        if self.described.major >= _FLAG_SINCE:
            self._run("process.getBuiltinModule('v8').setFlagsFromString('--inspector-live-edit')")
            self._flag_set = True

    def _send(self, script: LiveScript, text: str) -> str:
        begun = time.monotonic()
        try:
            answer = self.session.call(
                "Debugger.setScriptSource", _EDIT_S, scriptId=script.script_id, scriptSource=text
            )
        except SessionEnded:
            if not self.session.alive:
                raise
            return "NotAvailable"
        self.stalls.seconds.append(time.monotonic() - begun)
        status = str(answer.get("status", "Ok"))
        if status == "Ok":
            script.sent = "" if text == script.source else text
        return status

    def _run(self, expression: str) -> Any:
        answer = self.session.call(
            "Runtime.evaluate", 30.0, expression=expression, includeCommandLineAPI=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            said = details.get("exception", {}).get("description") or details.get("text") or "?"
            raise PipetraceError(f"The agent could not start in the process ({str(said).splitlines()[0]}).")
        return answer.get("result", {}).get("value")


_WORDS = {
    "BlockedByActiveFunction": "a function of it was running",
    "BlockedByActiveGenerator": "calls of its functions were under way",
    "BlockedByTopLevelEsModuleChange": "this version of Node.js edits no ES module with such classes",
    "CompileError": "the edited text does not compile",
    "NotAvailable": "this version of Node.js edits no running code",
}


def _give_up(script: LiveScript, status: str) -> None:
    assert script.planner is not None
    script.refused = _WORDS.get(status, f"the engine answered {status}")
    script.plan = script.planner.nothing(script.refused)
