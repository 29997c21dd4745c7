"""Who works at 한빛상사 today? A seeded generator of all its people, leave, spending and sales, as typed rows.

Pure: the same seed and day give the same company. Nothing here touches a database; `build.py` brings the rows in.
Everything hangs on `today`, so that a demo built on any day has a present month with sales, a 김하은 with 7.5 days of
leave left and none booked ahead, and colleagues who are away next week.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeVar

from daeri.sample.customers import CustomerRow, Grade
from daeri.sample.expense import ExpenseRow
from daeri.sample.invented import (
    BOUGHT,
    COMPANY,
    CUSTOMER_HEADS,
    CUSTOMER_TAILS,
    DEPUTY,
    DEPUTY_SALARY,
    DIVISIONS,
    GIVEN_NAMES,
    GOODS,
    GROUP_CODES,
    HABITS,
    KNOWN,
    LEAD_SURNAME,
    MEMBER_RANKS,
    RARE_DEPUTY_SURNAME,
    REGIONS,
    SALARIES,
    SALES_DIVISION,
    SELLING_HABITS,
    SELLING_TEAMS,
    SERVICE_YEARS,
    SURNAMES,
    Known,
)
from daeri.sample.leave import AccountRow, GrantRow, LeaveRow
from daeri.sample.leave_law import QUARTERS, Bucket, YearAttendance, allocate, buckets, completed_years
from daeri.sample.leave_records import uses_of
from daeri.sample.people import EmployeeRow, Rank, TeamRow, Title
from daeri.sample.period import month_start
from daeri.sample.products import ProductRow
from daeri.sample.purchase import PurchaseRow
from daeri.sample.sales import OrderRow
from daeri.sample.workdays import is_workday, workdays

T = TypeVar("T")

SEED = 2026
DAYS_A_YEAR = 365
HISTORY_MONTHS = 24
DEPUTY_QUARTERS_LEFT = 30
"""김하은 has 7.5 days left on the day the company is built."""
DEPUTY_ANNIVERSARY_DAYS = 240
"""Her year of leave began so many days ago: it does not end within the weeks a demo asks about."""
AHEAD_DAYS = 35
"""How far ahead people have booked leave."""


@dataclass(frozen=True, slots=True)
class Hanbit:
    """All rows of the company, each list in the order in which it is loaded."""

    teams: list[TeamRow]
    employees: list[EmployeeRow]
    accounts: list[AccountRow]
    grants: list[GrantRow]
    leaves: list[LeaveRow]
    expenses: list[ExpenseRow]
    purchases: list[PurchaseRow]
    products: list[ProductRow]
    customers: list[CustomerRow]
    orders: list[OrderRow]


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


def generate(today: date, seed: int = SEED) -> Hanbit:
    """Invent the whole company as it stands on a day."""
    unit_ids = _unit_ids()
    drafts = _people(today, seed)
    employees = _numbered(drafts, unit_ids, seed)
    working = [person for person in employees if person.left_on is None]
    accounts = _accounts(working, today, seed)
    grants = _grants(working, today, seed)
    products = _products()
    customers = _customers(unit_ids, today, seed)
    return Hanbit(
        teams=_teams(unit_ids, working),
        employees=employees,
        accounts=accounts,
        grants=grants,
        leaves=_leaves(working, accounts, grants, today, seed),
        expenses=_expenses(working, unit_ids, today, seed),
        purchases=_purchases(working, unit_ids, today, seed),
        products=products,
        customers=customers,
        orders=_orders(working, unit_ids, products, customers, today, seed),
    )


def _random(seed: int, part: str) -> random.Random:
    return random.Random(f"{seed}/{part}")  # noqa: S311 - invented data, not secrets


def _weighted(source: random.Random, choices: Sequence[tuple[T, int]]) -> T:
    return source.choices([choice for choice, _ in choices], [weight for _, weight in choices])[0]


# People and teams


def _unit_ids() -> dict[str, int]:
    """Number the company, then its divisions, then its teams: parents before children."""
    names = [COMPANY[0], *(division.name for division in DIVISIONS)]
    names += [name for division in DIVISIONS for name, _, _ in division.teams]
    return {name: number for number, name in enumerate(names, 1)}


def _teams(unit_ids: dict[str, int], working: Sequence[EmployeeRow]) -> list[TeamRow]:
    leads = {person.team_id: person.id for person in working if person.title}
    rows = [(COMPANY[0], COMPANY[1], None)]
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


def _people(today: date, seed: int) -> list[Draft]:
    source = _random(seed, "people")
    used = {known.name for known in KNOWN}
    drafts = [_known(source, known, today) for known in KNOWN]
    for division in DIVISIONS:
        sales = ("sales",) if division.name == SALES_DIVISION else ()
        for team, _, size in division.teams:
            here = [known for known in KNOWN if known.team == team]
            missing = size - len(here)
            if not any(known.title for known in here):
                drafts.append(_invented(source, used, today, team, source.choice(("부장", "부장", "차장")), "팀장", sales))
                missing -= 1
            for _ in range(missing):
                drafts.append(_invented(source, used, today, team, _weighted(source, MEMBER_RANKS), "", sales))
            if source.random() < LEAVERS_PER_TEAM:
                drafts.append(_left(source, used, today, team))
    return drafts


LEAVERS_PER_TEAM = 0.25


def _known(source: random.Random, known: Known, today: date) -> Draft:
    hired = _deputy_hired(today) if known.name == DEPUTY else _hired(source, known.rank, today)
    return Draft(
        known.name, known.english_name, known.rank, known.title or "", known.team, hired, None, known.login, known.roles
    )


def _invented(
    source: random.Random, used: set[str], today: date, team: str, rank: Rank, title: Title | Literal[""], roles: tuple[str, ...]
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


def _numbered(drafts: Sequence[Draft], unit_ids: dict[str, int], seed: int) -> list[EmployeeRow]:
    """Give numbers in the order of hiring, with addresses and pay."""
    source = _random(seed, "numbers")
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


# Leave


def _accounts(working: Sequence[EmployeeRow], today: date, seed: int) -> list[AccountRow]:
    """Everyone's leave counts from hiring; two of those with some years of service missed most of their last one."""
    source = _random(seed, "attendance")
    candidates = [one.id for one in working if completed_years(one.hired_on, today) in range(4, 12) and not one.title]
    low = set(source.sample([one for one in candidates if one not in _known_ids(working)], 2))
    return [
        AccountRow(
            employee_id=one.id,
            counted_from=one.hired_on,
            attendance={str(completed_years(one.hired_on, today)): [740, 5, 6, 7, 8]} if one.id in low else {},
        )
        for one in working
    ]


