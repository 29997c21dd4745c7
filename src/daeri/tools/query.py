"""How is a question in SQL answered without telling more than the asker may know?

A statement is checked against allow-lists (`sql_check.py`), then each table it names is defined in front of it as the
asker may see it: `WITH employee AS (SELECT … permitted rows and columns …) <the statement>`. Its own words stay as they
are, so the database answers as it would on a copy that holds nothing else. It runs behind the database's own walls
(`records/guarded.py`, `records/guarded_postgres.py`), which do not depend on any of this being right.

`rewrite` is for programs that have no server: it needs an open connection, a statement and what may be seen.
"""

import difflib
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, Field

from daeri.errors import DaeriError, RateLimited, Timeout, ValidationFailed
from daeri.operations import Catalog, anyone
from daeri.operations.operation import Allow
from daeri.operations.sensitivity import SENSITIVE
from daeri.records import Records
from daeri.records.guarded import (
    DialectName,
    Failed,
    Limits,
    Relation,
    Seen,
    Walls,
    ask,
    compiled,
    database_of,
    driver_of,
    folded,
    note,
    permitted,
    quoted,
    relations_of,
    table_of,
)
from daeri.tools.refusal import refused
from daeri.wording import Lang, Text, fit_josa

if TYPE_CHECKING:
    from daeri.tools.sql_check import Checked

T = TypeVar("T")

REMEMBERED = 512
"""Statements whose check is kept; it depends on the text alone."""
AT_ONCE = 2
"""Statements that may run at the same time, so that slow ones leave readers for everybody else."""
LEVELLED = frozenset({"confidential", "secret"})
"""What a statement over rows of several levels is taken to have seen: which rows it read, only the database knows."""
STATEMENT_MAX = 1_000
"""Characters of a statement that the audit keeps."""
_VALUE = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?(?:\*/|$))|(?P<name>"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|[^\W\d][\w$]*(?!['\w]))"""
    r"""|[A-Za-z]*'(?:[^']|'')*(?:'|$)|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|$)|\.?\d[\w.]*""",
    re.DOTALL,
)
PATIENCE = 0.5
"""Seconds a statement waits for its turn."""


