"""Is what costs much read once for whoever asks the same with the same rights, and never told to anybody else?"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ColumnElement, false, true

from daeri.errors import DeclarationError, PermissionDenied, RateLimited, Refused
from daeri.operations import Catalog, Ref, anyone, having
from daeri.operations.answers import CHARACTERS_MAX, Answers, Asked
from daeri.operations.invoke import Door
from daeri.operations.limits import Limit, Limiter
from daeri.operations.operation import CACHE_SECONDS_MAX
from daeri.operations.outcome import Done
from daeri.operations.provenance import Origins
from daeri.records import Actor, Records
from daeri.records.trail import Trail
from daeri.wording import Text
from worlds import (
    COLLEAGUE,
    HR,
    LEAD,
    OTHER_LEAD,
    OWNER,
    STRANGER,
    Department,
    Employee,
    Leave,
    Said,
    World,
    open_world,
)

pytestmark = pytest.mark.anyio

LABEL = Text("세기", "Count")
care = Catalog("care", Text("돌봄", "Care"))
made: list[str] = []
"""The operations whose functions ran."""


@care.changes(Department)
def hr_appoints(actor: Actor) -> ColumnElement[bool]:
    """HR says who leads a team."""
    return true() if actor.has("hr") else false()


@care.read(label=LABEL, allow=anyone, cache_seconds=60)
async def leaves(records: Records) -> Said:
    """How many leaves one sees."""
    made.append("leaves")
    return Said(value=str(await records.count(Leave)))


@care.read(label=LABEL, allow=anyone, cache_seconds=60)
async def salary(records: Records, employee: Ref[Employee]) -> Said:
    """What a person earns."""
    made.append("salary")
    return Said(value=str((await records.get(Employee, employee)).salary))


@care.read(label=LABEL, allow=having("hr"), cache_seconds=60)
async def people(records: Records) -> Said:
    """How many people there are."""
    made.append("people")
    return Said(value=str(await records.count(Employee)))


@care.read(label=LABEL, allow=anyone, cache_seconds=60)
async def refuses(records: Records) -> Said:
    """Refuse."""
    del records
    made.append("refuses")
    raise Refused(Text("안 돼요", "No"))


@care.write(label=Text("팀장 임명", "Appoint"), allow=having("hr"))
async def appoint(records: Records, department: Ref[Department], employee: Ref[Employee]) -> Said:
    """Say who leads a team."""
    row = await records.change(await records.get(Department, department), lead_id=employee)
    return Said(value=row.name)


@care.write(label=Text("정리", "Tidy"), allow=having("hr"))
async def tidy(records: Records) -> Said:
    """Change what is no record of the company's own, as operations on company files do."""
    del records
    return Said(value="")


@pytest.fixture
async def world(furnished: Path, tmp_path: Path) -> AsyncIterator[World]:
    made.clear()
    async with open_world(furnished, tmp_path, care) as opened:
        await opened.sql(
            "INSERT INTO w_leave (employee_id, start, days, reason, version) VALUES (1, '2026-12-01', 100, '', 1)"
        )
        yield opened


async def count(world: World, person: int, **more: Any) -> Done:
    return await world.done(await world.actor(person, **more), "care.leaves", {})


async def test_the_same_is_read_once_and_says_how_old_it_is(world: World) -> None:
    first, again = [await count(world, OWNER) for _ in range(2)]
    assert made == ["leaves"]
    assert (first.result, first.age, again.age) == ({"value": "1"}, None, 0)
    assert replace(again, age=None) == first
    assert again.body()["age"] == 0
    assert "age" not in first.body()


async def test_each_call_is_counted_and_written_down_with_what_it_told(world: World) -> None:
    world.door._limiter = Limiter([Limit.read("operation:care.salary=2/minute")])
    owner = await world.actor(OWNER)
    done = [await world.done(owner, "care.salary", {"employee": OWNER}) for _ in range(2)]
    with pytest.raises(RateLimited):
        await world.done(owner, "care.salary", {"employee": OWNER})
    assert made == ["salary"]
    assert done[0].sources == done[1].sources
    assert done[1].sources[0]["classes"] == ["personal"]
    first, again, refused = (await world.audited())[-3:]
    assert (first["outcome"], again["outcome"], refused["outcome"]) == ("done", "done", "refused")
    for name in ("action", "records", "arguments_digest", "person_id", "door"):
        assert first[name] == again[name]
    assert again["detail"] == {**first["detail"], "age": 0}
    assert first["detail"]["personal"] == ["w_employee.salary"]
    assert first["detail"]["people"] == [OWNER]


