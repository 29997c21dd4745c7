"""Whose turn is it? How stages, tracks and quorums of a line open, pass and close; pure, like all of the machine."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from daeri.operations.deciding.model import PASSED, Seat, State, Status


def opened(state: State) -> State:
    """Return a state in which everyone whose turn it is, is asked; approved where nobody is left to ask."""
    if state.status != "in_progress":
        return state
    due = turns_of(state.seats)
    seats = tuple(
        replace(seat, state="waiting") if seat.position in due and seat.state == "upcoming" else seat
        for seat in state.seats
    )
    asked = replace(state, seats=seats)
    complete = all(is_passed(seats, stage) for stage in stages_of(seats) if _is_blocking(seats, stage))
    return ended(asked, "approved") if complete else asked


def ended(state: State, status: Status) -> State:
    """End the line: whoever was not asked yet is skipped; recipients are asked once it is approved."""

    def end(seat: Seat) -> Seat:
        if seat.decides or seat.part == "consult":
            pending = seat.state in ("upcoming", "waiting", "held")
            void = seat.state == "after" and status != "approved"
            return replace(seat, state="skipped") if pending or void else seat
        if seat.part in ("receive", "view") and seat.state == "upcoming":
            return replace(seat, state="waiting" if status == "approved" else "skipped")
        return seat

    return replace(state, status=status, undoable=(), seats=tuple(map(end, state.seats)))


def ordered(seats: Iterable[Seat]) -> list[Seat]:
    """Return seats as a line reads: by stage, track and turn."""
    return sorted(seats, key=lambda seat: (seat.stage, seat.track, seat.turn, seat.position))


def stages_of(seats: Iterable[Seat]) -> list[int]:
    """Return the stages of a line, in order."""
    return sorted({seat.stage for seat in seats if seat.decides})


def tracks_of(seats: Iterable[Seat], stage: int) -> list[list[Seat]]:
    """Return the tracks of a stage, each in order."""
    found: dict[int, list[Seat]] = {}
    for seat in ordered(seats):
        if seat.decides and seat.stage == stage:
            found.setdefault(seat.track, []).append(seat)
    return list(found.values())


def is_passed(seats: Iterable[Seat], stage: int) -> bool:
    """Say whether a stage holds nobody up any more: its quorum has decided, or it was left out altogether."""
    tracks = tracks_of(seats, stage)
    over = [track for track in tracks if all(seat.state in PASSED for seat in track)]
    said = [track for track in over if any(seat.state != "skipped" for seat in track)]
    left_out = len(over) - len(said)
    quorum = tracks[0][0].quorum or len(tracks)
    return len(said) >= min(quorum, len(tracks) - left_out)


def _is_blocking(seats: Iterable[Seat], stage: int) -> bool:
    return any(seat.blocking for seat in seats if seat.decides and seat.stage == stage)


def turns_of(seats: Sequence[Seat]) -> frozenset[int]:
    """Return the positions whose turn it is."""
    found: set[int] = set()
    for stage in stages_of(seats):
        if is_passed(seats, stage):
            continue
        for track in tracks_of(seats, stage):
            following = next((seat for seat in track if seat.state not in PASSED), None)
            if following is not None and following.state != "rejected":
                found.add(following.position)
        if _is_blocking(seats, stage):
            break
    return frozenset(found)


def with_surplus_skipped(state: State) -> State:
    """Release the rest of a stage whose quorum is reached."""
    surplus = [
        replace(seat, state="skipped")
        for stage in stages_of(state.seats)
        if is_passed(state.seats, stage) and _is_begun(state, stage)
        for track in tracks_of(state.seats, stage)
        for seat in track
        if seat.state in ("waiting", "held", "upcoming")
    ]
    return changed(state, *surplus)


def _is_begun(state: State, stage: int) -> bool:
    return all(
        is_passed(state.seats, other)
        for other in stages_of(state.seats)
        if other < stage and _is_blocking(state.seats, other)
    )


def reopened(state: State, stage: int) -> State:
    """Open a line again from a stage on: what was decided from there counts no more."""
    fresh = [
        replace(seat, state="upcoming", by=None, manner=None)
        for seat in state.seats
        if seat.decides and seat.stage >= stage
        if seat.state in ("approved", "opposed", "rejected", "waiting", "held") or is_surplus(seat)
    ]
    return opened(replace(changed(state, *fresh), undoable=()))


def is_surplus(seat: Seat) -> bool:
    """Say whether a seat was only left out because others of its stage had decided."""
    return seat.state == "skipped" and seat.manner is None


def changed(state: State, *seats: Seat) -> State:
    """Return a state with seats in place of those of the same positions."""
    by_position = {seat.position: seat for seat in seats}
    return replace(state, seats=tuple(by_position.get(seat.position, seat) for seat in state.seats))


def joined(state: State, *seats: Seat) -> State:
    """Return a state with further seats."""
    return replace(state, seats=(*state.seats, *seats))


def next_position(state: State) -> int:
    """Return the number that the next seat gets."""
    return max((seat.position for seat in state.seats), default=0) + 1
