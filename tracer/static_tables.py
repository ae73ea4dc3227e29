"""Rows that follow from the text alone: files, functions, captures, direct calls within and across files."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pipetrace.javascript.functions import FunctionInfo, functions_of
from pipetrace.javascript.kernel_run import KernelRun
from pipetrace.javascript.kernel_runs import kernel_runs
from pipetrace.javascript.kernels import KernelSite, kernel_sites
from pipetrace.javascript.parse import ParsedFile, deep_recursion
from pipetrace.javascript.reach import Holder
from pipetrace.javascript.scopes import Capture, ScopeInfo, analyse
from pipetrace.tracer.global_names import GlobalNames, global_names
from pipetrace.tracer.initialisers import describe_initialisers
from pipetrace.tracer.module_links import Call, Export, Import, module_links, package_of

_SUFFIXES = ("", ".js", ".cjs", ".mjs", ".json", "/index.js", "/index.cjs", "/index.mjs")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """What the text of one file says; plain data, functions by index, so that it can be kept on disk."""

    functions: tuple[dict[str, Any], ...]
    """Rows of the table ``function`` without ids; ``parent`` is an index or None. Behind the functions of the file
    stand the calls that could become kernels, and behind these the runs of such calls; ``members`` are indices."""
    captures: tuple[dict[str, Any], ...]
    """Rows of the table ``capture``; ``function`` and ``scope`` are indices."""
    calls: tuple[tuple[int, int], ...]
    """Caller and callee in this file."""
    foreign_calls: tuple[Call, ...]
    """Calls of what other modules export."""
    exports: tuple[Export, ...]
    imports: tuple[Import, ...] = ()
    held: tuple[tuple[int, str, int | None, int | None, str | None], ...] = ()
    """Rows of the table ``static_held``, with indices of functions."""

    def to_json(self) -> dict[str, Any]:
        """Return the data as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StaticFile:
        """The inverse of ``to_json``."""
        return cls(
            functions=tuple(data["functions"]),
            captures=tuple(data["captures"]),
            calls=tuple((caller, callee) for caller, callee in data["calls"]),
            foreign_calls=tuple(Call(**call) for call in data["foreign_calls"]),
            exports=tuple(Export(**export) for export in data["exports"]),
            imports=tuple(Import(**found) for found in data["imports"]),
            held=tuple((scope, name, held, to, other) for scope, name, held, to, other in data["held"]),
        )


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file that the application loaded."""

    file_id: int
    path: str
    """Relative to the application's root, posix."""
    sha256: str
    format: str
    """commonjs or module."""
    size: int
    """Bytes."""
    status: str
    """instrumented or left alone."""
    reason: str
    """Why it was left alone; of an instrumented one that a loader had translated it."""
    function_base: int = 0
    """Id of the module itself; that of function i is function_base + i."""
    static: StaticFile | None = None
    """None when the file does not parse."""
    starts: tuple[tuple[int, int], ...] = ()
    """Of each function the place that engines report: 0-based line and UTF-16 column in the instrumented text."""


def static_file(parsed: ParsedFile) -> StaticFile:
    """Derive everything that the tables need from a file."""
    with deep_recursion():
        functions = functions_of(parsed)
        scopes = analyse(parsed)
        initialisers = describe_initialisers(parsed, scopes, functions)
        links = module_links(parsed, scopes, functions)
        names = global_names(parsed, scopes, functions)
        kernels = kernel_sites(parsed, scopes, functions)
        runs = kernel_runs(parsed, scopes, functions)
    lines = parsed.lines
    captures = []
    for info in functions:
        for capture in (*scopes.captures(info.index), *(_own_variables(scopes) if info.index == 0 else ())):
            kind, nondeterministic = initialisers.get(capture.binding_id, ("none", False))
            captures.append(
                {
                    "function": info.index,
                    "name": capture.name,
                    "scope": capture.scope_function,
                    "module_level": capture.is_module_level,
                    "kind": capture.kind,
                    "reads": capture.reads,
                    "writes": capture.writes,
                    "reassigned": capture.reassigned,
                    "declaration_line": lines.position(capture.declaration_start)[0],
                    "nondeterministic_init": nondeterministic,
                    "init_kind": kind,
                }
            )
    calls = [(info.index, callee) for info in functions for callee in scopes.static_calls(info.index)]
    foreign_calls = list(links.calls)
    for index, kernel in enumerate(kernels, len(functions)):
        captures.append(_kernel_capture(kernel, index, scopes, captures))
        calls += [(index, kernel.callee)] if kernel.callee is not None else []
        foreign_calls += [replace(call, caller=index) for call in links.calls if _is_call_of(kernel, call)]
    for index, run in enumerate(runs, len(functions) + len(kernels)):
        for name in sorted({name for name, _, _ in run.names}):
            captures.append(_name_capture(name, run.function, index, captures))
    return StaticFile(
        functions=(
            *({**_function_row(info), **_global_row(names[info.index])} for info in functions),
            *(_kernel_row(kernel, kernel.arguments) for kernel in kernels),
            *(_run_row(run, len(functions)) for run in runs),
        ),
        captures=tuple(captures),
        calls=tuple(calls),
        foreign_calls=tuple(foreign_calls),
        exports=links.exports,
        imports=links.imports,
        held=tuple(_held_rows(scopes)),
    )


