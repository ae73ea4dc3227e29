"""Refusals at rewrite time, as data: which handler stays as it is, for what cause, and what would help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """A handler that the plan moves and the rewriter leaves as it is, so that it runs on the entry stage."""

    handler: str
    """Id of the handler in the plan."""
    cause: str
    """Slug, one of `CAUSES`."""
    sentence: str
    remedy: str
    """What a person could change so that it can be moved; '' where nothing helps."""

    def to_json(self) -> dict[str, Any]:
        """Return the form that the plan's `refusals` have."""
        return {
            "handler": self.handler,
            "cause": self.cause,
            "sentence": self.sentence,
            "remedy": self.remedy,
        }


CAUSES: dict[str, tuple[str, str]] = {
    "not-found": (
        "{name} is not where the plan says it is",
        "Record and partition again.",
    ),
    "not-javascript": (
        "{file} is not JavaScript that can be edited ({detail})",
        "",
    ),
    "require-taken": (
        "{file} declares {detail} itself, so the runtime cannot be loaded there",
        "Rename it.",
    ),
    "dynamic-scope": (
        "{name} uses eval or with, so the variables that it touches cannot be known",
        "Take eval and with out of it.",
    ),
    "generator": (
        "{name} is a generator, whose state cannot travel",
        "",
    ),
    "accessor": (
        "{name} is a {detail}, which is called for its value at once",
        "Make it a function.",
    ),
    "uses-this": (
        "{name} uses `this`, which stays where it was made",
        "Pass what it needs as a parameter.",
    ),
    "outer-activation": (
        "{name} uses `{detail}` of the function around it",
        "Store it in a const outside and use that.",
    ),
    "private-name": (
        "{name} uses #{detail}, which is known only inside its class",
        "",
    ),
    "class-method": (
        "{name} is a method of a class in a form that cannot be replaced safely ({detail})",
        "Move its work to a function at module level.",
    ),
    "method-key": (
        "{name} is a method whose key ({detail}) cannot be repeated",
        "Write it as a property with a function.",
    ),
    "called-by-name": (
        "{name} is called by its name at {detail} as well, where nobody waits for it",
        "Make it async, if its callers can wait for a promise.",
    ),
    "constructed": (
        "{name} is called with `new`",
        "",
    ),
    "not-async": (
        "The function around {name} is not async, and the plan does not make it so",
        "Set `wait` to `async` in the plan, if nobody uses what the function returns.",
    ),
    "declaration-place": (
        "{name} is a function declaration {detail}",
        "Declare it in the body of its function, or as a const.",
    ),
    "redeclared": (
        "{name} is declared more than once in the same scope",
        "Give each a name of its own.",
    ),
    "capture-reassigned": (
        "{name} captures `{detail}`, which is assigned after the handler was made",
        "Declare `{detail}` as a const, or keep it in an object at module level.",
    ),
    "capture-written": (
        "{name} assigns to `{detail}`, a variable of the function around it",
        "Return the value instead, or keep it at module level.",
    ),
    "capture-class": (
        "{name} captures the local class `{detail}`, which has no name that another stage knows",
        "Move the class to module level.",
    ),
    "capture-result": (
        "{name} uses the result of the local function `{detail}` at once",
        "Move `{detail}` to module level.",
    ),
    "code-after-next": (
        "{name} goes on after it has called `{detail}`, so that the order of the two would change",
        "Call `{detail}` last, or return it.",
    ),
    "hands-function-over": (
        "{name} gives `{detail}` a function, whose result others may use at once",
        "Put data there instead, or the function at module level.",
    ),
    "uses-process": (
        "{name} uses `{detail}`, which concerns the process of the entry stage",
        "Keep what needs it in a function of its own.",
    ),
    "nested-in-moved": (
        "{name} stands inside {detail}, which is moved whole",
        "",
    ),
    "unguarded-state": (
        "{name} could touch {detail}, which cannot be guarded where it is declared",
        "Declare it with const at module level.",
    ),
    "unshared-initial": (
        "{name} could read {detail}, whose value differs from stage to stage and cannot be taken from the entry",
        "Compute it in a synchronous initialiser at module level.",
    ),
    "state-group": (
        "{name} shares {detail} with a handler that stays on the entry stage",
        "See why that one stays.",
    ),
}
"""Cause → sentence without its full stop, and remedy; `{name}`, `{file}` and `{detail}` are filled in."""


def refuse(cause: str, handler: str, name: str, detail: str = "", file: str = "") -> Refusal:
    """Make the refusal of one handler."""
    sentence, remedy = CAUSES[cause]
    words = {"name": name or "The function", "file": file, "detail": detail}
    return Refusal(handler, cause, sentence.format(**words) + ".", remedy.format(**words))
