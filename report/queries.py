"""The questions that a report asks of a trace.

Invocations are asked for as ``told``: as they were recorded, or with the units of a plan (``runs.py``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import duckdb

from pipetrace.tracer.originals import Originals, read_originals

SERVING = "(select * from chain where kind <> 'init')"
"""Chains that an outside event began; what runs while the application starts is not part of its load."""


class Tables:
    """A trace that is open for reading; ``rows`` answers one question."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        self.name = name
        """How the trace is called in messages and in the report: its file name."""
        self._connection = connection
        self.define("create or replace temp view told as select * from invocation")

    @cached_property
    def originals(self) -> Originals:
        """Where what stands in compiled files was written."""
        return read_originals(self.rows)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run a query and return all its rows."""
        return self._connection.execute(sql, list(parameters)).fetchall()

    def define(self, sql: str, rows: Sequence[Sequence[object]] = ()) -> None:
        """Run a statement that makes something for the time that the trace is open, or fills it with rows."""
        if rows:
            self._connection.executemany(sql, [list(row) for row in rows])
        else:
            self._connection.execute(sql)

    def meta(self) -> dict[str, Any]:
        """The trace's own description, decoded."""
        return {key: json.loads(value) for key, value in self.rows("select key, value from meta")}


class FunctionRow(NamedTuple):
    """A function of the application with the place where it was written."""

    function_id: int
    file: str
    kind: str
    name: str
    key: str
    line: int
    end_line: int
    recorded: tuple[str, int] = ("", 0)
    """File and line that were recorded: of compiled text, where there is an original."""


class CostRow(NamedTuple):
    """CPU of the calls of a function, or of the chains of an event, in microseconds."""

    number: int
    threw: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


class InvocationRow(NamedTuple):
    """An invocation of a chain that is merged into a causal tree."""

    event: tuple[str, str]
    chain_id: int
    invocation_id: int
    parent_id: int | None
    first_id: int | None
    function_id: int
    kind: str
    cpu_us: float


class TouchRow(NamedTuple):
    """Accesses of one function to one piece of memory, folded."""

    owner: str
    function_id: int
    mode: str
    line: int
    chains: int


class SharedRow(NamedTuple):
    """Memory that more than one chain used and that was written after initialisation."""

    owner: str
    name: str
    file: str
    line: int
    kind: str
    chains: int


EVENT_LEVELS = (
    "event",
    r"regexp_replace(regexp_replace(event, '\?.*', ''), '/[^/]*[0-9][^/]*', '/*', 'g')",
    r"regexp_replace(regexp_replace(event, '\?.*', ''), '^(\S* ?/[^/]*)/.*', '\1/*')",
    r"regexp_replace(event, '/.*', '/*')",
)
"""How events may be merged when there are too many: not, by paths without numbers, by first segment, all."""

_LABEL = "coalesce(replace(nullif(l.root_variable, ''), '#', ':'), l.owner)"
"""What a piece of memory is called: the variable through which it is reached, else its own label."""

_NAME = """coalesce(nullif(regexp_extract(l.root_variable, '#(.*)$', 1), ''),
    case l.kind when 'content' then regexp_replace(l.owner, '^object #\\d+ \\((.*?)\\)', '\\1')
                when 'property' then '.' || l.name else l.name end)"""
"""How a piece of memory is named in a sentence: by its variable, as a property, or by the class of the object."""

# A call is the first part of an invocation and every part after an `await`.
_CALLS = f"""
    select coalesce(i.first_id, i.invocation_id) as call_id, any_value(i.function_id) as function_id,
           sum(coalesce(i.cpu_ns, i.self_ns)) / 1000.0 as cpu_us, bool_or(i.sampled) as sampled,
           bool_or(i.threw) as threw
    from told i join {SERVING} c using (chain_id)
    where i.kind <> 'init' group by 1
"""
_COSTS = """count(*), count(*) filter (where threw), avg({0}),
    quantile_cont({0}, 0.5), quantile_cont({0}, 0.95), quantile_cont({0}, 0.99), max({0})"""


