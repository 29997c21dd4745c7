"""Was an act meant, or is it the second of two clicks? Asked of whoever does not say which version they had read."""

from collections.abc import Mapping, Sequence
from typing import Any

from daeri.operations.deciding.ledger import Document
from daeri.operations.deciding.model import OPEN, SAID, Act


def passes_over_others(document: Document, person: int, position: int) -> bool:
    """Say whether someone who has decided already would now pass over others (선결): the first click meant neither."""
    aimed = document.state.seat(position)
    if aimed is None or aimed.part != "approve" or aimed.state != "upcoming":
        return False
    return any(
        seat.decides and seat.state in SAID and (seat.by or seat.person) == person for seat in document.state.seats
    )


def repeats(document: Document, act: Act, earlier: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether an act only brings in people who are in already, or says again what its person has just said."""
    if act.added:
        there = {
            (seat.person, seat.part) for seat in document.state.seats if seat.state in OPEN or seat.state == "upcoming"
        }
        return all((seat.person, seat.part) in there for seat in act.added)
    if act.kind != "comment" or not earlier:
        return False
    last = earlier[-1]
    return (last["act"], last["person_id"], last["comment"]) == ("comment", act.by, act.comment)
