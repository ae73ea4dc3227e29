"""Writes the result of a verification for a terminal and as JSON."""

from __future__ import annotations

import base64
from io import StringIO
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipetrace.runner.compare import Difference, describe
from pipetrace.runner.measure import Figures
from pipetrace.runner.verify import Measurement, Verdict
from pipetrace.runner.wire import Answer

_SHOWN_DIFFERENCES = 1
_SHOWN_BODIES = 5


def headline(verdict: Verdict) -> str:
    """The result in one sentence that begins with `equal` or `different`."""
    total = sum(phase.requests for phase in verdict.phases)
    if not verdict.equal:
        if verdict.differences:
            differ = f"{len(verdict.differences)} of {total} answers differ from the original's"
            return f"different: {differ}{_unsteady(verdict)}."
        if verdict.problems:
            return f"different: {verdict.problems[0].rstrip('.')}."
        return f"different: the two print different things ({verdict.stdout_difference})."
    how = ", ".join(f"{phase.requests} {phase.name}" for phase in verdict.phases)
    return f"equal: the staged application gave the original's answers to {total} requests ({how})."


def _unsteady(verdict: Verdict) -> str:
    """What to know of differences in answers that the original does not give twice."""
    unsteady = [difference.ways for difference in verdict.differences if difference.ways > 1]
    if not unsteady:
        return ""
    which = "all" if len(unsteady) == len(verdict.differences) else f"{len(unsteady)}"
    return (
        f"; {which} of these the original itself gave in up to {max(unsteady)} ways in {verdict.originals} starts, "
        "and it may have more"
    )


def where_handlers_ran(verdict: Verdict) -> str:
    """One sentence about whether moved handlers really ran on their stages."""
    if not verdict.moved:
        return "The plan moves no handler, so both are the same program on one event loop."
    away = sum(remote for _, remote, _ in verdict.notes.calls)
    stayed = sum(local for _, _, local in verdict.notes.calls)
    if away + stayed == 0:
        return (
            f"Nothing ran on a stage: no moved handler ({len(verdict.moved)} in the plan) was called, so this proves "
            "little; give requests that reach them, or --linger S if a timer calls them."
        )
    ran = sum(1 for _, remote, _ in verdict.notes.calls if remote)
    if away == 0:
        return (
            f"Nothing ran on a stage: all {stayed} calls of moved handlers ran on the entry instead; "
            "the runtime's message on stderr says why."
        )
    text = f"{ran} of {len(verdict.moved)} moved handlers ran on stages, {away} calls in all"
    return text + (f"; {stayed} calls ran on the entry instead." if stayed else ".")


def as_text(verdict: Verdict, *, width: int = 100, color: bool = False) -> str:
    """The whole result for a terminal."""
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=color, no_color=not color, highlight=False)
    console.print(headline(verdict), style="bold green" if verdict.equal else "bold red", markup=False, soft_wrap=True)
    console.print(where_handlers_ran(verdict), markup=False, soft_wrap=True)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("phase", "requests", "equal", "equal, parts vary", "swapped", "different"):
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    for phase in verdict.phases:
        partly = phase.equal_but_varying + phase.placed + phase.framed
        counts = (phase.requests, phase.equal, partly, phase.swapped, len(phase.differences))
        table.add_row(phase.name, *map(str, counts))
    console.print()
    console.print(table)
    for line in _remarks(verdict):
        console.print(line, markup=False, soft_wrap=True)
    if verdict.differences:
        console.print()
        console.print("first difference", style="bold")
        for difference in verdict.differences[:_SHOWN_DIFFERENCES]:
            console.print(describe(difference), markup=False, soft_wrap=True)
    for problem in verdict.problems:
        console.print(f"problem: {problem}", markup=False, soft_wrap=True)
    if verdict.measurement is not None:
        console.print()
        _print_measurement(console, verdict.measurement)
    return out.getvalue()


def as_json(verdict: Verdict) -> dict[str, Any]:
    """The whole result as plain data."""
    measured = verdict.measurement
    return {
        "format": "pipetrace-verdict",
        "version": 1,
        "equal": verdict.equal,
        "sentence": headline(verdict),
        "original_starts": verdict.originals,
        "phases": [
            {
                "name": phase.name,
                "requests": phase.requests,
                "equal": phase.equal,
                "equal_but_varying": phase.equal_but_varying,
                "swapped": phase.swapped,
                "other_directory": phase.placed,
                "other_stack_frames": phase.framed,
                "different": len(phase.differences),
                "other_chunks": phase.rechunked,
                "varying_headers": dict(phase.varying_headers),
                "varying_bodies": [
                    {"request": title, "answers": count, "compared": round(share, 4)}
                    for title, count, share in phase.varying_bodies
                ],
                "differences": [_difference(difference) for difference in phase.differences],
            }
            for phase in verdict.phases
        ],
        "stdout": verdict.stdout,
        "stdout_difference": verdict.stdout_difference,
        "handlers": [{"id": name, "on_stage": away, "on_entry": here} for name, away, here in verdict.notes.calls],
        "violations": list(verdict.notes.violations),
        "problems": list(verdict.problems),
        "remarks": list(verdict.remarks),
        "measurement": None if measured is None else {
            "connections": measured.connections,
            "rounds": measured.rounds,
            "duration_s": measured.duration_s,
            "disturbed_by": [{"process": name, "cpu_percent": percent} for name, percent in measured.disturbed_by],
            "original": figures_json(measured.original),
            "staged": figures_json(measured.staged),
            "throughput_ratio": _ratio(measured.staged.per_second, measured.original.per_second),
        },
    }  # fmt: skip