@dataclass(frozen=True, slots=True)
class Permitted:
    """What may be seen of a table, for `rewrite`.

    Attributes:
        columns: the columns that may be seen as they are.
        masked: columns of which something else is seen: an SQL expression for each; names alone give NULL.
        rows: an SQL condition over the table's own columns that a row must meet; None lets every row through.
    """

    columns: Sequence[str]
    masked: Mapping[str, str] | Sequence[str] = ()
    rows: str | None = None

    def relation(
        self, name: str, order: Sequence[str], schema: str = "main", spelt: Callable[[str], str] | None = None
    ) -> Relation:
        """Return it as a relation of that name, its columns in the table's own order."""
        masked = self.masked if isinstance(self.masked, Mapping) else dict.fromkeys(self.masked, "NULL")
        shown: dict[str, str | None] = {column: masked.get(column) for column in self.columns}
        shown |= masked
        place = {folded(column): number for number, column in enumerate(order)}
        ranked = sorted(shown, key=lambda column: place.get(folded(column), len(place)))
        return permitted(name, {column: shown[column] for column in ranked}, self.rows, schema=schema, spelt=spelt)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A statement over an asker's relations, and the names that SQLite may meet in it.

    Attributes:
        sql: the statement as it runs.
        sifted: the same, but with every row rule decided before anything of the asker's is; None where that is `sql`.
        seen: what it looks at, for the audit.
    """

    sql: str
    sifted: str | None
    walls: Walls
    seen: Seen


class Reader:
    """Checks statements and puts the asker's relations in front of them."""

    def __init__(self) -> None:
        """Choose a mark that no asker can know for the names of trusted text."""
        self._mark = f"d{secrets.token_hex(8)}_"
        self._checked: Callable[[str, DialectName, DialectName, str], Checked] = lru_cache(REMEMBERED)(_checked)

    def rewrite(
        self, sql: str, dialect: DialectName, relations: Mapping[str, Relation], database: DialectName = "sqlite"
    ) -> Rewritten:
        """Return the statement over what `relations` (by lower-case name) let through, as `database` has it.

        Raises:
            ValidationFailed: something in it is not allowed or not there; the text says what to change.
        """
        checked = self._checked(sql, dialect, database, self._mark)
        for name in sorted(checked.tables - relations.keys()):
            raise _no_table(name, relations)
        used = [relations[name] for name in sorted(checked.tables)]
        trusted = {relation.name: self._mark + relation.name for relation in used}
        ruled = any(relation.ruled for relation in used)
        composed = self._composed if database == "sqlite" else self._composed_postgres
        return Rewritten(
            sql=composed(checked, used, sifted=checked.may_fail),
            sifted=composed(checked, used, sifted=True) if ruled and not checked.may_fail else None,
            walls=Walls(
                trusted=frozenset(trusted.values()),
                open=frozenset(folded(relation.name) for relation in used if not relation.ruled),
                named=checked.named | checked.tables,
                own=checked.named if any(relation.is_view for relation in used) else None,
            ),
            seen=_seen(sql, checked, used),
        )

    def _composed(self, checked: "Checked", used: Iterable[Relation], *, sifted: bool) -> str:
        parts: list[str] = []
        for relation in used:
            hidden, name = quoted(self._mark + relation.name), quoted(relation.name)
            # LIMIT with OFFSET keeps SQLite from mixing the asker's conditions with the row rule's.
            body = f"{relation.body} LIMIT -1 OFFSET 0" if sifted and relation.ruled else relation.body
            parts.append(f"{hidden} AS NOT MATERIALIZED ({body})")
            if folded(relation.name) not in checked.outermost:
                parts.append(f"{name} AS NOT MATERIALIZED (SELECT * FROM {hidden})")  # noqa: S608 - both are quoted
        if not parts:
            return checked.head + checked.body
        ours = ", ".join(parts)
        return f"{checked.head}{ours},{checked.body}" if checked.head else f"WITH {ours} {checked.body}"

    def _composed_postgres(self, checked: "Checked", used: Iterable[Relation], *, sifted: bool) -> str:
        """Define each relation under the marked name by which the statement's own text calls it."""
        parts = []
        for number, relation in enumerate(used):
            # OFFSET keeps PostgreSQL from mixing the asker's conditions with the row rule's.
            body = f"{relation.body} OFFSET 0" if sifted and relation.ruled else relation.body
            parts.append(f'"{self._mark}{number}" AS NOT MATERIALIZED ({body})')
        if not parts:
            return checked.head + checked.body
        ours = ", ".join(parts)
        return f"{checked.head}{ours}, {checked.body}" if checked.head else f"WITH {ours} {checked.body}"


def _seen(sql: str, checked: "Checked", used: Sequence[Relation]) -> Seen:
    """Return what a statement looks at; whose it is shows in columns that name people, of one table also in its id."""
    fields = [
        (f"{relation.name}.{field.name}", field)
        for relation in used
        for field in relation.fields
        if checked.star or folded(field.name) in checked.names
    ]
    owners = {folded(field.name) for _, field in fields if field.owner}
    return Seen(
        masked=frozenset(name for name, field in fields if field.changed),
        personal=frozenset(name for name, field in fields if field.personal),
        owners=frozenset(owners if len(used) == 1 else owners - {"id"}),
        statement=without_values(sql),
        levels=(LEVELLED if any(relation.is_levelled for relation in used) else frozenset[str]()).union(
            *(SENSITIVE for _, field in fields if field.any_class)
        ),
    )


def without_values(sql: str) -> str:
    """Return a statement for the audit: every text and number in it stands as ?, comments are left out."""
    kept = _VALUE.sub(lambda found: found["name"] or (" " if found["comment"] else "?"), sql)
    return " ".join(kept.split())[:STATEMENT_MAX]


