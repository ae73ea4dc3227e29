"""What the rewriter must watch over: guards, sources, values of initialisation."""

from __future__ import annotations

from pipetrace.partitioner.build import Options, make_plan
from pipetrace.partitioner.plan import Constant, Guard, InitValue, Plan, Source
from pipetrace.partitioner.recording import Capture, Function, Rupture, SourceFile
from tests.unit.partitioner_fixture import MODULE, Drawing


def _heavy(draw: Drawing) -> int:
    """A stateless handler that any plan moves."""
    render = draw.promised("render", line=30)
    for _ in range(3):
        draw.run(render, ms=8)
    return render


def _plan(draw: Drawing) -> Plan:
    plan = make_plan(draw.recording(), Options(machines=4))
    assert [handler.name for handler in plan.moved] == ["render"]
    return plan


def _visits(draw: Drawing) -> None:
    """State of the entry stage: `visits`, a map that `count` changes."""
    count, visits = draw.function("count"), draw.content("visits", line=5)
    for _ in range(2):
        draw.touch(draw.run(count), "rw", visits)


def test_state_that_the_text_lets_a_moved_handler_touch_is_guarded() -> None:
    draw = Drawing()
    render = _heavy(draw)
    _visits(draw)
    draw.capture(render, "visits", line=5)
    assert _plan(draw).guards == (Guard("app.js:visits", "visits", "app.js", 5, "object", "entry", ("app.js#render",)),)


def _shares(klass: str) -> Drawing:
    """`render` reads what nothing changes of an object, of which `count` changes another part."""
    draw = Drawing()
    render, count = draw.promised("render", line=30), draw.function("count")
    draw.capture(render, "page", line=5)
    title, hits = draw.own("title", "page", klass=klass, line=5), draw.own("hits", "page", klass=klass, line=5)
    for _ in range(3):
        draw.touch(draw.run(render, ms=8), "r", title)
        draw.touch(draw.run(count), "rw", hits)
    return draw


def test_a_guard_lets_reads_of_a_property_through_that_nothing_changes() -> None:
    (guard,) = _plan(_shares("plain")).guards
    assert (guard.location, guard.form, guard.reads) == ("app.js:page", "object", ("title",))


def test_where_a_guard_cannot_tell_reads_apart_the_reader_stays_with_the_state() -> None:
    plan = make_plan(_shares("instance:Page").recording(), Options(machines=4))
    assert plan.moved == ()
    assert "shares-state" in {r.cause for r in plan.refusals if r.handler == "app.js#render"}


def test_a_guard_reaches_through_the_functions_that_could_be_called() -> None:
    #  render ─▶ fail ─▶ report, which names `visits`
    draw = Drawing()
    render = _heavy(draw)
    _visits(draw)
    fail, report = draw.function("fail", at_init=False), draw.function("report", at_init=False)
    draw.calls[render] = [fail]
    draw.capture(fail, "report", kind="function")
    draw.capture(report, "visits", line=5)
    assert [guard.location for guard in _plan(draw).guards] == ["app.js:visits"]


def test_what_a_moved_handler_was_seen_to_read_unchanged_is_not_guarded() -> None:
    draw = Drawing()
    render = draw.promised("render")
    options = draw.content("options")
    draw.capture(render, "options", init_kind="new")
    for _ in range(3):
        draw.touch(draw.run(render, ms=8), "r", options)
    assert _plan(draw).guards == ()


def test_a_variable_that_some_function_assigns_is_guarded_though_nothing_was_seen() -> None:
    draw = Drawing()
    render = _heavy(draw)
    draw.capture(render, "language", kind="let", line=7)
    switch = draw.function("switchLanguage")
    draw.capture(switch, "language", kind="let", line=7, writes=True, reassigned=True)
    assert _plan(draw).guards == (
        Guard("app.js:language", "language", "app.js", 7, "variable", "entry", ("app.js#render",)),
    )


def test_a_collection_that_was_never_seen_in_use_is_guarded_and_a_constant_is_not() -> None:
    draw = Drawing()
    render = _heavy(draw)
    draw.capture(render, "failures", init_kind="new", line=8)
    draw.capture(render, "LIMIT", init_kind="literal", line=9)
    draw.capture(render, "helper", kind="function", init_kind="function", line=10)
    assert [guard.name for guard in _plan(draw).guards] == ["failures"]


