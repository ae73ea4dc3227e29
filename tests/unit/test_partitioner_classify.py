"""Classes of locations, with the examples of the papers on fluxions: scope, stream, share."""

from __future__ import annotations

from pipetrace.partitioner.classify import classify
from pipetrace.partitioner.graph import build_graph
from pipetrace.partitioner.items import Classification, Evidence, Item
from pipetrace.partitioner.names import a_noun, brief, short
from pipetrace.partitioner.problem import is_pinned
from tests.unit.partitioner_fixture import Drawing


def _classify(draw: Drawing) -> Classification:
    recording = draw.recording()
    return classify(recording, build_graph(recording))


def _item(draw: Drawing, name: str) -> Item:
    items = [item for item in _classify(draw).items.values() if item.name == name]
    assert len(items) == 1
    return items[0]


def test_written_before_the_first_chain_is_init_only() -> None:
    draw = Drawing()
    page, options = draw.function("page"), draw.variable("options", line=3)
    draw.touch(draw.init, "w", options)
    for _ in range(2):
        draw.touch(draw.run(page), "r", options)
    item = _item(draw, "options")
    assert (item.klass, item.cells, item.place) == ("init-only", (), "app.js:3")


def test_a_library_object_that_was_compared_and_did_not_change_is_init_only() -> None:
    #  const md = new Lib(): its accesses are reads, although library code got it
    draw = Drawing()
    page, md = draw.function("page"), draw.content("md", klass="instance:Lib")
    draw.touch(draw.init, "w", md)
    for _ in range(3):
        draw.touch(draw.run(page), "r", md, via="opaque")
    assert _item(draw, "md").klass == "init-only"


def test_configuration_that_initialisation_still_writes_while_requests_read_it_is_state() -> None:
    draw = Drawing()
    page, options = draw.function("page"), draw.variable("options")
    draw.touch(draw.run(page, at_ms=5), "r", options, line=11)
    late = draw.run(0, kind="resume", parent=draw.init, first=draw.init, at_ms=9)
    draw.touch(late, "w", options, line=7)
    item = _item(draw, "options")
    assert item.klass == "state"
    assert item.evidence == (Evidence(writer=0, writer_line=7, reader=page, reader_line=11),)


def test_initialisation_that_waits_is_still_initialisation() -> None:
    draw = Drawing()
    page, options = draw.function("page"), draw.variable("options")
    late = draw.run(0, kind="resume", parent=draw.init, first=draw.init, at_ms=5)
    draw.touch(late, "w", options)
    draw.touch(draw.run(page, at_ms=9), "r", options)
    assert _item(draw, "options").klass == "init-only"


def test_scope_a_counter_that_one_handler_changes_is_its_exclusive_state() -> None:
    #  app.get('/', (req, res) => fs.readFile(p, function reply() { count += 1; res.send(count) }))
    draw = Drawing()
    get = draw.function("get")
    reply = draw.function("reply", parent=get, at_init=False)
    count = draw.variable("count")
    for _ in range(2):
        draw.touch(draw.run(reply, parent=draw.run(get)), "rw", count, line=3)
    item = _item(draw, "count")
    assert (item.klass, item.form, item.functions) == ("state", "variable", (reply,))
    assert item.evidence == (Evidence(reply, 3, reply, 3),)


def test_scope_one_chain_is_enough_to_make_a_module_level_counter_state() -> None:
    draw = Drawing()
    get, count = draw.function("get"), draw.variable("count")
    draw.touch(draw.run(get), "rw", count)
    assert _item(draw, "count").klass == "state"


def test_stream_written_upstream_and_read_downstream_is_communication() -> None:
    #  get: const text = …; fs.readFile(p, function reply() { … text … })
    draw = Drawing()
    get = draw.function("get")
    reply = draw.function("reply", parent=get, at_init=False)
    for _ in range(2):
        text = draw.variable("text", scope=get, line=2)
        root = draw.run(get)
        draw.touch(root, "w", text, line=2)
        draw.touch(draw.run(reply, parent=root), "r", text, line=3)
    found = _classify(draw)
    assert found.items["app.js:text@2"].klass == "communication"
    assert found.splits == ()


