"""In which form does a caller want an agent's answer? As JSON, or JSON that fits a schema; words where none is named.

The form comes from outside: its schema is data of bounded size, refers to nothing but itself, and is held against an
answer within a bounded number of steps, with patterns that take time in proportion to the text alone.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from time import thread_time
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeGuard

from pydantic import StringConstraints, TypeAdapter
from pydantic_core import PydanticCustomError, SchemaError
from pydantic_core import ValidationError as Unmatched

from daeri.errors import FieldError, ValidationFailed
from daeri.wording import Text

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

BYTES_MAX: Final = 64_000
"""Characters of a form as JSON."""
DEPTH_MAX: Final = 24
"""Levels of a form, and of what may be nested in it."""
STEPS_MAX: Final = 20_000
"""Keywords that are looked at for one answer, a quarter of a second: a small schema can ask for hours."""
SECONDS_MAX: Final = 1.0
"""Processor time for one answer, and for the patterns of a form: a single step can be a dear one."""
PARTS_MAX: Final = 500
"""Schemas within a schema: a sixth of a second, where it was not seen before."""
TYPES: Final = 7
"""Types that JSON Schema knows; thousands of other things there would each be held against all others."""
SCHEMAS_KEPT: Final = 64
"""Schemas that are known to be usable."""
NAME: Final = r"[A-Za-z0-9_-]{1,64}"
COMPLAINTS_MAX: Final = 5

_BY_NAME: Final = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
"""Keywords that hold schemas under names."""
_WITHIN: Final = frozenset(
    {"items", "prefixItems", "contains", "additionalProperties", "propertyNames", "anyOf", "oneOf", "allOf", "not"}
    | {"if", "then", "else", "additionalItems", "contentSchema"}
)
"""Keywords that hold schemas."""
_NOT_HERE: Final = (
    *("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"),
    *("unevaluatedItems", "unevaluatedProperties", "patternProperties", "dependencies"),
)
"""Keywords by which a schema could be of another document, or cost more than it shows."""
_DRAFT: Final = "$schema"
_FENCED: Final = re.compile(r"```[a-zA-Z]*\n(.*)\n```", re.DOTALL)


class TooCostly(Exception):
    """An answer could not be held against the schema within the steps there are."""


@dataclass(frozen=True)
class AnswerFormat:
    """The form of an answer, as OpenAI's `response_format` words it.

    Attributes:
        asked: {"type": "json_object"}, or {"type": "json_schema", "json_schema": {"name": …, "schema": …}}.
    """

    asked: Mapping[str, Any]

    @cached_property
    def schema(self) -> Mapping[str, Any] | None:
        """What the answer must fit; None where any JSON object will do."""
        described = self.asked.get("json_schema")
        return described["schema"] if described else None

    def complaints(self, answer: str) -> list[str]:
        """Say what keeps an answer from having this form, each with its place; nothing where it has it."""
        try:
            value = json.loads(answer, object_pairs_hook=_unique)
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # what no other reader could take is none
        except (ValueError, RecursionError) as error:
            return [f"it is not JSON: {error}"]
        if self.schema is None:
            return [] if isinstance(value, dict) else ["it is no JSON object"]
        return unfit(self.schema, value)


def unfit(schema: Mapping[str, Any], value: object) -> list[str]:
    """Say what keeps a value from fitting a schema, each with its place; nothing where it fits."""
    try:
        return list(_complaints(schema, value))
    except TooCostly:
        return ["it is too large to be held against the schema"]


def check_schema(schema: Mapping[str, Any]) -> None:
    """Refuse a schema that cannot be used here; one that was looked at is not looked at again.

    Raises:
        ValueError: it cannot, and why.
    """
    text = json.dumps(schema, ensure_ascii=False)
    if len(text) > BYTES_MAX:
        raise ValueError(f"more than {BYTES_MAX:,} characters")
    _check(text)


def is_named(described: object) -> TypeGuard[Mapping[str, Any]]:
    """Say whether a form or a function has a name as OpenAI has them."""
    name = described.get("name") if isinstance(described, Mapping) else None
    return isinstance(name, str) and re.fullmatch(NAME, name) is not None


def bare(answer: str) -> str:
    """Return an answer without the blanks, and the fence of a code block, around it."""
    answer = answer.strip()
    fenced = _FENCED.fullmatch(answer)
    return fenced[1].strip() if fenced else answer


def read_format(asked: object, pointer: str = "/response_format") -> AnswerFormat | None:
    """Return the form that a caller asks for; None where words will do.

    Args:
        asked: as OpenAI's chat completions have it.
        pointer: where it stands in the request.

    Raises:
        ValidationFailed: it is no such form, too large, or a schema that is not taken here.
    """
    if asked is None or asked == {"type": "text"}:
        return None
    try:
        return _read(asked)
    except ValueError as error:
        wrong = Text(f"답의 형식을 쓸 수 없어요: {error}", f"The form of the answer cannot be used: {error}")
        raise ValidationFailed(wrong, errors=[FieldError(pointer, str(error))]) from None


def _read(asked: object) -> AnswerFormat:
    if not isinstance(asked, Mapping) or asked.get("type") not in ("json_object", "json_schema"):
        raise ValueError("its type is text, json_object or json_schema")
    if asked["type"] == "json_object":
        return AnswerFormat({"type": "json_object"})
    described = asked.get("json_schema")
    if not is_named(described):
        raise ValueError(f"json_schema has a name: {NAME}")
    if not isinstance(described.get("schema"), Mapping):
        raise ValueError("json_schema.schema must be an object")  # noqa: TRY004 - the value is wrong, not our call
    if len(json.dumps(described, ensure_ascii=False)) > BYTES_MAX:
        raise ValueError(f"more than {BYTES_MAX:,} characters")
    check_schema(described["schema"])
    kept = {name: described[name] for name in ("name", "description", "strict", "schema") if name in described}
    return AnswerFormat({"type": "json_schema", "json_schema": kept})


@lru_cache(maxsize=SCHEMAS_KEPT)
def _check(text: str) -> None:
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 - few servers are ever asked for a form

    schema = json.loads(text)
    parts = list(_parts(schema, DEPTH_MAX))
    if len(parts) > PARTS_MAX:
        raise ValueError(f"more than {PARTS_MAX:,} schemas in it")
    known = {id(part) for part in parts}
    began = thread_time()
    for part in parts:
        # A part that names a draft would be held by that draft's own keywords, which nobody counts.
        refused = _NOT_HERE if part is schema else (*_NOT_HERE, _DRAFT)
        strange = next((name for name in refused if name in part), None)
        if strange is not None:
            raise ValueError(f"{strange} is not taken")
        if "$ref" in part and id(_at(schema, part["$ref"])) not in known:
            raise ValueError(f"$ref leads to no schema within it: {str(part['$ref'])[:80]}")
        if isinstance(part.get("type"), list) and len(part["type"]) > TYPES:
            raise ValueError("its types are more than there are")
        if isinstance(part.get("pattern"), str):
            _pattern(part["pattern"])
            if thread_time() - began > SECONDS_MAX:
                raise ValueError("its patterns take too long")
    try:
        Draft202012Validator.check_schema(schema)
        list(_complaints(schema, None))
    except SchemaError as error:
        raise ValueError(f"it is no JSON Schema: {error.message[:200]}") from None
    except TooCostly:
        raise ValueError("it refers to itself without end") from None


def _parts(schema: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    """Yield a schema and all that are within it.

    Raises:
        ValueError: it is too deep.
    """
    if depth < 0:
        raise ValueError(f"deeper than {DEPTH_MAX} levels")
    if not isinstance(schema, Mapping):
        return
    yield schema
    for name, held in schema.items():
        if name in _BY_NAME and isinstance(held, Mapping):
            within: Sequence[Any] = list(held.values())
        elif name in _WITHIN:
            within = held if isinstance(held, list) else [held]
        else:
            within = ()
        for each in within:
            yield from _parts(each, depth - 1)


def _at(schema: Mapping[str, Any], reference: object) -> object:
    """Return what a reference within a schema leads to; None where it leads nowhere, or out of it."""
    if reference == "#":
        return schema
    if not isinstance(reference, str) or not reference.startswith("#/") or "%" in reference:
        return None
    part: Any = schema
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(part, list) and name.isdecimal() and int(name) < len(part):
            part = part[int(name)]
        elif isinstance(part, Mapping) and name in part:
            part = part[name]
        else:
            return None
    return part


def _complaints(schema: Mapping[str, Any], value: object) -> Iterator[str]:
    """Yield the first things in which a value does not fit.

    Raises:
        TooCostly: that could not be found out within the steps there are.
    """
    found = _validator(schema).iter_errors(value)
    try:
        for _, error in zip(range(COMPLAINTS_MAX), found, strict=False):
            place = "".join(f"/{step}" for step in error.absolute_path)
            yield f"{place or 'the answer'}: {error.message[:200]}"
    except RecursionError:
        raise TooCostly from None


def _validator(schema: Mapping[str, Any]) -> "Validator":
    """Return what holds one value against a schema, and gives up after its steps."""
    from jsonschema import Draft202012Validator, FormatChecker, validators  # noqa: PLC0415 - as above

    left, began = [STEPS_MAX], thread_time()

    def counted(keyword: Callable[..., Any]) -> Callable[..., Any]:
        def count(*given: Any) -> Any:
            left[0] -= 1
            if left[0] < 0 or thread_time() - began > SECONDS_MAX:
                raise TooCostly
            return keyword(*given)

        return count

    own = Draft202012Validator.VALIDATORS | {"pattern": _matches, "uniqueItems": _differ, "multipleOf": _divides}
    counting = validators.extend(Draft202012Validator, {name: counted(each) for name, each in own.items()})
    formats = FormatChecker(("date", "email", "uuid", "ipv4", "ipv6"))
    formats.checks("date-time", ValueError)(_is_instant)
    drafted = {name: value for name, value in schema.items() if name != _DRAFT}  # what refers to it is held alike
    made: Validator = counting(drafted, format_checker=formats)
    return made


def _matches(_: Any, pattern: str, value: object, __: Any) -> Iterator[Exception]:
    from jsonschema import ValidationError  # noqa: PLC0415 - as above

    if isinstance(value, str):
        try:
            _pattern(pattern).validate_python(value)
        except Unmatched:
            yield ValidationError(f"it does not match {pattern}")


def _differ(_: Any, wanted: object, value: object, __: Any) -> Iterator[Exception]:
    from jsonschema import ValidationError  # noqa: PLC0415 - as above

    items = value if wanted is True and isinstance(value, list) else []
    if len({json.dumps(each, sort_keys=True) for each in items}) < len(items):
        yield ValidationError("its items are not unique")


def _divides(_: Any, divisor: float, value: object, __: Any) -> Iterator[Exception]:
    """Tell of a number that is no multiple, as it is written: 0.3 is one of 0.1, though not in binary."""
    from jsonschema import ValidationError  # noqa: PLC0415 - as above

    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            rest = Decimal(str(value)) % Decimal(str(divisor))
        except ArithmeticError:  # one is too large for the other
            rest = Decimal(1)
        if rest:
            yield ValidationError(f"{value} is not a multiple of {divisor}")


@lru_cache(maxsize=64)  # one can take megabytes
def _pattern(pattern: str) -> TypeAdapter[str]:
    """Return what matches a pattern by Rust's engine, which never tries twice.

    Raises:
        ValueError: that engine does not know it.
    """
    try:
        return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    except (SchemaError, PydanticCustomError):
        raise ValueError(f"pattern is not taken: {pattern[:80]}") from None


def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or ("T" in value and datetime.fromisoformat(value).tzinfo is not None)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members
