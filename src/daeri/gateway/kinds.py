"""How is each kind of record described? A list and a row of its own, with its own fields, so that they make good tools.

The description is open to everybody, so only fields that have no readers of their own are named in it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from daeri.gateway.endpoints import COUNT, CURSOR, FIELDS, IF_NONE_MATCH, LIMIT, Endpoint, Parameter, Q, described_json
from daeri.operations.company import Company
from daeri.operations.listing import PlainField, plain_fields
from daeri.records.record import Record, label_of

SUMMARY_MAX: Final = 60
_TYPES: Final[dict[str, dict[str, Any]]] = {
    "text": {"type": "string"},
    "number": {"type": "integer"},
    "decimal": {"type": "string", "description": "A decimal number."},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "date-time"},
    "flag": {"type": "boolean"},
    "list": {},
}
ADOPTED: Final[dict[str, Any]] = {"id": {"type": ["integer", "string", "null"]}, "version": {"type": "string"}}
"""What names a row of an adopted table, and stands for its version."""
_COMPARED: Final = ("number", "decimal", "date", "time")


def endpoints_of(company: Company) -> Iterator[Endpoint]:
    """Yield the list and the row of each kind of record."""
    for kind, record in sorted(company.records.items()):
        label = label_of(record)
        fields = plain_fields(record)
        yield Endpoint(
            "get",
            f"/v1/records/{quote(kind)}",
            _name(company, kind, "list"),
            "records",
            f"{label.ko} 목록 ({label.en} list)"[:SUMMARY_MAX],
            f"The {label.en} rows that the caller may see, page by page; it changes nothing. Filter by field=value, or "
            "field.gte=value with one of eq, ne, gt, gte, lt, lte, in (comma separated), contains.",
            {200: described_json("A page of rows; Link names the next one.", f"{_stem(kind)}Page")},
            (LIMIT, CURSOR, _sort(fields), Q, _chosen(fields), COUNT, *_filters(fields)),
            problems=("permission-denied", "not-found", "validation-failed"),
        )
        if not record.__key__.columns:
            continue
        yield Endpoint(
            "get",
            f"/v1/records/{quote(kind)}/{{key}}",
            _name(company, kind, "get"),
            "records",
            f"{label.ko} 한 건 (one {label.en})"[:SUMMARY_MAX],
            f"One {label.en} by its id; it changes nothing. A row that the caller may not see answers as if it were "
            "not there.",
            {
                200: described_json("The row.", _stem(kind)),
                304: {"description": "It is still what If-None-Match names."},
            },
            (_key(record), _chosen(fields), IF_NONE_MATCH),
            problems=("not-found", "validation-failed"),
        )


def schemas_of(company: Company, row: dict[str, Any], page: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas of each kind's row and page, made of the general ones."""
    schemas: dict[str, Any] = {}
    for kind, record in company.records.items():
        stem = _stem(kind)
        fields = {field.name: _schema(field) for field in plain_fields(record)}
        known = row["properties"] | (ADOPTED if record.__adopted__ else {})
        schemas[stem] = {**row, "title": stem, "properties": {**fields, **known}}
        data = {"type": "array", "items": {"$ref": f"#/components/schemas/{stem}"}}
        schemas[f"{stem}Page"] = {
            **page,
            "title": f"{stem}Page",
            "properties": {**page["properties"], "data": data},
        }
    return schemas


def _name(company: Company, kind: str, act: str) -> str:
    """Return the name that the audit and keys' scopes have for it too."""
    name = f"{kind}.{act}"
    return f"records.{name}" if name in company.operations else name


def _stem(kind: str) -> str:
    """Return the name of a kind's schema; such a name has Latin letters only."""
    if not (kind.isascii() and kind.replace("_", "").isalnum()):
        kind = f"kind_{hashlib.sha256(kind.encode()).hexdigest()[:12]}"
    return "".join(part.title() for part in kind.split("_")) + "Row"


def _key(record: type[Record]) -> Parameter:
    numbered: dict[str, Any] = {"type": "integer"} if record.__adopted__ else {"type": "integer", "minimum": 1}
    if record.__key__.numeric:
        return Parameter("key", "path", numbered, "행 번호 (row id), e.g. 12")
    told = " ~ ".join(record.__key__.names)
    return Parameter("key", "path", {"type": "string"}, f"행의 키 (row id, as lists give it): {told}")


def _schema(field: PlainField) -> dict[str, Any]:
    shape = _TYPES[field.kind]
    told = {"description": f"{field.label.ko} ({field.label.en})"}
    if field.nullable and "type" in shape:
        shape = {**shape, "type": [shape["type"], "null"]}
    return {**shape, **told}


def _sort(fields: list[PlainField]) -> Parameter:
    names = [field.name for field in fields]
    either = [name for each in names for name in (each, f"-{each}")]
    return Parameter("sort", "query", {"enum": either}, "정렬 (field to sort by; -field downward).", "id")


def _chosen(fields: list[PlainField]) -> Parameter:
    """Return the parameter that names fields, with two of this kind for its example."""
    return replace(FIELDS, example=",".join(field.name for field in fields[:2]))


def _filters(fields: list[PlainField]) -> Iterator[Parameter]:
    for field in fields:
        if field.kind == "list" or field.name in ("limit", "cursor", "sort", "q", "fields", "count"):
            continue
        told = f"{field.label.ko} ({field.label.en})"
        shape = {name: value for name, value in _TYPES[field.kind].items() if name != "description"}
        yield Parameter(field.name, "query", shape, f"{told} 같은 것만 (equal to this).")
        if field.kind in _COMPARED and field.name not in ("id", "version"):
            yield Parameter(f"{field.name}.gte", "query", shape, f"{told} 이상 (at least this).")
            yield Parameter(f"{field.name}.lte", "query", shape, f"{told} 이하 (at most this).")
