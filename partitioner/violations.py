"""What a staged application reported that it could not do: read from its log, and kept together in the next plan."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from pipetrace.errors import PipetraceError
from pipetrace.partitioner.analysis import Analysis
from pipetrace.partitioner.homes import ModuleNames
from pipetrace.partitioner.refusal import Refusal

_FIELDS = ("handler", "location", "owner", "message")


@dataclass(frozen=True, slots=True)
class Violation:
    """A moved handler, by its id in the plan, needed something that another stage owns."""

    handler: str
    location: str
    """Id of a state in the plan, or words for what else it was."""
    owner: str
    times: int = 1


def read_violations(log: Path) -> tuple[Violation, ...]:
    """The violations of a log that a staged application wrote, each once, in order of their first appearance.

    Raises PipetraceError where the file cannot be read or is no such log.
    """
    try:
        lines = log.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise PipetraceError(
            f"There is no file {log}; `pipetrace run --violations FILE` and `pipetrace verify --violations FILE` write "
            "one."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PipetraceError(f"{log} cannot be read ({error}); name a log of violations.") from None
    found: dict[tuple[str, str], Violation] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            noted = json.loads(line)
        except ValueError:
            noted = None
        if not isinstance(noted, dict) or not all(isinstance(noted.get(field), str) for field in _FIELDS):
            raise PipetraceError(
                f"Line {number} of {log} is no violation; name a file that `pipetrace run --violations FILE` wrote."
            )
        key = (noted["handler"], noted["location"])
        before = found.get(key)
        found[key] = Violation(*key, noted["owner"], before.times + 1 if before else 1)
    return tuple(found.values())


def hold_together(analysis: Analysis, violations: tuple[Violation, ...]) -> Analysis:
    """The analysis with each handler of a violation, and what uses what it needed, held on the entry stage."""
    by_id = {analysis.ids[unit]: unit for unit in analysis.graph.units}
    refusals: dict[int, Refusal] = {}
    for violation in violations:
        handler = by_id.get(violation.handler)
        if handler is None:
            continue
        item = analysis.classes.items.get(violation.location)
        owners = [unit for unit in item.functions if unit in analysis.graph.units] if item else []
        times = "once" if violation.times == 1 else f"{violation.times} times"
        what = violation.location.rpartition(":")[2] or "something"
        for unit in sorted(_around(analysis, {handler, *owners}) | _inside(analysis, handler, violation.location)):
            refusals.setdefault(
                unit,
                Refusal(
                    "violation",
                    f"{analysis.name(handler)} needed `{what}` of stage {violation.owner} {times} when the staged "
                    "application ran"
                    f"{'' if unit == handler else f', and {analysis.name(unit)} could do so'}, so they stay together.",
                    "Record a load that takes this path, and partition that trace instead.",
                ),
            )
    mobilities = {
        unit: dataclasses.replace(found, refusals=(refusals[unit], *found.refusals)) if unit in refusals else found
        for unit, found in analysis.mobilities.items()
    }
    return dataclasses.replace(analysis, mobilities=mobilities)


def _around(analysis: Analysis, units: set[int]) -> set[int]:
    """Some units, and those inside which they ran: they would take them along."""
    found = set(units)
    for cell in analysis.graph.cells:
        for position, unit in enumerate(cell.path):
            if units.intersection(cell.path[position:]):
                found.add(unit)
    return found


def _inside(analysis: Analysis, handler: int, location: str) -> set[int]:
    """The units that ran inside a handler and could touch what it touched: the violation may be theirs."""
    inner = {
        unit
        for cell in analysis.graph.cells
        if handler in cell.path
        for unit in cell.path[cell.path.index(handler) + 1 :]
    }
    named = _names(analysis, handler)
    return {unit for unit in inner if location not in named or location in _names(analysis, unit)}


def _names(analysis: Analysis, unit: int) -> set[str]:
    recording = analysis.recording
    names = ModuleNames(recording).used_by(analysis.reach.of_unit(unit))
    return {f"{recording.file_of(scope)}:{name}" for scope, name in names if scope in recording.functions}
