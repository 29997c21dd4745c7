"""Can this operation carry out this part of a request, with which arguments, and what of it is left unexplained?

Everything is read from the operation's declaration (types, labels, examples, words); no operation is known by name.
Each entity and each content word must be explained: by an argument, by the operation's own vocabulary, or by a word
that changes nothing. What is left in `unknown` makes the planner ask or decline, never guess.
"""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from daeri.agent.analyzer import Entity, Part
from daeri.agent.candidate import Candidate, Request
from daeri.agent.lexicon import ASKING, COMPANY, HALF, HALVES, PAYING, TOTAL, UNITS
from daeri.agent.rows import Named, Several
from daeri.agent.texts import take_texts
from daeri.agent.tokens import Word, stems_of, words_of
from daeri.agent.vocabulary import Slot, Vocabulary, asks, explains, priced
from daeri.wording import day_range, fit_josa

TAKEN_AMONG_MAX: Final = 4
"""The asker is meant by a name that fits few ("김대리"), not by one that fits dozens ("Kim")."""
SPREAD_MAX: Final = 6
"""Calls that one enumeration ("영업1팀과 영업2팀") may become."""

SAME_AS_EXAMPLE: Final = 0.95
"""So much like an example ("한빛 모니터 27 얼마야?"), a request speaks of the subject though it names no word of it."""

_AND: Final = re.compile(r"^(?:님)?\s*(?:과|와|이랑|랑|하고|,|및|·|그리고|and|&)\s*(?:and\s*)?$", re.IGNORECASE)
_BELONGS: Final = re.compile(r"^\s*(?:의|소속|에\s?있는|of|in|from)?\s*$")


def fill(vocabulary: Vocabulary, request: Request, score: float) -> Candidate:
    """Fill the operation's parameters from one part of a request and see what is left over."""
    return _Filling(vocabulary, request, score).run()


def search_for(vocabulary: Vocabulary, part: Part) -> Candidate:
    """Fill a search with the part's own words; it is anchored where one of its own words is among them."""
    slot = next(slot for slot in vocabulary.slots if slot.name in vocabulary.operation.signature.searched)
    anchored = any(explains(vocabulary.named, word) for word in part.words if not word.question)
    return Candidate(vocabulary, part, arguments={slot.name: part.text}, anchored=anchored)


