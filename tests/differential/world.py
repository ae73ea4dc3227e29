"""What the random statements of one program may use, and random values."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.differential.state import State
from tests.differential.tree import Part

_STABLE = frozenset({"memo", "table", "settings", "account", "mode"})
"""Kinds of state whose reads do not depend on the order of requests, as long as nothing ordered changes them."""


@dataclass(frozen=True, slots=True)
class Helper:
    """A function of the program that steps may call."""

    name: str
    kind: str
    """promise | value | callback"""
    call: str
    """Callee as it is written, such as `svc.run`."""
    touches: bool
    """Whether it uses state that changes."""


@dataclass(slots=True)
class World:
    """What the steps of one program may use."""

    r: random.Random
    states: Sequence[State]
    helpers: list[Helper]
    commutative: bool
    """Whether what is answered, and the final state, may not depend on the order of requests."""
    data: str
    """Expression of the path of a text file."""
    secrets: Sequence[str] = ()
    """Names of values that are random at start."""
    unseen: bool = False
    """Whether no request of the recording has `b > 1`."""
    waits: Sequence[tuple[Step, int]] = ()
    """Steps for where one may wait, with their weights."""
    count: int = 0

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where statements stand."""

    out: str
    """Name of the array that collects what is answered."""
    awaits: bool
    throws: bool
    """Whether an error thrown here reaches somebody."""
    http: bool = False
    """Whether `req` and `res` are there."""
    objects: tuple[str, ...] = ()
    """Local variables that hold points or plain objects with `x`."""
    depth: int = 0
    pure: bool = False
    """Nothing here may touch state."""

    def inner(self, **changes: object) -> Scope:
        return replace(self, depth=self.depth + 1, **changes)  # type: ignore[arg-type]


Step = Callable[["World", "Scope"], list[Part]]


def value(w: World, scope: Scope) -> str:
    """An expression whose value depends on `id` and `b` only."""
    r = w.r
    simple = [
        "id", "b", "id * b", f"{r.randint(1, 99)}", "`t${id}`", "[id, b]", "-0", "NaN", "undefined", "null", "12n * BigInt(id)",
        "true", "new Date(id * 1000)", "/x+/gi", "Symbol.for('s')", "'ünï\\u0000' + b", "Infinity",
    ]  # fmt: skip
    made = [
        "{ id, b, list: [id, , b] }", "new Point(id, b)", "new Named(id, b, 'n' + b)", "new Map([[id, { b }], ['k', new Set([b])]])",
        "Buffer.from('b' + id)", "new Uint8Array([id % 256, b])", "new AppError('made ' + id, b, { id })",
        "Object.assign(Object.create(null), { id })", "(() => { const c = { id }; c.self = c; return c; })()",
        "(() => { const p = new Point(id, b); return [p, p, { p }]; })()", "new TypeError('t' + b, { cause: id })",
        "new Error('outer', { cause: new AppError('inner', b) })", "Object.freeze({ id })", "{ x: id, nested: { deep: [{ b }] } }",
        "Object.assign([id, b], { extra: 1 })", "{ get sum() { return id + b; } }", "new Float32Array([id, 0.5])",
        "JSON.parse(JSON.stringify({ id, b: [b, { b }] }))", "structuredClone({ id, d: new Date(0) })", "[[], {}, [[]]]",
        "new Bag([['p', id], ['q', b]])", "Stack.of(id, b)", "new Vault(id)", "new Vault(id).open()", "(() => { const bag = new Bag([['p', b]]); return [bag, bag.total()]; })()",
        "{ [Symbol.for('tag')]: id, b }", "String(id).padStart(6, '0')", "Object.entries({ id, b })",
    ]  # fmt: skip
    return r.choice(simple if r.random() < 0.4 else made)


def plain(w: World) -> str:
    return w.r.choice(["{ x: id }", "new Point(id, b)", "{ x: b, list: [id] }", "new Named(b, id, 'm')", "{ x: 1, self: null }"])


def usable(w: World, scope: Scope, *, writing: bool = False) -> list[State]:
    if scope.pure:
        return []
    if writing:
        return [state for state in w.states if state.writes or (state.ordered and not w.commutative)]
    if w.commutative:
        return [state for state in w.states if state.kind in _STABLE]
    return list(w.states)


def argument(w: World, scope: Scope) -> str:
    if scope.objects and w.r.random() < 0.6:
        name = w.r.choice(scope.objects)
        return w.r.choice([name, name, f"[{name}, {name}]", f"{{ x: {name}.x, of: {name} }}"])
    return plain(w) if w.r.random() < 0.5 else value(w, scope)
