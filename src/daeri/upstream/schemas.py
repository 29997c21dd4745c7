"""What do the JSON Schemas of a service mean here? References within bounds, types for arguments, answers fitted.

A schema comes from outside and may be large, recursive or wrong. What is kept of it is a plain tree of known keywords.
Arguments must fit it exactly. An answer is fitted leniently: what it does not describe is left out, what is missing is
missing, but a value of another kind than was pinned is refused.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, JsonValue, TypeAdapter, WithJsonSchema
from pydantic_core import SchemaError

from daeri.upstream.shape import Json
from daeri.wording import normal

DEPTH_MAX: Final = 12
NODES_MAX: Final = 4_000
"""Parts of one schema that are looked at; a reference that grows without end stops there."""
TEXT_MAX: Final = 20_000
ITEMS_MAX: Final = 1_000
NUMBER_MAX: Final = 2**63 - 1
WORDS_MAX: Final = 2_000
CHOICES_MAX: Final = 200
_KINDS: Final = {"string", "integer", "number", "boolean", "object", "array", "null"}
_LENGTHS: Final = ("minLength", "maxLength", "minItems", "maxItems")
_AMOUNTS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_TEXTS: Final = ("pattern", "format")


class Unusable(Exception):
    """A schema cannot be adopted; the message says why."""


class Unfit(Exception):
    """A value does not fit; the message says where."""


def told(words: object) -> str:
    """Return a description as it may be shown: a text of bounded length, without control characters."""
    return normal(words)[:WORDS_MAX].strip() if isinstance(words, str) else ""


class Reader:
    """Reads the schemas of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Take the document that references point into."""
        self._document = document

    def resolved(self, part: Any) -> Mapping[str, Any]:
        """Return what a part of the document is, following its references.

        Raises:
            Unusable: one leads out of the document, to nothing, or round in a circle.
        """
        for _ in range(DEPTH_MAX):
            if not isinstance(part, Mapping):
                raise Unusable("a part of it is no object")
            if "$ref" not in part:
                return part
            part = self._at(part["$ref"])
        raise Unusable("its references go round in a circle")

    def schema(self, schema: Any) -> Json:
        """Return a schema as a plain tree.

        Raises:
            Unusable: it is too large, or its references lead nowhere.
        """
        return self._read(schema, (), [NODES_MAX])

    def _at(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise Unusable(f"it refers to something outside of the document: {str(reference)[:80]}")
        part: Any = self._document
        for step in reference[2:].split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(part, Mapping) or name not in part:
                raise Unusable(f"it refers to {reference[:80]}, which is not there")
            part = part[name]
        return part

    def _read(self, schema: Any, above: tuple[Any, ...], left: list[int]) -> Json:
        left[0] -= 1
        if left[0] < 0:
            raise Unusable("its schema is too large")
        if schema is True or schema is None:
            return {}
        if isinstance(schema, Mapping) and "$ref" in schema:
            if schema["$ref"] in above:
                return {}
            above = (*above, schema["$ref"])
        schema = self.resolved(schema)
        if len(above) > DEPTH_MAX:
            return {}
        plain: Json = {name: schema[name] for name in _LENGTHS if _is_amount(schema.get(name), least=0, whole=True)}
        plain |= {name: schema[name] for name in _AMOUNTS if _is_amount(schema.get(name))}
        plain |= {name: schema[name] for name in _TEXTS if isinstance(schema.get(name), str)}
        kinds = _kinds(schema)
        if kinds:
            plain["type"] = kinds[0] if len(kinds) == 1 else kinds
        choices = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(choices, list) and 0 < len(choices) <= CHOICES_MAX:
            plain["enum"] = choices
        if words := told(schema.get("description")):
            plain["description"] = words
        self._read_parts(schema, plain, above, left)
        return plain

    def _read_parts(self, schema: Mapping[str, Any], plain: Json, above: tuple[Any, ...], left: list[int]) -> None:
        deeper = (*above, None)
        if isinstance(schema.get("properties"), Mapping):
            plain["properties"] = {
                str(name): self._read(each, deeper, left) for name, each in schema["properties"].items()
            }
            plain.setdefault("type", "object")
        if isinstance(schema.get("required"), list):
            plain["required"] = sorted(str(name) for name in schema["required"])
        if schema.get("additionalProperties") is False:
            plain["additionalProperties"] = False
        elif isinstance(schema.get("additionalProperties"), Mapping):
            plain["additionalProperties"] = self._read(schema["additionalProperties"], deeper, left)
        if "items" in schema:
            plain["items"] = self._read(schema["items"], deeper, left)
        for word in ("anyOf", "oneOf"):
            if isinstance(schema.get(word), list):
                plain["anyOf"] = [self._read(each, deeper, left) for each in schema[word]]
        for each in schema["allOf"] if isinstance(schema.get("allOf"), list) else ():
            _merge(plain, self._read(each, deeper, left))


def _is_amount(value: Any, *, least: float = -NUMBER_MAX, whole: bool = False) -> bool:
    kinds = (int,) if whole else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool) and least <= value <= NUMBER_MAX


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kinds = schema.get("type")
    listed = [kinds] if isinstance(kinds, str) else list(kinds) if isinstance(kinds, list) else []
    known = [kind for kind in listed if kind in _KINDS]
    return [*known, "null"] if known and schema.get("nullable") is True and "null" not in known else known


def _merge(plain: Json, more: Json) -> None:
    for name, value in more.items():
        if name == "properties":
            plain[name] = {**value, **plain.get(name, {})}
        elif name == "required":
            plain[name] = sorted({*value, *plain.get(name, [])})
        else:
            plain.setdefault(name, value)


def loosened(schema: Json) -> Json:
    """Return the schema that every answer fits after it was fitted: kinds and names, nothing that must be there."""
    plain: Json = {}
    kinds = _listed(schema.get("type"))
    if kinds:
        plain["type"] = sorted({*kinds, "null"} | ({"integer"} if "number" in kinds else set()))
    if "description" in schema:
        plain["description"] = schema["description"]
    if "properties" in schema:
        plain["properties"] = {name: loosened(each) for name, each in schema["properties"].items()}
    if "items" in schema:
        plain["items"] = loosened(schema["items"])
    return {} if "anyOf" in schema else plain


def hint_of(schema: Json, description: str) -> Any:
    """Return the type that a parameter takes, described for people and models."""
    described = Field(description=description or None)
    choices = schema.get("enum")
    if choices and {type(each) for each in choices} in ({str}, {int}):
        return Annotated[Literal[tuple(choices)], described]
    kinds = [kind for kind in _listed(schema.get("type")) if kind != "null"]
    if len(kinds) == 1 and not choices and "anyOf" not in schema:
        if kinds == ["string"]:
            return _text(schema, described)
        if kinds == ["boolean"]:
            return Annotated[bool, Field(strict=True), described]
        if kinds == ["integer"]:
            least, most = _bounds(schema, whole=True)
            return Annotated[int, Field(ge=least, le=most, strict=True), described]
        if kinds == ["number"]:
            least, most = _bounds(schema, whole=False)
            return Annotated[Decimal, Field(ge=least, le=most, allow_inf_nan=False), described]
    exact = AfterValidator(partial(_exact, schema))
    return Annotated[JsonValue, exact, WithJsonSchema(_spread(schema), mode="validation"), described]


def _spread(schema: Json) -> Json:
    """Return a schema of which each part has one type at most, as forms and models read it best."""
    plain = {name: value for name, value in schema.items() if name != "type"}
    for name in ("items", "additionalProperties"):
        if isinstance(plain.get(name), dict):
            plain[name] = _spread(plain[name])
    if "properties" in plain:
        plain["properties"] = {name: _spread(each) for name, each in plain["properties"].items()}
    kinds = _listed(schema.get("type"))
    if "anyOf" in plain:
        plain["anyOf"] = [_spread(each) for each in plain["anyOf"]]
    elif len(kinds) > 1:
        plain["anyOf"] = [{"type": kind} for kind in kinds]
    return plain | ({"type": kinds[0]} if len(kinds) == 1 else {})


def _exact(schema: Json, value: Any) -> Any:
    try:
        check(schema, value)
    except Unfit as error:
        raise ValueError(str(error)) from None
    return value


def _text(schema: Json, described: Any) -> Any:
    if schema.get("format") == "date":
        return Annotated[date, described]
    longest = min(schema.get("maxLength", TEXT_MAX), TEXT_MAX)
    bounded = Field(min_length=schema.get("minLength"), max_length=longest)
    if "pattern" in schema:
        patterned = Annotated[str, bounded, Field(pattern=schema["pattern"])]
        try:
            TypeAdapter(patterned)
        except SchemaError:  # not every pattern of JSON Schema can be matched in bounded time
            return Annotated[str, bounded, described]
        return Annotated[patterned, described]
    return Annotated[str, bounded, described]


def _bounds(schema: Json, *, whole: bool) -> tuple[Any, Any]:
    step = 1 if whole else 0
    least = max(schema.get("minimum", -NUMBER_MAX), schema.get("exclusiveMinimum", -NUMBER_MAX - step) + step)
    most = min(schema.get("maximum", NUMBER_MAX), schema.get("exclusiveMaximum", NUMBER_MAX + step) - step)
    if whole:
        return int(-(-least // 1)), int(most // 1)
    return Decimal(str(least)), Decimal(str(most))


def check(schema: Json, value: Any, where: str = "") -> None:
    """See that an argument fits a schema exactly.

    Raises:
        Unfit: it does not.
    """
    if "anyOf" in schema and not any(_fits(each, value) for each in schema["anyOf"]):
        raise Unfit(f"{where or '/'} fits none of its forms")
    if "enum" in schema and not any(value == each and type(value) is type(each) for each in schema["enum"]):
        raise Unfit(f"{where or '/'} is none of its choices")
    _check_kind(schema, value, where)
    if isinstance(value, str):
        _check_between(len(value), schema.get("minLength", 0), schema.get("maxLength", TEXT_MAX), where)
    elif isinstance(value, list):
        _check_between(len(value), schema.get("minItems", 0), schema.get("maxItems", ITEMS_MAX), where)
        for at, item in enumerate(value):
            check(schema.get("items", {}), item, f"{where}/{at}")
    elif isinstance(value, Mapping):
        _check_object(schema, value, where)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        least, most = _bounds(schema, whole=False)
        _check_between(Decimal(str(value)), least, most, where)


def _check_object(schema: Json, value: Mapping[str, Any], where: str) -> None:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    for name in schema.get("required", ()):
        if name not in value:
            raise Unfit(f"{where}/{name} is missing")
    for name, item in value.items():
        if name not in known and others is False:
            raise Unfit(f"{where}/{name} is not known")
        check(known.get(name, others), item, f"{where}/{name}")


def _check_between(value: Any, least: Any, most: Any, where: str) -> None:
    if not least <= value <= most:
        raise Unfit(f"{where or '/'} must be between {least} and {most}")


def _fits(schema: Json, value: Any) -> bool:
    try:
        check(schema, value)
    except Unfit:
        return False
    return True


def _check_kind(schema: Json, value: Any, where: str) -> None:
    kinds = _listed(schema.get("type"))
    if kinds and not any(_is_kind(value, kind) for kind in kinds):
        raise Unfit(f"{where or '/'} must be {' or '.join(kinds)}")


def _is_kind(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    types: Mapping[str, Any] = {"string": str, "integer": int, "number": int | float, "object": dict, "array": list}
    return value is None if kind == "null" else kind in types and isinstance(value, types[kind])


def _listed(kinds: Any) -> list[str]:
    return kinds if isinstance(kinds, list) else [kinds] if isinstance(kinds, str) else []


def fitted(schema: Json, value: Any, where: str = "", depth: int = 0) -> Any:
    """Return an answer as far as its schema describes it; text in the one form it has here.

    Raises:
        Unfit: a value is of another kind than was pinned, or the answer is nested without end.
    """
    if depth > 3 * DEPTH_MAX:
        raise Unfit(f"{where[:80]} is nested too deeply")
    if isinstance(value, float) and value.is_integer() and "integer" in _listed(schema.get("type")):
        value = int(value)
    if value is None:
        return None
    if "anyOf" in schema:
        return fitted(next((each for each in schema["anyOf"] if _may_be(each, value)), {}), value, where, depth)
    if not _may_be(schema, value):
        raise Unfit(f"{where or '/'} is no {' or '.join(_listed(schema.get('type')))}")
    if isinstance(value, str):
        return normal(value)
    if isinstance(value, list):
        return [fitted(schema.get("items", {}), each, f"{where}/{at}", depth + 1) for at, each in enumerate(value)]
    if isinstance(value, Mapping):
        known = schema.get("properties", {})
        others = schema.get("additionalProperties", None if known else {})
        return {
            normal(name): fitted(known.get(name, others), each, f"{where}/{name}", depth + 1)
            for name, each in value.items()
            if name in known or isinstance(others, Mapping)
        }
    return value


def _may_be(schema: Json, value: Any) -> bool:
    kinds = _listed(schema.get("type"))
    return not kinds or any(_is_kind(value, kind) for kind in kinds)
