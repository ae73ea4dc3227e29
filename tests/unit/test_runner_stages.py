"""What is read from the runtime's metrics."""

from __future__ import annotations

from pipetrace.runner.stages import parse_metric

TEXT = r"""# TYPE pipetrace_calls_total counter
pipetrace_calls_total{handler="lib/a.js#f",stage="stage1",outcome="sent"} 12
pipetrace_calls_total{handler="a \"quoted\" \\ name",stage="stage1",outcome="local"} 0
pipetrace_replica_up{stage="stage1",replica="0"} 1
pipetrace_violations_total 3
"""


def test_lines_of_one_metric_are_read_with_their_labels() -> None:
    assert parse_metric(TEXT, "pipetrace_calls_total") == [
        ({"handler": "lib/a.js#f", "stage": "stage1", "outcome": "sent"}, 12.0),
        ({"handler": 'a "quoted" \\ name', "stage": "stage1", "outcome": "local"}, 0.0),
    ]
    assert parse_metric(TEXT, "pipetrace_replica_up") == [({"stage": "stage1", "replica": "0"}, 1.0)]
    assert parse_metric(TEXT, "pipetrace_replica") == []
