"""Plans the live edit of one script: the richest form for each function with which no function is lost.

Every draft is put through the model of the engine's differ in both directions, since the edit has to be taken back.
Where a function would be lost, the functions whose insertions stand near its ends take a poorer form, and in the
end none; drafts are made until nothing is lost.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pipetrace.javascript.edits import Edits
from pipetrace.javascript.functions import FunctionInfo
from pipetrace.javascript.parse import ParsedFile, deep_recursion
from pipetrace.tracer.attach_forms import FOREIGN, Form, Insertion, forms_of, insertions, why_not
from pipetrace.tracer.instrument_plan import Plan, make_plan
from pipetrace.tracer.livedit_diff import CHUNK_LIMIT, Change, Differ, Unpredictable
from pipetrace.tracer.livedit_model import Literal, Reach, map_functions

_ROUNDS = 40
_NEAR = 8
"""Characters between a function's end and the insertions that may have led to its loss."""


@dataclass(slots=True)
class ScriptPlan:
    """What to send for one script."""

    text: str
    """The instrumented text; the original one when nothing can be instrumented."""
    forms: dict[int, Form]
    """Function index → form, for all functions that calls could be seen of."""
    reasons: dict[int, str]
    """Function index → why it has none or a poor form."""
    places: tuple[int, ...]
    """Offset in `text` of the parameters of each function."""
    lost: frozenset[int] = frozenset()
    """Functions whose closures will keep the old code all the same."""
    left: frozenset[int] = field(default_factory=frozenset)
    """Functions whose closures will keep the instrumented code when the original text comes back."""
    changed: frozenset[int] = frozenset()
    """Functions whose own text changes."""

    def covered(self) -> list[int]:
        """Functions whose calls will be seen."""
        return [index for index, form in self.forms.items() if form != "none" and index not in self.lost]


