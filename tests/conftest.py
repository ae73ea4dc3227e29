"""Tests that fail for a defect that is known and not mended yet; `pytest -m open_defect` runs them."""

from __future__ import annotations

import pytest

OPEN: dict[str, str] = {}
"""End of a test's id → what is known."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.nodeid.endswith(name) for name in OPEN):
            item.add_marker(pytest.mark.open_defect)
