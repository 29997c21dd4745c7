"""Who decides on a document, when, and what follows? The boxes, the document, the decisions (결재함, 결재, 회수).

A decision is one transaction: the act, the turn, and, when the line is complete, the effect itself with its audit row
and the word to the run that waits. Only a person in their own session or by a key marked for it decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, get_args

from sqlalchemy import Connection, Row, Select, and_, func, insert, or_, select, update

from daeri.clock import Clock, rfc3339
from daeri.errors import Conflict, DaeriError, FieldError, NotFound, PermissionDenied, StaleVersion, ValidationFailed
from daeri.operations.company import Company
from daeri.operations.documents import approval, approval_act, approval_number, approval_step
from daeri.operations.outcome import Done, Settlement
from daeri.records import audit
from daeri.records.actor import Actor, Effect
from daeri.records.people import SYSTEM, Someone, person_body
from daeri.records.store import Store
from daeri.wording import Lang, Text

Box = Literal["waiting", "upcoming", "drafted", "done", "rejected", "cc"]
Decision = Literal["approve", "reject"]
Execute = Callable[[Connection, Row[Any]], Done]


class Heard(Protocol):
    """Whoever waits for documents: told inside the deciding transaction, and again once it is committed."""

    def settled(self, connection: Connection, settlement: Settlement) -> None:
        """Write down that a document ended."""

    async def resume(self, run_id: str | None) -> None:
        """Go on with what waited for it."""


BOX_MAX = 200
NUMBER = "DR-{year}-{count:06}"


@dataclass(frozen=True, slots=True)
class Act:
    """One act on a document: who, what, with which words."""

    act: str
    person_id: int
    comment: str | None = None
    agent: str | None = None


class Approvals:
    """The approval documents of a company."""

    def __init__(self, company: Company, store: Store, clock: Clock, execute: Execute, heard: Heard) -> None:
        """Take what runs an approved document, and who hears of a document's end."""
        self._company = company
        self._people = company.people
        self._store = store
        self._clock = clock
        self._execute = execute
        self._heard = heard

    async def box(
        self, actor: Actor, box: Box, *, limit: int = 50, cursor: str | None = None, lang: Lang = "ko"
    ) -> dict[str, Any]:
        """Return one page of a box; waiting and upcoming oldest first, the others newest first.

        Raises:
            ValidationFailed: there is no such box, or the cursor is not one of ours.
        """
        if box not in get_args(Box):
            known = ", ".join(get_args(Box))
            raise ValidationFailed(
                Text(f"결재함은 {known} 중 하나예요", f"box is one of {known}"), errors=[FieldError("/box", known)]
            )
        self._within_scope(actor, "list", "read")
        limit = max(1, min(limit, BOX_MAX))

        def look(connection: Connection) -> dict[str, Any]:
            statement = _boxed(box, actor)
            oldest_first = box in ("waiting", "upcoming")
            if cursor:
                after = approval.c.id > cursor if oldest_first else approval.c.id < cursor
                statement = statement.where(after)
            order = approval.c.id.asc() if oldest_first else approval.c.id.desc()
            rows = connection.execute(statement.order_by(order).limit(limit + 1)).all()
            page = rows[:limit]
            more = len(rows) > limit
            return {
                "data": [self._body(connection, row, actor, lang) for row in page],
                "next_cursor": page[-1].id if more else None,
                "has_more": more,
            }

        return await self._store.read(look)

    async def counts(self, actor: Actor) -> dict[str, int]:
        """Return how many documents stand in each box that calls for attention."""

        def count(connection: Connection) -> dict[str, int]:
            def of(box: Box) -> int:
                statement = select(func.count()).select_from(_boxed(box, actor).subquery())
                return int(connection.execute(statement).scalar_one())

            return {"waiting": of("waiting"), "upcoming": of("upcoming")}

        return await self._store.read(count)

    async def show(self, actor: Actor, approval_id: str, lang: Lang = "ko") -> dict[str, Any]:
        """Return a document.

        Raises:
            NotFound: there is none, or the actor has no part in it.
        """
        self._within_scope(actor, "show", "read")

        def look(connection: Connection) -> dict[str, Any]:
            return self._body(connection, self._document(connection, actor, approval_id), actor, lang)

        return await self._store.read(look)

    async def decide(
        self,
        actor: Actor,
        approval_id: str,
        decision: Decision,
        comment: str | None = None,
        *,
        version: int | None = None,
        lang: Lang = "ko",
    ) -> dict[str, Any]:
        """Approve or reject at one's turn; the last approval carries the operation out.

        Raises:
            PermissionDenied: an agent, or a credential that may not decide.
            NotFound: there is none, or the actor has no part in it.
            Conflict: it is not the actor's turn.
            StaleVersion: the document changed since the actor read it.
            ValidationFailed: a rejection without a comment.
        """

        def act(connection: Connection) -> dict[str, Any]:
            self._within_scope(actor, "decide", "write")
            self._may_decide(actor, decision, comment)
            document = self._document(connection, actor, approval_id)
            if version is not None and version != document.version:
                raise StaleVersion
            step = self._turn(connection, document, actor)
            self._decide_step(connection, document, step, decision, comment)
            self._audit(connection, actor, document, decision)
            if decision == "reject":
                self._end(connection, document, "rejected", actor, comment)
            elif not self._next_turn(connection, document):
                self._complete(connection, document, actor, comment)
            return self._body(connection, self._document(connection, actor, approval_id), actor, lang)

        return await self._acted(actor, approval_id, decision, act)

    async def withdraw(
        self,
        actor: Actor,
        approval_id: str,
        comment: str | None = None,
        *,
        version: int | None = None,
        lang: Lang = "ko",
    ) -> dict[str, Any]:
        """Take one's own document back (회수), before the first decision.

        Raises:
            PermissionDenied: not the drafter in person.
            NotFound: there is none, or the actor has no part in it.
            Conflict: someone has decided already.
            StaleVersion: the document changed since the actor read it.
        """

        def act(connection: Connection) -> dict[str, Any]:
            self._within_scope(actor, "withdraw", "write")
            document = self._document(connection, actor, approval_id)
            if document.drafter_id != actor.person_id or actor.agent is not None:
                raise PermissionDenied(Text("기안한 사람만 회수할 수 있어요", "Only the drafter may withdraw this"))
            if version is not None and version != document.version:
                raise StaleVersion
            if document.status != "in_progress" or not self._is_untouched(connection, document.id):
                raise Conflict(
                    Text("이미 결재가 시작된 문서는 회수할 수 없어요", "Someone has already decided on this document")
                )
            self._write_act(connection, document, Act("withdraw", actor.person_id, comment))
            self._audit(connection, actor, document, "withdraw")
            self._end(connection, document, "withdrawn", actor, comment)
            return self._body(connection, self._document(connection, actor, approval_id), actor, lang)

        return await self._acted(actor, approval_id, "withdraw", act)

    async def _acted(
        self, actor: Actor, approval_id: str, name: str, act: Callable[[Connection], dict[str, Any]]
    ) -> dict[str, Any]:
        """Carry an act out, or write its refusal down; then let the run that waited go on."""
        try:
            body = await self._store.write(act)
        except DaeriError as error:
            entry = self._entry(actor, approval_id, name, "refused", detail={"code": error.code})
            await self._store.note(lambda connection: audit.append(connection, entry))
            raise
        if body["status"] != "in_progress":
            await self._heard.resume(body["run_id"])
        return body

    def _is_untouched(self, connection: Connection, approval_id: str) -> bool:
        """Say whether its drafter may still take a document back: nobody approved yet, or who should has left."""
        steps = self._steps(connection, approval_id)
        waiting = next((step.person_id for step in steps if step.status == "waiting"), None)
        stuck = waiting is not None and self._people.one(connection, waiting).left
        return stuck or not any(step.status == "approved" for step in steps)

    @staticmethod
    def _within_scope(actor: Actor, act: str, effect: Effect) -> None:
        if not actor.may_call(f"approval.{act}", effect):
            raise PermissionDenied(Text("이 키로는 결재 문서를 다룰 수 없어요", "This key may not handle approvals"))

    @staticmethod
    def _may_decide(actor: Actor, decision: str, comment: str | None) -> None:
        if decision not in get_args(Decision):
            raise ValidationFailed(
                Text("결정은 approve 또는 reject예요", "decision is approve or reject"),
                errors=[FieldError("/decision", "approve or reject")],
            )
        if actor.agent is not None or not actor.decides:
            raise PermissionDenied(
                Text(
                    "결재는 사람이 자기 화면이나 결재용 키로만 할 수 있어요",
                    "Only a person decides, in their own session or by a key marked for decisions",
                )
            )
        if decision == "reject" and not (comment or "").strip():
            raise ValidationFailed(
                Text("반려할 때는 의견을 적어 주세요", "A rejection needs a comment"),
                errors=[FieldError("/comment", "required when rejecting")],
            )

    def _document(self, connection: Connection, actor: Actor, approval_id: str) -> Row[Any]:
        statement = select(approval).where(approval.c.id == approval_id, _concerns(actor))
        row = connection.execute(statement).one_or_none()
        if row is None:
            raise NotFound(Text("그런 결재 문서를 찾을 수 없어요", "No such approval document"))
        return row

    @staticmethod
    def _steps(connection: Connection, approval_id: str) -> list[Row[Any]]:
        statement = select(approval_step).where(approval_step.c.approval_id == approval_id)
        return list(connection.execute(statement.order_by(approval_step.c.position)))

    def _turn(self, connection: Connection, document: Row[Any], actor: Actor) -> Row[Any]:
        """Return the step that waits for this person; rights are read at this instant."""
        if document.status != "in_progress":
            raise Conflict(Text("이미 끝난 문서예요", "This document is closed"))
        step = next(step for step in self._steps(connection, document.id) if step.status == "waiting")
        if step.person_id != actor.person_id:
            raise Conflict(Text("지금은 다른 분의 결재 차례예요", "It is someone else's turn"))
        if document.drafter_id == actor.person_id:
            raise PermissionDenied(Text("자기 기안은 결재할 수 없어요", "You may not decide on your own draft"))
        if self._people.one(connection, actor.person_id).left:
            raise PermissionDenied
        return step

    def _decide_step(
        self, connection: Connection, document: Row[Any], step: Row[Any], decision: Decision, comment: str | None
    ) -> None:
        status = "approved" if decision == "approve" else "rejected"
        connection.execute(
            update(approval_step)
            .where(approval_step.c.approval_id == document.id, approval_step.c.position == step.position)
            .values(status=status, decided_at=self._clock.now(), comment=comment or None)
        )
        self._write_act(connection, document, Act(decision, step.person_id, comment or None))

    def _next_turn(self, connection: Connection, document: Row[Any]) -> bool:
        """Open the next step; say whether there was one."""
        upcoming = [step for step in self._steps(connection, document.id) if step.status == "upcoming"]
        if not upcoming:
            return False
        connection.execute(
            update(approval_step)
            .where(approval_step.c.approval_id == document.id, approval_step.c.position == upcoming[0].position)
            .values(status="waiting")
        )
        self._change(connection, document)
        return True

    def _complete(self, connection: Connection, document: Row[Any], actor: Actor, comment: str | None) -> None:
        """Carry out what was approved, exactly once: a failure leaves the records as they were."""
        savepoint = connection.begin_nested()
        try:
            done = self._execute(connection, document)
        except DaeriError as error:
            savepoint.rollback()
            failure = [error.detail.ko, error.detail.en]
            self._write_act(connection, document, Act("apply_failed", SYSTEM.id, error.detail.ko))
            self._change(connection, document, status="apply_failed", failure=failure, completed_at=self._clock.now())
            self._audit(connection, actor, document, "apply", "failed", detail={"code": error.code})
            self._tell(connection, document, "apply_failed", actor, comment, error=error)
            return
        savepoint.commit()
        self._write_act(connection, document, Act("apply", SYSTEM.id))
        self._change(
            connection,
            document,
            status="applied",
            number=self._number(connection),
            result=done.result,
            result_say=done.say,
            completed_at=self._clock.now(),
        )
        self._tell(connection, document, "applied", actor, comment, done=done)

    def _end(self, connection: Connection, document: Row[Any], status: str, actor: Actor, comment: str | None) -> None:
        """Close a document without an effect."""
        connection.execute(
            update(approval_step)
            .where(approval_step.c.approval_id == document.id, approval_step.c.status.in_(["waiting", "upcoming"]))
            .values(status="skipped")
        )
        self._change(connection, document, status=status, completed_at=self._clock.now())
        self._tell(connection, document, status, actor, comment)

    def _tell(
        self,
        connection: Connection,
        document: Row[Any],
        status: str,
        actor: Actor,
        comment: str | None,
        **end: Any,
    ) -> None:
        by = self._people.one(connection, actor.person_id).called
        settlement = Settlement(document.id, document.run_id, status, None, None, by, comment or None)
        self._heard.settled(connection, replace(settlement, **end))

    @staticmethod
    def _change(connection: Connection, document: Row[Any], **values: Any) -> None:
        connection.execute(
            update(approval).where(approval.c.id == document.id).values(version=document.version + 1, **values)
        )

    def _number(self, connection: Connection) -> str:
        """Take the next document number (문서번호) of the year, without gaps: it commits with the completion."""
        year = self._clock.today().year
        last = connection.execute(select(approval_number.c.last).where(approval_number.c.year == year)).scalar()
        if last is None:
            connection.execute(insert(approval_number).values(year=year, last=1))
            return NUMBER.format(year=year, count=1)
        connection.execute(update(approval_number).where(approval_number.c.year == year).values(last=last + 1))
        return NUMBER.format(year=year, count=last + 1)

    def _write_act(self, connection: Connection, document: Row[Any], act: Act) -> None:
        before = select(func.coalesce(func.max(approval_act.c.seq), 0)).where(approval_act.c.approval_id == document.id)
        connection.execute(
            insert(approval_act).values(
                approval_id=document.id,
                seq=connection.execute(before).scalar_one() + 1,
                act=act.act,
                person_id=act.person_id,
                agent=act.agent,
                at=self._clock.now(),
                comment=act.comment,
                digest=document.digest,
            )
        )

    def _audit(
        self, connection: Connection, actor: Actor, document: Row[Any], act: str, outcome: str = "done", **more: Any
    ) -> None:
        more |= {"run_id": document.run_id, "arguments_digest": document.digest}
        audit.append(connection, self._entry(actor, document.id, act, outcome, **more))

    def _entry(self, actor: Actor, approval_id: str, act: str, outcome: str, **more: Any) -> audit.Entry:
        return audit.Entry.by(
            actor, self._clock.now(), f"approval.{act}", outcome, approval_id=approval_id[:40], **more
        )

    def _body(self, connection: Connection, row: Row[Any], actor: Actor, lang: Lang) -> dict[str, Any]:
        steps = self._steps(connection, row.id)
        acts = connection.execute(
            select(approval_act).where(approval_act.c.approval_id == row.id).order_by(approval_act.c.seq)
        ).all()
        ids = {row.drafter_id, *(step.person_id for step in steps), *(act.person_id for act in acts)}
        people = {key: Someone.unknown(key) for key in ids} | self._people.many(connection, ids)
        operation = self._company.operations.get(row.operation)
        which = 0 if lang == "ko" else 1
        waiting = next((step.person_id for step in steps if step.status == "waiting"), None)
        in_person = actor.agent is None
        return {
            "approval_id": row.id,
            "number": row.number,
            "operation": row.operation,
            "title": operation.label.to(lang) if operation else row.operation,
            "status": row.status,
            "version": row.version,
            "drafter": person_body(people[row.drafter_id]),
            "agent": row.agent,
            "agent_label": self._company.agent_label(row.agent, lang),
            "drafted_at": rfc3339(row.drafted_at),
            "arguments": row.worded[lang],
            "raw_arguments": row.arguments,
            "preview": row.preview[lang],
            "because": row.because[which],
            "rule": row.rule,
            "line": [_step_body(step, people, which) for step in steps],
            "history": [_act_body(act, people) for act in acts],
            "run_id": row.run_id,
            "question": row.question,
            "digest": row.digest,
            "result_say": row.result_say,
            "failure": row.failure[which] if row.failure else None,
            "may": {
                "decide": in_person
                and actor.decides
                and row.status == "in_progress"
                and waiting == actor.person_id
                and row.drafter_id != actor.person_id,
                "withdraw": in_person
                and row.status == "in_progress"
                and row.drafter_id == actor.person_id
                and self._is_untouched(connection, row.id),
            },
            "completed_at": rfc3339(row.completed_at) if row.completed_at else None,
        }