async def test_nobody_is_given_what_another_person_was_told(world: World) -> None:
    told = {
        who: (await count(world, who)).result["value"] for who in (LEAD, OWNER, COLLEAGUE, STRANGER) for _ in range(2)
    }
    assert told == {LEAD: "1", OWNER: "1", COLLEAGUE: "0", STRANGER: "0"}
    assert len(made) == 4


async def test_what_was_told_as_the_person_is_not_told_to_their_agent_nor_the_other_way(world: World) -> None:
    await count(world, OWNER)
    for agent in ("assistant", "reader"):
        assert (await world.done(await world.deputy(OWNER, agent), "care.leaves", {})).age is None
    assert (await count(world, OWNER, scopes=(("read",),))).age is None
    assert (await count(world, OWNER)).age == 0


@pytest.mark.parametrize(
    "name", [field.name for field in fields(Actor) if field.name not in ("door", "credential", "root", "goes_on")]
)
def test_all_that_an_actor_is_decides_what_they_are_given(name: str) -> None:
    actor = Actor(OWNER, "김하은")
    other = {"roles": frozenset({"hr"}), "scopes": (("read",),), "beside": ("x",), "decides": True, "everything": True}
    assert replace(actor, **{name: other.get(name, 99)}).authority != actor.authority


async def test_a_role_that_was_taken_ends_what_it_let_see(world: World) -> None:
    assert (await world.done(await world.actor(HR), "care.people", {})).result == {"value": "12"}
    assert (await count(world, HR)).result == {"value": "1"}
    await world.sql("UPDATE w_employee SET roles = '[]' WHERE id = :id", id=HR)
    hr = await world.actor(HR)
    with pytest.raises(PermissionDenied):
        await world.done(hr, "care.people", {})
    told = await world.done(hr, "care.leaves", {})
    assert (told.result, told.age) == ({"value": "0"}, None)


async def test_a_right_that_hangs_on_a_row_ends_with_the_row(world: World) -> None:
    assert (await count(world, LEAD)).result == {"value": "1"}
    assert (await count(world, LEAD)).age == 0
    await world.done(await world.actor(HR), "care.appoint", {"department": 1, "employee": OTHER_LEAD})
    told = await count(world, LEAD)
    assert (told.result, told.age) == ({"value": "0"}, None)
    assert (await count(world, OTHER_LEAD)).result == {"value": "1"}


async def test_what_others_only_read_forgets_nothing_and_an_approved_write_does(world: World) -> None:
    await count(world, OWNER)
    await world.done(await world.actor(COLLEAGUE), "work.find", {"employee": COLLEAGUE})
    held = await world.held(await world.actor(OWNER), "work.request", {"start": "2026-12-24"})
    assert (await count(world, OWNER)).age == 0
    await world.approvals.decide(await world.actor(LEAD), held.approval_id, "approve", None)
    told = await count(world, OWNER)
    assert (told.result, told.age) == ({"value": "2"}, None)


async def test_a_change_by_another_server_forgets_here_too(world: World) -> None:
    await count(world, LEAD)
    another = Door(world.company, world.store, world.clock)
    await another.call(await world.actor(HR), "care.appoint", {"department": 1, "employee": OTHER_LEAD})
    assert (await another.call(await world.actor(LEAD), "care.leaves", {})).body()["result"] == {"value": "0"}
    assert (await count(world, LEAD)).result == {"value": "0"}


async def test_a_write_that_names_no_rows_forgets_too(world: World) -> None:
    await count(world, OWNER)
    await world.done(await world.actor(HR), "care.tidy", {})
    assert (await count(world, OWNER)).age is None


