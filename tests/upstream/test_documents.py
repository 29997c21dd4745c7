"""What of an OpenAPI document or a tool's schema is adopted, and does a hostile one do any harm?"""

import json
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import FormData

from daeri.errors import DeclarationError, ValidationFailed
from daeri.operations.declare import kind_of
from daeri.upstream.http import request_of
from daeri.upstream.openapi import read_document, shapes_of
from daeri.upstream.operations import catalog_of, select
from daeri.upstream.pins import pin_of
from daeri.upstream.schemas import Reader, Unfit, Unusable, check, fitted, hint_of, loosened
from daeri.upstream.shape import differences
from daeri.upstream.table import Address, Entry
from daeri.upstream.tools import shapes_of as tools_of
from daeri.web.operations import arguments_of
from upstream.service_house import declared
from upstream.stock import DOCUMENT, document


def shape_of(**operation: Any) -> Any:
    """Return the one operation of a document, or why it was left out."""
    found, left_out = shapes_of({"openapi": "3.0.3", "paths": {operation.pop("path", "/x"): {"post": operation}}})
    return found[0] if found else next(iter(left_out.values()))


def body(schema: Any, kind: str = "application/json", *, required: bool = True) -> dict[str, Any]:
    return {"requestBody": {"required": required, "content": {kind: {"schema": schema}}}}


def query(schema: Any, **more: Any) -> dict[str, Any]:
    return {"parameters": [{"name": "q", "in": "query", "schema": schema, **more}]}


def test_a_document_becomes_operations_with_their_parameters() -> None:
    found, left_out = shapes_of(DOCUMENT)
    assert left_out == {}
    reserve = next(shape for shape in found if shape.key == "reserveItem")
    assert (reserve.method, reserve.path, reserve.effect) == ("POST", "/items/{sku}/reservations", "write")
    assert [(each.name, each.at, each.required) for each in reserve.parameters] == [
        ("sku", "path", True),
        ("quantity", "field", True),
        ("unit_price", "field", False),
        ("until", "field", False),
        ("tags", "field", False),
    ]
    assert {shape.key: shape.effect for shape in found} == {
        "findItems": "read",
        "getItem": "read",
        "reserveItem": "write",
        "dropReservations": "irreversible",
    }


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        ({"path": "/x/{id}"}, "does not name"),
        ({"path": "/x/../admin"}, "characters"),
        ({"path": "/x?a=b"}, "characters"),
        ({"path": "//evil\r\nHost: x"}, "characters"),
        ({"path": "x"}, "characters"),
        (query({"type": "object"}, required=True), "no single value"),
        (query({"type": "array"}, required=True, style="pipeDelimited"), "unusual style"),
        ({"parameters": [{"name": "s", "in": "cookie", "required": True, "schema": {}}]}, "no part of"),
        ({"parameters": [{"name": "Host", "in": "header", "required": True, "schema": {}}]}, "may set"),
        ({"parameters": [{"name": "X-Forwarded-For", "in": "header", "required": True, "schema": {}}]}, "may set"),
        ({"parameters": [{"name": "A\r\nB", "in": "header", "required": True, "schema": {}}]}, "may set"),
        (body({}, "application/xml"), "no JSON"),
        (body({"$ref": "https://evil.example/schema.json"}), "outside of the document"),
        (body({"$ref": "#/components/schemas/None"}), "not there"),
        (body({"type": "object", "properties": {f"f{n}": {} for n in range(100)}}), "more than"),
        ({"responses": {"200": {"content": {"application/pdf": {}}}}}, "neither JSON nor text"),
    ],
)
def test_what_cannot_be_sent_as_described_is_left_out_with_its_reason(operation: dict[str, Any], why: str) -> None:
    assert why in shape_of(**operation)


@pytest.mark.parametrize(
    "name", ["Host", "Cookie", "Idempotency-Key", "traceparent", "Transfer-Encoding", "Daeri-Hops"]
)
def test_no_document_can_have_a_header_set_that_is_ours(name: str) -> None:
    shape = shape_of(parameters=[{"name": name, "in": "header", "schema": {"type": "string"}}])
    assert shape.parameters == ()


def test_names_that_python_or_pydantic_would_choke_on_become_others() -> None:
    names = ["class", "_x", "copy", "model_config", "a-b", "a_b", "1st", "수량", "", "json", "fetched_before"]
    shape = shape_of(**body({"type": "object", "properties": {name: {"type": "string"} for name in names}}))
    assert [each.sent for each in shape.parameters] == names
    made = [each.name for each in shape.parameters]
    assert len(set(made)) == len(names)
    assert all(name.isidentifier() and not name.startswith("_") for name in made)
    assert "수량" in made


