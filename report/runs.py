"""Runs of kernels as a plan has them: calls that move as one unit are told as one unit.

The recorder notes each call of such a run by itself, and so does a report without a plan. With a plan whose units
are whole runs, their calls count as one invocation of the run: the first enters it, the others go on with it.
"""

from __future__ import annotations

from collections.abc import Collection

from pipetrace.report.queries import Tables

_RUN_PARTS = """
    create or replace temp table run_part as
    with part as (
            select i.invocation_id, i.start_ns, m.run, m.place,
                   coalesce(around.first_id, around.invocation_id) as activation
            from invocation i join member m using (function_id)
                 join invocation around on around.invocation_id = i.parent_id),
        begun as (
            select *, coalesce(lag(place) over (partition by activation, run order by start_ns, invocation_id), place)
                      >= place as begins
            from part),
        counted as (
            select *, count(*) filter (where begins)
                      over (partition by activation, run order by start_ns, invocation_id) as turn
            from begun)
    select invocation_id, run,
           first_value(invocation_id)
               over (partition by activation, run, turn order by start_ns, invocation_id) as entered
    from counted"""
"""The calls of runs with the call that entered each."""

_TOLD = """
    create or replace temp view told as
    select i.* replace (
        coalesce(p.run, i.function_id) as function_id,
        case when p.entered <> i.invocation_id then p.entered when p.run is not null then null else i.first_id end
            as first_id,
        case when p.entered <> i.invocation_id then 'resume' else i.kind end as kind)
    from invocation i left join run_part p using (invocation_id)"""
"""Invocations as a report tells them."""


def tell_runs(tables: Tables, planned: Collection[str]) -> None:
    """Let the invocations of planned runs count as the runs' own, in every later question about handlers.

    Calls of one activation of the function around them are one invocation of the run, until a call comes that
    does not stand after the last. ``planned`` holds the handler keys of the plan. Recordings made before runs
    were known have none.
    """
    if not tables.rows(
        "select 1 from information_schema.columns where table_name = 'function' and column_name = 'members'"
    ):
        return
    runs = tables.rows("select function_id, handler_key, members from function where members <> ''")
    members = [
        (int(member), run, place)
        for run, key, listed in runs
        if key in planned
        for place, member in enumerate(listed.split())
    ]
    if members:
        tables.define("create or replace temp table member (function_id int, run int, place int)")
        tables.define("insert into member values (?, ?, ?)", members)
        tables.define(_RUN_PARTS)
        tables.define(_TOLD)
