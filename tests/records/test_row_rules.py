"""Who sees and changes which rows? Each rule tried as the owner, a colleague, a stranger and HR."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import ColumnElement, Connection, func, true

from daeri.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from daeri.operations.call import run_to_end
from daeri.operations.listing import ListQuery
from daeri.records import Actor, Records
from daeri.records.rules import Rules
from daeri.records.trail import Trail
from worlds import COLLEAGUE, HR, LEAD, OWNER, STRANGER, Employee, Leave, Project, Vault, World, team_projects

pytestmark = pytest.mark.anyio


def leave_of(person_id: int, day: int = 1) -> Leave:
    return Leave(employee_id=person_id, start=date(2026, 12, day), days=Decimal(1))


async def names(world: World, person_id: int) -> set[str]:
    rows = await world.see(await world.actor(person_id), lambda records: records.find(Employee))
    return {row.name for row in rows}


async def test_a_person_finds_their_own_team_and_nobody_else(world: World) -> None:
    assert await names(world, OWNER) == {"김하은", "김민준", "박서연", "강지호"}
    assert await names(world, STRANGER) == {"이서준", "윤서아", "김도현"}


async def test_hr_finds_everyone(world: World) -> None:
    assert len(await names(world, HR)) == 12


async def test_counting_counts_only_what_one_may_see(world: World) -> None:
    assert await world.see(await world.actor(OWNER), lambda records: records.count(Employee)) == 4


async def test_summing_sums_only_what_one_may_see(world: World) -> None:
    assert await world.see(await world.actor(OWNER), lambda records: records.sum(Project.cost)) == 400
    assert await world.see(await world.actor(STRANGER), lambda records: records.sum(Project.cost)) == 500


async def test_grouping_groups_only_what_one_may_see(world: World) -> None:
    rows = await world.see(
        await world.actor(OWNER),
        lambda records: records.group(Project.team_id, measures={"most": func.max(Project.cost)}),
    )
    assert [(row.team_id, row.most) for row in rows] == [(1, 300)]


async def test_a_hidden_row_answers_like_a_missing_one(world: World) -> None:
    stranger = await world.actor(STRANGER)
    with pytest.raises(NotFound) as hidden:
        await world.see(stranger, lambda records: records.get(Employee, OWNER))
    with pytest.raises(NotFound) as missing:
        await world.see(stranger, lambda records: records.get(Employee, 999_999))
    assert hidden.value.problem("ko") == missing.value.problem("ko")


async def test_the_shelf_hides_rows_in_the_same_words_as_missing_ones(world: World) -> None:
    stranger = await world.actor(STRANGER)
    with pytest.raises(NotFound) as hidden:
        await world.shelf.get(stranger, "w_employee", OWNER, "ko")
    with pytest.raises(NotFound) as missing:
        await world.shelf.get(stranger, "w_employee", 999_999, "ko")
    assert hidden.value.problem("en") == missing.value.problem("en")


async def test_the_shelf_lists_only_what_one_may_see(world: World) -> None:
    page = await world.shelf.page(await world.actor(STRANGER), "w_project", ListQuery(), "ko")
    assert [row["name"] for row in page["data"]] == ["신제품"]


async def test_a_record_without_a_rule_shows_nothing_even_to_hr(world: World) -> None:
    hr = await world.actor(HR)
    assert await world.see(hr, lambda records: records.find(Vault)) == []
    assert await world.see(hr, lambda records: records.count(Vault)) == 0
    with pytest.raises(NotFound):
        await world.see(hr, lambda records: records.get(Vault, 1))
    with pytest.raises(NotFound):
        await world.shelf.page(hr, "w_vault", ListQuery(), "ko")


async def test_a_record_without_a_change_rule_takes_no_row_from_anyone(world: World) -> None:
    with pytest.raises(PermissionDenied):
        await world.do(await world.actor(HR), lambda records: records.add(Vault(content="x")))
    assert len(await world.sql("select * from w_vault")) == 1


async def test_one_books_leave_for_oneself_but_not_for_a_colleague(world: World) -> None:
    owner = await world.actor(OWNER)
    await world.do(owner, lambda records: records.add(leave_of(OWNER)))
    with pytest.raises(PermissionDenied):
        await world.do(owner, lambda records: records.add(leave_of(COLLEAGUE)))
    assert await world.sql("select employee_id from w_leave") == [{"employee_id": OWNER}]


async def test_a_refused_row_stays_out_even_when_the_operation_goes_on(world: World) -> None:
    async def stubborn(records: Records) -> None:
        with pytest.raises(PermissionDenied):
            await records.add(leave_of(COLLEAGUE))

    await world.do(await world.actor(OWNER), stubborn)
    assert await world.sql("select * from w_leave") == []


async def test_a_refused_change_is_undone_even_when_the_operation_goes_on(world: World) -> None:
    async def give_away(records: Records) -> None:
        row = await records.get(Project, 1)
        with pytest.raises(PermissionDenied):
            await records.change(row, team_id=2)

    await world.do(await world.actor(OWNER), give_away)
    assert await world.sql("select team_id from w_project where id = 1") == [{"team_id": 1}]


async def test_refused_rows_of_a_batch_stay_out_even_when_the_operation_goes_on(world: World) -> None:
    async def stubborn(records: Records) -> None:
        with pytest.raises(PermissionDenied):
            await records.add_all([leave_of(OWNER), leave_of(COLLEAGUE)])

    await world.do(await world.actor(OWNER), stubborn)
    assert await world.sql("select * from w_leave") == []


async def test_adding_many_rows_is_all_or_nothing(world: World) -> None:
    owner = await world.actor(OWNER)
    with pytest.raises(PermissionDenied):
        await world.do(
            owner, lambda records: records.add_all([leave_of(OWNER), leave_of(COLLEAGUE), leave_of(OWNER, 2)])
        )
    assert await world.sql("select * from w_leave") == []
    assert await world.do(owner, lambda records: records.add_all([leave_of(OWNER), leave_of(OWNER, 2)])) == 2
    assert await world.do(owner, lambda records: records.add_all([])) == 0


async def test_adding_many_rows_takes_rows_with_different_fields(world: World) -> None:
    bare = Leave(employee_id=OWNER, start=date(2026, 12, 3), days=Decimal("0.5"))
    owner = await world.actor(OWNER)
    full = Leave(employee_id=OWNER, start=date(2026, 12, 4), days=Decimal("0.5"), reason="병원")
    assert await world.do(owner, lambda records: records.add_all([bare, full])) == 2
    assert await world.sql("select reason from w_leave order by id") == [{"reason": ""}, {"reason": "병원"}]


async def test_a_batch_may_fill_a_gap_of_ids(world: World) -> None:
    hr = await world.actor(HR)
    late, early = Project(id=90, name="나중", team_id=1), Project(id=80, name="먼저", team_id=1)
    await world.do(hr, lambda records: records.add_all([late]))
    assert await world.do(hr, lambda records: records.add_all([early])) == 1


async def test_one_may_not_give_a_row_away_to_a_team_that_one_may_not_change(world: World) -> None:
    async def give_away(records: Records) -> None:
        await records.change(await records.get(Project, 1), team_id=2)

    with pytest.raises(PermissionDenied):
        await world.do(await world.actor(OWNER), give_away)
    assert await world.sql("select team_id from w_project where id = 1") == [{"team_id": 1}]


@pytest.mark.parametrize("person_id", [STRANGER, LEAD])
async def test_a_row_that_one_may_not_change_cannot_be_changed_or_removed_by_its_id(
    world: World, person_id: int
) -> None:
    await world.do(await world.actor(OWNER), lambda records: records.add(leave_of(OWNER)))
    other = await world.actor(person_id)
    forged = Leave(id=1, version=1, employee_id=person_id, start=date(2026, 12, 1))
    with pytest.raises(PermissionDenied):
        await world.do(other, lambda records: records.change(forged, start=date(2027, 1, 1)))
    with pytest.raises(PermissionDenied):
        await world.do(other, lambda records: records.remove(forged))
    assert len(await world.sql("select * from w_leave where version = 1")) == 1


async def test_the_lead_sees_the_teams_leave_but_the_colleague_does_not(world: World) -> None:
    await world.do(await world.actor(OWNER), lambda records: records.add(leave_of(OWNER)))

    async def seen(person_id: int) -> int:
        return int(await world.see(await world.actor(person_id), lambda records: records.count(Leave)))

    assert [await seen(one) for one in (OWNER, LEAD, COLLEAGUE, STRANGER, HR)] == [1, 1, 0, 0, 1]


async def test_a_row_changed_by_someone_else_in_the_meantime_is_not_overwritten(world: World) -> None:
    owner = await world.actor(OWNER)
    first = await world.see(owner, lambda records: records.get(Project, 1))
    second = await world.see(owner, lambda records: records.get(Project, 1))
    changed = await world.do(owner, lambda records: records.change(first, cost=111))
    assert (changed.cost, changed.version) == (111, 2)
    with pytest.raises(Conflict):
        await world.do(owner, lambda records: records.change(second, cost=999))
    with pytest.raises(Conflict):
        await world.do(owner, lambda records: records.remove(second))
    assert await world.sql("select cost, version from w_project where id = 1") == [{"cost": 111, "version": 2}]


async def test_removing_a_row_removes_that_row_alone(world: World) -> None:
    async def drop(records: Records) -> None:
        await records.remove(await records.get(Project, 1))

    await world.do(await world.actor(OWNER), drop)
    assert await world.sql("select id from w_project order by id") == [{"id": 2}, {"id": 3}]


async def test_a_row_that_its_writer_may_not_see_comes_back_as_it_was_written(world: World) -> None:
    def anyones(actor: Actor) -> ColumnElement[bool]:
        del actor
        return true()

    def write(connection: Connection) -> tuple[Project, Project]:
        rules = Rules(rows={Project: team_projects}, changes={Project: anyones})
        records = Records(connection, rules, Actor(OWNER, "김하은", 1), Trail())
        added = run_to_end(records.add(Project(name="남의 것", team_id=2)))
        mine = run_to_end(records.get(Project, 1))
        return added, run_to_end(records.change(mine, team_id=2, cost=7))

    added, moved = await world.store.write(write)
    assert (added.id, added.name) == (4, "남의 것")
    assert (moved.id, moved.team_id, moved.cost, moved.version) == (1, 2, 7, 2)


async def test_finding_honours_order_and_limit(world: World) -> None:
    rows = await world.see(
        await world.actor(HR), lambda records: records.find(Project, order_by=(Project.cost.desc(),), limit=2)
    )
    assert [row.cost for row in rows] == [500, 300]


async def test_an_id_beyond_the_database_is_refused(world: World) -> None:
    with pytest.raises((NotFound, ValidationFailed)):
        await world.see(await world.actor(OWNER), lambda records: records.get(Employee, 10**30))
