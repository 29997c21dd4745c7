"""What is a document to the approval engine? Frozen values only: parts, seats, policies, states, acts, refusals.

A line is a row of *stages*. A stage holds one or more *tracks* that decide in parallel; a track is a row of seats, and
has several only where a department runs a line of its own inside. Seats that read, accept or are asked lie beside the
line and never hold it up.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

Part = Literal["approve", "review", "agree", "cc", "view", "receive", "consult", "post_read", "follow_up"]
"""결재, 검토, 합의, 참조, 열람, 수신, 협의, 후열, and what an objection after the fact leaves to be answered."""
SeatState = Literal[
    "upcoming",
    "waiting",
    "held",
    "approved",
    "rejected",
    "opposed",
    "skipped",
    "after",
    "objected",
    "read",
    "received",
    "returned",
    "answered",
]
Manner = Literal[
    "in_turn", "delegated", "deputy", "early", "after", "escalated", "consent", "self", "lapsed", "dropped"
]
"""How a seat was settled: in turn, 전결, 대결, 선결, 후결, after escalation, by standing consent, 1인 결재, 기한 경과,
taken out by 결재선 변경."""
Basis = Literal["own", "deputy", "escalated"]
"""By what right a person acts on a seat: their own, as its holder's deputy, or because it came up to them."""
Status = Literal["in_progress", "approved", "applied", "apply_failed", "apply_unknown", "rejected", "withdrawn"]
Kind = Literal[
    "approve",
    "reject",
    "return_step",
    "hold",
    "release",
    "undo",
    "withdraw",
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
    "escalate",
    "lapse",
    "apply",
    "apply_failed",
    "apply_unknown",
    "retry",
    "settle",
]
Reason = Literal[
    "closed",
    "not_your_turn",
    "own_draft",
    "comment_needed",
    "nothing_to_do",
    "not_allowed_by_form",
    "no_previous_step",
    "decision_begun",
    "not_the_drafter",
    "undo_too_late",
    "agreement_open",
    "person_needed",
    "fixed_step",
    "done_already",
]

KINDS: tuple[Kind, ...] = get_args(Kind)
DECIDING: frozenset[Part] = frozenset({"approve", "review", "agree"})
OPEN: frozenset[SeatState] = frozenset({"waiting", "held"})
PASSED: frozenset[SeatState] = frozenset({"approved", "opposed", "skipped", "after", "objected"})
"""States of a deciding seat that no longer hold its stage up."""
SAID: frozenset[SeatState] = frozenset({"approved", "rejected", "opposed", "objected"})
NEEDS_COMMENT: frozenset[Kind] = frozenset(
    {"reject", "return_step", "hold", "answer", "send_back", "consult", "comment", "settle"}
)
SPACING = 100
"""Between the stages of a line that is filed: what is added later finds room between them."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a form lets people do; frozen with each document.

    Attributes:
        step_back: 전단계 반려, back to the approver before.
        early: 선결, a later approver decides before their turn.
        after: what becomes of those whom an early decision passed over: they keep it for 후결, or are skipped.
        agree_early: 합의 may be given before its turn.
        recall: until when the drafter may take the document back.
        undo: 결재 취소, until the next person acts.
        change_line: upper approvers may change what remains of the line.
    """

    step_back: bool = True
    hold: bool = True
    consult: bool = True
    undo: bool = True
    early: bool = False
    after: Literal["keep", "skip"] = "keep"
    agree_early: bool = False
    recall: Literal["untouched", "in_progress", "never"] = "untouched"
    change_line: bool = False


@dataclass(frozen=True, slots=True)
class Seat:
    """One place in or beside a line.

    Attributes:
        position: its number in the document; never reused.
        stage: seats of equal stage are open together; lower ones first.
        track: seats of one track decide one after the other, by `turn`.
        quorum: tracks of its stage that suffice; 0 means all of them.
        may_reject: whether a no ends the document; otherwise it is an opinion (합의).
        blocking: whether later stages wait for it.
        fixed: whether people may not take it out of the line.
        delegated: whether it decides finally by the table of delegated decisions (전결).
        alone: the drafter's own final seat (1인 결재).
        also: people to whom it has come up besides its holder.
        by: who decided it, where that was not its holder.
    """

    position: int
    person: int
    part: Part = "approve"
    stage: int = SPACING
    track: int = 0
    turn: int = 0
    state: SeatState = "upcoming"
    quorum: int = 0
    may_reject: bool = True
    blocking: bool = True
    fixed: bool = True
    delegated: bool = False
    alone: bool = False
    team: int | None = None
    also: tuple[int, ...] = ()
    by: int | None = None
    manner: Manner | None = None

    @property
    def decides(self) -> bool:
        """Whether it is part of the line, and not beside it."""
        return self.part in DECIDING


@dataclass(frozen=True, slots=True)
class State:
    """A document as far as deciding goes. `undoable` names the seats whose decision may still be taken back."""

    drafter: int
    seats: tuple[Seat, ...]
    policy: Policy = field(default_factory=Policy)
    status: Status = "in_progress"
    undoable: tuple[int, ...] = ()

    def seat(self, position: int) -> Seat | None:
        """Return the seat of a position."""
        return next((seat for seat in self.seats if seat.position == position), None)

    @property
    def waiting(self) -> tuple[Seat, ...]:
        """The deciding seats whose turn it is."""
        return tuple(seat for seat in self.seats if seat.decides and seat.state in OPEN)

    def may_agree_early(self, seat: Seat) -> bool:
        """Say whether a seat's holder may agree although it is not their turn yet."""
        running = self.status == "in_progress" and seat.state == "upcoming"
        return running and seat.part == "agree" and self.policy.agree_early


@dataclass(frozen=True, slots=True)
class Act:
    """What someone does to a document.

    Attributes:
        positions: the seats acted on; several where one act counts for turns that follow each other.
        basis: by what right the actor acts on them.
        added: seats that the act brings in (consult, assign, share, change_line); their positions are given here.
        dropped: positions that `change_line` takes out.
        person: who replaces, or to whom it escalates.
        stuck: the one whose turn it is has left, so its drafter may take the document back.
        consent: the decision rests on a standing consent.
        outcome: what a person found out of an effect of unknown outcome (settle).
    """

    kind: Kind
    by: int
    positions: tuple[int, ...] = ()
    basis: Basis = "own"
    comment: str = ""
    added: tuple[Seat, ...] = ()
    dropped: tuple[int, ...] = ()
    person: int | None = None
    stuck: bool = False
    consent: bool = False
    outcome: Literal["applied", "apply_failed"] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The act is not possible in this state, and why."""

    reason: Reason
