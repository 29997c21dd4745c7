"""May a figure be told? One that is made of personal fields answers for at least k people, and not by differences.

What is stopped here, by groups of rows and the people they are about:

- a group of fewer than k people is withheld;
- so is one more group where those withheld are fewer than k people together: a total would give them away;
- so is a group whose rows differ from an earlier figure's, told to the same person within the hour, by the rows of
  fewer than k people: subtracting the two would tell about those.

What cannot be stopped: three and more figures combined, what people tell each other, what was asked before the hour or
of another process, and differences between figures over more than ROWS_MAX rows. Whoever must not know a value at all
gets no figure of it: a field rule hides it from every aggregate.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ROWS_MAX = 50_000
"""Rows of a figure that are remembered at most; beyond it only the number of people is looked at."""
REMEMBERED_MAX = 1_000_000
"""Rows remembered in all; then the oldest figures are forgotten."""
MEMORY_SECONDS = 3600
"""How long a figure is remembered."""

Key = tuple[str, ...]
About = frozenset[tuple[int, Any]]
"""The rows a figure is made of, each with the person whom it is about."""


@dataclass(frozen=True, slots=True)
class Group:
    """One figure: how many people it is about and, unless there are too many rows, which."""

    people: int
    about: About | None = None

    @classmethod
    def of(cls, about: About) -> "Group":
        """Make a group of its rows."""
        return cls(len(_people(about)), about)


@dataclass(frozen=True, slots=True)
class _Told:
    at: float
    asker: int
    record: str
    fields: frozenset[str]
    about: About


@dataclass(slots=True)
class Crowds:
    """Decides which figures are told, and remembers them.

    Attributes:
        least: the number of people a figure must be about (k).
    """

    least: int = 5
    _told: deque[_Told] = field(default_factory=deque, repr=False)
    _rows: int = 0

    def telling(self, asker: int, record: str, fields: frozenset[str], groups: Mapping[Key, Group]) -> set[Key]:
        """Return the keys of the groups that may be told to this person, and remember that they were."""
        earlier = [each.about for each in self._remembered(asker, record, fields)]
        rising = sorted(groups, key=lambda key: groups[key].people)
        told = [key for key in rising if self._is_safe(groups[key], earlier)]
        while told and self._gives_away(groups, told, earlier):
            told.pop(0)
        whole = _whole(groups, told)
        for about in {*(groups[key].about for key in told), whole}:
            if about and about not in earlier:
                self._remember(_Told(time.monotonic(), asker, record, fields, about))
        return set(told)

    def _is_safe(self, group: Group, earlier: list[About]) -> bool:
        return group.people >= self.least and (group.about is None or not self._differs_little(group.about, earlier))

    def _gives_away(self, groups: Mapping[Key, Group], told: list[Key], earlier: list[About]) -> bool:
        """Say whether those withheld, or the sum of those told, would tell about too few people."""
        shown = set(told)
        withheld = [group for key, group in groups.items() if key not in shown]
        whole = _whole(groups, told)
        if withheld:
            rows = [group.about for group in withheld]
            known = frozenset().union(*(row for row in rows if row is not None))
            people = sum(group.people for group in withheld) if None in rows else len(_people(known))
            if people < self.least:
                return True
        return whole is not None and self._differs_little(whole, earlier)

    def _differs_little(self, about: About, earlier: list[About]) -> bool:
        return any(0 < len(_people(about ^ other)) < self.least for other in earlier)

    def _remembered(self, asker: int, record: str, fields: frozenset[str]) -> Iterator[_Told]:
        oldest = time.monotonic() - MEMORY_SECONDS
        for each in list(self._told):
            mine = each.asker == asker and each.record == record and bool(each.fields & fields)
            if mine and each.at > oldest:
                yield each

    def _remember(self, told: _Told) -> None:
        self._told.append(told)
        self._rows += len(told.about)
        oldest = time.monotonic() - MEMORY_SECONDS
        while self._told and (self._rows > REMEMBERED_MAX or self._told[0].at < oldest):
            self._rows -= len(self._told.popleft().about)


def _people(about: About) -> set[Any]:
    return {person for _, person in about if person is not None}


def _whole(groups: Mapping[Key, Group], told: list[Key]) -> About | None:
    parts = [groups[key].about for key in told]
    known = [part for part in parts if part is not None]
    return frozenset().union(*known) if known and len(known) == len(parts) else None
