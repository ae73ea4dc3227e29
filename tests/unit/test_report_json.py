"""The report as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from pipetrace.report import json_report
from tests.unit.report_fixture import made_up_report


@pytest.mark.parametrize("planned", [True, False])
def test_the_json_follows_the_published_schema(tmp_path: Path, planned: bool) -> None:
    document = json.loads(json_report.render(made_up_report(tmp_path, planned=planned)))
    jsonschema.validate(document, json.loads(json_report.SCHEMA_FILE.read_text(encoding="utf-8")))
    assert (document["format"], document["version"]) == ("pipetrace-report", 1)
    assert document["handlers"][0]["id"] == "lib/render.js#render"


def test_the_published_schema_is_that_of_the_model() -> None:
    assert json.loads(json_report.SCHEMA_FILE.read_text(encoding="utf-8")) == json_report.schema()


def test_a_document_that_lacks_something_is_refused(tmp_path: Path) -> None:
    document = json.loads(json_report.render(made_up_report(tmp_path)))
    del document["recording"]["requests"]
    with pytest.raises(jsonschema.ValidationError, match="'requests' is a required property"):
        jsonschema.validate(document, json_report.schema())


def test_an_empty_recording_follows_the_schema(tmp_path: Path) -> None:
    document = json.loads(json_report.render(made_up_report(tmp_path, planned=False, empty=True)))
    jsonschema.validate(document, json_report.schema())
    assert document["handlers"] == []
