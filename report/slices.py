"""Invocations as slices that nest, which both viewers demand of what ran on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pipetrace.report.queries import Tables


class Slice(NamedTuple):
    """One invocation on the time line of its process; times in nanoseconds since the first one recorded."""

    process_id: int
    invocation_id: int
    parent_id: int | None
    chain_id: int
    function_id: int
    kind: str
    trigger: str
    start_ns: int
    end_ns: int
    cpu_ns: int
    sampled: bool
    enclosing: int | None
    """The invocation during which this one began, if any."""


def origin_ns(tables: Tables) -> int:
    """The moment that counts as zero: the earliest start in the trace."""
    row = tables.rows(
        """select least((select min(start_ns) from invocation), (select min(t_ns) from sample),
                        (select min(started_ns) from process))"""
    )[0]
    return int(row[0] or 0)


def nested_slices(tables: Tables, origin: int, limit: int) -> Iterator[Slice]:
    """The first ``limit`` invocations of the trace, ordered by process and start.

    One thread runs one thing at a time, so invocations nest by nature. Clocks round, though: a slice that
    would outlast the one around it is shortened to its end.
    """
    rows = tables.rows(
        """select * from (
               select process_id, invocation_id, parent_id, chain_id, function_id, kind,
                      coalesce(trigger, ''), start_ns, wall_ns, coalesce(cpu_ns, self_ns, 0),
                      coalesce(sampled, false)
               from invocation order by start_ns, invocation_id limit ?)
           order by process_id, start_ns, wall_ns desc, invocation_id""",
        [limit],
    )
    stack: list[tuple[int, int]] = []
    process = None
    for (
        process_id,
        invocation_id,
        parent_id,
        chain_id,
        function_id,
        kind,
        trigger,
        start,
        wall,
        cpu,
        sampled,
    ) in rows:
        if process_id != process:
            process, stack = process_id, []
        start -= origin
        end = start + max(wall or 0, 0)
        while stack and stack[-1][1] <= start:
            stack.pop()
        if stack:
            end = min(end, stack[-1][1])
        yield Slice(
            *(
                process_id,
                invocation_id,
                parent_id,
                chain_id,
                function_id,
                kind,
                trigger,
                start,
                end,
                cpu,
                sampled,
            ),
            enclosing=stack[-1][0] if stack else None,
        )
        if end > start:
            stack.append((invocation_id, end))


def count_invocations(tables: Tables) -> int:
    """All invocations of the trace."""
    return int(tables.rows("select count(*) from invocation")[0][0])