def _checked(sql: str, dialect: DialectName, database: DialectName, mark: str) -> "Checked":
    # The parser takes a tenth of the start; the first question in SQL waits for it instead.
    if database == "postgres":
        from daeri.tools.sql_check_postgres import check_postgres  # noqa: PLC0415
        from daeri.tools.sql_sqlite import to_postgres  # noqa: PLC0415

        return check_postgres(sql if dialect == "postgres" else to_postgres(sql), mark)
    from daeri.tools.sql_check import check  # noqa: PLC0415
    from daeri.tools.sql_postgres import to_sqlite  # noqa: PLC0415

    return check(sql if dialect == "sqlite" else to_sqlite(sql))


def rewrite(connection: Any, sql: str, tables: Mapping[str, Permitted], dialect: DialectName | None = None) -> str:
    """Return a statement rewritten so that it sees only what `tables` permit; it is compiled, but not run.

    Whoever runs the result sees to limits on time and rows, and on PostgreSQL to a transaction that is read-only.

    Args:
        connection: an open connection of SQLite (`sqlite3`) or PostgreSQL (`psycopg`), or SQLAlchemy's over one of
            them, or its engine; read-only is enough. The result is in the dialect of this database.
        sql: one SELECT over the names in `tables`.
        tables: what may be seen of each table; one that is not named does not exist.
        dialect: the dialect of `sql`; None for that of the database.

    Raises:
        ValidationFailed: the statement is refused; the text says what to change.
        TypeError: the connection is to no such database.
    """
    with driver_of(connection) as driver:
        database: DialectName = "postgres" if hasattr(driver, "pgconn") else "sqlite"
        relations = {}
        for name, one in tables.items():
            schema, order, spelt = table_of(driver, name)
            relations[folded(name)] = one.relation(name, order, schema, spelt)
        rewritten = Reader().rewrite(sql, dialect or database, relations, database)
        try:
            return _first(lambda statement: compiled(driver, statement, rewritten.walls), rewritten)
        except Failed as failure:
            raise _worded(failure, relations) from None


class Table(BaseModel):
    """The answer to a question in SQL."""

    columns: list[str]
    rows: list[list[str | int | float | None]]
    truncated: bool

    def say(self, lang: Lang) -> str:
        """Say a single value as it is, else how many rows there are."""
        if not self.rows:
            return "해당하는 데이터가 없어요." if lang == "ko" else "There is no such data."
        if len(self.rows) == len(self.columns) == 1:
            name, value = self.columns[0], self.rows[0][0]
            shown = ("없음" if lang == "ko" else "nothing") if value is None else value
            shown = f"{shown:,}" if isinstance(shown, int | float) else shown
            return f"{name}: {shown}"
        count = f"{len(self.rows):,}"
        if lang == "ko":
            return f"{count}행이 나왔어요." if not self.truncated else f"처음 {count}행이에요. 더 있어요."
        rows = "row" if len(self.rows) == 1 else "rows"
        return f"{count} {rows}." if not self.truncated else f"The first {count} {rows}; there are more."


class Schema(BaseModel):
    """What can be asked about."""

    text: str

    def say(self, lang: Lang) -> str:
        """Give the description itself."""
        del lang
        return self.text


def schema_of(relations: Iterable[Relation], lang: Lang = "en") -> str:
    """Describe relations for whoever writes SQL over them: names, kinds of values, labels, references."""
    return "\n\n".join(_described(relation, lang) for relation in sorted(relations, key=lambda one: one.name))


def schema_for(records: Records, lang: Lang = "en") -> str:
    """Describe the tables and columns that the records' actor may see, and nothing else; first, whose SQL is spoken."""
    spoken = "SQLite" if database_of(records) == "sqlite" else "PostgreSQL"
    return f"-- {spoken}\n\n{schema_of(relations_of(records).values(), lang)}"


