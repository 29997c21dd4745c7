"""What does 한빛상사 look like today? A seeded generator of all its people, leave, spending and sales, as typed rows.

Pure: the same seed and day give the same company. Nothing here touches a database; `build.py` brings the rows in.
Everything hangs on `today`, so that a demo built on any day has a present month with sales, a 김하은 with 7.5 days of
leave left and none booked ahead, and colleagues who are away next week.
"""

from dataclasses import dataclass
from datetime import date

from daeri.sample.customers import CustomerRow
from daeri.sample.expense import ExpenseRow
from daeri.sample.invented import absences, staff, trade
from daeri.sample.leave import AccountRow, GrantRow, LeaveRow
from daeri.sample.people import EmployeeRow, TeamRow
from daeri.sample.products import ProductRow
from daeri.sample.purchase import PurchaseRow
from daeri.sample.sales import OrderRow

SEED = 2026


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


def generate(today: date, seed: int = SEED) -> Hanbit:
    """Invent the whole company as it stands on a day."""
    unit_ids = staff.unit_ids()
    employees = staff.numbered(staff.people(today, seed), unit_ids, seed)
    working = [person for person in employees if person.left_on is None]
    accounts = absences.accounts(working, today, seed)
    grants = absences.grants(working, today, seed)
    products = trade.products()
    customers = trade.customers(unit_ids, today, seed)
    return Hanbit(
        teams=staff.teams(unit_ids, working),
        employees=employees,
        accounts=accounts,
        grants=grants,
        leaves=absences.leaves(working, accounts, grants, today, seed),
        expenses=trade.expenses(working, unit_ids, today, seed),
        purchases=trade.purchases(working, unit_ids, today, seed),
        products=products,
        customers=customers,
        orders=trade.orders(working, unit_ids, products, customers, today, seed),
    )
