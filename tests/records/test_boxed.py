"""Does a question end in time, and does the transaction go on after it?"""

import time

import pytest
from sqlalchemy import CTE, Connection, func, literal, select, text
from sqlalchemy.exc import DBAPIError

from daeri.records.boxed import within
from worlds import World

pytestmark = pytest.mark.anyio


def _counted(last: int) -> CTE:
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    return numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < last))


ENDLESS = select(func.count()).select_from(_counted(10**10))


async def test_what_is_not_found_in_time_is_not_told_and_the_transaction_goes_on(world: World) -> None:
    def look(connection: Connection) -> tuple[object, object]:
        return within(connection, 0.1, ENDLESS), connection.execute(text("select 1")).scalar_one()

    started = time.monotonic()
    assert await world.store.read(look) == (None, 1)
    assert time.monotonic() - started < 5


async def test_what_is_found_in_time_is_told(world: World) -> None:
    def look(connection: Connection) -> object:
        return within(connection, 5, select(literal(7)))

    assert await world.store.read(look) == [(7,)]


async def test_the_limit_is_gone_afterwards(world: World) -> None:
    many = select(func.count()).select_from(_counted(300_000))

    def look(connection: Connection) -> int:
        within(connection, 0.05, select(literal(1)))
        return int(connection.execute(many).scalar_one())

    assert await world.store.read(look) == 300_000


async def test_a_question_that_is_wrong_says_so_and_leaves_the_transaction_alone(world: World) -> None:
    def look(connection: Connection) -> int:
        with pytest.raises(DBAPIError, match="nothing"):
            within(connection, 1, select(text("nothing")))
        return int(connection.execute(text("select 1")).scalar_one())

    assert await world.store.read(look) == 1
