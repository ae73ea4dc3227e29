"""The drawing of a plan: the entry stage on the left, the others on the right, messages as arrows."""

from __future__ import annotations

from markupsafe import Markup

from pipetrace.report import svg, words
from pipetrace.report.figures import short_name
from pipetrace.report.model import Message, Plan, Stage

BOX = 300
GAP = 190
ROW = 21
BETWEEN = 34
LEFT = 70
RIGHT = LEFT + BOX + GAP
MOST_HANDLERS = 7
MOST_OWNED = 4


def stages_chart(plan: Plan) -> Markup:
    """The stages as boxes with their handlers and what they own; messages as arrows with number and size."""
    if not plan.stages:
        return Markup("")
    first, *others = plan.stages
    tall = {stage.id: _height(stage) for stage in plan.stages}
    column = sum(tall[stage.id] + BETWEEN for stage in others) - BETWEEN if others else 0
    height = max(column, tall[first.id]) + 40
    tops = {first.id: (height - tall[first.id]) / 2}
    top = (height - column) / 2
    for stage in others:
        tops[stage.id] = top
        top += tall[stage.id] + BETWEEN
    middles = {stage.id: tops[stage.id] + tall[stage.id] / 2 for stage in plan.stages}
    middle = middles[first.id]
    parts = [svg.arrow_head()]
    outside = [svg.arrow([(8, middle), (LEFT - 8, middle)]), svg.text("start", 8, middle - 9, "events")]
    parts.append(svg.group("edge", outside))
    parts += [
        _edge(message, first.id, middles)
        for message in plan.messages
        if message.source in tops and message.target in tops
    ]
    for number, stage in enumerate(plan.stages):
        x = LEFT if stage is first else RIGHT
        parts.append(_box(stage, number, x, tops[stage.id], tall[stage.id]))
    return svg.drawing("stages", (RIGHT if others else LEFT) + BOX + 40, height, _in_words(plan), parts)


def _in_words(plan: Plan) -> str:
    stages = [f"stage {each.id} with {words.plural(each.replicas, 'replica')}" for each in plan.stages]
    flows = [f"{words.plural(each.count, 'message')} from {each.source} to {each.target}" for each in plan.messages]
    return "; ".join(stages + flows)


def _height(stage: Stage) -> float:
    handlers = min(len(stage.handlers), MOST_HANDLERS) + (len(stage.handlers) > MOST_HANDLERS)
    owned = min(len(stage.owns), MOST_OWNED) + (len(stage.owns) > MOST_OWNED)
    return 60 + ROW * max(handlers, 1) + (ROW * owned + 12 if owned else 0)


def _box(stage: Stage, number: int, x: float, y: float, height: float) -> str:
    inner, outer = x + 18, x + BOX - 14
    load = max(0.0, min(stage.load, 1.0))
    name = f"{stage.id} × {stage.replicas}" if stage.replicas > 1 else stage.id
    backs = range(min(stage.replicas - 1, 2), 0, -1)
    parts = [svg.rect("back", x + 7 * back, y - 7 * back, BOX, height, 9) for back in backs]
    parts += [
        svg.rect("box", x, y, BOX, height, 9),
        svg.rect("stripe", x, y + 8, 4, height - 16, 2),
        svg.text("name", inner, y + 27, name),
        svg.text("load", outer, y + 27, f"load {words.percent(stage.load)}"),
        svg.rect("track", inner, y + 36, BOX - 32, 4, 2),
        svg.rect("fill", inner, y + 36, (BOX - 32) * load, 4, 2),
    ]
    base = y + 62
    for handler in stage.handlers[:MOST_HANDLERS]:
        parts.append(svg.text("mono", inner, base, _short(short_name(handler.handler), 25), title=handler.handler))
        parts.append(svg.text("load", outer, base, words.percent(handler.share)))
        base += ROW
    if len(stage.handlers) > MOST_HANDLERS:
        rest = words.plural(len(stage.handlers) - MOST_HANDLERS, "more handler")
        parts.append(svg.text("faint", inner, base, f"and {rest}"))
        base += ROW
    if not stage.handlers:
        parts.append(svg.text("faint", inner, base, "runs no handler of its own"))
        base += ROW
    if stage.owns:
        parts.append(svg.line("rule", inner, outer, base - 12))
        base += 10
    for owned in stage.owns[:MOST_OWNED]:
        parts.append(svg.text("owned", inner, base, f"owns {_short(owned, 30)}", title=owned))
        base += ROW
    if len(stage.owns) > MOST_OWNED:
        rest = words.count(len(stage.owns) - MOST_OWNED)
        parts.append(svg.text("faint", inner, base, f"and {rest} more"))
    return svg.group(f"stage s{number % 6}", parts)


def _edge(message: Message, home: str, middles: dict[str, float]) -> str:
    source, target = middles[message.source], middles[message.target]
    if message.source == home:
        start, end = (LEFT + BOX, source), (RIGHT - 8, target)
        label, bend = (RIGHT - 16.0, target), 90
    elif message.target == home:
        start, end = (RIGHT, source + 30), (LEFT + BOX + 8, target + 24)
        label, bend = (RIGHT - 16.0, source + 54), -90
    else:
        start, end = (RIGHT + BOX, source), (RIGHT + BOX + 8, target)
        label, bend = (RIGHT + BOX + 32.0, (source + target) / 2), 40
    sideways = bend if bend == 40 else -bend
    curve = [start, (start[0] + bend, start[1]), (end[0] + sideways, end[1]), end]
    number, size = words.plural(message.count, "message"), f"{words.size(message.bytes_each)} each"
    parts = [
        svg.arrow(curve),
        svg.text("end", label[0], label[1] - 9, number),
        svg.text("end faint", label[0], label[1] + 18, size),
    ]
    return svg.group("edge", parts, title=f"{message.source} to {message.target}: {number}, {size}")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else "…" + text[1 - most :]
