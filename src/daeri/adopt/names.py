"""What is a table or column called in Python and in addresses? Names that can be written, and never twice.

A name in a database may be anything: a word of Python's, Korean, with spaces, decomposed as macOS does. What is called
otherwise here keeps its real name beside it.
"""

import builtins
import keyword
import re
import unicodedata
from collections.abc import Collection
from typing import Final

from pydantic import BaseModel

from daeri.adopt.guess import words_of
from daeri.records.record import Record

# fmt: off
IMPORTED: Final = frozenset({
    "ARRAY", "Actor", "Adopted", "Agent", "Amount", "Any", "AsKept", "AsText", "BigInteger", "CITEXT", "Catalog",
    "ColumnElement", "Company", "DaeriPerson", "DaeriTeam", "DateTime", "Day", "Decimal", "Double",
    "FetchedValue", "ForeignKey", "ForeignKeyConstraint", "JSON", "JSONB", "LocalTime", "Mapped", "Numeric",
    "Person", "PrimaryKeyConstraint", "READ_ONLY", "SmallInteger", "String", "Team", "Text", "Uuid", "Whole",
    "catalog", "company", "dt", "false", "labelled", "mapped_column", "mine", "query_catalog", "true",
    "visible_to",
})
# fmt: on
"""Names that a written module uses itself."""
TAKEN_FIELDS: Final = frozenset(
    {"id", "version", "metadata", "registry", "records", "bool", "float", "int", "list", "str"}
    | IMPORTED
    | {name for name in (*dir(BaseModel), *dir(Record)) if not name.startswith("__")}
)
"""Names that a field cannot have: a record's own, those of the forms that operations are made of, the module's."""
TAKEN_CLASSES: Final = IMPORTED | frozenset(dir(builtins))
"""Names that a record's class cannot have."""
_NOT_IN_ADDRESS: Final = re.compile(r"[^\w-]+")


class Names:
    """Gives out names, each once."""

    def __init__(self, taken: Collection[str] = ()) -> None:
        """Know what is taken already."""
        self._taken = {name.casefold() for name in taken}

    def give(self, wanted: str) -> str:
        """Return a name as it is, or with a number behind it where it is taken."""
        name, number = wanted, 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name.casefold())
        return name


def field_name(name: str, *, may_be_id: bool) -> str:
    """Return a column's name as a Python name; `id` stays `id` only where it is the whole key."""
    wanted = _identifier(name, "column")
    taken = keyword.iskeyword(wanted) or (wanted in TAKEN_FIELDS and not (wanted == "id" and may_be_id))
    return f"{wanted}_" if taken else wanted


def type_name(name: str) -> str:
    """Return what a record type is called in addresses and operations' names."""
    return _NOT_IN_ADDRESS.sub("_", unicodedata.normalize("NFC", name)).strip("_-") or "table"


def class_name(name: str) -> str:
    """Return a class's name: `T_ORDER_item` is TOrderItem, Korean stays as it is."""
    wanted = _identifier(name, "table")
    if wanted.isascii():
        wanted = "".join(word.capitalize() for word in re.findall(r"[A-Za-z]+|\d+", "_".join(words_of(wanted))))
    wanted = wanted[0].upper() + wanted[1:] if wanted[0].isidentifier() else f"Table{wanted}"
    return f"{wanted}_" if keyword.iskeyword(wanted) else wanted


def english(name: str) -> str:
    """Return a name in words: `EMP_NM` is "emp nm"; Korean stays as it is."""
    return " ".join(words_of(name)) if name.isascii() else type_name(name).replace("_", " ")


def _identifier(name: str, otherwise: str) -> str:
    """Return the nearest Python name; Python itself takes names in their compatible form (NFKC)."""
    plain = unicodedata.normalize("NFKC", name)
    letters = "".join(letter if f"a{letter}".isidentifier() else "_" for letter in plain)
    letters = re.sub(r"__+", "_", letters).lstrip("_")
    if plain != letters:
        letters = letters.rstrip("_")
    if not letters:
        return otherwise
    found = letters if letters[0].isidentifier() else f"n{letters}"
    return unicodedata.normalize("NFKC", found)
