"""How do a database's tables stand to what is declared? Looked at and mended for `daeri migrate`.

This file imports the server when it is imported, so commands import it inside the function that needs it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from daeri.app import Daeri, revisions_of
from daeri.cli.company import company_of, settings_of, trouble_of, unreachable
from daeri.cli.place import Place, whereabouts
from daeri.errors import DaeriError, NotReady
from daeri.log import set_up
from daeri.records import Record
from daeri.records.revisions import Revision, lacking
from daeri.records.store import system

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part:
    """One set of tables: Daeri's own, or the company's."""

    name: str
    at: str | None
    missing: tuple[Revision, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class State:
    """How a database stands to what is declared.

    Attributes:
        where: the database, without a password.
        lacking: tables and columns that are declared and not there.
    """

    where: str
    parts: tuple[Part, ...]
    lacking: list[str]

    @property
    def missing(self) -> bool:
        """Whether migrations are still to come."""
        return any(part.missing for part in self.parts)

    @property
    def is_newer(self) -> bool:
        """Whether a newer version was here."""
        return any(part.unknown for part in self.parts)

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to do and nothing wrong."""
        return not self.missing and not self.is_newer and not self.lacking


def state_of(place: Place, company: str | None) -> State:
    """Look at the tables.

    Raises:
        Trouble: there is no database, or it cannot be reached.
    """
    return _on(place, company, _look)


def migrated(place: Place, company: str | None) -> State:
    """Carry out what is missing, and look again.

    Raises:
        Trouble: it cannot be reached, or a newer version was here.
    """

    async def go(daeri: Daeri) -> State:
        await daeri.migrate()
        return await _look(daeri)

    return _on(place, company, go)


def _on(place: Place, company: str | None, work: Callable[[Daeri], Awaitable[T]]) -> T:
    place.database()
    set_up("ERROR")
    settings = settings_of(place)

    async def go() -> T:
        daeri = Daeri(company_of(company), settings)
        try:
            return await work(daeri)
        finally:
            await daeri.close()

    try:
        return asyncio.run(go())
    except NotReady as error:
        raise unreachable(settings, error) from error
    except DaeriError as error:
        raise trouble_of(error) from error


async def _look(daeri: Daeri) -> State:
    parts = []
    for name, scripts in revisions_of(daeri.company).items():
        standing = await daeri.store.standing(scripts, name)
        parts.append(Part(name, standing.at, standing.missing, standing.unknown))
    found = await daeri.store.read(_lacking)
    where = whereabouts(daeri.settings.store_url) if daeri.settings.is_on_server else str(daeri.settings.database)
    return State(where, tuple(parts), found)


def _lacking(connection: object) -> list[str]:
    return lacking(connection, system, Record.metadata)  # type: ignore[arg-type]  # cli does not know SQLAlchemy
