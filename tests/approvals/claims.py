"""Claims of money: a form with two levels, standing consents, a changeable line and a table of delegated decisions."""

from datetime import date

from approvals.house import WHY
from daeri.operations import Catalog, Form, Limit, Line, Won, anyone, superior
from daeri.operations.delegation import Delegation, band, edition
from daeri.records import Actor, Records
from daeri.wording import Text
from worlds import Project, Said

TABLE = Delegation(
    "claims",
    Text("청구 전결", "Claims"),
    edition(date(2025, 1, 1), band("팀장", upto=500), band(None)),
    edition(date(2026, 1, 1), band("팀장", upto=1_000), band("본부장", upto=5_000, item="접대"), band(None)),
)
claims = Catalog("claims", Text("청구", "Claims"))


def two_levels(amount: Won) -> Line:
    """The lead, then the director."""
    del amount
    return Line(superior(1), superior(2), rule="two", because=WHY)


@claims.write(
    label=Text("청구", "Claim"),
    allow=anyone,
    approval=Form(
        two_levels,
        prefix="CL",
        change_line=True,
        recall="in_progress",
        consent=Limit(days=30, count=5, amount=2_000, rows=10),
        delegation=TABLE,
    ),
)
async def claim(records: Records, actor: Actor, amount: Won) -> Said:
    """Claim money."""
    await records.add(Project(name="x", team_id=actor.team_id or 0, cost=amount))
    return Said(value=str(amount))
