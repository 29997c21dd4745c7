"""How does a statement that was made before run again with other values? On the driver, without being built anew.

Building a statement, and finding out that it was compiled before, costs ten times what the database takes to answer
it. What runs here is always the text that was compiled from a statement that passed its checks; of a later condition
of the same shape nothing is taken but its values.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Dialect, Executable, Row, Select, Table, bindparam, insert
from sqlalchemy.engine import result_tuple
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.sql.cache_key import CacheKey

Rows = list[Row[Any]]
Given = list[BindParameter[Any]]
Shape = tuple[Hashable, ...]
AT_ONCE: Final = 16
"""Rows of one statement."""


class Prepared:
    """A statement as the driver takes it: its text, where each value goes, how each column comes back."""

    def __init__(self, statement: Executable, keys: Sequence[str], dialect: Dialect) -> None:
        """Compile a statement; `keys` are the keys of its parameters in the order in which it will get their values.

        Raises:
            TypeError: its text depends on its values (a list of any length, say).
        """
        compiled: Any = statement.compile(dialect=dialect, column_keys=list(keys))  # type: ignore[attr-defined]
        if compiled.post_compile_params or compiled.literal_execute_params:
            msg = "the statement's text depends on its values"
            raise TypeError(msg)
        self._sql = str(compiled)
        self._dialect = dialect
        place = {key: number for number, key in enumerate(keys)}
        binds: dict[str, BindParameter[Any]] = {name: bind for bind, name in compiled.bind_names.items()}
        order: Sequence[str] = compiled.positiontup if compiled.positional else list(binds)
        # Values that only the compiler knows of (SQLite's OFFSET 0) stand behind those that are given.
        own = [binds[name] for name in order if binds[name].key not in place]
        place |= {bind.key: number for number, bind in enumerate(own, len(keys))}
        self._own = [bind.effective_value for bind in own]
        # The driver's side of a type has no public name in SQLAlchemy.
        binding, columns = compiled._bind_processors, compiled._result_columns  # noqa: SLF001
        self._slots = tuple((place[binds[name].key], binding.get(name)) for name in order)
        self._names = None if compiled.positional else tuple(order)
        self._row = result_tuple([column.keyname for column in columns])
        reading = [column.type._cached_result_processor(dialect, None) for column in columns]  # noqa: SLF001
        self._reading = tuple((number, read) for number, read in enumerate(reading) if read is not None)

    def rows(self, connection: Connection, values: Sequence[Any]) -> Rows:
        """Run it and return all its rows.

        Raises:
            StatementError: a value that its column cannot hold, or what the database said (DBAPIError).
        """
        found = self._carried_out(connection, values).fetchall()
        if not self._reading:
            return [self._row(row) for row in found]
        return [self._row(self._read(row)) for row in found]

    def run(self, connection: Connection, values: Sequence[Any]) -> int:
        """Run it and return how many rows it wrote.

        Raises:
            StatementError: a value that its column cannot hold, or what the database said (DBAPIError).
        """
        return int(self._carried_out(connection, values).rowcount)

    def _carried_out(self, connection: Connection, values: Sequence[Any]) -> Any:
        values = [*values, *self._own]
        try:
            given = [values[place] if bind is None else bind(values[place]) for place, bind in self._slots]
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise StatementError(str(error), self._sql, None, error) from error
        parameters: Any = given if self._names is None else dict(zip(self._names, given, strict=True))
        driver: Any = connection.connection.driver_connection
        problems = self._dialect.loaded_dbapi.Error
        try:
            return driver.execute(self._sql, parameters)
        except problems as error:
            raise DBAPIError.instance(self._sql, parameters, error, problems, dialect=self._dialect) from error

    def _read(self, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for number, read in self._reading:
            values[number] = read(values[number])
        return values


class Constant:
    """A statement of ours that never changes but for its named values: compiled at its first use."""

    def __init__(self, statement: Executable, *names: str) -> None:
        """Take the statement and the names of all its parameters (of an INSERT: its columns)."""
        self._statement = statement
        self._names = names
        self._prepared: dict[str, Prepared] = {}

    def rows(self, connection: Connection, **values: Any) -> Rows:
        """Run a SELECT and return all its rows."""
        return self._for(connection.dialect).rows(connection, [values[name] for name in self._names])

    def one(self, connection: Connection, **values: Any) -> Row[Any] | None:
        """Run a SELECT of one row at most and return it, or None."""
        return next(iter(self.rows(connection, **values)), None)

    def run(self, connection: Connection, **values: Any) -> int:
        """Run a statement that writes and return how many rows it wrote."""
        return self.run_with(connection, [values[name] for name in self._names])

    def run_with(self, connection: Connection, values: Sequence[Any]) -> int:
        """Run a statement that writes, with its values in the order of their names."""
        return self._for(connection.dialect).run(connection, values)

    def _for(self, dialect: Dialect) -> Prepared:
        prepared = self._prepared.get(dialect.name)
        if prepared is None:
            prepared = self._prepared[dialect.name] = Prepared(self._statement, self._names, dialect)
        return prepared


class Insert:
    """Writes rows into a table, many in one statement.

    Each call of the driver lets go of Python's lock, and a thread that writes row by row has to win it back from a
    busy event loop after every one.
    """

    def __init__(self, table: Table, names: Sequence[str]) -> None:
        """Take the table and its columns that are given."""
        self._names = tuple(names)
        self._one = Constant(insert(table), *names)
        numbered = [{name: f"{name}_{number}" for name in names} for number in range(AT_ONCE)]
        rows = [{name: bindparam(key, type_=table.c[name].type) for name, key in row.items()} for row in numbered]
        self._many = Constant(insert(table).values(rows), *(key for row in numbered for key in row.values()))

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows, in their order."""
        whole = len(rows) - len(rows) % AT_ONCE
        for start in range(0, whole, AT_ONCE):
            together = rows[start : start + AT_ONCE]
            self._many.run_with(connection, [row[name] for row in together for name in self._names])
        for row in rows[whole:]:
            self._one.run_with(connection, [row[name] for name in self._names])


