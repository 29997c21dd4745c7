"""What may happen to a document? The whole of 결재 as one pure function: state and act give a new state or a refusal.

Nothing here reads a database, a clock or the organisation chart. Who may act for whom is found elsewhere
(authority.py) and arrives as plain facts in the act, so the same acts give the same state on any machine: that is how
a finished document is checked before anything is carried out (`replay`). The function is total: every act on every
state gives a state or a `Refusal`, never an exception.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from daeri.operations.deciding.model import (
    NEEDS_COMMENT,
    OPEN,
    PASSED,
    SAID,
    SPACING,
    Act,
    Basis,
    Kind,
    Manner,
    Part,
    Refusal,
    Seat,
    SeatState,
    State,
    Status,
)
from daeri.operations.deciding.turns import (
    changed,
    ended,
    is_passed,
    is_surplus,
    joined,
    next_position,
    opened,
    ordered,
    reopened,
    stages_of,
    tracks_of,
    turns_of,
    with_surplus_skipped,
)


def step(state: State, act: Act) -> State | Refusal:
    """Return the state after an act, or why it is refused."""
    if act.kind in NEEDS_COMMENT and not act.comment.strip():
        return Refusal("comment_needed")
    return _STEPS[act.kind](state, act)


def replay(filed: State, acts: Iterable[Act]) -> State | Refusal:
    """Return where acts lead from a line as it was filed: the first refusal, if any, ends it."""
    state = opened(filed)
    for act in acts:
        after = step(state, act)
        if isinstance(after, Refusal):
            return after
        state = after
    return state


def aim(state: State, kind: Kind, reach: Mapping[int, Basis]) -> tuple[tuple[int, ...], Basis] | Refusal:
    """Return which seats an actor's act is about, among those within their reach.

    One act counts for turns that follow each other, as the same person twice in a row would be merged: a deputy who
    is in the line already decides once. Asked by `authority.py` before it makes the act.
    """
    wanted = [seat for seat in ordered(state.seats) if seat.position in reach and _is_aimed(state, kind, seat)]
    if not wanted:
        return Refusal("closed" if state.status != "in_progress" and kind in _IN_LINE else "not_your_turn")
    first = min(wanted, key=lambda seat: (_preference(kind, seat), reach[seat.position] != "own"))
    positions = [first.position]
    if kind == "approve" and first.state in OPEN and first.decides:
        positions += _following(state, first, reach)
    by_deputy = any(reach[position] == "deputy" for position in positions)
    return tuple(positions), "deputy" if by_deputy else reach[first.position]


_IN_LINE: frozenset[Kind] = frozenset({"approve", "reject", "return_step", "hold", "release", "consult", "change_line"})


def _preference(kind: Kind, seat: Seat) -> int:
    """Say which of one's seats an act means first: the turn one has, then what was passed over, then later ones."""
    return {"waiting": 0, "held": 0, "after": 1}.get(seat.state, 2) if kind in ("approve", "reject") else 0


def _is_aimed(state: State, kind: Kind, seat: Seat) -> bool:  # noqa: PLR0911 - one answer for each sort of act
    running = state.status == "in_progress"
    if kind in ("approve", "reject"):
        if seat.decides and seat.state == "after":
            return state.status not in ("rejected", "withdrawn")
        return running and seat.decides and seat.state in ("upcoming", "waiting", "held")
    if kind in ("return_step", "hold", "consult", "change_line"):
        return running and seat.decides and seat.state in OPEN
    if kind == "release":
        return running and seat.decides and seat.state == "held"
    if kind == "undo":
        return running and seat.position in state.undoable
    if kind == "answer":
        return seat.part in ("consult", "follow_up") and seat.state == "waiting"
    if kind == "read":
        return seat.part in ("cc", "view", "post_read") and seat.state == "waiting"
    if kind in ("accept", "send_back"):
        return seat.part == "receive" and seat.state == "waiting"
    if kind == "assign":
        return seat.team is not None and (
            (running and seat.decides and seat.state in OPEN) or (seat.part == "receive" and seat.state == "waiting")
        )
    return False


