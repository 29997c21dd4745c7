"""How may single records be written without code? Create, update and delete, generated where a company offers them.

Each becomes an ordinary operation (`employee.update`), so that approval lines, previews, the audit, agents and every
protocol treat it like any other; row rules, change rules and field rules hold in it as in the company's own code.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import MISSING, AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field, JsonValue
from sqlalchemy import JSON, Column, String, Table

from daeri.clock import rfc3339
from daeri.errors import DeclarationError, StaleVersion
from daeri.operations.declare import WON_MAX, Money, Ref, no_number, read_signature
from daeri.operations.form import Form, LineFunction, form_of
from daeri.operations.line import Change
from daeri.records.access import Records
from daeri.records.actor import Actor, Effect
from daeri.records.keys import ID_MAX, Id
from daeri.records.record import Exact, Hidden, Person, Record, label_of, mark_of
from daeri.records.stored import AsKept, AsText
from daeri.records.trail import read_fields, title_of
from daeri.wording import Text, fit_josa, normal

BOOKKEEPING = ("id", "version")
AUTHORITY = ("login", "roles")
"""Fields of a person that give power; they are offered only where the company names them."""
Act = str


@dataclass(frozen=True, slots=True)
class Offer:
    """How one act on a record is offered.

    Attributes:
        allow: who may call it at all; the record's rules say on which rows.
        fields: the fields that may be sent; None = all but bookkeeping and a person's login and roles.
        approval: gives the approval line; it takes a subset of the operation's parameters.
        preview: tells what would change; None = the fields before and after.
        examples, words: how people ask for it.
    """

    allow: Callable[[Actor], bool]
    fields: Sequence[str] | None = None
    approval: LineFunction | Form | None = None
    preview: Callable[..., Awaitable[Sequence[Change]]] | None = None
    examples: Sequence[str] = ()
    words: Sequence[str] = ()


class Written(BaseModel):
    """A row after it was written: what its writer may see of it; no id where its key is hidden from them."""

    type: str
    id: Id | None
    version: int | str
    title: str
    fields: dict[str, Any]
    masked: list[str]


class Removed(BaseModel):
    """A row that is gone."""

    type: str
    id: Id


def made(record: type[Record], act: Act, offer: Offer) -> dict[str, Any]:
    """Return what an Operation for one act is made of, its name and catalog aside.

    Raises:
        DeclarationError: a field that cannot be offered, an approval line that does not fit, or rows without a key.
    """
    if record.__view__:
        raise DeclarationError(f"{record.__name__} is a view, so it can only be read")
    if not record.__key__.columns:
        raise DeclarationError(
            f"{record.__name__} has no key to tell its rows apart, so they can only be read; "
            "mark the columns that do with primary_key=True"
        )
    body, parameters = _BODIES[act](record, offer)
    label = label_of(record)
    words = _WORDS[act]
    kind = record.__tablename__
    function = _function(body, parameters, f"{kind}_{act}")
    function.__doc__ = words[1].format(label=label.en, ko=label.ko, kind=kind)
    preview = offer.preview or _preview(record, act, parameters)
    form = form_of(offer.approval)
    signature = read_signature(function, lines=form.functions if form else (), preview=preview)
    effect: Effect = "write"
    return {
        "label": Text(f"{label.ko} {words[0].ko}", f"{words[0].en} {label.en}"),
        "summary": function.__doc__.splitlines()[0],
        "description": function.__doc__,
        "effect": effect,
        "allow": offer.allow,
        "function": function,
        "signature": signature,
        "form": form,
        "preview": preview,
        "examples": tuple(offer.examples),
        "words": tuple(offer.words),
    }


_WORDS: Mapping[Act, tuple[Text, str]] = {
    "create": (
        Text("등록", "Add"),
        "Add one {label} ({ko}) with the fields that are sent.\n\nUse it where no other operation is meant for it.",
    ),
    "update": (
        Text("수정", "Change"),
        (
            "Change the fields that are sent of one {label} ({ko}); the others stay, null empties a field.\n\n"
            "Send the version that was read, and it is refused when someone else changed the row since. "
            "Use it where no other operation is meant for the change."
        ),
    ),
    "delete": (
        Text("삭제", "Delete"),
        (
            "Delete one {label} ({ko}) for good.\n\nSend the version that was read, and it is refused when someone "
            "else changed the row since."
        ),
    ),
}

Body = Callable[..., Awaitable[BaseModel]]
Parameters = dict[str, tuple[Any, Any]]
"""Name to type and default (`inspect.Parameter.empty` where it must be sent)."""


def _creating(record: type[Record], offer: Offer) -> tuple[Body, Parameters]:
    async def create(records: Records, **sent: Any) -> Written:
        return _written(await records.add(record(**_sent(sent))))

    parameters: Parameters = {}
    for column in _offered(record, offer):
        given = column.default is not None or column.server_default is not None or column is _counted(record)
        must = not (column.nullable or given)
        default = inspect.Parameter.empty if must else MISSING
        parameters[column.key] = (_hint(column, optional=not must), default)
    return create, parameters


def _updating(record: type[Record], offer: Offer) -> tuple[Body, Parameters]:
    async def update(records: Records, id: Id, version: int | str | None, **sent: Any) -> Written:  # noqa: A002
        return _written(await records.change(await _at(records, record, id, version), **_sent(sent)))

    parameters = _named(record)
    for column in _offered(record, offer):
        if not (record.__adopted__ and column.primary_key):  # what names a row stays
            parameters[column.key] = (_hint(column, optional=True), MISSING)
    return update, parameters


def _deleting(record: type[Record], offer: Offer) -> tuple[Body, Parameters]:
    del offer

    async def delete(records: Records, id: Id, version: int | str | None) -> Removed:  # noqa: A002
        await records.remove(await _at(records, record, id, version))
        return Removed(type=record.__tablename__, id=id)

    return delete, _named(record)


_BODIES: Mapping[Act, Callable[[type[Record], Offer], tuple[Body, Parameters]]] = {
    "create": _creating,
    "update": _updating,
    "delete": _deleting,
}


def _named(record: type[Record]) -> Parameters:
    label = label_of(record)
    which = Annotated[Ref[record], Field(description=f"{label.ko} ({label.en}), e.g. 12")]  # type: ignore[valid-type]
    told = "읽은 판 (the version that was read)"
    version: Any = Annotated[int | None, Field(description=f"{told}, e.g. 1", ge=1, le=ID_MAX)]
    if record.__adopted__:
        version = Annotated[str | None, Field(description=f"{told}, e.g. h5f0c…", max_length=64)]
    return {"id": (which, inspect.Parameter.empty), "version": (version, None)}


def _offered(record: type[Record], offer: Offer) -> list[Column[Any]]:
    columns = record.__table__.columns
    kept = {
        column.key for column in columns if column.info.get("read_only") or isinstance(column.type, AsText | AsKept)
    }
    kept |= set() if record.__adopted__ else {*BOOKKEEPING}
    closed = kept | ({*AUTHORITY} if issubclass(record, Person) else set())
    names = [name for name in columns.keys() if name not in closed] if offer.fields is None else offer.fields  # noqa: SIM118 - a collection of columns
    for name in names:
        if name not in columns or name in kept:
            known = ", ".join(each for each in columns.keys() if each not in kept)  # noqa: SIM118 - as above
            raise DeclarationError(f"{record.__name__} offers {name!r}, which is no field to write; it has: {known}")
    return [columns[name] for name in names]  # type: ignore[misc]


def _counted(record: type[Record]) -> Column[Any] | None:
    """Return the key that the database counts up by itself where none is sent."""
    table = record.__table__
    return table.autoincrement_column if isinstance(table, Table) else None


def _hint(column: Column[Any], *, optional: bool) -> Any:
    """Return the type that a field takes, described for people and models; an optional one may stay unsent."""
    label = mark_of(column.info).label or Text(column.key, column.key.replace("_", " "))
    hint = _type(column)
    if column.nullable:
        hint |= None
    if optional:
        hint |= MISSING
    return Annotated[hint, Field(description=f"{label.ko} ({label.en})")]


def _type(column: Column[Any]) -> Any:
    kind = object if isinstance(column.type, JSON) else column.type.python_type
    if kind is int and mark_of(column.info).kind == "won":
        return Annotated[int, Money("KRW"), Field(ge=-WON_MAX, le=WON_MAX, strict=True)]
    if kind is str:
        longest = column.type.length if isinstance(column.type, String) else None
        return Annotated[str, AfterValidator(normal), Field(max_length=longest)]
    places = column.type.places if isinstance(column.type, Exact) else None
    types: Mapping[type, Any] = {
        int: Annotated[int, Field(ge=-ID_MAX, le=ID_MAX, strict=True)],
        bool: Annotated[bool, Field(strict=True)],
        float: Annotated[float, Field(allow_inf_nan=False)],
        Decimal: Annotated[Decimal, Field(decimal_places=places, allow_inf_nan=False)],
        date: Annotated[date, BeforeValidator(no_number)],
        datetime: Annotated[AwareDatetime, BeforeValidator(no_number)],
        object: list[str] if column.key in AUTHORITY else JsonValue,
    }
    if kind not in types:
        raise DeclarationError(
            f"{column.table.name}.{column.key} is a {kind.__name__}, which cannot be offered; name `fields` without it"
        )
    return types[kind]


def _function(body: Callable[..., Any], parameters: Parameters, name: str) -> Callable[..., Any]:
    """Give a body the signature that its record asks for, as if someone had written it."""

    async def function(**values: Any) -> Any:
        return await body(**values)

    return _signed(function, body, parameters, name)


def _signed(
    function: Callable[..., Any], body: Callable[..., Any], parameters: Parameters, name: str
) -> Callable[..., Any]:
    named = inspect.Parameter
    listed = [named("records", named.KEYWORD_ONLY, annotation=Records)]
    listed += [
        named(key, named.KEYWORD_ONLY, annotation=hint, default=default) for key, (hint, default) in parameters.items()
    ]
    given = inspect.signature(body).return_annotation
    function.__name__ = function.__qualname__ = name
    function.__signature__ = inspect.Signature(listed, return_annotation=given)  # type: ignore[attr-defined]
    function.__annotations__ = {each.name: each.annotation for each in listed} | {"return": given}
    return function


def _preview(record: type[Record], act: Act, parameters: Parameters) -> Callable[..., Any]:
    """Return the preview of an act: each field that is sent, before and after."""

    async def preview(records: Records, **sent: Any) -> list[Change]:
        key: Id | None = None if act == "create" else sent.pop("id")
        if act != "create":
            sent.pop("version")
        row = None if key is None else await records.get(record, key)
        if act == "delete" and row is not None:
            return [Change(label_of(record), title_of(row), "")]
        columns = record.__table__.columns
        changes = []
        for name, value in _sent(sent).items():
            before = "" if row is None else _told(getattr(row, name))
            label = mark_of(columns[name].info).label or Text(name, name)
            if row is None or before != _told(value):
                changes.append(Change(label, before, _told(value)))
        return changes

    return _signed(preview, preview, parameters, f"{record.__tablename__}_{act}_preview")


def _sent(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not MISSING}


async def _at(records: Records, record: type[Record], key: Id, version: int | str | None) -> Record:
    """Return a row that is still as its writer read it.

    Raises:
        NotFound: there is no such row, or the writer may not see it.
        StaleVersion: it was changed since.
    """
    row = await records.get(record, key)
    if version is not None and row.version != version:
        label = label_of(record)
        raise StaleVersion(
            Text(fit_josa(f"그 사이에 {label.ko}이(가) 바뀌었어요"), f"The {label.en} has changed in the meantime"),
            extra={"version": row.version},
        )
    return row


def _written(row: Record) -> Written:
    values = {key: value for key, value in row.__dict__.items() if not key.startswith("_")}
    read_fields(row)
    seen = {key: _json(value) for key, value in values.items() if type(value) is not Hidden}
    return Written(
        type=row.__tablename__,
        id=row.id,
        version=row.version or 1,
        title=title_of(row),
        fields=seen,
        masked=sorted(row.__dict__.get("_masked", ())),
    )


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _told(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(_json(value))
