"""What may every test ask for? One event loop library, and a small company with an owner, a colleague, a stranger."""

import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import daeri.library  # noqa: F401 - before numpy: it says how many threads numpy may take
import databases
import servers
import warm
from worlds import World, furnish, open_world

# A worker holds much that never becomes garbage; to look it all over again and again is slow.
gc.set_threshold(50_000, 20, 100)

settings.register_profile("daeri", deadline=None, database=None, print_blob=True)
settings.load_profile("daeri")


warm.warm()


def pytest_sessionfinish() -> None:
    databases.stop()
    warm.stop()


@pytest.fixture(autouse=True, scope="module")
def _cells(request: pytest.FixtureRequest) -> Iterator[None]:
    """Own processes for reading files where they themselves are what is tested."""
    is_own = request.module.__name__.rpartition(".")[2] in warm.MODULES_WITH_OWN_CELLS
    if is_own:
        warm.own_cells()
    yield
    warm.warm()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def read_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `daeri demo` whose documents are read; for all workers on SQLite, for this one on PostgreSQL."""
    here = tmp_path_factory.getbasetemp()
    is_shared = "PYTEST_XDIST_WORKER" in os.environ and not databases.POSTGRES
    return servers.demo_with_documents(here.parent if is_shared else here)


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the company's people and rows, copied by each test."""
    return furnish(tmp_path_factory.mktemp("world") / "daeri.db")


@pytest.fixture
async def world(furnished: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(furnished, tmp_path) as opened:
        yield opened
