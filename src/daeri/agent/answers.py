"""How does the keyless planner word what it asks, declines and tells? Sentences only; what to say is decided elsewhere.

An answer repeats what the operation said of its own result. Nothing is added to it but the assumptions made on the way.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from daeri.agent.candidate import Candidate
from daeri.agent.planner import Answer, Choice, Declined, Happened, Situation, Waits
from daeri.agent.rows import Several
from daeri.agent.vocabulary import Slot
from daeri.operations import Operation
from daeri.operations.outcome import Done
from daeri.records.keys import Id
from daeri.wording import Lang, Text, fit_josa

CHOICES_MAX: Final = 6
EXAMPLES_MAX: Final = 3
FIELDS_MAX: Final = 8
_ASKS_EN: Final = re.compile(r"(?:please|book|request|file|submit|take|claim|expense|buy|order)\b", re.IGNORECASE)

_STATUS: Final[Mapping[str, Text]] = {
    "rejected": Text("{by}님이 반려해서 처리하지 않았어요.", "{by} rejected it; nothing was changed."),
    "withdrawn": Text("{by}님이 회수해서 처리하지 않았어요.", "{by} withdrew it; nothing was changed."),
    "apply_failed": Text("승인됐지만 반영하지 못했어요.", "It was approved but could not be carried out."),
}


def told(situation: Situation, operations: Mapping[str, Operation]) -> Answer:
    """What came of all calls, in their order, with the assumptions and what was left out."""
    lang = situation.lang
    lines: list[str] = []
    declined = 0
    cited = 0
    for happened in situation.happened:
        sources = len(happened.outcome.sources) if isinstance(happened.outcome, Done) else 0
        mark = f"[{cited + 1}]" if sources else ""
        cited += sources
        lines.append(outcome_in_words(happened, operations, lang) + mark)
        declined += isinstance(happened.outcome, Declined)
        if happened.call.note and isinstance(happened.outcome, Done | Waits):
            lines.append(f"({happened.call.note})")
    left = situation.plan.get("left")
    if left:
        lines.append(left)
    choices = tuple(Choice(each["label"], each["input"]) for each in situation.plan.get("choices", ()))
    all_declined = declined == len(situation.happened)
    return Answer("\n".join(dict.fromkeys(lines)), choices, "decline" if all_declined else "answer")


def which_row(several: Several, request: str, lang: Lang) -> Answer:
    """Ask which of several rows a name means."""
    shown = several.rows[:CHOICES_MAX]
    names = ", ".join(row.title for row in shown)
    more = len(several.rows) - len(shown)
    name = several.named.text
    if lang == "ko":
        tail = f" 외 {more}명" if more else ""
        text = fit_josa(f"'{name}'에 해당하는 대상이 여럿이에요: {names}{tail}. 누구를 말씀하시는지 골라 주세요.")
    else:
        tail = f" and {more} more" if more else ""
        text = f"Several match '{name}': {names}{tail}. Which one do you mean?"
    return Answer(text, row_choices(several, request, without=None), "question")


def row_choices(several: Several, request: str, *, without: Id | None) -> tuple[Choice, ...]:
    """The other rows a name fits, each with the whole request about it."""
    start, end = several.named.start, several.named.end
    rows = [row for row in several.rows if row.id != without][:CHOICES_MAX]
    return tuple(Choice(row.title, f"{request[:start]}{row.title}{request[end:]}") for row in rows)


def not_found(name: str, lang: Lang) -> Answer:
    """A person whom the asker cannot see or who does not exist: both answer alike."""
    ko = f"'{name}'에 해당하는 사람을 찾지 못했어요. 이름이나 직급을 확인해 주세요."
    return Answer(ko if lang == "ko" else f"I cannot find '{name}'. Please check the name or rank.", (), "question")


def impossible(date: str, lang: Lang) -> Answer:
    """A day that no calendar has."""
    ko = fit_josa(f"'{date}'은(는) 달력에 없는 날짜예요. 날짜를 다시 알려 주세요.")
    return Answer(
        ko if lang == "ko" else f"There is no such day as '{date}'. Please give the date again.", (), "question"
    )


def missing(candidate: Candidate, request: str, lang: Lang) -> Answer:
    """Ask for what a required parameter needs; offer the values where there are few."""
    operation = candidate.vocabulary.operation
    label = operation.label.to(lang)
    if candidate.vague is not None:
        ko = fit_josa(f"'{candidate.vague.text}' 중 어느 날인지 알려 주세요. 예: 다음 주 목요일, 12월 1일부터 3일까지")
        en = f"Which days of '{candidate.vague.text}' do you mean? For example: next Thursday, from Dec 1 to Dec 3."
        return Answer(f"{label}: {ko}" if lang == "ko" else f"{label}: {en}", (), "question")
    names = [slot.label_ko if lang == "ko" else slot.label_en for slot in candidate.missing]
    listed = ", ".join(f"'{name}'" for name in names)
    if lang == "ko":
        text = fit_josa(f"{label}을(를) 하려면 {listed}이(가) 필요해요. {_example_of(candidate.missing, lang)}")
    else:
        text = f"For '{label}' I also need: {listed}. {_example_of(candidate.missing, lang)}"
    return Answer(text.strip(), _slot_choices(candidate, request), "question")


def which_operation(candidates: Sequence[Candidate], request: str, lang: Lang) -> Answer:
    """Ask which of several things is meant."""
    labels = [candidate.vocabulary.operation.label.to(lang) for candidate in candidates]
    listed = ", ".join(f"'{label}'" for label in labels)
    ko = f"{listed} 중 어느 것을 말씀하시나요?"
    text = ko if lang == "ko" else f"Do you mean {' or '.join(repr(label) for label in labels)}?"
    choices = tuple(Choice(label, f"{request} ({label})") for label in labels)
    return Answer(text, choices, "question")


def shall_i(candidate: Candidate, request: str, lang: Lang) -> Answer:
    """A bare naming that could be a request to act: ask before acting."""
    label = candidate.vocabulary.operation.label.to(lang)
    ko = fit_josa(f"'{label}'을(를) 올릴까요?")
    request = f"{request} 신청해줘" if lang == "ko" else f"Please request: {request}"
    return Answer(ko if lang == "ko" else f"Shall I file '{label}'?", (Choice(label, request),), "question")


def as_well(operations: Sequence[Operation], request: str, lang: Lang) -> Answer:
    """A fragment after a request that was carried out: propose the like of it, never do it by itself."""
    labels = ", ".join(f"'{operation.label.to(lang)}'" for operation in operations)
    ko = fit_josa(f"{labels}을(를) 새로 올릴까요? 이렇게 이해했어요: {request}")
    en = f"Shall I file another {labels}? I understood: {request}"
    return Answer(ko if lang == "ko" else en, (Choice(request, request),), "question")


def declined(unknown: Sequence[str], near: Sequence[Operation], lang: Lang) -> Answer:
    """Say what was not understood, and what this person could ask instead."""
    examples = _examples(near, lang)
    said = ", ".join(f"'{text}'" for text in unknown)
    if lang == "ko":
        first = (
            f"{said} 부분을 정확히 이해하지 못해서 답하지 않을게요."
            if unknown
            else "제가 할 수 있는 일 가운데 이 요청에 맞는 것을 찾지 못했어요."
        )
        then = f" 이렇게 물어보실 수 있어요: {' / '.join(examples)}" if examples else ""
    else:
        first = (
            f"I cannot answer this: I do not understand {said} here."
            if unknown
            else "I found nothing among what I can do that fits this."
        )
        then = f" You could ask: {' / '.join(examples)}" if examples else ""
    return Answer(first + then, tuple(Choice(example, example) for example in examples), "decline")


def not_written(operations: Sequence[Operation], lang: Lang) -> Answer:
    """A question about what is written somewhere, of which nothing good enough was found."""
    examples = _examples(operations, lang)
    listed = " / ".join(examples)
    ko = f"볼 수 있는 문서에서 이 질문에 충분히 맞는 내용을 찾지 못했어요. 이렇게 물어보실 수 있어요: {listed}"
    en = f"I found nothing good enough for this in the documents that you may see. You could ask: {listed}"
    return Answer(ko if lang == "ko" else en, tuple(Choice(example, example) for example in examples), "decline")


def greeting(operations: Sequence[Operation], lang: Lang) -> Answer:
    """Answer a greeting, or "what can you do?", with requests that this person can make."""
    examples = _examples(operations, lang)
    listed = " / ".join(examples)
    ko = f"무엇을 도와드릴까요? 이렇게 물어보실 수 있어요: {listed}"
    en = f"What can I do for you? You could ask: {listed}"
    return Answer(ko if lang == "ko" else en, tuple(Choice(example, example) for example in examples), "question")


def not_done(said: Sequence[str], candidate: Candidate | None, lang: Lang, *, past: bool) -> Answer:
    """A request that is turned round ("신청 안 할래", "already filed"): nothing is done, nor offered."""
    quoted = ", ".join(f"'{text}'" for text in said)
    label = candidate.vocabulary.operation.label.to(lang) if candidate else ""
    given = [each.text for each in candidate.part.of("date", "money", "count", "quote")] if candidate else []
    about = f"{label} ({', '.join(given)})" if given else label
    if lang == "ko":
        meant = "이미 하신 일로" if past else "하지 않겠다는 뜻으로"
        text = f"{quoted}(이)라고 하셔서 {meant} 이해했고, 아무것도 하지 않았어요."
        seen = f" 무엇에 대한 말씀인지는 이렇게 보았어요: {about}." if about else ""
        return Answer(f"{text}{seen} 지금 하시려는 것이라면 그 내용만 다시 말씀해 주세요.", (), "decline")
    meant = "it is already done" if past else "it is not to be done"
    text = f"I have done nothing: you said {quoted}, which I took to mean that {meant}."
    seen = f" It seemed to be about: {about}." if about else ""
    return Answer(f"{text}{seen} If you do want it now, please ask for just that.", (), "decline")


def unclear(said: Sequence[str], lang: Lang) -> Answer:
    """A request to act with a "not" in it ("A 말고 B 올려줘"): what of it is wanted is not guessed."""
    quoted = ", ".join(f"'{text}'" for text in said)
    ko = f"{quoted}(이)라는 말이 함께 있어서 아무것도 하지 않았어요. 하시려는 일만 다시 말씀해 주세요."
    en = f"I have done nothing, because the request also says {quoted}. Please ask for just what you want done."
    return Answer(ko if lang == "ko" else en, (), "decline")


def several_acts(parts: Sequence[tuple[str, Candidate]], lang: Lang) -> Answer:
    """Several things to do are said in one sentence, and not all are plainly asked for: ask which."""
    labels = [candidate.vocabulary.operation.label.to(lang) for _, candidate in parts]
    asked = [_asked_for(text, lang) for text, _ in parts]
    listed = ", ".join(f"{label} ('{text}')" for (text, _), label in zip(parts, labels, strict=True))
    ko = f"아직 아무것도 하지 않았어요. 이렇게 이해했어요: {listed}. 어느 것을 할까요?"
    en = f"I have done nothing yet. I understood: {listed}. Which of them shall I do?"
    choices = [Choice(label, text) for label, text in zip(labels, asked, strict=True)]
    both = Choice("모두", ". 그리고 ".join(asked)) if lang == "ko" else Choice("All of them", ". ".join(asked))
    return Answer(ko if lang == "ko" else en, (*choices, both), "question")


def one_by_one(candidates: Sequence[Candidate], lang: Lang) -> Answer:
    """Words of several operations in one request that none can carry out alone."""
    listed = ", ".join(f"'{candidate.vocabulary.operation.label.to(lang)}'" for candidate in candidates)
    ko = f"한 문장에 여러 일({listed})이 함께 있어서 아직 아무것도 하지 않았어요. 하나씩 따로 말씀해 주세요."
    en = f"This speaks of several things ({listed}), so I have done nothing yet. Please ask for one at a time."
    return Answer(ko if lang == "ko" else en, (), "question")


def nothing_yet(asked: Answer, lang: Lang) -> Answer:
    """A question about one of several things to do; the others wait for it."""
    first = "아직 아무것도 하지 않았어요." if lang == "ko" else "I have done nothing yet."
    return Answer(f"{first} {asked.text}", asked.choices, asked.kind)


def _asked_for(text: str, lang: Lang) -> str:
    """What was told ("오늘 반차 쓰고") as a request."""
    if lang == "ko":
        bare = re.sub(r"\s*(?:쓰고|사고|쉬고|사용하고|결제하고|지출하고|타고|먹고),?$", "", text)
        return f"{bare} 신청해줘" if bare != text else text
    return text if _ASKS_EN.match(text) else f"Please request: {text}"


def partly(good: str, bad: str, lang: Lang) -> Answer:
    """Part of a request to act is not understood: do nothing, offer to do the rest."""
    ko = f"'{bad}' 부분을 이해하지 못해서 아직 아무것도 하지 않았어요. '{good}'만 할까요?"
    en = f"I do not understand '{bad}', so I have done nothing yet. Shall I do only this: '{good}'?"
    return Answer(ko if lang == "ko" else en, (Choice(good, good),), "question")


def left_out(text: str, lang: Lang) -> str:
    """The sentence that tells which part of a question stays unanswered."""
    return (
        f"'{text}' 부분은 이해하지 못해서 답하지 않았어요."
        if lang == "ko"
        else f"I did not understand '{text}', so that part is unanswered."
    )


def outcome_in_words(happened: Happened, operations: Mapping[str, Operation], lang: Lang) -> str:
    """Tell what came of one call, in the operation's own words where it has some."""
    operation = operations.get(happened.call.operation)
    label = operation.label.to(lang) if operation else happened.call.operation
    outcome = happened.outcome
    if isinstance(outcome, Done):
        said = outcome.say or _fields(label, outcome.result, lang)
        if not happened.settled_by:
            return said
        by = happened.settled_by
        return f"{by}님이 승인해서 반영했어요. {said}" if lang == "ko" else f"Approved by {by} and carried out. {said}"
    if isinstance(outcome, Waits):
        return _filed(label, outcome.body, lang)
    return _refusal(label, outcome, lang)


