"""CPU profiles written out by hand, and what the sums over them must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipetrace.tracer import cpu_profile
from pipetrace.tracer.cpu_profile import CpuProfile, Outside
from pipetrace.tracer.inspection import MOST_OFF_S, OFF_S, STARTS_SHARE, pause_s
from pipetrace.tracer.static_tables import LoadedFile, StaticFile

ROOT = Path("/app")
AGENT = str(Path(cpu_profile.__file__).resolve().parent / "agent")


def node(number: int, children: list[int], name: str, url: str = "", line: int = -1, column: int = -1) -> dict[str, Any]:
    call = {"functionName": name, "url": url, "lineNumber": line, "columnNumber": column}
    return {"id": number, "children": children, "callFrame": call}


def profile(*nodes: dict[str, Any], samples: list[int], each_us: int = 1000) -> dict[str, Any]:
    return {"nodes": list(nodes), "samples": samples, "timeDeltas": [each_us] * len(samples)}


def file(*starts: tuple[int, int], base: int = 10) -> LoadedFile:
    static = StaticFile(tuple({} for _ in starts), (), (), (), ())
    return LoadedFile(0, "a.js", "", "commonjs", 0, "instrumented", "", base, static, starts)


def hot(summed: CpuProfile, *starts: tuple[int, int]) -> dict[int, tuple[float, float, int]]:
    return {row.function_id: (row.self_us, row.total_us, row.samples) for row in summed.hot([file(*starts)], ROOT)}


def test_time_in_a_library_counts_in_the_total_of_the_function_that_called_it() -> None:
    summed = CpuProfile()
    summed.add(
        profile(
            node(1, [2], "(root)"),
            node(2, [3], "f", "/app/a.js", 0, 30),
            node(3, [], "helper", "/app/node_modules/lib/i.js", 5, 1),
            samples=[2, 3, 3, 2],
        ),
        0,
    )
    # The last sample stands for no time: nobody knows how long it lasted.
    assert hot(summed, (0, 0), (0, 30)) == {11: (1000, 3000, 2)}


def test_recursion_counts_once_in_the_total() -> None:
    summed = CpuProfile()
    summed.add(
        profile(
            node(1, [2], "(root)"),
            node(2, [3], "f", "/app/a.js", 0, 30),
            node(3, [], "f", "/app/a.js", 0, 30),
            samples=[2, 3, 3, 3],
        ),
        0,
    )
    assert hot(summed, (0, 0), (0, 30)) == {11: (3000, 3000, 4)}


def test_functions_on_one_line_are_told_apart_by_their_column() -> None:
    summed = CpuProfile()
    summed.add(
        profile(
            node(1, [2, 3], "(root)"),
            node(2, [], "", "/app/a.js", 0, 40),
            node(3, [], "", "/app/a.js", 0, 90),
            samples=[2, 3, 3, 1],
        ),
        0,
    )
    assert hot(summed, (0, 0), (0, 40), (0, 90)) == {11: (1000, 1000, 1), 12: (2000, 2000, 2)}


def test_modules_are_known_by_url_and_by_the_start_of_their_text() -> None:
    summed = CpuProfile()
    summed.add(profile(node(1, [2], "(root)"), node(2, [], "", "file:///app/a.js", 0, 0), samples=[2, 2]), 0)
    assert hot(summed, (0, 7)) == {10: (1000, 1000, 2)}


def test_several_profiles_add_up() -> None:
    summed = CpuProfile()
    for _ in range(3):
        summed.add(profile(node(1, [2], "(root)"), node(2, [], "f", "/app/a.js", 1, 2), samples=[2, 2]), 0)
    assert hot(summed, (0, 0), (1, 2)) == {11: (3000, 3000, 6)}


def test_the_agents_share_is_measured_after_initialisation_only() -> None:
    def nodes() -> tuple[dict[str, Any], ...]:
        return (
            node(1, [2, 5, 6], "(root)"),
            node(2, [3, 7], "f", "/app/a.js", 0, 30),
            node(3, [8], "flush", f"{AGENT}/spool.js", 3, 1),
            node(8, [], "write", "node:fs", 1, 1),
            # A call of the application with a probe around it is the application's.
            node(7, [4], "call", f"{AGENT}/calls.js", 3, 1),
            node(4, [], "readFileSync", "node:fs", 1, 1),
            node(5, [], "(idle)"),
            node(6, [], "receive", f"{AGENT}/channel.js", 9, 9),
        )

    summed = CpuProfile()
    start, later = 1_000_000_000_000, 1_010_000_000_000
    summed.add(profile(*nodes(), samples=[3, 6, 6, 3], each_us=1_000_000), start)
    assert summed.agent_share(later) is None
    summed.add(profile(*nodes(), samples=[2, 4, 7, 3, 8, 5, 5, 5], each_us=300_000), later)
    assert summed.waiting_us == 2_000_000
    share = summed.agent_share(later)
    assert share is not None
    assert abs(share - 3 / 5) < 1e-9


def test_a_profile_counts_in_the_agents_share_for_the_time_that_it_stands_for() -> None:
    summed = CpuProfile()
    nodes = (
        node(1, [2, 3], "(root)"),
        node(2, [], "f", "/app/a.js", 0, 30),
        node(3, [], "open", f"{AGENT}/frames.js", 1, 1),
    )
    # All of it the agent's in the first second, and a tenth in a second that stands for five.
    summed.add(profile(*nodes, samples=[3] * 1001), 10**9)
    summed.add(profile(*nodes, samples=[3] * 100 + [2] * 901), 3 * 10**9, weight=5.0)
    share = summed.agent_share(0)
    assert share is not None and abs(share - 1500 / 6000) < 0.001


OUTSIDE = (
    node(1, [2, 4, 5, 6, 7], "(root)"),
    node(2, [3], "f", "/app/a.js", 0, 30),
    node(3, [], "render", "/app/node_modules/marked/index.js", 5, 1),
    node(4, [8], "next", "/app/node_modules/router/index.js", 3, 1),
    node(8, [], "open", f"{AGENT}/frames.js", 1, 1),
    node(5, [], "(garbage collector)"),
    node(6, [], "(idle)"),
    node(7, [9], "processTicksAndRejections", "node:internal/process/task_queues", 1, 1),
    node(9, [], "g", "file:///app/lib%20b.mjs", 0, 30),
)


def _outside() -> CpuProfile:
    summed = CpuProfile()
    summed.is_application = {"/app/a.js", "/app/lib b.mjs"}.__contains__
    return summed


def test_what_runs_under_no_function_of_the_application_is_outside() -> None:
    summed = _outside()
    # Inside: 2, 3, 9. Outside: 4, 7. Neither: the agent's 8, the collector, idle.
    summed.add(profile(*OUTSIDE, samples=[2, 3, 3, 9, 4, 7, 8, 5, 5, 6, 6], each_us=300_000), 10**12)
    assert summed.outside(10**12 - 10**9) == Outside(0.3333, {"router": 0.1667}, 0.6)


def test_the_first_seconds_are_left_out_where_enough_follows() -> None:
    summed = _outside()
    summed.add(profile(*OUTSIDE, samples=[4, 2, 6], each_us=200_000), 10**12)
    assert summed.outside(10**12 - 10**9) is None
    summed.add(profile(*OUTSIDE, samples=[2] * 4, each_us=100_000), 10**12 + 10**9)
    assert summed.outside(10**12 - 10**9) == Outside(0.2857, {"router": 0.2857}, 0.2)
    summed.add(profile(*OUTSIDE, samples=[2, 2, 3, 4, 6], each_us=500_000), 10**12 + 5 * 10**9)
    assert summed.outside(10**12 - 10**9) == Outside(0.25, {"router": 0.25}, 0.7)


def test_an_application_that_was_never_met_ran_all_the_same() -> None:
    summed = _outside()
    nodes = (node(1, [2], "(root)"), node(2, [3], "m", "/app/node_modules/@a/b/x.js", 0, 3), node(3, [], "s", "node:fs"))
    summed.add(profile(*nodes, samples=[2, 3, 3, 3], each_us=300_000), 10**12)
    assert summed.outside(10**12 - 10**9) == Outside(0.999, {"@a/b": 1.0}, 0.9)


def test_pauses_between_profiles_grow_and_keep_what_their_starts_take_small() -> None:
    assert [pause_s(windows, 0.0) for windows in (1, 2, 3, 9)] == [OFF_S, 2 * OFF_S, MOST_OFF_S, MOST_OFF_S]
    # A heap of 500 MB.
    assert pause_s(1, 0.8) * STARTS_SHARE == 0.8