def _following(state: State, first: Seat, reach: Mapping[int, Basis]) -> list[int]:
    """Return the turns right after a seat that the same person has too, as long as they stand alone in theirs."""
    found: list[int] = []
    lone = len(tracks_of(state.seats, first.stage)) == 1
    for stage in stages_of(state.seats):
        seats = [seat for seat in ordered(state.seats) if seat.decides and seat.stage == stage]
        rest = [seat for seat in seats if seat.state not in PASSED and seat.position != first.position]
        if stage < first.stage or not rest:
            continue
        if not lone or len(tracks_of(state.seats, stage)) > 1:
            break
        for seat in rest:
            if seat.position not in reach:
                return found
            found.append(seat.position)
    return found


def _acted_on(state: State, act: Act) -> list[Seat] | Refusal:
    """Return the seats an act names; refused where one is not there, or is not the actor's to act on."""
    seats = [seat for position in act.positions if (seat := state.seat(position)) is not None]
    if not seats or len(seats) != len(act.positions):
        return Refusal("not_your_turn")
    for seat in seats:
        if act.basis == "own" and seat.person != act.by and act.by not in seat.also:
            return Refusal("not_your_turn")
        if seat.decides and act.by == state.drafter and not seat.alone:
            return Refusal("own_draft")
    return seats


def _manner(act: Act, seat: Seat) -> Manner:
    if act.consent:
        return "consent"
    if seat.person != act.by:
        return "escalated" if act.by in seat.also else "deputy"
    if seat.delegated:
        return "delegated"
    return "self" if seat.alone else "in_turn"


def _decided(act: Act, seat: Seat, state: SeatState, manner: Manner | None = None) -> Seat:
    by = act.by if act.by != seat.person else None
    return replace(seat, state=state, by=by, manner=manner or _manner(act, seat))


def _approve(state: State, act: Act) -> State | Refusal:
    seats = _acted_on(state, act)
    if isinstance(seats, Refusal):
        return seats
    first = seats[0]
    if first.decides and first.state == "after" and state.status not in ("rejected", "withdrawn"):
        return changed(replace(state, undoable=()), _decided(act, first, "approved", "after"))
    if state.status != "in_progress":
        return Refusal("closed")
    if not first.decides:
        return Refusal("not_your_turn")
    if first.state == "upcoming":
        return _approve_early(state, act, first)
    for seat in seats:
        open_now = seat.state in OPEN
        if not (open_now if seat is first else seat.state == "upcoming" or open_now):
            return Refusal("not_your_turn")
    decided = [_decided(act, seat, "approved") for seat in seats]
    if any(seat.position not in turns_of(changed(state, *decided[:index]).seats) for index, seat in enumerate(seats)):
        return Refusal("not_your_turn")
    return _after_approval(state, decided)


def _after_approval(state: State, decided: Sequence[Seat]) -> State:
    """Go on from seats just approved: open the next turns, show the absent what was decided for them."""
    after = changed(state, *decided)
    absent = [seat for seat in decided if seat.manner == "deputy"]
    for seat in absent:
        after = joined(after, Seat(next_position(after), seat.person, "post_read", seat.stage, state="waiting"))
    plain = state.policy.undo and all(seat.manner in ("in_turn", "escalated") for seat in decided)
    undoable = tuple(seat.position for seat in decided) if plain else ()
    return opened(with_surplus_skipped(replace(after, undoable=undoable)))


def _approve_early(state: State, act: Act, seat: Seat) -> State | Refusal:
    """선결, or 합의 before its turn."""
    if seat.part == "agree":
        if not state.policy.agree_early:
            return Refusal("not_your_turn")
        return replace(changed(state, _decided(act, seat, "approved", "early")), undoable=())
    if not state.policy.early or seat.part != "approve" or act.basis != "own":
        return Refusal("not_your_turn")
    before = [other for other in state.seats if other.decides and other.stage < seat.stage]
    open_before = [other for other in before if other.state not in PASSED]
    if any(other.part == "agree" and other.blocking and not is_passed(before, other.stage) for other in open_before):
        return Refusal("agreement_open")
    passed: SeatState = "after" if state.policy.after == "keep" else "skipped"
    left = [
        replace(other, state=passed if other.part == "approve" else "skipped", manner="early") for other in open_before
    ]
    after = changed(state, *left, _decided(act, seat, "approved", "early"))
    return opened(with_surplus_skipped(replace(after, undoable=())))


