"""What to do next, without any model? The deterministic planner: fill the operations that fit, ask, or decline.

It claims only what it can account for: an operation is called when every word and entity of the request is explained by
its arguments, by its own vocabulary, or by words that change nothing. Otherwise it asks back or says what it cannot do.
It knows operations by their declarations only; the words of languages are in lexicon.py, the sentences in answers.py.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from daeri.agent import answers
from daeri.agent.addressed import pages_to_read
from daeri.agent.analyzer import Analysis, Entity, Kind, Part, analyze, phrases
from daeri.agent.candidate import Candidate, Request
from daeri.agent.fill import fill, search_for
from daeri.agent.planner import Answer, Call, Choice, Situation
from daeri.agent.rows import Named, resolve, usable
from daeri.agent.selector import Index, index_of
from daeri.agent.tokens import Word
from daeri.agent.vocabulary import explains
from daeri.operations import Operation
from daeri.wording import Lang

FLOOR: Final = 0.16
"""Likeness below this is chance: nothing that the operations say resembles the request."""
CLEARLY_OTHER: Final = 2.5
"""An operation that is so much more alike but not understood tells that the request is about that one."""
TOO_CLOSE: Final = 0.94
"""Two understood operations closer than this are asked about, unless the request is much like an example of one."""
UNSURE: Final = 0.75
"""The same, for an operation whose usual words the request does not say."""
SURE: Final = 0.45
NAMED_ACT: Final = 0.75
"""A bare naming ("다음 주 목금 연차") may be a request to act when that is nearly as likely as a question."""
TRIED_MAX: Final = 12
MUCH_SURER: Final = 0.5
"""How sure a search must be of what it finds where another operation speaks of the same and was not understood."""


WHO: Final[frozenset[Kind]] = frozenset({"person", "self", "unit"})
"""Kinds of entities that stand for one another in a follow-up."""
HELP: Final = frozenset({"도움", "도움말", "사용법", "기능", "예시", "예", "테스트", "help", "usage", "test"})
"""Words of asking what can be asked."""


@dataclass(frozen=True, slots=True)
class Understood:
    """One part of the request: the operation to call, or why not.

    Attributes:
        about: the operation that the problem asks about.
        turned: the part says that something is not to be done, or done already.
        beside: a search that answers the part too, from what is written about it.
        alike: some operation speaks of the same, though it was not understood.
        sought: it asks what is written somewhere, and nothing good enough was found.
    """

    part: Part
    candidate: Candidate | None
    problem: Answer | None
    named: tuple[Named, ...] = ()
    about: Candidate | None = None
    turned: bool = False
    beside: Candidate | None = None
    alike: bool = False
    sought: bool = False

    @property
    def candidates(self) -> list[Candidate]:
        """What is called for this part."""
        return [each for each in (self.candidate, self.beside) if each is not None]

    @property
    def acts(self) -> Candidate | None:
        """What would be changed by this part, asked for plainly or not."""
        meant = self.candidate or self.about
        return meant if meant is not None and meant.vocabulary.operation.effect != "read" else None


class Keyless:
    """The planner that needs no model, no key and no network."""

    name = "keyless"
    waits = False

    async def condense(self, situation: Situation) -> None:
        """Leave the conversation as it is: this planner looks at its last turns only."""

    async def next(self, situation: Situation) -> Sequence[Call] | Answer:
        """Plan at the first turn; tell what came of it at the second."""
        if situation.happened:
            return answers.told(situation, {operation.name: operation for operation in situation.tools})
        return await self._first(situation)

    async def _first(self, situation: Situation) -> Sequence[Call] | Answer:
        text = _picked(situation) or situation.analysis.text
        analysis = (
            analyze(text, situation.analysis.today, situation.lang) if text != situation.input else situation.analysis
        )
        pages = pages_to_read(situation, analysis)
        if pages:
            return pages
        decided = await self._decide(situation, analysis)
        if isinstance(decided, Answer) and situation.history:
            for joined in _with_history(situation, analysis):
                read = analyze(joined, analysis.today, situation.lang)
                again = await self._decide(situation, read)
                if not isinstance(again, Answer):
                    return await self._unless_new(situation, analysis, joined, again)
        return decided

    async def _unless_new(
        self, situation: Situation, fragment: Analysis, joined: str, calls: Sequence[Call]
    ) -> Sequence[Call] | Answer:
        """A fragment may complete a request to act that was asked back about; a further one it only proposes."""
        called = {call.operation for call in calls}
        acting = [each for each in situation.tools if each.effect != "read" and each.name in called]
        if not acting:
            return calls
        before, plan = situation.history[-1].input, dict(situation.plan)
        earlier = await self._decide(situation, analyze(before, fragment.today, situation.lang))
        situation.plan.clear()
        situation.plan.update(plan)
        if isinstance(earlier, Answer) and earlier.kind == "question" and "?" not in fragment.text:
            return calls
        return answers.as_well(acting, joined, situation.lang)

    async def _decide(self, situation: Situation, analysis: Analysis) -> Sequence[Call] | Answer:
        understood = await self._understand(situation, analysis)
        if len(understood) > 1 and any(each.candidate is None for each in understood):
            whole = await self._understand(
                situation, analyze(analysis.text, analysis.today, situation.lang, split=False)
            )
            understood = whole if _one_request(whole[0], understood) else understood
        understood = [await self._searched(situation, each) for each in understood]
        good = [each for each in understood if each.candidate is not None]
        bad = [each for each in understood if each.candidate is None]
        held = _held_back(understood, bad, situation.lang)
        if held is not None:
            return held
        if not good:
            return next((each.problem for each in bad if each.problem), answers.declined([], (), situation.lang))
        if bad:
            acts = any(each.candidate and each.candidate.vocabulary.operation.effect != "read" for each in good)
            if acts:
                rest = " ".join(each.part.text for each in good)
                return answers.partly(rest, " ".join(each.part.text for each in bad), situation.lang)
            situation.plan["left"] = "\n".join(_left_open(each, situation.lang) for each in bad)
        candidates = [candidate for each in good for candidate in each.candidates]
        situation.plan["choices"] = [
            {"label": choice.label, "input": choice.input}
            for choice in (
                *_alternatives(candidates, analysis.text),
                *(one for each in bad if each.problem for one in each.problem.choices),
            )
        ]
        return [call for candidate in candidates for call in _calls(candidate)]

    async def _searched(self, situation: Situation, understood: Understood) -> Understood:
        """Let a search answer what no operation does, and quote what is written about what one does.

        A search is called where it would find something good enough, which is asked first. Where the part names
        neither a text ("규정", "manual") nor nothing that other operations speak of, it must be the surer.
        """
        part = understood.part
        chosen = understood.candidate
        if (chosen is not None and chosen.vocabulary.operation.effect != "read") or not _may_search(understood):
            return understood
        vocabularies = index_of(situation.tools).vocabularies
        for operation in situation.tools:
            if not operation.signature.searched:
                continue
            candidate = search_for(vocabularies[operation.name], part)
            if chosen is not None and not candidate.anchored:
                continue
            sure = await situation.would_find(operation.name, candidate.arguments)
            if sure <= (0.0 if candidate.anchored or not understood.alike else MUCH_SURER):
                if chosen is None and candidate.anchored:
                    said = answers.not_written(situation.tools, situation.lang)
                    understood = replace(understood, problem=said, sought=True)
                continue
            if chosen is not None:
                return replace(understood, beside=candidate)
            return Understood(part, candidate, None, understood.named, about=candidate)
        return understood

    async def _understand(self, situation: Situation, analysis: Analysis) -> list[Understood]:
        index = index_of(situation.tools)
        looked_for = [phrases(part) for part in analysis.parts]
        everything = list(dict.fromkeys(phrase for spans in looked_for for phrase in spans))
        slots = [slot for vocabulary in index.vocabularies.values() for slot in vocabulary.slots]
        foreign = {
            name: each.declared | each.marks(korean=True) | each.marks(korean=False)
            for name, each in index.vocabularies.items()
            if each.operation.effect != "read"
        }
        found = usable(await situation.find_mentions(everything) if everything else [], slots)
        understood: list[Understood] = []
        carried: dict[str, Any] = {}
        for part, spans in zip(analysis.parts, looked_for, strict=True):
            named = resolve(spans, found, analysis.text)
            apart = part.apart_from([(each.start, each.end) for each in named])
            request = Request(
                apart,
                analysis.text,
                situation.lang,
                analysis.today,
                situation.actor,
                named,
                dict(carried),
                foreign=foreign,
            )
            each = _one(request, index, situation.tools)
            understood.append(each)
            _carry_on(carried, each)
        return understood


def _may_search(understood: Understood) -> bool:
    """Whether a part may be looked up: an answer may stand beside it, or there is none and nothing is asked back."""
    if understood.candidate is not None:
        return True
    declined = understood.problem is None or understood.problem.kind == "decline"
    return declined and not understood.turned and understood.part.act != "do"


def _one_request(whole: Understood, parts: Sequence[Understood]) -> bool:
    """A text cut in two ("모니터를 사고 싶어, 품의 올려줘") is one request if all of it fills one and the same call."""
    if whole.candidate is None:
        return False
    name = whole.candidate.vocabulary.operation.name
    cut = [each.candidate for each in parts if each.candidate is not None]
    return all(each.vocabulary.operation.name == name for each in cut) and (
        bool(cut) or whole.candidate.vocabulary.operation.effect != "read"
    )


def _held_back(understood: Sequence[Understood], bad: Sequence[Understood], lang: Lang) -> Answer | None:
    """Nothing is changed where a part turns it round, where more is told than asked for, or where one must be asked."""
    acts = [(each.part.text, each.acts) for each in understood if each.acts is not None]
    turned = [each for each in bad if each.turned or each.part.of("negation")]
    if turned and acts:
        said = [entity.text for each in turned for entity in each.part.of("negation")] or [turned[0].part.text]
        return answers.unclear(said, lang)
    if len(understood) == 1 or not acts or not bad:
        return None
    told = [each for each in bad if each.acts is not None and each.part.act == "name"]
    if told and len(acts) > 1:
        return answers.several_acts([(text, candidate) for text, candidate in acts if candidate], lang)
    asked = next((each.problem for each in bad if each.problem and each.acts and each.problem.kind == "question"), None)
    return answers.nothing_yet(asked, lang) if asked is not None else None


def _left_open(part: Understood, lang: Lang) -> str:
    """What to tell of a part that is not answered: the question back, or that it was not understood."""
    if part.problem is not None and (part.turned or part.sought or part.problem.kind == "question"):
        return part.problem.text
    return answers.left_out(part.part.text, lang)


def _one(request: Request, index: Index, tools: Sequence[Operation]) -> Understood:
    """Choose the operation for one part, or say why there is none."""
    part, lang = request.part, request.lang
    problem = _unreadable(request) or _greeted(request, tools)
    if problem is not None:
        return Understood(part, None, problem)
    tools = [operation for operation in tools if not operation.signature.searched]
    scores, closest = index.likeness(part)
    request = replace(request, closest=closest)
    ranked = sorted(tools, key=lambda operation: (-scores[operation.name], operation.name))[:TRIED_MAX]
    candidates = [fill(index.vocabularies[operation.name], request, scores[operation.name]) for operation in ranked]
    turned = _turned_round(request, candidates)
    if turned is not None:
        return Understood(part, None, turned, turned=True)
    allowed = [candidate for candidate in candidates if _fits_act(candidate, part)]
    understood = [each for each in allowed if each.understood and each.score >= FLOOR]
    if not understood:
        several = _of_several(allowed, part)
        if several:
            return Understood(part, None, answers.one_by_one(several, lang))
        alike = any(each.score >= FLOOR and each.anchored for each in candidates)
        return Understood(part, None, _not_understood(request, candidates, allowed, ranked), alike=alike)
    best = _best(understood, part)
    if isinstance(best, list):
        return Understood(part, None, answers.which_operation(best, request.text, lang))
    clearer = next((each for each in allowed if each.score > best.score * CLEARLY_OTHER), None)
    if clearer is not None and not clearer.understood:
        said = answers.declined(_stretches(clearer.unknown, request.text), _near(clearer, ranked), lang)
        return Understood(part, None, said, alike=True)
    asked = _ask(best, request)
    return Understood(part, best if asked is None else None, asked, tuple(request.named), about=best)


def _best(understood: Sequence[Candidate], part: Part) -> Candidate | list[Candidate]:
    """The candidate that fits best, or those between which only the asker can choose."""
    top = _top(understood)
    acting = [each for each in understood if each.vocabulary.operation.effect != "read"]
    acting = [each for each in acting if each.weight * CLEARLY_OTHER >= top]
    if acting and (part.act == "do" or (part.act == "name" and max(each.weight for each in acting) > NAMED_ACT * top)):
        understood = acting
    ranked = sorted(understood, key=lambda each: -each.weight)
    best = ranked[0]
    if best.score >= SURE and best.marked == 1.0:
        return best
    share = TOO_CLOSE if best.marked == 1.0 else UNSURE
    close = [each for each in ranked[1:] if each.complete and each.weight > best.weight * share]
    rivals = [each for each in close if each.marked >= best.marked]
    return [best, *rivals[:2]] if rivals else best


def _top(candidates: Sequence[Candidate]) -> float:
    return max(each.weight for each in candidates)


def _turned_round(request: Request, candidates: Sequence[Candidate]) -> Answer | None:
    """A statement that something is not to be done, or is done already: not a request, whatever else it says."""
    part = request.part
    negations = [each for each in part.of("negation") if not _named_so(each, request)]
    wondered = part.act == "tell" or "?" in part.text or any(word.question for word in part.words)
    if not negations or wondered:
        return None
    alike = sorted((each for each in candidates if each.score >= FLOOR and each.anchored), key=lambda each: -each.score)
    if any(each.understood for each in alike):
        return None
    changing = [each for each in alike if each.vocabulary.operation.effect != "read"]
    if alike and (not changing or changing[0].score < alike[0].score * NAMED_ACT):
        return None
    plain = len(changing) == 1 or (changing and changing[1].score < changing[0].score * NAMED_ACT)
    meant = changing[0] if plain else None
    said, last = [each.text for each in negations], negations[-1]
    after = request.text[last.end : part.end]
    if last.value["sort"] == "not" and part.act == "do" and re.search(r"\w", after if request.lang == "ko" else ""):
        return answers.unclear(said, request.lang)
    past = all(each.value["sort"] == "past" for each in negations)
    return answers.not_done(said, meant, request.lang, past=past)


def _named_so(entity: Entity, request: Request) -> bool:
    return any(each.start <= entity.start and entity.end < each.end for each in request.named)


def _of_several(candidates: Sequence[Candidate], part: Part) -> list[Candidate]:
    """Two operations that change something, each with a word in the request that the other does not know."""
    changing = [each for each in candidates if each.vocabulary.operation.effect != "read"]
    acting = sorted((each for each in changing if each.anchored and each.score >= FLOOR), key=lambda each: -each.score)
    pairs = ((first, other) for at, first in enumerate(acting) for other in acting[at + 1 :])
    return next(([a, b] for a, b in pairs if _own_word(a, b, part) and _own_word(b, a, part)), [])


def _own_word(candidate: Candidate, other: Candidate, part: Part) -> bool:
    return any(
        not word.passed and explains(candidate.vocabulary.declared, word) and not explains(other.vocabulary.known, word)
        for word in part.words
    )


def _ask(candidate: Candidate, request: Request) -> Answer | None:
    """What must be asked before the operation can be called."""
    if candidate.several is not None and (
        candidate.several.taken is None or candidate.vocabulary.operation.effect != "read"
    ):
        return answers.which_row(candidate.several, request.text, request.lang)
    if candidate.missing or candidate.vague:
        return answers.missing(candidate, request.text, request.lang)
    if request.part.act == "name" and candidate.vocabulary.operation.effect != "read":
        return answers.shall_i(candidate, request.text, request.lang)
    return None


def _unreadable(request: Request) -> Answer | None:
    """A day that no calendar has, or a person whom nobody can find."""
    wrong = request.part.of("impossible_date")
    if wrong:
        return answers.impossible(wrong[0].text, request.lang)
    for entity in request.part.of("person"):
        if not any(each.start < entity.end and entity.start < each.end for each in request.named):
            return answers.not_found(entity.text, request.lang)
    return None


def _greeted(request: Request, tools: Sequence[Operation]) -> Answer | None:
    """A greeting or a cry for help: tell what can be asked."""
    part = request.part
    said = [word for word in part.words if not word.passed and word.stems.isdisjoint(HELP)]
    if said or part.entities or request.named or any(word.question for word in part.words):
        return None
    return answers.greeting(tools, request.lang)


def _fits_act(candidate: Candidate, part: Part) -> bool:
    """Only a request to act, or a bare naming, may change anything."""
    return candidate.vocabulary.operation.effect == "read" or part.act in {"do", "name"}


def _not_understood(
    request: Request, candidates: Sequence[Candidate], allowed: Sequence[Candidate], ranked: Sequence[Operation]
) -> Answer:
    """The most alike operation tells what was not understood; with nothing alike, what can be asked at all."""
    alike = [each for each in allowed if each.score >= FLOOR and each.anchored] or [
        each for each in candidates if each.score >= FLOOR and each.anchored
    ]
    if not alike:
        strange = [
            word.text
            for word in _content(request)
            if not any(explains(each.vocabulary.known, word) for each in candidates)
        ]
        return answers.declined(_stretches(strange, request.text), ranked, request.lang)
    best = max(alike, key=lambda each: each.score - 0.05 * len(each.unknown))
    return answers.declined(_stretches(best.unknown, request.text), _near(best, ranked), request.lang)


def _content(request: Request) -> list[Word]:
    """The words of a part that carry meaning."""
    return [word for word in request.part.words if not word.passed and not word.question]


def _near(best: Candidate, ranked: Sequence[Operation]) -> list[Operation]:
    own = best.vocabulary.operation
    return [own, *(operation for operation in ranked if operation is not own)]


def _stretches(unknown: Sequence[str], text: str) -> list[str]:
    """Neighbouring words that were not understood, told as one stretch."""
    found: list[str] = []
    for piece in sorted(unknown, key=text.find):
        joined = f"{found[-1]} {piece}" if found else ""
        if joined and joined in text:
            found[-1] = joined
        else:
            found.append(piece)
    return found


def _calls(candidate: Candidate) -> list[Call]:
    """The call, and one more for each further value of an enumeration."""
    arguments = {name: value for name, value in candidate.arguments.items() if value is not None}
    note = " ".join(dict.fromkeys(candidate.notes))
    name = candidate.vocabulary.operation.name
    calls = [Call(name, arguments, note)]
    for slots, values in candidate.spread.items():
        names = slots.split("\n")
        for value in values:
            given = value if len(names) > 1 else [value]
            calls.append(Call(name, arguments | dict(zip(names, given, strict=True)), note))
    return calls


def _alternatives(candidates: Sequence[Candidate], text: str) -> list[Choice]:
    """Who else a name could have meant, where the planner took one; not where asking again would act again."""
    if any(each.vocabulary.operation.effect != "read" for each in candidates):
        return []
    taken = [each.several for each in candidates if each.several is not None and each.several.taken is not None]
    return [
        choice
        for several in taken
        for choice in answers.row_choices(several, text, without=several.taken.id if several.taken else None)
    ]


def _carry_on(carried: dict[str, Any], understood: Understood) -> None:
    """What a part names holds for the next parts that leave it open."""
    if understood.candidate is not None:
        for slot in understood.candidate.vocabulary.slots_of("reference"):
            rows = [row for named in understood.named for row in named.of(slot.record)]
            taken = [row for row in rows if row.id == understood.candidate.arguments.get(slot.name)]
            carried.update((slot.record, row) for row in taken)
        dates = understood.candidate.vocabulary.slots_of("date")
        values = [understood.candidate.arguments.get(slot.name) for slot in dates]
        if len(values) > 1 and all(values[:2]):
            carried["date"] = values[:2]


def _picked(situation: Situation) -> str | None:
    """The request behind a choice of the last answer, where the asker names it by its label or number."""
    if not situation.history or not situation.history[-1].choices:
        return None
    choices = situation.history[-1].choices
    said = re.sub(r"[\s.!?]|(?:이요|요|으로|로|이야|님|번)$", "", situation.input).lower()
    if said.isdecimal() and 1 <= int(said) <= len(choices):
        return choices[int(said) - 1].input
    return next((each.input for each in choices if re.sub(r"\s", "", each.label).lower() == said), None)


def _with_history(situation: Situation, analysis: Analysis) -> list[str]:
    """A fragment ("그럼 박서연 팀장은?") read as a change of the request before it, or as an addition to it."""
    before = situation.history[-1].input
    fragment = re.sub(
        r"^(?:그럼|그러면|그리고|또|and|then|what about|how about)\s+", "", analysis.text, flags=re.IGNORECASE
    )
    fragment = fragment.rstrip("?？. ")
    longer = len(fragment.split()) > 6  # noqa: PLR2004 - longer than this it is a request of its own
    if longer or any(entity.kind == "negation" for entity in analysis.entities):
        return []
    earlier = analyze(before, analysis.today, situation.lang)
    bare = re.sub(r"(?:은|는|이요|요|로|으로|도)$", "", fragment) if len(fragment) > 2 else fragment  # noqa: PLR2004
    kinds = {mine.kind for mine in analysis.entities}
    kinds |= WHO if kinds & WHO else set()
    changed = [
        f"{before[: entity.start]}{bare}{before[entity.end :]}" for entity in earlier.entities if entity.kind in kinds
    ]
    return [*changed, f"{before} {bare}", f"{bare} {before}"]
