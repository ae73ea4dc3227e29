"""The report model: everything that a report says, as frozen data that no output has to compute again.

Times are microseconds unless the name says otherwise (``_s`` seconds), sizes are bytes, shares lie between
0 and 1. Every handler is named by its id: the plan's where there is a plan, else ``<file>#<name>``.
"""

from __future__ import annotations

from dataclasses import dataclass

FORMAT = "pipetrace-report"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Spread:
    """The distribution of a cost over ``count`` measurements, in microseconds."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Mode:
    """One of two clusters of invocations of a handler: the cheap ones or the dear ones."""

    calls: int
    share_of_calls: float
    mean_us: float


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of the source as it was recorded; ``cut`` lines of the function are not shown."""

    first_line: int
    text: str
    cut: int


@dataclass(frozen=True, slots=True)
class Process:
    """A process or worker thread that was recorded."""

    process_id: int
    kind: str
    pid: int
    thread_id: int
    command: str
    lifetime_s: float
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket on which the application listened."""

    process_id: int
    kind: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Overhead:
    """A figure that the recorder states about its own cost: a name and its value in words."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Recording:
    """The figures of the recording as a whole."""

    app_name: str
    command: str
    created: str
    tool_version: str
    node_version: str
    trace: str
    duration_s: float
    init_s: float
    complete: bool
    partial_reason: str
    exit: str
    memory_mode: str
    processes: tuple[Process, ...]
    listeners: tuple[Listener, ...]
    requests: int
    requests_per_s: float
    chains: int
    invocations: int
    sampled_invocations: int
    handler_cpu_s: float
    cpu_mean: float | None
    cpu_peak: float | None
    loop_delay_p50_us: float | None
    loop_delay_p99_us: float | None
    loop_delay_max_us: float | None
    rss_peak: int | None
    heap_peak: int | None
    gc_share: float | None
    lost_records: int
    overhead: tuple[Overhead, ...]
    files_instrumented: int
    files_left_alone: int

    @property
    def sampled_share(self) -> float:
        """The share of invocations whose memory accesses were recorded."""
        return self.sampled_invocations / self.invocations if self.invocations else 0.0


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler with its costs and, where there is a plan, what becomes of it.

    ``passed_to`` is the call that registered it, if that was seen.

    ``cpu`` is the CPU of one call: the first part and every part after an ``await``, without the handlers
    and promise-returning functions that it calls. It comes from calls whose memory was not sampled
    (``undisturbed``) where there are any. ``unit_share`` is the plan's share, with everything that runs
    inside.
    """

    id: str
    key: str
    name: str
    file: str
    line: int
    passed_to: str
    calls: int
    threw: int
    cpu: Spread
    undisturbed: bool
    total_us: float
    share: float
    unit_share: float | None
    modes: tuple[Mode, ...]
    stage: str
    decision: str
    cause: str
    reason: str
    remedy: str
    message_bytes: float | None
    touches: tuple[str, ...]
    source: Excerpt | None


@dataclass(frozen=True, slots=True)
class CausalNode:
    """A handler in the causal tree of an event: what the invocations of its parent brought about.

    ``per_chain`` is the mean number of calls per chain, ``cpu_us`` their CPU per chain, ``again`` says that
    the handler brings itself about again (a timer that arms itself).
    """

    handler: str
    name: str
    file: str
    line: int
    kind: str
    stage: str
    per_chain: float
    cpu_us: float
    again: bool
    children: tuple[CausalNode, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """All chains of one event: their number, their cost, and the handlers in causal order.

    ``share`` is the part of the CPU of all handlers; ``tree_chains`` the number of chains in the tree.
    """

    kind: str
    event: str
    count: int
    cpu: Spread
    wall: Spread
    share: float
    tree: tuple[CausalNode, ...]
    tree_chains: int


@dataclass(frozen=True, slots=True)
class Touch:
    """Where a handler read or wrote a location, and in how many chains that was seen."""

    handler: str
    mode: str
    line: int
    chains: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A write and a read that are not causally ordered: the reason why something is state."""

    writer: str
    writer_line: int
    reader: str
    reader_line: int


@dataclass(frozen=True, slots=True)
class State:
    """Something that handlers share, from the plan or, without one, from the recording alone."""

    id: str
    name: str
    file: str
    line: int
    kind: str
    owner: str
    handlers: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    touches: tuple[Touch, ...]
    chains: int


@dataclass(frozen=True, slots=True)
class Memory:
    """How the recorded locations divide: numbers of locations by class."""

    state: int
    communication: int
    init_only: int
    resource: int


@dataclass(frozen=True, slots=True)
class Resource:
    """Objects bound to their process, by class and by where they live."""

    kind: str
    label: str
    file: str
    line: int
    objects: int
    handlers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason why a handler was not moved, and what would change that."""

    cause: str
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A handler that was not moved, with all reasons; ``share`` is its part of the CPU, if it is known."""

    handler: str
    share: float | None
    objections: tuple[Objection, ...]


@dataclass(frozen=True, slots=True)
class ScalingPoint:
    """What the plan expects of so many machines, and what limits it there."""

    machines: int
    speedup: float
    limit: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What would be gained if one piece of state, or one refusal, were gone."""

    location: str
    machines: int
    speedup: float
    instead_of: float
    sentence: str


@dataclass(frozen=True, slots=True)
class StageHandler:
    """A handler in the drawing of its stage."""

    handler: str
    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the plan; ``load`` is that of one replica, where 1 is the whole original application."""

    id: str
    replicas: int
    load: float
    owns: tuple[str, ...]
    handlers: tuple[StageHandler, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """The messages from one stage to another, as they would have been in this recording."""

    source: str
    target: str
    count: int
    bytes_each: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The part of a plan that a report shows."""

    path: str
    machines: int
    transport: str
    stages: tuple[Stage, ...]
    messages: tuple[Message, ...]
    scaling: tuple[ScalingPoint, ...]
    what_if: tuple[WhatIf, ...]
    refusals: tuple[Refusal, ...]
    moved: int
    kept: int
    guards: int
    bound_gap: float | None

    @property
    def machine(self) -> str:
        """What the plan counts: worker threads use the cores of one machine."""
        return "core" if self.transport == "threads" else "machine"


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """Figures of a process over one interval; ``None`` where nothing was measured."""

    t_s: float
    cpu: float | None
    rss: float | None
    delay_mean_us: float | None
    delay_max_us: float | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The figures of one process over time."""

    process_id: int
    label: str
    points: tuple[TimelinePoint, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that pipetrace could not look at, or that matters when stages start."""

    kind: str
    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class HotFunction:
    """A function of the application in the CPU profile; ``calls`` where its invocations were counted."""

    name: str
    file: str
    line: int
    self_us: float
    total_us: float
    self_share: float
    samples: int
    calls: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """One report: first the diagnosis, then what it rests on, and at the end what was left out."""

    diagnosis: str
    verdict: str
    notes: tuple[str, ...]
    recording: Recording
    handlers: tuple[Handler, ...]
    chains: tuple[Chain, ...]
    memory: Memory
    state: tuple[State, ...]
    resources: tuple[Resource, ...]
    plan: Plan | None
    timelines: tuple[Timeline, ...]
    problems: tuple[Problem, ...]
    hot: tuple[HotFunction, ...]
    cuts: tuple[str, ...]