def test_state_that_leaves_the_entry_is_guarded_against_those_who_stay() -> None:
    draw = Drawing()
    render = draw.promised("render")
    cache = draw.content("cache", line=6)
    heavy = draw.promised("other")
    stays = draw.function("stays", uses_this=True)
    for _ in range(3):
        draw.touch(draw.run(render, ms=8), "rw", cache)
        draw.run(heavy, ms=8)
        draw.run(stays, ms=8)
    clear = draw.function("clearCache")
    draw.capture(clear, "cache", line=6)
    plan = make_plan(draw.recording(), Options(machines=3))
    assert {handler.name: handler.reason.cause for handler in plan.moved} == {
        "render": "owns-state",
        "other": "stateless-heavy",
    }
    owner = next(stage.id for stage in plan.stages if "app.js:cache" in stage.owns)
    assert plan.guards == (Guard("app.js:cache", "cache", "app.js", 6, "object", owner, ("app.js#clearCache",)),)


def test_values_that_differ_from_run_to_run_are_taken_from_the_entry() -> None:
    draw = Drawing()
    render = _heavy(draw)
    draw.capture(render, "secret", nondeterministic=True, line=4)
    assert _plan(draw).init_values == (
        InitValue("app.js", "secret", 4, "The value of `secret` differs from run to run."),
    )


def test_timers_and_listeners_of_initialisation_fire_on_the_entry() -> None:
    draw = Drawing()
    _heavy(draw)
    flush, stop, page = draw.function("flush", line=50), draw.function("stop", line=60), draw.function("page")
    draw.ruptures[flush] = [Rupture(0, 50, "setInterval", "start", 1, 1)]
    draw.run(flush, event=("timer", "setInterval"))
    draw.run(stop, event=("signal", "SIGTERM"))
    draw.run(page)
    assert _plan(draw).sources == (
        Source("app.js#flush", "app.js#flush#2", "app.js", 5000, 5050, "timer", "entry"),
        Source("app.js#stop", "app.js#stop#3", "app.js", 6000, 6050, "listener", "entry"),
    )


def test_a_plan_that_moves_nothing_watches_over_nothing() -> None:
    draw = Drawing()
    flush = draw.function("flush")
    draw.run(flush, event=("timer", "setInterval"))
    plan = make_plan(draw.recording(), Options())
    assert (plan.guards, plan.sources, plan.init_values) == ((), (), ())


def test_what_a_moved_handler_uses_unchanged_is_a_constant_of_the_plan() -> None:
    draw = Drawing()
    render = draw.promised("render")
    options = draw.content("options", line=3)
    draw.capture(render, "options", init_kind="new", line=3)
    draw.capture(render, "level", init_kind="literal", line=4)
    draw.capture(render, "helper", kind="function", line=5)
    for _ in range(3):
        draw.touch(draw.run(render, ms=8), "r", options)
    expected = Constant("app.js:options", "options", "app.js", 3, ("app.js#render",))
    # A function or a class may get properties later; a literal stays what it is unless its name is assigned.
    helper = Constant("app.js:helper", "helper", "app.js", 5, ("app.js#render",))
    assert _plan(draw).constants == (helper, expected)
    level, setter = draw.variable("level", line=4), draw.function("setter", at_init=False)
    draw.touch(draw.run(render, ms=8), "r", level)
    draw.capture(setter, "level", writes=True, kind="let", line=4)
    assert [constant.name for constant in _plan(draw).constants] == ["helper", "level", "options"]


def test_a_guard_reaches_through_methods_of_objects() -> None:
    #  render calls a method of `pages`, an instance of `Pages`, whose method `show` changes `total`
    draw = Drawing()
    render = _heavy(draw)
    show = draw.function("show", kind="method")
    draw.capture(render, "pages", init_kind="new", line=3)
    draw.capture(show, "total", kind="let", writes=True, line=4)
    assert [guard.name for guard in _plan(draw).guards] == ["pages"]
    draw.held = {(MODULE, "Pages"): (show,)}
    draw.leads = {(MODULE, "pages"): ((MODULE, "Pages"),)}
    assert [(guard.name, guard.form) for guard in _plan(draw).guards] == [("pages", "object"), ("total", "variable")]


def test_a_guard_reaches_through_what_listens_to_an_emitter() -> None:
    #  render names `bus`, to which `note` listens, which changes `total`
    draw = Drawing()
    render = _heavy(draw)
    note = draw.function("note")
    draw.ruptures[note] = [Rupture(0, 40, "bus.on", "start", 1, 1)]
    draw.capture(render, "bus", init_kind="new", line=3)
    draw.capture(note, "total", kind="let", writes=True, line=4)
    assert [(guard.name, guard.form) for guard in _plan(draw).guards] == [("bus", "object"), ("total", "variable")]


