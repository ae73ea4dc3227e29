"""Compares the answers of the staged application with those of the original, byte by byte.

The original is started at least twice. Whatever differs between its own runs is left out, named in the result and
nothing else. Two further things are allowed, and counted: in the concurrent phase identical requests may have
swapped their answers, since no order between clients is fixed; and where an answer shows the directory of the
application or the frames of a stack trace, these are those of the staged copy.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipetrace.runner.pattern import Pattern, learn
from pipetrace.runner.replay import Phase
from pipetrace.runner.requests import Request
from pipetrace.runner.wire import Answer

_ALWAYS_VARIES = 0.8
"""A header that varies in this share of its answers is left out of all of them: two dates may be equal by chance."""


_FRAME = re.compile(
    rb"(?:\n|\\n|<br ?/?>)(?:[ \t]|&nbsp;)*at (?:[^\n\\<>\"()]|<anonymous>|&lt;anonymous&gt;)*"
    rb"(?:\((?:<anonymous>|&lt;anonymous&gt;|[^\n()<>\"]*:\d+:\d+)\)|(?<=:)\d+(?=\n|\\n|<|\"|$))"
)
"""One line of a stack trace, in plain text, in JSON or in HTML."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One request that the two applications answered differently."""

    request: Request
    phase: str
    part: str
    """status | headers | body | end | interim | trailers"""
    original: Answer
    staged: Answer
    left_out: frozenset[bytes] = frozenset()
    """Names of headers, in small letters, that were not compared."""
    ways: int = 1
    """In how many ways the starts of the original answered it."""


@dataclass(frozen=True, slots=True)
class PhaseVerdict:
    """One phase compared."""

    name: str
    requests: int
    equal: int
    """Equal in every byte, headers that always vary (dates) left out."""
    equal_but_varying: int
    """Equal in everything that does not vary in the original's own runs."""
    swapped: int
    """Identical requests whose answers came in another order between the clients."""
    placed: int
    """Answers that name the application's directory, equal once it is read as the original's."""
    framed: int
    """Answers that show a stack trace, equal but for its frames."""
    differences: tuple[Difference, ...]
    rechunked: int
    """Answers with the same bytes in chunks of other sizes."""
    varying_headers: tuple[tuple[str, int], ...]
    """Headers that vary by themselves and in how many answers."""
    varying_bodies: tuple[tuple[str, int, float], ...]
    """Requests whose body varies by itself: title, number of answers, share of the bytes that was compared."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the original's runs say about one answer."""

    samples: tuple[Answer, ...]
    statuses: frozenset[bytes]
    ends: frozenset[str]
    variants: Mapping[tuple[bytes, ...], tuple[Pattern, ...]]
    """For each list of header names that was seen: one pattern a line, learned from the samples that have it."""
    body: Pattern
    decoded: bool
    """Whether the body pattern is of the decompressed bytes."""


@dataclass(frozen=True, slots=True)
class Places:
    """The directories of the two applications, as their answers may name them."""

    original: bytes
    staged: bytes

    def read_as_original(self, answer: Answer) -> Answer:
        """A staged answer with the staged directory replaced by the original's."""
        if self.staged not in answer.body and not any(self.staged in line for line in answer.headers):
            return answer
        lines = tuple(line.replace(self.staged, self.original) for line in answer.headers)
        return replace(answer, headers=lines, body=answer.body.replace(self.staged, self.original))


NOWHERE = Places(b"\0", b"\0")
"""For applications whose directories are the same."""


