"""A company that is served by real processes, for people who act at once: its forms, its people with their keys.

`--company approvals.racing:company` serves it. Every fact that decides who may act changes by an operation of its own,
so the audit tells in one order what was true when someone decided (see `invariants.py`).
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sqlalchemy import insert

from approvals.house import WHY
from daeri.app import Daeri
from daeri.errors import Refused
from daeri.operations import (
    Catalog,
    Change,
    Company,
    Errand,
    Form,
    Limit,
    Line,
    Ref,
    Won,
    agree,
    anyone,
    having,
    holder,
    superior,
)
from daeri.operations.line import Step
from daeri.records import Actor, Records
from daeri.settings import Settings
from daeri.wording import Text
from databases import NOTE, POSTGRES, count_on, engine_of, settings_for
from worlds import AGENTS, DEPARTMENTS, PEOPLE, PROJECTS, ROLES, Department, Employee, Project, Said, work

BUDGET = 100_000
FIRST_ROLES = {int(one["id"]): list(one.get("roles", ())) for one in PEOPLE}
FORMS: dict[str, tuple[tuple[Step, ...], dict[str, Any]]] = {
    "one": ((superior(1),), {}),
    "two": ((superior(1), superior(2)), {}),
    "free": ((superior(1), superior(2)), {"recall": "in_progress"}),
    "early": ((superior(1), superior(2)), {"early": True}),
    "open": ((superior(1), superior(2)), {"consult": True, "change_line": True}),
    "twice": ((superior(1), holder("finance"), superior(1)), {"early": True}),
    "agreed": ((superior(1),), {"consent": Limit()}),
    "hidden": ((holder("finance"),), {}),
    "quorum": ((agree(holder("finance"), holder("auditor"), holder("hr"), parallel=True, quorum=2),), {}),
}
"""Each a paper that adds a project, by a line of its own."""
papers = Catalog("papers", Text("문서", "Papers"))
books = Catalog("books", Text("장부", "Books"))


def declare(name: str, steps: Sequence[Step], policies: dict[str, Any]) -> None:
    """Declare a paper of one form."""

    def line(title: str) -> Line:
        """Give the form's steps."""
        del title
        return Line(*steps, rule=name, because=WHY)

    async def add(records: Records, actor: Actor, title: str) -> Said:
        """Add a project."""
        row = await records.add(Project(name=title, team_id=actor.team_id or 0))
        return Said(value=row.name)

    add.__name__ = name
    papers.write(label=Text(name, name), allow=anyone, approval=Form(line, **policies))(add)


for _name, (_steps, _policies) in FORMS.items():
    declare(_name, _steps, _policies)


def lead(amount: Won) -> Line:
    """The lead."""
    del amount
    return Line(superior(1), rule="spend", because=WHY)


@books.write(label=Text("지출", "Spend"), allow=anyone, approval=lead)
async def spend(records: Records, amount: Won) -> Said:
    """Spend from the one budget."""
    row = await records.get(Project, 1)
    if row.cost + amount > BUDGET:
        raise Refused(Text("예산이 모자라요", "The budget does not suffice"))
    await records.change(row, cost=row.cost + amount)
    return Said(value=str(amount))


class Sent(BaseModel):
    """What is sent to the world outside."""

    name: str


def sender(number: int) -> Line:
    """The lead."""
    del number
    return Line(superior(1), rule="send", because=WHY)


async def send_preview(number: int) -> list[Change]:
    """What is sent."""
    return [Change(Text("보낼 것", "what is sent"), "", str(number))]


async def reach_out(intent: Sent, key: str) -> None:
    """Reach the world outside: a file with one line for each call."""
    _write_down(Path(os.environ["RACING_OUTSIDE"]), f"{intent.name} {key}\n")


def _write_down(outside: Path, line: str) -> None:
    with outside.open("a") as file:
        file.write(line)


