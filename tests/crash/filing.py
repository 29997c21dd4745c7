"""The company of the races, where people keep files too."""

from approvals.racing import AGENTS, ROLES, books, papers
from daeri.operations import Company
from daeri.tools.files import files_catalog
from daeri.wording import Text
from worlds import work


def company() -> Company:
    """Return the company."""
    return Company(Text("겹침상사", "Racing Trading"), [work, papers, books, files_catalog()], AGENTS, ROLES)
