"""The one abstraction and its single door: what a company declares, and how each call of it is governed."""

from daeri.operations.company import Agent, Company
from daeri.operations.declare import Ref, Won
from daeri.operations.line import Change, Line, holder, superior
from daeri.operations.offering import Offer
from daeri.operations.operation import Catalog, Operation, anyone, having
from daeri.operations.pending import Pending

__all__ = [
    "Agent",
    "Catalog",
    "Change",
    "Company",
    "Line",
    "Offer",
    "Operation",
    "Pending",
    "Ref",
    "Won",
    "anyone",
    "having",
    "holder",
    "superior",
]
