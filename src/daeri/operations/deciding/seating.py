"""Who sits in a line? Finds the people of a `Line` in the organisation chart and says of each why they are there.

The same line, drafter and chart give the same seats. Vacant posts, leavers and the drafter's own seat go up to the
next lead; the same person twice in a row decides once; the table of delegated decisions may end the line early.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from daeri.errors import Conflict
from daeri.operations.deciding.model import SPACING, Part, Seat, SeatState
from daeri.operations.line import (
    Agree,
    Approver,
    Beside,
    Drafter,
    Holder,
    Line,
    Office,
    Ranked,
    Review,
    Superior,
)
from daeri.records.people import People, Rung, Someone, leads, person_body
from daeri.wording import Lang, Text, fit_josa

TITLES = {"팀장": "team lead", "본부장": "director", "실장": "head of office", "대표이사": "chief executive"}
"""What the usual titles are called in English; others stay as they are."""
_HIGHER: dict[Part, int] = {"review": 0, "agree": 1, "approve": 2}


@dataclass(frozen=True, slots=True)
class Place:
    """One seat with the person found for it.

    Attributes:
        role: what the stamp cell says above the name.
        why: the reason, as a sentence for the drafter and the approvers.
        needs: the role that the person must still hold when they decide.
    """

    person: Someone
    role: Text
    why: Text
    seat: Seat
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A step that nobody sits at, and why."""

    role: Text
    why: Text


@dataclass(frozen=True, slots=True)
class Seating:
    """A line filled with people."""

    places: Sequence[Place]
    left_out: Sequence[LeftOut]


