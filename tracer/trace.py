"""The trace file: one DuckDB database, written whole and under its final name only when it is complete."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipetrace.errors import PipetraceError
from pipetrace.tracer.trace_schema import FORMAT, FORMAT_VERSION, LATER, SCHEMA


@dataclass(frozen=True, slots=True)
class Coded:
    """A long column of few different texts."""

    codes: NDArray[Any]
    """By row: the place of its text."""
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)


Values = Sequence[Any] | NDArray[Any] | Coded
Table = Mapping[str, Values]
"""Column name → values of equal length; None or a masked value is NULL."""

_BLOCK_BYTES = 65536
"""Smaller blocks are hardly compressed, larger ones make small traces large."""
_WRITER_MEMORY = "256MB"
"""What DuckDB may take while a trace is written; it puts the rest on disk, beside the trace."""
_NUMPY = {
    "INTEGER": np.int64,
    "BIGINT": np.int64,
    "DOUBLE": np.float64,
    "BOOLEAN": np.bool_,
    "VARCHAR": np.object_,
}


class TraceWriter:
    """Writes a trace beside its final name and puts it there with ``commit``; without that nothing is left.

    Raises PipetraceError when the file exists and ``force`` is not given, and when it cannot be written.
    """

    def __init__(self, path: Path, *, force: bool = False) -> None:
        self.path = path
        self._force = force
        if path.exists() and not force:
            raise PipetraceError(f"{path} exists already; choose another name with -o, or overwrite it with --force.")
        self._draft = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._committed = False
        self._connection: duckdb.DuckDBPyConnection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._draft.unlink(missing_ok=True)
            # More threads would each hold pieces that are not full.
            self._connection = duckdb.connect(
                ":memory:",
                config={"memory_limit": _WRITER_MEMORY, "threads": 2, "temp_directory": f"{self._draft}.tmp"},
            )
            name = str(self._draft).replace("'", "''")
            self._connection.execute(f"attach '{name}' as trace (block_size {_BLOCK_BYTES})")
            self._connection.execute("use trace")
            for table, columns in SCHEMA.items():
                listed = ", ".join(f'"{column}" {kind}' for column, kind in columns)
                self._connection.execute(f'create table "{table}" ({listed})')
        except (duckdb.Error, OSError) as error:
            self.close()
            raise _cannot_write(path, error) from None

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, table: str, rows: Table) -> None:
        """Append rows to a table; columns that ``rows`` does not have become NULL."""
        assert self._connection is not None
        known = dict(SCHEMA[table])
        unknown = set(rows) - set(known)
        if unknown:
            raise ValueError(f"table {table} has no column {', '.join(sorted(unknown))}")
        columns, taken, texts = {}, [], []
        for name in (name for name in known if name in rows):
            values = rows[name]
            if isinstance(values, Coded):
                columns[name] = values.codes
                taken.append(f'list_extract(?, "{name}" + 1)')
                texts.append(_objects(values.texts).tolist())
            else:
                columns[name] = _column(values, known[name])
                taken.append(f'"{name}"')
        lengths = {len(column) for column in columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"the columns of table {table} differ in length: {sorted(lengths)}")
        if not lengths or lengths == {0}:
            return
        names = ", ".join(f'"{name}"' for name in columns)
        try:
            self._connection.register("batch", columns)
            self._connection.execute(f'insert into "{table}" ({names}) select {", ".join(taken)} from batch', texts)
            self._connection.unregister("batch")
        except (duckdb.Error, OSError) as error:
            raise _cannot_write(self.path, error) from None

    def commit(self, meta: Mapping[str, Any]) -> None:
        """Write ``meta`` (values become JSON), finish the file and give it its name."""
        entries = {"format": FORMAT, "version": FORMAT_VERSION, **meta}
        self.write("meta", {"key": list(entries), "value": [json.dumps(value) for value in entries.values()]})
        assert self._connection is not None
        try:
            self._connection.execute("checkpoint trace")
            self._connection.execute("use memory")
            self._connection.execute("detach trace")
            if self._force:
                self._draft.replace(self.path)
            else:
                os.link(self._draft, self.path)  # unlike a rename it never replaces a file made meanwhile
                self._draft.unlink()
        except FileExistsError:
            raise PipetraceError(
                f"{self.path} appeared while recording; choose another name with -o, or use --force."
            ) from None
        except (duckdb.Error, OSError) as error:
            raise _cannot_write(self.path, error) from None
        self._committed = True
        self.close()

    def close(self) -> None:
        """Free everything; removes the draft when it was not committed."""
        if self._connection is not None:
            with contextlib.suppress(duckdb.Error):
                self._connection.close()
            self._connection = None
        if not self._committed:
            for leftover in (self._draft, self._draft.with_name(self._draft.name + ".wal")):
                with contextlib.suppress(OSError):
                    leftover.unlink(missing_ok=True)
        shutil.rmtree(f"{self._draft}.tmp", ignore_errors=True)


@dataclass(frozen=True, slots=True)
class TraceInfo:
    """What a trace says about itself."""

    tool_version: str
    created: str
    """ISO 8601 with the offset from UTC."""
    command: tuple[str, ...]
    cwd: str
    app_root: str
    entry: str
    """Path of the entry script relative to ``app_root``."""
    app_name: str
    node_version: str
    duration_s: float
    complete: bool
    """Everything that the recorded processes did up to the end of the recording is in the trace."""
    partial_reason: str
    exit_code: int | None
    signal: str
    memory_mode: str
    init_end_ns: int | None
    lost_records: int


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """One function of the application."""

    function_id: int
    file: str
    parent_id: int | None
    kind: str
    name: str
    handler_key: str
    line: int
    col: int
    end_line: int


@dataclass(frozen=True, slots=True)
class HandlerRow:
    """A function that the event loop or a library called, with the sums over its invocations and their parts."""

    function_id: int
    file: str
    name: str
    line: int
    handler_key: str
    invocations: int
    cpu_ns: int


class Trace:
    """A trace that is open for reading."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection, meta: Mapping[str, Any]) -> None:
        self.path = path
        self.connection = connection
        self.meta = meta
        """All entries of the table ``meta``, decoded."""

    def __enter__(self) -> Trace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        """Run a query; the result is a DuckDB relation."""
        return self.connection.sql(query)

    def columns(self, query: str) -> dict[str, Any]:
        """Run a query and return its columns as NumPy arrays, masked where there are NULLs."""
        found: dict[str, Any] = self.connection.execute(query).fetchnumpy()
        return found

    @cached_property
    def info(self) -> TraceInfo:
        """The entries of ``meta`` with their types."""
        meta = self.meta
        return TraceInfo(
            tool_version=str(meta.get("tool_version") or ""),
            created=str(meta.get("created") or ""),
            command=tuple(meta.get("command") or ()),
            cwd=str(meta.get("cwd") or ""),
            app_root=str(meta.get("app_root") or ""),
            entry=str(meta.get("entry") or ""),
            app_name=str(meta.get("app_name") or ""),
            node_version=str(meta.get("node_version") or ""),
            duration_s=float(meta.get("duration_s") or 0.0),
            complete=bool(meta.get("complete")),
            partial_reason=str(meta.get("partial_reason") or ""),
            exit_code=meta.get("exit_code"),
            signal=str(meta.get("signal") or ""),
            memory_mode=str(meta.get("memory_mode") or ""),
            init_end_ns=meta.get("init_end_ns"),
            lost_records=int(meta.get("lost_records") or 0),
        )

    @cached_property
    def functions(self) -> tuple[FunctionRow, ...]:
        """All functions of the application, by id."""
        rows = self.connection.execute(
            """select f.function_id, coalesce(file.path, ''), f.parent_id, f.kind, coalesce(f.name, ''),
                      coalesce(f.handler_key, ''), f.line, f.col, f.end_line
               from "function" f left join file using (file_id) order by 1"""
        ).fetchall()
        return tuple(FunctionRow(*row) for row in rows)

    @cached_property
    def handlers(self) -> tuple[HandlerRow, ...]:
        """The handlers, the dearest first."""
        rows = self.connection.execute(
            """select i.function_id, coalesce(file.path, ''), coalesce(f.name, ''), f.line,
                      coalesce(f.handler_key, ''), count(*) filter (where i.kind = 'handler'), sum(i.cpu_ns)::bigint
               from invocation i join "function" f using (function_id) left join file using (file_id)
               where i.kind in ('handler', 'resume')
               group by all having count(*) filter (where i.kind = 'handler') > 0 order by 7 desc, 1"""
        ).fetchall()
        return tuple(HandlerRow(*row) for row in rows)


