"""How sensitive is what a call showed? The data classes of the fields and files that it read, as its trail names them.

They stand in the result's sources, so they go wherever the result goes: into a run's steps, through an approval, into
the citations of an answer and from there into the next turn of a conversation. What is public or internal is not named.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from daeri.records.record import Record, mark_of
from daeri.records.trail import Trail
from daeri.wording import Text

SENSITIVE: Final[Mapping[str, Text]] = {
    "confidential": Text("대외비", "confidential"),
    "personal": Text("개인정보", "personal data"),
    "secret": Text("비밀", "secret"),
}
"""The classes that not every model may see, and what people call them."""
STRICTEST: Final = "secret"
"""What is taken to be the class of what is not known."""


def classes_of(trail: Trail, records: Mapping[str, type[Record]]) -> list[str]:
    """Return the sensitive classes of what a call read, looked for or reckoned with, in alphabetical order."""
    found = {_of_field(records, name) for name in trail.personal}
    found |= {level if level in SENSITIVE else STRICTEST for level in trail.levels - {"public", "internal"}}
    return sorted(found)


def classes_in(sources: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the sensitive classes that sources name."""
    return frozenset(each for source in sources for each in source.get("classes", ()))


def _of_field(records: Mapping[str, type[Record]], name: str) -> str:
    """Return the class of a personal field that a trail names."""
    kind, _, field = name.rpartition(".")
    record = records.get(kind)
    columns = () if record is None else record.__table__.columns
    found = (mark_of(column.info).data_class for column in columns if field in (column.key, column.name))
    return next(found, STRICTEST)
