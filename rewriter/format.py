"""Whether Node.js runs a file as an ES module or as CommonJS."""

from __future__ import annotations

import json
from pathlib import Path

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
