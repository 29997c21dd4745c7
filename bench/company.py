"""Which company is measured? The sample company, and the same with one more record that can hold a million rows.

The large record has what a list pays for: a row rule that leaves most rows out, and a field rule. For some an index
serves the rule (one team); for others it is an OR, for which the database gathers all their rows before it sorts.
"""

import sqlite3
from datetime import date

from sqlalchemy import ColumnElement, Index, String, false, or_, true
from sqlalchemy.orm import Mapped, mapped_column

from daeri.operations import Catalog, Company, Offer, having
from daeri.records import Actor, Record, labelled, visible_to
from daeri.sample import hanbit
from daeri.wording import Text

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
    margin: Mapped[int] = mapped_column(default=0, info=labelled("이익", "the margin") | visible_to("finance"))


@shipment.rows(Shipment)
def of_the_team(actor: Actor) -> ColumnElement[bool]:
    """The sales division sees the shipments of the own team; others those of their team and their own; Finance all."""
    if actor.has("finance"):
        return true()
    own_team = Shipment.team_id == actor.team_id
    return own_team if actor.has("sales") else or_(own_team, Shipment.employee_id == actor.person_id)


@shipment.changes(Shipment)
def for_the_team(actor: Actor) -> ColumnElement[bool]:
    """The sales division sends for the own team."""
    return Shipment.team_id == actor.team_id if actor.has("sales") else false()


shipment.records(
    Shipment,
    create=Offer(having("sales"), fields=("number", "shipped_on", "team_id", "employee_id", "state", "amount")),
)


def company() -> Company:
    """Put the sample company together with the large record."""
    sample = hanbit()
    return Company(
        name=sample.name,
        catalogs=[*sample.catalogs, shipment],
        agents=sample.agents,
        roles=sample.roles,
    )


def fill(connection: sqlite3.Connection, rows: int, today: date) -> None:
    """Invent so many shipments over two years, alike for the same numbers, without a round trip for each."""
    columns = "id, version, number, shipped_on, team_id, employee_id, state, amount, margin"
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'shipment' AND sql LIKE 'CREATE %INDEX%'"
    )
    made = dict(indexes.fetchall())
    for name in made:
        connection.execute(f"DROP INDEX {name}")
    connection.execute(
        f"INSERT INTO shipment ({columns}) {_INVENTED}",
        {"rows": rows, "today": today.isoformat(), "days": DAYS, "teams": len(TEAMS), "people": len(PEOPLE)},
    )
    for index in made.values():  # made at the end, at once: a third of the time
        connection.execute(index)


_INVENTED = """
WITH RECURSIVE
    counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :rows),
    spread (n, h) AS (SELECT n, n * 2654435761 % 4294967296 FROM counted),
    mixed (n, h) AS (SELECT n, ((h | (h >> 15)) - (h & (h >> 15))) * 1103515245 % 4294967296 FROM spread),
    dice (n, h) AS (SELECT n, (h | (h >> 13)) - (h & (h >> 13)) FROM mixed)
SELECT n, 1, printf('SH-%07d', n), date(:today, '-' || ((h >> 3) % :days) || ' days'), 1 + (h >> 11) % :teams,
    1 + (h >> 7) % :people, json_extract('["준비", "출고", "배송 완료", "반품"]', '$[' || ((h >> 5) % 4) || ']'),
    10000 + h % 900000 * 10, 1000 + h % 900000
FROM dice
"""
