"""Requests of a day or a month are counted in the database: exactly, over restarts and servers, each person alone."""

import asyncio
from contextlib import asynccontextmanager
from datetime import datetime

import pytest

from daeri.clock import SEOUL
from daeri.errors import RateLimited
from daeri.gateway import Options
from daeri.operations.quotas import Quota, Quotas
from daeri.records import Actor
from gateway.gateway_house import opened

pytestmark = pytest.mark.anyio

ME = Actor(1, "김하은", credential="key_1")


@asynccontextmanager
async def limited(keyed, folder, *quotas):
    async with opened(keyed, folder, Options(), quotas=quotas) as house:
        house.world.clock.at = datetime(2026, 11, 30, 23, 0, tzinfo=SEOUL)
        yield house


async def allowed(quotas, actor=ME, tries=1000):
    for count in range(tries):
        try:
            await quotas.take(actor)
        except RateLimited:
            return count
    return tries


async def test_whoever_used_up_a_day_waits_for_the_next_and_nobody_else_does(keyed, tmp_path):
    async with limited(keyed, tmp_path, "person=3/day") as house:
        answers = [await house.get("owner", "/v1/me") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[3].headers["retry-after"] == "3600"
        assert "하루" in answers[3].json()["detail"]
        for who in ("colleague", "stranger"):
            assert (await house.get(who, "/v1/me")).status_code == 200
        house.world.clock.at = datetime(2026, 12, 1, 0, 0, tzinfo=SEOUL)
        assert (await house.get("owner", "/v1/me")).status_code == 200


async def test_a_month_ends_with_its_last_day_in_seoul(keyed, tmp_path):
    async with limited(keyed, tmp_path) as house:
        quotas = Quotas([Quota.read("key=5/month")], house.world.store, house.world.clock)
        assert await allowed(quotas) == 5
        assert await allowed(quotas, Actor(1, "김하은", credential="key_2"), 3) == 3
        house.world.clock.at = datetime(2026, 12, 31, 23, 59, tzinfo=SEOUL)
        assert await allowed(quotas) == 5
        house.world.clock.at = datetime(2027, 1, 1, tzinfo=SEOUL)
        assert await allowed(quotas, tries=2) == 2


async def test_several_servers_let_through_exactly_the_quota_and_a_restart_forgets_nothing(keyed, tmp_path):
    async with limited(keyed, tmp_path) as house:
        servers = [Quotas([Quota.read("person=450/day")], house.world.store, house.world.clock) for _ in range(3)]
        assert sum(await asyncio.gather(*[allowed(each, tries=100) for each in servers])) == 300
        await servers[0].close()
        servers[0] = Quotas([Quota.read("person=450/day")], house.world.store, house.world.clock)
        assert sum(await asyncio.gather(*[allowed(each) for each in servers])) == 150


async def test_a_killed_server_takes_at_most_what_it_had_taken_with_it(keyed, tmp_path):
    async with limited(keyed, tmp_path) as house:
        killed, other = (Quotas([Quota.read("person=1000/day")], house.world.store, house.world.clock) for _ in "ab")
        assert await allowed(killed, tries=1) == 1
        assert 990 <= await allowed(other) <= 999


async def test_many_at_once_on_one_server_are_counted_once_each(keyed, tmp_path):
    async with limited(keyed, tmp_path) as house:
        quotas = Quotas([Quota.read("person=300/day")], house.world.store, house.world.clock)
        assert sum(await asyncio.gather(*[allowed(quotas, tries=20) for _ in range(30)])) == 300


async def test_most_requests_cost_no_visit_to_the_database(keyed, tmp_path, monkeypatch):
    async with limited(keyed, tmp_path) as house:
        quotas = Quotas([Quota.read("person=10000/day")], house.world.store, house.world.clock)
        visits, note = [], house.world.store.note

        async def counted(work):
            visits.append(work)
            return await note(work)

        monkeypatch.setattr(house.world.store, "note", counted)
        assert await allowed(quotas, tries=250) == 250
        assert len(visits) == 3


@pytest.mark.parametrize("text", ["", "person", "person=0/day", "team=3/day", "key=3/week", "person=3/minute"])
def test_what_is_no_quota_is_said(text):
    with pytest.raises(ValueError, match="is no quota"):
        Quota.read(text)
