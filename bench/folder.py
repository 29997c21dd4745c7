"""What data is measured on? A fresh data folder with the sample company, a key for each person who works there."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copytree

from pydantic import SecretStr
from sqlalchemy import Connection, Row, select

from bench.company import company, fill
from daeri.app import Daeri
from daeri.operations import Company
from daeri.records import Actor
from daeri.sample import hanbit
from daeri.sample.build import build
from daeri.sample.organisation import Employee
from daeri.settings import Settings

LARGE_ROWS = 100_000
DATABASE = "daeri.db"
LOADER = Actor.system("bench")


@dataclass(frozen=True, slots=True)
class Folder:
    """A data folder.

    Attributes:
        company: what is served on it, as "module:callable".
        keys: an API key of each person by id; each may decide on approvals.
        teams: the team of each person by id.
        deputy: the id of 김하은 in sales, who asks.
        outsider: the id of someone outside of sales and Finance.
        database: the address of its database; None where that is SQLite's file in the folder.
    """

    path: Path
    company: str
    keys: dict[int, str]
    teams: dict[int, int | None]
    deputy: int
    outsider: int
    database: str | None = None


async def sample_folder(path: Path, database: str | None = None) -> Folder:
    """Build the sample company in an empty folder, or in an empty database."""
    async with _Opened(hanbit(), path, database) as daeri:
        await build(daeri.door, LOADER, daeri.clock, lambda *_: None)
        people = await daeri.store.read(_working)
        keys = {}
        for person in people:
            keys[person.id] = (await daeri.identity.add_key(person.id, "bench", decides=True)).secret
    logins = {person.login: person.id for person in people}
    teams = {person.id: person.team_id for person in people}
    return Folder(path, "daeri.sample:hanbit", keys, teams, logins["deputy"], logins["hr"], database)


async def large_folder(sample: Folder, path: Path, rows: int = LARGE_ROWS) -> Folder:
    """Copy a sample folder and add the large record to it."""
    copytree(sample.path, path)
    async with _Opened(company(), path) as daeri:
        today = daeri.clock.today()
    with closing(sqlite3.connect(path / DATABASE)) as connection, connection:
        fill(connection, rows, today)
    return replace(sample, path=path, company="bench.company:company")


def opened(folder: Folder) -> "_Opened":
    """Return what opens Daeri on a folder of the sample company, answering but taking up no runs."""
    return _Opened(hanbit(), folder.path, folder.database)


class _Opened:
    """Daeri on a folder, answering but taking up no runs."""

    def __init__(self, served: Company, path: Path, database: str | None = None) -> None:
        path.mkdir(parents=True, exist_ok=True)
        address = {"database_url": SecretStr(database)} if database else {}
        self._daeri = Daeri(served, Settings(dir=path, demo=True, **address))

    async def __aenter__(self) -> Daeri:
        await self._daeri.open(working=False)
        return self._daeri

    async def __aexit__(self, *_: object) -> None:
        await self._daeri.close()


def _working(connection: Connection) -> Sequence[Row[int, str | None, int | None]]:
    """Return who works here."""
    found = select(Employee.id, Employee.login, Employee.team_id).where(Employee.left_on.is_(None))
    return connection.execute(found).all()
