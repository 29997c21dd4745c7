"""What did models cost, by whom, on which days? Sums over the account of uses; days are days in Seoul."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, case, func, select

from daeri.records.usage import NANO, model_use

GROUPS: Final[Mapping[str, ColumnElement[Any]]] = {
    "model": model_use.c.model,
    "person": model_use.c.person_id,
    "team": model_use.c.team_id,
    "agent": model_use.c.agent,
    "key": model_use.c.credential,
    "run": model_use.c.run_id,
    "purpose": model_use.c.purpose,
    "day": model_use.c.day,
}
"""What uses can be told apart by."""
MOST: Final = 200
"""Groups that are told: the dearest, or the newest days."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What uses came to.

    Attributes:
        cached: how many were answered by a remembered reply.
        group: what they have in common; None for all there are.
        cost_usd: of those whose cost is known; None where it is of none.
        unknown_costs: how many there are whose cost is not.
    """

    group: Any
    calls: int
    failed: int
    cached: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    unknown_costs: int


_SUMS: Final = (
    func.count(),
    func.coalesce(func.sum(case((model_use.c.outcome == "failed", 1), else_=0)), 0),
    func.coalesce(func.sum(case((model_use.c.outcome == "cached", 1), else_=0)), 0),
    func.coalesce(func.sum(model_use.c.input_tokens), 0),
    func.coalesce(func.sum(model_use.c.output_tokens), 0),
    func.sum(model_use.c.cost_nano_usd),
    func.coalesce(func.sum(case((model_use.c.cost_nano_usd.is_(None), 1), else_=0)), 0),
)


def between(first: date | None, last: date | None) -> list[ColumnElement[bool]]:
    """Return the conditions of some days, both included."""
    found = [] if first is None else [model_use.c.day >= first]
    return found if last is None else [*found, model_use.c.day <= last]


def total(connection: Connection, where: Sequence[ColumnElement[bool]]) -> Spent:
    """Return what the uses that meet all conditions came to."""
    return _spent(None, connection.execute(select(*_SUMS).where(*where)).one())


def groups(connection: Connection, by: str, where: Sequence[ColumnElement[bool]]) -> list[Spent]:
    """Return what each group of uses came to, the dearest first; days newest first."""
    column = GROUPS[by]
    statement = select(column, *_SUMS).where(*where).group_by(column).limit(MOST)
    dearest = func.coalesce(func.sum(model_use.c.cost_nano_usd), 0).desc()
    order = [column.desc()] if by == "day" else [dearest, func.count().desc(), column]
    return [_spent(row[0], row[1:]) for row in connection.execute(statement.order_by(*order))]


def _spent(group: Any, sums: Sequence[Any]) -> Spent:
    calls, failed, cached, given, made, nano, unknown = sums
    cost = None if nano is None else Decimal(int(nano)) / NANO
    return Spent(group, calls, int(failed), int(cached), int(given), int(made), cost, int(unknown))