def declare_sending(name: str, *, idempotent: bool) -> None:
    """Declare an operation that acts outside the database."""

    async def send(number: int) -> Sent:
        """Send something."""
        return Sent(name=str(number))

    send.__name__ = name
    errand = Errand(reach_out, idempotent=idempotent)
    books.irreversible(label=Text(name, name), allow=anyone, approval=sender, preview=send_preview, errand=errand)(send)


declare_sending("send", idempotent=False)
declare_sending("send_safely", idempotent=True)


@books.write(label=Text("보정", "Adjust"), allow=anyone)
async def adjust(records: Records, name: str) -> Said:
    """Change what documents are bound to, without approval."""
    row = await records.get(Project, 1)
    await records.change(row, name=name)
    return Said(value=name)


@books.write(label=Text("역할 회수", "Take roles"), allow=having("hr"))
async def take_roles(records: Records, employee: Ref[Employee]) -> Said:
    """Take someone's roles away."""
    row = await records.get(Employee, employee)
    await records.change(row, roles=[])
    return Said(value=row.name)


@books.write(label=Text("역할 복구", "Give roles back"), allow=having("hr"))
async def give_roles(records: Records, employee: Ref[Employee]) -> Said:
    """Give someone the roles that they had at first."""
    row = await records.get(Employee, employee)
    await records.change(row, roles=FIRST_ROLES[row.id])
    return Said(value=row.name)


@books.write(label=Text("퇴사", "Leave"), allow=having("hr"))
async def leave(records: Records, employee: Ref[Employee]) -> Said:
    """Note that someone left."""
    row = await records.get(Employee, employee)
    await records.change(row, left_on=date(2026, 1, 1))
    return Said(value=row.name)


@books.write(label=Text("복직", "Come back"), allow=having("hr"))
async def come_back(records: Records, employee: Ref[Employee]) -> Said:
    """Note that someone is here again."""
    row = await records.get(Employee, employee)
    await records.change(row, left_on=None)
    return Said(value=row.name)


@books.write(label=Text("전보", "Move"), allow=having("hr"))
async def move(records: Records, employee: Ref[Employee], team: Ref[Department]) -> Said:
    """Move someone to another team."""
    row = await records.get(Employee, employee)
    await records.change(row, team_id=team)
    return Said(value=str(team))


def company() -> Company:
    """Return the company."""
    return Company(Text("겹침상사", "Racing Trading"), [work, papers, books], AGENTS, ROLES)


@dataclass(frozen=True)
class Keys:
    """A person's keys: two that decide, by their ids."""

    first: str
    second: str
    first_id: str
    second_id: str


async def furnish(folder: Path) -> dict[int, Keys]:
    """Make the company's data folder and give everyone two keys that decide; return them by person."""
    daeri = Daeri(company(), Settings(dir=folder, **settings_for(folder)))
    await daeri.open(working=False)
    person = {"login": None, "title": "", "roles": [], "left_on": None, "english_name": "", "salary": 0}
    engine = engine_of(folder / NOTE if POSTGRES else folder / "daeri.db")
    with engine.begin() as connection:
        connection.execute(insert(Department.__table__), list(DEPARTMENTS))
        connection.execute(insert(Employee.__table__), [person | dict(one) for one in PEOPLE])
        connection.execute(insert(Project.__table__), list(PROJECTS))
    count_on(engine)
    engine.dispose()
    keys = {}
    for one in PEOPLE:
        made = [await daeri.identity.add_key(one["id"], "test", decides=True) for _ in range(2)]
        keys[one["id"]] = Keys(made[0].secret, made[1].secret, made[0].id, made[1].id)
    await daeri.close()
    return keys


def furnished(folder: Path) -> dict[int, Keys]:
    """The same, for tests that hold no loop."""
    folder.mkdir(parents=True)
    return asyncio.run(furnish(folder))


__all__ = ["BUDGET", "FIRST_ROLES", "FORMS", "Keys", "company", "furnished"]
