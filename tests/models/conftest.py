"""A scripted model, a client for it, and connections to any other."""

import pytest

from daeri.clock import FixedClock
from daeri.models.client import ModelClient
from daeri.models.splice import Splice
from daeri.models.wire import Model
from daeri.testing.model_server import ModelServer
from models.talking import KEY, NOW


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def server():
    async with ModelServer() as running:
        yield running


@pytest.fixture
async def client():
    async with ModelClient(FixedClock(NOW)) as opened:
        yield opened


@pytest.fixture
def model(server):
    return Model("main", server.base_url, KEY, "maker/model-1", total_seconds=5, retry_wait_seconds=0.001)


@pytest.fixture
async def splice():
    opened = Splice()
    yield opened
    opened.close()
