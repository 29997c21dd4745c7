"""A company whose records are offered for writing, masked and personal: people, their notes and their pay."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, String, insert, or_, select, true
from sqlalchemy.orm import Mapped, mapped_column

from daeri.errors import DaeriError
from daeri.gateway import Options
from daeri.operations import Catalog, Company, Line, Offer, anyone, having, superior
from daeri.records import Actor, Record, classed, labelled, visible_to
from daeri.records.store import Store
from daeri.wording import Text
from databases import address, count_on, engine_of, forget
from gateway.gateway_house import House, Keys
from worlds import AGENTS, ROLES, Employee, World, build, work


class Card(Record):
    """A contact card of a person: the phone masked, the note for the person and HR, the grade for HR alone."""

    __tablename__ = "s_card"
    __label__ = Text("명함", "card")
    __title__ = ("name",)
    __also__ = ("nick",)

    employee_id: Mapped[int] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(40), info=labelled("이름", "name"))
    nick: Mapped[str] = mapped_column(String(40), default="", info=labelled("별명", "nick") | visible_to("self", "hr"))
    phone: Mapped[str] = mapped_column(
        String(40),
        default="",
        info=labelled("전화", "phone") | visible_to("self", "hr", data_class="personal", mask="010-****-1234"),
    )
    note: Mapped[str | None] = mapped_column(
        String(200), info=labelled("메모", "note") | visible_to("self", "hr", data_class="secret")
    )
    grade: Mapped[int] = mapped_column(
        default=0, info=labelled("평가", "grade") | visible_to("hr", data_class="personal")
    )
    city: Mapped[str] = mapped_column(String(40), default="", info=labelled("도시", "city") | classed("public"))
    age: Mapped[int] = mapped_column(default=0, info=labelled("나이", "age") | classed("personal"))


def delete_line() -> Line:
    """Deleting is the lead's to decide."""
    return Line(superior(1), rule="card", because=Text("팀장이 결재해요", "The lead decides"))


def declared(k_min: int = 5, export_max: int = 50_000) -> Company:
    """Return the company, with figures and memories of its own."""
    cards = Catalog("cards", Text("명함", "Cards"))

    @cards.rows(Card)
    def same_team(actor: Actor) -> ColumnElement[bool]:
        """Your own card and those of your team; HR sees all."""
        near = select(Employee.id).where(Employee.team_id == actor.team_id)
        return true() if actor.has("hr") else or_(Card.employee_id == actor.person_id, Card.employee_id.in_(near))

    @cards.changes(Card)
    def own_card(actor: Actor) -> ColumnElement[bool]:
        """You write your own card; HR any."""
        return true() if actor.has("hr") else Card.employee_id == actor.person_id

    cards.records(Card, create=anyone, update=anyone, delete=Offer(anyone, approval=delete_line))
    cards.records(Employee, update=having("hr"))
    return Company(Text("작은상사", "Small Trading"), [work, cards], AGENTS, ROLES, k_min=k_min, export_max=export_max)


NAMES = ["김하은", "김민준", "이서준", "박서연", "최지우", "정유진", "한도윤", "오세훈", "강지호", "윤서아"]


def cards() -> list[dict[str, Any]]:
    """A card for each of ten people."""
    return [
        {
            "id": number,
            "version": 1,
            "employee_id": number,
            "name": name,
            "nick": f"별{number}",
            "phone": f"010-{1000 + number}-{2000 + number}",
            "note": f"비밀{number}",
            "grade": number * 7 % 10,
            "city": "서울" if number <= 6 else "부산",
            "age": 20 + number,
        }
        for number, name in enumerate(NAMES, 1)
    ]


def fill(path: Path, rows: list[dict[str, Any]]) -> None:
    """Put the cards into a furnished database."""
    engine = engine_of(path)
    with engine.begin() as connection:
        Record.metadata.create_all(connection, tables=[Card.__table__])
        connection.execute(insert(Card.__table__), rows)
    count_on(engine)
    engine.dispose()


@asynccontextmanager
async def opened(path: Path, company: Company | None = None) -> AsyncIterator[World]:
    """Open the company over a database file."""
    store = Store(address(path))
    try:
        yield build(store, company or declared())
    finally:
        await store.close()
        forget(path)


@asynccontextmanager
async def served(path: Path, keys: Keys, company: Company | None = None) -> AsyncIterator[House]:
    """Serve it over every protocol."""
    async with opened(path, company) as world:
        house = House(world, keys.secrets, Options(version="1.2.3"))
        yield house
        await house.http.aclose()


async def outcome(asking: Any) -> Any:
    """Return what came of it: the value, or the refusal as a caller sees it."""
    try:
        return await asking
    except DaeriError as error:
        return error.problem("ko")
