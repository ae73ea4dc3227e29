"""Plans as a whole: what is decided, what is said, and the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import pipetrace.partitioner.plan as plan_module
from pipetrace.errors import PipetraceError
from pipetrace.partitioner.build import Options, make_plan
from pipetrace.partitioner.plan import Plan, load_plan
from tests.unit.partitioner_fixture import Drawing


def _shop() -> Drawing:
    """`page` renders (7 ms), `login` is heavy and shares `sessions` with the timer `expire`."""
    draw = Drawing()
    page, render = draw.function("page", line=10), draw.promised("render", line=20)
    login, expire = draw.function("login", line=30), draw.function("expire", line=40)
    draw.http(login)
    draw.http(page)
    sessions, md = draw.content("sessions", line=4), draw.content("md", klass="instance:Lib", line=5)
    for number in range(20):
        sampled = number < 3
        call = draw.run(render, ms=7, kind="call", parent=draw.run(page, sampled=sampled), sampled=sampled)
        begun = draw.run(login, ms=3, sampled=sampled)
        tick = draw.run(expire, event=("timer", "setInterval"), sampled=sampled)
        if sampled:
            draw.touch(call, "r", md, line=21)
            draw.touch(begun, "rw", sessions, line=33)
            draw.touch(tick, "w", sessions, line=44)
    return draw


@pytest.fixture(scope="module")
def shop() -> Plan:
    return make_plan(_shop().recording(), Options(machines=4))


def test_the_stateless_handler_moves_and_the_others_say_why_they_stay(shop: Plan) -> None:
    assert [(handler.id, handler.stage, handler.reason.cause) for handler in shop.handlers] == [
        ("app.js#page", "entry", "inner-moved"),
        ("app.js#render", "stage1", "stateless-heavy"),
        ("app.js#login", "entry", "shares-state"),
        ("app.js#expire", "entry", "shares-state"),
    ]
    assert [handler.name for handler in shop.moved] == ["render"]
    login = next(handler for handler in shop.handlers if handler.name == "login")
    assert login.reason.sentence == "`login` shares `sessions` (app.js:4) with `expire`, so they stay together."


def test_classes_and_owners_are_listed_with_evidence(shop: Plan) -> None:
    found = {state.id: state for state in shop.state}
    assert {name: (state.klass, state.owner, state.form) for name, state in found.items()} == {
        "app.js:md": ("init-only", "", "object"),
        "app.js:sessions": ("state", "entry", "object"),
    }
    evidence = found["app.js:sessions"].evidence[0]
    assert (evidence.writer, evidence.writer_line) == ("app.js#login", 33)
    assert (evidence.reader, evidence.reader_line) == ("app.js#expire", 44)
    assert found["app.js:sessions"].handlers == ("app.js#login", "app.js#expire")


def test_the_scaling_table_names_the_limit_and_what_would_help(shop: Plan) -> None:
    assert [point.machines for point in shop.scaling] == [1, 2, 3, 4]
    assert [point.speedup for point in shop.scaling] == sorted(point.speedup for point in shop.scaling)
    assert shop.scaling[0].limit == "one event loop does all the work"
    assert shop.scaling[-1].limit == (
        "the entry stage: 30 % of the handlers' CPU is in handlers that share `sessions` (app.js:4)"
    )
    assert len(shop.what_if) == 1
    assert shop.what_if[0].location == "app.js:sessions"
    assert shop.what_if[0].speedup > shop.what_if[0].instead_of
    assert shop.what_if[0].sentence.startswith("If `sessions` (app.js:4) were moved to a store, 4 machines would give ")


def test_the_diagnosis_comes_first_and_is_one_sentence(shop: Plan) -> None:
    assert list(shop.to_json())[:4] == ["format", "version", "tool_version", "diagnosis"]
    assert shop.diagnosis.startswith("4 cores should give ")
    assert shop.diagnosis.endswith("in handlers that share `sessions` (app.js:4).")


def test_the_same_recording_gives_the_same_bytes(shop: Plan) -> None:
    assert make_plan(_shop().recording(), Options(machines=4)).to_text() == shop.to_text()


def test_the_plan_obeys_its_schema_and_comes_back_as_it_was(shop: Plan, tmp_path: Path) -> None:
    schema = json.loads(Path(plan_module.__file__).with_name("plan.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(shop.to_json(), schema)
    path = tmp_path / "plan.json"
    path.write_text(shop.to_text(), encoding="utf-8")
    assert load_plan(path) == shop


def test_machines_and_transport_change_the_plan() -> None:
    one = make_plan(_shop().recording(), Options(machines=1))
    assert (one.moved, one.diagnosis) == ((), "Nothing to gain on one machine: ask for more with --machines.")
    nats = make_plan(_shop().recording(), Options(machines=4, transport="nats"))
    assert nats.diagnosis.startswith("4 machines should give ")
    assert sum(stage.replicas for stage in nats.stages) <= 4


def test_where_state_holds_everything_nothing_moves_and_the_diagnosis_names_it() -> None:
    draw = Drawing()
    get, put, db = draw.function("get"), draw.function("put"), draw.content("db", line=4)
    for _ in range(3):
        draw.touch(draw.run(get, ms=5), "r", db)
        draw.touch(draw.run(put, ms=3), "rw", db)
    ping = draw.function("ping", line=90)
    draw.run(ping, ms=4.9)
    draw.capture(ping, "socket")
    draw.shape(ping, "capture:socket", "socket")
    plan = make_plan(draw.recording(), Options(machines=4))
    assert plan.diagnosis == "Nothing to gain: 83 % of the handlers' CPU is in handlers that share `db` (app.js:4)."
    assert [stage.id for stage in plan.stages] == ["entry"]
    assert {(refusal.handler, refusal.cause) for refusal in plan.refusals} == {
        ("app.js#get", "shares-state"),
        ("app.js#put", "shares-state"),
        ("app.js#ping", "captures-resource"),
    }


def test_light_handlers_are_left_where_they_are() -> None:
    draw = Drawing()
    ping = draw.function("ping")
    for _ in range(50):
        draw.run(ping, ms=0.05, event=("datagram", "message"))
    plan = make_plan(draw.recording(), Options())
    assert plan.diagnosis == (
        "Nothing to gain: 100 % of the handlers' CPU is in handlers of less than 0.2 ms a call; the busiest, `ping`, "
        "takes 0.05 ms."
    )
    moved = make_plan(draw.recording(), Options(threshold_us=10, move="all"))
    assert [handler.name for handler in moved.moved] == ["ping"]


def test_what_moves_only_because_it_was_asked_for_is_said_to_gain_nothing() -> None:
    draw = Drawing()
    ping = draw.function("ping")
    draw.http(ping)
    for _ in range(50):
        draw.run(ping, ms=0.01)
    plan = make_plan(draw.recording(), Options(move="all"))
    assert plan.diagnosis.startswith("Nothing to gain, but as it was asked for: 0."), plan.diagnosis


def test_all_that_may_move_moves_whatever_it_costs_and_nothing_else() -> None:
    draw = _shop()
    tiny = draw.function("tiny", line=95)
    draw.run(tiny, ms=0.0)
    plan = make_plan(draw.recording(), Options(move="all"))
    moved = {handler.id for handler in plan.moved}
    assert "app.js#tiny" in moved
    kept = {h.id: h.reason.cause for h in plan.handlers if h.decision == "kept"}
    assert kept and set(kept.values()) <= {"shares-state", "captures-resource", "nested-in-moved"}
    assert not moved & set(kept)
    every = make_plan(draw.recording(), Options(move="all", keep=("app.js#tiny",)))
    assert {handler.id for handler in every.moved} == moved - {"app.js#tiny"}
    reasons = {handler.id: handler.reason.cause for handler in every.handlers}
    assert reasons["app.js#tiny"] == "not-asked"


def test_nothing_moves_or_exactly_what_is_named() -> None:
    recording = _shop().recording()
    assert make_plan(recording, Options(move="none")).moved == ()
    everything = make_plan(recording, Options(move="all"))
    for handler in everything.moved:
        named = make_plan(recording, Options(only=(handler.id,)))
        assert [found.id for found in named.moved] == [handler.id]


def test_a_handler_that_may_not_move_is_refused_with_the_reason() -> None:
    recording = _shop().recording()
    plan = make_plan(recording, Options(move="all"))
    stays = next(h for h in plan.handlers if h.reason.cause == "shares-state")
    with pytest.raises(PipetraceError) as caught:
        make_plan(recording, Options(only=(stays.id,)))
    assert str(caught.value).startswith(f"`{stays.id}` cannot move: {stays.reason.sentence}")
    with pytest.raises(PipetraceError, match=r"No handler that ran has the id `app\.js#pag`; the nearest"):
        make_plan(recording, Options(keep=("app.js#pag",)))


def test_a_handler_that_never_ran_is_listed() -> None:
    draw = _shop()
    draw.function("admin", line=80)
    plan = make_plan(draw.recording(), Options())
    assert [r.sentence for r in plan.refusals if r.cause == "unseen"] == [
        "`admin` was registered at app.js:80, but never ran in this recording."
    ]


def test_a_recording_without_load_says_so() -> None:
    draw = Drawing()
    plan = make_plan(draw.recording(), Options())
    assert plan.diagnosis == (
        "Nothing to gain: no function of the application itself ran after initialisation in this recording; record it "
        "under load, unless it leaves its work to libraries, which are not rewritten (record --include node_modules/NAME "
        "shows what one of them does)."
    )


def _edited(shop: Plan, tmp_path: Path, **changes: Any) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**shop.to_json(), **changes}), encoding="utf-8")
    return path


def _error(path: Path) -> str:
    with pytest.raises(PipetraceError) as caught:
        load_plan(path)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_a_missing_plan_is_one_sentence(tmp_path: Path) -> None:
    assert _error(tmp_path / "plan.json") == "There is no plan plan.json; make one with `pipetrace partition`."


def test_broken_json_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text('{"format": ')
    assert _error(path).startswith("plan.json is not valid JSON (Expecting value: line 1 column 12")


@pytest.mark.parametrize("text", ["[]", '{"name": "shop"}', '"plan"'])
def test_foreign_json_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    assert _error(path) == "plan.json is JSON, but no plan; name a file that `pipetrace partition` wrote."


def test_bytes_that_are_no_text_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(b"\xff\xfe\x00")
    assert _error(path).startswith("plan.json cannot be read (it is not UTF-8 text)")


def test_an_older_version_is_one_sentence(shop: Plan, tmp_path: Path) -> None:
    assert _error(_edited(shop, tmp_path, version=0)) == (
        "plan.json has version 0 of the plan format and this pipetrace reads version 1; make it again with "
        "`pipetrace partition --force`."
    )


def test_a_plan_against_the_schema_names_the_place(shop: Plan, tmp_path: Path) -> None:
    stages = [dict(stage) for stage in shop.to_json()["stages"]]
    stages[0]["replicas"] = "two"
    assert "at stages/0/replicas, 'two' is not of type 'integer'" in _error(_edited(shop, tmp_path, stages=stages))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"stage": "stage9"}, "is on stage `stage9`, which is not listed under stages"),
        ({"stage": "entry"}, "is moved, but its stage is the entry stage"),
        ({"decision": "kept", "reason": {"cause": "x", "sentence": "y"}}, "is kept, but its stage is `stage1`"),
        ({"form": "wrap", "captures": ["a"]}, "has captures to pass, which needs the form lift"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(
    shop: Plan, tmp_path: Path, change: dict[str, Any], text: str
) -> None:
    handlers = [dict(handler) for handler in shop.to_json()["handlers"]]
    next(handler for handler in handlers if handler["decision"] == "moved").update(change)
    assert text in _error(_edited(shop, tmp_path, handlers=handlers))


def test_a_stage_with_state_cannot_get_replicas_by_hand(shop: Plan, tmp_path: Path) -> None:
    stages = [dict(stage) for stage in shop.to_json()["stages"]]
    stages[1].update(owns=["app.js:sessions"], replicas=2)
    assert "owns `app.js:sessions` and so cannot have 2 replicas" in _error(_edited(shop, tmp_path, stages=stages))


def test_a_plan_edited_by_hand_keeps_unknown_keys_out_of_the_way(shop: Plan, tmp_path: Path) -> None:
    assert load_plan(_edited(shop, tmp_path, note="kept by hand")) == shop


def test_a_library_that_is_called_stateless_lets_its_users_move_and_is_named_in_the_plan() -> None:
    draw = Drawing()
    page, kept = draw.function("page"), draw.library("cache")
    for _ in range(20):
        draw.touch(draw.run(page, ms=50), "rw", kept, via="compared")
    recording = draw.recording()
    stays = make_plan(recording, Options(machines=2))
    assert (stays.moved, stays.stateless) == ((), ())
    assert "`--stateless cache`" in stays.refusals[0].remedy
    assert "`--stateless cache` would give 2 machines" in stays.what_if[0].sentence
    told = make_plan(recording, Options(machines=2, stateless=("cache",)))
    assert ([handler.name for handler in told.moved], told.stateless) == (["page"], ("cache",))


def test_a_name_of_no_library_is_not_taken_for_stateless() -> None:
    draw = Drawing()
    draw.touch(draw.run(draw.function("page")), "r", draw.library("cache"), via="opaque")
    with pytest.raises(PipetraceError, match="calls a library `cahce`; the nearest are `cache`"):
        make_plan(draw.recording(), Options(stateless=("cahce",)))
