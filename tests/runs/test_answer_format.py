"""What form may a caller want of an answer, and what has it?"""

import json
import time

import pytest

from daeri.errors import ValidationFailed
from daeri.runs.answer_format import AnswerFormat, bare, read_format


def form(schema: object) -> AnswerFormat:
    read = read_format({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}})
    assert read is not None
    return read


TREE = {
    "$defs": {"node": {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}},
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    ("schema", "fits", "unfit"),
    [
        ({"type": "object", "required": ["a"]}, '{"a": 1}', "{}"),
        ({"type": "object", "properties": {"a": True}, "additionalProperties": False}, '{"a": 1}', '{"b": 1}'),
        (TREE, '{"kids": [{"kids": []}]}', '{"kids": [{"kids": 7}]}'),
        ({"enum": ["가", "나"]}, '"가"', '"다"'),
        ({"type": "string", "pattern": "^[가-힣]{2,4}$"}, '"김하은"', '"Kim"'),
        ({"format": "date"}, '"2026-11-22"', '"2026-13-22"'),
        ({"format": "date-time"}, '"2026-11-22T01:02:03Z"', '"2026-11-22T01:02:03"'),
        ({"multipleOf": 0.1}, "0.3", "0.35"),
        ({"uniqueItems": True}, '[{"a": 1}, {"a": 2}]', '[{"a": 1, "b": 2}, {"b": 2, "a": 1}]'),
        ({"properties": {"$ref": {"type": "string"}, "$id": {}}}, '{"$ref": "x"}', '{"$ref": 1}'),
        ({"properties": {"a": {"$ref": "#/$defs/x~1y"}}, "$defs": {"x/y": {"type": "null"}}}, "{}", '{"a": 1}'),
        ({"const": {"$ref": "http://elsewhere"}}, '{"$ref": "http://elsewhere"}', "{}"),
        ({"$schema": "http://127.0.0.1:1/unknown", "type": "integer"}, "3", "3.5"),
        ({"type": "number"}, "1", "NaN"),
        ({"type": "number"}, "1", "1e999"),
        ({"type": "string"}, '"\\ud83d\\ude00"', '"\\ud83d"'),
        ({"type": "object"}, '{"a": 1}', '{"a": 1, "a": 2}'),
        ({"type": "array"}, "[]", "[" * 100_000),
    ],
)
def test_an_answer_has_a_form_or_is_told_what_keeps_it_from_it(schema, fits, unfit):
    assert form(schema).complaints(fits) == []
    assert form(schema).complaints(unfit)


@pytest.mark.parametrize(
    "asked",
    [
        "json_schema",
        {"type": "yaml"},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"name": "이름", "schema": {}}},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": []}},
    ],
)
def test_what_is_no_form_is_refused(asked):
    with pytest.raises(ValidationFailed):
        read_format(asked)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "file:///etc/passwd"},
        {"$ref": "other.json#/x"},
        {"$ref": "#/default", "default": {"pattern": "(a+)+$"}},
        {"$ref": "#/enum/0", "enum": [{"$id": "http://elsewhere"}]},
        {"$ref": "#/properties/%61", "properties": {"a": {}}},
        {"allOf": [{"$ref": "#/allOf/0"}]},
        {"items": {"$id": "http://elsewhere"}},
        {"patternProperties": {"(a+)+$": {}}},
        {"unevaluatedProperties": False},
        {"minLength": "1"},
        {"pattern": "(?=a)b"},
    ],
)
def test_a_schema_that_leads_elsewhere_or_costs_more_than_it_shows_is_refused(schema):
    with pytest.raises(ValidationFailed):
        form(schema)


def test_a_pattern_takes_time_in_proportion_to_the_text_alone():
    wanted, began = form({"type": "string", "pattern": "^(a+)+$"}), time.perf_counter()
    assert wanted.complaints(json.dumps("a" * 50_000 + "b"))
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("answer", [' {"a": 1}\n', '```json\n{"a": 1}\n```', '```\n{"a": 1}\n```'])
def test_the_fence_of_a_code_block_is_no_part_of_an_answer(answer):
    assert bare(answer) == '{"a": 1}'


def test_words_will_do_where_no_form_is_named():
    assert read_format(None) is read_format({"type": "text"}) is None
