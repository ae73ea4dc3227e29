"""Makes a plan file from a trace file, and says what it did."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipetrace.errors import PipetraceError, UsageError
from pipetrace.partitioner.analysis import analyse
from pipetrace.partitioner.build import Options, make_plan
from pipetrace.partitioner.explain import explain
from pipetrace.partitioner.load import load_recording
from pipetrace.partitioner.model import Model
from pipetrace.partitioner.plan import Plan
from pipetrace.partitioner.show import show_plan

Say = Callable[[str], None]

STANDARD_OUTPUT = Path("-")
_SETTLED_S = 1.0
"""CPU of moved handlers from which costs are taken for those of compiled code."""


def produce_plan(
    trace: Path,
    output: Path,
    options: Options,
    console: Console,
    say: Say,
    *,
    force: bool = False,
    as_json: bool = False,
    every: bool = False,
) -> Plan:
    """Plan a trace, print the plan and write it to ``output`` ('-': only print it).

    Raises PipetraceError where the trace cannot be read, or ``output`` exists and ``force`` is not given.
    """
    if options.machines < 1:
        raise UsageError("A plan needs at least one machine: give --machines a number from 1 on.")
    to_file = output != STANDARD_OUTPUT
    if to_file and output.exists() and not force:
        raise PipetraceError(f"{output} exists already; choose another name with -o, or overwrite it with --force.")
    recording = load_recording(trace)
    plan = make_plan(recording, options)
    if to_file:  # first of all, since the reader of a pipe may leave before the tables end
        try:
            output.write_text(plan.to_text(), encoding="utf-8")
        except OSError as error:
            raise PipetraceError(f"{output} cannot be written ({error.strerror}); choose another with -o.") from None
    if as_json or not to_file:
        console.file.write(plan.to_text())
    else:
        show_plan(plan, console, every=every)
    lost = int(recording.meta.get("lost_records") or 0)
    if lost:
        say(f"The recording lost {lost} records, so accesses may be missing; record again with less load.")
    worked_s = sum(handler.cpu_us * handler.calls for handler in plan.handlers if handler.decision == "moved") / 1e6
    if plan.moved and worked_s < _SETTLED_S:
        say(
            f"What moves took only {worked_s:.2g} s of CPU in this recording, mostly in code that the engine had not "
            "compiled yet: costs and gain are estimated too high. Record some seconds of full load."
        )
    known = {handler.id for handler in plan.handlers}
    for name in dict.fromkeys(violation.handler for violation in options.violations if violation.handler not in known):
        say(f"A violation names `{name}`, which did not run in this recording; record a load that reaches it.")
    if to_file:
        say(f"Wrote {output}")
        if plan.moved:
            named = "" if output == Path("plan.json") else f" {shlex.quote(str(output))}"
            say(f"Next: pipetrace rewrite{named} -o staged/")
    return plan


def explain_in_trace(trace: Path, wanted: str, options: Options, console: Console, *, as_json: bool = False) -> None:
    """Print the evidence for one handler or location of a trace."""
    analysis = analyse(load_recording(trace), Model().with_threshold(options.threshold_us), options.transport)
    found = explain(analysis, wanted)
    if as_json:
        console.file.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
        return
    for number, explanation in enumerate(found):
        if number:
            console.print()
        console.print(explanation["id"], style="bold", markup=False, highlight=False)
        for line in explanation["lines"]:
            console.print(Padding(Text(line), (0, 0, 0, 2)))
