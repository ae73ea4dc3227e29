"""What the partitioner believes about costs: messages, the entry's own work, and when a move pays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Transport = Literal["threads", "nats"]

TRANSPORTS: tuple[Transport, ...] = ("threads", "nats")


@dataclass(frozen=True, slots=True)
class Model:
    """Costs in microseconds of CPU, measured on Node 20 with the staged example on two cores.

    A message is one call of a moved handler: encode, send, decode, and the same for its result. Half of
    ``message_us`` and of the bytes' cost falls on the caller, half on the stage.
    """

    message_us: dict[str, float] = field(default_factory=lambda: {"threads": 40.0, "nats": 120.0})
    """CPU of one message of 2 KB, both sides and the broker together."""
    byte_us: dict[str, float] = field(default_factory=lambda: {"threads": 0.017, "nats": 0.024})
    """CPU of each further byte, both sides together."""
    free_bytes: float = 2048.0
    """Bytes that ``message_us`` already pays for."""
    http_entry_us: float = 80.0
    """What a moved HTTP handler costs its caller on top: request sent, response replayed."""
    http_stage_us: float = 250.0
    """What a moved HTTP handler costs its stage on top: request and response rebuilt, by code that is cold between
    calls of a heavy handler."""
    away_factor: float = 1.1
    """CPU of moved work against the same work in one process: its loops share caches, and each has a collector."""
    entry_us_per_request: float = 150.0
    """Work of Node and the framework for one HTTP request, outside all handlers; it stays on the entry stage."""
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

    def message(self, transport: Transport, size: float, http: bool) -> tuple[float, float]:
        """CPU of one call of a moved handler with ``size`` bytes: (caller, stage) in microseconds."""
        half = (self.message_us[transport] + self.byte_us[transport] * max(0.0, size - self.free_bytes)) / 2
        return (half + (self.http_entry_us if http else 0.0), half + (self.http_stage_us if http else 0.0))