def _reject(state: State, act: Act) -> State | Refusal:
    seats = _acted_on(state, act)
    if isinstance(seats, Refusal):
        return seats
    seat = seats[0]
    if seat.decides and seat.state == "after" and state.status not in ("rejected", "withdrawn"):
        objected = _decided(act, seat, "objected", "after")
        follow_up = Seat(next_position(state), state.drafter, "follow_up", seat.stage, state="waiting")
        return joined(replace(changed(state, objected), undoable=()), follow_up)
    if state.status != "in_progress":
        return Refusal("closed")
    if not seat.decides or not (seat.state in OPEN or state.may_agree_early(seat)):
        return Refusal("not_your_turn")
    if not seat.may_reject:
        return _after_approval(state, [_decided(act, seat, "opposed")])
    after = changed(state, _decided(act, seat, "rejected"))
    tracks = tracks_of(after.seats, seat.stage)
    left = sum(all(other.state != "rejected" for other in track) for track in tracks)
    if left >= (tracks[0][0].quorum or len(tracks)):
        return opened(_skip_rest(replace(after, undoable=()), seat))
    return ended(after, "rejected")


def _skip_rest(state: State, seat: Seat) -> State:
    """Leave out what follows a no within its own track, where the others' quorum can still be reached."""
    rest = [
        replace(other, state="skipped")
        for other in state.seats
        if (other.stage, other.track) == (seat.stage, seat.track) and other.decides and other.state not in PASSED
        if other.state != "rejected"
    ]
    return changed(state, *rest)


def _return_step(state: State, act: Act) -> State | Refusal:
    seats = _in_turn(state, act)
    if isinstance(seats, Refusal):
        return seats
    if not state.policy.step_back:
        return Refusal("not_allowed_by_form")
    here = seats[0].stage
    decided = [
        seat for seat in state.seats if seat.decides and seat.stage < here and seat.state in ("approved", "opposed")
    ]
    if not decided:
        return Refusal("no_previous_step")
    back = max(seat.stage for seat in decided)
    return reopened(state, back)


def _in_turn(state: State, act: Act) -> list[Seat] | Refusal:
    """Return the seats of an act that only whoever has the turn may do."""
    seats = _acted_on(state, act)
    if isinstance(seats, Refusal):
        return seats
    if state.status != "in_progress":
        return Refusal("closed")
    if not all(seat.decides and seat.state in OPEN for seat in seats):
        return Refusal("not_your_turn")
    return seats


def _hold(state: State, act: Act) -> State | Refusal:
    seats = _in_turn(state, act)
    if isinstance(seats, Refusal):
        return seats
    if not state.policy.hold:
        return Refusal("not_allowed_by_form")
    if any(seat.state == "held" for seat in seats):
        return Refusal("nothing_to_do")
    return changed(replace(state, undoable=()), *(replace(seat, state="held") for seat in seats))


def _release(state: State, act: Act) -> State | Refusal:
    seats = _in_turn(state, act)
    if isinstance(seats, Refusal):
        return seats
    if any(seat.state != "held" for seat in seats):
        return Refusal("nothing_to_do")
    return changed(replace(state, undoable=()), *(replace(seat, state="waiting") for seat in seats))


def _undo(state: State, act: Act) -> State | Refusal:
    if not state.policy.undo:
        return Refusal("not_allowed_by_form")
    if state.status != "in_progress":
        return Refusal("closed")
    seats = [seat for seat in state.seats if seat.position in state.undoable]
    if not seats or any((seat.by or seat.person) != act.by for seat in seats):
        return Refusal("undo_too_late")
    later = min(seat.stage for seat in seats)
    undone = [replace(seat, state="upcoming", by=None, manner=None) for seat in seats]
    asked = [
        replace(seat, state="upcoming")
        for seat in state.seats
        if seat.decides and seat.stage >= later and seat.position not in state.undoable
        if seat.state == "waiting" or is_surplus(seat)
    ]
    return opened(replace(changed(state, *undone, *asked), undoable=()))


def _withdraw(state: State, act: Act) -> State | Refusal:
    if act.by != state.drafter:
        return Refusal("not_the_drafter")
    if state.status != "in_progress":
        return Refusal("closed")
    touched = any(seat.decides and seat.state in SAID and seat.manner != "consent" for seat in state.seats)
    if state.policy.recall == "never" and not act.stuck:
        return Refusal("not_allowed_by_form")
    if state.policy.recall == "untouched" and touched and not act.stuck:
        return Refusal("decision_begun")
    return ended(state, "withdrawn")


