"""The sample company as the deputy meets it: built once, copied for each test."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asking import Desk
from sqlalchemy import text

from daeri.app import Daeri
from daeri.clock import FixedClock
from daeri.records import Actor
from daeri.sample import hanbit
from daeri.sample.build import build
from daeri.settings import Settings

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
"""Noon of a Saturday in Seoul."""


def _daeri(folder: Path) -> Daeri:
    return Daeri(hanbit(), Settings(dir=folder, demo=True), FixedClock(NOW))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hanbit")

    async def furnish() -> None:
        daeri = _daeri(folder)
        await daeri.open(working=False)
        await build(daeri.door, Actor.system("test"), daeri.clock, lambda *_: None)
        await daeri.close()

    asyncio.run(furnish())
    return folder


@pytest.fixture
async def hanbit_server(built: Path, tmp_path: Path) -> AsyncIterator[Daeri]:
    folder = tmp_path / "hanbit"
    shutil.copytree(built, folder)
    daeri = _daeri(folder)
    await daeri.open(working=False)
    yield daeri
    await daeri.close()


async def desk_of(daeri: Daeri, name: str) -> Desk:
    """The desk of an employee, through the company's first agent."""
    person_id = await id_of(daeri, "employee", name)
    person = await daeri.identity.actor_of_person(person_id, "test")
    return Desk(daeri.door, daeri.company.agent(None).acting_for(person), daeri.clock)


async def id_of(daeri: Daeri, table: str, name: str) -> int:
    """The id of the one row that is called so."""
    statement = text(f"SELECT id FROM {table} WHERE name = :name")
    return await daeri.store.read(lambda connection: connection.execute(statement, {"name": name}).scalar_one())


@pytest.fixture
async def deputy(hanbit_server: Daeri) -> Desk:
    return await desk_of(hanbit_server, "김하은")
