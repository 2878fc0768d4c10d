from __future__ import annotations

import pytest

from groundtune.errors import ProjectError
from groundtune.models.reply_schema import reply_validator

SLOTS = {
    "type": "object",
    "properties": {"people": {"$ref": "#/$defs/count"}},
    "$defs": {"count": {"type": "integer", "minimum": 1}},
}


def test_replies_are_tested_through_references_inside_the_schema() -> None:
    validator = reply_validator(SLOTS)
    assert validator.is_valid({"people": 3})
    assert not validator.is_valid({"people": 0})


def test_all_that_is_wrong_with_a_schema_is_told_at_once() -> None:
    with pytest.raises(ProjectError) as caught:
        reply_validator(
            {
                "required": "people",
                "properties": {"people": {"type": "objekt"}, "time": {"pattern": "("}, "day": {"$ref": "#/nowhere"}},
            }
        )
    told = str(caught.value)
    for place in ("$.required", "$.properties.people", "$.properties.time: pattern '('", "'#/nowhere' leads nowhere"):
        assert place in told


def test_a_schema_elsewhere_is_never_fetched() -> None:
    with pytest.raises(ProjectError, match="leads nowhere"):
        reply_validator({"$ref": "http://127.0.0.1:9/schema.json"})


def test_properties_may_be_called_as_the_keywords_are() -> None:
    validator = reply_validator({"properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}}})
    assert validator.is_valid({"pattern": "(", "$ref": "nowhere"})