def test_a_name_that_another_module_declares_is_guarded_and_shared_there() -> None:
    draw = Drawing()
    render = _heavy(draw)
    draw.files[1] = SourceFile(1, "store.js", "00ff")
    store = len(draw.functions)
    draw.functions[store] = Function(store, 1, None, "module", "", key="store.js#module")
    draw.captures[store] = [
        Capture("users", store, True, "const", line=2, init_kind="new"),
        Capture("secret", store, True, "const", line=3, init_kind="call", nondeterministic=True),
        Capture("limit", store, True, "const", line=4, init_kind="other"),
    ]
    for number, name in enumerate(["users", "secret", "limit"]):
        draw.capture(render, name, init_kind="require", line=10 + number, home=(store, name))
    plan = _plan(draw)
    assert [(guard.location, guard.line) for guard in plan.guards] == [("store.js:users", 2)]
    assert [(value.file, value.name) for value in plan.init_values] == [("store.js", "secret")]
    assert [constant.location for constant in plan.constants] == [
        "app.js:limit",
        "app.js:secret",
        "store.js:limit",
        "store.js:secret",
    ]


def test_of_a_whole_module_any_variable_may_be_meant() -> None:
    draw = Drawing()
    render = _heavy(draw)
    draw.files[1] = SourceFile(1, "store.js", "00ff")
    store = len(draw.functions)
    draw.functions[store] = Function(store, 1, None, "module", "", key="store.js#module")
    draw.captures[store] = [Capture("users", store, True, "const", line=2, init_kind="new")]
    draw.capture(render, "all", init_kind="require", home=(store, ""))
    assert [guard.location for guard in _plan(draw).guards] == ["store.js:users"]


def _counts_elsewhere(draw: Drawing) -> tuple[int, int]:
    """`render` alone changes `hits`, which store.js declares: (render, module store.js)."""
    render = _heavy(draw)
    draw.files[1] = SourceFile(1, "store.js", "00ff")
    store = len(draw.functions)
    draw.functions[store] = Function(store, 1, None, "module", "", key="store.js#module")
    draw.captures[store] = [Capture("hits", store, True, "const", line=2, init_kind="new")]
    draw.capture(render, "hits", init_kind="require", line=10, home=(store, "hits"))
    hits = draw.content("hits", line=10)
    for _ in range(3):
        draw.touch(draw.run(render, ms=8), "rw", hits)
    return render, store


def test_state_that_moves_is_not_guarded_against_its_owner_under_another_name() -> None:
    draw = Drawing()
    _counts_elsewhere(draw)
    plan = make_plan(draw.recording(), Options(machines=4, move="all"))
    assert [stage.owns for stage in plan.stages if stage.id == plan.moved[0].stage] == [("app.js:hits",)]
    assert plan.guards == ()


def test_state_that_moves_is_guarded_where_another_file_names_it() -> None:
    draw = Drawing()
    _, store = _counts_elsewhere(draw)
    draw.files[2] = SourceFile(2, "admin.js", "00ff")
    admin = len(draw.functions)
    draw.functions[admin] = Function(admin, 2, None, "module", "", key="admin.js#module")
    clear = len(draw.functions)
    draw.functions[clear] = Function(clear, 2, admin, "function", "clear", key="admin.js#clear", line=4)
    draw.captures[clear] = [Capture("hits", admin, True, "const", line=1, init_kind="require", home=(store, "hits"))]
    guards = {(guard.location, guard.form, guard.owner) for guard in make_plan(draw.recording(), Options(machines=4, move="all")).guards}
    assert ("admin.js:hits", "variable", "stage1") in guards


def test_an_imported_name_of_state_elsewhere_may_be_compared() -> None:
    draw = Drawing()
    render, count = _heavy(draw), draw.function("count")
    draw.files[1] = SourceFile(1, "store.js", "00ff")
    store = len(draw.functions)
    draw.functions[store] = Function(store, 1, None, "module", "", key="store.js#module")
    draw.captures[store] = [Capture("hits", store, True, "const", line=2, init_kind="new")]
    draw.capture(render, "hits", init_kind="require", line=10, home=(store, "hits"))
    hits = draw.content("hits", line=2, file="store.js")
    for _ in range(2):
        draw.touch(draw.run(count), "rw", hits)
    assert [(guard.location, guard.form) for guard in _plan(draw).guards] == [("store.js:hits", "object")]
