"""What did people use of raw models? Uses are noted in memory and written to the audit, many in one transaction.

A relayed reply must not wait for the database, and a transaction for each would cost more than the relaying. What the
last half second brought can be lost with the process; the model's own bill then knows more than this account.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Final, Literal

import structlog

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
        request: who asked for which model, when and from where.
        outcome: cancelled where the caller left before the end; its tokens are then an estimate.
        input_tokens, output_tokens: as the endpoint counts them; 0 where it does not tell.
    """

    request: audit.Entry
    outcome: Outcome = "done"
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def entry(self) -> audit.Entry:
        """What the audit tells of it."""
        told = {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens}
        return replace(self.request, outcome=self.outcome, detail={**self.request.detail, **told})


class UseBook:
    """Collects uses and writes them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take the database and the clock; nothing is written before something is used."""
        self._store = store
        self._clock = clock
        self._unwritten: list[Use] = []
        self._writer: asyncio.Task[None] | None = None

    def begin(self, actor: Actor, model: str) -> Use:
        """Return a use by an actor in the present request, to be noted when it has ended."""
        return Use(audit.Entry.by(actor, self._clock.now(), f"model.{model}"))

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
            await self._store.write(lambda connection: audit.append_all(connection, [use.entry for use in uses]))
        except NotReady:
            # Callers cannot come in without the database either, so what waits here stays small.
            self._unwritten = [*uses, *self._unwritten]
            log.warning("usage.unwritten", uses=len(self._unwritten))
