"""Whether a handler has two modes: calls that are cheap and calls that are much dearer.

The calls are binned by the logarithm of their CPU and cut in two where the classes differ most (Otsu's
method). The cut counts as two modes only if the classes explain nearly all of the variance, lie well apart,
and neither is a handful of outliers; a smooth spread, however wide, stays one mode.
"""

from __future__ import annotations

from pipetrace.report.model import Mode

STEPS_PER_OCTAVE = 4
MINIMUM_CALLS = 20
MINIMUM_SHARE = 0.05
MINIMUM_RATIO = 4.0
MINIMUM_EXPLAINED = 0.8


def find_modes(histogram: dict[int, tuple[int, float]]) -> tuple[Mode, ...]:
    """The modes of a cost histogram (bin → calls, total µs), the cheap one first; else nothing."""
    bins = sorted(histogram)
    total = sum(calls for calls, _ in histogram.values())
    if total < MINIMUM_CALLS or len(bins) < 2:
        return ()
    mean = sum(position * histogram[position][0] for position in bins) / total
    variance = sum(histogram[position][0] * (position - mean) ** 2 for position in bins) / total
    best, cut = 0.0, 0
    below = below_sum = 0.0
    for index, position in enumerate(bins[:-1]):
        below += histogram[position][0]
        below_sum += position * histogram[position][0]
        above = total - below
        above_mean = (mean * total - below_sum) / above
        between = below * above * (below_sum / below - above_mean) ** 2 / total**2
        if between > best:
            best, cut = between, index + 1
    if best < MINIMUM_EXPLAINED * variance:
        return ()
    modes = tuple(_mode(histogram, part, total) for part in (bins[:cut], bins[cut:]))
    cheap, dear = modes
    if min(cheap.share_of_calls, dear.share_of_calls) < MINIMUM_SHARE:
        return ()
    return modes if dear.mean_us >= MINIMUM_RATIO * cheap.mean_us else ()


def _mode(histogram: dict[int, tuple[int, float]], bins: list[int], total: int) -> Mode:
    calls = sum(histogram[position][0] for position in bins)
    return Mode(calls, calls / total, sum(histogram[position][1] for position in bins) / calls)
