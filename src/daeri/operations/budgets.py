"""How much may be spent on models, by whom, in a day or a month of Seoul? Asked before each request to a model.

What is under way counts as its estimate, so all that is spent is at most a budget and one estimate. What was spent is
summed once from the account and added to here; other servers' uses are taken in every few seconds.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final, Literal

import structlog
from sqlalchemy import ColumnElement, Connection

from daeri.clock import SEOUL, Clock, rfc3339
from daeri.errors import BudgetExceeded, DaeriError
from daeri.operations.limits import Limiter
from daeri.records.actor import Actor
from daeri.records.spending import GROUPS, Spent, between, total
from daeri.records.store import Store
from daeri.records.usage import Outcome, Use, UseBook
from daeri.wording import Text

Of = Literal["everyone", "team", "person", "agent", "key"]
Per = Literal["day", "month"]
State = Literal["ok", "warn", "over"]

OTHERS_SECONDS: Final = 5.0
"""How old the other servers' uses may be."""
ANSWER_TOKENS: Final = 1_000
"""What a reply is taken to need while it is under way."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent in a time.

    Attributes:
        of: who spends it together: everyone, a team, a person, an agent's people, a key's callers.
        who: one of them alone (a team's id, a person's id or login, an agent's name, a key's id), or "*": each of them.
        usd, tokens: the hard limits; None for no limit of the kind.
        warn_at: the share of a limit from which it is warned of.
    """

    of: Of
    who: str
    per: Per
    usd: Decimal | None = None
    tokens: int | None = None
    warn_at: float = 0.8

    def subject(self, actor: Actor) -> str | None:
        """Return who spends it where this actor does; None where it does not concern them."""
        names = {
            "everyone": ["*"],
            "team": [str(actor.team_id or "")],
            "person": [str(actor.person_id), actor.login or ""],
            "agent": [actor.agent or ""],
            "key": [actor.counted_as],
        }[self.of]
        return names[0] if names[0] and self.who in ("*", *names) else None

    def first_day(self, today: date) -> date:
        """Return the first day of the present time."""
        return today if self.per == "day" else today.replace(day=1)

    def ends(self, today: date) -> date:
        """Return the first day of the next time."""
        return (
            today + timedelta(days=1)
            if self.per == "day"
            else (today.replace(day=28) + timedelta(days=4)).replace(day=1)
        )


@dataclass(slots=True)
class Purse:
    """What is spent of a budget by one subject in the present time."""

    first_day: date
    usd: Decimal
    tokens: int
    looked_at: float
    usd_under_way: Decimal = Decimal(0)
    tokens_under_way: int = 0

    def state(self, budget: Budget) -> State:
        """Say how it stands."""
        shares = [float(self.usd + self.usd_under_way) / float(budget.usd)] if budget.usd else []
        shares += [(self.tokens + self.tokens_under_way) / budget.tokens] if budget.tokens else []
        share = max(shares, default=1.0)
        return "over" if share >= 1 else "warn" if share >= budget.warn_at else "ok"


