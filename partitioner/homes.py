"""Which variables of other files an imported name stands for, so that a guard of the one covers the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from pipetrace.partitioner.recording import Capture, Recording

Name = tuple[int, str]
"""A module-level name: module function and name."""


class ModuleNames:
    """The module-level names of a recording, and what those mean that are imported."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._all: dict[Name, Capture] = {}
        self._of: dict[int, list[str]] = {}
        for function in sorted(recording.captures):
            for capture in recording.captures[function]:
                if capture.module_level:
                    self._note(capture)

    def _note(self, capture: Capture) -> None:
        name = (capture.scope, capture.name)
        known = self._all.get(name)
        if known is None:
            self._of.setdefault(capture.scope, []).append(capture.name)
        if known is None or (capture.nondeterministic and not known.nondeterministic):
            self._all[name] = capture

    def used_by(self, functions: Iterable[int]) -> dict[Name, Capture]:
        """The names that some functions use, with those of other files that they stand for."""
        found: dict[Name, Capture] = {}
        for function in sorted(functions):
            for capture in self._recording.captures.get(function, ()):
                if capture.module_level:
                    self._follow((capture.scope, capture.name), found)
        return found

    def meanings(self, capture: Capture) -> frozenset[str]:
        """A captured name and those that it stands for, as 'file:name'."""
        found: dict[Name, Capture] = {}
        if capture.module_level:
            self._follow((capture.scope, capture.name), found)
        return frozenset(self.spell(name) for name in found if name[0] in self._recording.functions)

    def spell(self, name: Name) -> str:
        """A name as 'file:name'."""
        return f"{self._recording.file_of(name[0])}:{name[1]}"

    def same(self, name: str) -> frozenset[str]:
        """All names of the variable that a name stands for, as 'file:name': its own and those that import it."""
        return self._families.get(name, frozenset((name,)))

    @cached_property
    def _families(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for name, capture in self._all.items():
            home, seen = name, {name}
            while capture.home is not None and capture.home[1] and capture.home not in seen:
                home = capture.home
                seen.add(home)
                following = self._all.get(home)
                if following is None:
                    break
                capture = following
            if home != name and home[0] in self._recording.functions:
                found.setdefault(self.spell(home), {self.spell(home)}).add(self.spell(name))
        return {name: frozenset(family) for family in found.values() for name in family}

    def home_of(self, name: Name) -> int | None:
        """The module of the application that a name is imported from."""
        capture = self._all.get(name)
        return None if capture is None or capture.home is None else capture.home[0]

    def homes(self, name: Name) -> list[Name]:
        """The names of other files that a name stands for."""
        found: dict[Name, Capture] = {}
        self._follow(name, found)
        return [other for other in found if other != name]

    def _follow(self, name: Name, found: dict[Name, Capture]) -> None:
        waiting = [name]
        while waiting:
            at = waiting.pop()
            capture = self._all.get(at)
            if at in found or capture is None:
                continue
            found[at] = capture
            waiting += self._next(capture)

    def _next(self, capture: Capture) -> Iterator[Name]:
        if capture.home is None:
            return
        module, name = capture.home
        if name:
            yield capture.home
        else:
            # The text does not tell which of its variables.
            yield from ((module, each) for each in self._of.get(module, ()))