def _known_ids(working: Sequence[EmployeeRow]) -> set[int]:
    names = {known.name for known in KNOWN}
    return {one.id for one in working if one.name in names}


def _grants(working: Sequence[EmployeeRow], today: date, seed: int) -> list[GrantRow]:
    source = _random(seed, "grants")
    chosen = source.sample([one for one in working if one.id not in _known_ids(working)], 16)
    rows = []
    for person in chosen:
        given = max(person.hired_on, today - timedelta(days=source.randint(20, 200)))
        days, reason = source.choice(((1, "우수 사원 포상"), (2, "장기근속 포상"), (1, "제안 제도 포상")))
        until = given + timedelta(days=DAYS_A_YEAR)
        rows.append(
            GrantRow(employee_id=person.id, quarters=days * QUARTERS, given_on=given, usable_until=until, reason=reason)
        )
    return rows


REASONS = ("개인 사정", "가족 행사", "병원 진료", "여행", "이사", "")


def _leaves(
    working: Sequence[EmployeeRow],
    accounts: Sequence[AccountRow],
    grants: Sequence[GrantRow],
    today: date,
    seed: int,
) -> list[LeaveRow]:
    """Book leave that the law gives: whatever would overdraw a balance is left out."""
    away_next_week = _away_next_week(working, today, seed)
    rows: list[LeaveRow] = []
    for person, account in zip(working, accounts, strict=True):
        source = _random(seed, f"leave/{person.number}/{person.name}")
        attendance = {int(year): YearAttendance(low[0], frozenset(low[1:])) for year, low in account.attendance.items()}
        since = today - timedelta(days=DAYS_A_YEAR * 3 // 2)
        given = buckets(account.counted_from, today + timedelta(days=AHEAD_DAYS), attendance=attendance)
        given = [bucket for bucket in given if bucket.usable_until >= since]
        given += [
            Bucket("회사", grant.quarters, grant.given_on, grant.usable_until)
            for grant in grants
            if grant.employee_id == person.id
        ]
        booking = _Booking(person.id, source, given)
        if person.name == DEPUTY:
            _book_deputy(booking, today)
        else:
            if person.id in away_next_week:
                booking.take("연차", away_next_week[person.id], source.choice((1, 2)))
            _book_history(booking, max(since, person.hired_on), today)
        rows += booking.rows
    return sorted(rows, key=lambda row: (row.start_on, row.employee_id))


class _Booking:
    """One person's leave while it is being invented."""

    def __init__(self, employee_id: int, source: random.Random, given: list[Bucket]) -> None:
        self.employee_id, self.source, self.given = employee_id, source, given
        self.rows: list[LeaveRow] = []
        self._uses: list[tuple[date, int]] = []

    def take(self, kind: Literal["연차", "반차", "반반차"], start: date, days: int) -> bool:
        """Book `days` working days from a working day on, if they are free and covered; say whether they were."""
        end = workdays(start, start + timedelta(days=days * 2 + 10))[days - 1]
        uses = uses_of(kind, start, end)
        taken = {day for day, _ in self._uses}
        if any(day in taken for day, _ in uses) or allocate(self.given, [*self._uses, *uses]).short:
            return False
        self._uses += uses
        reason = self.source.choice(REASONS)
        self.rows.append(
            LeaveRow(employee_id=self.employee_id, kind=kind, start_on=start, end_on=end, reason=reason)
        )
        return True

    def left_on(self, day: date) -> int:
        """Return the quarters left on a day."""
        return allocate(self.given, self._uses).quarters_on(day)


def _book_history(booking: _Booking, since: date, today: date) -> None:
    """Book each bucket as people do: most of an old one, the share of the year in the present one."""
    source = booking.source
    for bucket in booking.given:
        first, last = max(bucket.arises_on, since), min(bucket.usable_until, today + timedelta(days=AHEAD_DAYS))
        days = workdays(first, last)
        if not days:
            continue
        share = len(days) / max(1, len(workdays(bucket.arises_on, bucket.usable_until)))
        aim = int(bucket.quarters * share * source.uniform(0.45, 0.9))
        while aim > 0:
            kind, length = _weighted(source, HABITS_OF_LEAVE)
            cost = length * {"연차": 4, "반차": 2, "반반차": 1}[kind]
            booking.take(kind, source.choice(days), length)
            aim -= cost


HABITS_OF_LEAVE: tuple[tuple[tuple[Literal["연차", "반차", "반반차"], int], int], ...] = (
    (("연차", 1), 48),
    (("연차", 2), 16),
    (("연차", 3), 8),
    (("연차", 5), 4),
    (("반차", 1), 16),
    (("반반차", 1), 8),
)


def _book_deputy(booking: _Booking, today: date) -> None:
    """Leave 김하은 exactly 7.5 days, all taken in the past of her present year."""
    now = next(bucket for bucket in booking.given if bucket.covers(today))
    days = workdays(now.arises_on + timedelta(days=5), today - timedelta(days=3))
    booking.take("반차", booking.source.choice(days), 1)
    while booking.left_on(today) > DEPUTY_QUARTERS_LEFT:
        booking.take("연차", booking.source.choice(days), 1)


def _away_next_week(working: Sequence[EmployeeRow], today: date, seed: int) -> dict[int, date]:
    """Choose two of 김하은's team and some others to be away next week, if that week is worked at all."""
    monday = today + timedelta(days=7 - today.weekday())
    days = workdays(monday, monday + timedelta(days=4))
    source = _random(seed, "next week")
    known = _known_ids(working)
    able = [one for one in working if one.id not in known and not one.title and completed_years(one.hired_on, today) >= 1]
    deputy = next(one for one in working if one.name == DEPUTY)
    team = [one.id for one in able if one.team_id == deputy.team_id]
    others = [one.id for one in able if one.team_id != deputy.team_id]
    chosen = [*source.sample(team, 2), *source.sample(others, 12)]
    return {one: source.choice(days) for one in chosen} if days else {}


# Spending


def _expenses(working: Sequence[EmployeeRow], unit_ids: dict[str, int], today: date, seed: int) -> list[ExpenseRow]:
    selling = {unit_ids[team] for team in SELLING_TEAMS}
    first = month_start(month_start(today) - timedelta(days=DAYS_A_YEAR))
    rows = []
    for person in working:
        source = _random(seed, f"expense/{person.number}/{person.name}")
        sells = person.team_id in selling
        days = workdays(max(first, person.hired_on), today)
        for day in days:
            if source.random() > (0.11 if sells else 0.025):
                continue
            habit = _weighted(
                source, [(one, one.weight * 2 if sells and one.category in SELLING_HABITS else one.weight) for one in HABITS]
            )
            rows.append(
                ExpenseRow(
                    employee_id=person.id,
                    team_id=person.team_id,
                    category=habit.category,
                    amount=source.randrange(habit.low, habit.high + 1, habit.step),
                    spent_on=day,
                    purpose=source.choice(habit.purposes),
                )
            )
    return sorted(rows, key=lambda row: (row.spent_on, row.employee_id))


def _purchases(working: Sequence[EmployeeRow], unit_ids: dict[str, int], today: date, seed: int) -> list[PurchaseRow]:
    source = _random(seed, "purchases")
    teams = [unit_ids[name] for division in DIVISIONS for name, _, _ in division.teams]
    days = workdays(today - timedelta(days=DAYS_A_YEAR * 2), today)
    rows = []
    for team in teams:
        for day in source.sample(days, source.randint(18, 32)):
            people = [one for one in working if one.team_id == team and one.hired_on <= day]
            item, low, high = source.choice(BOUGHT)
            rows.append(
                PurchaseRow(
                    employee_id=source.choice(people).id,
                    team_id=team,
                    item=item,
                    amount=source.randrange(low, high + 1, 1_000),
                    decided_on=day,
                    reason=source.choice(("노후 교체", "신규 입사자", "업무 확대", "정기 구매")),
                )
            )
    return sorted(rows, key=lambda row: (row.decided_on, row.employee_id))


# Sales


def _products() -> list[ProductRow]:
    return [
        ProductRow(
            id=number,
            code=f"{GROUP_CODES[good.group]}-{number:03d}",
            name=good.name,
            english_name=good.english_name,
            group=good.group,
            price=good.price,
            cost=good.price * good.cost_percent // 100,
        )
        for number, good in enumerate(GOODS, 1)
    ]


GRADES: tuple[tuple[Grade, int], ...] = (("A", 20), ("B", 45), ("C", 35))


def _customers(unit_ids: dict[str, int], today: date, seed: int) -> list[CustomerRow]:
    source = _random(seed, "customers")
    names = [(head + tail, f"{e_head} {e_tail}") for tail, e_tail in CUSTOMER_TAILS for head, e_head in CUSTOMER_HEADS]
    rows = []
    for number, (name, english_name) in enumerate(names, 1):
        grade = _weighted(source, GRADES)
        rows.append(
            CustomerRow(
                id=number,
                name=name,
                english_name=english_name,
                region=_weighted(source, REGIONS),
                grade=grade,
                # The first of the list, which examples name, belongs to 영업1팀.
                team_id=unit_ids[SELLING_TEAMS[(number - 1) % len(SELLING_TEAMS)]],
                since=today - timedelta(days=source.randint(DAYS_A_YEAR * 2 + 60, DAYS_A_YEAR * 12)),
                credit_limit=source.randrange(10_000_000, 300_000_001, 5_000_000),
            )
        )
    return rows


SEASON = (0.9, 0.8, 1.15, 1.0, 0.95, 1.05, 0.9, 0.85, 1.05, 1.0, 1.15, 1.2)
"""How busy each month is: budgets open in March and are used up in November and December."""
ORDERS_A_DAY = 11


def _orders(
    working: Sequence[EmployeeRow],
    unit_ids: dict[str, int],
    products: Sequence[ProductRow],
    customers: Sequence[CustomerRow],
    today: date,
    seed: int,
) -> list[OrderRow]:
    source = _random(seed, "orders")
    first = _months_before(month_start(today), HISTORY_MONTHS)
    teams = [unit_ids[team] for team in SELLING_TEAMS]
    sellers = {team: [one for one in working if one.team_id == team] for team in teams}
    buyers = {team: [one for one in customers if one.team_id == team] for team in teams}
    weights = {team: [{"A": 6, "B": 3, "C": 1}[one.grade] for one in buyers[team]] for team in teams}
    demand = [source.randint(1, 9) for _ in products]
    rows: list[OrderRow] = []
    numbers: dict[str, int] = {}
    for day in workdays(first, today):
        growth = 1 + 0.12 * (day - first).days / DAYS_A_YEAR
        for _ in range(round(ORDERS_A_DAY * SEASON[day.month - 1] * growth * source.uniform(0.75, 1.25))):
            team = source.choices(teams, (30, 26, 20, 13, 22))[0]
            seller = source.choice([one for one in sellers[team] if one.hired_on <= day])
            product = source.choices(products, demand)[0]
            quantity = max(1, round(source.lognormvariate(3.9, 0.7) * (60_000 / product.price) ** 0.35))
            numbers[f"{day:%Y%m}"] = numbers.get(f"{day:%Y%m}", 0) + 1
            discount = source.choice((100, 100, 97, 95, 92))
            rows.append(
                OrderRow(
                    number=f"SO-{day:%Y%m}-{numbers[f'{day:%Y%m}']:04d}",
                    ordered_on=day,
                    team_id=team,
                    employee_id=seller.id,
                    product_id=product.id,
                    customer_id=source.choices(buyers[team], weights[team])[0].id,
                    quantity=quantity,
                    amount=product.price * quantity * discount // 100,
                )
            )
    return rows


def _months_before(day: date, months: int) -> date:
    whole = day.year * 12 + day.month - 1 - months
    return date(whole // 12, whole % 12 + 1, day.day)