def compare_phase(originals: Sequence[Phase], staged: Phase, places: Places = NOWHERE) -> PhaseVerdict:
    """Compare one phase of the staged application with the same phase of at least two starts of the original."""
    requests = staged.requests
    known = [_know([phase.answers[index] for phase in originals]) for index in range(len(requests))]
    dropped = _always_varying(known)
    swapped = rechunked = placed = framed = 0
    exact: set[int] = set()
    loose: set[int] = set()
    suspects: list[int] = []
    for index, (expected, answer) in enumerate(zip(known, staged.answers, strict=True)):
        if _different_part(expected, answer, dropped) is not None:
            how = _explained(expected, answer, dropped, places)
            placed += how == "placed"
            framed += how == "framed"
            if not how:
                suspects.append(index)
            continue
        same = [sample.chunks for sample in expected.samples if sample.body == answer.body]
        rechunked += bool(same) and answer.chunks not in same
        (loose if _varies(expected, dropped) else exact).add(index)
    differences: list[Difference] = []
    if staged.name == "concurrently":
        still, unheard = _by_groups(originals, staged, suspects, dropped | _varying_somewhere(known))
        swapped = len(suspects) - len(still)
        unordered = _by_routes(staged, known, still, dropped)
        loose.update(unordered)
        suspects = sorted({*still, *unheard}.difference(unordered))
    for index in suspects:
        part = _different_part(known[index], staged.answers[index], dropped) or "body"
        samples = known[index].samples
        ways = len({_print(sample, dropped) for sample in samples})
        differences.append(
            Difference(requests[index], staged.name, part, samples[0], staged.answers[index], dropped, ways)
        )
    headers, bodies = _what_varies(requests, known)
    return PhaseVerdict(
        staged.name,
        len(requests),
        len(exact.difference(suspects)),
        len(loose.difference(suspects)),
        swapped,
        placed,
        framed,
        tuple(differences),
        rechunked,
        headers,
        bodies,
    )


def describe(difference: Difference, width: int = 32) -> str:
    """The difference in lines that a person reads: what was asked, which part differs, the bytes around it."""
    original, staged = difference.original, difference.staged
    request = difference.request
    lines = [f"request {request.number}: {request.title} (connection {request.connection}, {difference.phase})"]
    if difference.part == "end":
        lines += [f"  original  {_ending(original)}", f"  staged    {_ending(staged)}"]
    elif difference.part == "status":
        lines += [f"  original  {_text(original.status)}", f"  staged    {_text(staged.status)}"]
        if staged.code() >= 500 and staged.body:
            lines.append(f"  its body  {_text(staged.body[:200])}")
    elif difference.part in ("headers", "trailers", "interim"):
        before, after = (
            [line for line in getattr(answer, difference.part) if _name(line) not in difference.left_out]
            for answer in (original, staged)
        )
        if Counter(before) == Counter(after):
            lines.append("  the same lines in another order:")
        lines += [f"  - {_text(line)}" for line in before if line not in after or Counter(before) == Counter(after)]
        lines += [f"  + {_text(line)}" for line in after if line not in before or Counter(before) == Counter(after)]
    else:
        offset = first_difference(original.body, staged.body)
        lines.append(
            f"  body differs from byte {offset} on (original {len(original.body)} bytes, staged {len(staged.body)})"
        )
        lines += [*_excerpt("original", original.body, offset, width), *_excerpt("staged", staged.body, offset, width)]
    return "\n".join(lines)


