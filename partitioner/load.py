"""Reads a trace file into a Recording; the only module of the partitioner that knows how traces are stored.

Only the process with the most CPU in handlers is read: a plan is about one event loop. Of the locations only
those are loaded that can matter: alive since initialisation, or touched by two invocations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipetrace.errors import PipetraceError
from pipetrace.partitioner.homes import Name
from pipetrace.partitioner.recording import (
    KINDS,
    MODES,
    NONE,
    READ_WRITE,
    VIAS,
    Accesses,
    Bools,
    Capture,
    Function,
    Ints,
    Invocations,
    Location,
    Recording,
    Rupture,
    Shape,
    SourceFile,
)
from pipetrace.tracer.originals import read_originals
from pipetrace.tracer.trace import open_trace

Columns = dict[str, Any]
Query = Callable[[str], Columns]


def load_recording(path: Path) -> Recording:
    """Read the trace at ``path``.

    Raises PipetraceError where the file is no trace of this version, was recorded by attaching, or holds no invocation.
    """
    with open_trace(path) as trace:
        query = trace.columns
        if trace.meta.get("attached"):
            raise PipetraceError(
                f"{path} was recorded by attaching to a running process, which sees no memory accesses, so state "
                "cannot be told from messages and no plan would be safe; record the application from its start: "
                "pipetrace record --on-port '<load command>' -- <its command>."
            )
        process, left_out = _busiest_process(query)
        if process is None:
            raise PipetraceError(
                f"{path} holds no invocation of an application function: record the application while it is "
                "under load, with `pipetrace record --on-port '<load command>' -- <your command>`."
            )
        held, leads = _held(query)
        return Recording(
            path=path.resolve().as_posix(),
            meta=dict(trace.meta),
            files={
                _int(row["file_id"]): SourceFile(
                    _int(row["file_id"]), row["path"], row["sha256"], row["status"], translated=row["translated"]
                )
                for row in _rows(
                    query,
                    """select file_id, path, sha256, status, status = 'instrumented' and reason <> '' as translated
                       from file order by file_id""",
                )
            },
            functions=_functions(query),
            captures=_captures(query),
            calls=_grouped(
                query,
                "select caller_id, callee_id from static_call order by 1, 2",
                "caller_id",
                lambda row: _int(row["callee_id"]),
            ),
            ruptures=_grouped(
                query,
                "select * from rupture order by all",
                "function_id",
                lambda row: Rupture(
                    file=_optional(row["file_id"]),
                    line=_int(row["line"]),
                    callee=row["callee"] or "",
                    kind=row["kind"] or "",
                    count=_int(row["count"]),
                    during_init=_int(row["during_init"]),
                ),
            ),
            shapes=_shapes(query),
            chains=_chains(query, process),
            invocations=_invocations(query, process),
            locations=_locations(query, process),
            accesses=_accesses(query, process),
            left_out=left_out,
            started_processes=_started_processes(query, process),
            originals=read_originals(lambda text: trace.connection.execute(text).fetchall()),
            held=held,
            leads=leads,
        )


def _busiest_process(query: Query) -> tuple[int | None, float]:
    found = query(
        "select process_id, sum(cpu_ns)::double as cpu from invocation where kind <> 'init' "
        "group by process_id order by cpu desc, process_id"
    )
    if len(found["process_id"]) == 0:
        found = query("select process_id, 1.0 as cpu from invocation group by process_id order by process_id")
    if len(found["process_id"]) == 0:
        return None, 0.0
    cpu = [float(value) for value in found["cpu"]]
    return int(found["process_id"][0]), 1.0 - cpu[0] / sum(cpu) if sum(cpu) > 0 else 0.0


def _held(query: Query) -> tuple[dict[Name, tuple[int, ...]], dict[Name, tuple[Name, ...]]]:
    """What functions can be got from, by names; older traces do not tell."""
    held: dict[Name, list[int]] = defaultdict(list)
    leads: dict[Name, list[Name]] = defaultdict(list)
    if _rows(query, "select 1 as there from duckdb_tables() where table_name = 'static_held'"):
        for row in _rows(query, "select * from static_held order by all"):
            name = (_int(row["scope_function_id"]), str(row["name"]))
            if _present(row["function_id"]):
                held[name].append(_int(row["function_id"]))
            else:
                leads[name].append((_int(row["leads_scope_id"]), str(row["leads_name"])))
    return {name: tuple(found) for name, found in held.items()}, {name: tuple(found) for name, found in leads.items()}


def _started_processes(query: Query, process: int) -> int:
    """Count the processes, and worker threads of the initialisation, that run the application beside a process."""
    found = query(
        f"""select count(*) as count from process p
            where process_id <> {process} and process_id in (select process_id from invocation)
              and (kind <> 'worker' or not exists (select 1 from chain c
                where c.process_id = {process} and c.kind <> 'init' and c.start_ns < p.started_ns))"""
    )
    return int(found["count"][0])


def _functions(query: Query) -> dict[int, Function]:
    found: dict[int, Function] = {}
    for row in _rows(query, "select * from function order by function_id"):
        number = _int(row["function_id"])
        found[number] = Function(
            id=number,
            file=_int(row["file_id"]),
            parent=_optional(row["parent_id"]),
            kind=row["kind"],
            name=row["name"] or "",
            key=row["handler_key"] or "",
            start=_int(row["start_offset"]),
            end=_int(row["end_offset"]),
            line=_int(row["line"]),
            column=_int(row["col"]),
            end_line=_int(row["end_line"]),
            is_async=_bool(row["is_async"]),
            is_generator=_bool(row["is_generator"]),
            params=_int(row["params"]),
            returns_promise=_bool(row["returns_promise"]),
            uses_this=_bool(row["uses_this"]),
            dynamic_scope=_bool(row["uses_dynamic_scope"]),
            code_after_next=_bool(row.get("code_after_next")),
            global_reads=frozenset((row.get("global_reads") or "").split()),
            global_writes=frozenset((row.get("global_writes") or "").split()),
            position=row.get("position") or "",
            names_before=tuple((row.get("names_before") or "").split()),
            names_after=tuple((row.get("names_after") or "").split()),
            hands_out=_bool(row.get("hands_out")),
            members=tuple(int(member) for member in (row.get("members") or "").split()),
            inputs=tuple(_pair(pair) for pair in (row.get("inputs") or "").split()),
        )
    return found


def _pair(text: str) -> tuple[int, int]:
    member, _, argument = text.partition(":")
    return int(member), int(argument)


def _captures(query: Query) -> dict[int, tuple[Capture, ...]]:
    return _grouped(
        query,
        "select * from capture order by function_id, declaration_line, name, scope_function_id",
        "function_id",
        lambda row: Capture(
            name=row["name"],
            scope=_int(row["scope_function_id"]),
            module_level=_bool(row["module_level"]),
            kind=row["kind"] or "",
            reads=_bool(row["reads"]),
            writes=_bool(row["writes"]),
            reassigned=_bool(row["reassigned"]),
            line=_int(row["declaration_line"]),
            nondeterministic=_bool(row["nondeterministic_init"]),
            init_kind=row["init_kind"] or "none",
            home=(_int(row["home_function_id"]), name) if isinstance(name := row.get("home_name"), str) else None,
            library=row.get("library") or "",
        ),
    )


def _shapes(query: Query) -> dict[int, Mapping[str, tuple[Shape, ...]]]:
    found: dict[int, dict[str, list[Shape]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows(query, 'select * from shape order by function_id, slot, count desc, "class"'):
        found[_int(row["function_id"])][row["slot"]].append(
            Shape(
                slot=row["slot"],
                klass=row["class"] or "",
                count=_int(row["count"]),
                bytes_mean=_float(row["bytes_mean"]),
                values_mean=_float(row.get("values_mean")),
                sendable=_bool(row["sendable"]),
                why=row["why"] or "",
            )
        )
    return {function: {slot: tuple(shapes) for slot, shapes in slots.items()} for function, slots in found.items()}


def _chains(query: Query, process: int) -> dict[str, Ints]:
    kinds = query(f"select distinct kind from chain where process_id = {process} and kind is not null")["kind"].tolist()
    text = "select chain_id from chain where process_id = {} and kind = '{}' order by 1"
    return {kind: _ints(query(text.format(process, kind.replace("'", "''")))["chain_id"]) for kind in kinds}


def _invocations(query: Query, process: int) -> Invocations:
    kinds = " ".join(f"when '{name}' then {code}" for name, code in KINDS.items())
    found = query(
        f"""select invocation_id as id, function_id as function, coalesce(parent_id, {NONE}) as parent,
                   coalesce(chain_id, invocation_id) as chain, case kind {kinds} else 0 end as kind,
                   coalesce(first_id, {NONE}) as first, coalesce(nested, false) as nested, start_ns,
                   coalesce(wall_ns, 0) as wall_ns,
                   coalesce(cpu_ns, self_ns, 0) as cpu_ns, coalesce(sampled, false) as sampled
            from invocation where process_id = {process} and function_id is not null order by invocation_id"""
    )
    return Invocations(
        id=_ints(found["id"]),
        function=_ints(found["function"]),
        parent=_ints(found["parent"]),
        chain=_ints(found["chain"]),
        kind=_ints(found["kind"]),
        first=_ints(found["first"]),
        nested=_bools(found["nested"]),
        start_ns=_ints(found["start_ns"]),
        wall_ns=_ints(found["wall_ns"]),
        cpu_ns=_ints(found["cpu_ns"]),
        sampled=_bools(found["sampled"]),
    )


_KEPT_LOCATIONS = """
    select l.* from location l where l.process_id = {process} and
      (l.born_init or l.location_id in (
         select location_id from access group by location_id having count(distinct invocation_id) > 1)
       or l.object_id in (
         select o.object_id from location o join access using (location_id)
         where o.process_id = {process} and o.object_id is not null and not o.born_init and o.kind <> 'variable'
         group by o.object_id having count(distinct invocation_id) > 1 and bool_or(o.kind = 'content')))"""
"""Those that two invocations touch, also where one looks at a whole object and the other writes a part of it."""


def _locations(query: Query, process: int) -> dict[int, Location]:
    kept = _KEPT_LOCATIONS.format(process=process)
    columns = query(
        f"""select location_id, kind, coalesce(name, ''), coalesce(owner, ''), file_id, coalesce(line, 0),
                   scope_function_id, coalesce(class, ''), coalesce(born_init, false), coalesce(root_variable, ''),
                   born_chain, object_id
            from ({kept}) order by location_id"""
    )
    # A recording may have a million of them.
    listed = [np.ma.asarray(values).tolist() for values in columns.values()]
    return {row[0]: Location(*row) for row in zip(*listed, strict=True)}


def _accesses(query: Query, process: int) -> Accesses:
    modes = " ".join(f"when '{name}' then {code}" for name, code in MODES.items())
    vias = " ".join(f"when '{name}' then {code}" for name, code in VIAS.items())
    found = query(
        f"""select a.invocation_id, a.location_id, case a.mode {modes} else {READ_WRITE} end as mode,
                   case a.via {vias} else 0 end as via, coalesce(a.line, 0) as line
            from access a join ({_KEPT_LOCATIONS.format(process=process)}) l using (location_id)
            order by a.location_id, a.invocation_id, line, mode"""
    )
    return Accesses(
        invocation=_ints(found["invocation_id"]),
        location=_ints(found["location_id"]),
        mode=_ints(found["mode"]),
        via=_ints(found["via"]),
        line=_ints(found["line"]),
    )


def _grouped(query: Query, text: str, key: str, make: Callable[[Columns], Any]) -> dict[int, tuple[Any, ...]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in _rows(query, text):
        found[_int(row[key])].append(make(row))
    return {number: tuple(values) for number, values in found.items()}


def _rows(query: Query, text: str) -> list[Columns]:
    columns = query(text)
    names = list(columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _present(value: Any) -> bool:
    return value is not None and value is not np.ma.masked and value == value


def _int(value: Any) -> int:
    return int(value) if _present(value) else 0


def _float(value: Any) -> float:
    return float(value) if _present(value) else 0.0


def _optional(value: Any) -> int | None:
    return int(value) if _present(value) else None


def _bool(value: Any) -> bool:
    return bool(value) if _present(value) else False


def _ints(values: Any) -> Ints:
    return np.asarray(np.ma.filled(values, NONE), dtype=np.int64)


def _bools(values: Any) -> Bools:
    return np.asarray(np.ma.filled(values, False), dtype=np.bool_)
