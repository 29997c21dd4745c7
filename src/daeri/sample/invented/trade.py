"""What did people spend, what did the company buy, and what did it sell to whom?"""

from collections.abc import Sequence
from datetime import date, timedelta

from daeri.sample.customers import CustomerRow, Grade
from daeri.sample.expense import ExpenseRow
from daeri.sample.invented.drawing import DAYS_A_YEAR, random_for, weighted
from daeri.sample.invented.facts import (
    BOUGHT,
    CUSTOMER_HEADS,
    CUSTOMER_TAILS,
    DIVISIONS,
    GOODS,
    GROUP_CODES,
    HABITS,
    REGIONS,
    SELLING_HABITS,
    SELLING_TEAMS,
)
from daeri.sample.people import EmployeeRow
from daeri.sample.period import month_start
from daeri.sample.products import ProductRow
from daeri.sample.purchase import PurchaseRow
from daeri.sample.sales import OrderRow
from daeri.sample.workdays import workdays

HISTORY_MONTHS = 24


def expenses(working: Sequence[EmployeeRow], unit_ids: dict[str, int], today: date, seed: int) -> list[ExpenseRow]:
    """Invent a year's expenses: people who sell travel and entertain more."""
    selling = {unit_ids[team] for team in SELLING_TEAMS}
    first = month_start(month_start(today) - timedelta(days=DAYS_A_YEAR))
    rows = []
    for person in working:
        source = random_for(seed, f"expense/{person.number}/{person.name}")
        sells = person.team_id in selling
        days = workdays(max(first, person.hired_on), today)
        for day in days:
            if source.random() > (0.11 if sells else 0.025):
                continue
            habit = weighted(
                source,
                [(one, one.weight * 2 if sells and one.category in SELLING_HABITS else one.weight) for one in HABITS],
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


def purchases(working: Sequence[EmployeeRow], unit_ids: dict[str, int], today: date, seed: int) -> list[PurchaseRow]:
    """Invent two years of what each team bought for itself."""
    source = random_for(seed, "purchases")
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


def products() -> list[ProductRow]:
    """Return the price list."""
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


GRADES: tuple[tuple[Grade, int], ...] = (("A등급", 20), ("B등급", 45), ("C등급", 35))


def customers(unit_ids: dict[str, int], today: date, seed: int) -> list[CustomerRow]:
    """Invent the customers, each looked after by one selling team."""
    source = random_for(seed, "customers")
    names = [(head + tail, f"{e_head} {e_tail}") for tail, e_tail in CUSTOMER_TAILS for head, e_head in CUSTOMER_HEADS]
    rows = []
    for number, (name, english_name) in enumerate(names, 1):
        grade = weighted(source, GRADES)
        rows.append(
            CustomerRow(
                id=number,
                name=name,
                english_name=english_name,
                region=weighted(source, REGIONS),
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


def orders(
    working: Sequence[EmployeeRow],
    unit_ids: dict[str, int],
    products: Sequence[ProductRow],
    customers: Sequence[CustomerRow],
    today: date,
    seed: int,
) -> list[OrderRow]:
    """Invent two years of orders up to today: busier by season and growing."""
    source = random_for(seed, "orders")
    first = _months_before(month_start(today), HISTORY_MONTHS)
    teams = [unit_ids[team] for team in SELLING_TEAMS]
    sellers = {team: [one for one in working if one.team_id == team] for team in teams}
    buyers = {team: [one for one in customers if one.team_id == team] for team in teams}
    weights = {team: [{"A등급": 6, "B등급": 3, "C등급": 1}[one.grade] for one in buyers[team]] for team in teams}
    demand = [source.randint(1, 9) for _ in products]
    rows: list[OrderRow] = []
    numbers: dict[str, int] = {}
    for day in workdays(first, today):
        growth = 1 + 0.12 * (day - first).days / DAYS_A_YEAR
        for _ in range(round(ORDERS_A_DAY * SEASON[day.month - 1] * growth * source.uniform(0.75, 1.25))):
            team = source.choices(teams, (30, 26, 20, 13, 22))[0]
            seller = source.choice([one for one in sellers[team] if one.hired_on <= day])
            product = source.choices(products, demand)[0]
            quantity = max(1, round(source.lognormvariate(4.1, 0.6) * (60_000 / product.price) ** 0.6))
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
