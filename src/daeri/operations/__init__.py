"""The one abstraction and its single door: what a company declares, and how each call of it is governed."""

from daeri.operations.agents import Agent, Allowance
from daeri.operations.company import Company
from daeri.operations.declare import Ref, SearchText, Won
from daeri.operations.delegation import Delegation, band, edition
from daeri.operations.form import Deadline, Form, Limit
from daeri.operations.line import (
    Change,
    Line,
    agree,
    cc,
    department,
    drafter,
    holder,
    person,
    rank_at_least,
    receive,
    review,
    superior,
    view,
)
from daeri.operations.offering import Offer
from daeri.operations.operation import Catalog, Errand, ErrandFailed, Operation, anyone, having
from daeri.operations.pending import Pending

__all__ = [
    "Agent",
    "Allowance",
    "Catalog",
    "Change",
    "Company",
    "Deadline",
    "Delegation",
    "Errand",
    "ErrandFailed",
    "Form",
    "Limit",
    "Line",
    "Offer",
    "Operation",
    "Pending",
    "Ref",
    "SearchText",
    "Won",
    "agree",
    "anyone",
    "band",
    "cc",
    "department",
    "drafter",
    "edition",
    "having",
    "holder",
    "person",
    "rank_at_least",
    "receive",
    "review",
    "superior",
    "view",
]