def _consult(state: State, act: Act) -> State | Refusal:
    seats = _in_turn(state, act)
    if isinstance(seats, Refusal):
        return seats
    if not state.policy.consult:
        return Refusal("not_allowed_by_form")
    asked = _fresh(state, act, "consult")
    if isinstance(asked, Refusal):
        return asked
    if any(seat.person in (act.by, state.drafter) for seat in asked):
        return Refusal("person_needed")
    return joined(replace(state, undoable=()), *asked)


def _fresh(state: State, act: Act, part: Part) -> tuple[Seat, ...] | Refusal:
    """Return the seats that an act brings in, checked: right part, waiting, numbers that follow."""
    first = next_position(state)
    if not act.added:
        return Refusal("person_needed")
    if any(seat.position != first + number or seat.part != part for number, seat in enumerate(act.added)):
        return Refusal("person_needed")
    return tuple(replace(seat, state="waiting", by=None, manner=None) for seat in act.added)


def _answer(state: State, act: Act) -> State | Refusal:
    return _beside(state, act, ("consult", "follow_up"), "answered")


def _read(state: State, act: Act) -> State | Refusal:
    return _beside(state, act, ("cc", "view", "post_read"), "read")


def _accept(state: State, act: Act) -> State | Refusal:
    return _beside(state, act, ("receive",), "received")


def _beside(state: State, act: Act, parts: Sequence[Part], done: SeatState) -> State | Refusal:
    seats = _acted_on(state, act)
    if isinstance(seats, Refusal):
        return seats
    if any(seat.part not in parts or seat.state != "waiting" for seat in seats):
        return Refusal("nothing_to_do")
    return changed(state, *(_decided(act, seat, done) for seat in seats))


def _send_back(state: State, act: Act) -> State | Refusal:
    after = _beside(state, act, ("receive",), "returned")
    if isinstance(after, Refusal):
        return after
    follow_up = Seat(next_position(after), state.drafter, "follow_up", state="waiting")
    return joined(after, follow_up)


def _assign(state: State, act: Act) -> State | Refusal:
    """A department's seat passes the matter on inside: to those who look at it first, or to who handles it."""
    seats = _acted_on(state, act)
    if isinstance(seats, Refusal):
        return seats
    seat = seats[0]
    if len(seats) > 1 or seat.team is None:
        return Refusal("not_allowed_by_form")
    if seat.part == "receive" and seat.state == "waiting":
        handlers = _fresh(state, act, "receive")
        if isinstance(handlers, Refusal):
            return handlers
        return changed(joined(state, *handlers), _decided(act, seat, "received"))
    if state.status != "in_progress" or not seat.decides or seat.state not in OPEN:
        return Refusal("not_your_turn")
    inner = _fresh(state, act, "review")
    if isinstance(inner, Refusal):
        return inner
    if any(each.person in (state.drafter, act.by) for each in inner):
        return Refusal("own_draft")
    count = len(inner)
    placed = tuple(
        replace(each, stage=seat.stage, track=seat.track, turn=seat.turn - count + number, state="upcoming")
        for number, each in enumerate(inner)
    )
    waits = replace(seat, state="upcoming")
    return opened(joined(replace(changed(state, waits), undoable=()), *placed))


def _share(state: State, act: Act) -> State | Refusal:
    """열람 or 회람: someone who takes part shows the document to others."""
    seats = _fresh(state, act, "view")
    if isinstance(seats, Refusal):
        return seats
    return joined(state, *seats)


