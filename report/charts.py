"""The charts of the HTML report: inline SVG made by hand, coloured by classes so that both themes suit it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from pipetrace.report import svg, words
from pipetrace.report.model import ScalingPoint, Timeline, TimelinePoint

WIDTH, HEIGHT, SIDE, FOOT, HEAD = 560, 250, 16, 34, 26
ROOM_ABOVE = 1.12


def scaling_chart(points: Sequence[ScalingPoint], chosen: int, machine: str) -> Markup:
    """Bars of the expected speed-up by number of machines (or cores), below a dashed line of the ideal."""
    if not points:
        return Markup("")
    most = max(point.speedup for point in points) or 1.0
    scale = (HEIGHT - HEAD - FOOT) / (most * ROOM_ABOVE)
    slot = (WIDTH - 2 * SIDE) / len(points)
    bar = min(54.0, slot * 0.62)
    floor = HEIGHT - FOOT
    ideal = " ".join(
        # What is too high for the drawing is clipped by it.
        f"{svg.number(SIDE + slot * (place + 0.5))},{svg.number(floor - point.machines * scale)}"
        for place, point in enumerate(points)
    )
    parts = [svg.line("axis", SIDE, WIDTH - SIDE, floor), f'<polyline class="ideal" points="{ideal}"/>']
    told = []
    for place, point in enumerate(points):
        middle, tall = SIDE + slot * (place + 0.5), point.speedup * scale
        machines, gain = words.plural(point.machines, machine), words.times(point.speedup)
        told.append(f"{machines} {gain}")
        column = [
            svg.rect("", middle - bar / 2, floor - tall, bar, tall, 3),
            svg.text("value", middle, floor - tall - 7, gain),
            svg.text("", middle, floor + 20, words.count(point.machines)),
        ]
        name = "bar chosen" if point.machines == chosen else "bar"
        title = f"{machines}: {gain}" + (f", limited by {point.limit}" if point.limit else "")
        parts.append(svg.group(name, column, title=title))
    return svg.drawing("scaling", WIDTH, HEIGHT, "Expected speed-up: " + ", ".join(told), parts)


def timeline_chart(timelines: Sequence[Timeline], figure: str, peak: float) -> Markup:
    """One figure of every process over time (``cpu``, ``rss`` or ``delay``), scaled to ``peak``.

    The drawing has no text, because it is stretched to its place; its labels are HTML.
    """
    end = timeline_end(timelines)
    parts = []
    for number, timeline in enumerate(timelines):
        colour = f"p{number % 6}"
        line = _path(timeline.points, _FIGURES[figure], end, peak)
        if figure == "delay":
            highest = _path(timeline.points, _delay_max, end, peak)
            parts.append(f'<path class="peak {colour}" d="{highest}"/>')
        if number == 0 and "L" in line:
            start, last = line[1:].partition(",")[0], line.rpartition("L")[2].partition(",")[0]
            parts.append(f'<path class="area {colour}" d="{line}L{last},100L{start},100z"/>')
        parts.append(f'<path class="line {colour}" d="{line}"/>')
    opening = '<svg class="series" viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">'
    return Markup(opening + "".join(parts) + "</svg>")


def timeline_end(timelines: Sequence[Timeline]) -> float:
    """The last moment of all timelines, in seconds; never zero."""
    return max((timeline.points[-1].t_s for timeline in timelines if timeline.points), default=0.0) or 1.0


def timeline_peak(timelines: Sequence[Timeline], figure: str) -> float | None:
    """The highest value of a figure in all timelines; None if it was never measured."""
    read = _delay_max if figure == "delay" else _FIGURES[figure]
    points = (point for timeline in timelines for point in timeline.points)
    return max((value for point in points if (value := read(point)) is not None), default=None)


def _delay_max(point: TimelinePoint) -> float | None:
    return point.delay_max_us


_FIGURES: dict[str, Callable[[TimelinePoint], float | None]] = {
    "cpu": lambda point: point.cpu,
    "rss": lambda point: point.rss,
    "delay": lambda point: point.delay_mean_us,
}


def _path(
    points: Sequence[TimelinePoint], read: Callable[[TimelinePoint], float | None], end: float, peak: float
) -> str:
    known = [(point.t_s, value) for point in points if (value := read(point)) is not None]
    places = (f"{svg.number(t / end * 1000)},{svg.number(100 - value / (peak or 1.0) * 96)}" for t, value in known)
    return "M" + "L".join(places) if known else ""