def functions(tables: Tables) -> dict[int, FunctionRow]:
    """All functions of the application by id."""
    rows = tables.rows(
        """select f.function_id, coalesce(file.path, ''), f.kind, coalesce(f.name, ''),
                  coalesce(f.handler_key, ''), coalesce(f.line, 0), coalesce(f.end_line, f.line, 0), f.col
           from function f left join file using (file_id) order by f.function_id"""
    )
    found = {}
    for number, path, kind, name, key, line, end_line, column in rows:
        file, first = tables.originals.place(path, line, column)
        other, last = tables.originals.place(path, end_line)
        last = max(first, last if other == file else first)
        found[number] = FunctionRow(number, file, kind, name, key, first, last, (path, line))
    return found


def call_costs(tables: Tables) -> dict[tuple[int, bool], CostRow]:
    """CPU per call of each function, apart for sampled and unsampled calls."""
    rows = tables.rows(
        f"with call as ({_CALLS}) select function_id, sampled, {_COSTS.format('cpu_us')} "
        "from call group by function_id, sampled order by function_id, sampled"
    )
    return {(row[0], bool(row[1])): CostRow(*row[2:]) for row in rows}


def cost_histograms(tables: Tables, steps_per_octave: int) -> dict[tuple[int, bool], dict[int, tuple[int, float]]]:
    """Calls by logarithm of their CPU: for each function and kind of call, bin → (calls, total µs).

    Bin ``b`` holds calls of about ``2 ** (b / steps_per_octave)`` microseconds.
    """
    rows = tables.rows(
        f"""with call as ({_CALLS})
            select function_id, sampled, cast(floor(log2(greatest(cpu_us, 0.1)) * ?) as int) as bin, count(*),
                   sum(cpu_us)
            from call group by 1, 2, 3 order by 1, 2, 3""",
        [steps_per_octave],
    )
    histograms: dict[tuple[int, bool], dict[int, tuple[int, float]]] = {}
    for function_id, sampled, position, calls, total in rows:
        histograms.setdefault((function_id, bool(sampled)), {})[position] = (calls, total)
    return histograms


def event_level(tables: Tables, limit: int) -> int:
    """The first of EVENT_LEVELS at which there are no more than ``limit`` events, or the last."""
    counts = ", ".join(f"count(distinct kind || ' ' || {event})" for event in EVENT_LEVELS)
    row = tables.rows(f"select {counts} from {SERVING}")[0]
    return next((level for level, number in enumerate(row) if number <= limit), len(EVENT_LEVELS) - 1)


def chain_costs(tables: Tables, level: int = 0) -> list[tuple[str, str, bool, CostRow, CostRow]]:
    """CPU and wall time per chain of each event, apart for chains with and without sampled invocations.

    A row is (kind, event, sampled, CPU, wall). Wall time runs from the start of a chain to the
    end of its last invocation.
    """
    rows = tables.rows(
        f"""with one as (
                select chain_id, sum(coalesce(cpu_ns, self_ns)) / 1000.0 as cpu, bool_or(sampled) as sampled,
                       bool_or(threw) as threw, (max(start_ns + wall_ns) - min(start_ns)) / 1000.0 as wall
                from told where kind <> 'init' group by chain_id)
            select c.kind, {EVENT_LEVELS[level]}, one.sampled, {_COSTS.format("cpu")}, {_COSTS.format("wall")}
            from one join {SERVING} c using (chain_id) group by 1, 2, 3 order by 1, 2, 3"""
    )
    return [(row[0], row[1], bool(row[2]), CostRow(*row[3:10]), CostRow(*row[10:17])) for row in rows]