def _held_rows(scopes: ScopeInfo) -> Iterator[tuple[int, str, int | None, int | None, str | None]]:
    """What functions can be got from: names, and literals and classes by their place."""

    def spelt(holder: Holder) -> tuple[int, str]:
        if isinstance(holder, str):
            return 0, holder
        if holder < 0:
            return 0, f"@{-1 - holder}"
        return scopes.bindings[holder].scope_function, scopes.bindings[holder].name

    for holder, functions, leads in scopes.holders():
        scope, name = spelt(holder)
        for function in sorted(functions):
            yield scope, name, function, None, None
        for to, other in sorted({spelt(one) for one in leads} - {(scope, name)}):
            yield scope, name, None, to, other


def _own_variables(scopes: ScopeInfo) -> Iterator[Capture]:
    """The variables of the module itself, which other modules may use without a function that captures them."""
    for binding in scopes.bindings:
        if binding.is_module_level and binding.kind != "function":
            start, changes = binding.declaration_start, binding.reassigned
            yield Capture(binding.name, 0, True, binding.kind, True, False, changes, start, binding.id)


def static_tables(files: Sequence[LoadedFile]) -> dict[str, dict[str, list[Any]]]:
    """Return the tables file, function, capture, static_call and static_held of all files."""
    names = ("file", "function", "capture", "static_call", "static_held")
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    by_path = {file.path: file for file in files if file.static is not None}
    for file in files:
        tables["file"].append(
            {name: getattr(file, name) for name in ("file_id", "path", "sha256", "format", "size", "status", "reason")}
        )
        if file.static is None:
            continue
        base = file.function_base
        packages = {one.name: package_of(one.specifier) for one in file.static.imports}
        meanings = {one.name: _meaning(by_path, file.path, one.specifier, one.source, 8) for one in file.static.imports}
        homes = {name: meaning for name, meaning in meanings.items() if isinstance(meaning, tuple)}
        for index, row in enumerate(file.static.functions):
            parent = row["parent"]
            rest = {name: value for name, value in row.items() if name != "parent"}
            rest["members"] = " ".join(str(base + member) for member in row.get("members", ()))
            ids = {"function_id": base + index, "file_id": file.file_id}
            tables["function"].append({**ids, "parent_id": None if parent is None else base + parent, **rest})
        for row in file.static.captures:
            rest = {name: value for name, value in row.items() if name not in ("function", "scope")}
            ids = {"function_id": base + row["function"], "scope_function_id": base + row["scope"]}
            module, name = (homes.get(row["name"]) if row["module_level"] else None) or (None, None)
            library = packages.get(row["name"], "") if row["module_level"] else ""
            tables["capture"].append({**ids, **rest, "home_function_id": module, "home_name": name, "library": library})
        tables["static_call"] += [
            {"caller_id": base + caller, "callee_id": base + callee} for caller, callee in file.static.calls
        ]
        imported = [(0, name, one - base, None, None) for name, one in meanings.items() if isinstance(one, int)]
        tables["static_held"] += [
            {
                "scope_function_id": base + scope,
                "name": name,
                "function_id": None if held is None else base + held,
                "leads_scope_id": None if to is None else base + to,
                "leads_name": other,
            }
            for scope, name, held, to, other in (*file.static.held, *imported)
        ]
    tables["static_call"] += [{"caller_id": a, "callee_id": b} for a, b in sorted(_across_files(by_path))]
    return {name: _columns(rows) for name, rows in tables.items()}


def _function_row(info: FunctionInfo) -> dict[str, Any]:
    return {
        "parent": info.parent,
        "kind": info.kind,
        "name": info.name,
        "handler_key": info.handler_key,
        "start_offset": info.start,
        "end_offset": info.end,
        "line": info.line,
        "col": info.column,
        "end_line": info.end_line,
        "is_async": info.is_async,
        "is_generator": info.is_generator,
        "params": info.params,
        "returns_promise": info.returns_promise,
        "uses_this": info.uses_this,
        "uses_dynamic_scope": info.uses_eval or info.uses_with,
        "position": "",
        "names_before": "",
        "names_after": "",
        "hands_out": False,
        "members": [],
        "inputs": "",
    }