class Budgets:
    """The budgets of one server."""

    def __init__(
        self, budgets: Sequence[Budget], store: Store, clock: Clock, book: UseBook, limiter: Limiter | None = None
    ) -> None:
        """Take them, the account, where uses are noted, and who counts requests."""
        self._limiter = limiter or Limiter()
        self._budgets = budgets
        self._store = store
        self._clock = clock
        self._book = book
        self._purses: dict[tuple[Budget, str], Purse] = {}

    async def begin(
        self, use: Use, actor: Actor, tokens: int = ANSWER_TOKENS, usd: Decimal | None = None
    ) -> "Reservation":
        """Set aside what a request is taken to need.

        Args:
            use: the request.
            actor: who asks.
            tokens: what it and its reply are taken to need.
            usd: what that costs, where it is known.

        Raises:
            BudgetExceeded: a budget is spent; nothing is set aside.
            RateLimited: the actor asks the model too often.
        """
        await self._limiter.model(actor, use.model)
        concerned = [(budget, subject) for budget in self._budgets if (subject := budget.subject(actor)) is not None]
        purses = [(budget, await self._purse(budget, subject, actor)) for budget, subject in concerned]
        for budget, purse in purses:  # nothing is awaited from here on, so no other request comes between
            if purse.state(budget) == "over":
                self._book.note(use._replace(outcome="refused"))
                raise self._exceeded(budget)
        reservation = Reservation(self._book, use, [purse for _, purse in purses], tokens, usd or Decimal(0))
        for budget, purse in purses:
            if purse.state(budget) == "warn":
                log.warning("budget.nearly-spent", of=budget.of, who=budget.who, per=budget.per)
        return reservation

    async def standing(self, actor: Actor) -> list[dict[str, Any]]:
        """Tell how the budgets stand that concern an actor."""
        told = []
        for budget in self._budgets:
            subject = budget.subject(actor)
            if subject is None:
                continue
            purse = await self._purse(budget, subject, actor)
            told.append(
                {
                    "of": budget.of,
                    "who": (actor.login or subject) if budget.of == "person" else subject,
                    "per": budget.per,
                    "limit_usd": None if budget.usd is None else float(budget.usd),
                    "limit_tokens": budget.tokens,
                    "spent_usd": float(purse.usd),
                    "spent_tokens": purse.tokens,
                    "state": purse.state(budget),
                    "renews_on": budget.ends(self._today()).isoformat(),
                }
            )
        return told

    async def _purse(self, budget: Budget, subject: str, actor: Actor) -> Purse:
        first, now = budget.first_day(self._today()), self._clock.now().timestamp()
        purse = self._purses.get((budget, subject))
        fresh = not self._store.is_shared or (purse is not None and now - purse.looked_at < OTHERS_SECONDS)
        if purse is not None and purse.first_day == first and fresh:
            return purse
        await self._book.write()
        spent = await self._store.read(partial(self._sum, budget, actor, first))
        usd, tokens = spent.cost_usd or Decimal(0), spent.input_tokens + spent.output_tokens
        purse = self._purses.get((budget, subject))  # another request may have made it meanwhile, and ended since
        if purse is None:
            purse = self._purses[budget, subject] = Purse(first, usd, tokens, now)
        elif purse.first_day != first or self._store.is_shared:
            purse.first_day, purse.usd, purse.tokens, purse.looked_at = first, usd, tokens, now
        return purse

    @staticmethod
    def _sum(budget: Budget, actor: Actor, first: date, connection: Connection) -> Spent:
        values = {"team": actor.team_id, "person": actor.person_id, "agent": actor.agent, "key": actor.counted_as}
        own: list[ColumnElement[bool]] = [] if budget.of == "everyone" else [GROUPS[budget.of] == values[budget.of]]
        return total(connection, [*own, *between(first, None)])

    def _today(self) -> date:
        return self._clock.now().astimezone(SEOUL).date()

    def _exceeded(self, budget: Budget) -> BudgetExceeded:
        again = budget.ends(self._today())
        limit = f"${budget.usd}" if budget.usd is not None else f"{budget.tokens:,} tokens"
        ko = {"everyone": "회사", "team": "팀", "person": "본인", "agent": "에이전트", "key": "키"}[budget.of]
        per = {"day": ("하루", "day"), "month": ("한 달", "month")}[budget.per]
        begins = datetime.combine(again, datetime.min.time(), SEOUL)
        return BudgetExceeded(
            Text(
                f"{ko}의 {per[0]} 예산({limit})을 다 썼어요. {again.month}월 {again.day}일부터 다시 쓸 수 있어요",
                f"The {per[1]}'s budget of the {budget.of} ({limit}) is spent; it begins anew on {again}",
            ),
            extra={"budget": {"of": budget.of, "per": budget.per}, "renews_at": rfc3339(begins)},
        )


class Reservation:
    """What is set aside for one request, until it ends."""

    def __init__(self, book: UseBook, use: Use, purses: Sequence[Purse], tokens: int, usd: Decimal) -> None:
        """Set it aside."""
        self._use = use
        self._book = book
        self._purses = purses
        self._tokens = tokens
        self._usd = usd
        self._came_to: dict[str, Any] = {}
        for purse in purses:
            purse.tokens_under_way += tokens
            purse.usd_under_way += usd

    def came_to(self, input_tokens: int, output_tokens: int, cost_usd: Decimal | None) -> None:
        """Tell what the reply used."""
        self._came_to |= {"input_tokens": input_tokens, "output_tokens": output_tokens, "cost_usd": cost_usd}

    def answered_by(self, model: str) -> None:
        """Tell which model it was in the end."""
        self._came_to["model"] = model

    def end(self, outcome: Outcome = "done") -> None:
        """Count what was used in its place, and note it."""
        used = self._use._replace(outcome=outcome, **self._came_to)
        for purse in self._purses:
            purse.tokens_under_way -= self._tokens
            purse.usd_under_way -= self._usd
            purse.tokens += used.input_tokens + used.output_tokens
            purse.usd += used.cost_usd or 0
        self._book.note(used)


@contextmanager
def ending(reservation: Reservation) -> Iterator[None]:
    """End it with the block."""
    try:
        yield
    except DaeriError:
        reservation.end("failed")
        raise
    except BaseException:
        reservation.end("cancelled")
        raise
    reservation.end()
