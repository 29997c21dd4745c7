"""한빛상사, built once through its public operations, and copied for each test."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daeri.clock import FixedClock
from daeri.operations.approval import Approvals
from daeri.operations.invoke import Door
from daeri.operations.listing import ListQuery, Shelf
from daeri.records import Actor, Record
from daeri.records.store import Store, system
from daeri.sample import hanbit
from daeri.sample.build import build
from databases import address, forget

NOW = datetime(2026, 11, 21, 5, tzinfo=UTC)


async def _built(path: Path) -> list[tuple[str, int, int]]:
    store, clock, told = Store(address(path)), FixedClock(NOW), []
    await store.create(system)
    await store.create(Record.metadata)
    await build(Door(hanbit(), store, clock), Actor.system("demo"), clock, lambda *step: told.append(step))
    await store.close()
    return told


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, int, int]]]:
    path = tmp_path_factory.mktemp("hanbit") / "hanbit.db"
    return path, asyncio.run(_built(path))


class Nobody:
    """Hears of settled documents where no run waits for one."""

    def settled(self, connection: object, settlement: object) -> None:
        """Let it be."""

    async def resume(self, run_id: str | None) -> None:
        """Let it be."""


class House:
    """The built company with its door and people to act as."""

    def __init__(self, store: Store, clock: FixedClock) -> None:
        self.company, self.store, self.clock = hanbit(), store, clock
        self.door = Door(self.company, store, clock)
        self.shelf = Shelf(self.company, store, clock)
        self.approvals = Approvals(self.company, store, clock, self.door.execute_approved, Nobody())

    async def named(self, name: str) -> Actor:
        """The person of this name, with a credential that may decide."""
        (found,) = [one for one in await self.door.mentions(Actor.system("test"), [name]) if one.record == "employee"]
        someone = await self.store.read(lambda connection: self.company.people.one(connection, found.id))
        return Actor(someone.id, someone.name, someone.team_id, someone.roles, someone.login, decides=True)

    async def ask(self, who: str, operation: str, **arguments: object):
        """What a person gets from an operation."""
        return await self.door.call(await self.named(who), operation, arguments)

    async def approve(self, approval_id: str, *people: str) -> None:
        """Let people approve a document, one after the other."""
        for who in people:
            await self.approvals.decide(await self.named(who), approval_id, "approve", "확인했어요")

    async def listed(self, who: str, kind: str, **query: object):
        """A person's page of records."""
        return await self.shelf.page(await self.named(who), kind, ListQuery(**query), "ko")


@pytest.fixture
async def house(built: tuple[Path, list[tuple[str, int, int]]], tmp_path: Path) -> AsyncIterator[House]:
    shutil.copy(built[0], tmp_path / "hanbit.db")
    store = Store(address(tmp_path / "hanbit.db"))
    yield House(store, FixedClock(NOW))
    await store.close()
    forget(tmp_path / "hanbit.db")
