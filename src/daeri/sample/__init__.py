"""한빛상사 (Hanbit Trading), the sample company: what a company writes to put its systems behind Daeri.

Read in this order:

1. `organisation.py`: the people and teams, who may see what of them, and questions about the tree;
2. `leave_law.py` and `leave_records.py`: rules of the law as dated data, and what is kept of leave;
3. `leave.py`: a request with its approval line, its preview and its refusals;
4. `expense.py`, `purchase.py`, `sales.py`, ...: the other subjects, made alike;
5. `generate.py` (with `invented/`) and `build.py`: 240 invented people, and how they move in by public operations.

Everything in it is invented.
"""

from daeri.operations import Agent, Company
from daeri.sample import customers, leave_calendar, prices, products, sales, transfers
from daeri.sample import leave as leave_operations
from daeri.sample.exceptions import security
from daeri.sample.expense import expense
from daeri.sample.leave_records import leave
from daeri.sample.organisation import LOADER, ROLES, Department, organisation
from daeri.sample.people import people, teams
from daeri.sample.purchase import purchase
from daeri.sample.sales_records import customer, product
from daeri.sample.sales_records import sales as sales_catalog
from daeri.tools.code import code_catalog
from daeri.tools.documents import documents_catalog
from daeri.tools.files import files_catalog
from daeri.tools.memory import memory_catalog
from daeri.tools.query import query_catalog
from daeri.tools.schedules import schedules_catalog
from daeri.wording import Text

__all__ = ["hanbit"]

# Catalogs are filled where their operations are written; a module that is not imported would declare nothing.
DECLARING = (customers, leave_calendar, leave_operations, prices, products, sales, transfers)

TERMS = (
    ("대리", "Daeri", "사내 인공지능"),
    ("보안 USB", "등록 USB"),
    ("당직", "내선 7119"),
    ("용인 센터", "용인 물류센터"),
)
"""What this company calls things, beside what every company says: documents are found by either name."""

INSTRUCTIONS = (
    "You are 대리, the deputy of an employee of 한빛상사, a trading company in Seoul. Answer in the language of the "
    "request, in 해요체 when it is Korean, in one or two sentences. Say only what the operations returned. A request "
    "that needs approval is filed, not done: say who decides."
)


def hanbit() -> Company:
    """Put the company together."""
    return Company(
        name=Text("한빛상사", "Hanbit Trading"),
        catalogs=[
            organisation,
            people,
            teams,
            leave,
            expense,
            purchase,
            sales_catalog,
            product,
            customer,
            security,
            query_catalog(),
            code_catalog(),
            files_catalog(),
            memory_catalog(),
            schedules_catalog("assistant"),
            documents_catalog(Department, keepers=("admin", "hr", LOADER), terms=TERMS),
        ],
        agents=[Agent(name="assistant", label=Text("대리", "Deputy"), instructions=INSTRUCTIONS)],
        roles=ROLES,
    )
