"""What have people written and not filed yet (임시저장)? Kept unchecked and private; filing checks everything."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from ulid import ULID

from daeri.canonical import canonical_json
from daeri.clock import Clock, rfc3339
from daeri.errors import Conflict, FieldError, NotFound, PermissionDenied, ValidationFailed
from daeri.operations.company import Company
from daeri.operations.documents import approval_draft
from daeri.records.actor import Actor, Effect
from daeri.records.store import Store
from daeri.wording import Lang, Text

DRAFTS_MAX = 200
"""Drafts one person keeps at most."""
BYTES_MAX = 100_000
"""Size of one draft at most, as JSON."""


class Drafts:
    """The saved drafts of a company's people."""

    def __init__(self, company: Company, store: Store, clock: Clock) -> None:
        """Take the declarations, the database and the clock."""
        self._company = company
        self._store = store
        self._clock = clock

    async def save(
        self,
        actor: Actor,
        operation: str,
        arguments: Mapping[str, Any],
        *,
        draft_id: str | None = None,
        previous_id: str | None = None,
        lang: Lang = "ko",
    ) -> dict[str, Any]:
        """Keep a draft, or write over one.

        Raises:
            NotFound: there is no such operation, or no such draft of this person.
            ValidationFailed: it is too large.
            Conflict: the person keeps too many.
        """
        _within_scope(actor, "write")
        if operation not in self._company.operations:
            raise NotFound(Text(f"'{operation}' 작업이 없어요", f"There is no operation '{operation}'"))
        if len(canonical_json(dict(arguments))) > BYTES_MAX:
            raise ValidationFailed(
                Text("임시저장하기에는 너무 커요", "This is too large to be saved as a draft"),
                errors=[FieldError("/arguments", f"at most {BYTES_MAX} bytes")],
            )

        def write(connection: Connection) -> dict[str, Any]:
            values = {"operation": operation, "arguments": dict(arguments), "updated_at": self._clock.now()}
            if draft_id is not None:
                self._row(connection, actor, draft_id)
                changed = update(approval_draft).where(approval_draft.c.id == draft_id)
                connection.execute(changed.values(**values))
                return self._body(self._row(connection, actor, draft_id), lang)
            mine = select(func.count()).where(approval_draft.c.person_id == actor.person_id)
            if connection.execute(mine).scalar_one() >= DRAFTS_MAX:
                raise Conflict(
                    Text(f"임시저장은 {DRAFTS_MAX}개까지예요. 지우고 다시 해 주세요", f"At most {DRAFTS_MAX} drafts")
                )
            key = f"drf_{ULID()}"
            connection.execute(
                insert(approval_draft).values(id=key, person_id=actor.person_id, previous_id=previous_id, **values)
            )
            return self._body(self._row(connection, actor, key), lang)

        return await self._store.write(write)

    async def mine(self, actor: Actor, lang: Lang = "ko") -> list[dict[str, Any]]:
        """Return a person's drafts, newest first."""
        _within_scope(actor, "read")
        statement = (
            select(approval_draft)
            .where(approval_draft.c.person_id == actor.person_id)
            .order_by(approval_draft.c.id.desc())
            .limit(DRAFTS_MAX)
        )
        return await self._store.read(
            lambda connection: [self._body(row, lang) for row in connection.execute(statement)]
        )

    async def get(self, actor: Actor, draft_id: str, lang: Lang = "ko") -> dict[str, Any]:
        """Return a draft.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        _within_scope(actor, "read")
        return await self._store.read(lambda connection: self._body(self._row(connection, actor, draft_id), lang))

    async def drop(self, actor: Actor, draft_id: str) -> None:
        """Throw a draft away.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        _within_scope(actor, "write")

        def write(connection: Connection) -> None:
            self._row(connection, actor, draft_id)
            connection.execute(delete(approval_draft).where(approval_draft.c.id == draft_id))

        await self._store.write(write)

    @staticmethod
    def _row(connection: Connection, actor: Actor, draft_id: str) -> Row[Any]:
        row = connection.execute(
            select(approval_draft).where(approval_draft.c.id == draft_id, approval_draft.c.person_id == actor.person_id)
        ).one_or_none()
        if row is None:
            raise NotFound(Text("그런 임시저장이 없어요", "No such draft"))
        return row

    def _body(self, row: Row[Any], lang: Lang) -> dict[str, Any]:
        operation = self._company.operations.get(row.operation)
        return {
            "draft_id": row.id,
            "operation": row.operation,
            "title": operation.label.to(lang) if operation else row.operation,
            "arguments": row.arguments,
            "previous_id": row.previous_id,
            "updated_at": rfc3339(row.updated_at),
        }


def _within_scope(actor: Actor, effect: Effect) -> None:
    if not actor.may_call("approval.draft", effect):
        raise PermissionDenied(Text("이 키로는 결재 문서를 다룰 수 없어요", "This key may not handle approvals"))
