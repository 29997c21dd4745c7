"""The sample company as the deputy meets it: built once, copied for each test."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.asking import Desk, desk_of
from daeri.app import Daeri
from daeri.clock import FixedClock
from daeri.records import Actor
from daeri.sample import hanbit
from daeri.sample.build import build
from daeri.settings import Settings
from databases import forget, settings_for

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
"""Noon of a Saturday in Seoul."""


def _daeri(folder: Path) -> Daeri:
    return Daeri(hanbit(), Settings(dir=folder, demo=True, **settings_for(folder)), FixedClock(NOW))


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
    forget(folder)


@pytest.fixture(scope="session")
async def shared(built: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Daeri]:
    """One server for the questions that change nothing."""
    folder = tmp_path_factory.mktemp("shared") / "hanbit"
    shutil.copytree(built, folder)
    daeri = _daeri(folder)
    await daeri.open(working=False)
    yield daeri
    await daeri.close()
    forget(folder)


@pytest.fixture
async def deputy(hanbit_server: Daeri) -> Desk:
    return await desk_of(hanbit_server, "김하은")