def chain_invocations(
    tables: Tables, events: Sequence[tuple[str, str]], chains_each: int, level: int = 0
) -> list[InvocationRow]:
    """The invocations of up to ``chains_each`` chains of each event, spread evenly over the recording.

    Where an event has chains without sampled invocations, only those are taken: their costs are undisturbed.
    """
    if not events:
        return []
    wanted = " or ".join("(kind = ? and event = ?)" for _ in events)
    rows = tables.rows(
        f"""with seen as (
                select c.chain_id, c.kind, {EVENT_LEVELS[level]} as event, bool_or(i.sampled) as sampled
                from {SERVING} c join told i using (chain_id) group by 1, 2, 3),
            best as (
                select * from seen where {wanted}
                qualify cast(sampled as int) = min(cast(sampled as int)) over (partition by kind, event)),
            numbered as (
                select chain_id, kind, event,
                       row_number() over (partition by kind, event order by chain_id) - 1 as n,
                       greatest(1, count(*) over (partition by kind, event) // ?) as step
                from best),
            chosen as (select * from numbered where n % step = 0 and n // step < ?)
            select c.kind, c.event, i.chain_id, i.invocation_id, i.parent_id, i.first_id, i.function_id,
                   i.kind, coalesce(i.cpu_ns, i.self_ns) / 1000.0
            from told i join chosen c using (chain_id)
            where i.kind <> 'init' order by i.chain_id, i.start_ns, i.invocation_id""",
        [*(word for event in events for word in event), chains_each, chains_each],
    )
    return [InvocationRow((row[0], row[1]), *row[2:]) for row in rows]


def totals(tables: Tables) -> tuple[int, int, int, float]:
    """Number of chains, of invocations, of sampled invocations, and their CPU in seconds."""
    row = tables.rows(
        f"""select count(distinct chain_id), count(*), count(*) filter (where sampled),
                   coalesce(sum(coalesce(cpu_ns, self_ns)), 0) / 1e9
            from told join {SERVING} using (chain_id) where told.kind <> 'init'"""
    )[0]
    return row[0], row[1], row[2], row[3]


def init_seconds(tables: Tables, init_end_ns: int | None) -> float:
    """Time from the start of the main process to the end of its initialisation; 0 where it is not known."""
    rows = tables.rows("select min(started_ns) from process where kind = 'main'")
    if init_end_ns is None or rows[0][0] is None:
        return 0.0
    return max(0.0, float(init_end_ns - rows[0][0]) / 1e9)


def chain_counts(tables: Tables) -> dict[str, int]:
    """Number of chains by kind."""
    return dict(tables.rows(f"select kind, count(*) from {SERVING} group by kind order by kind"))


def registrations(tables: Tables) -> dict[int, str]:
    """The call that each handler was most often passed to: ``app.get``, ``setInterval``."""
    return dict(
        tables.rows(
            """select function_id, arg_max(callee, count) from rupture where coalesce(callee, '') <> ''
               group by function_id order by function_id"""
        )
    )


def touches(tables: Tables) -> list[TouchRow]:
    """Who reads and writes what, by label of the memory; only what is written after initialisation."""
    rows = tables.rows(
        f"""with written as (
                select distinct a.location_id
                from access a join told i using (invocation_id) join {SERVING} c using (chain_id)
                where a.mode <> 'r')
            select {_LABEL}, i.function_id, a.mode, min(a.line), count(distinct i.chain_id)
            from access a join written using (location_id) join location l using (location_id)
                 join told i using (invocation_id) join {SERVING} c using (chain_id)
            group by 1, 2, 3 order by 1, 5 desc, 2, 3"""
    )
    return [TouchRow(*row) for row in rows]


def shared(tables: Tables) -> list[SharedRow]:
    """Memory that several chains use and at least one writes, by label, most used first."""
    rows = tables.rows(
        f"""with used as (
                select a.location_id, count(distinct i.chain_id) as chains, bool_or(a.mode <> 'r') as written
                from access a join told i using (invocation_id) join {SERVING} c using (chain_id)
                group by a.location_id)
            select {_LABEL}, arg_min({_NAME}, l.location_id), coalesce(arg_min(file.path, l.location_id), ''),
                   coalesce(arg_min(l.line, l.location_id), 0), arg_min(l.kind, l.location_id),
                   max(used.chains)
            from used join location l using (location_id) left join file using (file_id)
            where used.chains > 1 and used.written group by 1 order by 6 desc, 1"""
    )
    return [SharedRow(*row) for row in rows]


