"""Do figures of personal fields tell about single people? Small groups, totals and differences are withheld."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func

from daeri.errors import PermissionDenied
from gateway.gateway_house import Keys
from shelf.shelf_house import Card, declared, opened
from worlds import HR, OWNER, World

pytestmark = pytest.mark.anyio


async def hr(world: World, look: Any) -> Any:
    return await world.see(await world.actor(HR), look)


def ages(*where: Any) -> Any:
    return lambda records: records.sum(Card.age, *where)


def by_city(*where: Any) -> Any:
    return lambda records: records.group(Card.city, measures={"age": func.sum(Card.age)}, where=where)


async def test_a_figure_of_enough_people_is_told(world: World) -> None:
    assert await hr(world, ages()) == sum(range(21, 31))


@pytest.mark.parametrize("people", [0, 1, 4])
async def test_a_figure_of_fewer_than_five_people_is_refused(world: World, people: int) -> None:
    with pytest.raises(PermissionDenied, match="fewer than 5 people"):
        await hr(world, ages(Card.id <= people))


async def test_a_count_by_a_personal_condition_is_refused_too(world: World) -> None:
    with pytest.raises(PermissionDenied):
        await hr(world, lambda records: records.count(Card, Card.age > 29))
    assert await hr(world, lambda records: records.count(Card, Card.age > 24)) == 6


async def test_figures_of_other_fields_are_told_of_anyone(world: World) -> None:
    assert await hr(world, lambda records: records.count(Card, Card.id == 1)) == 1
    grouped = await hr(world, lambda records: records.group(Card.id, measures={"n": func.count()}))
    assert (len(grouped), grouped.withheld) == (10, 0)


async def test_small_groups_are_left_out_and_another_so_that_a_total_does_not_tell(world: World) -> None:
    grouped = await hr(world, by_city())  # six in 서울, four in 부산: the four are the total less the six
    assert (list(grouped), grouped.withheld) == ([], 2)


async def test_small_groups_alone_are_left_out_where_they_are_many(world: World) -> None:
    await world.sql("UPDATE s_card SET city = '대구' WHERE id <= 5")
    grouped = await hr(world, by_city())
    assert [(row.city, row.age) for row in grouped] == [("대구", sum(range(21, 26)))]
    assert grouped.withheld == 2


async def test_a_group_for_each_person_is_nothing(world: World) -> None:
    grouped = await hr(world, lambda records: records.group(Card.age, measures={"n": func.count()}))
    assert (list(grouped), grouped.withheld) == ([], 10)


async def test_all_less_one_does_not_tell_about_the_one(world: World) -> None:
    await hr(world, ages())
    for where in (Card.id != 1, Card.age != 21, Card.id > 3):
        with pytest.raises(PermissionDenied):
            await hr(world, ages(where))
    assert await hr(world, ages(Card.id > 5)) == sum(range(26, 31))


async def test_a_row_more_of_the_same_people_does_not_tell_about_its_person(world: World) -> None:
    await world.sql(
        "INSERT INTO s_card (id, version, employee_id, name, nick, phone, grade, city, age)"
        " VALUES (11, 1, 1, '김하은', '', '', 0, '서울', 77)"
    )
    await hr(world, ages(Card.id <= 10))
    with pytest.raises(PermissionDenied):
        await hr(world, ages(Card.id <= 11))


async def test_groups_told_do_not_add_up_to_a_total_less_one(world: World) -> None:
    await world.sql("UPDATE s_card SET city = CASE WHEN id <= 5 THEN '대구' ELSE '부산' END")
    assert (await hr(world, by_city())).withheld == 0
    with pytest.raises(PermissionDenied):
        await hr(world, ages(Card.id != 10))
    with pytest.raises(PermissionDenied):
        await hr(world, ages(Card.id.in_([1, 2, 3, 4, 6])))


async def test_another_person_is_not_bound_by_what_was_told_to_the_first(world: World) -> None:
    await hr(world, ages())
    team = await world.see(await world.actor(OWNER), lambda records: records.count(Card))
    assert team == 4


async def test_asking_the_same_again_is_answered_again(world: World) -> None:
    for _ in range(3):
        assert await hr(world, ages()) == sum(range(21, 31))


async def test_the_least_number_is_the_companys_to_set(carded: Keys, tmp_path: Path) -> None:
    shutil.copy(carded.path, tmp_path / "daeri.db")
    async with opened(tmp_path / "daeri.db", declared(k_min=2)) as world:
        assert await hr(world, ages(Card.id <= 2)) == 43
        with pytest.raises(PermissionDenied, match="fewer than 2"):
            await hr(world, ages(Card.id <= 1))


async def test_what_cannot_be_stopped_three_figures_together_tell_about_two_people(world: World) -> None:
    """The honest limit: sets that differ by five people each still add up to a figure of fewer."""
    first = await hr(world, ages(Card.id.in_([1, 2, 3, 4, 5])))
    second = await hr(world, ages(Card.id.in_([1, 2, 6, 7, 8])))
    third = await hr(world, ages(Card.id.in_([3, 4, 5, 6, 7, 8])))
    assert (first + second - third) / 2 == 21 + 22
