"""Which variables of other files an imported name stands for, so that a guard of the one covers the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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

    def means(self, capture: Capture, file: str, name: str) -> bool:
        """Whether a captured name is a variable of a file, or stands for it."""
        found: dict[Name, Capture] = {}
        if capture.module_level:
            self._follow((capture.scope, capture.name), found)
        functions = self._recording.functions
        return any(n == name and m in functions and self._recording.file_of(m) == file for m, n in found)

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
