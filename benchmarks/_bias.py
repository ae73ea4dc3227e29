"""Whether memory sampling biases costs: CPU per handler recorded with and without it, under the same load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _common as common

from pipetrace.tracer.trace import open_trace

LEAST = 30
"""Invocations of a handler in either recording that make it comparable."""
SHORTEST_US = 1.0
"""Of shorter calls the clock tells little."""
SHARE = 0.02
"""Share of all handlers' CPU time below which a handler is left out."""

_SPAN = "select min(start_ns), max(start_ns) from invocation where kind <> 'init'"
_QUERY = """
with part as (
    select i.invocation_id as id, i.parent_id, coalesce(i.first_id, i.invocation_id) as first, i.function_id,
           fn.kind = 'kernel' as cut, i.cpu_ns, i.sampled, i.start_ns
    from invocation i join "function" fn using (function_id) where i.kind <> 'init'
), whole as (
    select case when part.cut then coalesce(around.first, part.first) else part.first end as id,
           sum(part.cpu_ns) as cpu_ns, bool_or(part.sampled) as sampled, min(part.start_ns) as start_ns
    from part left join part around on around.id = part.parent_id group by 1
)
select f.path || ':' || fn.line || ' ' || coalesce(nullif(fn.name, ''), 'anonymous') as handler, count(*) as calls,
       median(whole.cpu_ns) / 1e3 as median_us, avg(whole.cpu_ns) / 1e3 as mean_us, sum(whole.cpu_ns) as total
from whole join part using (id) join "function" fn using (function_id) join file f using (file_id)
where not whole.sampled and whole.start_ns > $since
group by 1
"""
"""Kernels are parts of the function that they stand in, and so is what it does behind them."""


def bias_rows(folder: Path) -> list[dict[str, Any]]:
    """Handlers that matter, from the traces `off.duckdb` and `sampled.duckdb`; [] when there are none."""
    found: dict[str, dict[str, Any]] = {}
    for memory in ("off", "sampled"):
        path = folder / f"{memory}.duckdb"
        if not path.is_file():
            return []
        with open_trace(path) as trace:
            first, last = trace.sql(_SPAN).fetchall()[0]
            # The first half is warm-up: code that is not optimised yet, and most of the samples.
            rows = trace.sql(_QUERY.replace("$since", str((first + last) // 2))).fetchall()
        total = sum(row[4] for row in rows)
        found[memory] = {row[0]: (*row[1:4], row[4] / total) for row in rows}
    rows = []
    for handler, (calls, median, mean, share) in found["off"].items():
        other = found["sampled"].get(handler)
        if other is None or share < SHARE or min(calls, other[0]) < LEAST or median < SHORTEST_US:
            continue
        rows.append(
            {"handler": handler, "share": share, "calls": calls, "off_us": median, "sampled_us": other[1],
             "off_mean_us": mean, "sampled_mean_us": other[2]}
        )  # fmt: skip
    return sorted(rows, key=lambda row: -row["share"])


def bias_table(results: Sequence[dict[str, Any]]) -> list[str]:
    """The lines of the section about bias."""
    rows = [
        (
            f"{result['program']}: {row['handler']}",
            f"{100 * row['share']:.0f} %",
            common.figure(row["off_us"]),
            common.figure(row["sampled_us"]),
            f"{100 * (row['sampled_us'] / row['off_us'] - 1):+.1f} %",
        )
        for result in results
        for row in result["bias"]
        if row["off_us"] >= SHORTEST_US
    ]
    headings = ("", "share", "costs only, µs", "with memory sampling, µs", "difference")
    return [
        "## Costs per handler with and without memory sampling\n",
        "Median CPU time of the calls of which no part was sampled, same turns of load, aim: within 5 %.",
        "",
        common.markdown_table(headings, rows),
    ]
