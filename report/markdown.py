"""The report as Markdown, for an issue, a pull request or a wiki."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipetrace.report import words
from pipetrace.report.causal import walk
from pipetrace.report.figures import headline_figures, place, sentence, short_name, subtitle, title
from pipetrace.report.model import Chain, Plan, Report

ROWS = 30
TREES = 8


def render(report: Report) -> str:
    """The whole report as GitHub-flavoured Markdown, ending in a newline."""
    parts = [f"# {report.recording.app_name or 'Recording'}", f"**{report.diagnosis}**"]
    parts.append("\n".join(f"- {note}" for note in report.notes))
    parts.append(f"<sub>{_escape(subtitle(report.recording))}</sub>")
    parts.append(
        _table(
            ("", "", ""),
            (
                (figure.name, f"**{figure.value}**", _escape(figure.detail))
                for figure in headline_figures(report.recording)
            ),
        )
    )
    planned = report.plan is not None
    if report.handlers:
        parts += ["## Handlers", _handlers(report, planned)]
    if report.chains:
        parts += ["## Events", _chains(report.chains)]
        parts += [_tree(chain) for chain in report.chains[:TREES] if chain.tree]
    parts += ["## State", _state(report, planned)]
    if report.plan is not None:
        parts += _plan(report.plan)
    if report.resources:
        rows: Iterable[Sequence[str]] = (
            (each.kind, f"`{each.label}`", words.count(each.objects), _names(each.handlers))
            for each in report.resources[:ROWS]
        )
        parts += ["## Resources", _table(("class", "where", "objects:", "used by"), rows)]
    if report.hot:
        rows = (
            (
                *(f"`{each.name}`", place(each.file, each.line), words.microseconds(each.self_us)),
                *(words.percent(each.self_share), words.count(each.calls) if each.calls is not None else "–"),
            )
            for each in report.hot[:ROWS]
        )
        parts += ["## CPU profile", _table(("function", "where", "self:", "share:", "calls:"), rows)]
    if report.problems:
        rows = ((each.kind, place(each.file, each.line), each.text) for each in report.problems[:ROWS])
        parts += ["## Problems", _table(("kind", "where", "problem"), rows)]
    parts.append("\n".join(f"- {cut}" for cut in report.cuts))
    return "\n\n".join(part for part in parts if part) + "\n"


def _handlers(report: Report, planned: bool) -> str:
    head = ("handler", "where", "calls:", "CPU mean:", "p50:", "p95:", "p99:", "share:")
    rows = (
        (
            *(f"`{title(each)}`", place(each.file, each.line), words.count(each.calls)),
            *(words.microseconds(value) for value in (each.cpu.mean, each.cpu.p50, each.cpu.p95, each.cpu.p99)),
            words.percent(each.share),
            *((f"**{each.stage}**" if each.decision == "moved" else each.stage, each.reason) if planned else ()),
        )
        for each in report.handlers[:ROWS]
    )
    return _table((*head, *(("stage", "why") if planned else ())), rows)


def _chains(chains: Sequence[Chain]) -> str:
    rows = (
        (
            *(f"`{each.event or each.kind}`", words.count(each.count)),
            *(words.microseconds(value) for value in (each.cpu.p50, each.cpu.p99, each.wall.p50, each.wall.p99)),
            words.percent(each.share),
        )
        for each in chains[:ROWS]
    )
    return _table(("event", "count:", "CPU p50:", "p99:", "wall p50:", "p99:", "share:"), rows)


def _tree(chain: Chain) -> str:
    lines = [chain.event or chain.kind]
    for depth, node in walk(chain.tree):
        stage = f" on {node.stage}" if node.stage else ""
        again = ", again and again" if node.again else ""
        lines.append(
            f"{'  ' * (depth + 1)}{node.name} ({place(node.file, node.line)}) "
            f"× {words.rate(node.per_chain)}, {words.microseconds(node.cpu_us)}{stage}{again}"
        )
    return "```\n" + "\n".join(lines) + "\n```"


def _state(report: Report, planned: bool) -> str:
    memory = report.memory
    counted = (
        f"{words.count(memory.state)} state, {words.count(memory.communication)} communication, "
        f"{words.count(memory.init_only)} written only at start, {words.count(memory.resource)} resources."
    )
    if not report.state:
        return f"No handlers share state. Locations: {counted}"
    rows = (
        (
            *(f"`{each.name}`", place(each.file, each.line)),
            *((each.owner,) if planned else ()),
            _names(each.handlers),
            "; ".join(
                f"`{short_name(proof.writer)}` writes (line {proof.writer_line}), "
                f"`{short_name(proof.reader)}` reads (line {proof.reader_line})"
                for proof in each.evidence[:2]
            ),
        )
        for each in report.state[:ROWS]
    )
    head = ("state", "where", *(("owner",) if planned else ()), "used by", "evidence")
    return f"{_table(head, rows)}\n\nLocations: {counted}"


def _plan(plan: Plan) -> list[str]:
    parts = [f"## Plan for {words.plural(plan.machines, plan.machine)}"]
    rows: Iterable[Sequence[str]] = (
        (
            *(f"**{each.id}**", words.count(each.replicas), words.percent(each.load)),
            *(_names([handler.handler for handler in each.handlers]), _names(each.owns)),
        )
        for each in plan.stages
    )
    parts.append(_table(("stage", "replicas:", "load:", "handlers", "owns"), rows))
    if plan.messages:
        rows = (
            (each.source, each.target, words.count(each.count), words.size(each.bytes_each)) for each in plan.messages
        )
        parts.append(_table(("from", "to", "messages:", "size:"), rows))
    if plan.scaling:
        rows = ((words.count(each.machines), words.times(each.speedup), each.limit) for each in plan.scaling)
        parts += [f"### {plan.machine.capitalize()}s", _table((f"{plan.machine}s:", "speed-up:", "limited by"), rows)]
    if plan.what_if:
        parts.append("\n".join(f"- {each.sentence}" for each in plan.what_if))
    if plan.refusals:
        rows = (
            (f"`{short_name(each.handler)}`", sentence(reason.sentence), reason.remedy)
            for each in plan.refusals[:ROWS]
            for reason in each.objections
        )
        parts += ["### Not moved", _table(("handler", "why", "remedy"), rows)]
    return parts


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a column whose head ends in a colon is aligned to the right."""
    lines = [
        "| " + " | ".join(name.removesuffix(":") for name in head) + " |",
        "| " + " | ".join("--:" if name.endswith(":") else "---" for name in head) + " |",
    ]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _names(handlers: Sequence[str]) -> str:
    return words.joined([f"`{short_name(handler)}`" for handler in handlers], 4)


def _escape(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")
