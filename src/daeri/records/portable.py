"""Which SQL reads differently in SQLite and PostgreSQL? Each such construct once, with both spellings.

Company code and the rest of Daeri write SQLAlchemy expressions and never ask which database it is. What SQLAlchemy
renders alike but the databases *answer* differently (order of NULLs, width of integers) is in `postgres_dialect.py`.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Boolean, Connection, Dialect, Integer, String, TextClause, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

WRITING: Final = 7_303_014_001
"""PostgreSQL's advisory lock of whoever changes records; see store_postgres.py."""
AUDIT_HEAD: Final = 7_303_014_002
"""The advisory lock of whoever appends to the audit's chain."""
_HOLD: Final[TextClause] = text("SELECT pg_advisory_xact_lock(:lock)")
_TRY: Final[TextClause] = text("SELECT pg_try_advisory_xact_lock(:lock)")
_TELL: Final[TextClause] = text(
    "SELECT pg_notify('daeri', value) FROM json_array_elements_text(CAST(:messages AS json))"
)


def hold(connection: Connection, lock: int) -> None:
    """Wait until no other transaction holds a lock, and hold it to the end; on SQLite writers take turns anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(_HOLD, {"lock": lock})


def is_held(connection: Connection, lock: int) -> bool:
    """Say whether another server holds a lock; on SQLite there is no other."""
    if connection.dialect.name != "postgresql":
        return False
    return not connection.execute(_TRY, {"lock": lock}).scalar_one()


def tell(connection: Connection, messages: Sequence[str]) -> None:
    """Send messages to all servers that hear, when the transaction commits."""
    connection.execute(_TELL, {"messages": json.dumps(messages)})


class found_at(FunctionElement[int]):  # noqa: N801 - written like a function of SQL
    """`found_at(text, part)`: where a part begins in a text, counted from 1; 0 where it is not in it."""

    type = Integer()
    name = "found_at"
    inherit_cache = True


@compiles(found_at)
def _instr(element: found_at, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(found_at, "postgresql")
def _strpos(element: found_at, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


class Pattern(TypeDecorator[str]):
    """A GLOB of SQLite's as a value; PostgreSQL gets the regular expression that fits the same texts."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Spell the pattern for the database."""
        return value if value is None or dialect.name == "sqlite" else regular(value)


class fits(FunctionElement[bool]):  # noqa: N801 - written like a function of SQL
    """`fits(text, pattern)`: whether a text as a whole fits a GLOB (`*`, `?`, `[a-z]`), which minds case."""

    type = Boolean()
    name = "fits"
    inherit_cache = True


@compiles(fits)
def _glob(element: fits, compiler: SQLCompiler, **options: Any) -> str:
    searched, pattern = element.clauses
    return f"({compiler.process(searched, **options)} GLOB {compiler.process(pattern, **options)})"


@compiles(fits, "postgresql")
def _regular(element: fits, compiler: SQLCompiler, **options: Any) -> str:
    searched, pattern = element.clauses
    return f'({compiler.process(searched, **options)} COLLATE "C" ~ {compiler.process(pattern, **options)})'


_GLOB: Final = re.compile(r"\*|\?|\[\^?\]?[^\]]*\]|.", re.DOTALL)
_BYTES: Final = {"*": ".*", "?": "."}


def regular(glob: str) -> str:
    """Return the regular expression of PostgreSQL's that fits what a GLOB fits."""
    return f"^{''.join(map(_part, _GLOB.findall(glob)))}$"


def _part(part: str) -> str:
    if part in _BYTES:
        return _BYTES[part]
    if len(part) == 1:
        return part if part.isalnum() or part.isspace() or not part.isascii() else f"\\{part}"
    inside = part[1:-1].replace("\\", "\\\\").replace("[", "\\[")
    negated, rest = ("^", inside[1:]) if inside.startswith("^") else ("", inside)
    return f"[{negated}{rest.replace(']', chr(92) + ']')}]"


class among(FunctionElement[bool]):  # noqa: N801 - written like a function of SQL
    """`among(text, array)`: whether a text is one of those in a JSON array: a list of any length is one value."""

    type = Boolean()
    name = "among"
    inherit_cache = True


@compiles(among)
def _json_each(element: among, compiler: SQLCompiler, **options: Any) -> str:
    sought, array = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({sought} IN (SELECT value FROM json_each({array})))"  # noqa: S608 - compiled expressions


@compiles(among, "postgresql")
def _json_array(element: among, compiler: SQLCompiler, **options: Any) -> str:
    sought, array = (compiler.process(clause, **options) for clause in element.clauses)
    listed = f"SELECT value FROM json_array_elements_text(CAST({array} AS json))"  # noqa: S608 - compiled expressions
    return f"({sought} IN ({listed}))"