def first_difference(a: bytes, b: bytes) -> int:
    """Offset of the first byte that differs; the shorter length when one begins the other."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[:middle] == b[:middle] else (low, middle - 1)
    return low


def _know(samples: Sequence[Answer]) -> _Known:
    by_names: dict[tuple[bytes, ...], list[Answer]] = {}
    for sample in samples:
        by_names.setdefault(_names(sample), []).append(sample)
    variants = {
        names: tuple(learn(lines) for lines in zip(*(one.headers for one in alike), strict=True))
        for names, alike in by_names.items()
    }
    body, decoded = learn([sample.body for sample in samples]), False
    if not body.exact and all(_unpacked(sample) is not None for sample in samples):
        body, decoded = learn([_unpacked(sample) or b"" for sample in samples]), True
    statuses, ends = frozenset(s.status for s in samples), frozenset(s.end for s in samples)
    return _Known(tuple(samples), statuses, ends, variants, body, decoded)


def _different_part(known: _Known, answer: Answer, dropped: frozenset[bytes]) -> str | None:
    """The part of the answer that contradicts the original, or None."""
    if answer.end not in known.ends:
        return "end"
    if answer.status not in known.statuses:
        return "status"
    if all(sample.interim != answer.interim for sample in known.samples):
        return "interim"
    patterns = known.variants.get(_names(answer))
    if patterns is None:
        return "headers"
    for pattern, line in zip(patterns, answer.headers, strict=True):
        name = _name(line)
        if name in dropped or (name == b"content-length" and not known.body.exact):
            continue
        if not pattern.matches(line):
            return "headers"
    body = answer.body
    if known.decoded:
        unpacked = _unpacked(answer)
        if unpacked is None:
            return "body"
        body = unpacked
    # What was cut off by a time limit has no fixed length; its beginning must agree.
    if answer.end == "late" and known.body.exact:
        expected = known.body.pieces[0]
        shorter = min(len(body), len(expected))
        return None if body[:shorter] == expected[:shorter] else "body"
    if not known.body.matches(body):
        return "body"
    if all(sample.trailers != answer.trailers for sample in known.samples):
        return "trailers"
    if all(sample.closed != answer.closed for sample in known.samples):
        return "end"
    return None


def _explained(known: _Known, answer: Answer, dropped: frozenset[bytes], places: Places) -> str:
    """`placed` or `framed` when the directory or stack frames explain the difference, else ''."""
    here = places.read_as_original(answer)
    depends_on_body = frozenset({b"content-length", b"etag"})
    if here != answer and _different_part(known, here, dropped | depends_on_body) is None:
        return "placed"
    bare = _without_frames(here)
    if bare == here and all(_without_frames(sample) == sample for sample in known.samples):
        return ""
    reduced = _know([_without_frames(sample) for sample in known.samples])
    return "framed" if _different_part(reduced, bare, dropped | depends_on_body) is None else ""


def _without_frames(answer: Answer) -> Answer:
    return replace(answer, body=_FRAME.sub(b"", answer.body)) if _FRAME.search(answer.body) else answer


def _varies(known: _Known, dropped: frozenset[bytes]) -> bool:
    return (
        len(known.statuses) > 1
        or len(known.ends) > 1
        or len(known.variants) > 1
        or not known.body.exact
        or any(not pattern.exact for name, pattern in _lines(known) if name.lower() not in dropped)
    )


def _always_varying(known: Sequence[_Known]) -> frozenset[bytes]:
    seen: Counter[bytes] = Counter()
    varied: Counter[bytes] = Counter()
    for one in known:
        for name, pattern in _lines(one):
            seen[name.lower()] += 1
            varied[name.lower()] += not pattern.exact
    return frozenset(name for name in seen if seen[name] > 1 and varied[name] >= _ALWAYS_VARIES * seen[name])


def _varying_somewhere(known: Sequence[_Known]) -> frozenset[bytes]:
    return frozenset(name.lower() for one in known for name, pattern in _lines(one) if not pattern.exact)


def _by_groups(
    originals: Sequence[Phase], staged: Phase, suspects: Sequence[int], dropped: frozenset[bytes]
) -> tuple[list[int], list[int]]:
    """Judge identical requests together, by the answers that they got whoever got which.

    Returns the suspects that are not explained by a swap, and those that looked equal one by one, but whose group
    got other answers than it did in *every* start of the original (a counter that gave a number twice).
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, request in enumerate(staged.requests):
        groups.setdefault(request.sameness, []).append(index)
    unexplained, unheard = [], []
    for group in groups.values():
        doubted = [index for index in suspects if index in group]
        if len(group) == 1:
            unexplained += doubted
            continue
        expected = [Counter(_print(phase.answers[index], dropped) for index in group) for phase in originals]
        got = Counter(_print(staged.answers[index], dropped) for index in group)
        if got in expected:
            continue
        unexplained += doubted
        if not doubted and all(one == expected[0] for one in expected):
            surplus = got - expected[0]
            for index in group:
                if surplus[_print(staged.answers[index], dropped)] > 0:
                    surplus[_print(staged.answers[index], dropped)] -= 1
                    unheard.append(index)
    return sorted(unexplained), unheard