class ScriptPlanner:
    """Plans the edit of one script, again with fewer functions when the engine refuses it."""

    def __init__(
        self, parsed: ParsedFile, functions: Sequence[FunctionInfo], decisions: Plan, *, using: bool, base: int
    ) -> None:
        self.parsed = parsed
        self.functions = functions
        self._base = base
        self._differ = Differ()
        self._units = _Units(parsed.text)
        with deep_recursion():
            self._choices: dict[int, tuple[Form, ...]] = {
                info.index: forms_of(parsed.text, info, functions, decisions, using=using) for info in functions[1:]
            }
            self._why = {info.index: why_not(info) for info in functions[1:] if decisions.shapes[info.index] != "none"}
        self._wanted = set(self._why)
        self._original = {
            info.index: Literal(self._units(info.params_start), self._units(info.end)) for info in self._literals()
        }

    @property
    def suspendable(self) -> set[int]:
        """Functions that can have calls under way while other code runs."""
        return {info.index for info in self.functions[1:] if info.is_async or info.is_generator}

    def text_with(self, forms: Mapping[int, Form]) -> str:
        """Return the text in which only some functions are instrumented."""
        return self._draft(forms).text

    def nothing(self, why: str) -> ScriptPlan:
        """Return the plan that changes nothing."""
        draft = self._draft({})
        return ScriptPlan(
            text=draft.text,
            forms=dict.fromkeys(sorted(self._wanted), "none"),
            reasons=dict.fromkeys(self._wanted, why) | {index: known for index, known in self._why.items() if known},
            places=tuple(draft.places),
        )

    def plan(self, without: Collection[int] = ()) -> ScriptPlan:
        """Return the plan; functions in `without` stay as they are."""
        step = dict.fromkeys(self._choices, 0)
        reasons = {index: why for index, why in self._why.items() if why}
        for index in without:
            step[index] = len(self._choices[index]) - 1
            reasons[index] = "a call of it was under way"
        if FOREIGN.search(self.parsed.text):
            reasons |= dict.fromkeys(self._wanted, "its file uses letters that the probes need")
            step = {index: len(self._choices[index]) - 1 for index in self._choices}
        blamed: dict[int, int] = {}
        for round_ in range(_ROUNDS):
            draft = self._draft({index: self._choices[index][number] for index, number in step.items()})
            suspects = self._suspects(draft, step, blamed, hard=round_ > _ROUNDS // 2)
            if not suspects:
                break
            for index in suspects:
                step[index] += 1
                reasons.setdefault(index, "the engine could not follow a richer edit of its text")
        forms = {index: self._choices[index][step[index]] for index in sorted(self._wanted)}
        lost, left = draft.there.lost | draft.there.confused, draft.back.lost | draft.back.confused
        if draft.there.confused or draft.back.confused or draft.there.outside:
            forms = dict.fromkeys(forms, "none")
            reasons = {**dict.fromkeys(forms, "the engine would mix up functions of its file"), **reasons}
            draft, lost, left = self._draft({}), frozenset(), frozenset()
        return ScriptPlan(
            text=draft.text,
            forms=forms,
            reasons={index: why for index, why in reasons.items() if forms.get(index) in ("none", "hit")},
            places=tuple(draft.places),
            lost=frozenset(lost),
            left=frozenset(left),
            changed=draft.there.changed,
        )

    def _literals(self) -> list[FunctionInfo]:
        return [info for info in self.functions[1:] if info.kind not in ("static-block", "field-init")]

    def _draft(self, forms: Mapping[int, Form]) -> _Draft:
        edits = Edits(self.parsed.text)
        inserted: list[tuple[Insertion, int]] = []
        with deep_recursion():
            for index, form in forms.items():
                for one in insertions(self.parsed, self.functions[index], form, self._base + index):
                    edits.insert(one.offset, one.text, order=one.order)
                    inserted.append((one, index))
        text = edits.apply()
        behind = {one.offset: len(one.text) for one, index in inserted if one.offset == self.functions[index].end}
        ends = edits.places(info.end - 1 for info in self.functions)
        places = edits.places(info.params_start for info in self.functions)
        units = _Units(text)
        new = {
            info.index: Literal(units(places[info.index]), units(ends[info.index] + 1 + behind.get(info.end, 0)))
            for info in self._literals()
        }
        return _Draft(self, text, places, sorted(inserted, key=lambda item: item[0].offset), new)

    def _suspects(self, draft: _Draft, step: dict[int, int], blamed: dict[int, int], *, hard: bool) -> set[int]:
        """Return the functions that should take a poorer form, so that nothing is lost."""
        found: set[int] = set()
        for number in draft.there.lost | draft.there.confused | draft.back.lost | draft.back.confused:
            blamed[number] = blamed.get(number, 0) + 1
            literal = self._original[number]
            radius = _NEAR << min(blamed[number], 12)
            near: set[int] = set()
            for end in (literal.start, literal.end):
                near |= draft.near(end, radius)
            if len(near) > 1 and blamed[number] <= 2:
                # Of functions that end together, the innermost first, as long as something remains of it.
                poorer = [index for index in near if step[index] < len(self._choices[index]) - 2]
                near = {max(poorer)} if poorer else near
            if not near and not hard:
                near = draft.near(literal.start, CHUNK_LIMIT) | draft.near(literal.end, CHUNK_LIMIT)
            found |= near
        return {index for index in found if step[index] < len(self._choices[index]) - 1}


class _Draft:
    """One text with what the engine would make of it."""

    def __init__(
        self,
        planner: ScriptPlanner,
        text: str,
        places: Sequence[int],
        inserted: Sequence[tuple[Insertion, int]],
        new: Mapping[int, Literal],
    ) -> None:
        self.text = text
        self.places = places
        self._offsets = [planner._units(one.offset) for one, _ in inserted]
        self._owners = [index for _, index in inserted]
        old = planner._original
        self.there, self.back = (
            _reach(planner._differ, planner.parsed.text, text, old, new),
            _reach(planner._differ, text, planner.parsed.text, new, old),
        )

    def near(self, offset: int, radius: int) -> set[int]:
        """Return the functions that have insertions near an offset of the original text."""
        first = bisect_left(self._offsets, offset - radius)
        return set(self._owners[first : bisect_right(self._offsets, offset + radius)])


def _reach(differ: Differ, old: str, new: str, literals: Mapping[int, Literal], wanted: Mapping[int, Literal]) -> Reach:
    try:
        changes: Sequence[Change] = differ.changes(old, new)
    except Unpredictable:
        return Reach(frozenset(literals), frozenset(), frozenset(literals), True)
    return map_functions(changes, literals, wanted)


class _Units:
    """Offsets of a text → positions in UTF-16 code units."""

    def __init__(self, text: str) -> None:
        self._wide = [index for index, character in enumerate(text) if character > "\uffff"]

    def __call__(self, offset: int) -> int:
        return offset + bisect_left(self._wide, offset)


def decide(parsed: ParsedFile, functions: Sequence[FunctionInfo]) -> Plan:
    """Return the decisions of a recording without memory accesses, see instrument_plan.py."""
    from pipetrace.javascript.scopes import analyse

    return make_plan(parsed, analyse(parsed), functions, memory=False)
