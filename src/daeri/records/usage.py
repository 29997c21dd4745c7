"""What did people use of models? Uses are noted in memory and written down, many in one transaction.

A reply must not wait for the database, and a transaction for each would cost more than the relaying. What the last
half second brought can be lost with the process; the model's own bill then knows more than this account.
"""

import asyncio
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

import structlog
from sqlalchemy import BigInteger, Column, Connection, Date, Index, Integer, String, Table

from daeri.clock import SEOUL, Clock
from daeri.errors import NotReady
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.prepared import Insert
from daeri.records.record import Instant
from daeri.records.store import Store, system

WRITE_SECONDS: Final = 0.5
"""How long a use may wait to be written."""
NANO: Final = 1_000_000_000

log = structlog.get_logger()

Outcome = Literal["done", "refused", "failed", "cancelled", "cached"]
Purpose = Literal["plan", "relay"]

model_use = Table(
    "model_use",
    system,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("day", Date, nullable=False),
    Column("model", String(100), nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("team_id", Integer),
    Column("agent", String(100)),
    Column("credential", String(100), nullable=False),
    Column("run_id", String(40)),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_nano_usd", BigInteger),
)
Index("ix_model_use_day", model_use.c.day)
Index("ix_model_use_person", model_use.c.person_id, model_use.c.day)
_INSERT: Final = Insert(model_use, [column.name for column in model_use.columns if column.name != "id"])


class Use(NamedTuple):
    """One request to a model.

    Attributes:
        request: who asked for which model, when and from where.
        purpose: "plan" for an agent's own thinking, "relay" where a caller used the model as it is.
        team_id: the person's team at that time.
        counted_as: the credential that it is counted against; the request names the very one that was shown.
        outcome: cancelled where the caller left before the end; its tokens are then an estimate. cached where a
            remembered reply was given, which costs nothing.
        input_tokens, output_tokens: as the endpoint counts them; 0 where it does not tell.
        cost_usd: None where neither the endpoint nor a price tells it.
    """

    request: audit.Entry
    model: str
    purpose: Purpose = "relay"
    team_id: int | None = None
    counted_as: str = ""
    outcome: Outcome = "done"
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal | None = None

    @property
    def entry(self) -> audit.Entry:
        """What the audit tells of it."""
        told = {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens}
        return self.request._replace(outcome=self.outcome, detail={**self.request.detail, **told})

    @property
    def row(self) -> dict[str, Any]:
        """What the account tells of it."""
        return {
            "at": self.request.at,
            "day": self.request.at.astimezone(SEOUL).date(),
            "model": self.model,
            "purpose": self.purpose,
            "outcome": self.outcome,
            "person_id": self.request.person_id,
            "team_id": self.team_id,
            "agent": self.request.agent,
            "credential": self.counted_as,
            "run_id": self.request.run_id,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_nano_usd": None if self.cost_usd is None else round(self.cost_usd * NANO),
        }


class UseBook:
    """Collects uses and writes them: all to the account, those of raw models to the audit too."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take the database and the clock; nothing is written before something is used."""
        self._store = store
        self._clock = clock
        self._unwritten: list[Use] = []
        self._writer: asyncio.Task[None] | None = None

    def begin(self, actor: Actor, model: str, purpose: Purpose = "relay", run_id: str | None = None) -> Use:
        """Return a use by an actor in the present request, to be noted when it has ended."""
        request = audit.Entry.by(actor, self._clock.now(), f"model.{model}", run_id=run_id)
        return Use(request, model, purpose, actor.team_id, actor.counted_as)

    def note(self, use: Use) -> None:
        """Note a use; it is written a moment later with the others of that moment."""
        self._unwritten.append(use)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write_soon())

    async def close(self) -> None:
        """Write what is not yet written."""
        if self._writer is not None:
            self._writer.cancel()
        await self.write()

    async def _write_soon(self) -> None:
        while self._unwritten:
            await asyncio.sleep(WRITE_SECONDS)
            await self.write()

    async def write(self) -> None:
        """Write what was noted so far."""
        uses, self._unwritten = self._unwritten, []
        if not uses:
            return

        def put(connection: Connection) -> None:
            if rows := [use.row for use in uses if use.outcome != "refused"]:
                _INSERT.run(connection, rows)
            if entries := [use.entry for use in uses if use.purpose == "relay"]:
                audit.append_all(connection, entries)

        try:
            await self._store.write(put)
        except NotReady:
            # Callers cannot come in without the database either, so what waits here stays small.
            self._unwritten = [*uses, *self._unwritten]
            log.warning("usage.unwritten", uses=len(self._unwritten))
