"""The company of shelf_house, over a database of the test's own."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.gateway_house import House, Keys, with_keys
from shelf.shelf_house import cards, fill, opened, served
from worlds import World


@pytest.fixture(scope="session")
def carded(furnished: Path, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The furnished database with cards in it, accounts and keys."""
    keys = with_keys(furnished, tmp_path_factory.mktemp("carded"))
    fill(keys.path, cards())
    return keys


@pytest.fixture
async def world(carded: Keys, tmp_path: Path) -> AsyncIterator[World]:
    path = tmp_path / "daeri.db"
    shutil.copy(carded.path, path)
    async with opened(path) as one:
        yield one


@pytest.fixture
async def house(carded: Keys, tmp_path: Path) -> AsyncIterator[House]:
    path = tmp_path / "daeri.db"
    shutil.copy(carded.path, path)
    async with served(path, carded) as one:
        yield one
