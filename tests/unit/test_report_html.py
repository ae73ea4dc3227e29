"""The HTML report: against a gold file, and what must hold for every one."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from pipetrace.report import html
from pipetrace.report.build import build_report
from pipetrace.report.produce import html_within
from pipetrace.report.queries import Tables
from tests.unit.report_fixture import made_up_report, write_trace

GOLD = Path(__file__).parent / "gold" / "report.html"
VOID = {"meta", "link", "input", "br", "hr", "img"}


class _Checker(HTMLParser):
    """Collects what does not nest, ids, and where links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        self.links += [str(found[name]) for name in ("href", "src") if found.get(name)]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _checked(page: str) -> _Checker:
    checker = _Checker()
    checker.feed(page)
    checker.close()
    return checker


def test_the_page_is_the_gold_file(tmp_path: Path) -> None:
    """After a deliberate change run this once with PIPETRACE_WRITE_GOLD=1, look at the file, and commit it."""
    page = html.render(made_up_report(tmp_path))
    if os.environ.get("PIPETRACE_WRITE_GOLD"):
        GOLD.write_text(page, encoding="utf-8")
    assert page == GOLD.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("planned", "empty"), [(True, False), (False, False), (False, True)], ids=["planned", "unplanned", "empty"]
)
def test_every_page_nests_links_inside_itself_and_fetches_nothing(tmp_path: Path, planned: bool, empty: bool) -> None:
    page = html.render(made_up_report(tmp_path, planned=planned, empty=empty))
    checker = _checked(page)
    assert (checker.wrong, checker.open) == ([], [])
    assert len(checker.ids) == len(set(checker.ids))
    inside = [link for link in checker.links if link.startswith("#")]
    assert {link[1:] for link in inside} <= set(checker.ids)
    assert all(link.startswith("data:") for link in checker.links if link not in inside)
    assert re.findall(r"url\((?!#)|@import|fetch\(|XMLHttpRequest|sendBeacon|WebSocket", page) == []


def test_names_and_source_are_escaped(tmp_path: Path) -> None:
    page = html.render(made_up_report(tmp_path, app_name="<script>alert(1)</script>"))
    assert "<script>alert" not in page
    assert "&lt;dear&gt; &amp; slow" in page


def test_an_empty_recording_says_so_and_has_no_empty_tables(tmp_path: Path) -> None:
    page = html.render(made_up_report(tmp_path, planned=False, empty=True, complete=False, partial_reason="killed"))
    assert "Nothing was recorded" in page
    assert "The recording is partial (killed)" in page
    assert "<table" not in page


def test_source_is_left_out_on_request(tmp_path: Path) -> None:
    made_up_report(tmp_path)
    with duckdb.connect(str(tmp_path / "shop.duckdb"), read_only=True) as connection:
        page = html.render(build_report(Tables(connection, "shop.duckdb"), with_source=False))
    assert "async function render" not in page


def test_a_large_recording_stays_below_the_limit_and_says_what_it_lacks(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "large.duckdb")
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            """insert into function
               select 100 + n, 1, 0, 'function', 'handler' || repeat('x', 200) || n, 'k' || n, 0, 0, n, 0, n, false,
                      false, 0, true, false, false, false, '', '', '', '', '', false, '', '' from range(3000) t(n)"""
        )
        connection.execute(
            """insert into invocation
               select 10000 + n, 1, 100 + n, null, 10000 + n, 'handler', null, false, '', n * 1000000, 900, 900,
                      900, false, false from range(3000) t(n)"""
        )
        connection.execute(
            """insert into chain
               select 10000 + n, 1, 'http', 'GET /' || chr(cast(97 + n % 26 as int)) || '/' || n, n * 1000000
               from range(3000) t(n)"""
        )
        tables = Tables(connection, "large.duckdb")
        report = build_report(tables)
        small = html_within(tables, report, None, "", with_source=False, most_bytes=300_000)
        whole = html_within(tables, report, None, "", with_source=False)
    assert len(small.encode()) <= 300_000 < len(whole.encode()) <= 2_000_000
    assert "of 3,006 handlers are not shown." in small
    assert _checked(small).wrong == []
