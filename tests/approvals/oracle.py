"""What should have happened? Approval lines told again, as plainly as possible, to compare the engine with.

Written apart from the engine and unlike it: seats that change in place, and one method for each thing people do, which
says whether it was right to do it. It knows one thing less: departments that run a line inside themselves.
"""

from dataclasses import dataclass, field
from typing import Any

SAID = ("approved", "opposed", "after", "objected")


@dataclass
class Seat:
    """One place in a line."""

    person: int
    part: str = "approve"
    may_reject: bool = True
    blocking: bool = True
    role: str | None = None
    verdict: str | None = None
    held: bool = False
    surplus: bool = False
    by: int | None = None
    also: list[int] = field(default_factory=list)


@dataclass
class Stage:
    """Seats that are asked at once; `quorum` of them suffice."""

    seats: list[Seat]
    quorum: int = 0

    @property
    def passed(self) -> bool:
        said = [seat for seat in self.seats if seat.verdict in SAID]
        skipped = [seat for seat in self.seats if seat.verdict == "skipped"]
        return len(said) >= min(self.quorum or len(self.seats), len(self.seats) - len(skipped))

    @property
    def blocking(self) -> bool:
        return any(seat.blocking for seat in self.seats)


@dataclass
class World:
    """Who is where: the facts that decide who may act."""

    deputies: dict[int, int] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)
    roles: dict[str, set[int]] = field(default_factory=dict)
    above: dict[int, list[int]] = field(default_factory=dict)

    def deputy_of(self, person: int) -> int | None:
        seen = [person]
        while seen[-1] in self.deputies:
            if self.deputies[seen[-1]] in seen:
                return None
            seen.append(self.deputies[seen[-1]])
        return seen[-1] if len(seen) > 1 else None