async def test_other_arguments_another_language_and_another_day_are_not_the_same(world: World) -> None:
    hr = await world.actor(HR)
    said = [
        (await world.done(hr, "care.salary", {"employee": who}, lang=lang)).say
        for who in (1, 2)
        for lang in ("ko", "en")
    ]
    assert said == ["47000001이에요.", "It is 47000001.", "39000002이에요.", "It is 39000002."]
    assert (await world.done(hr, "care.salary", {"employee": "김하은"})).age == 0, "a name is the row that it names"
    world.clock.at += timedelta(days=1)
    assert (await world.done(hr, "care.salary", {"employee": 1})).age is None


async def test_an_answer_is_never_given_when_its_time_is_over(world: World) -> None:
    now = [100.0]
    world.door._answers = Answers(now=lambda: now[0])
    for seconds, age in ((0, None), (59.5, 59), (0.4, 59), (0.1, None), (1, 1)):
        now[0] += seconds
        assert (await count(world, OWNER)).age == age


async def test_those_who_ask_the_same_at_once_wait_for_one_answer_and_each_has_a_row(world: World) -> None:
    owner = await world.actor(OWNER)
    told = await asyncio.gather(*[world.done(owner, "care.leaves", {}) for _ in range(8)])
    assert [each.result for each in told] == [{"value": "1"}] * 8
    assert made == ["leaves"]
    assert sum(row["action"] == "care.leaves" for row in await world.audited()) == 8


async def test_a_refusal_is_not_remembered_and_nobody_waits_for_it_in_line(world: World) -> None:
    owner = await world.actor(OWNER)
    told = await asyncio.gather(*[world.door.call(owner, "care.refuses", {}) for _ in range(3)], return_exceptions=True)
    assert [type(each) for each in told] == [Refused] * 3
    assert len(made) == 3


async def test_what_is_given_out_can_be_changed_by_nobody_for_the_next_one(world: World) -> None:
    for _ in range(3):
        done = await count(world, OWNER)
        assert done.result == {"value": "1"}
        done.result["value"] = "0"
        done.sources.clear()


async def test_a_dry_run_is_carried_out_each_time(world: World) -> None:
    for _ in range(2):
        await world.door.dry_run(await world.actor(OWNER), "care.leaves", {})
        assert (await count(world, OWNER)).age in (None, 0)
    assert made == ["leaves"]


async def test_what_is_remembered_is_bounded() -> None:
    answers, long = Answers(), Done("a", {"value": "긴 답 " * (CHARACTERS_MAX // 100)}, None, [], [], 0.0)
    for number in range(20):
        await answers.keep(Asked(str(number), "a", 60, is_shared=False, at=answers._kept.now()), long, Trail())
    assert answers._kept.size <= CHARACTERS_MAX
    kept = [await answers.find(Asked(str(number), "a", 60, is_shared=False, at=0)) is not None for number in (0, 19)]
    assert kept == [False, True]


async def test_what_tells_of_company_files_is_not_remembered_as_they_change_beside_the_audit() -> None:
    answers, asked = Answers(), Asked("k", "a", 60, is_shared=False, at=0.0)
    await answers.keep(asked, Done("a", {}, None, [], [], 0.0), Trail(levels={"internal"}))
    assert await answers.find(asked) is None


def test_only_what_reads_may_be_remembered_and_not_for_ever() -> None:
    catalog = Catalog("test", Text("시험", "Test"))
    for seconds in (0, -1, CACHE_SECONDS_MAX + 1):
        with pytest.raises(DeclarationError, match="cache_seconds"):
            catalog.read(label=LABEL, allow=anyone, cache_seconds=seconds)(leaves)
    with pytest.raises(DeclarationError, match="changes something"):
        replace(care.operations["care.appoint"], cache_seconds=60)

    async def swayed(records: Records, origins: Origins) -> Said:
        """Answer by what was read before."""
        del records
        return Said(value=str(origins))

    with pytest.raises(DeclarationError, match="Origins"):
        catalog.read(label=LABEL, allow=anyone, cache_seconds=60)(swayed)
