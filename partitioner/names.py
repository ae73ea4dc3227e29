"""Names that people read: of handlers, of variables, of places in the source."""

from __future__ import annotations

from collections.abc import Mapping

from pipetrace.partitioner.recording import Function, Location, Recording, Shape


def handler_ids(recording: Recording) -> dict[int, str]:
    """An id for every function: '<file>#<name or function@line>', with ':2' … where two would be the same."""
    ids: dict[int, str] = {}
    seen: dict[str, int] = {}
    ordered = sorted(recording.functions.values(), key=lambda f: (recording.files[f.file].path, f.start, f.line, f.id))
    for function in ordered:
        base = f"{recording.files[function.file].path}#{_own_name(function)}"
        seen[base] = seen.get(base, 0) + 1
        ids[function.id] = base if seen[base] == 1 else f"{base}:{seen[base]}"
    return ids


def _own_name(function: Function) -> str:
    if function.kind == "module":
        return "module"
    return function.name or f"function@{function.line}"


def short(recording: Recording, function: int) -> str:
    """A function as a sentence names it: its name, or what it was handed to and where it stands."""
    info = recording.functions[function]
    path = recording.files[info.file].path
    if info.kind == "module":
        return path
    if info.name:
        return f"`{info.name}`"
    given = recording.ruptures.get(function, ())
    outer = [name for one in recording.ancestors(function) if (name := recording.functions[one].name)]
    if given:
        what = f"the function handed to `{given[0].callee}`"
    else:
        what = f"the unnamed function in `{outer[0]}`" if outer else "the unnamed function"
    return f"{what} at {path}:{info.line}"


def brief(recording: Recording, function: int) -> str:
    """A function in a list of several: its name or where it stands."""
    info = recording.functions[function]
    return short(recording, function) if info.name else f"{recording.files[info.file].path}:{info.line}"


_NOUNS = {"plain": "object", "http.request": "request", "http.response": "response", "typedarray": "typed array"}


def noun(klass: str) -> str:
    """A class of values as a sentence names one: 'object', 'array', 'Cart object', 'response'."""
    if klass == "instance:?":
        return "object"
    if klass.startswith("instance:"):
        return f"{klass.removeprefix('instance:')} object"
    return _NOUNS.get(klass, klass)


def a_noun(klass: str) -> str:
    """The noun with its article."""
    word = noun(klass)
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"


def place(recording: Recording, function: int) -> str:
    """'file:line' of a function."""
    info = recording.functions[function]
    return f"{recording.files[info.file].path}:{info.line}"


def because(shape: Shape) -> str:
    """Why a value cannot be sent, as the end of a sentence that names its class."""
    return f": {shape.why}" if shape.why and shape.why != a_noun(shape.klass) else ""


def location_key(
    location: Location, files: Mapping[int, str], scopes: Mapping[int, Function], by_chain: bool
) -> tuple[str, str]:
    """(id, name) under which all instances of one location are gathered.

    What was first reached through a module-level variable belongs to that variable: '<file>:<name>'. A variable
    of a function gets its line too, since the name may be there twice. Other objects go by the place that made
    them, and where that is unknown by themselves; with ``by_chain`` (they live as long as one chain) by their class.
    """
    if location.root_variable:
        file, _, name = location.root_variable.rpartition("#")
        return f"{file}:{name}", name
    file = files.get(location.file, "") if location.file is not None else ""
    if location.kind == "variable":
        scope = scopes.get(location.scope) if location.scope is not None else None
        if scope is None or scope.kind == "module":
            return f"{file}:{location.name}", location.name
        return f"{file}:{location.name}@{location.line}", location.name
    if by_chain:
        return f"({location.klass})", noun(location.klass)
    if file:
        return f"{file}:{location.line} ({location.klass})", f"{noun(location.klass)} made at {file}:{location.line}"
    return location.owner, location.owner
