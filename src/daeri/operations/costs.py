"""What do models cost, and who used them? Everyone is told of themself; auditors of everyone."""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection

from daeri.clock import SEOUL, Clock
from daeri.errors import FieldError, ValidationFailed
from daeri.operations.budgets import Budgets
from daeri.operations.company import Company
from daeri.operations.directory import person_named
from daeri.operations.history import AUDITOR
from daeri.records import spending
from daeri.records.actor import Actor
from daeri.records.people import Someone, person_body
from daeri.records.spending import Spent
from daeri.records.store import Store
from daeri.records.usage import model_use
from daeri.wording import Text

ASKED: Final = ("by", "since", "until", "person")
"""What may be asked for."""
GROUPS: Final = tuple(spending.GROUPS)
"""What uses can be told apart by."""
LIST: Final = "usage.get"


class Costs:
    """The account of a company's models."""

    def __init__(self, company: Company, store: Store, clock: Clock, budgets: Budgets) -> None:
        """Take the declarations, the account, the clock and the limits."""
        self._company = company
        self._store = store
        self._clock = clock
        self._budgets = budgets

    @staticmethod
    def sees_everyone(actor: Actor) -> bool:
        """Say whether an actor is told of others too."""
        return actor.has(AUDITOR) and actor.may_call(LIST, "read")

    async def page(self, actor: Actor, sent: Mapping[str, str | None]) -> dict[str, Any]:
        """Tell what was used, in groups, and how the budgets stand that concern the actor.

        Args:
            actor: who asks.
            sent: `by` (model, person, team, agent, key, run, purpose or day; model if it is missing), `since` and
                `until` (days in Seoul, both included; this month if neither is given), `person` (id, login or name).

        Raises:
            ValidationFailed: something asked for makes no sense.
        """
        by = sent.get("by") or "model"
        if by not in GROUPS:
            known = ", ".join(GROUPS)
            raise ValidationFailed(
                Text(f"'{by}'(으)로는 나눌 수 없어요. 쓸 수 있는 것: {known}", f"by is one of: {known}"),
                errors=[FieldError("/by", known)],
            )
        first, last = _day(sent, "since"), _day(sent, "until")
        if first is None and last is None:
            first = self._clock.now().astimezone(SEOUL).date().replace(day=1)
        look = partial(self._look, actor, by, sent.get("person"), spending.between(first, last))
        everything, found, people = await self._store.read(look)
        return {
            "by": by,
            "since": first.isoformat() if first else None,
            "until": last.isoformat() if last else None,
            "data": [{by: _name(by, one, people), **_body(one)} for one in found],
            "total": _body(everything),
            "budgets": await self._budgets.standing(actor),
        }

    def _look(
        self, actor: Actor, by: str, person: str | None, where: list[ColumnElement[bool]], connection: Connection
    ) -> tuple[Spent, list[Spent], Mapping[int, Someone]]:
        if not self.sees_everyone(actor):
            where = [*where, model_use.c.person_id == actor.person_id]
        if person is not None:
            whom = person_named(connection, self._company, actor, "person", person)
            where = [*where, model_use.c.person_id == whom]
        found = spending.groups(connection, by, where)
        ids = [one.group for one in found] if by == "person" else []
        return spending.total(connection, where), found, self._company.people.many(connection, ids)


def _name(by: str, one: Spent, people: Mapping[int, Someone]) -> Any:
    if by == "person":
        return person_body(people.get(one.group) or Someone.unknown(one.group))
    return one.group.isoformat() if isinstance(one.group, date) else one.group


def _body(one: Spent) -> dict[str, Any]:
    return {
        "calls": one.calls,
        "failed": one.failed,
        "cached": one.cached,
        "input_tokens": one.input_tokens,
        "output_tokens": one.output_tokens,
        "cost_usd": None if one.cost_usd is None else float(one.cost_usd),
        "unknown_costs": one.unknown_costs,
    }


def _day(sent: Mapping[str, str | None], name: str) -> date | None:
    text = sent.get(name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValidationFailed(
            Text(f"'{text}'은(는) 날짜가 아니에요", f"'{text}' is not a day"),
            errors=[FieldError(f"/{name}", "2026-11-21")],
        ) from None
