"""What a recording lacks: records that could not be written, and events left out to keep it within its size."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from pipetrace.tracer.spool import SpoolTables


def not_written(spool: SpoolTables, lost: int) -> str:
    """Say what the agents could or would not write up to the end; '' when that is nothing."""
    if lost:
        return f"{lost} records could not be written to {tempfile.gettempdir()} (disk full?)."
    if spool.cut_invocations:
        return (
            f"The recording reached its size, so the last {spool.cut_invocations} invocations of events that had begun "
            "before are missing; --max-size keeps more."
        )
    return ""


def left_out(spool: SpoolTables) -> dict[str, int]:
    """What ``meta`` says of what was left out for the sake of the size."""
    return {"chains": spool.left_chains, "invocations": spool.left_invocations, "cut": spool.cut_invocations}


def left_out_remark(spool: SpoolTables) -> Iterator[str]:
    if spool.left_chains:
        events = spool.left_chains + len(spool.chain)
        yield (
            f"The recording reached its size: {spool.left_chains} of {events} events were left out, chosen evenly, so "
            "means and percentiles hold and counts are too low; --max-size keeps more."
        )