def test_references_that_go_round_or_explode_end_soon() -> None:
    round_and_round = document()
    round_and_round["components"]["schemas"]["Item"] = {"$ref": "#/components/schemas/Item"}
    found, left_out = shapes_of(round_and_round)
    assert "circle" in left_out["getItem"] or found
    laughs = {f"S{n}": {"allOf": [{"$ref": f"#/s/S{n + 1}"}] * 10} for n in range(20)} | {"S20": {"type": "string"}}
    started = time.perf_counter()
    with pytest.raises(Unusable):
        Reader({"s": laughs}).schema({"$ref": "#/s/S0"})
    deep: Any = {"type": "string"}
    for _ in range(500):
        deep = {"type": "array", "items": deep}
    Reader({}).schema(deep)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"[" * 200_000, b'{"swagger": "2.0"}', b"openapi: 3.0.0", b"\xff"]
)
def test_what_is_no_document_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(Unusable):
        read_document(content)


@pytest.mark.parametrize(
    "paths",
    [[], {"/x": []}, {"/x": {"get": []}}, {"/x": {"get": {"parameters": [3]}}}, {"/x": {"get": {"responses": 3}}}],
)
def test_a_document_of_odd_parts_harms_nobody(paths: Any) -> None:
    found, left_out = shapes_of({"openapi": "3.0.0", "paths": paths})
    assert len(found) + len(left_out) <= 1


@pytest.mark.parametrize(
    ("schema", "kind", "fits", "refused"),
    [
        ({"type": "string"}, "text", "a", 3),
        ({"type": "string", "format": "date"}, "date", "2026-11-22", "tomorrow"),
        ({"type": "string", "enum": ["a", "b"]}, "choice", "a", "c"),
        ({"type": "string", "pattern": "^A-"}, "text", "A-1", "B-1"),
        ({"type": "string", "pattern": "(?=x)("}, "text", "anything", 3),
        ({"type": "string", "maxLength": 2}, "text", "ab", "abc"),
        ({"type": "integer", "minimum": 1, "exclusiveMaximum": 5}, "integer", 4, 5),
        ({"type": "integer"}, "integer", 3, "3"),
        ({"type": "number", "maximum": 2.5}, "decimal", 2.5, 2.6),
        ({"type": "boolean"}, "flag", True, "yes"),
        ({"type": "array", "items": {"type": "integer"}}, "other", [1], ["a"]),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, "other", {"a": 1}, {"b": 1}),
        ({"type": "object", "required": ["a"]}, "other", {"a": 1}, {}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "other", None, "a"),
        ({"enum": [1, 2]}, "choice", 1, 3),
        ({"enum": [1, "a"]}, "other", 1, True),
        ({"type": ["string", "integer"]}, "other", 1, 1.5),
        ({}, "other", {"any": ["thing"]}, object()),
    ],
)
def test_arguments_are_held_to_their_schema(schema: Any, kind: str, fits: Any, refused: Any) -> None:
    hint = hint_of(Reader({}).schema(schema), "뜻 (meaning)")
    assert kind_of(hint) == kind
    TypeAdapter(hint).validate_python(fits)
    with pytest.raises(ValidationError):
        TypeAdapter(hint).validate_python(refused)


def test_a_form_can_be_filled_in_for_whatever_a_service_takes() -> None:
    properties = {
        "both": {"type": ["string", "integer"]},
        "list": {"type": "array", "items": {"type": ["integer", "null"]}},
        "level": {"type": "integer", "enum": [1, 2]},
        "price": {"type": "number", "nullable": True},
        "sure": {"type": "boolean"},
        "until": {"type": "string", "format": "date"},
        "nested": {"type": "object", "properties": {"a": {"type": ["string", "null"]}}},
    }
    shape = shape_of(operationId="fill", **body({"type": "object", "properties": properties}))
    entry = Entry(document="x", addresses=(Address(url="http://h"),), adopt=("*",), roles=("*",))
    chosen = select("stock", entry, pin_of([shape]))
    operation = catalog_of("stock", entry, chosen.adopted, declared, lambda _: None).operations["stock.fill"]
    sent = {"both": "3", "list": "[1, null]", "level": "2", "price": "1.5", "sure": "true", "until": "2026-12-24"}
    sent["nested"] = '{"a": null}'
    read = arguments_of(FormData([(f"arg.{name}", text) for name, text in sent.items()]), operation)
    assert operation.input.model_validate(read).model_dump(mode="json") == {
        "both": 3,
        "list": [1, None],
        "level": 2,
        "price": "1.5",
        "sure": True,
        "until": "2026-12-24",
        "nested": {"a": None},
    }


