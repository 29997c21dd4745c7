"""What did the caller send? Arguments validated, names resolved to rows, and worded for people."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import MISSING, BaseModel, ValidationError
from sqlalchemy import Connection, select

from daeri.errors import FieldError, ValidationFailed
from daeri.operations.misfits import misfits
from daeri.operations.operation import Operation
from daeri.records.actor import Actor
from daeri.records.keys import Id
from daeri.records.mentions import mentions
from daeri.records.record import Record, label_of
from daeri.records.rules import Rules
from daeri.wording import Lang, Text, day, fit_josa, won

ID_DIGITS = 19
"""Digits of the largest id; a longer number is no id."""
_DESCRIPTION = re.compile(r"^\s*(?P<ko>[^(,:;.]+?)\s*(?:\((?P<en>[^);]*)[^)]*\))?\s*(?:[,:;.]|$)")


def validate(
    connection: Connection, rules: Rules, actor: Actor, operation: Operation, sent: Mapping[str, Any]
) -> BaseModel:
    """Return the operation's input model, names resolved to ids.

    Raises:
        ValidationFailed: with one entry for each field that does not fit.
    """
    values = dict(sent)
    for name, record in operation.signature.references.items():
        if isinstance(values.get(name), str):
            values[name] = resolve(connection, rules, actor, record, name, values[name])
    try:
        return operation.input.model_validate(values)
    except ValidationError as error:
        raise ValidationFailed(
            Text(f"{operation.label.ko}의 입력값이 맞지 않아요", f"The arguments do not fit {operation.name}"),
            errors=misfits(error),
        ) from None


def resolve(connection: Connection, rules: Rules, actor: Actor, record: type[Record], field: str, named: str) -> Id:
    """Return the id of the one visible row that a name means.

    Raises:
        ValidationFailed: no such row, or several; then the candidates are in the problem.
    """
    known = _known(connection, rules, actor, record, named)
    if known is not None:
        return known
    found = {mention.id: mention.title for mention in mentions(connection, rules, actor, [record], [named])}
    if len(found) == 1:
        return next(iter(found))
    label = label_of(record)
    candidates = [{"id": key, "title": title} for key, title in found.items()]
    detail = (
        Text(f"'{named}'에 해당하는 {label.ko}이(가) 여럿이에요", f"Several match '{named}' ({label.en})")
        if found
        else Text(f"'{named}'에 해당하는 {label.ko}을(를) 찾을 수 없어요", f"No {label.en} is called '{named}'")
    )
    detail = Text(fit_josa(detail.ko), detail.en)
    raise ValidationFailed(
        detail, errors=[FieldError(f"/{field}", detail)], extra={"candidates": candidates} if found else None
    )


def _known(connection: Connection, rules: Rules, actor: Actor, record: type[Record], named: str) -> Id | None:
    """Return the id that a text is, if it is one; a text key may be anything, so it must be there and be seen."""
    if not record.__adopted__:
        return int(named) if named.strip().isdecimal() and len(named) <= ID_DIGITS else None
    key = rules.key(record, actor)
    found = key.read(named)
    if found is None:
        return None
    row = connection.execute(select(*key.columns).where(key.at(found), rules.visible(record, actor))).first()
    return found if row is not None else None


def canonical(model: BaseModel) -> dict[str, Any]:
    """Return the arguments as JSON values, defaults filled in: what is frozen, hashed and run."""
    return model.model_dump(mode="json")


def worded(
    connection: Connection, rules: Rules, actor: Actor, operation: Operation, model: BaseModel, lang: Lang
) -> list[dict[str, str]]:
    """Return the arguments as people read them: label and value; ones left empty are left out."""
    rows = []
    for name, field in operation.input.model_fields.items():
        value = getattr(model, name)
        if value is None or value is MISSING or value == "" or isinstance(value, list | dict | BaseModel):
            continue
        record = operation.signature.references.get(name)
        if record is not None:
            text = _title(connection, rules, actor, record, value)
        elif name in operation.signature.money:
            text = won(value, lang)
        else:
            text = day(value, lang) if isinstance(value, date) else _choice(str(value), field.description, lang)
        rows.append({"name": name, "label": parameter_label(name, field.description).to(lang), "value": text})
    return rows


def _choice(value: str, description: str | None, lang: Lang) -> str:
    """Word a value as its parameter's description does: "연차 (annual leave), 반차 (half day)"."""
    match = re.search(rf"{re.escape(value)}\s*\(([^)]+)\)", description or "") if lang == "en" else None
    return match[1] if match else value


def parameter_label(name: str, description: str | None) -> Text:
    """Read a parameter's name for people from its description: "첫날 (first day), e.g. …"."""
    match = _DESCRIPTION.match(description or "")
    if match is None:
        return Text(name, name)
    return Text(match["ko"], match["en"] or name.replace("_", " "))


def _title(connection: Connection, rules: Rules, actor: Actor, record: type[Record], key: Id) -> str:
    projection = rules.projection(record, actor)
    wanted = [
        column for column, name in zip(projection.columns, projection.keys, strict=True) if name in record.__title__
    ]
    row_key = rules.key(record, actor)
    if not row_key.columns:
        return f"{label_of(record).ko} {key}"
    statement = select(*row_key.columns, *wanted).where(row_key.at(key), rules.visible(record, actor))
    found = connection.execute(statement).first()
    row = None if found is None else found[len(row_key.columns) :]
    return " ".join(str(value) for value in row if value) if row else f"{label_of(record).ko} {key}"