def _described(relation: Relation, lang: Lang) -> str:
    label = f"  -- {relation.label.to(lang)}" if relation.label else ""
    lines = [f"TABLE {_name(relation.name)}{label}"]
    for field in relation.fields:
        notes = [field.label.to(lang)] if field.label else []
        if field.refers_to:
            notes.append("= " + ".".join(map(_name, field.refers_to)))
        if field.changed:
            notes.append("일부 행에서만 보여요" if lang == "ko" else "shown on some rows only, else NULL or masked")
        kind = f" {field.kind}" if field.kind else ""
        lines.append(f"  {_name(field.name)}{kind}" + (f"  -- {'; '.join(notes)}" if notes else ""))
    return "\n".join(lines)


def _name(name: str) -> str:
    from daeri.tools.sql_words import RESERVED  # noqa: PLC0415 - as in _checked

    plain = re.fullmatch(r"[^\W\d]\w*", name) and name.upper() not in RESERVED and name == folded(name)
    return name if plain else '"' + name.replace('"', '""') + '"'


def query_catalog(limits: Limits | None = None, allow: Allow = anyone) -> Catalog:
    """Return the catalog `query`: ask the data in SQL, and see what can be asked about.

    Args:
        limits: the rows, characters and seconds of one statement.
        allow: who may ask at all; what each sees is ruled by the company's rows and fields.
    """
    catalog = Catalog("query", Text("데이터에 묻기", "Ask the data"))
    answering = _Answering(limits or Limits())

    @catalog.read(
        label=Text("SQL로 묻기", "Ask in SQL"),
        allow=allow,
        examples=[
            "SQL로 부서별 인원을 세어 줘",
            "SELECT 문으로 조회해 줘",
            "이 SQL을 실행해 줘",
            "SQL 쿼리 돌려 줘",
            "run this SQL query",
            "query the data with SQL",
            "execute a SELECT statement",
            "count rows by department in SQL",
        ],
        words=["SQL", "쿼리", "query", "SELECT"],
    )
    async def run(
        records: Records,
        sql: Annotated[str, Field(description="SELECT 문 하나 (one SELECT statement)", min_length=1)],
        dialect: Annotated[
            DialectName | None,
            Field(description="SQL 방언, 없으면 데이터베이스의 것 (its dialect; the database's own if none)"),
        ] = None,
    ) -> Table:
        """Answer a question in SQL over the records that you may see (SQL로 묻기).

        Takes one SELECT: joins, WITH, window functions, set operations and subqueries work. Ask query.schema first
        for the tables and columns. Use a more specific operation where there is one. It changes nothing.
        """
        return answering.answer(records, sql, dialect)

    _declare_schema(catalog, allow)
    return catalog


def _declare_schema(catalog: Catalog, allow: Allow) -> None:
    @catalog.read(
        label=Text("물을 수 있는 데이터", "Data that can be asked about"),
        allow=allow,
        examples=[
            "SQL로 물을 수 있는 테이블 보여 줘",
            "SQL 스키마 알려 줘",
            "테이블 구조 보여 줘",
            "어떤 열이 있는지 스키마 보여 줘",
            "show the SQL schema",
            "which tables can I query",
            "describe the tables and columns",
            "list the SQL tables",
        ],
        words=["스키마", "테이블", "schema", "tables", "columns"],
    )
    async def schema(records: Records) -> Schema:
        """Describe the tables and columns that you may ask about in SQL (물을 수 있는 테이블).

        Use it before query.run, which takes the SELECT.
        """
        return Schema(text=schema_for(records))


