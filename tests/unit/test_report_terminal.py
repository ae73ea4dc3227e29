"""The report on the terminal, written out."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from pipetrace.report import terminal
from pipetrace.report.model import Report
from tests.unit.report_fixture import made_up_report

PLANNED = """\
shop · node app.js · Node 20.20.2 · 2026-01-02 03:04

  render (lib/render.js:4) takes 78 % of the CPU and shares no state: 4 cores would serve 3.1× as
  much.
  · The event loop was held up for 86 ms at worst; whatever arrives then waits that long.
  · render has two modes: 75 % of its calls take 432 µs, 25 % take 8.2 ms.

  Recorded            10 s  complete, nothing lost, exit code 0
  Requests            80  8 a second
  CPU                 68 %  of a core, 86 % at peak
  Event-loop delay    4.0 ms  p99 86 ms, at most 86 ms
  Memory at peak      80 MB  20 MB heap
  Garbage collection  0.6 %  of the time
  Invocations         385  memory watched in 5.7 %
  Cost of recording   at least 1.05×  slower while recorded, 41 % of the handlers' time watched,
                      773 kB written

Handlers
  handler          where            calls  CPU p50     p99  share                stage
  render           lib/render.js:4     60   442 µs  8.3 ms   75 %  █████████     → stage1
  verify           lib/login.js:5      20   1.5 ms  1.5 ms   16 %  █▉            → stage1
  onRequest        app.js:9            80   200 µs  200 µs  7.4 %  ▉             entry
  countVisit       lib/stats.js:8      80    30 µs   30 µs  1.3 %  ▏             entry
  verify callback  app.js:12           20    40 µs   40 µs  0.4 %
  flush            lib/stats.js:20      5    60 µs   60 µs  0.2 %                entry

Events
  event        count  CPU p50     p99  wall p50  share
  GET /page       60   672 µs  8.5 ms    5.3 ms   82 %  █████████▉
  POST /login     20   1.7 ms  1.7 ms    9.0 ms   18 %  ██▏
  setTimeout       1   300 µs  300 µs     6.0 s  0.2 %

State
  state       where           owner  used by
  visits      app.js:7        entry  countVisit and flush
  total       lib/stats.js:3  entry  countVisit and flush

Not moved
  onRequest  5.0 %
    It uses visits, which flush writes.
    → Keep the visits in a store.

Cores
     speed-up                limited by
  1      1.0×  ███▌          one core
  2      1.6×  █████▋        the load of stage1 (render)
  4      3.1×  ███████████   the load of stage1 (render)
  8      3.4×  ████████████  the entry stage: visits ties onRequest to it
  If visits were moved to a store, 8 machines would give 6.1× instead of 3.4×.

Problems
  kind         where           problem
  init-effect  lib/stats.js:2  Writes to stdout while it is loaded. (also line 5)
  left alone   lib/old.js      with makes its names depend on run time.
"""

UNPLANNED = """\
shop · node app.js · Node 20.20.2 · 2026-01-02 03:04

  render (lib/render.js:4) takes 75 % of the handlers' CPU and shares no state; pipetrace
  partition tells what more machines would gain.
  · The event loop was held up for 86 ms at worst; whatever arrives then waits that long.
  · render has two modes: 75 % of its calls take 432 µs, 25 % take 8.2 ms.

  Recorded            10 s  complete, nothing lost, exit code 0
  Requests            80  8 a second
  CPU                 68 %  of a core, 86 % at peak
  Event-loop delay    4.0 ms  p99 86 ms, at most 86 ms
  Memory at peak      80 MB  20 MB heap
  Garbage collection  0.6 %  of the time
  Invocations         385  memory watched in 5.7 %
  Cost of recording   at least 1.05×  slower while recorded, 41 % of the handlers' time watched,
                      773 kB written

Handlers
  handler          where            calls  CPU p50     p99  share
  render           lib/render.js:4     60   442 µs  8.3 ms   75 %  █████████
  verify           lib/login.js:5      20   1.5 ms  1.5 ms   16 %  █▉
  onRequest        app.js:9            80   200 µs  200 µs  7.4 %  ▉
  countVisit       lib/stats.js:8      80    30 µs   30 µs  1.3 %  ▏
  verify callback  app.js:12           20    40 µs   40 µs  0.4 %
  flush            lib/stats.js:20      5    60 µs   60 µs  0.2 %

Events
  event        count  CPU p50     p99  wall p50  share
  GET /page       60   672 µs  8.5 ms    5.3 ms   82 %  █████████▉
  POST /login     20   1.7 ms  1.7 ms    9.0 ms   18 %  ██▏
  setTimeout       1   300 µs  300 µs     6.0 s  0.2 %

State
  state       where           used by
  visits      app.js:7        countVisit and flush
  total       lib/stats.js:3  countVisit and flush

Problems
  kind         where           problem
  init-effect  lib/stats.js:2  Writes to stdout while it is loaded. (also line 5)
  left alone   lib/old.js      with makes its names depend on run time.
"""

EMPTY = """\
shop · node app.js · Node 20.20.2 · 2026-01-02 03:04

  Nothing was recorded: no file of the application was loaded before the recording ended; check
  the command and its output.
  · The recording is partial (the process was killed): every figure covers only what was written
    before.

  Recorded           10 s  partial: the process was killed
  Requests           0
  Invocations        0
  Cost of recording  at least 1.05×  slower while recorded, 41 % of the handlers' time watched,
                     773 kB written
"""


def _printed(report: Report, width: int = 100, **options: bool) -> str:
    text = StringIO()
    terminal.render(report, Console(file=text, width=width, **options))
    return "\n".join(line.rstrip() for line in text.getvalue().split("\n"))


def test_a_recording_with_its_plan(tmp_path: Path) -> None:
    assert _printed(made_up_report(tmp_path)) == PLANNED


def test_a_recording_without_a_plan(tmp_path: Path) -> None:
    assert _printed(made_up_report(tmp_path, planned=False)) == UNPLANNED


def test_an_empty_recording_that_was_cut_off(tmp_path: Path) -> None:
    report = made_up_report(
        *(tmp_path,),
        planned=False,
        empty=True,
        complete=False,
        partial_reason="the process was killed",
        signal="SIGKILL",
        exit_code=None,
    )
    assert _printed(report) == EMPTY


def test_a_narrow_terminal_loses_no_figure(tmp_path: Path) -> None:
    printed = _printed(made_up_report(tmp_path), width=72)
    assert all(len(line) <= 72 for line in printed.splitlines())
    assert "8.3 ms" in printed


def test_colour_is_the_consoles_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    report = made_up_report(tmp_path)
    assert "\x1b[" not in _printed(report)
    assert "\x1b[" in _printed(report, force_terminal=True)
