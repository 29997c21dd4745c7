"""Which rows of the audit fit a question? Found from the newest back, a stretch at a time and in bounded time.

The audit has no index for whose data a row is about: rows are written far more often than they are asked for, and
a question goes through a hundred thousand of them in about a second. One that takes longer says where it stopped.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from datetime import time as clock_time
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, or_, select

from daeri.clock import SEOUL
from daeri.errors import FieldError, ValidationFailed
from daeri.records import audit
from daeri.records.ranges import names
from daeri.verify_audit import CHECKPOINT
from daeri.wording import Text

SECONDS: Final = 2.0
"""How long is looked for the rows of one page."""
STRETCH: Final = 20_000
"""Rows that are looked through between two looks at the clock."""
_rows = audit.audit.c


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked for; None asks for any.

    Attributes:
        person: whose data: rows that read personal fields of theirs, wrote a row about them, or name their record.
        person_type: the type of the record that is a person.
        actor: who acted, or on whose behalf an agent did.
        action: an operation or action; one that ends with a dot asks for all that begin so ("leave.").
        outcome: done, applied, filed, refused and so on.
        type, id: rows that read or wrote a record of this type, or this row of it.
        since, until: when they were written.
        notes: whether Daeri's signed notes of the head are wanted too.
    """

    person: int | None = None
    person_type: str = ""
    actor: int | None = None
    action: str | None = None
    outcome: str | None = None
    type: str | None = None
    id: int | str | None = None
    since: datetime | None = None
    until: datetime | None = None
    notes: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The rows that were found, newest first, as plain values.

    Attributes:
        before: look on from before this row; None where there is nothing more to look through.
    """

    rows: Sequence[Mapping[str, Any]]
    before: int | None


def find(connection: Connection, asked: Inquiry, limit: int, before: int | None = None) -> Found:
    """Return the newest rows that fit, at most `limit`, and where to look on."""
    lowest, highest = connection.execute(select(func.min(_rows.seq), func.max(_rows.seq))).one()
    if highest is None:
        return Found([], None)
    above = highest + 1 if before is None else min(before, highest + 1)
    ends, conditions = time.monotonic() + SECONDS, _conditions(asked)
    found: list[dict[str, Any]] = []
    while above > lowest and time.monotonic() < ends:
        below = max(lowest, above - STRETCH)
        statement = select(audit.audit).where(_rows.seq >= below, _rows.seq < above, *conditions)
        statement = statement.order_by(_rows.seq.desc())
        if asked.person is None and asked.type is None:  # then the database decides alone
            statement = statement.limit(limit - len(found) + 1)
        for row in connection.execute(statement):
            values = _readable(row._mapping)  # noqa: SLF001 - public, despite its name
            if concerns(values, asked):
                if len(found) == limit:
                    return Found(found, found[-1]["seq"])
                found.append(values)
        above = below
    return Found(found, above if above > lowest else None)


def _readable(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row with its records and detail as values; of a forged one that cannot be read, without them."""
    try:
        values = audit.plain(row)
        pairs = [*values["records"], *values["detail"].get("wrote", ())]
        people = values["detail"].get("people", [])
        fits = isinstance(people, list) and all(isinstance(each, list) and len(each) > 1 for each in pairs)
    except (ValueError, TypeError, AttributeError):
        fits = False
    return values if fits else {**row, "records": [], "detail": {}}


def concerns(row: Mapping[str, Any], asked: Inquiry) -> bool:
    """Say whether a row is about the person and the record that are asked for."""
    if asked.person is not None and not (
        names(row["detail"].get("people", ()), asked.person) or _has(row, asked.person_type, asked.person)
    ):
        return False
    return asked.type is None or _has(row, asked.type, asked.id)


def _has(row: Mapping[str, Any], kind: str, key: int | str | None) -> bool:
    rows = [*row["records"], *row["detail"].get("wrote", ())]
    ids = [each[1] for each in rows if each[0] == kind]
    return bool(ids) if key is None else names(ids, key)


def _conditions(asked: Inquiry) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if asked.actor is not None:
        conditions.append(_rows.person_id == asked.actor)
    if asked.action is not None:
        begins = asked.action.endswith(".")
        conditions.append(
            _rows.action.startswith(asked.action, autoescape=True) if begins else _rows.action == asked.action
        )
    if asked.outcome is not None:
        conditions.append(_rows.outcome == asked.outcome)
    if asked.type is not None:
        written = f'["{asked.type}",'
        conditions.append(
            or_(_rows.records.contains(written, autoescape=True), _rows.detail.contains(written, autoescape=True))
        )
    if asked.since is not None:
        conditions.append(_rows.at >= asked.since.astimezone(UTC).isoformat())
    if asked.until is not None:
        conditions.append(_rows.at <= asked.until.astimezone(UTC).isoformat())
    if not asked.notes:
        conditions.append((_rows.action != CHECKPOINT) | (_rows.door != audit.SYSTEM_DOOR))
    return conditions


def instant_of(text: str | None, name: str, *, ends: bool = False) -> datetime | None:
    """Read a time as somebody writes it: RFC 3339, or a day in Seoul: its beginning, its end as `until` or `ends`.

    Raises:
        ValidationFailed: it is none; `name` is what was asked for by it.
    """
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-21"):
            edge = clock_time.max if ends or name == "until" else clock_time.min
            return datetime.combine(date.fromisoformat(text), edge, SEOUL).astimezone(UTC)
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=SEOUL)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValidationFailed(
            Text(f"'{text}'은(는) 시각이 아니에요", f"'{text}' is not a time"),
            errors=[FieldError(f"/{name}", "2026-11-21, or 2026-11-21T09:00:00+09:00")],
        ) from None