def test_share_two_handlers_that_both_write_are_tied() -> None:
    draw = Drawing()
    login, visit, users = draw.function("login"), draw.function("visit"), draw.content("users", line=4)
    draw.touch(draw.run(login), "w", users, line=21)
    draw.touch(draw.run(visit), "rw", users, line=32)
    found = _classify(draw)
    item = found.items["app.js:users"]
    assert (item.klass, item.form, item.functions) == ("state", "object", (login, visit))
    assert item.evidence == (Evidence(login, 21, visit, 32), Evidence(visit, 32, login, 21))
    graph = build_graph(draw.recording())
    assert {graph.cells[cell].path for cell in item.cells} == {(login,), (visit,)}


def test_the_response_is_a_resource_that_ties_nothing() -> None:
    draw = Drawing()
    get = draw.function("get")
    reply = draw.function("reply", parent=get, at_init=False)
    res = draw.object("statusCode", klass="http.response")
    root = draw.run(get)
    draw.touch(root, "w", res)
    draw.touch(draw.run(reply, parent=root), "rw", res)
    found = _classify(draw)
    assert [item.klass for item in found.items.values()] == ["resource"]
    assert (found.ties, found.splits) == ((), ())


def test_a_socket_that_outlives_a_chain_ties_its_users() -> None:
    draw = Drawing()
    get, database = draw.function("get"), draw.content("db", klass="socket")
    for _ in range(2):
        draw.touch(draw.run(get), "rw", database, via="opaque")
    item = _item(draw, "db")
    assert (item.klass, len(item.cells), item.guessed) == ("resource", 1, True)


def test_two_branches_of_one_chain_that_share_a_counter_cannot_be_parted() -> None:
    #  get starts two reads; each callback does `if (--pending === 0) …`
    draw = Drawing()
    get = draw.function("get")
    one = draw.function("one", parent=get, at_init=False)
    other = draw.function("other", parent=get, at_init=False)
    pending = draw.variable("pending", scope=get, line=2)
    root = draw.run(get)
    draw.touch(root, "w", pending)
    draw.touch(draw.run(one, parent=root), "rw", pending)
    draw.touch(draw.run(other, parent=root), "rw", pending)
    found = _classify(draw)
    item = found.items["app.js:pending@2"]
    assert (item.klass, item.local, item.cells) == ("state", True, ())
    assert {(split.unit, split.other) for split in found.splits} == {(one, other), (other, one)}


def test_what_an_awaited_function_writes_is_communication_to_what_follows() -> None:
    #  page: await render(data); … data.html …
    draw = Drawing()
    page, render = draw.function("page"), draw.promised("render")
    html = draw.object("html")
    root = draw.run(page, wall_ms=2)
    call = draw.run(render, kind="call", parent=root)
    later = draw.run(render, kind="resume", parent=call, first=call, at_ms=10, ms=1)
    draw.touch(later, "w", html)
    draw.touch(draw.run(page, kind="resume", parent=root, first=root, at_ms=12), "r", html)
    found = _classify(draw)
    assert [item.klass for item in found.items.values()] == ["communication"]
    assert found.splits == ()


def test_what_a_called_function_writes_before_it_waits_can_be_seen_by_its_caller_at_once() -> None:
    #  page: const job = start(data); use(data.state)
    draw = Drawing()
    page, start = draw.function("page"), draw.promised("start")
    state = draw.object("state")
    root = draw.run(page, at_ms=10, wall_ms=5)
    call = draw.run(start, kind="call", parent=root, at_ms=11)
    draw.touch(call, "w", state)
    draw.touch(root, "r", state)
    found = _classify(draw)
    assert [item.klass for item in found.items.values()] == ["state"]
    assert [split.unit for split in found.splits] == [start]


def test_objects_from_one_place_are_one_item() -> None:
    draw = Drawing()
    get = draw.function("get")
    for _ in range(2):
        session = draw.object("views", line=12, klass="instance:Session")
        draw.touch(draw.run(get), "rw", session)
        draw.touch(draw.run(get), "rw", session)
    assert list(_classify(draw).items) == ["app.js:12 (instance:Session)"]


def test_an_object_without_a_name_is_described_by_what_changes_it() -> None:
    draw = Drawing()
    get, put = draw.function("get"), draw.function("put")
    for function in (get, put):
        draw.capture(function, "options")
        draw.shape(function, "capture:options", "plain")
    table = draw.found("7")
    draw.touch(draw.run(put), "w", table, line=30)
    draw.touch(draw.run(get), "r", table, line=20)
    item = next(iter(_classify(draw).items.values()))
    assert item.id == "object #7 (plain)"
    assert item.label == item.mention == "the object that `put` changes"


