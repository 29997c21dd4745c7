"""Who decides on a document, when, and what follows? The boxes, the document, and every act on it (결재함, 결재, 회수).

An act is one transaction: the document is locked and read, the actor's authority is read at that instant, the pure
machine (deciding/machine.py) says what the act leads to, and that is written; when the line is complete, with the
effect itself, its audit row and the word to the run that waits. Only people act, each in their own name or as a deputy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, cast, get_args

from sqlalchemy import Connection

from daeri.clock import Clock
from daeri.crash import crash_at
from daeri.errors import DaeriError, FieldError, PermissionDenied, StaleVersion, ValidationFailed
from daeri.operations.company import Company
from daeri.operations.deciding import boxes, clicks, ledger
from daeri.operations.deciding.absences import ADMIN
from daeri.operations.deciding.authority import Authority, Present, asked_people, is_stuck, no_such, refused
from daeri.operations.deciding.binding import Changed
from daeri.operations.deciding.bodies import Reading, document_body, people_in
from daeri.operations.deciding.boxes import Box
from daeri.operations.deciding.ledger import Document, Label, Writer, Written
from daeri.operations.deciding.machine import aim, step
from daeri.operations.deciding.model import SPACING, Act, Kind, Part, Refusal, Seat
from daeri.operations.deciding.riding import completed, next_number
from daeri.operations.deciding.tending import Tending
from daeri.operations.errands import Errands, done_of, found_out, intend, intend_again
from daeri.operations.outcome import Done, Heard, Settlement
from daeri.records import audit
from daeri.records.actor import Actor, Effect
from daeri.records.people import SYSTEM, Someone
from daeri.records.ranges import named
from daeri.records.standing import have_ended
from daeri.records.store import Store
from daeri.wording import Lang, Text

__all__ = ["Approvals", "Box", "Decision", "Heard", "More"]

Decision = Literal[
    "approve",
    "reject",
    "return_step",
    "hold",
    "release",
    "undo",
    "consult",
    "answer",
    "comment",
    "read",
    "accept",
    "send_back",
    "assign",
    "share",
    "change_line",
    "replace",
    "retry",
    "settle",
    "withdraw",
]
"""What people do to a document; 회수 is `withdraw`."""
Execute = Callable[[Connection, Document, Sequence[Mapping[str, Any]]], Sequence[Done]]
PEOPLE_MAX = 20
"""People that one act may name."""


@dataclass(frozen=True, slots=True)
class More:
    """What some acts need besides a comment.

    Attributes:
        people: who is asked, shown, assigned, added, or put into a seat.
        position: which seat is meant, where several could be.
        part: as what people are added to the line (change_line).
        drop: positions to take out of it.
        outcome: what a person found out of an effect of unknown outcome (settle).
    """

    people: Sequence[int] = ()
    position: int | None = None
    part: Literal["approve", "review", "agree"] = "approve"
    drop: Sequence[int] = ()
    outcome: Literal["applied", "apply_failed"] | None = None


_WORDS: Mapping[str, tuple[Text, Text]] = {
    "consult": (Text("협의", "consulted"), Text("{name}님이 의견을 청했어요", "{name} asks for an opinion")),
    "share": (Text("열람", "may read"), Text("{name}님이 보여 줬어요", "{name} shared it")),
    "assign": (Text("담당", "in charge"), Text("{name}님이 맡겼어요", "{name} passed it on")),
    "change_line": (Text("추가", "added"), Text("{name}님이 결재선에 넣었어요", "{name} added them to the line")),
}
_PART_OF: Mapping[str, Part] = {"consult": "consult", "share": "view"}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One act as it was asked for.

    Attributes:
        aware: whether it names the version or the seat that it means, so that it is no click that came twice.
    """

    kind: Kind
    comment: str
    more: More = field(default_factory=More)
    aware: bool = False


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
        self._authority = Authority(company.people, clock)
        self._tending = Tending(company.people, store, clock)
        self.errands = Errands(company, store, clock, heard)

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

        def look(connection: Connection) -> dict[str, Any]:
            present = self._authority.present(connection, actor)
            page = boxes.page(connection, present, box, limit=limit, cursor=cursor)
            return {
                "data": self._bodies(connection, present, page.documents, lang),
                "next_cursor": page.next_cursor,
                "has_more": page.next_cursor is not None,
            }

        page = await self._store.read(look)
        await self._seen(actor, "list", page["data"])
        return page

    async def counts(self, actor: Actor) -> dict[str, int]:
        """Return how many documents stand in each box that calls for attention."""

        def count(connection: Connection) -> dict[str, int]:
            return boxes.counts(connection, self._authority.present(connection, actor))

        return await self._store.read(count)

    async def show(self, actor: Actor, approval_id: str, lang: Lang = "ko") -> dict[str, Any]:
        """Return a document.

        Raises:
            NotFound: there is none, or the actor has no part in it.
        """
        self._within_scope(actor, "show", "read")

        def look(connection: Connection) -> dict[str, Any]:
            present = self._authority.present(connection, actor)
            document = self._visible(connection, present, ledger.read(connection, approval_id))
            return self._bodies(connection, present, [document], lang)[0]

        body = await self._store.read(look)
        await self._seen(actor, "show", [body])
        return body

    async def version(self, actor: Actor, approval_id: str) -> int:
        """Return which version a document is at, for whoever waits for a change: nothing of it is shown or noted.

        Raises:
            NotFound: there is none, or the actor has no part in it.
        """
        self._within_scope(actor, "show", "read")

        def look(connection: Connection) -> int:
            present = self._authority.present(connection, actor)
            return int(self._visible(connection, present, ledger.read(connection, approval_id)).row["version"])

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
        more: More | None = None,
    ) -> dict[str, Any]:
        """Act on a document: approve, reject and whatever else its form allows; the last approval carries it out.

        Raises:
            PermissionDenied: an agent, a credential that may not decide, or a right that is not held any more.
            NotFound: there is none, or the actor has no part in it.
            Conflict: it is not the actor's turn, or the form or the state does not allow the act.
            StaleVersion: the document changed since the actor read it.
            ValidationFailed: a comment or people are missing.
        """
        if decision not in get_args(Decision):
            known = ", ".join(get_args(Decision))
            raise ValidationFailed(
                Text(f"결정은 {known} 중 하나예요", f"decision is one of {known}"),
                errors=[FieldError("/decision", known)],
            )
        more = more or More()
        aware = version is not None or more.position is not None
        asked = _Asked(cast("Kind", decision), (comment or "").strip() and (comment or ""), more, aware)

        def act(connection: Connection) -> dict[str, Any]:
            self._within_scope(actor, "withdraw" if decision == "withdraw" else "decide", "write")
            present = self._authority.present(connection, actor)
            self._authority.check(connection, present, asked.kind)
            document = self._visible(connection, present, ledger.read(connection, approval_id, lock=True))
            if decision == "withdraw" and (document.state.drafter != actor.person_id or actor.agent is not None):
                raise refused("not_the_drafter", "withdraw")
            if version is not None and version != document.row["version"]:
                raise StaleVersion
            return self._act(connection, present, document, asked, lang)

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
        """Take one's own document back (회수), as far as its form allows.

        Raises:
            PermissionDenied: not the drafter in person.
            NotFound: there is none, or the actor has no part in it.
            Conflict: someone has decided already.
            StaleVersion: the document changed since the actor read it.
        """
        return await self.decide(actor, approval_id, "withdraw", comment, version=version, lang=lang)

    async def tend(self) -> int:
        """Look after turns that nobody takes: overdue ones and leavers' ones go up; say how many."""
        return await self._tending.sweep()

    async def keep_tending(self) -> None:
        """Tend once a minute, until cancelled."""
        await self._tending.keep()

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
        crash_at("decision.committed")
        if body["status"] == "approved":
            self.errands.wake()
        elif body["status"] != "in_progress":
            await self._heard.resume(body["run_id"])
        return body

    # ---- one act, inside its transaction

    def _act(
        self, connection: Connection, present: Present, document: Document, asked: _Asked, lang: Lang
    ) -> dict[str, Any]:
        now, actor = present.at, present.actor
        act, labels = self._meant(connection, present, document, asked)
        earlier = ledger.acts(connection, [document.id]).get(document.id, [])
        if not asked.aware and clicks.repeats(document, act, earlier):
            raise refused("done_already", act.kind)
        after = step(document.state, act)
        if isinstance(after, Refusal):
            raise refused(after.reason, act.kind)
        crash_at("decision.begun")
        writer = Writer(connection, document)
        told = _for_whom(document, act)
        writer.write(Written(act, after, now, labels=labels, detail=told, quiet=act.kind == "read"))
        self._audit(connection, actor, document, act.kind, detail=told)
        crash_at("decision.written")
        values: dict[str, Any] = {}
        if writer.state.status == "approved" and document.state.status != "approved":
            values = self._complete(connection, writer, [*earlier, *writer.acts], present, act.comment)
        elif act.kind == "settle":
            values = self._settled(connection, writer, present, act.comment)
        elif writer.state.status != document.state.status:
            values = {"completed_at": now}
            self._tell(connection, document, writer.state.status, present.person.called, act.comment)
        done = writer.finish(now, **values)
        crash_at("decision.whole")
        return self._bodies(connection, present, [done], lang, {done.id: [*earlier, *writer.acts]})[0]

    def _meant(
        self, connection: Connection, present: Present, document: Document, asked: _Asked
    ) -> tuple[Act, Mapping[int, Label]]:
        """Return the act that was asked for, with the seats it is about and by what right.

        Raises:
            DaeriError: it is about none of the actor's, or lacks something.
        """
        kind, me, more = asked.kind, present.person.id, asked.more
        plain = Act(kind, me, comment=asked.comment)
        if kind == "undo":
            return replace(plain, positions=document.state.undoable), {}
        if kind == "withdraw":
            left = self._people.left(connection, asked_people(document))
            return replace(plain, stuck=is_stuck(document, left)), {}
        if kind in ("retry", "settle"):
            self._check_keeper(present, document)
            return replace(plain, outcome=more.outcome), {}
        if kind == "replace":
            return self._replacement(connection, present, plain, more), {}
        if kind == "comment":
            return plain, {}
        added, labels = self._added(connection, present, document, kind, more)
        if kind == "share":
            self._check_part(present, document)
            return replace(plain, added=added), labels
        reach = {
            position: basis for position, basis in present.reach(document).items() if more.position in (None, position)
        }
        aimed = aim(document.state, kind, reach)
        if isinstance(aimed, Refusal):
            raise refused(aimed.reason, kind)
        positions, basis = aimed
        if not asked.aware and clicks.passes_over_others(document, me, positions[0]):
            raise refused("not_your_turn", kind)
        for position in positions:
            seat = document.state.seat(position)
            if seat is not None and kind != "read":
                self._authority.check_right(connection, present, document, seat)
        if kind == "assign" and (seat := document.state.seat(positions[0])) is not None and seat.part == "receive":
            added = tuple(replace(each, part="receive") for each in added)
        drop = tuple(more.drop) if kind == "change_line" else ()
        return replace(plain, positions=positions, basis=basis, added=added, dropped=drop), labels

    def _added(
        self, connection: Connection, present: Present, document: Document, kind: Kind, more: More
    ) -> tuple[tuple[Seat, ...], Mapping[int, Label]]:
        """Return the seats for the people that an act names."""
        if kind not in _WORDS or not more.people:
            return (), {}
        found = self._working(connection, more.people)
        if kind == "assign":
            self._check_inside(present, document, found)
        part = more.part if kind == "change_line" else _PART_OF.get(kind, "review")
        first = max((seat.position for seat in document.state.seats), default=0) + 1
        role, why = _WORDS[kind]
        name = present.person.called
        told = Text(why.ko.format(name=name), why.en.format(name=name))
        seats = tuple(
            Seat(first + number, person.id, part, stage=SPACING, state="waiting", fixed=False)
            for number, person in enumerate(found)
        )
        return seats, {seat.position: Label(role, told) for seat in seats}

    def _working(self, connection: Connection, ids: Sequence[int]) -> list[Someone]:
        """Return the people of ids, in order.

        Raises:
            ValidationFailed: one of them does not work here, or they are too many.
        """
        wanted = list(dict.fromkeys(ids))
        people = self._people.many(connection, wanted)
        if len(wanted) > PEOPLE_MAX or any(each not in people or people[each].left for each in wanted):
            raise ValidationFailed(
                Text("지금 일하는 사람을 지정해 주세요", f"Name people who work here, {PEOPLE_MAX} at most"),
                errors=[FieldError("/people", "people who work here")],
            )
        return [people[each] for each in wanted]

    @staticmethod
    def _check_inside(present: Present, document: Document, people: Sequence[Someone]) -> None:
        """A department passes a matter on inside itself only."""
        teams = {
            seat.team
            for seat in document.state.seats
            if seat.team is not None and seat.position in present.reach(document)
        }
        if any(person.team_id not in teams for person in people):
            raise ValidationFailed(
                Text("그 부서 사람에게만 맡길 수 있어요", "A department passes a matter on to its own people only"),
                errors=[FieldError("/people", "people of the department")],
            )

    def _replacement(self, connection: Connection, present: Present, plain: Act, more: More) -> Act:
        """Return an administrator's replacement; they put neither themselves nor the drafter into a line."""
        if not present.actor.has(ADMIN):
            raise PermissionDenied(Text("결재자는 관리자만 바꿔요", "Only administrators replace approvers"))
        if more.position is None or len(more.people) != 1 or more.people[0] == present.person.id:
            raise refused("person_needed", "replace")
        self._working(connection, more.people)
        return replace(plain, positions=(more.position,), person=more.people[0])

    @staticmethod
    def _check_keeper(present: Present, document: Document) -> None:
        if present.person.id != document.state.drafter and not present.actor.has(ADMIN):
            raise PermissionDenied(
                Text("기안자나 관리자만 할 수 있어요", "Only the drafter or an administrator may do that")
            )

    @staticmethod
    def _check_part(present: Present, document: Document) -> None:
        me = present.person.id
        if me != document.state.drafter and not any(
            seat.decides and me in (seat.person, seat.by, *seat.also) for seat in document.state.seats
        ):
            raise PermissionDenied(
                Text("기안자와 결재자만 보여 줄 수 있어요", "Only the drafter and the approvers may share it")
            )

    def _complete(
        self,
        connection: Connection,
        writer: Writer,
        acts: list[Mapping[str, Any]],
        present: Present,
        comment: str,
    ) -> dict[str, Any]:
        """Carry out what was approved, exactly once: a failure leaves the records as they were."""
        document, now = writer.document, present.at
        if document.state.status == "apply_failed" and intend_again(connection, document):
            return {"failure": None}
        at_hand = Document(document.row, document.steps, writer.state)
        savepoint = connection.begin_nested()
        try:
            done = self._execute(connection, at_hand, acts)
        except DaeriError as error:
            savepoint.rollback()
            self._end_effect(writer, Act("apply_failed", SYSTEM.id, comment=error.detail.ko), now)
            self._audit(connection, present.actor, document, "apply", "failed", detail={"code": error.code})
            self._tell(connection, document, "apply_failed", present.person.called, comment, error=error)
            difference = error.differences if isinstance(error, Changed) else None
            failure = [error.detail.ko, error.detail.en]
            return {"failure": failure, "difference": difference, "completed_at": now}
        savepoint.commit()
        crash_at("effect.done")
        operation = self._company.operations.get(document.operation)
        if operation is not None and operation.errand is not None:
            intend(connection, at_hand, done[0], now)
            return {"result": done[0].result}
        self._tell(connection, document, "applied", present.person.called, comment, done=done)
        return completed(connection, writer, done, self._clock)

    def _settled(self, connection: Connection, writer: Writer, present: Present, comment: str) -> dict[str, Any]:
        """Take a person's word for what became of a call of unknown outcome; the run goes on with it."""
        document, now, by = writer.document, present.at, present.person.called
        found_out(connection, document, happened=writer.state.status == "applied")
        if writer.state.status != "applied":
            self._tell(connection, document, "apply_failed", by, comment, error=DaeriError(Text(comment, comment)))
            return {"completed_at": now}
        operation = self._company.operations.get(document.operation)
        done = done_of(document, operation, document.row["result"] or {})
        self._tell(connection, document, "applied", by, comment, done=[done])
        number = next_number(connection, document, self._clock.today().year)
        return {"completed_at": now, "failure": None, "number": number, "result_say": done.say}

    @staticmethod
    def _end_effect(writer: Writer, act: Act, now: datetime) -> None:
        after = step(writer.state, act)
        if isinstance(after, Refusal):
            msg = f"{act.kind} of a document that is {writer.state.status}"
            raise TypeError(msg)
        writer.write(Written(act, after, now, quiet=True))

    def _tell(self, connection: Connection, document: Document, status: str, by: str, comment: str, **end: Any) -> None:
        settlement = Settlement(document.id, document.row["run_id"], status, None, None, by, comment or None)
        self._heard.settled(connection, replace(settlement, **end))

    # ---- reading

    def _visible(self, connection: Connection, present: Present, document: Document | None) -> Document:
        """Return a document that the actor may know of.

        Raises:
            NotFound: there is none, or they have no part in it.
        """
        if document is None:
            raise no_such()
        if present.actor.has(ADMIN):
            present = replace(present, left=self._people.left(connection, asked_people(document)))
        if not present.concerns(document):
            raise no_such()
        return document

    def _bodies(
        self,
        connection: Connection,
        present: Present,
        documents: Sequence[Document],
        lang: Lang,
        acts: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    ) -> list[dict[str, Any]]:
        """Render documents; what they name is read once for all of them."""
        ids = [document.id for document in documents]
        if acts is None:
            acts = ledger.acts(connection, ids)
        named = people_in((document, acts.get(document.id, ())) for document in documents)
        people = {key: Someone.unknown(key) for key in named} | self._people.many(connection, named)
        left = frozenset(key for key, person in people.items() if person.left)
        following = boxes.following(connection, ids) if any(_may_be_followed(each) for each in documents) else {}
        keys = {each.row["credential"] for each in documents if each.state.status == "in_progress"} - {None}
        revoked = frozenset(key for key in keys if have_ended(connection, None, key))
        reading = Reading(self._company, replace(present, left=left), people, lang, revoked)
        return [
            document_body(reading, document, acts.get(document.id, ()), next_id=following.get(document.id))
            for document in documents
        ]

    @staticmethod
    def _within_scope(actor: Actor, act: str, effect: Effect) -> None:
        if not actor.may_call(f"approval.{act}", effect):
            raise PermissionDenied(Text("이 키로는 결재 문서를 다룰 수 없어요", "This key may not handle approvals"))

    async def _seen(self, actor: Actor, act: str, bodies: Sequence[Mapping[str, Any]]) -> None:
        """Note who looked at documents of others; their numbers stand among the rows, for acts are told by them."""
        others = [body for body in bodies if body["drafter"]["id"] != actor.person_id]
        if others:
            seen = [["approval", body["approval_id"]] for body in others]
            detail = {"rows": len(seen), "people": named(sorted({body["drafter"]["id"] for body in others}))}
            entry = audit.Entry.by(actor, self._clock.now(), f"approval.{act}", records=seen, detail=detail)
            await self._store.note(lambda connection: audit.append(connection, entry))

    def _audit(
        self, connection: Connection, actor: Actor, document: Document, act: str, outcome: str = "done", **more: Any
    ) -> None:
        more |= {"run_id": document.row["run_id"], "arguments_digest": document.row["digest"]}
        audit.append(connection, self._entry(actor, document.id, act, outcome, **more))

    def _entry(self, actor: Actor, approval_id: str, act: str, outcome: str, **more: Any) -> audit.Entry:
        return audit.Entry.by(
            actor, self._clock.now(), f"approval.{act}", outcome, approval_id=approval_id[:40], **more
        )


def _may_be_followed(document: Document) -> bool:
    return document.state.status in ("rejected", "withdrawn", "apply_failed")


def _for_whom(document: Document, act: Act) -> dict[str, Any]:
    """Say in whose name someone decided, where it was not their own."""
    seats = [seat for seat in document.state.seats if seat.position in act.positions and seat.person != act.by]
    return {"for": [seat.person for seat in seats]} if seats and act.kind != "replace" else {}
