"""Who did what, to whose data? The audit as auditors read it, proved on demand, and shortened when it is old enough.

Only the auditors' role opens it, whatever else its holder may see: rows are named by their numbers and never by what
stands in them. That they looked is on record too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, select

from daeri.clock import Clock, rfc3339
from daeri.errors import BrokenChain, FieldError, ValidationFailed
from daeri.operations.company import Company
from daeri.operations.directory import person_named
from daeri.operations.documents import approval
from daeri.operations.history import AUDITOR, only_auditors, position
from daeri.records import audit, pruning
from daeri.records.actor import Actor
from daeri.records.anchors import Anchors, prove
from daeri.records.inquiry import Found, Inquiry, find, instant_of
from daeri.records.people import Someone, person_body
from daeri.records.store import Store
from daeri.wording import Lang, Text

LIMIT_MAX: Final = 200
LIST: Final = "audit.list"
VERIFY: Final = "audit.verify"
ASKED: Final = ("person", "actor", "operation", "outcome", "type", "id", "since", "until")
"""What a list of the audit may be asked for."""
TOLD: Final = ("from", "rows", "personal", "masked", "people", "code")
"""Parts of a row's detail that have a name of their own in what is told."""

_WHAT: Final = Text("감사 기록은", "The audit is")


class AuditLog:
    """The audit of one company."""

    def __init__(self, company: Company, store: Store, clock: Clock, anchors: Anchors) -> None:
        """Take the declarations, the database, the clock and what signs the chain."""
        self._company = company
        self._store = store
        self._clock = clock
        self._anchors = anchors
        self._verifying = asyncio.Lock()

    @staticmethod
    def may_look(actor: Actor) -> bool:
        """Say whether the audit is open to an actor."""
        return actor.has(AUDITOR) and actor.may_call(LIST, "read")

    async def page(
        self, actor: Actor, sent: Mapping[str, str | None], *, limit: int, cursor: str | None, lang: Lang
    ) -> dict[str, Any]:
        """Return a page of the audit, newest first.

        Looking through a long audit is bounded in time, so a page may hold less than it could, or nothing, and still
        have a next one.

        Args:
            actor: who looks.
            sent: what is asked for, by the names in ASKED: `person` (whose data) and `actor` (who acted) are an id, a
                login or a name; `operation` may end with a dot ("leave."); times are RFC 3339, or days in Seoul.
            limit: rows of the page.
            cursor: where the page before ended.
            lang: of labels.

        Raises:
            PermissionDenied: the actor is no auditor.
            ValidationFailed: something asked for makes no sense.
        """
        self._check(actor, LIST)
        before, most = position(cursor), max(1, min(limit, LIMIT_MAX))

        def look(connection: Connection) -> tuple[Inquiry, Found, Mapping[int, Someone]]:
            asked = self._inquiry(connection, actor, sent)
            found = find(connection, asked, most, before)
            return asked, found, self._company.people.many(connection, [row["person_id"] for row in found.rows])

        asked, found, people = await self._store.read(look)
        await self._note(actor, LIST, asked, {name: value for name, value in sent.items() if value})
        return {
            "data": [self._body(row, people, lang) for row in found.rows],
            "next_cursor": None if found.before is None else str(found.before),
            "has_more": found.before is not None,
        }

    async def verify(self, actor: Actor, lang: Lang) -> dict[str, Any]:
        """Check the whole chain and its notes, one check at a time.

        Raises:
            PermissionDenied: the actor is no auditor.
        """
        self._check(actor, VERIFY)
        async with self._verifying:
            try:
                proof = await self.prove()
            except BrokenChain as broken:
                await self._note(actor, VERIFY, None, {"verified": False, "row": broken.seq})
                told = {"verified": False, "row": broken.seq, "reason": broken.reason.to(lang)}
                return told | {name: broken.row.get(name) for name in ("at", "action", "person_id", "agent")}
        await self._note(actor, VERIFY, None, {"verified": True})
        return {
            "verified": True,
            "rows": proof.rows,
            "first": proof.first,
            "last": proof.last,
            "last_hash": proof.hash,
            "signed_to": proof.noted,
            "keys": [{"id": name, "public": public} for name, public in proof.keys.items()],
        }

    async def prove(self) -> audit.Proof:
        """Check the whole chain, as whoever runs the machine.

        Raises:
            BrokenChain: names the first bad row.
        """
        return await prove(self._store, self._anchors.files, self._anchors.public)

    async def prunable(self, days: int, rights_days: int) -> pruning.Plan:
        """Return which rows are old enough to go."""
        return await self._store.read(lambda connection: self._plan(connection, days, rights_days))

    async def prune(self, planned: pruning.Plan, by: str) -> None:
        """Take the planned rows away, and have that on record; the caller has proved the chain before.

        Raises:
            Conflict: the chain has changed in the meantime.
        """
        now = self._clock.now()

        def take_away(connection: Connection) -> None:
            pruning.prune(connection, planned, self._anchors.signer(connection), now, by)

        await self._store.write(take_away)
        await self._anchors.note()

    def _plan(self, connection: Connection, days: int, rights_days: int) -> pruning.Plan:
        documents = connection.execute(select(approval.c.id).where(approval.c.status == "in_progress")).scalars().all()
        return pruning.plan(connection, pruning.Keep(days, rights_days, documents), self._clock.now())

    def _check(self, actor: Actor, action: str) -> None:
        only_auditors(self._company, actor, action, _WHAT)

    def _inquiry(self, connection: Connection, actor: Actor, sent: Mapping[str, str | None]) -> Inquiry:
        kind, key, action = sent.get("type"), sent.get("id"), sent.get("operation")
        if key is not None and kind is None:
            raise ValidationFailed(
                Text("대상 번호에는 기록 종류도 필요해요", "An id needs the record type beside it (type)"),
                errors=[FieldError("/type", "required beside id")],
            )
        return Inquiry(
            person=self._person(connection, actor, sent, "person"),
            person_type=self._company.people.person.__tablename__,
            actor=self._person(connection, actor, sent, "actor"),
            action=action,
            outcome=sent.get("outcome"),
            type=kind,
            id=int(key) if key is not None and key.isdecimal() else key,
            since=instant_of(sent.get("since"), "since"),
            until=instant_of(sent.get("until"), "until"),
            notes=(action or "").startswith("audit."),
        )

    def _person(self, connection: Connection, actor: Actor, sent: Mapping[str, str | None], field: str) -> int | None:
        named = sent.get(field)
        return None if named is None else person_named(connection, self._company, actor, field, named)

    def _body(self, row: Mapping[str, Any], people: Mapping[int, Someone], lang: Lang) -> dict[str, Any]:
        detail = row["detail"]
        operation = self._company.operations.get(row["action"])
        who = people.get(row["person_id"]) or Someone.unknown(row["person_id"])
        return {
            "seq": row["seq"],
            "at": _told_time(row["at"]),
            "person": person_body(who),
            "agent": row["agent"],
            "agent_label": self._company.agent_label(row["agent"], lang),
            "door": row["door"],
            "credential": row["credential"],
            "action": row["action"],
            "label": operation.label.to(lang) if operation else row["action"],
            "outcome": row["outcome"],
            "records": [_reference(each) for each in row["records"]],
            "wrote": [_reference(each) | {"act": each[2], "fields": each[3]} for each in detail.get("wrote", ())],
            **{name: detail.get(name) for name in TOLD},
            "more": {name: value for name, value in detail.items() if name not in (*TOLD, "wrote")},
            **{name: row[name] for name in ("approval_id", "run_id", "step", "request_id", "arguments_digest", "hash")},
        }

    async def _note(self, actor: Actor, action: str, asked: Inquiry | None, detail: Mapping[str, Any]) -> None:
        """Have on record that somebody looked, and for whom."""
        people = {} if asked is None or asked.person is None else {"people": [asked.person]}
        entry = audit.Entry.by(actor, self._clock.now(), action, detail={"asked": detail, **people})
        await self._store.write(partial(audit.append, entry=entry))


def _reference(each: Sequence[Any]) -> dict[str, Any]:
    """Return a row, or a range of them, by type and number."""
    return {"type": each[0], **(each[1] if isinstance(each[1], dict) else {"id": each[1]})}


def _told_time(at: str) -> str:
    try:
        return rfc3339(datetime.fromisoformat(at))
    except ValueError:  # a forged one is shown as it is
        return at
