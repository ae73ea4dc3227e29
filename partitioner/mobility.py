"""Whether a unit may leave the entry stage, in which form, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipetrace.partitioner.refusal import Refusal

Form = Literal["wrap", "lift", "kernel"]
Wait = Literal["none", "await", "async"]
"""What a kernel needs where it stands: nothing, an `await`, or one in a function that is made async for it."""


@dataclass(frozen=True, slots=True)
class Mobility:
    """Whether a unit may be sent to another stage, and how."""

    function: int
    form: Form
    captures: tuple[str, ...]
    """Local names to pass along, in order of their declaration; empty for 'wrap'."""
    returns: Literal["promise", "nothing", "value"]
    arguments: tuple[str, ...]
    message_bytes: float
    message_values: float
    http: bool
    """A request or a response travels along, as an argument or captured."""
    refusals: tuple[Refusal, ...]
    wait: Wait = "none"
    """Of a kernel."""

    @property
    def movable(self) -> bool:
        """Whether nothing in the function itself holds it back."""
        return not self.refusals


Mobilities = Mapping[int, Mobility]
