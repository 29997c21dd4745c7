"""Which company is measured? The sample company, and the same with one more record that can hold 100,000 rows.

The large record has what a list pays for: a row rule that leaves most rows out, and a field rule. For some an index
serves the rule (one team); for others it is an OR, for which the database gathers all their rows before it sorts.
"""

from datetime import date, timedelta
from random import Random
from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Index, String, or_, true
from sqlalchemy.orm import Mapped, mapped_column

from daeri.operations import Catalog, Company, having
from daeri.records import Actor, Clock, Record, Records, labelled, visible_to
from daeri.sample import hanbit
from daeri.sample.organisation import LOADER, only_loaded
from daeri.wording import Text

BATCH_MAX = 20_000
DAYS = 730
TEAMS = range(1, 25)
PEOPLE = range(1, 241)
STATES = ("준비", "출고", "배송 완료", "반품")

shipment = Catalog("shipment", Text("출고", "Shipments"))


class Shipment(Record):
    """Goods that left the house."""

    __tablename__ = "shipment"
    __table_args__ = (Index("ix_shipment_team_id_shipped_on", "team_id", "shipped_on"),)
    __label__ = Text("출고", "shipment")
    __title__ = ("number",)

    number: Mapped[str] = mapped_column(String(20), unique=True, info=labelled("출고 번호", "number"))
    shipped_on: Mapped[date] = mapped_column(index=True, info=labelled("출고일", "shipped on"))
    team_id: Mapped[int] = mapped_column(info=labelled("팀", "team"))
    employee_id: Mapped[int] = mapped_column(index=True, info=labelled("담당자", "sent by"))
    state: Mapped[str] = mapped_column(String(10), info=labelled("상태", "state"))
    amount: Mapped[int] = mapped_column(info=labelled("금액", "amount"))
    margin: Mapped[int] = mapped_column(info=labelled("이익", "the margin") | visible_to("finance"))


class Filled(BaseModel):
    """How many rows were added."""

    rows: int


@shipment.rows(Shipment)
def of_the_team(actor: Actor) -> ColumnElement[bool]:
    """The sales division sees the shipments of the own team; others those of their team and their own; Finance all."""
    if actor.has("finance"):
        return true()
    own_team = Shipment.team_id == actor.team_id
    return own_team if actor.has("sales") else or_(own_team, Shipment.employee_id == actor.person_id)


@shipment.changes(Shipment)
def brought_in(actor: Actor) -> ColumnElement[bool]:
    """Shipments are only brought in."""
    return only_loaded(actor)


@shipment.write(label=Text("출고 자료 만들기", "Invent shipments"), allow=having(LOADER))
async def invent(
    records: Records,
    clock: Clock,
    first: Annotated[int, Field(ge=1, description="첫 번호 (first number)")],
    count: Annotated[int, Field(ge=1, le=BATCH_MAX, description="개수 (how many)")],
) -> Filled:
    """Add invented shipments over two years, alike for the same numbers (출고 자료 만들기)."""
    today = clock.today()
    return Filled(rows=await records.add_all([_invented(number, today) for number in range(first, first + count)]))


def company() -> Company:
    """Put the sample company together with the large record."""
    sample = hanbit()
    return Company(
        name=sample.name,
        catalogs=[*sample.catalogs, shipment],
        agents=sample.agents,
        roles=sample.roles,
    )


def _invented(number: int, today: date) -> Shipment:
    draw = Random(number)  # noqa: S311 - invented data, not a secret
    amount = draw.randrange(10_000, 9_000_000, 10)
    return Shipment(
        number=f"SH-{number:07d}",
        shipped_on=today - timedelta(days=draw.randrange(DAYS)),
        team_id=draw.choice(TEAMS),
        employee_id=draw.choice(PEOPLE),
        state=draw.choice(STATES),
        amount=amount,
        margin=amount // 10,
    )
