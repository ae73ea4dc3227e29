"""How figures are worded: every output writes a time, a size, a share and a count in the same way."""

from __future__ import annotations

import math


def count(value: float) -> str:
    """A whole number with thousands separated: ``12,345``."""
    return f"{round(value):,}"


def percent(share: float) -> str:
    """A share of 1 as a percentage: ``71 %``; one decimal below ten, ``< 0.1 %`` for nearly nothing."""
    value = share * 100
    if value <= 0:
        return "0 %"
    if value < 0.1:
        return "< 0.1 %"
    if value < 9.95:
        return f"{value:.1f} %"
    return f"{value:.0f} %"


def microseconds(value: float) -> str:
    """A time given in microseconds, in the unit that suits it: ``40 µs``, ``7.1 ms``, ``2.5 s``."""
    if value <= 0:
        return "0"
    for limit, divisor, unit in (
        (999.5, 1, "µs"),
        (999_500, 1e3, "ms"),
        (120e6, 1e6, "s"),
        (7200e6, 60e6, "min"),
    ):
        if value < limit:
            return f"{_three_digits(value / divisor)} {unit}"
    return f"{_three_digits(value / 3600e6)} h"


def seconds(value: float) -> str:
    """A time given in seconds, in the unit that suits it."""
    return microseconds(value * 1e6)


def size(value: float) -> str:
    """A number of bytes, in decimal units: ``2.1 kB``."""
    for limit, divisor, unit in ((999.5, 1, "B"), (999_500, 1e3, "kB"), (999.5e6, 1e6, "MB")):
        if value < limit:
            return f"{_three_digits(value / divisor)} {unit}"
    return f"{_three_digits(value / 1e9)} GB"


def times(value: float) -> str:
    """A ratio: ``3.1×``; a half is rounded down, so that no promise grows by rounding."""
    return f"{value - 1e-6:.1f}×" if value < 9.95 else f"{value:.0f}×"


def plural(number: float, noun: str, many: str = "") -> str:
    """A number with its noun: ``1 handler``, ``2 handlers``."""
    return f"{count(number)} {noun if round(number) == 1 else many or noun + 's'}"


def rate(value: float) -> str:
    """A number per chain or per second, without needless decimals: ``1``, ``0.5``, ``12``."""
    if math.isclose(value, round(value), abs_tol=0.005):
        return count(value)
    return f"{value:.2g}" if value < 10 else count(value)


def joined(words: list[str] | tuple[str, ...], limit: int = 3) -> str:
    """Words as an English list: ``a, b and c``; what exceeds ``limit`` is counted: ``a, b and 4 more``."""
    shown = list(words[:limit])
    if len(words) > limit:
        shown = [*words[: limit - 1], f"{len(words) - limit + 1} more"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _three_digits(value: float) -> str:
    if value < 0.995:
        return f"{value:.2g}"
    if value < 9.95:
        return f"{value:.1f}"
    return f"{value:.0f}"
