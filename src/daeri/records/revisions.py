"""Which revision are the tables at, and which are still to come? Read off the scripts' text, without Alembic.

Most starts find nothing to do, and should not pay for loading what would do it (`migrate.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, MetaData, column, inspect, select, table

from daeri.errors import NotReady
from daeri.records.record import ADOPTED
from daeri.wording import Text

_LINE: Final = r"""^{name}\b[^=\n]*=\s*["']([^"']+)["']"""
_REVISION: Final = re.compile(_LINE.format(name="revision"), re.MULTILINE)
_DOWN: Final = re.compile(_LINE.format(name="down_revision"), re.MULTILINE)
_MESSAGE: Final = re.compile(r'''\A"""(.+?)\.?(?:"""|\n)''')


@dataclass(frozen=True, slots=True)
class Revision:
    """One step of a schema: its name, the one before it, and what it is about."""

    name: str
    down: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How far tables have come.

    Attributes:
        at: the revision they are at; None where there is none yet.
        missing: the revisions still to come, in order.
        unknown: revisions that they are at and the scripts do not know of: a newer version was here.
    """

    at: str | None
    missing: tuple[Revision, ...]
    unknown: tuple[str, ...]

    @property
    def is_newest(self) -> bool:
        """Whether there is nothing to do."""
        return not self.missing and not self.unknown


class NewerDatabase(NotReady):
    """A newer version made this database, and an older one would not know what it may leave out."""

    @classmethod
    def at(cls, revisions: Sequence[str]) -> "NewerDatabase":
        """Name the revisions that are not known here."""
        names = ", ".join(revisions)
        return cls(
            Text(
                f"더 새 판의 Daeri나 회사 정의가 만든 데이터베이스예요 (개정 {names})",
                f"A newer version of Daeri or of the company made this database (revision {names})",
            )
        )


def standing_of(connection: Connection, scripts: Path, version_table: str) -> Standing:
    """Compare the noted revision with the scripts in a folder."""
    known = {revision.name: revision for revision in map(_read, (scripts / "versions").glob("*.py"))}
    noted = _noted(connection, version_table)
    ahead = _in_order(known, noted)
    unknown = tuple(sorted(noted - known.keys()))
    return Standing(min(noted, default=None), () if unknown else ahead, unknown)


def lacking(connection: Connection, *declared: MetaData) -> list[str]:
    """Name what is declared and not there: tables, and columns ("employee.salary"); adopted ones excepted."""
    looking = inspect(connection)
    there = set(looking.get_table_names())
    found: list[str] = []
    for metadata in declared:
        for each in metadata.sorted_tables:
            if each.info.get(ADOPTED):
                continue
            if each.name not in there:
                found.append(each.name)
                continue
            columns = {one["name"] for one in looking.get_columns(each.name)}
            found += [f"{each.name}.{one.name}" for one in each.columns if one.name not in columns]
    return found


def _read(script: Path) -> Revision:
    text = script.read_text(encoding="utf-8")
    name, down, message = _REVISION.search(text), _DOWN.search(text), _MESSAGE.search(text)
    return Revision(name[1] if name else script.stem, down[1] if down else None, message[1] if message else "")


def _noted(connection: Connection, version_table: str) -> set[str]:
    if not inspect(connection).has_table(version_table):
        return set()
    return set(connection.execute(select(column("version_num")).select_from(table(version_table))).scalars())


def _in_order(known: dict[str, Revision], noted: set[str]) -> tuple[Revision, ...]:
    """Return the revisions after those noted: each follows the one it names."""
    done: set[str] = set()
    waiting = list(noted & known.keys())
    while waiting:
        name = waiting.pop()
        done.add(name)
        down = known[name].down
        if down in known and down not in done:
            waiting.append(str(down))
    ahead: list[Revision] = []
    while True:
        here = done | {revision.name for revision in ahead}
        follows = [one for one in known.values() if one.name not in here and (one.down is None or one.down in here)]
        if not follows:
            return tuple(ahead)
        ahead += sorted(follows, key=lambda one: one.name)
