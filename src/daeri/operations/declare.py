"""What did the company write? Reads a function's signature once, at import, and refuses what is vague.

Every declaration error is raised here (or in Catalog, for names), as a sentence that says what to write.
"""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PydanticUserError,
    create_model,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from daeri.clock import Clock
from daeri.errors import DeclarationError
from daeri.operations.pending import Pending
from daeri.operations.provenance import Origins
from daeri.operations.provided import Provided
from daeri.operations.sense import Sense
from daeri.records.access import Records
from daeri.records.actor import Actor
from daeri.records.keys import ID_MAX
from daeri.records.record import Record

R = TypeVar("R", bound=Record)
INJECTED: tuple[type, ...] = (Records, Actor, Clock, Pending, Sense, Origins)


class Ref(int, Generic[R]):
    """The id of a row: `employee: Ref[Employee]`. Callers may also send a name; the door resolves it.

    An adopted record whose key is a text, or several columns, has a text for an id, and that is what arrives.
    """

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate as an id of the record."""
        del handler
        record = _named_by(source)
        if record is not None and record.__adopted__:
            key = record.__key__
            return core_schema.int_schema(strict=True) if key.numeric else core_schema.str_schema(min_length=1)
        return core_schema.no_info_after_validator_function(cls, core_schema.int_schema(strict=True, ge=1, le=ID_MAX))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe as an integer or a name."""
        del handler
        if schema["type"] == "str":
            return {"type": "string", "minLength": 1}
        number = {"type": "integer"} if schema["type"] == "int" else {"type": "integer", "minimum": 1}
        return {"anyOf": [number, {"type": "string", "minLength": 1}]}


def _named_by(hint: Any) -> type[Record] | None:
    """Return the record of a `Ref[...]`; None where it names none."""
    record = get_args(hint)[0] if get_origin(hint) is Ref else None
    return record if isinstance(record, type) and issubclass(record, Record) else None


@dataclass(frozen=True, slots=True)
class Money:
    """Marks an integer as an amount in the smallest unit of a currency."""

    currency: str


@dataclass(frozen=True, slots=True)
class SearchText:
    """Marks a text as what is searched for: any words may be in it, in the asker's own order.

    A result says by a field `found` whether anything good enough was found.
    """


@dataclass(frozen=True, slots=True)
class Address:
    """Marks a text as the address of a page that the asker wants read."""


WON_MAX = 10**15
"""A thousand trillion won: beyond any company's amounts, within what every client's numbers hold exactly."""

Won = Annotated[int, Money("KRW"), Field(ge=0, le=WON_MAX)]
"""An amount in won."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's parameters: what is injected, what the caller sends, what comes back.

    Attributes:
        injected: parameter name to Records, Actor, Clock, Pending, Sense, Origins or a part that is provided.
        references: parameter name to the record its id names.
        money: the parameters that are amounts.
        control: the parameters that decide who, what and how much: an agent's values for them must be vouched for.
        searched: the parameters that hold what is searched for.
        addresses: the parameters that hold the address of a page.
    """

    model: type[BaseModel]
    output: type[BaseModel]
    injected: Mapping[str, type]
    references: Mapping[str, type[Record]]
    money: frozenset[str]
    control: frozenset[str] = frozenset()
    searched: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()


def read_signature(
    function: Callable[..., Any],
    lines: Sequence[Callable[..., Any]] = (),
    preview: Callable[..., Any] | None = None,
    control: Sequence[str] | None = None,
) -> Signature:
    """Read an operation's function and check the hooks that share its parameters: line functions and the preview.

    Raises:
        DeclarationError: something is missing, vague or does not fit; the message says what to write.
    """
    name = f"{function.__module__}.{function.__qualname__}"
    if not inspect.iscoroutinefunction(function):
        raise DeclarationError(f"{name} must be written `async def`")
    if not (function.__doc__ or "").strip():
        raise DeclarationError(f"{name} needs a docstring: its first line is what people and models read")
    hints = _hints(function, name)
    output = hints.pop("return", None)
    if not (isinstance(output, type) and issubclass(output, BaseModel)):
        raise DeclarationError(f"{name} must return a Pydantic model; write `-> YourModel`")
    injected: dict[str, type] = {}
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise DeclarationError(f"{name}: *{parameter.name} cannot be described to a caller; name each parameter")
        if parameter.name not in hints:
            raise DeclarationError(f"{name}: parameter {parameter.name} needs a type")
        hint = hints[parameter.name]
        if _is_injected(hint):
            injected[parameter.name] = hint
        else:
            fields[parameter.name] = (hint, ... if parameter.default is parameter.empty else parameter.default)
    hooks = [(line, False) for line in lines] + ([(preview, True)] if preview is not None else [])
    for hook, wants_async in hooks:
        if inspect.iscoroutinefunction(hook) is not wants_async:
            kind = "`async def`" if wants_async else "plain `def`"
            raise DeclarationError(f"{hook.__qualname__} of {name} must be written {kind}")
        _check_hook(hook, fields, name)
    model = _input_model(name, function.__name__, fields)
    types = {key: hint for key, (hint, _) in fields.items()}
    return Signature(
        model=model,
        output=output,
        injected=injected,
        references={key: record for key, hint in types.items() if (record := _referenced(hint)) is not None},
        money=frozenset(key for key, hint in types.items() if _is_money(hint)),
        control=_control(name, types, control),
        searched=frozenset(key for key, hint in types.items() if _is_marked(hint, SearchText)),
        addresses=frozenset(key for key, hint in types.items() if _is_marked(hint, Address)),
    )


