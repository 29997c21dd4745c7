"""Is a run given up because its server was stopped, or could not start, again and again? Only where it is at fault."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from daeri.app import Daeri
from daeri.errors import NotReady
from daeri.records import Actor
from daeri.records.anchors import Anchors
from daeri.sample import hanbit
from daeri.settings import Settings
from daeri.testing.model_server import ModelServer, says, silent
from databases import settings_for

pytestmark = pytest.mark.anyio

MOST = 2


class Place:
    """A data folder, over which servers are started one after another."""

    def __init__(self, folder: Path, model: ModelServer) -> None:
        self.folder, self.model = folder, model

    def server(self) -> Daeri:
        return Daeri(hanbit(), Settings(dir=self.folder, model_url=self.model.base_url, model="m", **self.more))

    @property
    def more(self) -> dict[str, Any]:
        return settings_for(self.folder)


@pytest.fixture
async def place(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("daeri.agent.executor.ATTEMPTS_MAX", MOST)
    shutil.copytree(built, tmp_path / "hanbit")
    async with ModelServer() as model:
        yield Place(tmp_path / "hanbit", model)


async def owner(daeri: Daeri) -> Actor:
    found = await daeri.door.mentions(Actor.system("test"), ["김하은"])
    return await daeri.identity.actor_of_person(int(found[0].id), "rest")


async def attempts(daeri: Daeri) -> int:
    return int(await daeri.store.read(lambda visit: visit.execute(text("SELECT attempts FROM run")).scalar_one()))


async def begun(place: Place) -> str:
    """A run whose model was asked when its server was stopped."""
    place.model.always(silent())
    async with place.server() as daeri:
        run = await daeri.runs.create(await owner(daeri), "휴가 며칠 남았어?")
        await place.model.request(0)
    return str(run["run_id"])


async def test_a_run_goes_on_however_often_its_server_was_stopped_meanwhile(place: Place) -> None:
    run_id = await begun(place)
    for number in range(1, MOST + 3):
        async with place.server(), asyncio.timeout(10):
            await place.model.request(number)
    place.model.always(says("7.5일 남았어요."))
    async with place.server() as daeri:
        run = await daeri.runs.wait(await owner(daeri), run_id, 20)
    assert (run["status"], run["error"]) == ("succeeded", None)


async def test_a_server_that_may_not_start_takes_up_no_run(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await begun(place)

    async def open_(_: Anchors) -> None:
        raise NotReady

    monkeypatch.setattr(Anchors, "open", open_)
    daeri = place.server()
    before = len(place.model.requests)
    with pytest.raises(NotReady):
        await daeri.open()
    assert (await attempts(daeri), daeri.engine._active) == (0, {})
    await daeri.close()
    assert len(place.model.requests) == before
