"""How are values kept in tables that were there before Daeri? Types that read what is stored, however odd it is.

A value that does not fit its column's type comes back as the text it is: a list must not fail for one row that
somebody typed wrongly ten years ago. What Daeri writes fits.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Date, DateTime, Dialect, Numeric, String, Text, cast
from sqlalchemy.sql.operators import asc_op, desc_op, is_, is_not
from sqlalchemy.sql.type_api import TypeEngine
from sqlalchemy.types import NullType, TypeDecorator

from daeri.clock import SEOUL

T = TypeVar("T")


class LocalTime(TypeDecorator[datetime]):
    """A time kept without a zone, as it stood on a clock in Korea, or in UTC."""

    impl = DateTime
    cache_ok = True

    def __init__(self, *, utc: bool = False) -> None:
        """Take whose clock it was."""
        super().__init__()
        self.utc = utc

    @property
    def python_type(self) -> type[datetime]:
        """What a value is in Python."""
        return datetime

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Keep a text on SQLite, which has no times."""
        return _kept(dialect, DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Turn an instant into what the clock shows."""
        if value is None:
            return None
        shown = value.astimezone(self._zone).replace(tzinfo=None) if value.tzinfo else value
        return shown if dialect.name != "sqlite" else shown.isoformat(" ")

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Give the zone back."""
        del dialect
        found = _read(datetime.fromisoformat, value)
        return found.replace(tzinfo=self._zone) if isinstance(found, datetime) and found.tzinfo is None else found

    @property
    def _zone(self) -> tzinfo:
        return UTC if self.utc else SEOUL


class Day(TypeDecorator[date]):
    """A day; on SQLite kept as YYYY-MM-DD."""

    impl = Date
    cache_ok = True

    @property
    def python_type(self) -> type[date]:
        """What a value is in Python."""
        return date

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Keep a text on SQLite, which has no days."""
        return _kept(dialect, Date())

    def process_bind_param(self, value: date | None, dialect: Dialect) -> Any:
        """Write a day as it is kept."""
        return value.isoformat() if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Read a day."""
        del dialect
        return _read(date.fromisoformat, value)


class Amount(TypeDecorator[Decimal]):
    """A number with decimal places; SQLite keeps it as the nearest floating-point number."""

    impl = Numeric
    cache_ok = True

    @property
    def python_type(self) -> type[Decimal]:
        """What a value is in Python."""
        return Decimal

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Take numbers as SQLite gives them."""
        return dialect.type_descriptor(Numeric(asdecimal=False) if dialect.name == "sqlite" else Numeric())

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Make it exact."""
        del dialect
        return value if value is None or isinstance(value, Decimal) else _read(Decimal, str(value))


class Whole(TypeDecorator[int]):
    """A whole number in a column of decimal type, as many systems keep amounts of won."""

    impl = Numeric
    cache_ok = True

    @property
    def python_type(self) -> type[int]:
        """What a value is in Python."""
        return int

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Leave out the point that is not there."""
        del dialect
        return int(value) if isinstance(value, Decimal | float) and value == int(value) else value


class AsText(TypeDecorator[str]):
    """A value of a type of the database's own (time, interval, network address, enum …): shown as text, not written."""

    impl = NullType
    cache_ok = True

    class comparator_factory(TypeDecorator.Comparator[str]):  # noqa: N801 - SQLAlchemy's name
        """Compares the text."""

        def operate(self, op: Any, *other: Any, **options: Any) -> ColumnElement[Any]:
            """Compare, order or match the text in place of the value."""
            compared: ColumnElement[Any] = op(cast(self.expr, Text), *other, **options)
            return compared

    @property
    def python_type(self) -> type[str]:
        """What a value is in Python."""
        return str

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Let the database write it as text."""
        return cast(column, Text)


class AsKept(TypeDecorator[Any]):
    """A value of a column to which SQLite gives no type: a number or a text, from row to row, shown as it is.

    It equals what is sent if both read alike as text; it is more or less than what is sent as SQLite orders values.
    """

    impl = NullType
    cache_ok = True

    class comparator_factory(TypeDecorator.Comparator[Any]):  # noqa: N801 - SQLAlchemy's name
        """Compares by what kind of comparison it is."""

        def operate(self, op: Any, *other: Any, **options: Any) -> ColumnElement[Any]:
            """Compare texts, but leave the order of values alone."""
            if op in _ORDERING:
                return super().operate(op, *other, **options)
            compared: ColumnElement[Any] = op(cast(self.expr, Text), *other, **options)
            return compared

    @property
    def python_type(self) -> type[str]:
        """What a value is sent as."""
        return str

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Send a number as one."""
        del dialect
        if not isinstance(value, str):
            return value
        return _read(int, value) if value.lstrip("-").isdecimal() else _read(float, value)


_ORDERING = frozenset({lt, le, gt, ge, asc_op, desc_op, is_, is_not})


def _kept(dialect: Dialect, usual: TypeEngine[Any]) -> TypeEngine[Any]:
    return dialect.type_descriptor(String() if dialect.name == "sqlite" else usual)


def _read(read: Callable[[str], T], value: Any) -> Any:
    """Return what a text says, or the text itself where it says nothing of the kind."""
    if not isinstance(value, str):
        return value
    try:
        return read(value)
    except (ValueError, ArithmeticError):
        return value
