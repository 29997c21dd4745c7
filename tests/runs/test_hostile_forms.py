"""Schemas from callers who mean harm: none keeps a server at work, or chooses by which keywords it is held."""

import json
import time
from typing import Any

import pytest

from daeri.errors import ValidationFailed
from daeri.runs.answer_format import AnswerFormat, read_format

OLDER = "http://json-schema.org/draft-07/schema#"
BACKTRACKS = "(a+)+$"
"""Takes Python's own patterns twice as long with each letter; Rust's take one look."""


def form(schema: dict[str, Any]) -> AnswerFormat:
    read = read_format({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
    assert read is not None
    return read


def test_a_part_cannot_choose_another_draft_whose_keywords_nobody_counts():
    with pytest.raises(ValidationFailed, match=r"\$schema is not taken"):
        form({"properties": {"a": {"$schema": OLDER, "pattern": BACKTRACKS}}})


def test_the_draft_that_generators_name_at_the_top_is_passed_over_in_what_refers_to_it_too():
    wanted = form({"$schema": OLDER, "properties": {"again": {"$ref": "#"}, "a": {"pattern": BACKTRACKS}}})
    began = time.thread_time()
    assert wanted.complaints(json.dumps({"again": {"a": "a" * 40 + "b"}}))
    assert time.thread_time() - began < 1


def test_patterns_that_take_long_to_read_are_given_up():
    began = time.thread_time()
    with pytest.raises(ValidationFailed, match="patterns take too long"):
        form({"properties": {f"a{n}": {"pattern": rf"\w{{99}}{n}"} for n in range(300)}})
    assert time.thread_time() - began < 5


@pytest.mark.parametrize("within", ["items", "contentSchema"])
def test_types_that_are_none_are_not_held_against_one_another(within):
    began = time.thread_time()
    with pytest.raises(ValidationFailed):
        form({within: {"type": [{"a": n} for n in range(3_000)]}})
    assert time.thread_time() - began < 1


def test_few_dear_steps_are_given_up_as_many_cheap_ones_are():
    wanted = form({"anyOf": [{"items": {"enum": list(range(10_000))}}]})
    began = time.thread_time()
    assert wanted.complaints(json.dumps([-1] * 3_000)) == ["it is too large to be held against the schema"]
    assert time.thread_time() - began < 5
