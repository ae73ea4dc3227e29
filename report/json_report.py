"""The report as JSON, and the JSON Schema that describes it (made from the model, so that they agree)."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from pathlib import Path
from typing import Any

from pipetrace.report import model

SCHEMA_FILE = Path(__file__).parent / "report.schema.json"
"""The published schema; a test holds it equal to ``schema()``."""


def render(report: model.Report) -> str:
    """The whole report as JSON, indented, ending in a newline."""
    document = {"format": model.FORMAT, "version": model.VERSION, **dataclasses.asdict(report)}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of what ``render`` writes."""
    definitions: dict[str, Any] = {}
    _define(model.Report, definitions)
    root = definitions.pop("Report")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A report of pipetrace",
        **root,
        "properties": {
            "format": {"const": model.FORMAT},
            "version": {"const": model.VERSION},
            **root["properties"],
        },
        "required": ["format", "version", *root["required"]],
        "$defs": dict(sorted(definitions.items())),
    }


def _define(cls: type, definitions: dict[str, Any]) -> None:
    if cls.__name__ in definitions:
        return
    definitions[cls.__name__] = {}
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]
    definitions[cls.__name__] = {
        "description": " ".join((cls.__doc__ or "").split()),
        "type": "object",
        "properties": {name: _type(hints[name], definitions) for name in names},
        "required": names,
        "additionalProperties": False,
    }


def _type(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if hint is type(None):
        return {"type": "null"}
    if isinstance(hint, types.UnionType):
        return {"anyOf": [_type(part, definitions) for part in typing.get_args(hint)]}
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": _type(typing.get_args(hint)[0], definitions)}
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        _define(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    return {"type": {str: "string", bool: "boolean", int: "integer", float: "number"}[hint]}
