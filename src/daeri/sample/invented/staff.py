"""Who works at 한빛상사, in which team, since when?"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from daeri.sample.invented.drawing import DAYS_A_YEAR, random_for, weighted
from daeri.sample.invented.facts import (
    COMPANY,
    DEPUTY,
    DEPUTY_SALARY,
    DIVISIONS,
    GIVEN_NAMES,
    KNOWN,
    LEAD_SURNAME,
    MEMBER_RANKS,
    RARE_DEPUTY_SURNAME,
    SALARIES,
    SALES_DIVISION,
    SERVICE_YEARS,
    SURNAMES,
    Known,
)
from daeri.sample.people import EmployeeRow, Rank, TeamRow, Title
from daeri.sample.workdays import is_workday

DEPUTY_ANNIVERSARY_DAYS = 240
"""The deputy's year of leave began so many days ago: it does not end within the weeks a demo asks about."""
LEAVERS_PER_TEAM = 0.25


@dataclass(slots=True)
class Draft:
    """A person before numbers are given out."""

    name: str
    english_name: str
    rank: Rank
    title: Title | Literal[""]
    team: str
    hired_on: date
    left_on: date | None = None
    login: str | None = None
    roles: tuple[str, ...] = ()


def unit_ids() -> dict[str, int]:
    """Number the company, then its divisions, then its teams: parents before children."""
    names = [COMPANY[0], *(division.name for division in DIVISIONS)]
    names += [name for division in DIVISIONS for name, _, _ in division.teams]
    return {name: number for number, name in enumerate(names, 1)}


def teams(unit_ids: dict[str, int], working: Sequence[EmployeeRow]) -> list[TeamRow]:
    """Return every unit with its lead: the one who works in it and has a post."""
    leads = {person.team_id: person.id for person in working if person.title}
    rows: list[tuple[str, str, int | None]] = [(COMPANY[0], COMPANY[1], None)]
    rows += [(division.name, division.english_name, 1) for division in DIVISIONS]
    rows += [
        (name, english_name, unit_ids[division.name])
        for division in DIVISIONS
        for name, english_name, _ in division.teams
    ]
    return [
        TeamRow(
            id=unit_ids[name],
            name=name,
            english_name=english_name,
            parent_id=parent,
            lead_id=leads[unit_ids[name]],
        )
        for name, english_name, parent in rows
    ]


def people(today: date, seed: int) -> list[Draft]:
    """Invent who works here, and a few who left; numbers come later."""
    source = random_for(seed, "people")
    used = {known.name for known in KNOWN}
    drafts = [_known(source, known, today) for known in KNOWN]
    for division in DIVISIONS:
        sales = ("sales",) if division.name == SALES_DIVISION else ()
        for team, _, size in division.teams:
            here = [known for known in KNOWN if known.team == team]
            missing = size - len(here)
            if not any(known.title for known in here):
                drafts.append(
                    _invented(source, used, today, team, source.choice(("부장", "부장", "차장")), "팀장", sales)
                )
                missing -= 1
            drafts += [
                _invented(source, used, today, team, weighted(source, MEMBER_RANKS), "", sales) for _ in range(missing)
            ]
            if source.random() < LEAVERS_PER_TEAM:
                drafts.append(_left(source, used, today, team))
    return drafts


def _known(source: random.Random, known: Known, today: date) -> Draft:
    hired = _deputy_hired(today) if known.name == DEPUTY else _hired(source, known.rank, today)
    return Draft(
        known.name, known.english_name, known.rank, known.title or "", known.team, hired, None, known.login, known.roles
    )


def _invented(
    source: random.Random,
    used: set[str],
    today: date,
    team: str,
    rank: Rank,
    title: Title | Literal[""],
    roles: tuple[str, ...],
) -> Draft:
    banned = {LEAD_SURNAME} if title else {RARE_DEPUTY_SURNAME} if rank == "대리" else set()
    while True:
        surname, family, _ = source.choices(SURNAMES, [weight for _, _, weight in SURNAMES])[0]
        given, english = source.choice(GIVEN_NAMES)
        if surname not in banned and surname + given not in used:
            break
    used.add(surname + given)
    return Draft(surname + given, f"{family} {english}", rank, title, team, _hired(source, rank, today), roles=roles)


def _left(source: random.Random, used: set[str], today: date, team: str) -> Draft:
    """Invent someone who left within the last year."""
    draft = _invented(source, used, today - timedelta(days=DAYS_A_YEAR), team, "과장", "", ())
    draft.left_on = today - timedelta(days=source.randint(20, DAYS_A_YEAR - 20))
    return draft


def _hired(source: random.Random, rank: str, today: date) -> date:
    low, high = SERVICE_YEARS[rank]
    return _workday_before(today - timedelta(days=int(source.uniform(low, high) * DAYS_A_YEAR)))


def _deputy_hired(today: date) -> date:
    anniversary = today - timedelta(days=DEPUTY_ANNIVERSARY_DAYS)
    return _workday_before(date(anniversary.year - 3, anniversary.month, min(anniversary.day, 28)))


def _workday_before(day: date) -> date:
    while not is_workday(day):
        day -= timedelta(days=1)
    return day


def numbered(drafts: Sequence[Draft], unit_ids: dict[str, int], seed: int) -> list[EmployeeRow]:
    """Give numbers in the order of hiring, with addresses and pay."""
    source = random_for(seed, "numbers")
    addresses: dict[str, int] = {}
    rows = []
    for number, draft in enumerate(sorted(drafts, key=lambda one: (one.hired_on, one.name)), 1):
        local = ".".join(reversed(draft.english_name.lower().split()))
        addresses[local] = addresses.get(local, 0) + 1
        local += str(addresses[local]) if addresses[local] > 1 else ""
        low, high = SALARIES[draft.rank]
        rows.append(
            EmployeeRow(
                id=number,
                login=draft.login,
                name=draft.name,
                english_name=draft.english_name,
                number=f"E{draft.hired_on.year}-{number:04d}",
                rank=draft.rank,
                title=draft.title,
                team_id=unit_ids[draft.team],
                roles=[*draft.roles],
                email=f"{local}@hanbit.example",
                extension=f"{3000 + number}",
                # 010-0 and 010-1 numbers are given to nobody, so no real telephone rings.
                mobile=f"010-0{source.randint(100, 999)}-{source.randint(0, 9999):04d}",
                hired_on=draft.hired_on,
                left_on=draft.left_on,
                salary=DEPUTY_SALARY if draft.name == DEPUTY else source.randrange(low, high + 1, 100_000),
            )
        )
    return rows


def known_ids(working: Sequence[EmployeeRow]) -> set[int]:
    """Return who is called by name in examples: nothing random happens to them."""
    names = {known.name for known in KNOWN}
    return {one.id for one in working if one.name in names}
