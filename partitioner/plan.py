"""The plan file: frozen records, the reader with its errors, and the writer.

The JSON Schema beside this module is the published form; `docs/plan-format.md` explains it. A plan may be edited
by hand, so everything that the rewriter relies on is checked again when a plan is read.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jsonschema

from pipetrace.errors import PipetraceError

FORMAT = "pipetrace-plan"
VERSION = 1


@dataclass(frozen=True, slots=True)
class TraceOrigin:
    """The recording that a plan was made from."""

    path: str
    created: str
    command: tuple[str, ...]
    cwd: str
    app_root: str
    entry: str
    app_name: str
    node_version: str
    node: str = ""
    """Path of the node that ran it."""
    node_flags: tuple[str, ...] = ()
    """Its options before the script."""
    arguments: tuple[str, ...] = ()
    """Those of the application, behind the script."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of the application as it was recorded."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Stage:
    """An event loop of its own; ``load`` is that of one replica, where 1.0 is the whole original application."""

    id: str
    replicas: int
    load: float
    owns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a handler was moved or kept."""

    cause: str
    sentence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Handler:
    """One handler and its stage. ``share`` is its part of the CPU, with all that runs inside it."""

    id: str
    key: str
    file: str
    name: str
    line: int
    column: int
    start: int
    end: int
    stage: str
    decision: Literal["moved", "kept"]
    cpu_us: float
    calls: int
    share: float
    message_bytes: float
    returns: Literal["promise", "nothing", "value"]
    reason: Reason
    arguments: tuple[str, ...] = ()
    form: Literal["wrap", "lift", "twin", "kernel"] | None = None
    captures: tuple[str, ...] | None = None
    wait: Literal["none", "await", "async"] | None = None
    """Only of moved kernels: what has to be added where the call stands; 'async' makes its function async too."""

    @property
    def moved(self) -> bool:
        """Whether calls of it are sent to another stage."""
        return self.decision == "moved"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two handlers that depend on one another through a location."""

    writer: str
    writer_line: int
    reader: str
    reader_line: int


@dataclass(frozen=True, slots=True)
class State:
    """One variable, or the objects made at one place, with its class and the stage that owns it."""

    id: str
    name: str
    file: str
    line: int
    klass: Literal["state", "init-only", "communication", "resource"] = field(metadata={"json": "class"})
    owner: str
    handlers: tuple[str, ...]
    form: Literal["variable", "object"]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Guard:
    """State that moved handlers could touch by the text of the program, though the recording never saw it."""

    location: str
    name: str
    file: str
    line: int
    form: Literal["object", "variable"]
    owner: str
    handlers: tuple[str, ...]
    reads: tuple[str, ...] = ()
    """Properties of the object that nothing changes after initialisation, and that moved handlers read."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A name that moved handlers may use, and whose value nothing was seen to change."""

    location: str
    """'file:name' of a module-level name, 'file:name@line' of a local one that a twin captures."""
    name: str
    file: str
    line: int
    handlers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A function that an outside source calls; it runs on its stage only."""

    handler: str
    key: str
    file: str
    start: int
    end: int
    kind: Literal["timer", "listener", "handler"]
    stage: str


@dataclass(frozen=True, slots=True)
class InitValue:
    """A value of initialisation that differs from run to run; every stage takes it from the entry stage."""

    file: str
    name: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a handler was not moved."""

    handler: str
    cause: str
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ScalingPoint:
    """Throughput on a number of machines against the original, and what stops it from being more."""

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
class Costs:
    """The cost model that the plan was made with, in microseconds of CPU."""

    message_us: dict[str, float]
    byte_us: dict[str, float]
    value_us: dict[str, float]
    http_entry_us: float
    http_stage_us: float
    away_factor: float
    entry_us_per_request: float
    move_threshold_us: float
    outside_share: float = 0.0
    """Part of the application's CPU that Node and libraries take outside of handlers; it stays on the entry stage."""