def _refusal(label: str, outcome: Declined, lang: Lang) -> str:
    detail = str(outcome.problem.get("detail", "")) if outcome.problem else ""
    if outcome.status in _STATUS:
        text = f"{label}: {_STATUS[outcome.status].to(lang).format(by=outcome.by)}"
        if outcome.comment:
            text += f" 의견: “{outcome.comment}”" if lang == "ko" else f" Comment: “{outcome.comment}”"
        return f"{text} {detail}".strip()
    fields = "; ".join(str(error.get("detail", "")) for error in (outcome.problem or {}).get("errors", ()))
    said = detail or (outcome.problem or {}).get("title", "")
    return f"{said} ({fields})" if fields and fields != said else str(said)


def _filed(label: str, body: Mapping[str, Any], lang: Lang) -> str:
    changes = ", ".join(
        f"{each['label']} {each['before']} → {each['after']}"
        for call in (body, *body.get("bundled", ()))
        for each in call.get("preview", ())
    )
    line = " → ".join(_called(step["person"]) for step in body.get("line", ()))
    because = body.get("because") or ""
    if lang == "ko":
        text = fit_josa(f"{label}을(를) 결재로 올렸어요.")
        return " ".join(filter(None, [text, changes and f"승인되면: {changes}.", line and f"결재선: {line}.", because]))
    text = f"Filed for approval: {label}."
    return " ".join(filter(None, [text, changes and f"If approved: {changes}.", line and f"Line: {line}.", because]))


