"""Whether Node.js runs a file as an ES module or as CommonJS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EDITABLE = (".js", ".mjs", ".cjs", "")
"""Extensions of files that may hold JavaScript; others are copied only."""


def package_type(folder: Path) -> str:
    """Return the `type` of the nearest package.json at or above a folder; '' if it has none or there is none."""
    for place in (folder, *folder.parents):
        if place.name == "node_modules":
            return ""
        manifest = place / "package.json"
        if manifest.is_file():
            try:
                content = json.loads(manifest.read_text(encoding="utf-8-sig"))
            except (OSError, ValueError):
                return ""
            found = content.get("type") if isinstance(content, dict) else None
            return found if isinstance(found, str) else ""
    return ""


def uses_eslint(folder: Path) -> bool:
    """Tell whether ESLint finds a configuration for the files of a folder, as it looks for one: there and above."""
    for place in (folder, *folder.parents):
        if place.name == "node_modules":
            return False
        if any(place.glob("eslint.config.*")) or any(place.glob(".eslintrc*")):
            return True
        if "eslintConfig" in _manifest(place):
            return True
    return False


def _manifest(folder: Path) -> Mapping[str, Any]:
    try:
        content = json.loads((folder / "package.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def is_es_module(file: Path, module_syntax: bool) -> bool:
    """Tell whether a file is an ES module; `module_syntax` says that its text has import or export.

    Without a declared type, newer versions of Node decide by the text.
    """
    if file.suffix == ".mjs":
        return True
    if file.suffix == ".cjs":
        return False
    declared = package_type(file.parent)
    return declared == "module" or (declared != "commonjs" and module_syntax)
