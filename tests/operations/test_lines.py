"""Who decides? Lines found in the organisation chart, with vacant posts, leavers, leads and the same person twice."""

from typing import Any

import pytest
from sqlalchemy import Connection

from daeri.errors import Conflict, NotFound
from daeri.operations import Line, holder, superior
from daeri.operations.filing import line_body, seats_of
from daeri.wording import Text
from worlds import CHIEF, DIRECTOR, FINANCE, HR, LEAD, NAMESAKE, OTHER_LEAD, OWNER, STRANGER, World

pytestmark = pytest.mark.anyio
WHY = Text("규정", "the rule")
UP = [superior(1), superior(2), superior(3)]


async def line(world: World, drafter: int, *steps: Any) -> list[int]:
    wanted = Line(*steps, rule="r", because=WHY)

    def find(connection: Connection) -> list[int]:
        return [seat.person.id for seat in seats_of(connection, world.company.people, drafter, wanted)]

    return await world.store.read(find)


@pytest.mark.parametrize(
    ("drafter", "people"),
    [
        (OWNER, [LEAD, DIRECTOR, CHIEF]),
        (STRANGER, [OTHER_LEAD, DIRECTOR, CHIEF]),
        (LEAD, [DIRECTOR, CHIEF]),
        (DIRECTOR, [CHIEF]),
        (HR, [CHIEF]),
    ],
)
async def test_a_line_goes_up_the_chart_past_vacant_posts_and_the_drafters_own_seat(
    world: World, drafter: int, people: list[int]
) -> None:
    assert await line(world, drafter, *UP) == people


async def test_whoever_stands_at_the_top_finds_nobody_to_decide(world: World) -> None:
    with pytest.raises(Conflict, match="Nobody can approve this"):
        await line(world, CHIEF, *UP)


async def test_a_person_without_a_team_finds_nobody_to_decide(world: World) -> None:
    await world.sql("update w_employee set team_id = null where id = :me", me=OWNER)
    with pytest.raises(Conflict):
        await line(world, OWNER, *UP)


async def test_a_lead_who_left_is_passed_over(world: World) -> None:
    await world.sql("update w_employee set left_on = '2026-11-01' where id = :lead", lead=LEAD)
    assert await line(world, OWNER, *UP) == [DIRECTOR, CHIEF]


async def test_a_lead_of_two_levels_decides_once(world: World) -> None:
    await world.sql("update w_team set lead_id = :lead where id = 10", lead=LEAD)
    assert await line(world, OWNER, superior(1), superior(2)) == [LEAD, CHIEF]


async def test_the_same_person_twice_in_a_row_is_merged_and_keeps_the_later_role(world: World) -> None:
    await world.sql("""update w_employee set roles = '["finance"]' where id = :lead""", lead=LEAD)
    wanted = Line(superior(1), holder("finance", Text("재무", "Finance")), superior(2), rule="r", because=WHY)
    seats = await world.store.read(lambda connection: seats_of(connection, world.company.people, OWNER, wanted))
    assert [(step["person"]["id"], step["role"], step["status"]) for step in line_body(seats, "ko")] == [
        (LEAD, "재무", "waiting"),
        (DIRECTOR, "본부장", "upcoming"),
    ]


async def test_the_same_person_with_another_between_decides_twice(world: World) -> None:
    assert await line(world, OWNER, superior(1), superior(2), superior(1)) == [LEAD, DIRECTOR, LEAD]


async def test_a_role_is_decided_by_its_holder_wherever_they_sit(world: World) -> None:
    assert await line(world, OWNER, superior(1), holder("finance")) == [LEAD, FINANCE]


async def test_a_holder_who_left_is_not_asked(world: World) -> None:
    await world.sql("update w_employee set left_on = '2026-11-01' where id = :person", person=FINANCE)
    await world.sql("""update w_employee set roles = '["finance"]' where id = :person""", person=NAMESAKE)
    assert await line(world, OWNER, holder("finance")) == [NAMESAKE]


async def test_a_role_that_the_drafter_holds_is_decided_by_another_holder(world: World) -> None:
    await world.sql("""update w_employee set roles = '["finance"]' where id = :person""", person=NAMESAKE)
    assert await line(world, FINANCE, superior(1), holder("finance")) == [CHIEF, NAMESAKE]


async def test_a_role_that_nobody_holds_does_not_leave_the_decision_to_fewer_people(world: World) -> None:
    await world.sql("update w_employee set roles = '[]' where id = :person", person=FINANCE)
    try:
        people = await line(world, OWNER, superior(1), holder("finance"))
    except Conflict:
        return
    assert people == [LEAD, DIRECTOR]


async def test_a_drafter_who_alone_holds_the_final_role_is_decided_on_further_up(world: World) -> None:
    await world.sql("""update w_employee set roles = '["finance"]' where id = :me""", me=OWNER)
    await world.sql("update w_employee set roles = '[]' where id = :person", person=FINANCE)
    try:
        people = await line(world, OWNER, superior(1), holder("finance"))
    except Conflict:
        return
    assert people == [LEAD, DIRECTOR]


async def test_a_ring_in_the_chart_ends(world: World) -> None:
    await world.sql("update w_team set parent_id = 1 where id = 10")
    assert await line(world, OWNER, *UP) == [LEAD, DIRECTOR]


async def test_a_team_that_is_gone_ends_the_way_up(world: World) -> None:
    await world.sql("delete from w_team where id = 10")
    assert await line(world, OWNER, *UP) == [LEAD]


async def test_a_lead_who_is_not_in_the_books_is_passed_over(world: World) -> None:
    await world.sql("update w_team set lead_id = 777 where id = 1")
    try:
        assert await line(world, OWNER, *UP) == [DIRECTOR, CHIEF]
    except NotFound:
        pytest.fail("a lead that does not exist stops every request of the team")


async def test_a_drafter_who_does_not_exist_drafts_nothing(world: World) -> None:
    with pytest.raises(NotFound):
        await line(world, 777, *UP)
