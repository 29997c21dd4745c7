"""Who may act on a document at this instant, for whom, and by what right? Read inside the deciding transaction.

Only people act: a person in their own session, or by a key of theirs that is marked for decisions. What a page or a
token said when it was made counts for nothing; the person, the account, the credential, the role that a seat needs and
the deputy's period are all read again here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from daeri.clock import Clock
from daeri.errors import Conflict, DaeriError, FieldError, NotFound, PermissionDenied, ValidationFailed
from daeri.operations.deciding.absences import ADMIN, Away, away_at
from daeri.operations.deciding.ledger import Document
from daeri.operations.deciding.model import OPEN, Basis, Kind, Reason, Seat, State
from daeri.operations.deciding.presence import narrowed
from daeri.records.actor import Actor
from daeri.records.people import People, Someone
from daeri.records.standing import check_in_use
from daeri.wording import Text

AUDITOR = "auditor"
NOT_IN_PERSON = Text(
    "결재는 사람이 자기 화면이나 결재용 키로만 할 수 있어요",
    "Only a person decides, in their own session or by a key marked for decisions",
)
IN_PERSON: frozenset[Kind] = frozenset(
    {
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
    }
)
"""What only a person does, in their own session or by a key marked for decisions."""

_REFUSALS: Mapping[Reason, DaeriError] = {
    "closed": Conflict(Text("이미 끝난 문서예요", "This document is closed")),
    "not_your_turn": Conflict(Text("지금은 다른 분의 결재 차례예요", "It is someone else's turn")),
    "own_draft": PermissionDenied(Text("자기 기안은 결재할 수 없어요", "You may not decide on your own draft")),
    "comment_needed": ValidationFailed(
        Text("의견을 적어 주세요", "A comment is needed"), errors=[FieldError("/comment", "required")]
    ),
    "nothing_to_do": Conflict(Text("지금은 할 수 없는 일이에요", "There is nothing to do that to now")),
    "not_allowed_by_form": Conflict(Text("이 양식에서는 할 수 없어요", "This form does not allow that")),
    "no_previous_step": Conflict(
        Text("앞 결재자가 없어요. 기안자에게 반려해 주세요", "Nobody decided before you; reject it to its drafter")
    ),
    "decision_begun": Conflict(
        Text("이미 결재가 시작된 문서는 회수할 수 없어요", "Someone has already decided on this document")
    ),
    "not_the_drafter": PermissionDenied(Text("기안한 사람만 회수할 수 있어요", "Only the drafter may withdraw this")),
    "undo_too_late": Conflict(
        Text(
            "다음 사람이 이미 처리해서 취소할 수 없어요", "It cannot be undone: someone acted after you, or it is final"
        )
    ),
    "agreement_open": Conflict(
        Text(
            "합의가 끝나지 않아 먼저 결재할 수 없어요",
            "An agreement before you is still open; it may not be passed over",
        )
    ),
    "person_needed": ValidationFailed(
        Text("사람을 지정해 주세요 (본인과 기안자는 안 돼요)", "Name people, neither yourself nor the drafter"),
        errors=[FieldError("/people", "people other than yourself and the drafter")],
    ),
    "done_already": Conflict(Text("방금 하신 일이에요. 한 번만 남겨요", "You have done that already; it stands once")),
    "fixed_step": Conflict(Text("규정으로 정해진 결재자는 뺄 수 없어요", "A step that a rule set cannot be taken out")),
}


def refused(reason: Reason, kind: Kind) -> DaeriError:
    """Return what a caller is told of a refusal."""
    if reason == "comment_needed" and kind == "reject":
        return ValidationFailed(
            Text("반려할 때는 의견을 적어 주세요", "A rejection needs a comment"),
            errors=[FieldError("/comment", "required when rejecting")],
        )
    known = _REFUSALS[reason]
    return type(known)(known.detail, errors=known.errors)


def no_such() -> NotFound:
    """Return the answer for a document that is not there, or that the asker has no part in."""
    return NotFound(Text("그런 결재 문서를 찾을 수 없어요", "No such approval document"))


@dataclass(frozen=True, slots=True)
class Present:
    """An actor at this instant: who they are in the books now, and who is away.

    Attributes:
        in_person: whether a person acts by themself, with a credential that may decide.
        at: the instant; what is done is done then, so that no act is dated after the period of a deputy.
        left: people of the documents at hand who do not work here any more.
    """

    actor: Actor
    person: Someone
    away: Away
    in_person: bool
    at: datetime
    left: frozenset[int] = frozenset()

    def stands_for(self, operations: Iterable[str]) -> frozenset[int]:
        """Return the people in whose name the actor decides on all these operations now; nobody's for an agent."""
        if not self.away.absents:
            return frozenset()
        return frozenset.intersection(*(self.away.stands_for(self.person.id, each) for each in set(operations)))

    def reach(self, document: Document) -> dict[int, Basis]:
        """Return the seats that the actor may act on, and by what right."""
        found: dict[int, Basis] = {}
        deputised = self.stands_for(document.operations)
        for seat in document.state.seats:
            if seat.person == self.person.id:
                found[seat.position] = "own"
            elif self.person.id in seat.also:
                found[seat.position] = "escalated"
            elif self._may_stand_in(document, seat) and seat.person in deputised:
                found[seat.position] = "deputy"
        return found

    def decided_last(self, document: Document) -> bool:
        """Say whether what could be undone was decided by the actor."""
        seats = [seat for seat in document.state.seats if seat.position in document.state.undoable]
        return bool(seats) and all((seat.by or seat.person) == self.person.id for seat in seats)

    def concerns(self, document: Document) -> bool:
        """Say whether the actor may see a document: drafter, line, whoever it came up to, deputies, auditors."""
        if document.state.drafter == self.person.id:
            return True
        if any(_shows(seat, self.person.id) for seat in document.state.seats):
            return True
        seats = [seat for seat in document.state.seats if self._may_stand_in(document, seat)]
        deputised = self.stands_for(document.operations)
        if any(seat.person in deputised for seat in seats if lies_open(document.state, seat)):
            return True
        if document.form.get("own"):
            return False
        return self.actor.has(AUDITOR) or (self.actor.has(ADMIN) and is_stuck(document, self.left))

    def _may_stand_in(self, document: Document, seat: Seat) -> bool:
        """Say whether a deputy may act on a seat: never on their own draft, nor for a drafter who confirms theirs."""
        return seat.decides and document.state.drafter not in (self.person.id, seat.person)


