"""What did people use of raw models? Uses are noted in memory and written to the audit, many in one transaction.

A relayed reply must not wait for the database, and a transaction for each would cost more than the relaying. What the
last half second brought can be lost with the process; the model's own bill then knows more than this account.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import structlog
from sqlalchemy import Connection

from daeri.clock import Clock
from daeri.errors import NotReady
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.store import Store

WRITE_SECONDS: Final = 0.5
"""How long a use may wait to be written."""

log = structlog.get_logger()

Outcome = Literal["done", "refused", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Use:
    """One request to a raw model.

    Attributes:
        model: Daeri's name of the model.
        outcome: cancelled where the caller left before the end; its tokens are then an estimate.
        input_tokens, output_tokens: as the endpoint counts them; 0 where it does not tell.
    """

    at: datetime
    actor: Actor
    model: str
    request_id: str
    outcome: Outcome = "done"
    input_tokens: int = 0
    output_tokens: int = 0

    @classmethod
    def by(cls, actor: Actor, at: datetime, model: str) -> "Use":
        """Return a use by an actor in the present request."""
        return cls(at, actor, model, str(structlog.contextvars.get_contextvars().get("request_id", "")))


class UseBook:
    """Collects uses and writes them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take the database and the clock; nothing is written before something is used."""
        self._store = store
        self._clock = clock
        self._unwritten: list[Use] = []
        self._writer: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        """Return the present time, for a use to be noted later."""
        return self._clock.now()

    def note(self, use: Use) -> None:
        """Note a use; it is written a moment later with the others of that moment."""
        self._unwritten.append(use)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write_soon())

    async def close(self) -> None:
        """Write what is not yet written."""
        if self._writer is not None:
            self._writer.cancel()
        await self._write()

    async def _write_soon(self) -> None:
        while self._unwritten:
            await asyncio.sleep(WRITE_SECONDS)
            await self._write()

    async def _write(self) -> None:
        uses, self._unwritten = self._unwritten, []
        if not uses:
            return
        try:
            await self._store.write(lambda connection: _write_all(connection, uses))
        except NotReady:
            # Callers cannot come in without the database either, so what waits here stays small.
            self._unwritten = [*uses, *self._unwritten]
            log.warning("usage.unwritten", uses=len(self._unwritten))


def _write_all(connection: Connection, uses: Sequence[Use]) -> None:
    for use in uses:
        told = {"input_tokens": use.input_tokens, "output_tokens": use.output_tokens}
        entry = audit.Entry(
            at=use.at,
            person_id=use.actor.person_id,
            agent=use.actor.agent,
            door=use.actor.door,
            action=f"model.{use.model}",
            outcome=use.outcome,
            request_id=use.request_id,
            credential=use.actor.credential,
            detail=told,
        )
        audit.append(connection, entry)
