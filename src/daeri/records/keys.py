"""What tells one row of a record from another, and how is that written in an address?

Most records have one whole number called `id`. An adopted table brings its own key: a text, several columns, or none.
Here a key becomes the id that REST, the audit and references use, and is read back. No rule, no connection.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Integer, Numeric, Uuid, and_, bindparam, false

Id = int | str
"""A row's id: a whole number where its key is one, else a text that is safe in an address."""

ID_MAX = 2**63 - 1
"""The largest whole number a database keeps."""
BETWEEN = "~"
"""Stands between the parts of an id that several columns make up: `2026~A-17`."""
_ESCAPED = re.compile(rb"=([0-9A-F]{2})")
_EMPTY = "=-"
_NUMBER = re.compile(r"-?[0-9]{1,19}")
_PLAIN = frozenset("-_.:@")
_TAKEN = frozenset({"export"})
"""Words that stand in an address where an id would."""


@dataclass(frozen=True)
class Key:
    """The columns that tell one row of a record from another.

    Attributes:
        columns: the key's columns in order; none where a table has no key.
    """

    columns: tuple[Column[Any], ...]

    @cached_property
    def plain(self) -> bool:
        """Whether it is what a company's own records have: one whole number called id."""
        return self.names == ("id",) and self.numeric

    @cached_property
    def numeric(self) -> bool:
        """Whether ids are whole numbers."""
        return len(self.columns) == 1 and isinstance(self.columns[0].type, Integer)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The fields the key is made of."""
        return tuple(column.key for column in self.columns)

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """The names that `bound` binds a key's values to."""
        return ("key",) if len(self.columns) == 1 else tuple(f"key_{number}" for number in range(len(self.columns)))

    def id_of(self, values: Mapping[str, Any]) -> Id | None:
        """Return the id of a row; None where it has no key, or a part of it is empty or not there."""
        if not self.columns:
            return None
        return self.id_from([values.get(name) for name in self.names])

    def id_from(self, parts: Sequence[Any]) -> Id | None:
        """Return the id that a key's values make up; None where one of them is none that an id can hold."""
        if self.numeric:
            return parts[0] if type(parts[0]) is int else None
        if not all(isinstance(part, str | int | Decimal | date | float | UUID) for part in parts):
            return None
        told = BETWEEN.join(_told(part) for part in parts)
        return _hex(told[0]) + told[1:] if told in _TAKEN or not told.strip(".") else told

    def read(self, text: str) -> Id | None:
        """Return the id that a text in an address is, in the one way it is written; None where it cannot be one."""
        found = self.parts(text)
        return None if found is None else self.id_from(found)

    def parts(self, key: Id) -> tuple[Any, ...] | None:
        """Return a key's values from an id; None where no row can have such an id."""
        if not self.columns:
            return None
        if self.numeric:
            return _whole(key)
        texts = str(key).split(BETWEEN)
        if len(texts) != len(self.columns):
            return None
        try:
            return tuple(_read(column, _unescaped(text)) for column, text in zip(self.columns, texts, strict=True))
        except (ValueError, InvalidOperation):
            return None

    def at(self, key: Id) -> ColumnElement[bool]:
        """Return the condition that a row has this id; one that is never met where none can have it."""
        found = self.parts(key)
        return false() if found is None else self.equal(found)

    def equal(self, parts: Sequence[Any]) -> ColumnElement[bool]:
        """Return the condition that a row's key has these values."""
        return and_(*(column == part for column, part in zip(self.columns, parts, strict=True)))

    @cached_property
    def bound(self) -> ColumnElement[bool]:
        """The condition that a row has the id whose values are bound: see `bindings`."""
        pairs = zip(self.columns, self.slots, strict=True)
        return and_(*(column == bindparam(slot, type_=column.type) for column, slot in pairs))

    def bindings(self, key: Id) -> dict[str, Any] | None:
        """Return what `bound` is bound to for an id; None where no row can have such an id."""
        found = self.parts(key)
        return None if found is None else dict(zip(self.slots, found, strict=True))


def _whole(key: Id) -> tuple[int] | None:
    if isinstance(key, str):
        if not _NUMBER.fullmatch(key):
            return None
        key = int(key)
    return (int(key),) if -ID_MAX <= key <= ID_MAX else None


def _told(part: Any) -> str:
    if isinstance(part, datetime | date):
        part = part.isoformat()
    text = str(part)
    return _escaped(text) if text else _EMPTY


def _escaped(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in _PLAIN else _hex(letter) for letter in text)


def _hex(letter: str) -> str:
    return "".join(f"={byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))


def _unescaped(text: str) -> str:
    if text == _EMPTY:
        return ""
    if not text:
        raise ValueError(text)
    plain = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode()).decode()
    if "\0" in plain:
        raise ValueError(text)
    return plain


def _read(column: Column[Any], text: str) -> Any:
    """Return a part of a key as its column keeps it.

    Raises:
        ValueError, InvalidOperation: it cannot be a value of the column.
    """
    if isinstance(column.type, Uuid):
        return str(UUID(text))
    kind = column.type.python_type
    if kind is int:
        found = _whole(text)
        if found is None:
            raise ValueError(text)
        return found[0]
    if kind is datetime:
        return datetime.fromisoformat(text)
    if kind is date:
        return date.fromisoformat(text)
    if isinstance(column.type, Numeric):
        number = kind(text)
        if number - number != 0:
            raise ValueError(text)
        return number
    return text


def content_of(values: Mapping[str, Any]) -> str:
    """Return what stands for a row's version where it keeps none: a digest of the values that its reader sees.

    Nothing that the reader does not see goes into it, or it would tell about that too.
    """
    told = json.dumps(sorted(values.items()), default=str, ensure_ascii=False)
    return "h" + hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
