"""Do Daeri's own tables fit beside the company's? Names that both want, looked for before anything is made."""

from collections.abc import Collection

from sqlalchemy import Connection, MetaData, UniqueConstraint, text

from daeri.records.store import system

VERSION_TABLES = ("daeri_version", "company_version")
"""Tables that note how far the tables are brought up to date."""
CHART_TABLES = ("daeri_person", "daeri_team")
"""Tables of who may sign in, as an adopted company's module declares them."""


def own_names(metadata: MetaData = system) -> frozenset[str]:
    """Return the names of Daeri's own tables and indexes; every part of Daeri must be imported before."""
    names = {*VERSION_TABLES, *CHART_TABLES}
    for table in metadata.tables.values():
        names.add(table.name)
        names.add(f"pk_{table.name}")
        names |= {str(each.name) for each in table.indexes if each.name is not None}
        unique = (each for each in table.constraints if isinstance(each, UniqueConstraint))
        names |= {str(each.name) for each in unique if each.name is not None}
    return frozenset(names)


def names_there(connection: Connection) -> set[str]:
    """Return what is called anything in the place where Daeri would make its tables."""
    if connection.dialect.name == "sqlite":
        return {*connection.execute(text("SELECT name FROM sqlite_master")).scalars()}
    there = text(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = current_schema()"
    )
    return {*connection.execute(there).scalars()}


def is_daeris(there: Collection[str]) -> bool:
    """Say whether Daeri has made its tables in this database already."""
    return VERSION_TABLES[0] in there


def clashes(there: Collection[str], own: Collection[str]) -> list[str]:
    """Return the names that the company already uses for something else; letter case does not tell names apart."""
    if is_daeris(there):
        return []
    wanted = {name.casefold() for name in own}
    return sorted(name for name in there if name.casefold() in wanted)