class _Filling:
    """The work of `fill`: each step takes what it explains out of what is left of the text."""

    def __init__(self, vocabulary: Vocabulary, request: Request, score: float) -> None:
        self.vocabulary = vocabulary
        self.request = request
        self.part = request.part
        self.candidate = Candidate(vocabulary, request.part, score)
        self.arguments = self.candidate.arguments
        self.used: list[tuple[int, int]] = []

    def run(self) -> Candidate:
        self._negations()
        self._references()
        self._own()
        self._dates()
        self._amounts()
        self._choices()
        self._counts()
        self._texts()
        self._carry()
        self._rest()
        self._missing()
        return self.candidate

    # What is left

    def _use(self, *spans: Entity | Named | Word) -> None:
        self.used += [(span.start, span.end) for span in spans]

    def _free(self, span: Entity | Named | Word) -> bool:
        return not any(span.start < end and start < span.end for start, end in self.used)

    def _words(self) -> list[Word]:
        """Words that nothing has taken yet; what a name covers is not a word."""
        return [word for word in self.part.words if self._free(word)]

    def _entities(self, *kinds: Any) -> list[Entity]:
        return [entity for entity in self.part.of(*kinds) if self._free(entity)]

    def _slot(self, *kinds: Any) -> list[Slot]:
        return [slot for slot in self.vocabulary.slots_of(*kinds) if slot.name not in self.arguments]

    def _leave(self, text: str) -> None:
        if text not in self.candidate.unknown:
            self.candidate.unknown.append(text)

    # What is turned round

    def _negations(self) -> None:
        """Only an operation that declares it may read a "not"; one that acts only where the wish is said beside it."""
        for entity in self._entities("negation"):
            if self.vocabulary.negates(entity) and (
                self.vocabulary.operation.effect == "read" or self._wished_besides(entity)
            ):
                self._use(entity)

    def _wished_besides(self, entity: Entity) -> bool:
        """취소해줘 in "내일 반차 안 쓸래, 취소해줘", cancel in "I don't need it, cancel it"."""
        after = [word for word in self.part.words if word.start >= entity.end and not word.passed]
        own = self.vocabulary.marks(korean=self.request.lang == "ko")
        return self.part.act in {"do", "name"} and any(
            not word.stems.isdisjoint(own) and not word.stems & ASKING for word in after
        )

    # Rows

    def _references(self) -> None:
        named = sorted(self.request.named, key=lambda each: each.start)
        previous: tuple[Slot, Named] | None = None
        for at, each in enumerate(named):
            if self._addressed(each):
                continue
            following = named[at + 1] if at + 1 < len(named) else None
            slot = self._reference_slot(each)
            if self._qualifies(each, following) or self._qualifies_back(each, named[at - 1] if at else None):
                self._use(each)
                continue
            if slot is not None:
                self._refer(slot, each, qualified=bool(at) and not self._free(named[at - 1]) and previous is None)
                previous = (slot, each)
                self._use(each)
            elif previous is not None and self._enumerated(previous, each):
                self._use(each)
                previous = (previous[0], each)

    def _addressed(self, named: Named) -> bool:
        """To tell or send something to a person is not to ask about them; no operation was found to mean it."""
        to = re.match(r"\s?(?:[가-힣]{2,4}\s?)?(?:님|씨)?(?:한테|에게|께)(?!서|는)", self.request.text[named.end :])
        return bool(to) and self.part.act in {"tell", "do"} and self._is_person(named)

    def _reference_slot(self, named: Named) -> Slot | None:
        return next((slot for slot in self._slot("reference") if named.of(slot.record)), None)

    def _qualifies(self, named: Named, following: Named | None) -> bool:
        """영업1팀 in "영업1팀 김하은 대리" tells which person is meant."""
        if following is None or not self._is_team(named) or not self._is_person(following):
            return False
        return bool(_BELONGS.match(self.request.text[named.end : following.start]))

    def _qualifies_back(self, named: Named, before: Named | None) -> bool:
        """Sales Team 1 in "Kim Haeun of Sales Team 1"."""
        if before is None or not self._is_team(named) or not self._is_person(before):
            return False
        return bool(re.match(r"^\s+(?:of|in|from)\s+$", self.request.text[before.end : named.start]))

    def _is_person(self, named: Named) -> bool:
        return any(slot.person and named.of(slot.record) for slot in self.vocabulary.slots)

    def _is_somebody(self, named: Named) -> bool:
        """A person of the text, whatever parameters the operation has."""
        return any(each.start < named.end and named.start < each.end for each in self.part.of("person"))

    def _is_team(self, named: Named) -> bool:
        person = {slot.record for slot in self.vocabulary.slots if slot.person}
        teams = {slot.record for slot in self.vocabulary.slots if slot.team}
        return (
            bool(person)
            and all(row.record not in person for row in named.rows)
            and (not teams or any(row.record in teams for row in named.rows))
        )

    def _refer(self, slot: Slot, named: Named, *, qualified: bool) -> None:
        rows = tuple({row.id: row for row in named.of(slot.record)}.values())
        taken = rows[0] if len(rows) == 1 else None
        if taken is None:
            own = [row for row in rows if slot.person and row.id == self.request.actor.person_id]
            taken = own[0] if own and not qualified and len(rows) <= TAKEN_AMONG_MAX else None
            self.candidate.several = Several(named, rows, taken)
        if taken is not None:
            self.arguments[slot.name] = taken.id
            if len(rows) > 1 or not self._same_name(named.text, taken.title):
                self._note(
                    f"'{named.text}'을(를) {taken.title}(으)로 이해했어요.",
                    f"I took '{named.text}' to be {taken.title}.",
                )
        else:
            self.arguments[slot.name] = None

    @staticmethod
    def _same_name(written: str, title: str) -> bool:
        bare = re.sub(r"\s|님$|씨$", "", written).lower()
        return (
            title.split(maxsplit=1)[0].lower() in bare
            or bare in re.sub(r"\s", "", title).lower()
            or not re.search(r"[가-힣]", written)
        )

    def _enumerated(self, previous: tuple[Slot, Named], named: Named) -> bool:
        """영업2팀 in "영업1팀과 영업2팀 매출" is a call of its own."""
        slot, before = previous
        rows = named.of(slot.record)
        between = self.request.text[before.end : named.start]
        if len({row.id for row in rows}) != 1 or not _AND.match(between):
            return False
        values = self.candidate.spread.setdefault(slot.name, [])
        values.append(rows[0].id)
        return len(values) < SPREAD_MAX

    # The asker and the asker's team

    def _own(self) -> None:
        for entity in self._entities("unit"):
            slot = next((slot for slot in self._slot("reference") if slot.team), None)
            person_follows = any(
                self._is_person(each) and 0 <= each.start - entity.end <= 1 for each in self.request.named
            )
            if person_follows:
                self._use(entity)
            elif slot is not None and entity.value["unit"] == "team" and self.request.actor.team_id is not None:
                self.arguments[slot.name] = self.request.actor.team_id
                self._use(entity)
        for entity in self._entities("self"):
            slot = next((slot for slot in self._slot("reference") if slot.person), None)
            if slot is not None:
                self.arguments[slot.name] = self.request.actor.person_id
                self._use(entity)
            elif self._self_too(entity) or self._self_goes_without_saying(entity):
                self._use(entity)

    def _self_goes_without_saying(self, entity: Entity) -> bool:
        """A request in one's own name, an operation that speaks of "my" itself, or "my" said twice."""
        people = [
            self.arguments[slot.name] for slot in self.vocabulary.slots if slot.person and slot.name in self.arguments
        ]
        if people:
            return self.request.actor.person_id in people and entity != self.part.of("self")[0]
        return self.vocabulary.operation.effect != "read" or "self" in self.vocabulary.kinds

    def _self_too(self, entity: Entity) -> bool:
        """내 연봉이랑 박서연 팀장 연봉: the asker is one of those asked about."""
        slot = next((slot for slot in self.vocabulary.slots if slot.person and self.arguments.get(slot.name)), None)
        after = next((each for each in self.request.named if each.start >= entity.end), None)
        if slot is None or after is None or not self._and(entity, after):
            return False
        self.candidate.spread.setdefault(slot.name, []).append(self.request.actor.person_id)
        return True

    # Days

    def _dates(self) -> None:
        slots, entities = self._slot("date"), self._entities("date")
        if not entities:
            return
        if not slots:
            for entity in entities:
                if self._is_now(entity):
                    self._use(entity)
            return
        first, *others = entities
        if len(slots) > 1:
            self._period(slots[0], slots[1], first)
            self._further_periods(slots[0], slots[1], first, others)
        else:
            self._one_day(slots[0], first)

    def _span(self, entity: Entity) -> tuple[date, date]:
        """The days meant: an open year is taken back for operations that speak of what is over."""
        value = entity.value
        back = value.get("past")
        if value["assumed"] and back and self.vocabulary.looks_back and self.part.act != "ask":
            value = back
        return date.fromisoformat(value["start"]), date.fromisoformat(value["end"])

    def _period(self, start: Slot, end: Slot, entity: Entity) -> None:
        first, last = self._span(entity)
        if self._not_yet(first):
            return
        days = entity.value["grain"] in {"day", "days"}
        if self.vocabulary.operation.effect != "read" and not days:
            self.candidate.vague = entity
        edge = entity.value["edge"]
        if edge != "until":
            self.arguments[start.name] = first.isoformat()
        if edge == "from" and not days:
            self.arguments[end.name] = max(last, self.request.today).isoformat()
        elif edge != "from":
            self.arguments[end.name] = last.isoformat()
        self._take_date(entity, first, last)

    def _not_yet(self, first: date) -> bool:
        """Days to come, asked of an operation whose examples only look back: it tells what was, not what will be."""
        looks_back = self.vocabulary.operation.effect == "read" and self.vocabulary.looks_back
        return looks_back and first > self.request.today

    def _further_periods(self, start: Slot, end: Slot, first: Entity, others: Sequence[Entity]) -> None:
        """10월과 11월 매출: each period is a call of its own; anything else stays unexplained."""
        before = first
        for entity in others:
            span = self._span(entity)
            if self.vocabulary.operation.effect != "read" or not self._and(before, entity) or self._not_yet(span[0]):
                return
            self.candidate.spread.setdefault(f"{start.name}\n{end.name}", []).append([day.isoformat() for day in span])
            self._use(entity)
            before = entity

    def _and(self, before: Entity, entity: Entity | Named) -> bool:
        """10월과 11월, or 올해 매출이랑 작년 매출: the one word between is said again after."""
        between = self.request.text[before.end : entity.start]
        if _AND.match(between):
            return True
        again = re.match(r"^\s*([가-힣A-Za-z]+?)(?:이랑|랑|과|와|하고|,)\s+$", between)
        following = re.match(r"^\s*([가-힣A-Za-z]+)", self.request.text[entity.end :])
        return bool(again and following and not stems_of(again[1]).isdisjoint(stems_of(following[1])))

    def _one_day(self, slot: Slot, entity: Entity) -> None:
        first, last = self._span(entity)
        if first == last:
            self.arguments[slot.name] = first.isoformat()
        elif self.vocabulary.operation.effect == "read" and any(
            e.value["grain"] == entity.value["grain"] for e in self.vocabulary.dates
        ):
            self.arguments[slot.name] = (
                self.request.today if first <= self.request.today <= last else first
            ).isoformat()
        else:
            return
        self._take_date(entity, first, last)

    def _take_date(self, entity: Entity, first: date, last: date) -> None:
        self._use(entity)
        if entity.value["assumed"] and {first.year, last.year} != {self.request.today.year}:
            days = day_range(first, last, self.request.lang)
            self._note(f"'{entity.text}'은(는) {days}(으)로 이해했어요.", f"I took '{entity.text}' to be {days}.")

    def _is_now(self, entity: Entity) -> bool:
        """An operation without days answers as of now; a period that holds today says nothing else."""
        first, last = self._span(entity)
        return self.vocabulary.operation.effect == "read" and first <= self.request.today <= last

    # Amounts, choices, counts

    def _amounts(self) -> None:
        for slot, entity in zip(self._slot("money"), self._entities("money"), strict=False):
            self.arguments[slot.name] = entity.value["won"]
            self._use(entity)

    def _choices(self) -> None:
        for slot in self._slot("choice"):
            found = self._said_choices(slot)
            if not found:
                self._half_said(slot)
                continue
            value, words = found[0]
            self.arguments[slot.name] = value
            self._use(*words)
            for _, others in found[1:]:
                if all(self._free(word) for word in others):
                    self._leave(" ".join(word.text for word in others))
        self._halves()

    def _halves(self) -> None:
        """오후 in 오후 반차: which half of the day, where the operation keeps no more than half a day."""
        words = [word for word in self._words() if not word.stems.isdisjoint(HALVES)]
        halved = [
            value
            for slot in self.vocabulary.slots_of("choice")
            for value, ways in slot.choices
            if self.arguments.get(slot.name) == value and any(stems & HALF for way in ways for stems in way)
        ]
        if self.vocabulary.operation.effect == "read" or not halved or len(words) != 1:
            return
        if explains(self.vocabulary.known, words[0]):
            return
        self._use(words[0])
        self._note(
            f"'{words[0].text}'은(는) 기록되지 않아요. {halved[0]}(으)로만 올렸어요.",
            f"Which half of the day ('{words[0].text}') is not recorded.",
        )

    def _said_choices(self, slot: Slot) -> list[tuple[Any, list[Word]]]:
        """The values that the text names, the one said in most words first."""
        found: list[tuple[Any, list[Word]]] = []
        for senses in (False, True) if slot.required else (False,):
            for value, ways in slot.choices:
                said = [words for way in ways if (words := self._said(way, senses=senses))]
                if said:
                    found.append((value, max(said, key=lambda words: sum(len(word.text) for word in words))))
            if found:
                break
        return sorted(found, key=lambda each: -sum(len(word.text) for word in each[1]))

    def _said(self, way: Sequence[frozenset[str]], *, senses: bool) -> list[Word]:
        words: list[Word] = []
        for stems in way:
            wanted = stems if senses else frozenset(stem for stem in stems if not stem.startswith("="))
            free = [word for word in self._words() if word not in words]
            hit = next((word for word in free if not wanted.isdisjoint(word.stems | priced(word))), None)
            if hit is None:
                return []
            words.append(hit)
        return words

    def _half_said(self, slot: Slot) -> None:
        """반차 where the values are 오전 반차 and 오후 반차: the planner asks which."""
        for word in self._words():
            if word.passed or word.question:
                continue
            bare = {stem for stem in word.stems if len(stem) > 1 and not stem.endswith("다")}
            fitting = [value for value, _ in slot.choices if any(stem in str(value) and stem != value for stem in bare)]
            if len(fitting) > 1 and len(fitting) < len(slot.choices):
                self.candidate.options[slot.name] = fitting
                self._use(word)
                return
            if len(fitting) == 1 and not explains(self.vocabulary.known, word):
                self.arguments[slot.name] = fitting[0]
                self._use(word)
                return

    def _counts(self) -> None:
        for entity in self._entities("count"):
            number, unit = Decimal(entity.value["number"]), entity.value["unit"]
            if unit in {"일", "개", ""} and number == self._days_filled(default=number if self._open_start() else None):
                self._use(entity)
                continue
            slot = next(iter(self._slot("integer", "decimal")), None)
            if (
                slot is not None
                and unit not in {"일", "년", "월", "%"}
                and number == number.to_integral_value()
                and number > 0
            ):
                self.arguments[slot.name] = int(number)
                self._use(entity)

    def _open_start(self) -> bool:
        """So many days, but from when? The planner asks for the first of them."""
        dates = self.vocabulary.slots_of("date")
        return len(dates) > 1 and dates[0].required and dates[0].name not in self.arguments

    def _days_filled(self, *, default: Decimal | None = None) -> Decimal | None:
        days = [self.arguments[slot.name] for slot in self.vocabulary.slots_of("date") if self.arguments.get(slot.name)]
        if not days:
            return default
        first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
        return Decimal((last - first + timedelta(days=1)).days)

    # Text, what is carried over, the rest

    def _texts(self) -> None:
        self._use(*(word for word in self._words() if self._paid(word)))
        slots = self._slot("text")
        part = self.part
        if self.vocabulary.operation.effect != "read" and any(slot.required for slot in slots):
            things = [each for each in self.request.named if self._free(each) and not self._is_somebody(each)]
            part = part.with_words_of([(each.start, each.end) for each in things])
        own = self.vocabulary.operation.name
        foreign = {stem for name, stems in self.request.foreign.items() for stem in stems if name != own}
        foreign -= self.vocabulary.core | ASKING
        taken = take_texts(self.vocabulary, self.request.text, part, slots, self.used, frozenset(foreign))
        for name, text, spans in taken:
            self.arguments[name] = text
            self.used += spans

    def _carry(self) -> None:
        """What an earlier part of the same request named and this one leaves open."""
        carried = self.request.carried
        own = self.request.named or self.part.of("self", "unit", "person")
        for slot in self._slot("reference"):
            if slot.record in carried and not own and not self._speaks_of_all():
                self.arguments[slot.name] = carried[slot.record].id
                title = carried[slot.record].title
                self._note(f"{title} 기준으로 답했어요.", f"This is about {title}.")
        dates = self._slot("date")
        if len(dates) > 1 and "date" in carried and self.vocabulary.operation.effect == "read":
            self.arguments[dates[0].name], self.arguments[dates[1].name] = carried["date"]

    def _rest(self) -> None:
        """Every entity and word that no argument took must be the operation's own or change nothing."""
        for entity in self.part.entities:
            if entity.kind != "name" and self._free(entity) and not self._within_a_name(entity):
                self._leave(entity.text)
        for named in self.request.named:
            words = words_of(named.text)
            if self._free(named) and not (words and all(explains(self.vocabulary.declared, word) for word in words)):
                self._leave(named.text)
        left = self._words()
        joined = self._joined(left)
        for word in left:
            if not (self._goes(word) or word in joined):
                self._leave(word.text)
        self.candidate.anchored = self._anchored()
        self.candidate.marked = self.vocabulary.marked(self.part.words, self.request.lang)

    def _within_a_name(self, entity: Entity) -> bool:
        if entity.kind == "negation":
            longer = [each for each in self.request.named if each.end - each.start > entity.end - entity.start]
            return any(each.start <= entity.start and entity.end <= each.end for each in longer)
        return any(each.start < entity.end and entity.start < each.end for each in self.request.named)

    def _goes(self, word: Word) -> bool:
        if word.question:
            return word.question in self.vocabulary.questions or explains(self.vocabulary.declared, word)
        if self._of_a_unit(word):
            return False
        if word.passed or self._counts_days(word) or explains(self.vocabulary.known, word) or self._paid(word):
            return True
        return not word.stems.isdisjoint(TOTAL) and self._total_fits(word)

    def _counts_days(self, word: Word) -> bool:
        """몇 일 and, as people say of leave, 몇 개 ask for days; 몇 번 asks for a number that is a name."""
        days = "며칠" in self.vocabulary.known
        if days and "일수" in word.stems:
            return True
        return word.counter and (word.text.startswith("번") or (days and word.text.startswith(("일", "개"))))

    def _of_a_unit(self, word: Word) -> bool:
        """김하은 대리 팀 매출 is not 김하은 대리's, and no argument says so."""
        if word.stems.isdisjoint(UNITS) or not any(slot.team for slot in self.vocabulary.slots):
            return False
        before = [each.end for each in self.request.named if self._is_person(each)]
        before += [entity.end for entity in self.part.of("self")]
        return any(
            re.fullmatch(r"(?:의|'s|’s)?\s*", self.request.text[end : word.start])
            for end in before
            if end <= word.start
        )

    def _paid(self, word: Word) -> bool:
        """An amount that is given was spent: 쓴, 결제한, paid say nothing more."""
        money = any(slot.kind == "money" and slot.name in self.arguments for slot in self.vocabulary.slots)
        return money and not word.stems.isdisjoint(PAYING)

    def _total_fits(self, word: Word) -> bool:
        """전체 fits where nothing narrows the question, or what narrows it is named; it contradicts "missing: me"."""
        narrowing = [slot for slot in self.vocabulary.slots if slot.kind == "reference" and (slot.person or slot.team)]
        filled = any(self.arguments.get(slot.name) is not None for slot in narrowing)
        if not word.stems.isdisjoint(COMPANY) and filled:
            return False
        return filled or not any(slot.default_me for slot in narrowing)

    def _speaks_of_all(self) -> bool:
        return any(not word.stems.isdisjoint(TOTAL) for word in self.part.words)

    def _joined(self, words: Sequence[Word]) -> list[Word]:
        """Neighbours that are one word of the operation, written apart."""
        found: list[Word] = []
        for first, second in pairwise(words):
            both = {first.text.lower() + stem for stem in second.stems if not stem.startswith("=")}
            if both & (self.vocabulary.joined | self.vocabulary.known):
                found += [first, second]
        return found

    def _anchored(self) -> bool:
        taken_choice = any(slot.kind == "choice" and slot.name in self.arguments for slot in self.vocabulary.slots)
        like_example = self.request.closest.get(self.vocabulary.operation.name, 0.0) >= SAME_AS_EXAMPLE
        named = any(self.arguments.get(slot.name) is not None for slot in self.vocabulary.slots_of("reference"))
        return (
            taken_choice
            or (like_example and named)
            or any(
                explains(self.vocabulary.core, word) and not asks(word)
                for word in self.part.words
                if not word.passed and not word.question
            )
        )

    def _missing(self) -> None:
        for slot in self.vocabulary.slots:
            if slot.required and slot.name not in self.arguments:
                if slot.person:
                    self.arguments[slot.name] = self.request.actor.person_id
                    self._note("본인 기준으로 답했어요.", "This is about you.")
                else:
                    self.candidate.missing.append(slot)
            elif slot.name in self.candidate.options:
                self.candidate.missing.append(slot)

    def _note(self, ko: str, en: str) -> None:
        self.candidate.notes.append(fit_josa(ko) if self.request.lang == "ko" else en)
