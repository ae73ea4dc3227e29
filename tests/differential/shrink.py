"""Makes a failing program smaller while it still fails: many smaller versions at a time, run in one process."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tests.differential.tree import COMMON, Ask, Block, Part, Program

Fails = Callable[[Sequence[Program]], Sequence[bool]]
"""Tells for each of some programs whether it still fails."""

_AT_ONCE = 10


def shrink(program: Program, fails: Fails, *, rounds: int = 30, seed: int = 0) -> Program:
    """The smallest version found in so many rounds."""
    r = random.Random(seed)
    size = 0.5
    for _ in range(rounds):
        candidates = list(_candidates(program, size, r))
        if not candidates:
            break
        named = [_renamed(one, f"{program.name}v{number}") for number, one in enumerate(candidates)]
        still = [one for one, failed in zip(candidates, fails(named), strict=True) if failed]
        if still:
            program = min(still, key=weight)
        elif size > 0.02:
            size /= 2
        else:
            break
    return program


def weight(program: Program) -> int:
    """How large a program is, its requests included."""
    return program.lines + len(program.asks)


def _candidates(program: Program, size: float, r: random.Random) -> Iterator[Program]:
    """Up to as many smaller versions as run at once, each without about `size` of something."""
    found: dict[str, Program] = {}
    for _ in range(_AT_ONCE * 8):
        if len(found) >= _AT_ONCE:
            break
        smaller = _without_asks(program, size, r) if r.random() < 0.25 else _without_parts(program, size, r)
        if smaller is not None and weight(smaller) < weight(program):
            found.setdefault(repr((smaller.files, smaller.asks)), smaller)
    yield from found.values()


def _without_asks(program: Program, size: float, r: random.Random) -> Program | None:
    count = max(1, int(len(program.asks) * size))
    if len(program.asks) <= count:
        return None
    start = r.randrange(len(program.asks) - count + 1)
    asks: tuple[Ask, ...] = (*program.asks[:start], *program.asks[start + count :])
    return replace(program, asks=asks)


def _without_parts(program: Program, size: float, r: random.Random) -> Program | None:
    names = [name for name, _ in program.files if name not in COMMON]
    name = r.choice(names)
    parts = dict(program.files)[name]
    paths = [path for path in _lists(parts) if _at(parts, path)]
    if not paths:
        return None
    path = r.choice(paths)
    here = _at(parts, path)
    count = max(1, int(len(here) * size))
    start = r.randrange(len(here) - count + 1)
    middle: tuple[Part, ...] = ()
    if count == 1 and isinstance(here[start], Block) and r.random() < 0.4:
        block = here[start]
        assert isinstance(block, Block)
        middle = block.parts
    return program.with_file(name, _with(parts, path, (*here[:start], *middle, *here[start + count :])))


def _lists(parts: Sequence[Part], path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    yield path
    for number, part in enumerate(parts):
        if isinstance(part, Block):
            yield from _lists(part.parts, (*path, number))


def _at(parts: tuple[Part, ...], path: tuple[int, ...]) -> tuple[Part, ...]:
    for number in path:
        block = parts[number]
        assert isinstance(block, Block)
        parts = block.parts
    return parts


def _with(parts: tuple[Part, ...], path: tuple[int, ...], new: tuple[Part, ...]) -> tuple[Part, ...]:
    if not path:
        return new
    block = parts[path[0]]
    assert isinstance(block, Block)
    inner = replace(block, parts=_with(block.parts, path[1:], new))
    return (*parts[: path[0]], inner, *parts[path[0] + 1 :])


def _renamed(program: Program, name: str) -> Program:
    """The same program under another name, so that several versions run in one process."""

    def text(part: Part) -> Part:
        if isinstance(part, str):
            return part.replace(program.name, name)
        head, tail = part.head.replace(program.name, name), part.tail.replace(program.name, name)
        return Block(head, tuple(text(inner) for inner in part.parts), tail)

    files = tuple((file, tuple(text(part) for part in parts)) for file, parts in program.files)
    return replace(program, name=name, files=files)
