"""Whom is there something to tell, and what? The outbox of approvals: written with the act, sent afterwards.

A notice is written in the transaction of what it tells of, so nothing is told that did not happen. Whoever sends takes
it up by counting an attempt: of two servers one does. It says who filed what kind of document and what is asked of
whom; the content stays behind the link, where rights are checked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Row, select, update

from daeri.clock import Clock
from daeri.operations.company import Company
from daeri.operations.deciding.absences import away_at
from daeri.operations.deciding.ledger import operations_of
from daeri.operations.deciding.model import DECIDING
from daeri.operations.documents import approval, notice
from daeri.records.people import Someone
from daeri.records.store import Store
from daeri.wording import Text

BATCH: Final = 20
KEPT: Final = timedelta(days=1)
"""What is older is news no more, so a server that begins to send does not begin with the past."""
RETRY_SECONDS: Final = (0, 60, 300, 1800, 7200, 21600)
"""How long after the act each attempt may begin; after the last one the notice is given up."""
UNTOLD: Final = frozenset({"withdrawn", "approved"})
"""What its own person did, or what another notice follows at once."""
DECIDED_FOR: Final = DECIDING | {"after", "overdue"}
"""What a deputy does for someone absent (대결), and so hears of too."""
_SENT = update(notice)

WORDS: Final = {
    "approve": Text("결재할 차례예요", "waits for your approval"),
    "review": Text("검토할 차례예요", "waits for your review"),
    "agree": Text("합의할 차례예요", "waits for your agreement"),
    "after": Text("후결할 문서가 있어요", "was decided before you; please look at it"),
    "escalated": Text("상위 결재자로 올라왔어요", "came up to you"),
    "cc": Text("참조로 받았어요", "was copied to you"),
    "view": Text("열람할 수 있어요", "was shared with you"),
    "receive": Text("접수해 주세요", "was sent to you"),
    "consult": Text("의견을 물었어요", "asks for your opinion"),
    "post_read": Text("대결한 내용을 봐 주세요", "was decided by your deputy"),
    "follow_up": Text("답해야 할 의견이 있어요", "has an objection to answer"),
    "applied": Text("승인되어 반영됐어요", "was approved and applied"),
    "rejected": Text("반려됐어요", "was rejected"),
    "apply_failed": Text("승인됐지만 반영하지 못했어요", "was approved, but not applied"),
    "apply_unknown": Text("반영됐는지 확인해 주세요", "may or may not have been applied"),
    "overdue": Text("기한이 지났어요", "is overdue"),
    "stuck": Text("결재할 사람이 없어요", "has nobody to decide on it"),
}
_NEWS: Final = Text("새 소식이 있어요", "has news")


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell one person.

    Attributes:
        addresses: where to mail it: to the person, and to whoever decides for them now; those who have one.
    """

    id: str
    person: Someone
    addresses: tuple[str, ...]
    approval_id: str
    number: str | None
    kind: str
    title: Text
    drafter: Someone
    at: datetime

    @property
    def says(self) -> Text:
        """What there is to tell."""
        return WORDS.get(self.kind, _NEWS)


class Notices:
    """The outbox."""

    def __init__(self, company: Company, store: Store, clock: Clock) -> None:
        """Take the declarations, the database and the clock."""
        self._company = company
        self._store = store
        self._clock = clock

    async def take(self) -> list[Notice]:
        """Take up what is due, each for one sender."""
        now = self._clock.now()
        rows = [row for row in await self._store.read(lambda connection: _open(connection, now)) if _is_due(row, now)]
        if not rows:
            return []

        def claim(connection: Connection) -> list[Notice]:
            taken = [row for row in rows[:BATCH] if _claimed(connection, row)]
            return self._notices(connection, taken, now)

        return await self._store.write(claim)

    async def sent(self, notice_id: str) -> None:
        """Note that someone was told."""
        done = _SENT.where(notice.c.id == notice_id).values(sent_at=self._clock.now())
        await self._store.write(lambda connection: connection.execute(done))

    def _notices(self, connection: Connection, rows: list[Row[tuple[object, ...]]], now: datetime) -> list[Notice]:
        """Return what is to be told; what is not worth telling is settled at once."""
        away = away_at(connection, now)
        called = {row.id: operations_of(row.operation, row.bundled) for row in rows}
        deputies = {
            row.id: away.deputy_of_all(row.person_id, called[row.id])
            if row.kind in DECIDED_FOR and row.person_id != row.drafter_id
            else None
            for row in rows
        }
        ids = {row.person_id for row in rows} | {row.drafter_id for row in rows}
        people = {key: Someone.unknown(key) for key in ids} | self._company.people.many(connection, ids)
        addresses = self._company.people.addresses(connection, ids | {each for each in deputies.values() if each})
        found = []
        for row in rows:
            if row.kind in UNTOLD or people[row.person_id].left:
                connection.execute(_SENT.where(notice.c.id == row.id).values(sent_at=now))
                continue
            found.append(
                Notice(
                    id=row.id,
                    person=people[row.person_id],
                    addresses=tuple(
                        addresses[each]
                        for each in (row.person_id, deputies[row.id])
                        if each in addresses and (each == row.person_id or each != row.drafter_id)
                    ),
                    approval_id=row.approval_id,
                    number=row.number,
                    kind=row.kind,
                    title=self._company.title(called[row.id]),
                    drafter=people[row.drafter_id],
                    at=row.at,
                )
            )
        return found


def _open(connection: Connection, now: datetime) -> list[Row[tuple[object, ...]]]:
    columns = (*notice.c, approval.c.operation, approval.c.bundled, approval.c.drafter_id, approval.c.number)
    waiting = (
        select(*columns)
        .join(approval, approval.c.id == notice.c.approval_id)
        .where(notice.c.sent_at.is_(None), notice.c.at > now - KEPT, notice.c.attempts < len(RETRY_SECONDS))
        .order_by(notice.c.id)
        .limit(BATCH * 10)
    )
    return list(connection.execute(waiting))


def _is_due(row: Row[tuple[object, ...]], now: datetime) -> bool:
    return bool(row.at + timedelta(seconds=RETRY_SECONDS[row.attempts]) <= now)


def _claimed(connection: Connection, row: Row[tuple[object, ...]]) -> bool:
    mine = _SENT.where(notice.c.id == row.id, notice.c.attempts == row.attempts, notice.c.sent_at.is_(None))
    return connection.execute(mine.values(attempts=row.attempts + 1)).rowcount == 1