def _is_injected(hint: Any) -> bool:
    return hint in INJECTED or (isinstance(hint, type) and issubclass(hint, Provided))


def _control(name: str, types: Mapping[str, Any], named: Sequence[str] | None) -> frozenset[str]:
    """Return which parameters decide who, what and how much; references, amounts and numbers where none are named."""
    if named is None:
        return frozenset(key for key, hint in types.items() if kind_of(hint) in _CONTROLLING)
    for key in named:
        if key not in types:
            raise DeclarationError(f"{name} has no parameter {key} to control; it has: {', '.join(types) or 'none'}")
    return frozenset(named)


_CONTROLLING = frozenset({"reference", "money", "integer", "decimal"})


def _input_model(name: str, short: str, fields: dict[str, Any]) -> type[BaseModel]:
    for parameter, (hint, default) in list(fields.items()):
        if parameter.startswith("_") or hasattr(BaseModel, parameter):
            raise DeclarationError(f"{name}: a parameter may not be called {parameter}; choose another word")
        if any(get_origin(member) is Ref and _referenced(member) is None for member in _members(hint)):
            raise DeclarationError(f"{name}: {parameter} must be a Ref to a record, e.g. Ref[Employee]")
        if _members(hint)[0] in (date, datetime):
            fields[parameter] = (Annotated[hint, BeforeValidator(no_number)], default)
    try:
        return create_model(f"{short}_input", __config__=ConfigDict(extra="forbid"), **fields)
    except PydanticUserError as error:
        raise DeclarationError(f"{name}: {error.message.splitlines()[0]}") from None


def no_number(value: Any) -> Any:
    """Pydantic would take 20261126 for a number of seconds, and that for a day of 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and value.strip().lstrip("+-").isdigit()):
        raise PydanticCustomError("date_parsing", "a date is written like 2026-11-26")
    return value


@lru_cache(maxsize=4096)
def parameters_of(hook: Callable[..., Any]) -> tuple[tuple[str, ...], Mapping[str, type]]:
    """Return which parameters a line or preview function takes of its operation, and which are injected."""
    hints = _hints(hook, hook.__qualname__)
    hints.pop("return", None)
    injected = {name: hint for name, hint in hints.items() if _is_injected(hint)}
    return tuple(name for name in hints if name not in injected), injected


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise DeclarationError(f"{name}: {error}; types used in an operation must stand at module level") from error


def _check_hook(hook: Callable[..., Any], fields: Mapping[str, Any], name: str) -> None:
    hints = _hints(hook, hook.__qualname__)
    hints.pop("return", None)
    for parameter in inspect.signature(hook).parameters:
        if parameter not in hints:
            raise DeclarationError(f"{hook.__qualname__}: parameter {parameter} needs a type")
    for parameter, hint in hints.items():
        if _is_injected(hint):
            continue
        if parameter not in fields:
            known = ", ".join(fields) or "none"
            raise DeclarationError(f"{hook.__qualname__}: {name} has no parameter {parameter}; it has: {known}")
        if _bare(hint) != _bare(fields[parameter][0]):
            raise DeclarationError(
                f"{hook.__qualname__}: {parameter} is {_bare(hint)} here and {_bare(fields[parameter][0])} in {name}"
            )


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _members(hint: Any) -> tuple[Any, ...]:
    """Return a hint without Annotated and without its `| None`."""
    bare = _bare(hint)
    origin = get_origin(bare)
    if origin is typing.Union or type(bare).__name__ == "UnionType":
        return tuple(_bare(member) for member in get_args(bare) if member is not type(None))
    return (bare,)


def _referenced(hint: Any) -> type[Record] | None:
    for member in _members(hint):
        if get_origin(member) is Ref:
            return _named_by(member)
    return None


def _is_money(hint: Any) -> bool:
    if get_origin(hint) is Annotated and any(isinstance(extra, Money) for extra in get_args(hint)[1:]):
        return True
    bare = _bare(hint)
    return any(member is not hint and _is_money(member) for member in get_args(bare) if get_origin(bare) is not Ref)


def _is_marked(hint: Any, mark: type[SearchText | Address]) -> bool:
    return get_origin(hint) is Annotated and any(isinstance(extra, mark) for extra in get_args(hint)[1:])


def kind_of(hint: Any) -> str:
    """Name the sort of value a parameter takes: reference, money, date, choice, integer, decimal, flag, text, other."""
    if _is_money(hint):
        return "money"
    member = _members(hint)[0]
    if get_origin(member) is Ref:
        return "reference"
    if get_origin(member) is typing.Literal:
        return "choice"
    kinds = {date: "date", bool: "flag", int: "integer", Decimal: "decimal", str: "text"}
    return kinds.get(member, "other") if isinstance(member, type) else "other"


def choices_of(hint: Any) -> tuple[Any, ...]:
    """Return the values a choice parameter takes."""
    member = _members(hint)[0]
    return get_args(member) if get_origin(member) is typing.Literal else ()
