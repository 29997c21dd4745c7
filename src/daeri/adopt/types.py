"""What is a column to Python? The annotation and the type to write for it, from what the database says and holds.

SQLite keeps any value in any column, so there a few values have a say too. A column that cannot be shown (bytes, types
nobody knows) is left out, with the reason.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import types
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from daeri.adopt.reflect import Column
from daeri.wording import Text

ALCHEMY: Final = "sqlalchemy"
STORED: Final = "daeri.records.stored"
POSTGRES: Final = "sqlalchemy.dialects.postgresql"
DATETIME: Final = ("datetime", "")
"""The module itself, as `dt`: a column is often called date, and must not stand in the way of the type."""
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d+)?")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Typed:
    """How a column is written.

    Attributes:
        hint: the annotation inside Mapped[].
        type: the type to give to mapped_column; "" where the annotation says it all.
        needs: what must be imported, as (module, name).
        note: what people should know of it.
        writable: whether a value can be written to it.
    """

    hint: str
    type: str = ""
    needs: tuple[tuple[str, str], ...] = ()
    note: Text | None = None
    writable: bool = True


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column that is not served, and why."""

    why: Text


BYTES: Final = LeftOut(Text("파일이나 그림 같은 바이트라서 뺐어요", "bytes, such as a file or picture: left out"))
UNKNOWN: Final = LeftOut(Text("모르는 타입이라서 뺐어요", "of an unknown type: left out"))
NOT_UTF8: Final = LeftOut(
    Text("UTF-8이 아닌 글자가 있어서 뺐어요 (EUC-KR?)", "holds text that is not UTF-8 (EUC-KR?): left out")
)
AS_KEPT: Final = Typed(
    "Any",
    "AsKept()",
    (("typing", "Any"), (STORED, "AsKept")),
    Text("수와 글자가 섞여 있거나 타입이 없어요", "numbers and texts mixed, or no type at all"),
    writable=False,
)


def typed(column: Column, values: Sequence[Any], dialect: str) -> Typed | LeftOut:
    """Return how a column is written, by its type and, on SQLite, by a few of its values."""
    return _sqlite(column, values) if dialect == "sqlite" else _postgres(column.type)


def _sqlite(column: Column, values: Sequence[Any]) -> Typed | LeftOut:
    kinds = {type(value) for value in values}
    if bytes in kinds or (not kinds and isinstance(column.type, types.LargeBinary)):
        return BYTES
    if any(_SURROGATES.search(value) for value in values if type(value) is str):
        return NOT_UTF8
    declared = column.type
    if kinds == {str} or not kinds:
        by_text = _texts(column, values)
        if by_text is not None:
            return by_text
    if not kinds:
        return _declared(declared)
    if kinds == {int}:
        return _integers(declared, values)
    if kinds <= {int, float}:
        return _FLOAT if isinstance(declared, types.Float) or declared is None else _AMOUNT
    if kinds == {str} or isinstance(declared, types.String):
        return _string(declared)
    return AS_KEPT


_INT: Final = Typed("int")
_FLOAT: Final = Typed("float")
_FLAG: Final = Typed("bool")
_AMOUNT: Final = Typed("Decimal", "Amount()", (("decimal", "Decimal"), (STORED, "Amount")))
_DAY_TYPED: Final = Typed("dt.date", "Day()", (DATETIME, (STORED, "Day")))
_LOCAL: Final = Typed("dt.datetime", "LocalTime()", (DATETIME, (STORED, "LocalTime")))
_UTC: Final = Typed("dt.datetime", "LocalTime(utc=True)", (DATETIME, (STORED, "LocalTime")))
_AS_TEXT: Final = Typed(
    "str",
    "AsText()",
    ((STORED, "AsText"),),
    Text("글자로 보여 주고 쓰지는 않아요", "shown as text, not written"),
    writable=False,
)


def _texts(column: Column, values: Sequence[str]) -> Typed | None:
    """Return what a column of SQLite's is that was declared as days or times, and keeps them as texts."""
    declared = column.type
    if isinstance(declared, types.Date):
        return _DAY_TYPED if all(_is_day(value) for value in values) else _string(declared)
    if isinstance(declared, types.DateTime):
        if values and all(_is_day(value) for value in values):
            return _DAY_TYPED
        if all(_is_time(value) for value in values):
            return _UTC if "current_timestamp" in (column.default or "").lower() else _LOCAL
        return _string(declared)
    return None