@dataclass(frozen=True, slots=True)
class Found:
    """Whom a step means, before turns are counted; None where the post is vacant."""

    person: Someone | None
    role: Text | None
    why: Text
    needs: str | None = None
    team_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One seat that a line asks for."""

    stage: int
    track: int
    turn: int
    part: Part
    found: Found
    is_last: bool
    options: dict[str, Any] = field(default_factory=dict)


class Seater:
    """Fills lines of one drafter; reads each part of the chart once."""

    def __init__(self, connection: Connection, people: People, drafter_id: int, *, alone: bool = False) -> None:
        """Take the chart and the drafter; `alone` lets them be the final approver (1인 결재)."""
        self._connection = connection
        self._people = people
        self._drafter = people.one(connection, drafter_id)
        self._rungs = people.rungs(connection, self._drafter.team_id)
        self._superiors = leads(self._rungs, drafter_id)
        self._alone = alone
        self._left_out: list[LeftOut] = []

    def seated(self, line: Line) -> Seating:
        """Return who decides, in order, and who sits beside the line.

        Raises:
            Conflict: nobody is left who could decide.
        """
        places: list[Place] = []
        for wanted in self._wanted(line):
            place = self._placed(wanted, places)
            if place is not None:
                places.append(place)
        places = _cut(self._people, _merged(places), line)
        if not places and self._alone:
            places = [self._by_the_drafter(SPACING)]
        if not places:
            raise Conflict(
                Text(
                    "결재할 사람이 없어요. 관리자에게 조직도를 확인해 달라고 해 주세요.",
                    "Nobody can approve this. Ask an administrator to check the organisation chart.",
                )
            )
        places = _numbered(places)
        return Seating([*places, *self._beside(line, len(places))], tuple(self._left_out))

    def _wanted(self, line: Line) -> list[_Wanted]:
        """Spread the steps of a line out into seats by stage, track and turn."""
        groups: list[tuple[list[Approver], Part, dict[str, Any]]] = []
        for step in line.steps:
            if isinstance(step, Beside):
                continue
            if isinstance(step, Review):
                groups.append(([step.who], "review", {"why": step.why}))
            elif isinstance(step, Agree):
                options = {"may_reject": step.may_reject, "blocking": step.blocking, "why": step.why}
                if step.parallel:
                    groups.append((list(step.who), "agree", {**options, "quorum": step.quorum}))
                else:
                    groups += [([who], "agree", options) for who in step.who]
            else:
                groups.append(([step], "approve", {}))
        return [
            wanted
            for number, (parties, part, options) in enumerate(groups, 1)
            for track, party in enumerate(parties)
            for wanted in self._track(number, track, party, part, options, is_last=number == len(groups))
        ]

    def _track(
        self, stage: int, track: int, party: Approver, part: Part, options: dict[str, Any], *, is_last: bool
    ) -> list[_Wanted]:
        inner = party.inner if isinstance(party, Office) else ()
        people: list[tuple[Approver, Part]] = [(who, "review") for who in inner]
        people.append((party, part))
        return [
            _Wanted(
                stage * SPACING,
                track,
                turn,
                kind,
                self._find(who),
                is_last=is_last and turn == len(inner),
                options=options if turn == len(inner) else {"quorum": options.get("quorum", 0)},
            )
            for turn, (who, kind) in enumerate(people)
        ]

    def _find(self, who: Approver) -> Found:
        if isinstance(who, Superior):
            return self._superior(who)
        if isinstance(who, Holder):
            person = self._people.holder(self._connection, who.role_name, self._drafter.id)
            why = Text(f"'{who.role.ko}' 역할을 맡고 있어요", f"holds the role {who.role.en}")
            return Found(person, who.role, why, needs=who.role_name)
        if isinstance(who, Ranked):
            level = self._people.rank_level(who.rank)
            fitting = (lead for lead in self._superiors if self._people.rank_level(lead.rank) >= level >= 0)
            why = Text(
                f"위로 가장 가까운 {who.rank} 이상이에요", f"the nearest lead upward of rank {who.rank} or above"
            )
            return Found(next(fitting, None), who.role, why)
        if isinstance(who, Office):
            return self._office(who)
        if isinstance(who, Drafter):
            return Found(self._drafter, who.role or Text("본인", "in person"), _IN_PERSON)
        person = self._people.many(self._connection, [who.person_id]).get(who.person_id)
        named = None if person is None or person.left else person
        return Found(named, who.role, Text("이 문서가 가리키는 사람이에요", "the document names them"))

    def _superior(self, who: Superior) -> Found:
        if not self._superiors:
            return Found(None, who.role, _VACANT)
        level = min(who.level, len(self._superiors))
        person = self._superiors[level - 1]
        near = Text("바로 위 조직장이에요", "the nearest lead")
        far = Text(f"{level}단계 위 조직장이에요", f"the lead {level} levels up")
        why = near if level == 1 else far
        passed = [rung.team for rung in self._until(person) if rung.lead is None]
        if passed:
            vacant = ", ".join(passed)
            why = Text(f"{why.ko} ({vacant} 조직장은 공석)", f"{why.en} (no lead in {vacant})")
        return Found(person, who.role, why)

    def _until(self, person: Someone) -> list[Rung]:
        found: list[Rung] = []
        for rung in self._rungs:
            found.append(rung)
            if rung.lead == person:
                break
        return found

    def _office(self, who: Office) -> Found:
        team_id = self._people.team_id(self._connection, who.team)
        rungs = self._people.rungs(self._connection, team_id)
        if not rungs:
            return Found(None, who.role, Text("그런 부서가 없어요", "there is no such department"))
        name = rungs[0].team
        heads = leads(rungs, self._drafter.id)
        own = rungs[0].lead
        if own is not None and own.id != self._drafter.id:
            why = Text(f"{name} 조직장이에요", f"leads {name}")
        else:
            vacant = Text(f"{name} 조직장이 없어 위에서 맡아요", f"{name} has no lead, so the next one up takes it")
            why = vacant if own is None else Text(f"{name} 조직장이 기안자예요", f"the lead of {name} drafted it")
        return Found(heads[0] if heads else None, who.role or Text(name, name), why, team_id=rungs[0].team_id)

    def _placed(self, wanted: _Wanted, before: Sequence[Place]) -> Place | None:
        found, person, why = wanted.found, wanted.found.person, wanted.options.get("why") or wanted.found.why
        if found.why is _IN_PERSON:
            return self._by_the_drafter(wanted.stage, wanted.track)
        mine = person is not None and person.id == self._drafter.id
        if mine and not wanted.is_last:
            self._left_out.append(LeftOut(_role(found, person), _OWN_SEAT))
            return None
        if mine and self._alone:
            return self._by_the_drafter(wanted.stage)
        needs = found.needs
        if person is None or mine:
            why = Text(f"{_OWN_SEAT.ko} 위로 올라가요", f"{_OWN_SEAT.en}; it goes up") if mine else _VACANT
            person, needs = self._escalated(before), None
        if person is None:
            self._left_out.append(LeftOut(_role(found, None), _VACANT))
            return None
        options = {name: value for name, value in wanted.options.items() if name != "why"}
        seat = Seat(0, person.id, wanted.part, wanted.stage, wanted.track, wanted.turn, team=found.team_id, **options)
        return Place(person, found.role or _title_of(person), why, seat, needs)

    def _by_the_drafter(self, stage: int, track: int = 0) -> Place:
        seat = Seat(0, self._drafter.id, "approve", stage, track, alone=True)
        return Place(self._drafter, Text("본인", "in person"), _IN_PERSON, seat)

    def _escalated(self, before: Sequence[Place]) -> Someone | None:
        """Return who decides for a vacant post: the next lead who is not in the line yet, else the highest."""
        seated = {place.person.id for place in before}
        highest = self._superiors[-1] if self._superiors else None
        return next((lead for lead in self._superiors if lead.id not in seated), highest)

    def _beside(self, line: Line, count: int) -> list[Place]:
        places: list[Place] = []
        for step in line.steps:
            if not isinstance(step, Beside):
                continue
            for who in step.who:
                found = self._find(who)
                if found.person is None or (found.person.id == self._drafter.id and step.part != "receive"):
                    self._left_out.append(LeftOut(_role(found, found.person), found.why))
                    continue
                number = count + len(places) + 1
                state: SeatState = "waiting" if step.part == "cc" else "upcoming"
                seat = Seat(number, found.person.id, step.part, stage=0, state=state, team=found.team_id)
                places.append(Place(found.person, found.role or _title_of(found.person), step.why or found.why, seat))
        return places


_IN_PERSON = Text("본인이 직접 확인해요", "the drafter confirms in person")
_VACANT = Text("맡은 사람이 없어 위 조직장이 대신해요", "nobody holds the post, so the next lead up decides")
_OWN_SEAT = Text("기안자 자신의 자리예요", "it is the drafter's own seat")
_DELEGATED = Text("전결이라 결재하지 않아요", "not asked: decided finally below")


def line_body(places: Sequence[Place], lang: Lang) -> list[dict[str, Any]]:
    """Render a line that nobody has decided on yet."""
    deciding = [place for place in places if place.seat.decides]
    first = min((place.seat.stage for place in deciding if place.seat.state == "upcoming"), default=0)
    return [
        {
            "position": place.seat.position,
            "person": person_body(place.person),
            "role": place.role.to(lang),
            "status": _status(place.seat, first),
            "decided_at": None,
            "comment": None,
            "part": place.seat.part,
            "stage": place.seat.stage,
            "why": fit_josa(place.why.ko) if lang == "ko" else place.why.en,
        }
        for place in deciding
    ]


def _status(seat: Seat, first: int) -> str:
    if seat.state == "upcoming" and seat.stage == first and seat.turn == 0:
        return "waiting"
    return seat.state


def beside_body(places: Sequence[Place], lang: Lang) -> list[dict[str, Any]]:
    """Render who reads or receives it."""
    return [
        {
            "part": place.seat.part,
            "person": person_body(place.person),
            "role": place.role.to(lang),
            "why": place.why.to(lang),
        }
        for place in places
        if not place.seat.decides
    ]


def _title_of(person: Someone) -> Text:
    title = person.title or person.rank or "결재"
    return Text(title, TITLES.get(title, title))


def _role(found: Found, person: Someone | None) -> Text:
    return found.role or (_title_of(person) if person else Text("조직장", "lead"))


def _merged(places: Sequence[Place]) -> list[Place]:
    """Merge the same person twice in a row, the higher part and the later role stay; once only in one stage."""
    stages: dict[int, list[Place]] = {}
    for place in places:
        stage = stages.setdefault(place.seat.stage, [])
        if all(other.person.id != place.person.id for other in stage):
            stage.append(place)
    found: list[list[Place]] = []
    for stage in stages.values():
        lone = found and len(found[-1]) == 1 and len(stage) == 1
        if lone and found[-1][0].person.id == stage[0].person.id:
            before, here = found.pop()[0], stage[0]
            part = max(before.seat.part, here.seat.part, key=_HIGHER.__getitem__)
            found.append([replace(here, seat=replace(here.seat, part=part))])
        else:
            found.append(stage)
    return [place for stage in found for place in stage]


def _cut(people: People, places: list[Place], line: Line) -> list[Place]:
    """End the line at whoever decides finally by the table (전결); what others agree to is asked before."""
    delegated = line.delegated
    if delegated is None or delegated.decides is None:
        return places
    level = people.rank_level(delegated.decides)

    def decides(place: Place) -> bool:
        person = place.person
        by_rank = level >= 0 and people.rank_level(person.rank) >= level
        return place.seat.part == "approve" and (person.title == delegated.decides or by_rank)

    index = next((number for number, place in enumerate(places) if decides(place)), None)
    if index is None or not any(place.seat.part == "approve" for place in places[index + 1 :]):
        return places
    final = places[index]
    mark = Text(f"전결 ({delegated.because.ko})", f"decides finally ({delegated.because.en})")
    final = replace(final, why=mark, seat=replace(final.seat, delegated=True))
    later = places[index + 1 :]
    skipped = [
        replace(place, why=_DELEGATED, seat=replace(place.seat, state="skipped", manner="delegated"))
        for place in later
        if place.seat.part == "approve"
    ]
    asked = [place for place in later if place.seat.part != "approve"]
    return [*places[:index], *asked, final, *skipped]


def _numbered(places: Sequence[Place]) -> list[Place]:
    """Number positions from 1, and stages anew in the order in which they now stand."""
    stages: dict[int, int] = {}
    numbered: list[Place] = []
    for position, place in enumerate(places, 1):
        stage = stages.setdefault(place.seat.stage, (len(stages) + 1) * SPACING)
        numbered.append(replace(place, seat=replace(place.seat, position=position, stage=stage)))
    return numbered
