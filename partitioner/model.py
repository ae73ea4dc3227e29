"""What the partitioner believes about costs: messages, the entry's own work, and when a move pays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from pipetrace.partitioner.mobility import Mobility

Transport = Literal["threads", "nats"]

TRANSPORTS: tuple[Transport, ...] = ("threads", "nats")


@dataclass(frozen=True, slots=True)
class Model:
    """Costs in microseconds of CPU, measured on Node 20 with the staged example on two cores.

    A message is one call of a moved handler: encode, send, decode, and the same for its result. Half of
    ``message_us`` and of what the content costs falls on the caller, half on the stage.
    """

    message_us: dict[str, float] = field(default_factory=lambda: {"threads": 45.0, "nats": 300.0})
    """CPU of one small message, both sides and the broker together."""
    byte_us: dict[str, float] = field(default_factory=lambda: {"threads": 0.002, "nats": 0.006})
    """CPU of each byte, both sides together: what text costs."""
    value_us: dict[str, float] = field(default_factory=lambda: {"threads": 0.28, "nats": 0.9})
    """CPU of each value, as of a property or an element, both sides together."""
    http_entry_us: float = 80.0
    """What a moved HTTP handler costs its caller on top: request sent, response replayed."""
    http_stage_us: float = 250.0
    """What a moved HTTP handler costs its stage on top: request and response rebuilt, by code that is cold between
    calls of a heavy handler."""
    away_factor: float = 1.1
    """CPU of moved work against the same work in one process: its loops share caches, and each has a collector."""
    entry_us_per_request: float = 150.0
    """Work of Node and the framework for one HTTP request, outside all handlers, where no more was recorded; it stays
    on the entry stage."""
    threshold_us: dict[str, float] = field(default_factory=lambda: {"threads": 200.0, "nats": 500.0})
    """Mean CPU of a handler from which a move pays."""
    blocking_us: float = 5000.0
    """Mean CPU from which a handler makes others wait so long that moving it is worth no gain in throughput."""
    blocking_calls: int = 10
    blocking_share: float = 0.02
    """Calls and share of the CPU from which that is more than a chance observation."""
    least_gain: float = 1.05
    """A plan that promises less than this factor is not made."""

    def with_threshold(self, threshold_us: float | None) -> Model:
        """The same model with another threshold for both transports; None keeps it."""
        if threshold_us is None:
            return self
        return replace(self, threshold_us=dict.fromkeys(self.threshold_us, threshold_us))

    def message(self, transport: Transport, moved: Mobility) -> tuple[float, float]:
        """CPU of one call of a moved handler, on average: (caller, stage) in microseconds."""
        content = self.byte_us[transport] * moved.message_bytes + self.value_us[transport] * moved.message_values
        half = (self.message_us[transport] + content) / 2
        return (half + (self.http_entry_us if moved.http else 0.0), half + (self.http_stage_us if moved.http else 0.0))