class Ready:
    """A prepared statement with the values that are the same at each call.

    Attributes:
        sought: the personal fields that its conditions or its order are made of, for the audit.
    """

    __slots__ = ("_prepared", "_slots", "_values", "sought")

    def __init__(self, prepared: Prepared, values: list[Any], slots: Sequence[int]) -> None:
        """Take all its values, and the places of those that each call gives anew."""
        self._prepared = prepared
        self._values = values
        self._slots = slots
        self.sought: frozenset[str] = frozenset()

    def rows(self, connection: Connection, given: Iterable[Any]) -> Rows:
        """Run it with a call's own values."""
        values = self._values.copy()
        for slot, value in zip(self._slots, given, strict=True):
            values[slot] = value
        return self._prepared.rows(connection, values)


class Compiled:
    """The statements compiled so far, shared by everybody who may run one of the same text."""

    MOST = 2_000
    """Statements kept at most, some kB each; then they are compiled anew."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[Hashable, Prepared | None] = {}
        self._adding: dict[Hashable, Constant] = {}

    def ready(self, dialect: Dialect, statement: Select[Any], given: Given) -> Ready | None:
        """Return a statement ready to run again; None where its text depends on its values.

        Args:
            dialect: the database's.
            statement: checked, with its values.
            given: those of its values that each call gives anew.
        """
        key = statement._generate_cache_key()  # noqa: SLF001 - what SQLAlchemy itself knows a statement by
        if key is None:
            return None
        prepared = self._prepared(dialect, statement, key)
        place = {id(bind): number for number, bind in enumerate(key.bindparams)}
        if prepared is None or any(id(bind) not in place for bind in given):
            return None
        return Ready(prepared, [bind.effective_value for bind in key.bindparams], [place[id(bind)] for bind in given])

    def adding(self, table: Table, values: Mapping[str, Any]) -> tuple["Constant", dict[str, Any]] | None:
        """Return the statement that adds a row and returns its key, and the values with the columns' own defaults.

        None where a default is the database's to reckon.
        """
        whole = dict(values)
        for column in table.columns:
            default: Any = column.default
            if default is None or column.key in whole:
                continue
            if not (default.is_scalar or default.is_callable):
                return None
            whole[column.key] = default.arg if default.is_scalar else default.arg(None)
        known = (table, *sorted(whole))
        if known not in self._adding:
            self._adding[known] = Constant(insert(table).returning(*table.primary_key.columns), *whole)
        return self._adding[known], whole

    def _prepared(self, dialect: Dialect, statement: Select[Any], key: CacheKey) -> Prepared | None:
        known = (dialect.name, key.key)
        if known not in self._known:
            if len(self._known) >= self.MOST:
                self._known.clear()
            try:
                self._known[known] = Prepared(statement, [bind.key for bind in key.bindparams], dialect)
            except TypeError:
                self._known[known] = None
        return self._known.get(known)


class Named:
    """A SELECT of one asker with named values that each call gives anew: compiled at its first use."""

    def __init__(self, statement: Select[Any], compiled: Compiled) -> None:
        """Take the statement, and where its compiled text is shared with other askers."""
        self._statement = statement
        self._compiled = compiled
        self._names: tuple[str, ...] = ()
        self._ready: Ready | None = None

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Rows:
        """Run it and return all its rows; `values` has the same names at each call."""
        if self._ready is not None:
            return self._ready.rows(connection, [values[name] for name in self._names])
        key = self._statement._generate_cache_key()  # noqa: SLF001 - as above
        given = [bind for bind in key.bindparams if bind.key in values] if key else []
        self._names = tuple(bind.key for bind in given)
        if not any(bind.expanding for bind in given):
            self._ready = self._compiled.ready(connection.dialect, self._statement, given)
        return list(connection.execute(self._statement, dict(values)))


@contextmanager
def savepoint(connection: Connection, *, keep: bool = True) -> Iterator[None]:
    """Undo what happens inside when it raises, or in any case where it is not to be kept. They may stand in another."""
    driver: Any = connection.connection.driver_connection
    driver.execute("SAVEPOINT daeri")
    try:
        yield
    except BaseException:
        with suppress(connection.dialect.loaded_dbapi.Error):  # a full disk, say, has undone everything already
            driver.execute("ROLLBACK TO daeri")
            driver.execute("RELEASE daeri")
        raise
    if not keep:
        driver.execute("ROLLBACK TO daeri")
    driver.execute("RELEASE daeri")


def values_of(given: Given) -> list[Any]:
    """Return the values themselves."""
    return [bind.effective_value for bind in given]


def shape_of(expressions: Iterable[Any]) -> tuple[Shape, Given] | None:
    """Return what expressions share with those that differ in their values only, and those; None if unknown."""
    shapes: list[Hashable] = []
    given: Given = []
    for expression in expressions:
        key = expression._generate_cache_key()  # noqa: SLF001 - as above
        if key is None:
            return None
        shapes.append(key.key)
        given += key.bindparams
    if any(bind.required or bind.expanding for bind in given):
        return None
    return tuple(shapes), given
