"""A run of kernels, as the text shows it: its calls, what they are given, and the function that it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipetrace.javascript.kernels import KernelSite, Position


@dataclass(frozen=True, slots=True)
class RunInput:
    """Something that a run is given from outside."""

    name: str
    """The parameter of the function that the run becomes."""
    member: int
    """Which of the run's calls is given it first, as index in `KernelRun.members`, and as which argument."""
    argument: int
    start: int
    end: int
    """The expression, where it stands first."""
    late: bool
    """It stands behind the first call of the run; then it is a local name that nothing assigns again."""


@dataclass(frozen=True, slots=True)
class KernelRun:
    """Calls that could be one kernel. Offsets are indices into the file's text, ends exclusive."""

    function: int
    start: int
    end: int
    """From the first declaration, or the outermost call, to the end of the last call."""
    name: str
    line: int
    column: int
    end_line: int
    key: str
    position: Position
    members: tuple[int, ...]
    """Indices among the file's kernel sites, in the order in which the calls are made; the last gives the result."""
    names: tuple[tuple[str, int, int], ...]
    """Names of the module that the calls are given, and where they stand: every copy of the program has them."""
    inputs: tuple[RunInput, ...]
    """In the order in which the run is given them: by place, what stands behind the first call last."""
    declarations: tuple[tuple[int, int, int, int], ...]
    """Of each constant in between: start and end of its declaration and of its name."""
    head: tuple[int, int]
    """The expression with the first calls: the first declaration's value, or the last call itself."""
    boxed: bool
    """Something is done between the first calls and the last one, whose error then has to wait for its turn."""
    before: tuple[str, ...]
    after: tuple[str, ...]
    hands_out: bool
    """As those of kernels."""


def run_body(text: str, run: KernelRun, sites: Sequence[KernelSite]) -> str:
    """Return the statements of the function that a run becomes, which ends with the result."""

    def given(start: int, end: int) -> str:
        """The text of a range, with the names of the inputs in the place of those that are no names."""
        found, at = "", start
        for one in sorted(run.inputs, key=lambda one: one.start):
            if start <= one.start and one.end <= end:
                found += text[at : one.start] + one.name
                at = one.end
        return found + text[at:end]

    last = sites[run.members[-1]]
    statements = [f"{given(start, end).rstrip(';')};" for start, end, _, _ in run.declarations]
    return " ".join([*statements, f"return {given(last.start, last.end)};"])
