"""Is a page of a large record the same whichever way the database finds it, and are its first pages found at once?"""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import ColumnElement, Index, event, insert, or_
from sqlalchemy.orm import Mapped, mapped_column

from daeri.operations import Catalog, Company
from daeri.operations.listing import ListQuery
from daeri.records import Actor, Record, visible_to
from daeri.records.plans import is_indexed
from daeri.wording import Text
from databases import engine_of, only_sqlite
from shelf.shelf_house import opened
from worlds import AGENTS, OWNER, ROLES, STRANGER, World, work

pytestmark = pytest.mark.anyio
ROWS = 150_000


class Parcel(Record):
    """Something sent: many rows, a rule that is an OR, and a day that may be missing."""

    __tablename__ = "s_parcel"
    __label__ = Text("소포", "parcel")
    __table_args__ = (Index("ix_s_parcel_team_day", "team_id", "day"),)

    team_id: Mapped[int]
    employee_id: Mapped[int] = mapped_column(index=True)
    day: Mapped[int] = mapped_column(index=True)
    due: Mapped[int | None] = mapped_column(index=True)
    weight: Mapped[int]
    price: Mapped[int] = mapped_column(info=visible_to("hr"))


parcels = Catalog("parcels", Text("소포", "Parcels"))


@parcels.rows(Parcel)
def team_or_own(actor: Actor) -> ColumnElement[bool]:
    """Those of your team, and your own."""
    return or_(Parcel.team_id == actor.team_id, Parcel.employee_id == actor.person_id)


def rows() -> list[tuple[int, ...]]:
    return [
        (n, 1, 1 + n * 7919 % 24, 1 + n * 104729 % 240, n * 31 % 365, None if n % 3 == 0 else n * 17 % 90, n % 50, n)
        for n in range(1, ROWS + 1)
    ]


NAMES = ("id", "version", "team_id", "employee_id", "day", "due", "weight", "price")


@pytest.fixture(scope="module")
def filled(furnished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = Path(shutil.copy(furnished, tmp_path_factory.mktemp("parcels") / "daeri.db"))
    engine = engine_of(path)
    with engine.begin() as connection:
        Record.metadata.create_all(connection, tables=[Parcel.__table__])
        connection.execute(insert(Parcel.__table__), [dict(zip(NAMES, row, strict=True)) for row in rows()])
    engine.dispose()
    return path


@pytest.fixture
async def world(filled: Path, tmp_path: Path) -> AsyncIterator[World]:
    company = Company(Text("작은상사", "Small Trading"), [work, parcels], AGENTS, ROLES)
    async with opened(Path(shutil.copy(filled, tmp_path / "daeri.db")), company) as one:
        yield one


def expected(person: int, team: int, sort: str, **filters: int) -> list[int]:
    """The ids in order, worked out without a database."""
    found = [dict(zip(NAMES, row, strict=True)) for row in rows()]
    found = [row for row in found if row["team_id"] == team or row["employee_id"] == person]
    found = [row for row in found if all(row[name] == value for name, value in filters.items())]
    name, sign = sort.removeprefix("-"), -1 if sort.startswith("-") else 1
    found.sort(key=lambda row: (row[name] is None, sign * (row[name] or 0), row["id"]))
    return [row["id"] for row in found]


@pytest.mark.parametrize("person", [OWNER, STRANGER])
@pytest.mark.parametrize("sort", ["id", "-id", "day", "-day", "due", "-due", "weight", "-weight"])
@pytest.mark.parametrize("filters", [{}, {"weight": 7}, {"team_id": 1}, {"due": 34}])
async def test_every_page_is_what_sorting_everything_gives(
    world: World, person: int, sort: str, filters: dict[str, int]
) -> None:
    actor = await world.actor(person)
    asked = [(name, "eq", str(value)) for name, value in filters.items()]
    got, cursor = [], None
    for _ in range(8):
        query = ListQuery(limit=60, cursor=cursor, sort=sort, filters=asked)
        page = await world.shelf.page(actor, "s_parcel", query, "ko")
        got += [row["id"] for row in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert actor.team_id is not None
    right = expected(person, actor.team_id, sort, **filters)
    assert got == right[: len(got)]
    assert len(got) == min(len(right), 480)


@only_sqlite("PostgreSQL keeps statistics and chooses by them")
@pytest.mark.parametrize(("sort", "is_walked"), [("-day", True), ("id", True), ("weight", False)])
async def test_the_first_page_is_looked_for_along_an_index_where_there_is_one(
    world: World, sort: str, is_walked: bool
) -> None:
    actor = await world.actor(OWNER)
    asked: list[str] = []
    reading = world.store._backend.reading.engine
    event.listen(reading, "begin", lambda visit: visit.connection.driver_connection.set_trace_callback(asked.append))
    for _ in range(2):
        asked.clear()
        await world.shelf.page(actor, "s_parcel", ListQuery(limit=20, sort=sort), "ko")
    assert [("AS far" in one) for one in asked if one.startswith("SELECT")] == [is_walked]


async def test_a_column_counts_as_indexed_only_where_an_index_begins_with_it() -> None:
    columns = Parcel.__table__.c
    assert [name for name in NAMES if is_indexed(columns[name])] == ["id", "team_id", "employee_id", "day", "due"]
