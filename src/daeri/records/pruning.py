"""Which rows of the audit may go, and how do they go so that the rest still proves itself?

Rows go from the front only, up to the first that must be kept. What is left begins with a signed base: a row at the
end of the chain says which rows went, with the hash of the last of them and how the keys were handed on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select

from daeri.clock import rfc3339
from daeri.errors import Conflict
from daeri.records import audit
from daeri.records.anchors import handed_on, last_noted
from daeri.records.signing import AuditKey
from daeri.verify_audit import PRUNE
from daeri.wording import Text

RIGHTS: Final = ("account.", "key.", "user.")
"""What the names of actions begin with that give, change or take away rights."""
_rows = audit.audit.c


@dataclass(frozen=True, slots=True)
class Keep:
    """How long rows are kept at least.

    Attributes:
        days: any row.
        rights_days: rows about accounts, keys and roles.
        documents: approval documents that are still in progress; their rows are kept however old they are.
    """

    days: int
    rights_days: int
    documents: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pruning would take away.

    Attributes:
        first, last: the rows that would go; none where `last` is below `first`.
        since, until: when the first and the last of them were written; "" where none would go.
        held_by: the row that has to stay and so ends the range; 0 where it is the newest note.
        why: why that row has to stay.
    """

    first: int
    last: int
    since: str
    until: str
    held_by: int
    why: Text

    @property
    def rows(self) -> int:
        """How many rows would go."""
        return max(0, self.last - self.first + 1)


def plan(connection: Connection, keep: Keep, now: datetime) -> Plan:
    """Return what may go."""
    first = connection.execute(select(func.min(_rows.seq))).scalar_one() or 1
    noted = last_noted(connection)
    stops: list[tuple[int, int, Text]] = [(noted, 0, Text("서명한 곳까지만 지워요", "only what is signed goes"))]
    for condition, why in _reasons(keep, now):
        held = connection.execute(select(func.min(_rows.seq)).where(condition)).scalar_one()
        if held is not None:
            stops.append((held - 1, held, why))
    last, held_by, why = min(stops, key=lambda stop: stop[0])
    times = [connection.execute(select(_rows.at).where(_rows.seq == seq)).scalar_one_or_none() for seq in (first, last)]
    since, until = times if last >= first else ("", "")
    return Plan(first, last, since or "", until or "", held_by, why)


def _reasons(keep: Keep, now: datetime) -> list[tuple[ColumnElement[bool], Text]]:
    roles = and_(_rows.outcome.in_(("done", "applied")), _rows.detail.like('%"roles"%'))
    rights = or_(roles, *(_rows.action.like(f"{start}%") for start in RIGHTS))
    reasons = [
        (_younger(now, keep.days), Text(f"기록은 {keep.days}일 동안 둬요", f"rows are kept for {keep.days} days")),
        (
            and_(rights, _younger(now, keep.rights_days)),
            Text(
                f"계정·키·역할에 관한 기록은 {keep.rights_days}일 동안 둬요",
                f"rows about accounts, keys and roles are kept for {keep.rights_days} days",
            ),
        ),
    ]
    if keep.documents:
        held = _rows.approval_id.in_(keep.documents)
        reasons.append((held, Text("아직 결재 중인 문서의 기록이에요", "it is about a document still in progress")))
    return reasons


def _younger(now: datetime, days: int) -> ColumnElement[bool]:
    return _rows.at > (now - timedelta(days=days)).astimezone(UTC).isoformat()


def prune(connection: Connection, planned: Plan, key: AuditKey, now: datetime, by: str) -> None:
    """Take the planned rows away and put the signed base in their place, in the caller's transaction.

    Args:
        connection: to the database that holds the chain, which the caller has verified.
        planned: what `plan` returned.
        key: the key that the chain is signed with now.
        now: the time of the pruning.
        by: who ran it, for the record.

    Raises:
        Conflict: the chain does not begin where it did when this was planned.
    """
    first = connection.execute(select(func.min(_rows.seq))).scalar_one_or_none()
    last = connection.execute(select(_rows.hash).where(_rows.seq == planned.last)).scalar_one_or_none()
    if first != planned.first or last is None:
        raise Conflict(Text("그 사이에 감사 기록이 바뀌었어요", "The audit has changed in the meantime"))
    told: dict[str, Any] = {
        "first": planned.first,
        "to": planned.last,
        "rows": planned.rows,
        "hash": last,
        "since": planned.since,
        "until": planned.until,
        "handed": handed_on(connection),
        "at": rfc3339(now),
        "by": by,
    }
    entry = audit.Entry(now, 0, None, audit.SYSTEM_DOOR, PRUNE, "done", detail=key.signed("base", told))
    audit.append(connection, entry)
    connection.execute(delete(audit.audit).where(_rows.seq <= planned.last))