def _global_row(names: GlobalNames) -> dict[str, str]:
    return {"global_reads": " ".join(sorted(names.reads)), "global_writes": " ".join(sorted(names.writes))}


def _run_row(run: KernelRun, functions: int) -> dict[str, Any]:
    return {
        **_kernel_row(run, len(run.inputs)),
        "members": [functions + member for member in run.members],
        "inputs": " ".join(f"{one.member}:{one.argument}" for one in run.inputs),
    }


def _kernel_row(kernel: KernelSite | KernelRun, params: int) -> dict[str, Any]:
    return {
        "parent": kernel.function,
        "kind": "kernel",
        "name": kernel.name,
        "handler_key": kernel.key,
        "start_offset": kernel.start,
        "end_offset": kernel.end,
        "line": kernel.line,
        "col": kernel.column,
        "end_line": kernel.end_line,
        "is_async": False,
        "is_generator": False,
        "params": params,
        "returns_promise": False,
        "uses_this": False,
        "uses_dynamic_scope": False,
        "position": kernel.position,
        "names_before": " ".join(kernel.before),
        "names_after": " ".join(kernel.after),
        "hands_out": kernel.hands_out,
        "members": [],
        "inputs": "",
        "global_reads": "",
        "global_writes": "",
    }


def _kernel_capture(
    kernel: KernelSite, index: int, scopes: ScopeInfo, captures: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The name that a kernel's callee begins with, as the function around it captures it."""
    return _name_capture(scopes.bindings[kernel.root].name, kernel.function, index, captures)


def _name_capture(name: str, function: int, index: int, captures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A module-level name as one function captures it, for the row with another index."""
    around = next(
        row for row in captures if row["function"] == function and row["name"] == name and row["module_level"]
    )
    return {**around, "function": index, "reads": True, "writes": False}


def _is_call_of(kernel: KernelSite, call: Call) -> bool:
    return call.caller == kernel.function and call.name in ("", "default", *kernel.name[:-2].split("."))


def _across_files(by_path: Mapping[str, LoadedFile]) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for file in by_path.values():
        assert file.static is not None
        for call in file.static.foreign_calls:
            callee = _exported(by_path, file.path, call.specifier, call.name, 8)
            if callee is not None:
                found.add((file.function_base + call.caller, callee))
    return found


def _exported(by_path: Mapping[str, LoadedFile], importer: str, specifier: str, name: str, hops: int) -> int | None:
    """Return the id of the function that a module exports under a name, followed through re-exports."""
    target = _resolve(by_path, importer, specifier)
    if target is None or target.static is None or hops == 0:
        return None
    # `import x from './common.cjs'` means its module.exports; `require('./x.mjs').default` exists as well.
    wanted = {name} | ({"", "default"} if name in ("", "default") else set())
    for export in target.static.exports:
        if export.name in wanted and export.function is not None:
            return target.function_base + export.function
        # `export * from` and `module.exports = require(…)` pass on whatever is asked for.
        whole = export.name == "*" or (export.name == "" and export.source in ("", "*"))
        if export.specifier and (export.name in wanted or whole):
            source = name if whole else export.source
            found = _exported(by_path, target.path, export.specifier, source, hops - 1)
            if found is not None:
                return found
    return None


def _meaning(
    by_path: Mapping[str, LoadedFile], importer: str, specifier: str, name: str, hops: int
) -> tuple[int, str] | int | None:
    """Return the module and the variable that an import stands for, or the id of the function.

    The name '' means any variable of the module. None where it is a constant, or not the application's.
    """
    target = _resolve(by_path, importer, specifier)
    if target is None or target.static is None:
        return None
    whole = (target.function_base, "")
    if hops == 0:
        return whole
    exports = {export.name: export for export in target.static.exports}
    export = exports.get(name, exports.get("") if name in ("*", "default") or "" in exports else None)
    if export is None or (name == "*" and export.name != "*"):
        passed = [e for e in target.static.exports if e.name == "*"]
        if len(passed) == 1 and name not in ("", "*"):
            return _meaning(by_path, target.path, passed[0].specifier, name, hops - 1)
        return whole
    if export.specifier:
        source = name if export.name == "" and export.source in ("", "*") else export.source
        return _meaning(by_path, target.path, export.specifier, source, hops - 1)
    if export.function is not None:
        return target.function_base + export.function
    return None if export.constant else (target.function_base, export.variable)


def _resolve(by_path: Mapping[str, LoadedFile], importer: str, specifier: str) -> LoadedFile | None:
    if not specifier.startswith("."):
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(importer), specifier))
    candidates = [path + suffix for suffix in _SUFFIXES] if path != "." else ["index.js"]
    return next((by_path[candidate] for candidate in candidates if candidate in by_path), None)


def _columns(rows: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return columns
