"""Does a run that an older version of the company's code began come to its end on the newer one?"""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel
from sqlalchemy import text

from daeri.app import Daeri
from daeri.operations import Catalog, Company
from daeri.operations.operation import anyone
from daeri.records import Actor, Records
from daeri.sample import hanbit
from daeri.settings import Settings
from daeri.testing.model_server import Asked, ModelServer, calls, says
from daeri.wording import Text
from databases import settings_for

pytestmark = pytest.mark.anyio

LEAVE = Asked("leave__request", {"start": "2027-01-14", "end": "2027-01-15"})


class Figure(BaseModel):
    """A figure."""

    value: str


def company(*, is_old: bool) -> Company:
    """The sample company; the old one has an operation that the new one has no more."""
    sample = hanbit()
    if not is_old:
        return sample
    catalog = Catalog("past", Text("옛것", "Past"))

    @catalog.read(label=Text("옛 휴가 수치", "A figure of leave as it was"), allow=anyone)
    async def figure(records: Records) -> Figure:
        """Tell an old figure of leave requests."""
        del records
        return Figure(value="1")

    return replace(sample, catalogs=[*sample.catalogs, catalog])


async def test_a_run_goes_on_with_newer_code_and_hears_that_what_it_planned_is_gone(
    built: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "hanbit"
    shutil.copytree(built, folder)
    async with ModelServer() as model:
        model.when("휴가", calls(LEAVE, Asked("past__figure", {})), says("올렸고, 옛 수치는 이제 없어요."))
        settings = Settings(dir=folder, model_url=model.base_url, model="m", **settings_for(folder))
        async with Daeri(company(is_old=True), settings) as old:
            deputy, lead = [await _person(old, name) for name in ("김하은", "박서연")]
            run = await old.runs.create(deputy, "휴가 올리고 옛 수치도 알려줘")
            waiting = await old.runs.wait(deputy, run["run_id"], 20)
            assert waiting["status"] == "waiting_approval", waiting
        async with Daeri(company(is_old=False), settings) as new:
            (approval_id,) = waiting["approvals"]
            await new.approvals.decide(replace(lead, decides=True), approval_id, "approve")
            ended = await new.runs.wait(deputy, run["run_id"], 20)
            booked = text("SELECT count(*) FROM leave WHERE employee_id = :me AND start_on = '2027-01-14'")
            count = await new.store.read(lambda it: it.execute(booked, {"me": deputy.person_id}).scalar_one())
    assert (ended["status"], ended["answer"]) == ("succeeded", "올렸고, 옛 수치는 이제 없어요."), ended
    outcomes = {step["name"]: step["status"] for step in ended["steps"] if step["kind"] == "execute"}
    assert outcomes == {"leave.request": "done", "past.figure": "refused"}
    assert count == 1


async def _person(daeri: Daeri, name: str) -> Actor:
    people = await daeri.door.mentions(Actor.system("test"), [name])
    return await daeri.identity.actor_of_person(people[0].id, "rest")
