"""What data is measured on? A fresh data folder with the sample company, a key for each person who works there."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

from sqlalchemy import Connection, select

from bench.company import BATCH_MAX, company
from daeri.app import Daeri
from daeri.operations import Company
from daeri.records import Actor
from daeri.sample import hanbit
from daeri.sample.build import build
from daeri.sample.organisation import Employee
from daeri.settings import Settings

LARGE_ROWS = 100_000
LOADER = Actor.system("bench")


@dataclass(frozen=True, slots=True)
class Folder:
    """A data folder.

    Attributes:
        company: what is served on it, as "module:callable".
        keys: an API key of each person by id; each may decide on approvals.
        deputy: the id of 김하은 in sales, who asks.
        outsider: the id of someone outside of sales and Finance.
    """

    path: Path
    company: str
    keys: dict[int, str]
    deputy: int
    outsider: int


async def sample_folder(path: Path) -> Folder:
    """Build the sample company in an empty folder."""
    async with _Opened(hanbit(), path) as daeri:
        await build(daeri.door, LOADER, daeri.clock, lambda *_: None)
        people = await daeri.store.read(_working)
        keys = {}
        for person_id in people.values():
            keys[person_id] = (await daeri.identity.add_key(person_id, "bench", decides=True)).secret
    return Folder(path, "daeri.sample:hanbit", keys, people["deputy"], people["hr"])


async def large_folder(sample: Folder, path: Path, rows: int = LARGE_ROWS) -> Folder:
    """Copy a sample folder and add the large record to it."""
    copytree(sample.path, path)
    async with _Opened(company(), path) as daeri:
        for first, count in _batches(rows):
            await daeri.door.call(LOADER, "shipment.invent", {"first": first, "count": count})
    return Folder(path, "bench.company:company", sample.keys, sample.deputy, sample.outsider)


class _Opened:
    """Daeri on a folder, answering but taking up no runs."""

    def __init__(self, served: Company, path: Path) -> None:
        self._daeri = Daeri(served, Settings(dir=path, demo=True))

    async def __aenter__(self) -> Daeri:
        await self._daeri.open(working=False)
        return self._daeri

    async def __aexit__(self, *_: object) -> None:
        await self._daeri.close()


def _working(connection: Connection) -> dict[str, int]:
    """Return who works here, by login where there is one, else by id."""
    rows = connection.execute(select(Employee.id, Employee.login).where(Employee.left_on.is_(None)))
    return {row.login or str(row.id): row.id for row in rows}


def _batches(rows: int) -> Iterator[tuple[int, int]]:
    for start in range(0, rows, BATCH_MAX):
        yield start + 1, min(BATCH_MAX, rows - start)