def test_an_object_of_a_class_of_its_own_is_named_by_the_variable_that_holds_one() -> None:
    draw = Drawing()
    get, put = draw.function("get"), draw.function("put")
    for function in (get, put):
        draw.capture(function, "cart", line=3)
        draw.shape(function, "capture:cart", "instance:Cart")
    table = draw.found("7", klass="instance:Cart")
    draw.touch(draw.run(put), "w", table, line=30)
    draw.touch(draw.run(get), "r", table, line=20)
    item = next(iter(_classify(draw).items.values()))
    assert item.label == "`cart` (app.js:3)"


def test_a_function_without_a_name_is_told_by_what_it_was_handed_to_or_stands_in() -> None:
    draw = Drawing()
    make = draw.function("make", at_init=False)
    inner = draw.function("", parent=make, at_init=False, line=7)
    given, alone = draw.function("", line=8), draw.function("", at_init=False, line=9)
    recording = draw.recording()
    assert short(recording, inner) == "the unnamed function in `make` at app.js:7"
    assert short(recording, given) == "the function handed to `app.get` at app.js:8"
    assert short(recording, alone) == "the unnamed function at app.js:9"
    assert brief(recording, given) == "app.js:8"
    assert (a_noun("plain"), a_noun("instance:Cart"), a_noun("http.request")) == (
        "an object",
        "a Cart object",
        "a request",
    )


def test_what_a_library_keeps_unseen_and_bytes_with_other_names_stay_on_the_entry_stage() -> None:
    cases = (
        ("plain", "opaque", True),
        ("plain", "compared", False),
        ("function", "compared", True),
        ("typedarray", "direct", True),
    )
    for klass, via, pinned in cases:
        draw = Drawing()
        get, kept = draw.function("get"), draw.content("other", klass=klass)
        for _ in range(2):
            draw.touch(draw.run(get), "rw", kept, via=via)
        graph = build_graph(draw.recording())
        assert is_pinned(graph, _item(draw, "other")) is pinned


def test_what_a_library_goes_on_keeping_is_state_of_all_that_call_into_it() -> None:
    #  const cache = require('cache'): cache.put(k, v) in one handler, cache.size() in another
    draw = Drawing()
    put, size, kept = draw.function("put"), draw.function("size"), draw.library("cache")
    draw.touch(draw.run(put), "r", kept, via="opaque")
    for _ in range(3):
        draw.touch(draw.run(put), "rw", kept, via="compared", line=5)
    draw.touch(draw.run(size), "r", kept, via="opaque", line=9)
    item = _item(draw, "cache")
    assert (item.id, item.klass, item.functions) == ("cache", "state", (put, size))
    assert item.label == "what the library `cache` keeps between calls"
    assert is_pinned(build_graph(draw.recording()), item)


def test_a_table_that_a_library_makes_when_it_is_first_needed_has_settled() -> None:
    draw = Drawing()
    page, kept = draw.function("page"), draw.library("words")
    draw.touch(draw.run(page), "rw", kept, via="compared")
    draw.touch(draw.run(page), "r", kept, via="compared")
    assert _item(draw, "words").klass == "state"
    draw.touch(draw.run(page), "r", kept, via="compared")
    item = _item(draw, "words")
    assert (item.klass, item.settled) == ("init-only", True)


def test_a_library_that_changed_twice_must_be_found_unchanged_as_often() -> None:
    draw = Drawing()
    page, kept = draw.function("page"), draw.library("words")
    for mode in ("rw", "rw", "rw", "r", "r"):
        draw.touch(draw.run(page), mode, kept, via="compared")
    assert _item(draw, "words").klass == "state"
    draw.touch(draw.run(page), "r", kept, via="compared")
    assert _item(draw, "words").klass == "init-only"


def test_a_library_that_the_user_calls_stateless_ties_nothing() -> None:
    draw = Drawing()
    page, kept = draw.function("page"), draw.library("cache")
    for _ in range(3):
        draw.touch(draw.run(page), "rw", kept, via="compared")
    recording = draw.recording()
    assert classify(recording, build_graph(recording)).ties
    assert not classify(recording, build_graph(recording), {"cache"}).ties
