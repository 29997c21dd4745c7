"""What have people written and not filed yet (임시저장)? Kept unchecked and private; filing checks everything.

A document that was rejected or withdrawn becomes a draft again (재기안), with all that stood in it. A draft is filed
once: its id is the key under which the answer is kept, so a second try gives the first one's. Agents keep none: what
they wrote would come out of a draft as the person's own words.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from ulid import ULID

from daeri.canonical import canonical_json
from daeri.clock import Clock, rfc3339
from daeri.errors import Conflict, FieldError, NotFound, PermissionDenied, ValidationFailed
from daeri.operations import filing, repeats
from daeri.operations.documents import approval_draft
from daeri.operations.invoke import Door
from daeri.operations.outcome import Outcome, Replayed
from daeri.records.actor import Actor, Effect
from daeri.records.store import Store
from daeri.wording import Lang, Text

DRAFTS_MAX = 200
"""Drafts one person keeps at most."""
BYTES_MAX = 100_000
"""Size of one draft at most, as JSON."""


class Drafts:
    """The saved drafts of a company's people."""

    def __init__(self, door: Door, store: Store, clock: Clock) -> None:
        """Take what files them, the database and the clock."""
        self._door = door
        self._company = door.company
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
            if previous_id is not None:
                filing.redraftable(connection, previous_id, actor.person_id)
            return self._add(connection, actor, values | {"previous_id": previous_id}, lang)

        return await self._store.write(write)

    async def rewrite(
        self, actor: Actor, draft_id: str, arguments: Mapping[str, Any], lang: Lang = "ko"
    ) -> dict[str, Any]:
        """Write over what a draft says.

        Raises:
            NotFound: there is none, or it is someone else's.
            ValidationFailed: it is too large.
        """
        draft = await self.get(actor, draft_id, lang)
        return await self.save(actor, draft["operation"], arguments, draft_id=draft_id, lang=lang)

    async def again(self, actor: Actor, approval_id: str, lang: Lang = "ko") -> dict[str, Any]:
        """Return a draft with all that stood in a document that was rejected or withdrawn (재기안).

        It is the same draft however often it is asked for, until it is filed.

        Raises:
            NotFound: there is no such document of this person.
            Conflict: it did not end badly, or was drafted anew already.
        """
        _within_scope(actor, "write")

        def write(connection: Connection) -> dict[str, Any]:
            row = filing.redraftable(connection, approval_id, actor.person_id)
            mine = (approval_draft.c.person_id == actor.person_id) & (approval_draft.c.previous_id == approval_id)
            begun = connection.execute(select(approval_draft).where(mine)).first()
            if begun is not None:
                return self._body(begun, lang)
            values = {"operation": row.operation, "arguments": row.arguments, "updated_at": self._clock.now()}
            return self._add(connection, actor, values | {"previous_id": approval_id}, lang)

        return await self._store.write(write)

    async def file(self, actor: Actor, draft_id: str, lang: Lang = "ko") -> Outcome:
        """File a draft (상신), as any call of its operation; it is gone then.

        Raises:
            NotFound: there is none, or it is someone else's.
            DaeriError: whatever stands in the way of the operation; the draft stays.
        """
        _within_scope(actor, "write")

        def look(connection: Connection) -> dict[str, Any] | Replayed:
            filed = repeats.kept(connection, actor.person_id, draft_id)
            return filed or self._body(self._row(connection, actor, draft_id), lang)

        draft = await self._store.read(look)
        outcome: Outcome
        if isinstance(draft, Replayed):
            outcome = draft
        else:
            outcome = await self._door.call(
                actor,
                draft["operation"],
                draft["arguments"],
                lang=lang,
                idempotency_key=draft_id,
                previous_id=draft["previous_id"],
            )
        mine = (approval_draft.c.id == draft_id) & (approval_draft.c.person_id == actor.person_id)
        await self._store.write(lambda connection: connection.execute(delete(approval_draft).where(mine)))
        return outcome

    def _add(self, connection: Connection, actor: Actor, values: Mapping[str, Any], lang: Lang) -> dict[str, Any]:
        """Keep one more draft.

        Raises:
            Conflict: the person keeps too many.
        """
        mine = select(func.count()).where(approval_draft.c.person_id == actor.person_id)
        if connection.execute(mine).scalar_one() >= DRAFTS_MAX:
            raise Conflict(
                Text(f"임시저장은 {DRAFTS_MAX}개까지예요. 지우고 다시 해 주세요", f"At most {DRAFTS_MAX} drafts")
            )
        key = f"drf_{ULID()}"
        connection.execute(insert(approval_draft).values(id=key, person_id=actor.person_id, **values))
        return self._body(self._row(connection, actor, key), lang)

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
    if actor.agent is not None:
        raise PermissionDenied(
            Text(
                "임시저장은 사람이 직접 해요. 에이전트는 바로 기안해요",
                "Only people keep drafts; an agent files at once",
            )
        )
    if not actor.may_call("approval.draft", effect):
        raise PermissionDenied(Text("이 키로는 결재 문서를 다룰 수 없어요", "This key may not handle approvals"))
