"""How does PostgreSQL come to answer as SQLite does? SQLAlchemy's dialect, with the differences taken out.

The same declarations, rules and operations run on both databases and must give the same verdicts, rows and order. So
here, as in SQLite: a whole number has 64 bits, a text may be longer than declared and compares by its characters'
numbers, LIKE does not mind the case of A to Z, NULL comes before every value, a sum of whole numbers is one, an average
is a float.
"""

import re
from typing import Any, Final

from sqlalchemy import BindParameter, Column, Dialect, Integer, String
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler, PGTypeCompiler
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg, PGDialect_psycopg
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import nulls_first_op, nulls_last_op
from sqlalchemy.types import TypeDecorator, TypeEngine

_SAID = (nulls_first_op, nulls_last_op)


_PARTS: Final = {"Y": "YYYY", "m": "MM", "d": "DD", "H": "HH24", "M": "MI", "S": "SS", "f": "SS.MS", "j": "DDD"}


class DateFormat(TypeDecorator[str]):
    """A format of strftime() as a value, as to_char() has it."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Spell the format for PostgreSQL.

        Raises:
            ValueError: a part of a date that to_char() does not give.
        """
        del dialect
        return None if value is None else "".join(map(_part, re.findall(r"%.?|[^%]+", value, re.DOTALL)))


class PostgresTypes(PGTypeCompiler):
    """Types as SQLite has them."""

    def visit_INTEGER(self, type_: Any, **options: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        """Give every whole number 64 bits: an amount in won does not fit into 32."""
        del type_, options
        return "BIGINT"

    def visit_VARCHAR(self, type_: Any, **options: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        """Declare texts without a limit, and so that they compare by their characters' numbers."""
        return "VARCHAR" + _collation(type_, options)

    def visit_TEXT(self, type_: Any, **options: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        """Do the same for texts without a limit."""
        return super().visit_TEXT(type_, **options) + _collation(type_, options)


class PostgresTables(PGDDLCompiler):
    """Tables as SQLite has them."""

    def get_column_specification(self, column: Column[Any], **options: Any) -> str:
        """Count ids with 64 bits."""
        made: str = super().get_column_specification(column, **options)  # type: ignore[no-untyped-call]
        name = self.preparer.format_column(column)
        small = f"{name} SERIAL"
        return f"{name} BIGSERIAL{made.removeprefix(small)}" if made.startswith(small) else made


class PostgresStatements(PGCompiler_psycopg):
    """Statements that are answered as SQLite answers them."""

    def visit_like_op_binary(self, binary: Any, operator: Any, **options: Any) -> str:
        """Take capitals for small letters; texts are declared so that this concerns A to Z only."""
        made: str = self.visit_ilike_op_binary(binary, operator, **options)  # type: ignore[no-untyped-call]
        return made

    def visit_not_like_op_binary(self, binary: Any, operator: Any, **options: Any) -> str:
        """Do the same for NOT LIKE."""
        made: str = self.visit_not_ilike_op_binary(binary, operator, **options)  # type: ignore[no-untyped-call]
        return made

    def visit_sum_func(self, element: Any, **options: Any) -> str:
        """Keep the sum of whole numbers a whole number."""
        made = f"sum{self.function_argspec(element, **options)}"
        return f"CAST({made} AS BIGINT)" if _is_whole(element.type) else made

    def visit_avg_func(self, element: Any, **options: Any) -> str:
        """Give an average as a float."""
        return f"CAST(avg{self.function_argspec(element, **options)} AS DOUBLE PRECISION)"

    def visit_round_func(self, element: Any, **options: Any) -> str:
        """Round halves away from zero and give a float."""
        value, *places = (self.process(clause, **options) for clause in element.clauses)
        to = f"CAST({places[0]} AS INTEGER)" if places else "0"
        return f"CAST(round(CAST({value} AS NUMERIC), {to}) AS DOUBLE PRECISION)"

    def visit_substr_func(self, element: Any, **options: Any) -> str:
        """Count characters with the 32 bits that PostgreSQL's function takes."""
        return self._with_small_numbers("substr", element, **options)

    def visit_generate_subscripts_func(self, element: Any, **options: Any) -> str:
        """Do the same where SQLAlchemy looks at the tables there are."""
        return self._with_small_numbers("generate_subscripts", element, **options)

    def visit_pg_get_indexdef_func(self, element: Any, **options: Any) -> str:
        """Do the same."""
        index, column, pretty = (self.process(clause, **options) for clause in element.clauses)
        return f"pg_catalog.pg_get_indexdef({index}, CAST({column} AS INTEGER), {pretty})"

    def _with_small_numbers(self, name: str, element: Any, **options: Any) -> str:
        first, *numbers = (self.process(clause, **options) for clause in element.clauses)
        return f"{name}({', '.join([first, *(f'CAST({number} AS INTEGER)' for number in numbers)])})"

    def visit_extract(self, extract: Any, **options: Any) -> str:
        """Give a part of a date as a whole number."""
        made: str = super().visit_extract(extract, **options)  # type: ignore[no-untyped-call]
        return f"CAST({made} AS BIGINT)"

    def visit_strftime_func(self, element: Any, **options: Any) -> str:
        """Write a date as SQLite's strftime() does; the format is spelled anew when its value is known."""
        form, moment = element.clauses
        if isinstance(form, BindParameter):
            form = form._with_binary_element_type(DateFormat())  # noqa: SLF001 - a copy with another type
        return f"to_char(CAST({self.process(moment, **options)} AS TIMESTAMP), {self.process(form, **options)})"

    def order_by_clause(self, select: Any, **options: Any) -> str:
        """Put NULL before every value, unless a statement says where."""
        written = [_placed(clause, self.process(clause, **options)) for clause in select._order_by_clauses]  # noqa: SLF001
        return f" ORDER BY {', '.join(written)}" if written else ""


class PostgresDialect(PGDialect_psycopg):
    """PostgreSQL by psycopg, answering as SQLite does."""

    supports_statement_cache = True
    statement_compiler = PostgresStatements
    ddl_compiler = PostgresTables
    type_compiler_cls = PostgresTypes


def _part(part: str) -> str:
    if not part.startswith("%") or part == "%%":
        text = part.replace("%%", "%").replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    if part[1:] not in _PARTS:
        msg = f"strftime() has no '{part}' here: use {', '.join('%' + name for name in _PARTS)}"
        raise ValueError(msg)
    return _PARTS[part[1:]]


def _collation(kind: Any, options: dict[str, Any]) -> str:
    declared = isinstance(options.get("type_expression"), Column)
    return ' COLLATE "C"' if declared and not kind.collation else ""


def _is_whole(kind: TypeEngine[Any]) -> bool:
    return isinstance(kind.impl_instance if isinstance(kind, TypeDecorator) else kind, Integer)


def _placed(clause: Any, written: str) -> str:
    """Say where NULL stands in the order of a clause, if it can be NULL at all: an index has it at the other end."""
    inner, modifier = clause, None
    while True:
        if inner.__visit_name__ == "label_reference":
            inner = inner.element
        if not isinstance(inner, UnaryExpression) or inner.modifier is None:
            break
        if inner.modifier in _SAID:
            return written
        modifier, inner = modifier or inner.modifier, inner.element
    if isinstance(inner, Column) and not inner.nullable:
        return written
    falls = modifier is not None and modifier.__name__ == "desc_op"
    return f"{written} NULLS {'LAST' if falls else 'FIRST'}"
