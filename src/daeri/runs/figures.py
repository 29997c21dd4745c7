"""How much goes on? Figures for whoever runs the server: runs, documents, calls, refusals, tokens; no person in them.

What is written down anyway is counted when someone asks, from where the last asker stopped; nothing is counted on the
way of a request.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, func, select

from daeri.clock import Clock
from daeri.errors import PermissionDenied
from daeri.operations.documents import approval
from daeri.records.actor import Actor
from daeri.records.audit import audit
from daeri.records.store import Store
from daeri.records.usage import model_use
from daeri.runs import journal
from daeri.runs.queueing import OPEN
from daeri.wording import Text

READERS: Final = ("admin", "auditor")
ROWS_MAX: Final = 100_000
"""Rows counted for one asker at most; what is left is counted for the next."""
SETTLED: Final = timedelta(seconds=1)
"""How long after a run's end it is surely visible to all."""


@dataclass(slots=True)
class Figures:
    """What there is now, and what has happened since the first asker came.

    Attributes:
        runs: runs by status.
        retried: open runs that were taken up more than once since their last step.
        waiting: documents that wait for someone, and for how many seconds the oldest does.
        calls: what was done, by door and outcome.
        refusals: what was refused, by problem code.
        tokens: tokens by model and kind (input, output).
        cost: US dollars by model, where the price is known.
        asked: requests to models by model and outcome; "cached" ones were answered by a remembered reply.
    """

    runs: dict[str, int] = field(default_factory=dict)
    retried: int = 0
    waiting: int = 0
    oldest_seconds: float = 0.0
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    tokens: Counter[tuple[str, str]] = field(default_factory=Counter)
    cost: dict[str, float] = field(default_factory=dict)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)


class Counting:
    """Keeps the figures."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take the database and the clock; nothing is counted until someone asks."""
        self._store = store
        self._clock = clock
        self._figures = Figures()
        self._seq: int | None = None
        self._since: datetime | None = None
        self._use: int | None = None

    async def read(self, actor: Actor) -> Figures:
        """Return the figures as of now.

        Raises:
            PermissionDenied: the actor neither runs nor audits the server.
        """
        if not any(actor.has(role) for role in READERS) or not actor.may_call("metrics.read", "read"):
            raise PermissionDenied(
                Text("서버를 돌보거나 감사하는 사람만 볼 수 있어요", "For those who run or audit the server")
            )
        await self._store.read(self._count)
        return self._figures

    def _count(self, connection: Connection) -> None:
        now, figures = self._clock.now(), self._figures
        by_status = select(journal.run.c.status, func.count()).group_by(journal.run.c.status)
        figures.runs = {str(status): int(count) for status, count in connection.execute(by_status)}
        again = select(func.count()).where(journal.run.c.status.in_(OPEN), journal.run.c.attempts > 1)
        figures.retried = int(connection.execute(again).scalar_one())
        open_ones = select(func.count(), func.min(approval.c.drafted_at)).where(approval.c.status == "in_progress")
        count, oldest = connection.execute(open_ones).one()
        figures.waiting = int(count)
        figures.oldest_seconds = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
        self._count_calls(connection)
        self._count_usage(connection, now - SETTLED)
        self._count_asked(connection)

    def _count_calls(self, connection: Connection) -> None:
        if self._seq is None:
            self._seq = int(connection.execute(select(func.coalesce(func.max(audit.c.seq), 0))).scalar_one())
            return
        columns = (audit.c.seq, audit.c.door, audit.c.outcome, audit.c.detail)
        fresh = select(*columns).where(audit.c.seq > self._seq).order_by(audit.c.seq).limit(ROWS_MAX)
        for row in connection.execute(fresh):
            self._seq = row.seq
            self._figures.calls[(row.door, row.outcome)] += 1
            if row.outcome == "refused":
                self._figures.refusals[_code(row.detail)] += 1

    def _count_usage(self, connection: Connection, until: datetime) -> None:
        if self._since is None:
            self._since = until
            return
        ended = select(journal.run.c.usage).where(
            journal.run.c.finished_at > self._since, journal.run.c.finished_at <= until
        )
        for (usage,) in connection.execute(ended):
            self._add_usage(usage or {})
        self._since = max(self._since, until)

    def _count_asked(self, connection: Connection) -> None:
        if self._use is None:
            self._use = int(connection.execute(select(func.coalesce(func.max(model_use.c.id), 0))).scalar_one())
            return
        columns = (model_use.c.id, model_use.c.model, model_use.c.outcome)
        fresh = select(*columns).where(model_use.c.id > self._use).order_by(model_use.c.id).limit(ROWS_MAX)
        for row in connection.execute(fresh):
            self._use = row.id
            self._figures.asked[(row.model, row.outcome)] += 1

    def _add_usage(self, usage: dict[str, Any]) -> None:
        model = str(usage.get("model") or "unknown")
        for kind in ("input", "output"):
            self._figures.tokens[(model, kind)] += int(usage.get(f"{kind}_tokens") or 0)
        if usage.get("cost_usd") is not None:
            self._figures.cost[model] = self._figures.cost.get(model, 0.0) + float(usage["cost_usd"])


def _code(detail: str) -> str:
    """Return the problem code of a refusal."""
    found = json.loads(detail)
    return str(found.get("code") or "unknown") if isinstance(found, dict) else "unknown"
