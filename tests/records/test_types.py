"""Are amounts exact and instants aware, wherever they go?"""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import StatementError

from daeri.errors import DaeriError, ValidationFailed
from daeri.operations.listing import ListQuery
from daeri.records import Exact, Instant, Records
from worlds import OWNER, Leave, World

DIALECT = sqlite.dialect()


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_exact_value_comes_back_as_it_was(stored: int) -> None:
    kind = Exact(2)
    value = kind.process_result_value(stored, DIALECT)
    assert value is not None
    assert kind.process_bind_param(value, DIALECT) == stored


def test_an_exact_value_with_too_many_places_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1\.005 has more than 2 decimal places"):
        Exact(2).process_bind_param(Decimal("1.005"), DIALECT)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_an_exact_value_is_a_number(value: str) -> None:
    with pytest.raises(ValueError, match=r"decimal places|number|finite"):
        Exact(2).process_bind_param(Decimal(value), DIALECT)


def test_nothing_stays_nothing() -> None:
    for kind in (Exact(2), Instant()):
        assert kind.process_bind_param(None, DIALECT) is None
        assert kind.process_result_value(None, DIALECT) is None


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="an instant needs a time zone"):
        Instant().process_bind_param(datetime(2026, 1, 1), DIALECT)  # noqa: DTZ001 - the mistake is the point


@given(st.datetimes(timezones=st.just(timezone(timedelta(hours=9)))))
def test_an_instant_comes_back_as_the_same_instant_in_utc(at: datetime) -> None:
    kind = Instant()
    if at.year in (1, 9999):
        return
    back = kind.process_result_value(kind.process_bind_param(at, DIALECT), DIALECT)
    assert back == at
    assert back is not None
    assert back.tzinfo is UTC


async def booked(world: World, *days: str) -> None:
    rows = [
        Leave(employee_id=OWNER, start=date(2026, 12, number), days=Decimal(amount), booked_at=world.clock.now())
        for number, amount in enumerate(days, 1)
    ]
    await world.do(await world.actor(OWNER), lambda records: records.add_all(rows))


async def look(world: World, what: Any) -> Any:
    return await world.see(await world.actor(OWNER), what)


@pytest.mark.anyio
async def test_exact_amounts_are_read_compared_and_sorted(world: World) -> None:
    await booked(world, "7.5", "0.25", "12")
    rows = await look(world, lambda records: records.find(Leave, Leave.days > Decimal("0.5"), order_by=(Leave.days,)))
    assert [row.days for row in rows] == [Decimal("7.5"), Decimal(12)]
    assert rows[0].booked_at == world.clock.now()


@pytest.mark.anyio
async def test_exact_amounts_are_summed_to_the_last_place(world: World) -> None:
    await booked(world, "7.5", "0.25")
    assert await look(world, lambda records: records.sum(Leave.days)) == Decimal("7.75")


@pytest.mark.anyio
async def test_the_sum_of_nothing_is_nothing(world: World) -> None:
    assert await look(world, lambda records: records.sum(Leave.days)) == 0


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("measure", "expected"),
    [(func.sum, "7.75"), (func.max, "7.5"), (func.min, "0.25")],
)
async def test_exact_amounts_are_measured_exactly(world: World, measure: Any, expected: str) -> None:
    await booked(world, "7.5", "0.25")

    async def group(records: Records) -> Any:
        return (await records.group(Leave.employee_id, measures={"value": measure(Leave.days)}))[0].value

    assert Decimal(str(await look(world, group))) == Decimal(expected)


@pytest.mark.anyio
@pytest.mark.parametrize("measure", [func.avg, func.round], ids=["avg", "round"])
async def test_a_measure_that_would_not_be_exact_is_refused(world: World, measure: Any) -> None:
    await booked(world, "7.5", "0.25")
    with pytest.raises(TypeError):
        await look(world, lambda records: records.group(Leave.employee_id, measures={"value": measure(Leave.days)}))


@pytest.mark.anyio
async def test_an_amount_that_cannot_be_kept_exactly_is_refused_and_nothing_is_written(world: World) -> None:
    with pytest.raises((DaeriError, StatementError)):
        await booked(world, "1", "0.333")
    assert await world.sql("select * from w_leave") == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("operator", "value", "found"),
    [("gte", "7.5", 2), ("eq", "12", 1), ("lt", "1", 1), ("in", "7.5,0.25", 2), ("gt", "100", 0)],
)
async def test_the_shelf_filters_by_exact_amounts(world: World, operator: str, value: str, found: int) -> None:
    await booked(world, "7.5", "0.25", "12")
    query = ListQuery(filters=[("days", operator, value)])
    assert len((await world.shelf.page(await world.actor(OWNER), "w_leave", query, "ko"))["data"]) == found


@pytest.mark.anyio
async def test_the_shelf_turns_pages_in_the_order_of_exact_amounts(world: World) -> None:
    await booked(world, "7.5", "0.25", "12")
    assert await paged(world, "w_leave", "-days", "days") == ["12.00", "7.50", "0.25"]


@pytest.mark.anyio
async def test_the_shelf_turns_pages_in_the_order_of_instants(world: World) -> None:
    await booked(world, "1", "2", "3")
    assert await paged(world, "w_leave", "booked_at", "days") == ["1.00", "2.00", "3.00"]


async def paged(world: World, kind: str, sort: str, field: str) -> list[Any]:
    actor, values, cursor = await world.actor(OWNER), [], None
    while True:
        page = await world.shelf.page(actor, kind, ListQuery(limit=1, sort=sort, cursor=cursor), "ko")
        values += [row[field] for row in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return values


@pytest.mark.anyio
@pytest.mark.parametrize("value", ["2026-11-21T05:00:00", "2026-11-21T05:00:00Z", "2026-11-21T14:00:00+09:00"])
async def test_the_shelf_filters_by_instants(world: World, value: str) -> None:
    await booked(world, "1")
    query = ListQuery(filters=[("booked_at", "gte", value)])
    assert len((await world.shelf.page(await world.actor(OWNER), "w_leave", query, "ko"))["data"]) == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("days", "x"),
        ("days", "NaN"),
        ("days", "Infinity"),
        ("start", "soon"),
        ("booked_at", "soon"),
        ("id", "1.5"),
        ("id", "9" * 30),
    ],
)
async def test_a_value_that_does_not_fit_its_field_is_refused(world: World, field: str, value: str) -> None:
    with pytest.raises(ValidationFailed):
        await world.shelf.page(await world.actor(OWNER), "w_leave", ListQuery(filters=[(field, "eq", value)]), "ko")
