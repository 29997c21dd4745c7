"""Does only what holds at the instant of the act count, not what held when the request came in?"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from approvals.house import House, line, opened, states
from daeri.clock import FixedClock
from daeri.errors import DaeriError, NotFound, PermissionDenied
from daeri.operations import Form, Limit, holder, superior
from daeri.operations.approval import More
from daeri.operations.deciding.consents import Wish
from daeri.records import Actor
from worlds import COLLEAGUE, DIRECTOR, FINANCE, HR, LEAD, OTHER_LEAD, OWNER

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(furnished: Path, tmp_path: Path) -> AsyncIterator[House]:
    form = Form(line(superior(1), holder("finance")), consent=Limit())
    async with opened(furnished, tmp_path, form) as made:
        yield made


async def admin(house: House) -> Actor:
    await house.world.sql("update w_employee set roles = '[\"admin\"]' where id = :id", id=HR)
    return await house.world.actor(HR)


async def lose(house: House, how: str, person: int) -> None:
    told = {"role": "roles = '[]'", "leaves": "left_on = '2026-11-20'"}[how]
    await house.world.sql(f"update w_employee set {told} where id = :id", id=person)


@pytest.mark.parametrize("how", ["role", "leaves"])
async def test_an_administrator_of_a_moment_ago_replaces_nobody(house: House, how: str) -> None:
    before, key = await admin(house), await house.file()
    await house.world.sql("update w_employee set left_on = '2026-11-20' where id = :id", id=LEAD)
    await lose(house, how, HR)
    more = More(people=[DIRECTOR], position=1)
    with pytest.raises(DaeriError) as refused:
        await house.world.approvals.decide(before, key, "replace", "퇴사", more=more)
    assert refused.value.status in (403, 404)
    assert states(await house.show(OWNER, key))[0] == (LEAD, "waiting")


@pytest.mark.parametrize("how", ["role", "leaves"])
async def test_an_administrator_of_a_moment_ago_sets_and_ends_no_absence(house: House, how: str) -> None:
    before, now = await admin(house), house.world.clock.now()
    period: Any = {"starts_at": now, "ends_at": now + timedelta(days=1)}
    set_before = await house.absences.set(await house.world.actor(FINANCE), deputy_id=COLLEAGUE, **period)
    await lose(house, how, HR)
    with pytest.raises(PermissionDenied):
        await house.absences.set(before, person_id=LEAD, deputy_id=OTHER_LEAD, **period)
    with pytest.raises((PermissionDenied, NotFound)):
        await house.absences.end(before, set_before["absence_id"])
    assert [each["active"] for each in await house.absences.shown(await house.world.actor(FINANCE))] == [True]


@pytest.mark.parametrize("ended", ["key", "person"])
async def test_nobody_consents_or_files_by_a_right_that_is_gone(house: House, ended: str) -> None:
    made = await house.world.identity.add_key(LEAD, "곧 끝나요", decides=True)
    lead = replace(await house.world.actor(LEAD), credential=made.id)
    if ended == "key":
        await house.world.sql("update api_key set revoked_at = '2026-11-20' where id = :id", id=made.id)
    else:
        await lose(house, "leaves", LEAD)
    wish = Wish("paper.add", ends_at=house.world.clock.now() + timedelta(days=1), count=1, rows=1)
    with pytest.raises(PermissionDenied):
        await house.consents.grant(lead, wish)
    with pytest.raises(PermissionDenied):
        await house.world.door.call(lead, "paper.add", {"name": "몰래"})
    assert await house.world.sql("select id from approval") == []


@pytest.mark.parametrize("through", ["person", "agent"])
async def test_a_direct_write_needs_the_role_when_it_is_made(house: House, through: str) -> None:
    await house.world.sql("update w_employee set roles = '[\"hr\"]' where id = :id", id=COLLEAGUE)
    actor = await (house.world.actor(COLLEAGUE) if through == "person" else house.world.deputy(COLLEAGUE))
    assert actor.has("hr")
    await lose(house, "role", COLLEAGUE)
    with pytest.raises(PermissionDenied):
        await house.world.door.call(actor, "work.farewell", {"employee": OWNER})


async def test_an_act_bears_the_instant_at_which_its_right_was_read(house: House) -> None:
    world, key = house.world, await house.file()
    end = world.clock.now() + timedelta(minutes=1)
    await house.absences.set(await world.actor(LEAD), deputy_id=OTHER_LEAD, starts_at=world.clock.now(), ends_at=end)
    actor, running = await world.actor(OTHER_LEAD), Running(world.clock)
    for part in (world.approvals, world.approvals._authority):
        part._clock = running
    await world.approvals.decide(actor, key, "approve")
    (act,) = await world.sql("select at from approval_act where act = 'approve'")
    assert str(act["at"])[:19] == f"{end - timedelta(minutes=1):%F %T}"


class Running(FixedClock):
    """A clock that goes on by five minutes whenever someone looks at it."""

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(clock.at - timedelta(minutes=5))

    def now(self) -> Any:
        self.at += timedelta(minutes=5)
        return super().now()
