"""The report as Markdown, written out."""


from __future__ import annotations

from pathlib import Path

from pipetrace.report import markdown
from tests.unit.report_fixture import made_up_report

PLANNED = """\
# shop

**`render` (lib/render.js:4) takes 78 % of the CPU and shares no state: 4 cores would serve 3.1× as much.**

- The event loop was held up for 86 ms at worst; whatever arrives then waits that long.
- `render` has two modes: 75 % of its calls take 432 µs, 25 % take 8.2 ms.

<sub>shop · node app.js · Node 20.20.2 · 2026-01-02 03:04</sub>

|  |  |  |
| --- | --- | --- |
| Recorded | **10 s** | complete, nothing lost, exit code 0 |
| Requests | **80** | 8 a second |
| CPU | **68 %** | of a core, 86 % at peak |
| Event-loop delay | **4.0 ms** | p99 86 ms, at most 86 ms |
| Memory at peak | **80 MB** | 20 MB heap |
| Garbage collection | **0.6 %** | of the time |
| Invocations | **385** | memory watched in 5.7 % |
| Cost of recording | **at least 1.05×** | slower while recorded, 41 % of the handlers' time watched, 773 kB written |

## Handlers

| handler | where | calls | CPU mean | p50 | p95 | p99 | share | stage | why |
| --- | --- | --: | --: | --: | --: | --: | --: | --- | --- |
| `render` | lib/render.js:4 | 60 | 2.4 ms | 442 µs | 8.2 ms | 8.3 ms | 75 % | **stage1** | It is heavy and shares no state. |
| `verify` | lib/login.js:5 | 20 | 1.5 ms | 1.5 ms | 1.5 ms | 1.5 ms | 16 % | **stage1** | It is heavy and shares no state. |
| `onRequest` | app.js:9 | 80 | 176 µs | 200 µs | 200 µs | 200 µs | 7.4 % | entry | It uses `visits`, which `flush` writes. |
| `countVisit` | lib/stats.js:8 | 80 | 30 µs | 30 µs | 30 µs | 30 µs | 1.3 % | entry | It owns `visits` and `total`. |
| `verify callback` | app.js:12 | 20 | 40 µs | 40 µs | 40 µs | 40 µs | 0.4 % |  |  |
| `flush` | lib/stats.js:20 | 5 | 60 µs | 60 µs | 60 µs | 60 µs | 0.2 % | entry | It owns `visits` and `total`. |

## Events

| event | count | CPU p50 | p99 | wall p50 | p99 | share |
| --- | --: | --: | --: | --: | --: | --: |
| `GET /page` | 60 | 672 µs | 8.5 ms | 5.3 ms | 13 ms | 82 % |
| `POST /login` | 20 | 1.7 ms | 1.7 ms | 9.0 ms | 9.0 ms | 18 % |
| `setTimeout` | 1 | 300 µs | 300 µs | 6.0 s | 6.0 s | 0.2 % |

```
GET /page
  onRequest (app.js:9) × 1, 200 µs on entry
    countVisit (lib/stats.js:8) × 1, 30 µs on entry
    render (lib/render.js:4) × 1, 2.4 ms on stage1
```

```
POST /login
  onRequest (app.js:9) × 1, 110 µs on entry
    countVisit (lib/stats.js:8) × 1, 30 µs on entry
    verify (lib/login.js:5) × 1, 1.5 ms on stage1
      function@12 (app.js:12) × 1, 40 µs on stage1
```

```
setTimeout
  flush (lib/stats.js:20) × 5, 300 µs on entry, again and again
```

## State

| state | where | owner | used by | evidence |
| --- | --- | --- | --- | --- |
| `visits` | app.js:7 | entry | `countVisit` and `flush` | `countVisit` writes (line 9), `flush` reads (line 21) |
| `total` | lib/stats.js:3 | entry | `countVisit` and `flush` |  |

Locations: 2 state, 4 communication, 2 written only at start, 1 resources.

## Plan for 4 cores

| stage | replicas | load | handlers | owns |
| --- | --: | --: | --- | --- |
| **entry** | 1 | 31 % | `onRequest`, `countVisit` and `flush` | `app.js:visits` and `lib/stats.js:total` |
| **stage1** | 3 | 93 % | `render` and `verify` |  |

| from | to | messages | size |
| --- | --- | --: | --: |
| entry | stage1 | 80 | 1.7 kB |

### Cores

| cores | speed-up | limited by |
| --: | --: | --- |
| 1 | 1.0× | one core |
| 2 | 1.6× | the load of stage1 (`render`) |
| 4 | 3.1× | the load of stage1 (`render`) |
| 8 | 3.4× | the entry stage: `visits` ties `onRequest` to it |

- If `visits` were moved to a store, 8 machines would give 6.1× instead of 3.4×.

### Not moved

| handler | why | remedy |
| --- | --- | --- |
| `onRequest` | It uses `visits`, which `flush` writes. | Keep the visits in a store. |

## Resources

| class | where | objects | used by |
| --- | --- | --: | --- |
| socket | `made in app.js:9` | 1 | `onRequest` |

## CPU profile

| function | where | self | share | calls |
| --- | --- | --: | --: | --: |
| `render` | lib/render.js:4 | 210 ms | 65 % | 60 |
| `verify` | lib/login.js:5 | 90 ms | 28 % | 20 |
| `onRequest` | app.js:9 | 21 ms | 6.5 % | 80 |

## Problems

| kind | where | problem |
| --- | --- | --- |
| init-effect | lib/stats.js:2 | Writes to stdout while it is loaded. (also line 5) |
| left alone | lib/old.js | `with` makes its names depend on run time. |
"""

EMPTY = """\
# shop

**Nothing was recorded: no file of the application was loaded before the recording ended; check the command and its output.**

<sub>shop · node app.js · Node 20.20.2 · 2026-01-02 03:04</sub>

|  |  |  |
| --- | --- | --- |
| Recorded | **10 s** | complete, nothing lost, exit code 0 |
| Requests | **0** |  |
| Invocations | **0** |  |
| Cost of recording | **at least 1.05×** | slower while recorded, 41 % of the handlers' time watched, 773 kB written |

## State

No handlers share state. Locations: 0 state, 0 communication, 0 written only at start, 0 resources.
"""


def test_a_recording_with_its_plan(tmp_path: Path) -> None:
    assert markdown.render(made_up_report(tmp_path)) == PLANNED


def test_an_empty_recording(tmp_path: Path) -> None:
    assert markdown.render(made_up_report(tmp_path, planned=False, empty=True)) == EMPTY


def test_what_would_break_a_table_is_escaped(tmp_path: Path) -> None:
    report = made_up_report(tmp_path, app_name="a|b", command=["node", "<x>*.js"])
    text = markdown.render(report)
    assert "&lt;x>\\*.js" in text