def _change_line(state: State, act: Act) -> State | Refusal:
    """Add steps after one's own, or take out later ones that no rule fixed."""
    seats = _in_turn(state, act)
    if isinstance(seats, Refusal):
        return seats
    if not state.policy.change_line:
        return Refusal("not_allowed_by_form")
    here = max(seat.stage for seat in seats)
    if any(
        (seat := state.seat(position)) is None or seat.fixed or seat.stage <= here or seat.state != "upcoming"
        for position in act.dropped
    ):
        return Refusal("fixed_step")
    first = next_position(state)
    if not act.added and not act.dropped:
        return Refusal("nothing_to_do")
    for number, seat in enumerate(act.added):
        if seat.position != first + number or not seat.decides or seat.person in (state.drafter, act.by):
            return Refusal("person_needed")
    dropped = [replace(seat, state="skipped", manner="dropped") for seat in state.seats if seat.position in act.dropped]
    line = _with_room(replace(changed(state, *dropped), undoable=()), here, len(act.added))
    start = sum(stage <= here for stage in stages_of(state.seats)) + 1
    placed = tuple(
        Seat(seat.position, seat.person, seat.part, stage=(start + number) * SPACING, fixed=False)
        for number, seat in enumerate(act.added)
    )
    return opened(joined(line, *placed))


def _with_room(state: State, here: int, count: int) -> State:
    """Number the stages anew, with room for so many after one of them."""
    numbers = {
        stage: (number + (count if stage > here else 0)) * SPACING
        for number, stage in enumerate(stages_of(state.seats), 1)
    }
    return changed(state, *(replace(seat, stage=numbers[seat.stage]) for seat in state.seats if seat.decides))


def _replace(state: State, act: Act) -> State | Refusal:
    """An administrator puts another person into a seat whose holder cannot decide any more."""
    seat = state.seat(act.positions[0]) if len(act.positions) == 1 else None
    if seat is None or seat.state not in ("upcoming", "waiting", "held", "after"):
        return Refusal("nothing_to_do")
    if act.person is None or act.person == seat.person:
        return Refusal("person_needed")
    if act.person == state.drafter and seat.decides:
        return Refusal("own_draft")
    fresh: SeatState = "waiting" if seat.state == "held" else seat.state
    return changed(replace(state, undoable=()), replace(seat, person=act.person, also=(), state=fresh))


def _escalate(state: State, act: Act) -> State | Refusal:
    """A turn that nobody takes comes up to one more person; whoever had it keeps it."""
    seat = state.seat(act.positions[0]) if len(act.positions) == 1 else None
    if seat is None or state.status != "in_progress" or not seat.decides or seat.state not in OPEN:
        return Refusal("nothing_to_do")
    if act.person is None or act.person in (seat.person, state.drafter, *seat.also):
        return Refusal("person_needed")
    return changed(state, replace(seat, also=(*seat.also, act.person)))


def _lapse(state: State, act: Act) -> State | Refusal:
    """기한후결: what was passed over and not handled in time counts as seen; it never had power any more."""
    seats = [seat for position in act.positions if (seat := state.seat(position)) is not None]
    if not seats or any(seat.state != "after" for seat in seats):
        return Refusal("nothing_to_do")
    return changed(state, *(replace(seat, state="skipped", manner="lapsed") for seat in seats))


def _comment(state: State, _: Act) -> State | Refusal:
    return state


def _applied(state: State, act: Act) -> State | Refusal:
    if state.status != "approved":
        return Refusal("closed")
    status: Status = "applied" if act.kind == "apply" else "apply_failed"
    return replace(state, status="apply_unknown" if act.kind == "apply_unknown" else status)


def _retry(state: State, _: Act) -> State | Refusal:
    """Carry out again what failed; it is approved already and is never approved again."""
    return replace(state, status="approved") if state.status == "apply_failed" else Refusal("nothing_to_do")


def _settle(state: State, act: Act) -> State | Refusal:
    """A person says what became of an effect whose outcome was unknown."""
    if state.status != "apply_unknown" or act.outcome is None:
        return Refusal("nothing_to_do")
    return replace(state, status=act.outcome)


_STEPS: Mapping[Kind, Callable[[State, Act], State | Refusal]] = {
    "approve": _approve,
    "reject": _reject,
    "return_step": _return_step,
    "hold": _hold,
    "release": _release,
    "undo": _undo,
    "withdraw": _withdraw,
    "consult": _consult,
    "answer": _answer,
    "comment": _comment,
    "read": _read,
    "accept": _accept,
    "send_back": _send_back,
    "assign": _assign,
    "share": _share,
    "change_line": _change_line,
    "replace": _replace,
    "escalate": _escalate,
    "lapse": _lapse,
    "apply": _applied,
    "apply_failed": _applied,
    "apply_unknown": _applied,
    "retry": _retry,
    "settle": _settle,
}