class _Answering:
    """Carries out statements, some at once."""

    def __init__(self, bounds: Limits) -> None:
        self._bounds = bounds
        self._reader = Reader()
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def answer(self, records: Records, sql: str, dialect: DialectName | None) -> Table:
        relations, database = relations_of(records), database_of(records)
        rewritten = self._reader.rewrite(sql, dialect or database, relations, database)
        if not self._turns.acquire(timeout=PATIENCE):
            raise RateLimited(
                Text("다른 SQL이 돌고 있어요. 잠시 뒤 다시 해 주세요.", "Other statements are running: try again.")
            )
        try:
            answer = _first(lambda statement: ask(records, statement, rewritten.walls, self._bounds), rewritten)
        except Failed as failure:
            raise _worded(failure, relations, self._bounds) from None
        finally:
            self._turns.release()
        note(records, answer, rewritten.seen)
        rows = [[_plain(value) for value in row] for row in answer.rows]
        columns = [name if "`" in sql else name.replace("`", '"') for name in answer.columns]  # in the asker's spelling
        return Table(columns=columns, rows=rows, truncated=answer.truncated)


def _first(carry_out: Callable[[str], T], rewritten: Rewritten) -> T:
    """Carry a statement out; where it fails, it is the sifted form that decides: no hidden row has a say in that."""
    try:
        return carry_out(rewritten.sql)
    except Failed as failure:
        if rewritten.sifted is None or failure.why == "time":
            raise
        return carry_out(rewritten.sifted)


def _plain(value: Any) -> str | int | float | None:
    """Return a value as JSON has it; bytes as hexadecimal digits, infinities in words."""
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, float) and value - value != 0 else value


def _no_table(name: str, relations: Mapping[str, Relation]) -> ValidationFailed:
    near = difflib.get_close_matches(name, relations, n=1)
    known = ", ".join(relation.name for relation in relations.values()) or "-"
    hint_ko = f"혹시 '{relations[near[0]].name}'인가요? " if near else ""
    hint_en = f"Did you mean '{relations[near[0]].name}'? " if near else ""
    return refused(
        f"'{name[:60]}' 테이블이 없어요. {hint_ko}쓸 수 있는 테이블: {known}",
        f"There is no table '{name[:60]}'. {hint_en}You can use: {known}",
    )


def _worded(failure: Failed, relations: Mapping[str, Relation], limits: Limits | None = None) -> DaeriError:
    """Say what SQLite said, in words that name only what the asker may see."""
    if failure.why == "time":
        seconds = (limits or Limits()).seconds
        return Timeout(
            Text(
                f"{seconds:g}초 안에 끝나지 않았어요. 조건을 더해 범위를 줄이거나, 재귀에 끝나는 조건을 넣어 주세요.",
                f"It did not end within {seconds:g} s: narrow it down, or give a recursion a condition that ends it.",
            )
        )
    if failure.why == "size":
        return refused(
            "값이 너무 커요. 이어 붙이는 글자나 그룹을 줄여 주세요.",
            "A value grows too large: join fewer texts or rows.",
        )
    if failure.why == "forbidden":
        return refused(
            "허용되지 않은 테이블이나 함수를 쓰고 있어요. 보이는 테이블과 함수만 써 주세요.",
            "It uses a table or function that is not allowed: use the tables that you may see.",
        )
    missing = re.match(r"no such column: (.+)|column (.+) does not exist", failure.said)
    if missing:
        return _no_column((missing[1] or missing[2]).strip('"'), relations)
    said = re.sub(r"d[0-9a-f]{16}_", "", failure.said)[:200]
    return refused(fit_josa(f"SQL을 실행할 수 없어요: {said}"), f"The database cannot carry it out: {said}")


def _no_column(name: str, relations: Mapping[str, Relation]) -> ValidationFailed:
    columns = {column for relation in relations.values() for column in relation.columns}
    near = difflib.get_close_matches(name.rpartition(".")[2], sorted(columns), n=1)
    hint_ko = f"혹시 '{near[0]}'인가요? " if near else ""
    hint_en = f"Did you mean '{near[0]}'? " if near else ""
    return refused(
        f"'{name[:60]}' 열이 없어요. {hint_ko}글자 값이라면 '작은따옴표'로 감싸 주세요.",
        f"There is no column '{name[:60]}'. {hint_en}If it is meant as a text, put it in 'single quotes'.",
    )
