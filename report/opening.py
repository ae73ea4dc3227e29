"""Opens what a report is made of: the trace, and the plan that was made from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipetrace.errors import PipetraceError
from pipetrace.partitioner.plan import load_plan
from pipetrace.report.planned import PlanDocument, belongs_to
from pipetrace.report.queries import Tables
from pipetrace.tracer.trace import open_trace


@contextmanager
def open_tables(path: Path) -> Iterator[Tables]:
    """The tables of a trace, open for reading; raises PipetraceError for what is not a readable trace."""
    with open_trace(path) as trace:
        yield Tables(trace.connection, path.name)


def find_plan(named: Path | None, meta: Mapping[str, Any]) -> tuple[PlanDocument | None, str, str]:
    """The plan of a recording, its path, and a remark for the user.

    A named plan must belong to the recording, else PipetraceError is raised. Without a name, ``plan.json`` in
    the working directory is taken if it does; a plan of another recording is left out with a remark.
    """
    path = named or Path("plan.json")
    if named is None and not path.is_file():
        return None, "", ""
    try:
        plan = load_plan(path).to_json()
    except PipetraceError as error:
        if named is not None:
            raise
        return None, "", f"{path} is left out: {error}"
    if belongs_to(plan, meta):
        return plan, str(path), ""
    if named is None:
        return None, "", f"{path} is left out: it was made from another recording."
    raise PipetraceError(
        f"{path} was made from another recording; name its trace, or make a plan of this one with "
        "`pipetrace partition`."
    )
