"""Why a function stays: a record that the plan, the report and the tests share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a function stays: a slug, one sentence that names cause and place, and what would cure it."""

    cause: str
    sentence: str
    remedy: str