def _is_day(value: str) -> bool:
    return bool(_DAY.fullmatch(value)) and _reads(date.fromisoformat, value)


def _is_time(value: str) -> bool:
    return bool(_TIME.fullmatch(value)) and _reads(datetime.fromisoformat, value)


def _reads(read: Any, value: str) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True


def _declared(declared: TypeEngine[Any] | None) -> Typed | LeftOut:
    """Return what a column of SQLite's without values is, by its declaration alone."""
    if declared is None:
        return AS_KEPT
    if isinstance(declared, types.Boolean):
        return _FLAG
    if isinstance(declared, types.Integer):
        return _INT
    if isinstance(declared, types.Float):
        return _FLOAT
    if isinstance(declared, types.Numeric):
        return _INT if declared.scale == 0 else _AMOUNT
    return _string(declared)


def _integers(declared: TypeEngine[Any] | None, values: Sequence[int]) -> Typed:
    if isinstance(declared, types.Boolean) and {*values} <= {0, 1}:
        return _FLAG
    if isinstance(declared, types.Float):
        return _FLOAT
    exact = isinstance(declared, types.Numeric) and bool(declared.scale)
    return _AMOUNT if exact else _INT


def _string(declared: TypeEngine[Any] | None) -> Typed:
    length = declared.length if isinstance(declared, types.String) else None
    if length:
        return Typed("str", f"String({length})", ((ALCHEMY, "String"),))
    return Typed("str")


def _postgres(declared: TypeEngine[Any] | None) -> Typed | LeftOut:
    if isinstance(declared, postgresql.DOMAIN):
        declared = declared.data_type
    if declared is None:
        return UNKNOWN
    for kind, found in _BY_TYPE:
        if isinstance(declared, kind):
            return found
    for kind, make in _MADE:
        if isinstance(declared, kind):
            return make(declared)
    return _AS_TEXT


def _datetime(declared: types.DateTime) -> Typed:
    zoned = Typed("dt.datetime", "DateTime(timezone=True)", (DATETIME, (ALCHEMY, "DateTime")))
    return zoned if declared.timezone else _LOCAL


def _numeric(declared: types.Numeric[Any]) -> Typed:
    if declared.scale == 0:
        return Typed("int", "Whole()", ((STORED, "Whole"),))
    size = f"{declared.precision}, {declared.scale}" if declared.precision else ""
    return Typed("Decimal", f"Numeric({size})", (("decimal", "Decimal"), (ALCHEMY, "Numeric")))


def _array(declared: types.ARRAY[Any]) -> Typed:
    inner = declared.item_type
    if isinstance(inner, types.Enum):
        return _AS_TEXT
    for kind, name in ((types.String, "String"), (types.Integer, "BigInteger"), (types.Float, "Double")):
        if isinstance(inner, kind):
            return Typed("list[Any]", f"ARRAY({name}())", (("typing", "Any"), (ALCHEMY, "ARRAY"), (ALCHEMY, name)))
    return _AS_TEXT


_BY_TYPE: Final[Sequence[tuple[type[TypeEngine[Any]], Typed | LeftOut]]] = (
    (types.LargeBinary, BYTES),
    (types.Enum, _AS_TEXT),
    (postgresql.CITEXT, Typed("str", "CITEXT()", ((POSTGRES, "CITEXT"),))),
    (types.Boolean, _FLAG),
    (types.SmallInteger, Typed("int", "SmallInteger()", ((ALCHEMY, "SmallInteger"),))),
    (types.BigInteger, Typed("int", "BigInteger()", ((ALCHEMY, "BigInteger"),))),
    (types.Integer, _INT),
    (types.Uuid, Typed("str", "Uuid(as_uuid=False)", ((ALCHEMY, "Uuid"),))),
    (types.Date, _DAY_TYPED),
    (types.Float, Typed("float", "Double()", ((ALCHEMY, "Double"),))),
    (postgresql.JSONB, Typed("Any", "JSONB()", (("typing", "Any"), (POSTGRES, "JSONB")))),
    (types.JSON, Typed("Any", "JSON()", (("typing", "Any"), (ALCHEMY, "JSON")))),
)
_MADE: Final[Sequence[tuple[type[TypeEngine[Any]], Callable[[Any], Typed]]]] = (
    (types.String, _string),
    (types.DateTime, _datetime),
    (types.Numeric, _numeric),
    (types.ARRAY, _array),
)
"""Types whose size or kind is written too, in the order in which they are tried."""