def _by_routes(staged: Phase, known: Sequence[_Known], suspects: Sequence[int], dropped: frozenset[bytes]) -> list[int]:
    """The suspects that got an answer which the same request got elsewhere in the phase from the original.

    Only where such answers depend on the order by themselves: then what one of them was given, the other may be.
    """
    routes: dict[tuple[object, ...], list[int]] = {}
    for index, request in enumerate(staged.requests):
        routes.setdefault((request.server, request.method, request.url, request.body), []).append(index)
    explained = []
    for route in routes.values():
        doubted = [index for index in suspects if index in route]
        if doubted and len(route) > 1 and any(_varies(known[index], dropped) for index in route):
            pooled = _know([sample for index in route for sample in known[index].samples])
            explained += [i for i in doubted if _different_part(pooled, staged.answers[i], dropped) is None]
    return explained


def _print(answer: Answer, dropped: frozenset[bytes]) -> tuple[object, ...]:
    lines = tuple(line for line in answer.headers if _name(line) not in dropped)
    return (answer.end, answer.status, lines, answer.body)


def _what_varies(
    requests: Sequence[Request], known: Sequence[_Known]
) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int, float], ...]]:
    headers: Counter[str] = Counter()
    bodies: dict[str, list[float]] = {}
    for request, one in zip(requests, known, strict=True):
        headers.update({_text(name) for name, pattern in _lines(one) if not pattern.exact})
        if len(one.variants) > 1:
            headers["(which headers there are)"] += 1
        if len(one.statuses) > 1:
            headers["(status)"] += 1
        if not one.body.exact:
            sample = one.samples[0]
            size = len(_unpacked(sample) or b"") if one.decoded else len(sample.body)
            bodies.setdefault(request.title, []).append(one.body.fixed / max(1, size))
    shares = tuple((title, len(found), min(1.0, sum(found) / len(found))) for title, found in bodies.items())
    return tuple(headers.most_common()), tuple(sorted(shares, key=lambda item: -item[1]))


def _unpacked(answer: Answer) -> bytes | None:
    """The decompressed body; None when it is not compressed in a way known here."""
    encoding = next(
        (line.partition(b":")[2].strip().lower() for line in answer.headers if _name(line) == b"content-encoding"), b""
    )
    try:
        if encoding == b"gzip":
            return gzip.decompress(answer.body)
        if encoding == b"deflate":
            return zlib.decompress(answer.body)
    except (OSError, EOFError, zlib.error):
        return None
    return None


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].strip().lower()


def _names(answer: Answer) -> tuple[bytes, ...]:
    """Header names in order and as sent, case included."""
    return tuple(line.partition(b":")[0] for line in answer.headers)


def _lines(known: _Known) -> Iterator[tuple[bytes, Pattern]]:
    """Header names as sent, with what their lines have in common."""
    for names, patterns in known.variants.items():
        yield from zip(names, patterns, strict=True)


def _ending(answer: Answer) -> str:
    what = {
        "complete": "a complete answer",
        "cut": "the connection was closed before the answer was complete",
        "late": "no complete answer in time",
        "refused": "the connection was refused",
        "malformed": "bytes that are not an HTTP answer",
    }[answer.end]
    closed = "" if answer.end != "complete" else (", connection closed" if answer.closed else ", connection kept open")
    return f"{what}{closed}{f' ({_text(answer.status)})' if answer.status else ''}"


def _text(value: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in value)


def _excerpt(name: str, body: bytes, offset: int, width: int) -> list[str]:
    start = max(0, offset - width // 2)
    part = body[start : start + width]
    halves = [part[i : i + 16] for i in range(0, len(part), 16)] or [b""]
    lines = []
    for number, half in enumerate(halves):
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in half)
        place = start + 16 * number
        lines.append(f"  {name if number == 0 else '':<9} {place:>8}  {half.hex(' '):<47}  {shown}")
    return lines