def open_trace(path: Path | str) -> Trace:
    """Open a trace for reading.

    Raises PipetraceError when there is no such file, when it is no trace, a trace of another version of the
    format, or cut off.
    """
    path = Path(path)
    _check_file(path)
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise PipetraceError(
            f"{path} cannot be opened as a DuckDB file ({_first_line(error)}); record again, or restore it from a copy."
        ) from None
    try:
        meta = _read_meta(path, connection)
    except BaseException:
        connection.close()
        raise
    return Trace(path, connection, meta)


def latest_trace(directory: Path | str = "traces") -> Path:
    """Return the newest trace of a directory; raises PipetraceError when there is none."""
    found = [(path.stat().st_mtime_ns, path) for path in Path(directory).glob("*.duckdb") if path.is_file()]
    if not found:
        raise PipetraceError(
            f"There is no trace in {directory}/; make one with `pipetrace record -- <your command>`, or name one."
        )
    return max(found)[1]


def _read_meta(path: Path, connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    foreign = f"{path} is a DuckDB file, but no trace; name a file that `pipetrace record` wrote."
    try:
        meta = {key: json.loads(value) for key, value in connection.execute("select key, value from meta").fetchall()}
    except duckdb.CatalogException:
        raise PipetraceError(foreign) from None
    except (duckdb.Error, ValueError):
        raise PipetraceError(f"{path} is damaged; record again, or restore it from a copy.") from None
    if meta.get("format") != FORMAT:
        raise PipetraceError(foreign)
    if meta.get("version") != FORMAT_VERSION:
        raise PipetraceError(
            f"{path} has version {meta.get('version')} of the trace format and this pipetrace reads version "
            f"{FORMAT_VERSION}; record again, or use the pipetrace that wrote it ({meta.get('tool_version')})."
        )
    tables = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
    missing = sorted(set(SCHEMA) - LATER - tables)
    if missing:
        raise PipetraceError(f"{path} lacks the table {missing[0]}; record again, or restore it from a copy.")
    return meta


def _check_file(path: Path) -> None:
    if not path.exists():
        raise PipetraceError(f"There is no trace {path}; make one with `pipetrace record -- <your command>`.")
    if not path.is_file():
        raise PipetraceError(f"{path} is not a file; name a trace that `pipetrace record` wrote.")
    try:
        with path.open("rb") as file:
            head = file.read(3 * 4096)
    except OSError as error:
        raise PipetraceError(f"{path} cannot be read ({error.strerror}).") from None
    if head[8:12] != b"DUCK":
        raise PipetraceError(f"{path} is no trace (not a DuckDB file); name a file that `pipetrace record` wrote.")
    if path.stat().st_size < _expected_bytes(head):
        raise PipetraceError(f"{path} is cut off; record again, or copy the file again.")


def _expected_bytes(head: bytes) -> int:
    """Return the size that a DuckDB file's newer header states: three pages and its blocks; 0 if unknown."""
    if len(head) < 3 * 4096:
        return 3 * 4096
    newest, expected = -1, 0
    for page in (4096, 8192):
        _checksum, iteration, _meta, _free, blocks, block_bytes = struct.unpack_from("<6Q", head, page)
        if iteration > newest and block_bytes in {1 << shift for shift in range(14, 19)}:
            newest, expected = iteration, 3 * 4096 + blocks * block_bytes
    return expected


def _column(values: Sequence[Any] | NDArray[Any], kind: str) -> NDArray[Any]:
    dtype = _NUMPY[kind]
    if isinstance(values, np.ma.MaskedArray):
        masked: NDArray[Any] = values.astype(dtype) if kind != "VARCHAR" else np.array(values.tolist(), dtype=object)
        return masked
    if isinstance(values, np.ndarray) and values.dtype != object:
        return values if kind != "VARCHAR" else values.astype(object)
    if kind == "VARCHAR":
        return _objects(values)
    absent = np.fromiter((value is None for value in values), dtype=bool, count=len(values))
    if not absent.any():
        return np.array(values, dtype=dtype)
    filled: NDArray[Any] = np.array([0 if value is None else value for value in values], dtype=dtype)
    column: NDArray[Any] = np.ma.masked_array(filled, mask=absent)
    return column


def _objects(values: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """Return texts as DuckDB takes them: JavaScript strings may hold lone surrogates, which Unicode text cannot."""
    found = values if isinstance(values, np.ndarray) else np.array([*values, None], dtype=object)[:-1]
    bad = {text: text.encode("utf-8", "replace").decode() for text in set(found.tolist()) if _has_surrogate(text)}
    return np.array([*(bad.get(text, text) for text in found), None], dtype=object)[:-1] if bad else found


def _has_surrogate(text: str | None) -> bool:
    return text is not None and not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)


def _cannot_write(path: Path, error: Exception) -> PipetraceError:
    text = str(error)
    if "No space left" in text:
        return PipetraceError(f"{path} cannot be written because the disk is full; free space, or use -o.")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else _first_line(error)
    return PipetraceError(f"{path} cannot be written ({reason}); choose another place with -o.")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0].rstrip(".")