def _called(person: Mapping[str, Any]) -> str:
    return f"{person['name']} {person.get('title') or person.get('rank') or ''}".strip()


def _fields(label: str, result: Mapping[str, Any], lang: Lang) -> str:
    rows = result.get("rows")
    if isinstance(rows, list):
        return f"{label}: {len(rows)}건" if lang == "ko" else f"{label}: {len(rows)} rows"
    plain = [f"{key}: {value}" for key, value in result.items() if isinstance(value, str | int | float)][:FIELDS_MAX]
    return f"{label}: {', '.join(plain)}" if plain else label


def _slot_choices(candidate: Candidate, request: str) -> tuple[Choice, ...]:
    """One missing choice can be given by pressing it."""
    if len(candidate.missing) != 1 or candidate.missing[0].kind != "choice":
        return ()
    slot = candidate.missing[0]
    values = candidate.options.get(slot.name) or [value for value, _ in slot.choices]
    return tuple(Choice(str(value), f"{request} ({value})") for value in values[:9])


def _example_of(slots: Sequence[Slot], lang: Lang) -> str:
    for slot in slots:
        if slot.kind == "date":
            return (
                "예: 다음 주 목요일, 12월 1일부터 3일까지"
                if lang == "ko"
                else "For example: next Thursday, from Dec 1 to Dec 3."
            )
        if slot.kind == "choice":
            values = ", ".join(str(value) for value, _ in slot.choices)
            return f"하나를 골라 주세요: {values}" if lang == "ko" else f"One of: {values}."
        if slot.kind == "money":
            return "예: 300만원" if lang == "ko" else "For example: 300,000 won."
    return ""


def _examples(operations: Sequence[Operation], lang: Lang) -> list[str]:
    found: list[str] = []
    subjects: set[str] = set()
    operations = [operation for operation in operations if operation.effect == "read"]  # a click asks at once
    for operation in operations:
        if operation.catalog in subjects and len(operations) > EXAMPLES_MAX:
            continue
        korean = [each for each in operation.examples if any("가" <= letter <= "힣" for letter in each)]
        spoken = korean if lang == "ko" else [each for each in operation.examples if each not in korean]
        found += spoken[:1]
        subjects.add(operation.catalog)
    return found[:EXAMPLES_MAX]
