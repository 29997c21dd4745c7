"""A field with a mask: told as masked by its example, expected as masked, and part of what an edited rule changes."""

import pytest

from daeri.operations import Company
from daeri.operations.policy import Policies, Question
from daeri.records import visible_to
from worlds import AGENTS, COLLEAGUE, HR, OWNER, ROLES, Employee, build, company, work

pytestmark = pytest.mark.anyio

MASKED = visible_to("self", "hr", mask="0**0")


@pytest.fixture
def world(world, monkeypatch):
    """The small company, declared anew with a mask on the English names: rules keep what they made of the old ones."""
    info = Employee.__table__.c.english_name.info
    for name, value in MASKED.items():
        monkeypatch.setitem(info, name, value)
    return build(world.store, Company(company.name, [work], AGENTS, ROLES))


@pytest.fixture
def policies(world):
    return Policies(world.door, world.store, world.clock)


async def verdict(world, policies, asker, row):
    told = await policies.explain(await world.actor(asker), Question(asker, type="w_employee", id=row), "ko")
    return next(one for one in told["records"][0]["fields"] if one["name"] == "english_name")


async def test_it_is_own_visible_or_masked(world, policies):
    assert (await verdict(world, policies, OWNER, OWNER))["verdict"] == "own"
    assert (await verdict(world, policies, HR, OWNER))["verdict"] == "visible"
    masked = await verdict(world, policies, COLLEAGUE, OWNER)
    assert (masked["verdict"], masked["mask"]) == ("masked", "0**0")
    assert masked["needs"] == [{"role": "hr", "label": "인사 담당"}]
    row = await world.shelf.get(await world.actor(COLLEAGUE), "w_employee", OWNER, "ko")
    assert set(row["_masked"]) == {"english_name"}
    assert row["english_name"] not in str(masked)


async def test_it_is_expected_as_masked(world, policies):
    await world.identity.add_account("colleague", COLLEAGUE, demo=True)
    case = {"person": "colleague", "type": "w_employee", "id": OWNER, "field": "english_name"}
    outcomes = await policies.test([{**case, "expect": "masked"}, {**case, "expect": "hidden"}], "ko")
    assert [outcome.passed for outcome in outcomes] == [True, False]
