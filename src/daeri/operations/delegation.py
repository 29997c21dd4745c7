"""Who decides finally for which matter? The table of delegated decisions (위임전결규정): item × amount × rank, dated.

A company writes its table once, as data; lines look it up when a document is filed, and the document keeps which row
of which edition decided, and whom it made unnecessary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from daeri.wording import Lang, Text, day, won


@dataclass(frozen=True, slots=True)
class Band:
    """One row of the table: up to this amount, for this item, whoever has this rank or title decides finally.

    Attributes:
        decides: a title ("팀장") or a rank ("부장": that rank or above); None = nobody below the end of the line.
        upto: the largest amount, in the smallest unit; None = any.
        item: the work item; None = any other.
    """

    decides: str | None
    upto: int | None = None
    item: str | None = None


@dataclass(frozen=True, slots=True)
class Edition:
    """The table as it holds from a day on."""

    since: date
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class Delegated:
    """What the table says of one matter.

    Attributes:
        rule: table, edition and row, e.g. "expense@2026-01-01#2".
        decides: the title or rank that decides finally, None where nobody may before the end of the line.
        because: the row as a sentence.
    """

    rule: str
    decides: str | None
    because: Text


class Delegation:
    """A table of delegated decisions with its editions."""

    def __init__(self, name: str, label: Text, *editions: Edition) -> None:
        """Take the editions, in any order.

        Raises:
            ValueError: there is none, or two hold from the same day.
        """
        self.name, self.label = name, label
        self.editions: Sequence[Edition] = sorted(editions, key=lambda edition: edition.since)
        if not self.editions or len({edition.since for edition in editions}) < len(editions):
            raise ValueError(f"the table {name} needs editions, each from a day of its own")

    def on(self, today: date) -> Edition | None:
        """Return the edition that holds on a day."""
        held = [edition for edition in self.editions if edition.since <= today]
        return held[-1] if held else None

    def at(self, today: date, *, item: str | None = None, amount: int = 0) -> Delegated | None:
        """Return what the table says of a matter: rows of its own item go first, then the smallest band that fits."""
        edition = self.on(today)
        if edition is None:
            return None
        fitting = [
            (number, band)
            for number, band in enumerate(edition.bands, 1)
            if band.item in (item, None) and (band.upto is None or amount <= band.upto)
        ]
        if not fitting:
            return None
        number, band = min(
            fitting, key=lambda each: (each[1].item is None, each[1].upto is None, each[1].upto or 0, each[0])
        )
        return Delegated(f"{self.name}@{edition.since}#{number}", band.decides, _sentence(self.label, band))

    def body(self, today: date, lang: Lang) -> dict[str, Any]:
        """Render the edition of a day, for people to read."""
        edition = self.on(today)
        return {
            "name": self.name,
            "label": self.label.to(lang),
            "since": edition.since.isoformat() if edition else None,
            "since_worded": day(edition.since, lang) if edition else None,
            "editions": [each.since.isoformat() for each in self.editions],
            "rows": [
                {"row": number, "item": band.item, "upto": band.upto, "decides": band.decides}
                for number, band in enumerate(edition.bands if edition else (), 1)
            ],
        }


def band(decides: str | None, *, upto: int | None = None, item: str | None = None) -> Band:
    """Write one row: `band("팀장", upto=300_000)`, `band("본부장", upto=2_000_000, item="접대비")`, `band(None)`."""
    return Band(decides, upto, item)


def edition(since: date, *bands: Band) -> Edition:
    """Write the table as it holds from a day on."""
    return Edition(since, bands)


def _sentence(label: Text, row: Band) -> Text:
    what = f"{row.item} " if row.item else ""
    if row.decides is None:
        return Text(f"{label.ko}: {what}전결 없음", f"{label.en}: {what}no delegation")
    if row.upto is None:
        return Text(f"{label.ko}: {what}{row.decides} 전결", f"{label.en}: {what}{row.decides} decides finally")
    return Text(
        f"{label.ko}: {what}{won(row.upto, 'ko')}까지 {row.decides} 전결",
        f"{label.en}: {what}up to {won(row.upto, 'en')}, {row.decides} decides finally",
    )