def figures_json(figures: Figures) -> dict[str, Any]:
    """One measurement as plain data."""
    return {
        "per_second": round(figures.per_second, 2),
        "cpu_ms_per_request": None if figures.cpu_ms_per_request is None else round(figures.cpu_ms_per_request, 4),
        "cores": round(figures.cores, 3),
        "memory_mb": round(figures.memory_mb, 1),
        "others_cores": round(figures.others, 3),
        "groups": {
            name: {
                "per_second": round(one.per_second, 2),
                "p50_ms": None if one.p50_ms is None else round(one.p50_ms, 3),
                "p99_ms": None if one.p99_ms is None else round(one.p99_ms, 3),
                "answers": one.answers,
                "failures": one.failures,
                "statuses": dict(one.statuses),
            }
            for name, one in figures.groups
        },
    }


def _remarks(verdict: Verdict) -> list[str]:
    lines = []
    headers: dict[str, int] = {}
    bodies: dict[str, tuple[int, float]] = {}
    for phase in verdict.phases:
        for name, count in phase.varying_headers:
            headers[name] = headers.get(name, 0) + count
        for title, count, share in phase.varying_bodies:
            known = bodies.get(title, (0, 1.0))
            bodies[title] = (known[0] + count, min(known[1], share))
    if headers:
        named = ", ".join(f"{name} ({count})" for name, count in sorted(headers.items(), key=lambda item: -item[1]))
        lines.append(f"left out, because they vary between {verdict.originals} starts of the original: {named}.")
    for title, (count, share) in list(bodies.items())[:_SHOWN_BODIES]:
        lines.append(f"left out of {count} bodies of {title}: what varies by itself ({_percent(share)} was compared).")
    if len(bodies) > _SHOWN_BODIES:
        lines.append(f"… and parts of the bodies of {len(bodies) - _SHOWN_BODIES} other requests.")
    if placed := sum(phase.placed for phase in verdict.phases):
        lines.append(
            f"{placed} answers name the application's directory: the staged copy's was read as the original's."
        )
    if framed := sum(phase.framed for phase in verdict.phases):
        lines.append(f"{framed} answers show a stack trace: its frames were left out, the rest is equal.")
    if rechunked := sum(phase.rechunked for phase in verdict.phases):
        lines.append(f"{rechunked} answers came with the same bytes in chunks of other sizes.")
    said = {
        "equal": "stdout: equal.",
        "empty": "",
        "varies": "stdout varies between starts of the original and was not compared.",
        "different": f"stdout: different ({verdict.stdout_difference}).",
    }[verdict.stdout]
    return [*lines, *([said] if said else []), *verdict.remarks]


def _print_measurement(console: Console, measured: Measurement) -> None:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(f"{measured.connections} clients, {measured.rounds} × {measured.duration_s:g} s each")
    for heading in ("requests/s", "p50 ms", "p99 ms", "CPU ms/request", "cores used", "MB"):
        table.add_column(heading, justify="right")
    rows = (("original", measured.original), ("staged", measured.staged))
    for name, figures in rows:
        one = figures.groups[0][1]
        table.add_row(
            name, _number(figures.per_second), _number(one.p50_ms), _number(one.p99_ms),
            _number(figures.cpu_ms_per_request), _number(figures.cores), _number(figures.memory_mb),
        )  # fmt: skip
    (_, a), (_, b) = rows
    first, second = a.groups[0][1], b.groups[0][1]
    table.add_row(
        "staged / original", _times(b.per_second, a.per_second), _times(second.p50_ms, first.p50_ms),
        _times(second.p99_ms, first.p99_ms), _times(b.cpu_ms_per_request, a.cpu_ms_per_request),
        _times(b.cores, a.cores), _times(b.memory_mb, a.memory_mb),
    )  # fmt: skip
    console.print(table)
    if first.statuses and second.statuses:
        shown = [_unsuccessful(one.statuses) for one in (first, second)]
        if any(shown):
            console.print(
                f"answers with status 400 and above: original {shown[0]:.1%}, staged {shown[1]:.1%}.", soft_wrap=True
            )
    if first.failures or second.failures:
        console.print(f"broken connections: original {first.failures}, staged {second.failures}.", soft_wrap=True)
    if measured.disturbed_by:
        named = ", ".join(f"{name} {percent:.0f} %" for name, percent in measured.disturbed_by[:3])
        console.print(
            f"other processes were busy ({named}): do not trust these figures; measure again on a quiet machine.",
            style="yellow", markup=False, soft_wrap=True,
        )  # fmt: skip


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "line": difference.request.number,
        "request": difference.request.title,
        "phase": difference.phase,
        "part": difference.part,
        "original": _answer(difference.original),
        "staged": _answer(difference.staged),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "status": answer.status.decode("latin-1"),
        "headers": [line.decode("latin-1") for line in answer.headers],
        "body": base64.b64encode(answer.body).decode(),
        "end": answer.end,
        "closed": answer.closed,
    }


def _unsuccessful(statuses: tuple[tuple[str, int], ...]) -> float:
    total = sum(count for _, count in statuses)
    return sum(count for status, count in statuses if int(status) >= 400) / max(1, total)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share <= 0.99 else "more than 99%"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(after: float | None, before: float | None) -> float | None:
    return None if not after or not before else round(after / before, 3)


def _times(after: float | None, before: float | None) -> str:
    ratio = _ratio(after, before)
    return "–" if ratio is None else f"{ratio:.2f} ×"
