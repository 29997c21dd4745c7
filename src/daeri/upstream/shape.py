"""What is one operation of a service, as it was when the operator pinned it? A value that can be kept and compared.

An OpenAPI operation and an MCP tool become the same thing: named parameters with JSON Schemas, and the schema of what
comes back. Everything that a person or a model will read of it is in here, so a change of any word shows.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from daeri.canonical import digest
from daeri.errors import FieldError, ValidationFailed
from daeri.records.actor import Effect
from daeri.wording import Text

Json = dict[str, Any]
DIFFERENCES_MAX: Final = 20
SHOWN: Final = 160
_TOO_FINE: Final = Text("자릿수가 너무 많은 수예요", "The number has too many digits")


class Parameter(BaseModel):
    """One argument.

    Attributes:
        name: what it is called here.
        at: where it goes: into the path, the query, a header, a field of the body, or the body as a whole.
        sent: what the service calls it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    at: Literal["path", "query", "header", "field", "body"]
    sent: str
    required: bool
    values: Json
    description: str = ""


def as_json(parameter: Parameter, value: Any) -> Any:
    """Return a value as the service takes it in JSON; numbers that travel as text here are numbers there.

    Raises:
        ValidationFailed: a number has more digits than would arrive.
    """
    if isinstance(value, str | Decimal) and parameter.values.get("type") == "number":
        number = Decimal(value)
        if number == number.to_integral_value():
            return int(number)
        if Decimal(repr(float(number))) != number:
            raise ValidationFailed(_TOO_FINE, errors=[FieldError(f"/{parameter.name}", _TOO_FINE)])
        return float(number)
    return value


class Shape(BaseModel):
    """One operation of a service.

    Attributes:
        key: its name there: the operationId, or "GET /items" where there is none; a tool's name.
        name: the second half of its name here, unless the operator gives it another.
        method: of HTTP; empty for a tool of an MCP server.
        answer: the schema of what comes back; None where the service does not say.
        hints: what an MCP server says of the tool's effect.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    name: str
    method: str = ""
    path: str = ""
    summary: str = ""
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    answer: Json | None = None
    hints: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """The names by which the operator may call it."""
        return (self.key, f"{self.method} {self.path}") if self.method else (self.key,)

    @property
    def effect(self) -> Effect:
        """What it does as far as nobody has said otherwise: only GET and HEAD are known to read."""
        if self.method in ("GET", "HEAD"):
            return "read"
        return "irreversible" if self.method == "DELETE" or self.hints.get("destructiveHint") else "write"

    @property
    def digest(self) -> str:
        """Identifies it, to the letter."""
        return digest(self.model_dump(mode="json"))


def name_of(key: str) -> str:
    """Return a name for here: findItems becomes find_items, "GET /items/{id}" get_items_id."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key)
    return re.sub(r"_+", "_", re.sub(r"[^a-z0-9]+", "_", spaced.lower())).strip("_")[:60] or "operation"


def differences(before: Shape, after: Shape) -> list[str]:
    """Say what changed, one line each."""
    lines: list[str] = []
    for where, old, new in _differing(before.model_dump(mode="json"), after.model_dump(mode="json"), ""):
        if len(lines) == DIFFERENCES_MAX:
            return [*lines, "…"]
        lines.append(f"{where}: {_shown(old)} → {_shown(new)}")
    return lines


_NOTHING: Final = object()


def _differing(before: Any, after: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _differing(before.get(key, _NOTHING), after.get(key, _NOTHING), f"{where}.{key}".lstrip("."))
    elif isinstance(before, list) and isinstance(after, list):
        old, new = (
            {str(item.get("name", at)) if isinstance(item, dict) else str(at): item for at, item in enumerate(items)}
            for items in (before, after)
        )
        yield from _differing(old, new, where)
    elif before != after:
        yield where, before, after


def _shown(value: Any) -> str:
    text = "-" if value is _NOTHING else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
