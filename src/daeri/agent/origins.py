"""What had a run heard and read before it called? The facts from which the door traces an agent's arguments.

Made of the person's own words, of what they mean as values, of the rows that they name, and of what the run's calls
answered; nothing that a planner claims goes into it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from daeri.agent.analyzer import Act, Analysis, Entity, phrases
from daeri.agent.planner import FindMentions, Happened, Said
from daeri.agent.selector import index_of
from daeri.operations.operation import Operation
from daeri.operations.outcome import Done
from daeri.operations.provenance import Origins, Read
from daeri.operations.provided import Outing
from daeri.records.keys import Id

DAYS_MAX: Final = 62
"""Days of one period that count as said: a month is, a year is a category."""
ASKING: Final[frozenset[Act]] = frozenset({"do", "name"})
NEARLY: Final = 0.8
"""So near to the act that a text is likest to, another one is asked for too."""
_DIGITS: Final = re.compile(r"\d[\d,]*(?:\.\d+)?")


async def origins_of(
    heard: Sequence[Analysis],
    happened: Sequence[Happened],
    operations: Mapping[str, Operation],
    called: Operation,
    find_mentions: FindMentions,
    earlier: Sequence[Said] = (),
) -> Origins:
    """Return what a run had heard and read before it calls an operation.

    Args:
        heard: what the person wrote in this conversation, analyzed.
        happened: the run's calls so far.
        operations: every operation by name, to tell what came from outside.
        called: the operation; names are looked up only where it refers to rows.
        find_mentions: names to rows the actor may see.
        earlier: the turns of the conversation before this run, answers and all.
    """
    looked_for = list(dict.fromkeys(phrase for each in heard for part in each.parts for phrase in phrases(part)))
    named: frozenset[tuple[str, Id]] = frozenset()
    if looked_for and (called.signature.references or happened):
        mentions = await find_mentions(looked_for)
        times = Counter((mention.record, mention.phrase) for mention in mentions)
        named = frozenset(
            (mention.record, mention.id) for mention in mentions if times[mention.record, mention.phrase] == 1
        )
    return Origins(
        unasked=bool(happened or earlier) and not _is_asked_for(heard, called, operations),
        informed=bool(earlier) or any(not _goes_out(operations.get(each.call.operation)) for each in happened),
        said=tuple(each.text for each in heard),
        values=frozenset(value for each in heard for value in _values(each)),
        named=named,
        reads=(*_told(earlier), *_reads(happened, operations)),
    )


def _is_asked_for(heard: Sequence[Analysis], called: Operation, operations: Mapping[str, Operation]) -> bool:
    """Say whether anything that the person wrote asks for an act, and for none much rather than for this one.

    A bare naming ("다음 주 목금 연차") asks for one only where no question is much likelier either.
    """
    for part in (part for each in heard for part in each.parts if part.act in ASKING):
        likes = [each for each in operations.values() if part.act == "name" or each.effect != "read"]
        scores = index_of(likes).scores(part)
        best = max(scores.values(), default=0.0)
        if best > 0 and scores.get(called.name, 0.0) >= NEARLY * best:
            return True
    return False


def _told(earlier: Sequence[Said]) -> Iterator[Read]:
    """Yield earlier answers that quote what anyone may have written."""
    for each in earlier:
        if each.untrusted:
            yield Read("", outside=True, result=each.answer)


def _goes_out(operation: Operation | None) -> bool:
    """Say whether what an operation tells comes from the web alone."""
    return operation is not None and any(issubclass(kind, Outing) for kind in operation.signature.injected.values())


def _values(analysis: Analysis) -> Iterator[str]:
    """Yield what a text says as values: amounts, numbers and days."""
    for entity in analysis.entities:
        yield from _meant(entity)
    for match in _DIGITS.finditer(analysis.text):
        yield match[0].replace(",", "")


def _meant(entity: Entity) -> Iterator[str]:
    value = entity.value
    if entity.kind == "money":
        yield str(value["won"])
    elif entity.kind == "count":
        yield str(value["number"])
    elif entity.kind == "date" and "start" in value:
        first, last = date.fromisoformat(value["start"]), date.fromisoformat(value["end"])
        for day in range(min((last - first).days + 1, DAYS_MAX)):
            yield (first + timedelta(days=day)).isoformat()


def _reads(happened: Sequence[Happened], operations: Mapping[str, Operation]) -> Iterator[Read]:
    for item in happened:
        if isinstance(item.outcome, Done):
            operation = operations.get(item.call.operation)
            sources = item.outcome.sources
            outside = operation is None or operation.outside or any(source.get("untrusted") for source in sources)
            # What a call read within itself is a source of its answer, but the answer is no field of those rows.
            own = [source for source in sources if source["operation"] == item.call.operation]
            records = frozenset((row["type"], row["id"]) for source in own for row in source["records"])
            yield Read(item.call.operation, outside, item.outcome.result, records)