def lies_open(state: State, seat: Seat) -> bool:
    """Say whether a deciding seat's holder may act: in their turn, 합의 before it, 후결 after they were passed over."""
    return seat.decides and (seat.state in OPEN or seat.state == "after" or state.may_agree_early(seat))


def _shows(seat: Seat, person: int) -> bool:
    """Say whether a seat lets a person see the document; 열람 and 수신 do so once it is complete."""
    if seat.part in ("view", "receive") and seat.state in ("upcoming", "skipped"):
        return False
    return person == seat.person or person in seat.also or person == seat.by


def asked_people(document: Document) -> set[int]:
    """Return everyone whose turn it is: by their own seat, or because it came up to them."""
    return {person for seat in document.state.waiting for person in (seat.person, *seat.also)}


def is_stuck(document: Document, left: frozenset[int]) -> bool:
    """Say whether someone whose turn it is has left and nobody else may decide in their place."""
    return any(left.issuperset((seat.person, *seat.also)) for seat in document.state.waiting)


class Authority:
    """Reads who acts, at the instant of the act."""

    def __init__(self, people: People, clock: Clock) -> None:
        """Take the organisation chart and the clock."""
        self._people = people
        self._clock = clock

    def present(self, connection: Connection, actor: Actor) -> Present:
        """Return an actor as they stand now, for reading: nothing is refused yet."""
        if actor.everything:
            person = Someone.unknown(actor.person_id)
        else:
            person = self._people.many(connection, [actor.person_id]).get(
                actor.person_id, Someone.unknown(actor.person_id)
            )
        now, in_person = self._clock.now(), actor.agent is None and actor.decides
        return Present(narrowed(actor, person), person, away_at(connection, now), in_person, now)

    def check(self, connection: Connection, present: Present, kind: Kind) -> None:
        """Refuse whoever may not act in person now.

        Raises:
            PermissionDenied: an agent, a credential that may not decide or has ended, a person who left.
        """
        actor = present.actor
        if kind in IN_PERSON and not present.in_person:
            raise PermissionDenied(NOT_IN_PERSON)
        if present.person.left:
            raise PermissionDenied
        check_in_use(connection, actor, present.at)

    def check_right(self, connection: Connection, present: Present, document: Document, seat: Seat) -> None:
        """Refuse where the role that a seat needs is not held any more: the actor's, or whom they stand for.

        Raises:
            PermissionDenied: it was lost since the document was filed.
        """
        needs = document.steps[seat.position]["needs"] if seat.position in document.steps else None
        if needs is None or present.person.id in seat.also:
            return
        holder = present.person
        if seat.person != holder.id:
            holder = self._people.many(connection, [seat.person]).get(seat.person, Someone.unknown(seat.person))
        if holder.left or needs not in holder.roles:
            raise PermissionDenied(
                Text("이 결재에 필요한 역할이 지금은 없어요", "The role that this step needs is not held any more")
            )
