"""Does the explanation agree with what really happens? Every person of 한빛상사, every operation, a sample of rows."""

import pytest
from sqlalchemy import select

from daeri.errors import DaeriError, PermissionDenied, ValidationFailed
from daeri.operations.call import run_to_end
from daeri.operations.listing import ListQuery
from daeri.operations.policy import Policies, Question
from daeri.records import Actor
from daeri.records.access import Records
from daeri.records.trail import Trail

pytestmark = pytest.mark.anyio

ROWS = 3
NOT_AN_ARGUMENT = {"no_such_argument": 1}
SYSTEM = Actor.system("test")


@pytest.fixture
def policies(house):
    return Policies(house.door, house.store, house.clock)


async def everyone(house):
    people = house.company.people

    def look(connection):
        ids = connection.execute(select(people.person.__table__.c.id)).scalars().all()
        return [one for one in people.many(connection, ids).values() if not one.left]

    return [Actor(one.id, one.name, one.team_id, one.roles, one.login) for one in await house.store.read(look)]


async def sample(house):
    """A few rows of each type, spread over its ids; people who have left among them."""

    def look(connection):
        found = {}
        for kind, record in house.company.records.items():
            ids = connection.execute(select(record.__table__.c.id).order_by(record.__table__.c.id)).scalars().all()
            found[kind] = [ids[at * (len(ids) - 1) // (ROWS - 1)] for at in range(ROWS)] if ids else []
        left = house.company.people.person.__table__.c
        found["employee"] += connection.execute(select(left.id).where(left.left_on.is_not(None)).limit(1)).scalars()
        return found

    return await house.store.read(look)


async def door_says(house, actor, name):
    """What the door does with a call whose arguments cannot be valid: refuse the caller, or only the arguments."""
    with pytest.raises(DaeriError) as refused:
        await house.door.dry_run(actor, name, NOT_AN_ARGUMENT)
    assert isinstance(refused.value, PermissionDenied | ValidationFailed)
    return "deny" if isinstance(refused.value, PermissionDenied) else "allow"


@pytest.mark.parametrize("agent", [None, "assistant"])
async def test_every_person_may_call_exactly_the_operations_it_says(house, policies, agent):
    people = await everyone(house)
    assert len(people) == 240
    for actor in people:
        told = await policies.explain(SYSTEM, Question(actor.person_id, agent), "ko")
        said = {operation["name"]: operation["verdict"] for operation in told["operations"]}
        acting = actor if agent is None else house.company.agent(agent).acting_for(actor)
        assert set(said) == set(house.company.operations)
        assert {name for name, verdict in said.items() if verdict == "allow"} == {
            operation.name for operation in house.door.operations(acting)
        }
    for actor in people[:: len(people) // 12]:
        told = await policies.explain(SYSTEM, Question(actor.person_id), "ko")
        for operation in told["operations"]:
            assert await door_says(house, actor, operation["name"]) == operation["verdict"], operation["name"]


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.night)], ids=["every-fourth", "everyone"])
async def test_every_person_sees_exactly_the_rows_and_fields_it_says(house, policies, every):
    rows, compared = await sample(house), 0
    for actor in (await everyone(house))[::every]:
        for kind, ids in ((kind, ids) for kind, ids in rows.items() if ids):
            wanted = ListQuery(filters=[("id", "in", ",".join(map(str, ids)))])
            page = await house.shelf.page(actor, kind, wanted, "ko")
            shown = {row["id"]: row for row in page["data"]}
            for key in ids:
                told = await policies.explain(SYSTEM, Question(actor.person_id, type=kind, id=key), "ko")
                (record,) = told["records"]
                agrees(record, shown.get(key))
                compared += 1
    assert compared > 240 // every * 8 * ROWS


def agrees(record, row):
    verdicts = {field["name"]: field["verdict"] for field in record["fields"]}
    if row is None:
        assert record["rows"]["verdict"] == "deny"
        assert set(verdicts.values()) == {"hidden"}
        return
    assert record["rows"]["verdict"] == "allow"
    seen = {name for name in row if not name.startswith("_")}
    assert {name for name, verdict in verdicts.items() if verdict != "hidden"} == seen
    for verdict, reasons in (("hidden", row["_hidden"]), ("masked", row["_masked"])):
        assert {name for name, said in verdicts.items() if said == verdict} == set(reasons)
    whys = {field["name"]: field["why"] for field in record["fields"]}
    assert all(whys[name] == why for name, why in {**row["_hidden"], **row["_masked"]}.items())


async def test_people_may_change_exactly_the_rows_it_says(house, policies):
    rows, people = await sample(house), await everyone(house)
    outcomes = set()
    for actor in people[::8]:
        for kind, ids in rows.items():
            for key in ids:
                told = await policies.explain(SYSTEM, Question(actor.person_id, type=kind, id=key), "ko")
                verdict = told["records"][0]["change"]["verdict"]
                assert await may_write(house, actor, house.company.records[kind], key) == (verdict == "allow")
                outcomes.add(verdict)
    assert outcomes == {"allow", "deny"}


async def may_write(house, actor, record, key):
    def attempt(connection):
        records = Records(connection, house.company.rules, actor, Trail())

        async def write():
            return await records.change(await records.get(record, key))

        savepoint = connection.begin_nested()
        try:
            run_to_end(write())
        except DaeriError:
            return False
        finally:
            savepoint.rollback()
        return True

    return await house.store.write(attempt)