def test_a_number_is_sent_as_the_number_that_it_is_or_not_at_all() -> None:
    number = shape_of(operationId="x", **body({"type": "number"}))
    field = shape_of(operationId="x", **body({"type": "object", "properties": {"a": {"type": "number"}}}))
    (whole,), (part,) = number.parameters, field.parameters
    assert request_of(number, {whole.name: "1.5"}).body == b"1.5"
    assert request_of(number, {whole.name: "9007199254740993"}).body == b"9007199254740993"
    assert request_of(field, {part.name: "0.10"}).body == b'{"a": 0.1}'
    for shape, name in ((number, whole.name), (field, part.name)):
        with pytest.raises(ValidationFailed):
            request_of(shape, {name: "12345678901234567.89"})


def test_dates_and_numbers_arrive_as_values() -> None:
    assert TypeAdapter(hint_of({"type": "string", "format": "date"}, "")).validate_python("2026-11-22") == date(
        2026, 11, 22
    )
    assert TypeAdapter(hint_of({"type": "number"}, "")).validate_python(1.5) == Decimal("1.5")


def test_an_answer_loses_what_was_not_pinned_and_nothing_else() -> None:
    schema = {
        "type": "object",
        "required": ["a", "gone"],
        "properties": {"a": {"type": "integer"}, "list": {"type": "array", "items": {"properties": {"b": {}}}}},
    }
    answer = {"a": 1.0, "secret": 1, "list": [{"b": "x\u0000\u200b", "c": 2}, {}], "gone": None}
    assert fitted(schema, answer) == {"a": 1, "list": [{"b": "x"}, {}]}
    with pytest.raises(Unfit):
        fitted(schema, {"a": "1"})
    with pytest.raises(Unfit):
        fitted(schema, [])


def test_an_answer_that_was_fitted_fits_what_is_told_of_it() -> None:
    found, _ = shapes_of(DOCUMENT)
    for shape in found:
        for answer in ([{"sku": None, "x": 1}], {"sku": "a", "count": 3.0}, None):
            try:
                told = fitted(shape.answer or {}, answer)
            except Unfit:
                continue
            check(loosened(shape.answer or {}), told)


def test_each_word_that_changes_shows_as_a_difference() -> None:
    (before, *_), _ = shapes_of(DOCUMENT)
    changed = document()
    operation = changed["paths"]["/items"]["get"]
    operation["parameters"][1]["schema"]["maximum"] = 1_000_000
    operation["parameters"].pop(2)
    (after, *_), _ = shapes_of(changed)
    lines = differences(before, after)
    assert any(line.startswith("parameters.limit.values.maximum: 100 → 1000000") for line in lines)
    assert any(line.startswith("parameters.x_depot") for line in lines)


def test_tools_of_odd_shapes_are_left_out() -> None:
    found, left_out = tools_of(
        [
            {"name": "fine", "inputSchema": {"type": "object"}},
            {"name": "list", "inputSchema": {"type": "array"}},
            {"name": "either", "inputSchema": {"anyOf": [{"type": "object"}]}},
            {"name": "far", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "http://evil/x"}}}},
        ]
    )
    assert [shape.key for shape in found] == ["fine"]
    assert set(left_out) == {"list", "either", "far"}
    assert "IGNORE" not in json.dumps(left_out)


ODD: tuple[Any, ...] = (
    None,
    -1,
    float("inf"),
    "",
    "x" * 99,
    [],
    {},
    [3],
    {"a": 3},
    True,
    ["string", "null"],
    "$ref",
)


def places(part: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each part of a document."""
    for key, below in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield (*where, key)
        yield from places(below, (*where, key))


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_a_document_with_any_part_replaced_by_an_odd_one_harms_nobody(odd: Any) -> None:
    entry = Entry(document="x", addresses=(Address(url="http://h"),), adopt=("*",), roles=("*",))
    for where in places(DOCUMENT["paths"]):
        changed = document()
        part = changed["paths"]
        for key in where[:-1]:
            part = part[key]
        part[where[-1]] = odd
        found, _ = shapes_of(changed)
        chosen = select("stock", entry, pin_of(found))
        try:
            catalog = catalog_of("stock", entry, chosen.adopted, declared, lambda _: None)
        except DeclarationError:
            continue
        for operation in catalog.operations.values():
            operation.input.model_json_schema()
            operation.output.model_json_schema(mode="serialization")
