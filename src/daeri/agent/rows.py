"""Which rows does a text name, and where? From the door's mentions to places of the text, the longest name first."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from daeri.agent.vocabulary import Slot
from daeri.records.mentions import Mention, squeezed

NAMES_MAX: Final = 12
"""A word that names more rows of one type (a kind of leave) is a category, not a name; surnames aside."""
FORMS_OF_A_NAME_MAX: Final = 4
"""A place that is looked for in more forms is a surname with every rank: all that is found counts."""


@dataclass(frozen=True, slots=True)
class Named:
    """A place in the text and the rows it names."""

    start: int
    end: int
    text: str
    rows: tuple[Mention, ...]

    def of(self, record: str) -> list[Mention]:
        """The rows of one record type."""
        return [row for row in self.rows if row.record == record]


@dataclass(frozen=True, slots=True)
class Several:
    """A name that fits several rows: the planner took one of them, or none."""

    named: Named
    rows: tuple[Mention, ...]
    taken: Mention | None


def resolve(spans: Mapping[str, tuple[int, int]], found: Iterable[Mention], text: str) -> list[Named]:
    """Places of the text and the rows they name: the longest name wins, then the phrase that was looked for first."""
    places = {squeezed(phrase): span for phrase, span in spans.items()}
    order = {phrase: at for at, phrase in enumerate(places)}
    by_phrase: dict[str, list[Mention]] = {}
    for mention in found:
        if squeezed(mention.phrase) in places:
            by_phrase.setdefault(squeezed(mention.phrase), []).append(mention)
    forms = Counter(spans.values())
    chosen: dict[tuple[int, int], tuple[Mention, ...]] = {}
    for phrase in sorted(by_phrase, key=lambda each: (places[each][0] - places[each][1], order[each])):
        start, end = span = places[phrase]
        if span in chosen and forms[span] > FORMS_OF_A_NAME_MAX:
            chosen[span] += tuple(by_phrase[phrase])
        elif not any(start < last and first < end for first, last in chosen):
            chosen[span] = tuple(by_phrase[phrase])
    return [Named(start, end, text[start:end], rows) for (start, end), rows in sorted(chosen.items())]


def usable(found: Sequence[Mention], slots: Sequence[Slot]) -> list[Mention]:
    """The rows that one of the parameters could take."""
    records = {slot.record for slot in slots if slot.record}
    people = {slot.record for slot in slots if slot.person}
    counted = Counter((mention.record, mention.phrase) for mention in found)
    return [
        mention
        for mention in found
        if mention.record in records
        and (mention.record in people or counted[mention.record, mention.phrase] <= NAMES_MAX)
    ]
