"""An office whose model obeys whatever it reads: opened once for the tests of a file."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daeri.app import Daeri
from daeri.clock import FixedClock
from daeri.records import Actor
from daeri.sample import hanbit
from daeri.sample.build import build
from daeri.settings import Settings
from databases import copied, forget, settings_for
from injection.obedient import NOW, Office, office


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sample company once, without its documents."""
    folder = tmp_path_factory.mktemp("planted")

    async def furnish() -> None:
        daeri = Daeri(hanbit(), Settings(dir=folder, demo=True, **settings_for(folder)), FixedClock(NOW))
        await daeri.open(working=False)
        await build(daeri.door, Actor.system("test"), daeri.clock, lambda *_: None)
        await daeri.close()

    asyncio.run(furnish())
    return folder


@pytest.fixture(scope="module")
async def opened(built: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    """Open a copy of the company."""
    folder = copied(built, tmp_path_factory.mktemp("office") / "hanbit")
    async with office(folder) as one:
        yield one
    forget(folder)


@pytest.fixture
async def obeying(opened: Office) -> AsyncIterator[Office]:
    """Give the deputy a file and a day off, and take out what was planted."""
    await opened.furnish()
    yield opened
    await opened.clear()
