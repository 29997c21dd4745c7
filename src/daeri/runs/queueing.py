"""Which run goes next? In order, a person's requests before what schedules began, turns of a conversation one by one.

A run that may not begin yet stays queued; whoever ends a run looks what has become due. Nothing is lost by that: the
sweep looks too.
"""

from collections import Counter
from typing import Any, Final, Literal

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from daeri.records.prepared import Constant
from daeri.runs.fleet import server
from daeri.runs.journal import AT_WORK, run

Busy = Literal["queue", "reject", "cancel"]
"""What becomes of a request in a conversation whose last one is still at work: it waits, is refused, or takes over."""

ASKED: Final = 0
"""The rank of what a person waits for."""
SCHEDULED: Final = 1
"""The rank of what a schedule began."""
CARRIED: Final = 2
"""The rank of work that is no request to an agent; it neither counts as one nor waits like one."""

SUSPECT: Final = 3
"""Times a run was taken up in vain after which it may be what ends its server: of such runs a server takes up one at a
time, so that the others are not given up with the one that does."""

OPEN: Final = ("queued", "running")

HOLDS_UP: Final = or_(*(run.c.status == each for each in AT_WORK))
"""What the next request of a conversation waits for: neither itself nor an agent that it asked waits for people."""

_MINE = Constant(
    select(run.c.session_id, run.c.person_id, run.c.rank, run.c.status).where(run.c.id == bindparam("key")), "key"
)
_EARLIER = Constant(
    select(run.c.id).where(run.c.session_id == bindparam("session"), run.c.id < bindparam("key"), HOLDS_UP).limit(1),
    "session",
    "key",
)
_OPEN_OF = (
    select(run.c.id, run.c.status)
    .where(run.c.person_id == bindparam("person"), run.c.rank < CARRIED, run.c.status.in_(OPEN))
    .order_by(run.c.id)
    .with_for_update()
)
"""Held until the transaction ends, so that two servers do not both count the same free place."""
_QUEUED = (
    select(
        *(run.c[name] for name in ("id", "segment", "session_id", "person_id", "rank", "status", "attempts", "server"))
    )
    .outerjoin(server, server.c.id == run.c.server)
    .where(
        or_(
            run.c.status == "queued",
            and_(run.c.status == "running", or_(server.c.id.is_(None), server.c.id == bindparam("me"))),
        )
    )
    .order_by(run.c.rank, run.c.id)
)
_AT_WORK = (
    select(run.c.person_id, func.count())
    .where(run.c.status == "running", run.c.rank < CARRIED)
    .group_by(run.c.person_id)
)
_FIRST_OPEN = select(run.c.session_id, func.min(run.c.id)).where(HOLDS_UP).group_by(run.c.session_id)


class Queue:
    """Who goes next, as one server sees it.

    Attributes:
        has_waiting: a run had to wait here, so whoever ends one looks whether its turn has come.
    """

    def __init__(self, per_person: int = 0) -> None:
        """Take how many runs of one person may go on at once; 0 = as many as they like."""
        self._per_person = per_person
        self.has_waiting = False

    def may_begin(self, connection: Connection, run_id: str) -> bool:
        """Say whether a run may be taken up now; one that is at work already may go on."""
        (mine,) = _MINE.rows(connection, key=run_id)
        if mine.status == "running" or mine.rank >= CARRIED:
            return True
        earlier = _EARLIER.one(connection, key=run_id, session=mine.session_id)
        begins = earlier is None and self._has_place(connection, run_id, mine.person_id)
        self.has_waiting = self.has_waiting or not begins
        return begins

    def _has_place(self, connection: Connection, run_id: str, person: int) -> bool:
        if not self._per_person:
            return True
        others = [row for row in connection.execute(_OPEN_OF, {"person": person}).all() if row.id != run_id]
        return len([row for row in others if row.status == "running"]) < self._per_person

    def due(self, connection: Connection, me: str) -> list[tuple[str, int]]:
        """Return the runs that this server should advance, with the segment that is due: no other one is at them."""
        rows = connection.execute(_QUEUED, {"me": me}).all()
        if not rows:
            return []
        at_work: Counter[int] = Counter(dict(iter(connection.execute(_AT_WORK))))
        first = dict(iter(connection.execute(_FIRST_OPEN)))
        going = [row for row in rows if self._goes(row, at_work, first)]
        suspects = [row for row in going if row.attempts >= SUSPECT]
        suspects.sort(key=lambda row: (row.server != me, row.attempts, row.id))
        left = {row.id for row in suspects[1:]}
        self.has_waiting = self.has_waiting or bool(left)
        return [(row.id, row.segment) for row in going if row.id not in left]

    def _goes(self, row: Any, at_work: Counter[int], first: dict[str, str]) -> bool:
        """Say whether a run has its turn, and count it in."""
        if row.status == "running" or row.rank >= CARRIED:
            return True
        if first[row.session_id] != row.id or (self._per_person and at_work[row.person_id] >= self._per_person):
            self.has_waiting = True
            return False
        at_work[row.person_id] += 1
        return True
