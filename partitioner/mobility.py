"""Whether a unit may leave the entry stage, in which form, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipetrace.partitioner.recording import Capture
from pipetrace.partitioner.refusal import Refusal

Form = Literal["wrap", "lift", "twin", "kernel"]
"""How a unit is called from another stage; a twin is the function that the start of that stage made itself."""
Wait = Literal["none", "await", "async"]
"""What a kernel needs where it stands: nothing, an `await`, or one in a function that is made async for it."""


@dataclass(frozen=True, slots=True)
class Mobility:
    """Whether a unit may be sent to another stage, and how."""

    function: int
    form: Form
    captures: tuple[str, ...]
    """Local names to pass along, in order of their declaration; only for 'lift'."""
    returns: Literal["promise", "nothing", "value"]
    arguments: tuple[str, ...]
    message_bytes: float
    message_values: float
    http: bool
    """A request or a response travels along, as an argument or captured."""
    refusals: tuple[Refusal, ...]
    outside: tuple[Capture, ...] = ()
    """Of a twin: the local variables that it shares with other functions, and that nothing may change."""
    beyond: tuple[int, ...] = ()
    """Of a twin: the units that it led to by calling `next`, which must run where that was made."""
    wait: Wait = "none"
    """Of a kernel."""

    @property
    def movable(self) -> bool:
        """Whether nothing in the function itself holds it back."""
        return not self.refusals


Mobilities = Mapping[int, Mobility]
