"""How is a database looked at from beginning to end? Read-only and bounded: its catalog, a few values, its names."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sqlalchemy import URL

from daeri.adopt.clashes import clashes, is_daeris, names_there
from daeri.adopt.describe import Described, describe
from daeri.adopt.reflect import Progress, reflect
from daeri.adopt.sample import sampled
from daeri.records.looking import address, looking_at, shown

STATEMENT_SECONDS = 5.0
"""How long one statement may take; looking must not be felt by those who work with the database."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked at.

    Attributes:
        url: the database.
        schema: a schema of PostgreSQL; None for the usual one.
        only: patterns of table names; none takes all.
    """

    url: URL
    schema: str | None = None
    only: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it is, without who asks."""
        return shown(self.url)

    @property
    def typed(self) -> str:
        """The address as it may be typed again, its password left out."""
        return self.url.set(drivername=self.url.get_backend_name()).render_as_string(hide_password=True)

    @property
    def name(self) -> str:
        """What the database is called, for a company that has no name yet."""
        return (self.url.database or "company").replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or (
            self.url.database or "company"
        )


def survey(wanted: Wanted, own: Collection[str], progress: Progress) -> Described:
    """Describe a database; nothing is written to it.

    Args:
        wanted: which, and what of it.
        own: the names of Daeri's own tables and indexes (`clashes.own_names`).
        progress: told how far it is.

    Raises:
        Unreadable: it cannot be reached or read.
    """
    with looking_at(wanted.url, STATEMENT_SECONDS) as connection:
        there = names_there(connection)
        ours = {*own} if is_daeris(there) else set()
        found = reflect(connection, wanted.schema, ours, _wants(wanted.only), progress)
        samples = sampled(connection, found, progress)
    told = describe(found, samples)
    told.clashes = clashes(there, own)
    return told


def _wants(patterns: Collection[str]) -> Callable[[str], bool]:
    def wants(name: str) -> bool:
        return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)

    return wants


def wanted_of(text: str, schema: str | None, only: Collection[str]) -> Wanted:
    """Read what was typed.

    Raises:
        Unreadable: it is no address of a database that can be read.
    """
    return Wanted(address(text), schema, tuple(only))
