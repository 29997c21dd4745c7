"""What has changed since a module was written? The file that people edited against the database as it is now.

The file is read, never run: its classes and fields are all that is looked at.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from daeri.adopt.describe import Described, Entry, Field


class Unparsable(Exception):
    """The file is no module of Python's; the text says where."""


@dataclass(slots=True)
class Difference:
    """What the database has that the file has not, and the other way round.

    Attributes:
        new: tables and views without a record.
        gone: records whose table is not there any more, as (class, table).
        fields: new fields by the class they belong to, with the class's name in the file.
        missing: fields whose column is not there any more, as (class, column).
        changed: fields of another type now, as (class, field, hint in the file, hint now).
    """

    new: list[Entry] = field(default_factory=list)
    gone: list[tuple[str, str]] = field(default_factory=list)
    fields: list[tuple[str, Entry, list[Field]]] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    changed: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Say whether nothing differs."""
        return not (self.new or self.gone or self.fields or self.missing or self.changed)


@dataclass(slots=True)
class _Written:
    """A record as the file has it: its fields by column, as (name, hint)."""

    name: str
    table: str
    schema: str | None
    fields: dict[str, tuple[str, str]]


def compare(source: str, told: Described) -> Difference:
    """Compare a module's text with what a database holds.

    Raises:
        Unparsable: the text is no Python.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        msg = f"{error.msg} (line {error.lineno})"
        raise Unparsable(msg) from None
    written = {(each.table, each.schema): each for each in _records(tree)}
    difference = Difference()
    for entry in told.entries:
        known = written.pop((entry.table.name, entry.table.schema), None)
        if known is None:
            difference.new.append(entry)
        else:
            _compare(known, entry, difference)
    unread = {*told.unread}
    difference.gone = [(each.name, each.table) for each in written.values() if each.table not in unread]
    return difference


def _compare(known: _Written, entry: Entry, difference: Difference) -> None:
    fresh = [each for each in entry.fields if each.column.name not in known.fields]
    if fresh:
        difference.fields.append((known.name, entry, fresh))
    there = {each.column.name: each for each in entry.fields}
    left_out = {column.name for column, _ in entry.left_out}
    for column, (name, hint) in known.fields.items():
        now = there.get(column)
        if now is None:
            if column not in left_out:
                difference.missing.append((known.name, column))
        elif _bare(hint) != _bare(now.typed.hint):
            difference.changed.append((known.name, name, hint, now.typed.hint))


def _bare(hint: str) -> str:
    return hint.replace(" | None", "").removeprefix("dt.")


def _records(tree: ast.Module) -> Iterator[_Written]:
    for node in tree.body:
        if not isinstance(node, ast.ClassDef) or not any(_name(base) == "Adopted" for base in node.bases):
            continue
        values = {
            target.id: each.value
            for each in node.body
            if isinstance(each, ast.Assign)
            for target in each.targets
            if isinstance(target, ast.Name)
        }
        table = _text(values.get("__stored_as__")) or _text(values.get("__tablename__"))
        if table is not None:
            yield _Written(node.name, table, _schema(values), dict(_fields(node)))


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, tuple[str, str]]]:
    for each in node.body:
        if not isinstance(each, ast.AnnAssign) or not isinstance(each.target, ast.Name):
            continue
        if isinstance(each.annotation, ast.Subscript) and _name(each.annotation.value) == "Mapped":
            column = each.target.id
            if isinstance(each.value, ast.Call) and each.value.args:
                column = _text(each.value.args[0]) or column
            yield column, (each.target.id, ast.unparse(each.annotation.slice))


def _schema(values: Mapping[str, ast.expr]) -> str | None:
    arguments = values.get("__table_args__")
    for node in ast.walk(arguments) if arguments is not None else ():
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is not None and _text(key) == "schema":
                    return _text(value)
    return None


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
