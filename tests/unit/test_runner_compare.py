"""Comparison of answers: what counts as a difference, what is left out, and how a difference is shown."""

from __future__ import annotations

from pipetrace.runner.compare import PhaseVerdict, Places, compare_phase, describe, first_difference
from pipetrace.runner.replay import Phase
from pipetrace.runner.requests import Request
from pipetrace.runner.stages import Notes
from pipetrace.runner.verdict import headline
from pipetrace.runner.verify import Verdict
from pipetrace.runner.wire import Answer


def get(url: str = "/", number: int = 1, connection: int = 0) -> Request:
    return Request(number, "http", None, connection, "GET", url, headers=(("Host", "x"),))


def ok(body: bytes = b"hello", *headers: bytes, status: bytes = b"HTTP/1.1 200 OK", **more: object) -> Answer:
    return Answer(status, headers or (b"Content-Type: text/plain",), body, **more)  # type: ignore[arg-type]


def judge(first: Answer, second: Answer, staged: Answer, places: Places | None = None) -> PhaseVerdict:
    request = (get(),)
    originals = [Phase("one at a time", request, (answer,)) for answer in (first, second)]
    phase = Phase("one at a time", request, (staged,))
    return compare_phase(originals, phase, places) if places else compare_phase(originals, phase)


def part(first: Answer, second: Answer, staged: Answer) -> str:
    verdict = judge(first, second, staged)
    return verdict.differences[0].part if verdict.differences else ""


def test_equal_answers_are_equal() -> None:
    verdict = judge(ok(), ok(), ok())
    assert (verdict.equal, verdict.differences) == (1, ())


def test_each_part_of_an_answer_counts() -> None:
    a = ok()
    assert part(a, a, ok(status=b"HTTP/1.1 200 Fine")) == "status"
    assert part(a, a, ok(b"hellO")) == "body"
    assert part(a, a, ok(b"hello", b"content-type: text/plain")) == "headers"
    assert part(a, a, ok(b"hello", b"Content-Type: text/html")) == "headers"
    assert part(a, a, ok(b"hello", b"Content-Type: text/plain", b"X: 1")) == "headers"
    assert part(a, a, ok(end="cut")) == "end"
    assert part(a, a, ok(closed=True)) == "end"
    assert part(a, a, ok(interim=(b"HTTP/1.1 103 Early Hints\r\n\r\n",))) == "interim"
    assert part(a, a, ok(trailers=(b"Sum: 1",))) == "trailers"


def test_the_order_of_headers_counts() -> None:
    a = ok(b"", b"A: 1", b"B: 2")
    assert part(a, a, ok(b"", b"B: 2", b"A: 1")) == "headers"


def test_what_varies_between_originals_is_left_out_and_named() -> None:
    verdict = judge(
        ok(b"id 17", b"Date: 10:00:00", b"X: 1"),
        ok(b"id 18", b"Date: 10:00:01", b"X: 1"),
        ok(b"id 99", b"Date: 10:00:09", b"X: 1"),
    )
    assert verdict.differences == ()
    assert (verdict.equal, verdict.equal_but_varying) == (0, 1)
    assert verdict.varying_headers == (("Date", 1),)
    assert verdict.varying_bodies == (("GET /", 1, 0.6),)


def test_a_difference_tells_in_how_many_ways_the_original_answered() -> None:
    assert judge(ok(b"a b c"), ok(b"a b c"), ok(b"c b a")).differences[0].ways == 1
    phase = judge(ok(b"a b c"), ok(b"b a c"), ok(b"c b a"))
    assert phase.differences[0].ways == 2
    said = headline(Verdict((phase,), 2, Notes((), ()), "empty", "", (), (), ()))
    assert "; all of these the original itself gave in up to 2 ways in 2 starts, and it may have more." in said


def test_what_does_not_vary_is_still_compared() -> None:
    first, second = ok(b"id 17 of ada"), ok(b"id 18 of ada")
    assert part(first, second, ok(b"id 99 of bob")) == "body"


def test_content_length_may_vary_only_where_the_body_does() -> None:
    assert (
        part(ok(b"n 9", b"Content-Length: 3"), ok(b"n 10", b"Content-Length: 4"), ok(b"n 1", b"Content-Length: 3"))
        == ""
    )
    same = ok(b"abc", b"Content-Length: 3")
    assert part(same, same, ok(b"abc", b"Content-Length: 4")) == "headers"


def test_a_header_that_always_varies_is_left_out_where_two_runs_agree_by_chance() -> None:
    requests = tuple(get(number=n) for n in range(6))

    def phase(*dates: int) -> Phase:
        return Phase("one at a time", requests, tuple(ok(b"", b"Date: %d" % date) for date in dates))

    verdict = compare_phase([phase(1, 1, 1, 1, 1, 5), phase(2, 2, 2, 2, 2, 5)], phase(3, 3, 3, 3, 3, 6))
    assert verdict.differences == ()
    assert verdict.equal == 6


