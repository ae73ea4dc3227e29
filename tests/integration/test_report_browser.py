"""The HTML report in a real browser: it renders, works, fetches nothing and suits screen, phone and paper."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipetrace.report import html
from tests.integration.browser import Page, browser_page, find_browser
from tests.unit.report_fixture import made_up_report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser() is None, reason="needs a Chromium on PATH or named by CHROMIUM"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    path = folder / "report.html"
    path.write_text(html.render(made_up_report(folder)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with browser_page() as page:
        yield page


@pytest.fixture
def page(browser: Page, report: Path) -> Page:
    """The report, freshly opened on a wide light screen, with nothing logged yet."""
    browser.logged.clear()
    browser.requested.clear()
    browser.open(report)
    return browser


def test_it_loads_without_errors_or_requests(page: Page, report: Path) -> None:
    assert page.ask("document.querySelector('h1').textContent").startswith("render (lib/render.js:4) takes 78 %")
    assert page.logged == []
    assert page.requested == [report.resolve().as_uri()]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_not_blank(browser: Page, report: Path, dark: bool) -> None:
    browser.open(report, dark=dark)
    colours, first = _colours(browser.screenshot())
    assert colours > 50
    assert (max(first) < 60) == dark
    assert (min(first) > 200) != dark


def test_the_switch_overrides_the_system(page: Page) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.ask(background)
    page.ask("document.getElementById('theme').click()")
    assert (page.ask("document.getElementById('theme').textContent"), page.ask(background)) == ("Theme: light", light)
    page.ask("document.getElementById('theme').click()")
    assert page.ask("document.getElementById('theme').textContent") == "Theme: dark"
    assert page.ask(background) != light
    page.ask("document.getElementById('theme').click()")
    assert page.ask(background) == light
    assert page.logged == []


def test_columns_sort_up_and_down(page: Page) -> None:
    names = "[...document.querySelectorAll('#handlers tbody .cell code')].map((e) => e.textContent).join(' ')"
    by_calls = "document.querySelectorAll('#handlers thead button')[2].click()"
    assert page.ask(names) == "render verify onRequest countVisit verify callback flush"
    page.ask(by_calls)
    assert page.ask(names) == "onRequest countVisit render verify verify callback flush"
    assert page.ask("document.querySelector('#handlers [aria-sort]').textContent") == "Calls"
    page.ask(by_calls)
    assert page.ask(names) == "flush verify verify callback render onRequest countVisit"
    page.ask("document.querySelectorAll('#handlers thead button')[0].click()")
    assert page.ask(names) == "countVisit flush onRequest render verify verify callback"


def test_a_row_opens_with_reason_and_source(page: Page) -> None:
    details = "getComputedStyle(document.querySelector('#handlers tr.more')).display"
    button = "document.querySelector('#handlers .cell button')"
    assert (page.ask(details), page.ask(f"{button}.getAttribute('aria-expanded')")) == ("none", "false")
    page.ask(f"{button}.click()")
    assert (page.ask(details), page.ask(f"{button}.getAttribute('aria-expanded')")) == ("table-row", "true")
    assert "async function render(url)" in page.ask("document.querySelector('#handlers tr.more .source').innerText")


def test_the_pointer_reads_the_timeline(page: Page) -> None:
    readout = "document.querySelector('[data-figure=cpu] .readout').textContent"
    assert page.ask(readout) == "at most 86 %"
    page.ask(
        "(() => { const plot = document.querySelector('.plot'); const box = plot.getBoundingClientRect();"
        "plot.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + box.width / 2})); })()"
    )
    assert page.ask(readout) == "4.9 s: 86 %"
    page.ask("document.querySelector('.plot').dispatchEvent(new PointerEvent('pointerleave'))")
    assert page.ask(readout) == "at most 86 %"


@pytest.mark.parametrize("width", [360, 768, 1280, 2000])
def test_nothing_is_wider_than_the_screen(browser: Page, report: Path, width: int) -> None:
    browser.open(report, width=width)
    assert browser.ask("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_has_contrast(browser: Page, report: Path, dark: bool) -> None:
    browser.open(report, dark=dark)
    assert browser.ask(_CONTRAST) == []


def test_paper_is_white_and_has_no_controls(page: Page) -> None:
    page.open(Path(page.requested[0].removeprefix("file://")), dark=True)
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.ask("getComputedStyle(document.querySelector('.contents')).display") == "none"
    page.call("Emulation.setEmulatedMedia", media="")


_CONTRAST = """
(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (c) => {
    const [r, g, b] = c.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c[3] > 250) return c;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const e of document.querySelectorAll('main *:not(svg *)')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length) continue;
    const pair = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) bad.push(`${e.className || e.tagName} ${e.textContent.slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return [...new Set(bad)];
})()
"""


def _colours(png: bytes) -> tuple[int, tuple[int, int, int]]:
    """The number of different colours of an 8-bit RGB or RGBA picture, and its first pixel."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert (depth, kind) in {(8, 2), (8, 6)}
    size = 3 if kind == 2 else 4
    data, place = b"", 8
    while place < len(png):
        length, name = struct.unpack(">I4s", png[place : place + 8])
        data += png[place + 8 : place + 8 + length] if name == b"IDAT" else b""
        place += 12 + length
    raw = zlib.decompress(data)
    above = bytearray(width * size)
    found: set[bytes] = set()
    first = b""
    for row in range(height):
        start = row * (width * size + 1)
        line = bytearray(raw[start + 1 : start + 1 + width * size])
        _unfilter(raw[start], line, above, size)
        if not first:
            first = bytes(line[:3])
        found.update(bytes(line[at : at + 3]) for at in range(0, len(line), size * 7))
        above = line
    return len(found), (first[0], first[1], first[2])


def _unfilter(how: int, line: bytearray, above: bytearray, size: int) -> None:
    for at in range(len(line)):
        left = line[at - size] if at >= size else 0
        corner = above[at - size] if at >= size else 0
        if how == 1:
            line[at] = (line[at] + left) & 255
        elif how == 2:
            line[at] = (line[at] + above[at]) & 255
        elif how == 3:
            line[at] = (line[at] + (left + above[at]) // 2) & 255
        elif how == 4:
            guess = left + above[at] - corner
            nearest = min((left, above[at], corner), key=lambda value: abs(guess - value))
            line[at] = (line[at] + nearest) & 255
