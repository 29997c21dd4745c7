"""The sample company with its documents brought in and read: built once, copied for each test."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daeri.app import Daeri
from daeri.clock import FixedClock
from daeri.records import Actor
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Workbench
from daeri.sample import hanbit
from daeri.sample.build import build
from daeri.sample.papers.bring import bring
from daeri.settings import Settings
from databases import copied, forget, settings_for

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def _daeri(folder: Path) -> Daeri:
    return Daeri(hanbit(), Settings(dir=folder, demo=True, **settings_for(folder)), FixedClock(NOW))


async def read_due(daeri: Daeri) -> None:
    """Carry the runs that read files to their end, as the engine would."""
    bench = Workbench(daeri.store, daeri.clock, Wakeups())
    for run_id, segment in await daeri.runs.dispatch.due():
        work = await bench.claim(run_id, segment)
        assert work is not None
        await daeri.librarian.work(work, bench)


@pytest.fixture(scope="session")
def furnished_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")

    async def furnish() -> None:
        daeri = _daeri(folder)
        await daeri.open(working=False)
        await build(daeri.door, Actor.system("test"), daeri.clock, lambda *_: None)
        await bring(daeri.librarian, daeri.door, daeri.shelf, daeri.clock)
        await read_due(daeri)
        daeri.librarian.close()
        await daeri.close()

    asyncio.run(furnish())
    return folder


@pytest.fixture
async def hanbit_library(furnished_library: Path, tmp_path: Path) -> AsyncIterator[Daeri]:
    folder = copied(furnished_library, tmp_path / "hanbit")
    daeri = _daeri(folder)
    await daeri.open(working=False)
    yield daeri
    daeri.librarian.close()
    await daeri.close()
    forget(folder)
