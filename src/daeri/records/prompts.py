"""By which words were models told what to do? Each version of the prompts is kept from its first use on.

A step of a run names the version it was planned by. A newer Daeri, or other instructions of an agent, make another
version; the old one can still be read by whoever looks into what an agent did.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import JSON, Column, Connection, String, Table, bindparam, insert, select

from daeri.canonical import digest
from daeri.clock import Clock, rfc3339
from daeri.records.prepared import Constant
from daeri.records.record import Instant
from daeri.records.store import Store, system

DIGITS: Final = 12
"""Of a version's digest: enough to tell apart more versions than anybody will ever write."""

prompt = Table(
    "prompt",
    system,
    Column("version", String(DIGITS), primary_key=True),
    Column("parts", JSON, nullable=False),
    Column("first_used_at", Instant, nullable=False),
)

_FOUND = Constant(select(prompt).where(prompt.c.version == bindparam("version")), "version")
_ADD = Constant(insert(prompt), *prompt.columns.keys())
_NEWEST = select(prompt.c.version, prompt.c.first_used_at).order_by(
    prompt.c.first_used_at.desc(), prompt.c.version.desc()
)


class PromptBook:
    """The versions of the prompts of one company's agents."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take the database and the clock."""
        self._store = store
        self._clock = clock

    async def keep(self, parts: Mapping[str, str]) -> str:
        """Keep prompts, by the names of their parts, before they are used; return their version."""
        version = digest(dict(parts))[:DIGITS]
        await self._store.write(lambda connection: self._add(connection, version, parts))
        return version

    def _add(self, connection: Connection, version: str, parts: Mapping[str, str]) -> None:
        if _FOUND.one(connection, version=version) is None:
            _ADD.run(connection, version=version, parts=dict(parts), first_used_at=self._clock.now())

    async def versions(self) -> list[dict[str, Any]]:
        """Return the versions, the newest first, and since when each is used."""
        rows = await self._store.read(lambda connection: connection.execute(_NEWEST).all())
        return [{"version": row.version, "first_used_at": rfc3339(row.first_used_at)} for row in rows]

    async def find(self, version: str) -> dict[str, Any] | None:
        """Return a version with its parts; None where there is none."""
        row = await self._store.read(lambda connection: _FOUND.one(connection, version=version))
        if row is None:
            return None
        return {"version": row.version, "first_used_at": rfc3339(row.first_used_at), "parts": row.parts}