@dataclass(frozen=True, slots=True)
class Objective:
    """The busiest load of the plan, a lower bound for any plan, and the distance between them."""

    busiest_load: float
    bound: float
    gap: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Which handler runs on which stage, what each stage owns, and why."""

    tool_version: str
    diagnosis: str
    trace: TraceOrigin
    files: tuple[PlannedFile, ...]
    machines: int
    transport: Literal["threads", "nats"]
    stages: tuple[Stage, ...]
    handlers: tuple[Handler, ...]
    state: tuple[State, ...]
    guards: tuple[Guard, ...]
    sources: tuple[Source, ...]
    init_values: tuple[InitValue, ...]
    refusals: tuple[Refusal, ...]
    scaling: tuple[ScalingPoint, ...]
    what_if: tuple[WhatIf, ...]
    model: Costs
    objective: Objective
    constants: tuple[Constant, ...] = ()
    stateless: tuple[str, ...] = ()
    """Libraries of which the user said that no answer depends on what they keep between calls."""
    format: str = FORMAT
    version: int = VERSION

    @property
    def moved(self) -> tuple[Handler, ...]:
        """The handlers that run on another stage than the entry."""
        return tuple(handler for handler in self.handlers if handler.moved)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data, with 'format' and 'version' first."""
        data: dict[str, Any] = _plain(self)
        return {"format": data.pop("format"), "version": data.pop("version"), **data}

    def to_text(self) -> str:
        """The plan as the text of its file; the same plan gives the same bytes."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"


def load_plan(path: Path | str) -> Plan:
    """Read a plan; raises PipetraceError where it is missing, broken, foreign, of another version or contradictory."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PipetraceError(f"There is no plan {path}; make one with `pipetrace partition`.") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or "unknown reason") if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PipetraceError(f"{path} cannot be read ({reason}); make a plan with `pipetrace partition`.") from None
    try:
        data = json.loads(text)
    except ValueError as error:
        raise PipetraceError(
            f"{path} is not valid JSON ({error}); correct it, or make it again with `pipetrace partition --force`."
        ) from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise PipetraceError(f"{path} is JSON, but no plan; name a file that `pipetrace partition` wrote.")
    if data.get("version") != VERSION:
        raise PipetraceError(
            f"{path} has version {data.get('version')} of the plan format and this pipetrace reads version {VERSION}; "
            "make it again with `pipetrace partition --force`."
        )
    problem = jsonschema.exceptions.best_match(_validator().iter_errors(data))
    if problem is not None:
        where = "/".join(str(step) for step in problem.absolute_path) or "the top level"
        raise PipetraceError(
            f"{path} is no valid plan: at {where}, {problem.message}; correct it, or make it again with "
            "`pipetrace partition --force`."
        )
    plan: Plan = _record(Plan, data)
    _check_references(path, plan)
    return plan


def _check_references(path: Path, plan: Plan) -> None:
    stages = {stage.id: stage for stage in plan.stages}
    handlers = {handler.id for handler in plan.handlers}

    def refuse(text: str) -> typing.NoReturn:
        raise PipetraceError(f"{path} contradicts itself: {text}; correct it, or make it again with --force.")

    if "entry" not in stages or stages["entry"].replicas != 1:
        refuse("it needs a stage `entry` with one replica")
    if len(stages) != len(plan.stages):
        refuse("two stages have the same id")
    if len(handlers) != len(plan.handlers):
        refuse("two handlers have the same id")
    for handler in plan.handlers:
        if handler.stage not in stages:
            refuse(f"`{handler.id}` is on stage `{handler.stage}`, which is not listed under stages")
        if handler.moved and handler.form is None:
            refuse(f"`{handler.id}` is moved, but has no form (wrap, lift, twin or kernel)")
        if handler.moved and handler.stage == "entry":
            refuse(f"`{handler.id}` is moved, but its stage is the entry stage")
        inside = handler.reason.cause == "nested-in-moved"
        if not handler.moved and handler.stage != "entry" and not inside:
            refuse(f"`{handler.id}` is kept, but its stage is `{handler.stage}`")
        if handler.form != "lift" and handler.captures:
            refuse(f"`{handler.id}` has captures to pass, which needs the form lift")
        if handler.form == "kernel" and handler.wait is None:
            refuse(f"`{handler.id}` is a moved kernel, but does not say how its function waits (none, await or async)")
    for stage in plan.stages:
        if stage.owns and stage.replicas > 1:
            refuse(f"stage `{stage.id}` owns `{stage.owns[0]}` and so cannot have {stage.replicas} replicas")
    for name, owner in [(s.id, s.owner) for s in plan.state] + [(g.location, g.owner) for g in plan.guards]:
        if owner and owner not in stages:
            refuse(f"`{name}` is owned by stage `{owner}`, which is not listed under stages")
    for source in plan.sources:
        if source.stage not in stages:
            refuse(f"source `{source.handler}` is on stage `{source.stage}`, which is not listed under stages")


@cache
def _validator() -> Any:
    schema = json.loads(Path(__file__).with_name("plan.schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)


def _json_name(entry: dataclasses.Field[Any]) -> str:
    name: str = entry.metadata.get("json", entry.name)
    return name


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        entries = ((entry, getattr(value, entry.name)) for entry in dataclasses.fields(value))
        return {_json_name(entry): _plain(item) for entry, item in entries if item is not None}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _record(kind: Any, value: Any) -> Any:
    """Build a value of type ``kind`` from plain data that the schema has accepted; unknown keys are left out."""
    if dataclasses.is_dataclass(kind):
        hints = _hints(typing.cast(type, kind))
        named = {_json_name(entry): entry.name for entry in dataclasses.fields(kind)}
        return typing.cast(Any, kind)(
            **{named[key]: _record(hints[named[key]], item) for key, item in value.items() if key in named}
        )
    origin = typing.get_origin(kind)
    if origin is tuple:
        return tuple(_record(typing.get_args(kind)[0], item) for item in value)
    if origin is types.UnionType:
        inner = next(argument for argument in typing.get_args(kind) if argument is not type(None))
        return _record(inner, value)
    if kind is float:
        return float(value)
    return value