def _step_body(step: Row[Any], people: Mapping[int, Someone], which: int) -> dict[str, Any]:
    return {
        "position": step.position,
        "person": person_body(people[step.person_id]),
        "role": step.role[which],
        "status": step.status,
        "decided_at": rfc3339(step.decided_at) if step.decided_at else None,
        "comment": step.comment,
    }


def _act_body(act: Row[Any], people: Mapping[int, Someone]) -> dict[str, Any]:
    return {
        "act": act.act,
        "person": person_body(people[act.person_id]),
        "agent": act.agent,
        "at": rfc3339(act.at),
        "comment": act.comment,
    }


def _mine(actor: Actor, *statuses: str) -> Any:
    steps = select(approval_step.c.approval_id).where(
        approval_step.c.person_id == actor.person_id, approval_step.c.status.in_(statuses)
    )
    return approval.c.id.in_(steps)


def _concerns(actor: Actor) -> Any:
    """Return who may see a document: its drafter, the people of its line, the auditors."""
    if actor.has("auditor"):
        return approval.c.id.is_not(None)
    steps = select(approval_step.c.approval_id).where(approval_step.c.person_id == actor.person_id)
    return or_(approval.c.drafter_id == actor.person_id, approval.c.id.in_(steps))


def _boxed(box: Box, actor: Actor) -> Select[Any]:
    drafted = approval.c.drafter_id == actor.person_id
    conditions = {
        "waiting": and_(approval.c.status == "in_progress", _mine(actor, "waiting")),
        "upcoming": and_(approval.c.status == "in_progress", _mine(actor, "upcoming")),
        "drafted": drafted,
        "done": or_(
            _mine(actor, "approved", "rejected"), and_(drafted, approval.c.status.in_(["applied", "apply_failed"]))
        ),
        "rejected": and_(approval.c.status == "rejected", or_(drafted, _mine(actor, "rejected"))),
        "cc": approval.c.id.is_(None),
    }
    return select(approval).where(conditions[box])
