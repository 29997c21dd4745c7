"""The company of the races, whose chief agent has a clerk do the work."""

from approvals.racing import ROLES, books, papers
from daeri.operations import Agent, Company
from daeri.tools.agents import agents_catalog
from daeri.wording import Text
from worlds import work

CHIEF, CLERK = "chief", "clerk"


def company() -> Company:
    """Return the company."""
    agents = (
        Agent(CHIEF, Text("실장", "Chief"), scope=("agents.*", "work.*")),
        Agent(CLERK, Text("서기", "Clerk"), scope=("work.*",)),
    )
    return Company(Text("겹침상사", "Racing Trading"), [work, papers, books, agents_catalog()], agents, ROLES)
