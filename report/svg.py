"""The few SVG elements that the charts are made of; coordinates have one decimal, text is escaped."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape


def number(value: float) -> str:
    """A coordinate, with no more digits than a drawing needs."""
    return f"{value:.1f}".removesuffix(".0")


def rect(name: str, x: float, y: float, width: float, height: float, radius: float) -> str:
    """A rectangle of the class ``name`` with rounded corners."""
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f'<rect class="{name}" {place} rx="{number(radius)}"/>'


def line(name: str, x1: float, x2: float, y: float) -> str:
    """A horizontal line."""
    return f'<line class="{name}" x1="{number(x1)}" x2="{number(x2)}" y1="{number(y)}" y2="{number(y)}"/>'


def text(name: str, x: float, y: float, words: str, *, title: str = "") -> str:
    """A line of text; ``title`` is what the pointer shows."""
    hint = f"<title>{escape(title)}</title>" if title else ""
    return f'<text class="{name}" x="{number(x)}" y="{number(y)}">{hint}{escape(words)}</text>'


def arrow(points: Sequence[tuple[float, float]]) -> str:
    """A line (two points) or a curve (four points) that ends in the head defined by ``arrow_head``."""
    first, *rest = (f"{number(x)},{number(y)}" for x, y in points)
    return f'<path d="M{first} {"C" if len(rest) == 3 else "L"}{" ".join(rest)}" marker-end="url(#head)"/>'


def arrow_head() -> str:
    """The definition of the head of an arrow; once in a drawing."""
    return (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M0,0.5 7.5,4 0,7.5z"/></marker></defs>'
    )


def group(name: str, parts: Sequence[str], *, title: str = "") -> str:
    """Elements that belong together; ``title`` is what the pointer shows."""
    hint = f"<title>{escape(title)}</title>" if title else ""
    return f'<g class="{name}">{hint}{"".join(parts)}</g>'


def drawing(name: str, width: float, height: float, label: str, parts: Sequence[str]) -> Markup:
    """The whole drawing; ``label`` tells in words what it shows."""
    view = f'viewBox="0 0 {number(width)} {number(height)}"'
    size = f'style="--w:{number(width)}px"'
    opening = f'<svg class="{name}" {view} {size} role="img" aria-label="{escape(label)}">'
    return Markup(opening + "".join(parts) + "</svg>")
