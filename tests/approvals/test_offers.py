"""Is what people are offered a matter of who is whom alone, so that documents like each other share the answer?"""

from dataclasses import replace
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from daeri.operations.deciding.bodies import OFFERED
from daeri.operations.deciding.machine import aim, step
from daeri.operations.deciding.model import Act, Kind, Manner, Part, Policy, Refusal, Seat, SeatState, State, Status

PEOPLE = st.integers(1, 5)
RENAMED = st.permutations([11, 7, 23, 5, 2]).map(lambda names: dict(enumerate(names, 1)))


@st.composite
def states(draw: st.DrawFn) -> State:
    seats = [
        Seat(
            position,
            draw(PEOPLE),
            draw(st.sampled_from(get_args(Part))),
            stage=draw(st.integers(1, 3)) * 10,
            track=draw(st.integers(0, 1)),
            turn=draw(st.integers(0, 1)),
            state=draw(st.sampled_from(get_args(SeatState))),
            quorum=draw(st.integers(0, 1)),
            may_reject=draw(st.booleans()),
            blocking=draw(st.booleans()),
            delegated=draw(st.booleans()),
            team=draw(st.sampled_from([None, 1])),
            also=tuple(draw(st.lists(PEOPLE, max_size=1))),
            by=draw(st.none() | PEOPLE),
            manner=draw(st.sampled_from([None, *get_args(Manner)])),
        )
        for position in range(1, draw(st.integers(1, 4)) + 1)
    ]
    policy = Policy(early=draw(st.booleans()), agree_early=draw(st.booleans()), change_line=draw(st.booleans()))
    return State(draw(PEOPLE), tuple(seats), policy, draw(st.sampled_from(get_args(Status))))


def renamed(state: State, names: dict[int, int]) -> State:
    seats = tuple(
        replace(
            seat,
            person=names[seat.person],
            also=tuple(names[each] for each in seat.also),
            by=None if seat.by is None else names[seat.by],
        )
        for seat in state.seats
    )
    return replace(state, drafter=names[state.drafter], seats=seats)


def answer(state: State, kind: Kind, me: int) -> tuple[object, bool]:
    """Say which seats an act is about, and whether it is refused."""
    aimed = aim(state, kind, {seat.position: "own" for seat in state.seats if me in (seat.person, *seat.also)})
    if isinstance(aimed, Refusal):
        return aimed, True
    return aimed, isinstance(step(state, Act(kind, me, *aimed, comment="-")), Refusal)


@given(states(), RENAMED, PEOPLE, st.sampled_from(OFFERED))
def test_the_machine_asks_only_who_is_whom(state: State, names: dict[int, int], me: int, kind: Kind) -> None:
    assert answer(state, kind, me) == answer(renamed(state, names), kind, names[me])