def memory_classes(tables: Tables, resource_classes: Sequence[str]) -> tuple[int, int, int, int]:
    """Numbers of locations that are state, communication, init-only and resources (in this order)."""
    row = tables.rows(
        f"""with used as (
                select a.location_id, count(distinct i.chain_id) as chains,
                       count(distinct a.invocation_id) as uses, bool_or(a.mode <> 'r') as written
                from access a join told i using (invocation_id) join {SERVING} c using (chain_id)
                group by a.location_id)
            select count(*) filter (where not resource and written and chains > 1),
                   count(*) filter (where not resource and written and chains = 1 and uses > 1),
                   count(*) filter (where not resource and not written),
                   count(*) filter (where resource)
            from (select used.*, list_contains(?, coalesce(l.class, '')) as resource
                  from used join location l using (location_id))""",
        [list(resource_classes)],
    )[0]
    return row[0], row[1], row[2], row[3]


def resources(tables: Tables, resource_classes: Sequence[str]) -> list[tuple[str, str, str, int, int, list[int]]]:
    """Objects bound to their process: (class, label, file, line, locations, functions that use them)."""
    rows = tables.rows(
        f"""select l.class, regexp_replace({_LABEL}, '^object #\\d+ \\(.*?\\) ?', '') as label,
                   coalesce(min(file.path), ''), coalesce(min(l.line), 0), count(distinct l.location_id),
                   list_sort(list_distinct(list(i.function_id)))
            from location l join access a using (location_id) join told i using (invocation_id)
                 join {SERVING} c using (chain_id) left join file using (file_id)
            where list_contains(?, coalesce(l.class, '')) group by 1, 2 order by 1, 5 desc, 2""",
        [list(resource_classes)],
    )
    return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in rows]


def processes(tables: Tables) -> list[tuple[Any, ...]]:
    """(process_id, kind, pid, thread_id, argv, lifetime in s, exit code) of each process."""
    return tables.rows(
        """select process_id, kind, pid, thread_id, argv,
                  greatest(coalesce(ended_ns - started_ns, 0), 0) / 1e9, exit_code
           from process order by process_id"""
    )


def file_counts(tables: Tables) -> dict[str, int]:
    """Number of files by status."""
    return dict(tables.rows("select status, count(*) from file group by status order by status"))


def files_left_alone(tables: Tables) -> list[tuple[str, str]]:
    """(path, reason) of every file of the application that was not instrumented."""
    rows = tables.rows("select path, coalesce(reason, '') from file where status = 'left alone' order by path")
    return [(row[0], row[1]) for row in rows]


def file_hashes(tables: Tables) -> dict[str, str]:
    """SHA-256 of every recorded file, by path."""
    return dict(tables.rows("select path, sha256 from file order by path"))


def problems(tables: Tables) -> list[tuple[str, str, list[int], str]]:
    """(kind, file, lines, text) of the problems that the recorder noted; the same text about a file is one."""
    rows = tables.rows(
        """select p.kind, coalesce(file.path, '') as path, list_sort(list_distinct(list(coalesce(p.line, 0)))) as lines,
                  coalesce(p.text, '') as text
           from problem p left join file using (file_id) group by all order by p.kind, path, lines[1], text"""
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def hot_functions(tables: Tables) -> list[tuple[int, float, float, int, int | None]]:
    """(function id, self µs, total µs, samples, calls or None) from the CPU profile, dearest first."""
    rows = tables.rows(
        """with calls as (select function_id, count(*) as n from told
                          where kind in ('handler', 'call') group by function_id)
           select h.function_id, sum(h.self_us), max(h.total_us), sum(h.samples), any_value(calls.n)
           from hot h left join calls using (function_id) group by 1 order by 2 desc, 1"""
    )
    return [(row[0], row[1], row[2], int(row[3]), row[4]) for row in rows]


def samples(tables: Tables) -> list[tuple[Any, ...]]:
    """(process_id, t in s, CPU %, resident and heap bytes, mean and max loop delay in µs, GC ns) in order."""
    return tables.rows(
        """select process_id, t_ns / 1e9, cpu_percent, rss_bytes, heap_bytes, loop_delay_mean_ns / 1e3,
                  loop_delay_max_ns / 1e3, gc_ns from sample order by process_id, t_ns"""
    )