@dataclass
class Document:
    """A document, and what each act makes of it. Acts return whether they were possible."""

    drafter: int
    stages: list[Stage]
    world: World
    early: bool = False
    agree_early: bool = False
    recall: str = "untouched"
    status: str = "in_progress"
    undoable: list[Seat] = field(default_factory=list)
    undoer: int | None = None
    follow_ups: int = 0
    readers: list[int] = field(default_factory=list)
    version: int = 1

    @property
    def seats(self) -> list[Seat]:
        return [seat for stage in self.stages for seat in stage.seats]

    def asked(self) -> list[Seat]:
        """Whose turn it is."""
        found: list[Seat] = []
        if self.status != "in_progress":
            return found
        for stage in self.stages:
            if not stage.passed:
                found += [seat for seat in stage.seats if seat.verdict is None]
                if stage.blocking:
                    break
        return found

    def stage_of(self, seat: Seat) -> int:
        return next(number for number, stage in enumerate(self.stages) if seat in stage.seats)

    def basis(self, person: int, seat: Seat) -> str | None:
        """By what right a person acts on a seat, as far as places go."""
        if seat.person == person:
            return "own"
        if person in seat.also:
            return "escalated"
        return "deputy" if self.world.deputy_of(seat.person) == person and person != self.drafter else None

    def has_right(self, person: int, seat: Seat) -> bool:
        """Whether the role that a seat needs is held by whoever decides, or whom they stand for."""
        if seat.role is None or person in seat.also:
            return True
        return seat.person not in self.world.left and seat.person in self.world.roles[seat.role]

    def settle(self) -> None:
        """See what a decision leads to: a quorum releases the rest, a complete line is approved."""
        for number, stage in enumerate(self.stages):
            if stage.passed and all(each.passed or not each.blocking for each in self.stages[:number]):
                for seat in stage.seats:
                    if seat.verdict is None:
                        seat.verdict, seat.surplus, seat.held = "skipped", True, False
        if all(stage.passed or not stage.blocking for stage in self.stages):
            self.end("approved")

    def end(self, status: str) -> None:
        self.status, self.undoable = status, []
        for seat in self.seats:
            if seat.verdict is None or (seat.verdict == "after" and status != "approved"):
                seat.verdict = "skipped"

    # ---- what people do

    def mine(self, person: int, seats: list[Seat]) -> Seat | None:
        """The first seat in the line that a person may act on, their own before others'."""
        within = [seat for seat in self.seats if seat in seats and self.basis(person, seat)]
        within.sort(key=lambda seat: self.basis(person, seat) != "own")
        return within[0] if within else None

    def approve(self, person: int) -> bool:
        if person in self.world.left:
            return False
        seat = self.mine(person, self.asked())
        if seat is not None:
            return self.approve_in_turn(person, seat)
        seat = self.mine(person, [each for each in self.seats if each.verdict == "after"])
        if seat is not None and self.status not in ("rejected", "withdrawn"):
            if not self.has_right(person, seat) or person == self.drafter:
                return False
            seat.verdict, seat.by, self.undoable = "approved", person, []
            return True
        waiting = [each for each in self.seats if each.verdict is None] if self.status == "in_progress" else []
        seat = self.mine(person, waiting)
        return seat is not None and self.approve_early(person, seat)

    def approve_in_turn(self, person: int, first: Seat) -> bool:
        decided = [first]
        if len(self.stages[self.stage_of(first)].seats) == 1:
            for stage in self.stages[self.stage_of(first) + 1 :]:
                open_here = [seat for seat in stage.seats if seat.verdict is None]
                if not open_here:
                    continue
                if len(stage.seats) > 1 or not self.basis(person, open_here[0]):
                    break
                decided.append(open_here[0])
        if person == self.drafter or not all(self.has_right(person, seat) for seat in decided):
            return False
        deputised = False
        for seat in decided:
            seat.verdict, seat.by, seat.held = "approved", person, False
            if self.basis(person, seat) == "deputy":
                deputised = True
                self.readers.append(seat.person)
        self.undoable, self.undoer = ([], None) if deputised else (decided, person)
        self.settle()
        return True

    def approve_early(self, person: int, seat: Seat) -> bool:
        if person == self.drafter or not self.has_right(person, seat):
            return False
        if seat.part == "agree":
            if self.agree_early:
                seat.verdict, seat.by, self.undoable = "approved", person, []
            return self.agree_early
        if not self.early or seat.part != "approve" or self.basis(person, seat) != "own":
            return False
        before = self.stages[: self.stage_of(seat)]
        if any(each.part == "agree" and each.blocking and not stage.passed for stage in before for each in stage.seats):
            return False
        for stage in before:
            for each in stage.seats:
                if each.verdict is None:
                    each.verdict = "after" if each.part == "approve" else "skipped"
                    each.held = False
        seat.verdict, seat.by, self.undoable = "approved", person, []
        self.settle()
        return True

    def reject(self, person: int, comment: str) -> bool:
        if person in self.world.left or not comment:
            return False
        seat = self.mine(person, self.asked())
        if seat is None:
            return self.object_after(person) or self.reject_early(person)
        if person == self.drafter or not self.has_right(person, seat):
            return False
        return self.say_no(person, seat)

    def say_no(self, person: int, seat: Seat) -> bool:
        seat.by, seat.held = person, False
        if not seat.may_reject:
            seat.verdict = "opposed"
            plain = self.basis(person, seat) != "deputy"
            if not plain:
                self.readers.append(seat.person)
            self.undoable, self.undoer = ([seat], person) if plain else ([], None)
            self.settle()
            return True
        seat.verdict, self.undoable = "rejected", []
        stage = self.stages[self.stage_of(seat)]
        left = sum(each.verdict != "rejected" for each in stage.seats)
        if left < (stage.quorum or len(stage.seats)):
            self.end("rejected")
        return True

    def object_after(self, person: int) -> bool:
        seat = self.mine(person, [each for each in self.seats if each.verdict == "after"])
        if seat is None or self.status in ("rejected", "withdrawn") or person == self.drafter:
            return False
        if not self.has_right(person, seat):
            return False
        seat.verdict, seat.by, self.undoable = "objected", person, []
        self.follow_ups += 1
        return True

    def reject_early(self, person: int) -> bool:
        if self.status != "in_progress" or not self.agree_early or person == self.drafter:
            return False
        if self.mine(person, [each for each in self.seats if each.verdict == "after"]) is not None:
            return False
        seat = self.mine(person, [each for each in self.seats if each.verdict is None])
        if seat is None or seat.part != "agree" or not self.has_right(person, seat):
            return False
        return self.say_no(person, seat)

    def in_turn(self, person: int, comment: str) -> Seat | None:
        if person in self.world.left or not comment or person == self.drafter:
            return None
        seat = self.mine(person, self.asked())
        return seat if seat is not None and self.has_right(person, seat) else None

    def hold(self, person: int, comment: str) -> bool:
        seat = self.in_turn(person, comment)
        if seat is None or seat.held:
            return False
        seat.held, self.undoable = True, []
        return True

    def release(self, person: int) -> bool:
        if person in self.world.left or person == self.drafter:
            return False
        seat = self.mine(person, [each for each in self.asked() if each.held])
        if seat is None or not self.has_right(person, seat):
            return False
        seat.held, self.undoable = False, []
        return True

    def return_step(self, person: int, comment: str) -> bool:
        seat = self.in_turn(person, comment)
        if seat is None:
            return False
        here = self.stage_of(seat)
        back = [
            number
            for number, stage in enumerate(self.stages[:here])
            if any(each.verdict in ("approved", "opposed") for each in stage.seats)
        ]
        if not back:
            return False
        for stage in self.stages[back[-1] :]:
            for each in stage.seats:
                if each.verdict in (None, "approved", "opposed", "rejected") or each.surplus:
                    each.verdict, each.held, each.by, each.surplus = None, False, None, False
        self.undoable = []
        return True

    def undo(self, person: int) -> bool:
        if person in self.world.left or self.status != "in_progress" or not self.undoable or self.undoer != person:
            return False
        first = min(self.stage_of(seat) for seat in self.undoable)
        for seat in self.undoable:
            seat.verdict, seat.by = None, None
        for stage in self.stages[first:]:
            for seat in stage.seats:
                if seat.surplus:
                    seat.verdict, seat.surplus = None, False
        self.undoable = []
        return True

    def withdraw(self, person: int) -> bool:
        if person != self.drafter or person in self.world.left or self.status != "in_progress":
            return False
        said = any(seat.verdict in ("approved", "rejected", "opposed", "objected") for seat in self.seats)
        stuck = any(
            seat.person in self.world.left and all(each in self.world.left for each in seat.also)
            for seat in self.asked()
        )
        if self.recall == "untouched" and said and not stuck:
            return False
        self.end("withdrawn")
        return True

    def tend(self) -> int:
        """Let turns go up that nobody can take; return how many."""
        moved = 0
        for seat in self.asked():
            able = seat.person not in self.world.left and (
                seat.role is None or seat.person in self.world.roles[seat.role]
            )
            if able or any(each not in self.world.left for each in seat.also):
                continue
            holders = sorted(self.world.roles[seat.role]) if seat.role else []
            wanted = [*holders, *self.world.above[seat.person], *self.world.above[self.drafter]]
            taken = {seat.person, self.drafter, *seat.also} | self.world.left
            following = next((each for each in wanted if each not in taken), None)
            if following is not None:
                seat.also.append(following)
                moved += 1
        return moved

    def shown(self) -> list[tuple[int, str]]:
        """The line as the engine shows it."""
        asked = self.asked()
        return [
            (seat.person, seat.verdict or ("held" if seat.held else "waiting" if seat in asked else "upcoming"))
            for seat in self.seats
        ]


def seats(*people: Any) -> list[Stage]:
    """Write stages shortly: a person, a `Seat`, or a `Stage`."""
    found: list[Stage] = []
    for each in people:
        if isinstance(each, Stage):
            found.append(each)
        else:
            found.append(Stage([each if isinstance(each, Seat) else Seat(each)]))
    return found
