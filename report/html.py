"""The report as one HTML file that needs nothing else: light and dark, for screens, phones and paper."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pipetrace.report import charts, words
from pipetrace.report.figures import headline_figures, place, sentence, short_name, subtitle, title
from pipetrace.report.model import Report
from pipetrace.report.stage_chart import stages_chart

HERE = Path(__file__).parent
HELPS = 1.05
"""A speed-up below this is not worth a chart."""


def render(report: Report) -> str:
    """The whole report as an HTML document."""
    return _environment().get_template("report.html.j2").render(_context(report))


def _context(report: Report) -> dict[str, Any]:
    plan = report.plan
    stages = {stage.id: f"s{number % 6}" for number, stage in enumerate(plan.stages)} if plan else {}
    chosen = next((point for point in plan.scaling if point.machines == plan.machines), None) if plan else None
    peaks = {figure: charts.timeline_peak(report.timelines, figure) for figure in ("cpu", "rss", "delay")}
    return {
        "report": report,
        "recording": report.recording,
        "plan": plan,
        "subtitle": subtitle(report.recording),
        "figures": headline_figures(report.recording),
        "chosen": chosen,
        "helps": plan is not None and any(point.speedup >= HELPS for point in plan.scaling),
        "colour": lambda stage: stages.get(stage, ""),
        "stages_chart": stages_chart(plan) if plan else "",
        "scaling_chart": charts.scaling_chart(plan.scaling, plan.machines, plan.machine) if plan else "",
        "series": [
            (figure, title, charts.timeline_chart(report.timelines, figure, peak), _AXES[figure](peak))
            for figure, title in (("cpu", "CPU"), ("rss", "Resident memory"), ("delay", "Event-loop delay"))
            if (peak := peaks[figure]) is not None
        ],
        "timeline_end": words.seconds(charts.timeline_end(report.timelines)),
        "timeline_data": _timeline_data(report),
        "css": Markup((HERE / "static" / "report.css").read_text(encoding="utf-8")),
        "script": Markup((HERE / "static" / "report.js").read_text(encoding="utf-8")),
    }


_AXES = {"cpu": words.percent, "rss": words.size, "delay": words.microseconds}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        percent=words.percent,
        us=words.microseconds,
        size=words.size,
        number=words.count,
        rate=words.rate,
        times=words.times,
        code=_code,
        short=short_name,
        title=title,
        sentence=sentence,
    )
    environment.globals.update(place=place, plural=words.plural, joined=words.joined)
    return environment


def _code(sentence: str) -> Markup:
    """A sentence with its `quoted` names as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(sentence))))


def _timeline_data(report: Report) -> Markup:
    """What the pointer reads from the timeline: per process its label and points as short rows."""
    processes = [
        {
            "label": timeline.label,
            "points": [
                [
                    round(point.t_s, 3),
                    words.percent(point.cpu) if point.cpu is not None else "–",
                    words.size(point.rss) if point.rss is not None else "–",
                    words.microseconds(point.delay_mean_us) if point.delay_mean_us is not None else "–",
                    words.microseconds(point.delay_max_us) if point.delay_max_us is not None else "–",
                ]
                for point in timeline.points
            ],
        }
        for timeline in report.timelines
    ]
    data = {"end": round(charts.timeline_end(report.timelines), 3), "processes": processes}
    return Markup(json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))