def concurrent(*bodies: bytes) -> Phase:
    requests = tuple(get("/next", number, number) for number in range(len(bodies)))
    return Phase("concurrently", requests, tuple(ok(body) for body in bodies))


def test_identical_requests_may_swap_answers_between_clients() -> None:
    verdict = compare_phase([concurrent(b"1", b"2")] * 2, concurrent(b"2", b"1"))
    assert (verdict.swapped, verdict.differences) == (2, ())


def test_a_lost_update_is_no_swap() -> None:
    verdict = compare_phase([concurrent(b"1", b"2")] * 2, concurrent(b"1", b"1"))
    assert [difference.request.number for difference in verdict.differences] == [1]


def test_a_number_given_twice_is_found_where_the_order_varies_by_itself() -> None:
    originals = [concurrent(b"n=1", b"n=2"), concurrent(b"n=2", b"n=1")]
    assert compare_phase(originals, concurrent(b"n=1", b"n=2")).differences == ()
    twice = compare_phase(originals, concurrent(b"n=2", b"n=2"))
    assert [difference.request.number for difference in twice.differences] == [0]


def test_where_the_order_decides_a_client_may_get_what_another_got() -> None:
    empty, full = b"it is empty", b"it is full"
    originals = [concurrent(empty, empty, full), concurrent(empty, full, full)]
    verdict = compare_phase(originals, concurrent(full, full, full))
    assert (verdict.equal_but_varying, verdict.differences) == (2, ())
    other = compare_phase(originals, concurrent(b"it was full", full, full))
    assert [difference.request.number for difference in other.differences] == [0]


def test_answers_may_not_swap_when_asked_one_at_a_time() -> None:
    def in_order(*bodies: bytes) -> Phase:
        phase = concurrent(*bodies)
        return Phase("one at a time", phase.requests, phase.answers)

    assert len(compare_phase([in_order(b"1", b"2")] * 2, in_order(b"2", b"1")).differences) == 2


PLACES = Places(b"/srv/app", b"/srv/staged")


def test_the_staged_directory_is_read_as_the_originals() -> None:
    a = ok(b"no /srv/app/x", b"Content-Length: 13")
    verdict = judge(a, a, ok(b"no /srv/staged/x", b"Content-Length: 16"), PLACES)
    assert (verdict.placed, verdict.differences) == (1, ())


def test_frames_of_a_stack_trace_are_left_out_and_nothing_else() -> None:
    def trace(message: bytes, frame: bytes) -> Answer:
        return ok(b"<pre>Error: " + message + b"<br> &nbsp; &nbsp;at " + frame + b"</pre>")

    a = trace(b"bad", b"handler (/srv/app/a.js:3:9)")
    same = judge(a, a, trace(b"bad", b"async run (/srv/staged/node_modules/r/index.js:7:1)"), PLACES)
    assert (same.framed, same.differences) == (1, ())
    other = judge(a, a, trace(b"worse", b"handler (/srv/staged/a.js:3:9)"), PLACES)
    assert len(other.differences) == 1


def test_compressed_bodies_that_vary_are_compared_unpacked() -> None:
    import gzip

    def packed(text: bytes) -> Answer:
        return ok(gzip.compress(text, mtime=0), b"Content-Encoding: gzip")

    assert part(packed(b"at 1 for ada"), packed(b"at 2 for ada"), packed(b"at 3 for ada")) == ""
    assert part(packed(b"at 1 for ada"), packed(b"at 2 for ada"), packed(b"at 3 for bob")) == "body"


def test_a_body_difference_is_shown_around_its_first_byte() -> None:
    a = ok(b"0123456789abcdefghij")
    shown = describe(judge(a, a, ok(b"0123456789abXdefghij")).differences[0])
    assert shown == (
        "request 1: GET / (connection 0, one at a time)\n"
        "  body differs from byte 12 on (original 20 bytes, staged 20)\n"
        "  original         0  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef\n"
        "                  16  67 68 69 6a                                      ghij\n"
        "  staged           0  30 31 32 33 34 35 36 37 38 39 61 62 58 64 65 66  0123456789abXdef\n"
        "                  16  67 68 69 6a                                      ghij"
    )


def test_a_header_difference_shows_the_lines() -> None:
    a = ok(b"", b"A: 1", b"B: 2")
    assert describe(judge(a, a, ok(b"", b"A: 1", b"B: 3")).differences[0]).splitlines()[1:] == ["  - B: 2", "  + B: 3"]


def test_first_difference() -> None:
    assert first_difference(b"abc", b"abd") == 2
    assert first_difference(b"ab", b"abc") == 2
    assert first_difference(b"x" * 5000 + b"a", b"x" * 5000 + b"b") == 5000
