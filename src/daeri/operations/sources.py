"""Where is it written? File and line of rules, operations, records and fields, for whoever wants to change them.

Paths are told from the top of the importable package (`daeri/sample/organisation.py:80`): a server's folders are
nobody's business. What was not written in a file (typed into a shell) has no place.
"""

import ast
import inspect
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daeri.records.record import Record


class Sources:
    """Finds where things are declared; each file is read once."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._things: dict[Any, str | None] = {}
        self._fields: dict[type, Mapping[str, str]] = {}

    def of(self, thing: Any) -> str | None:
        """Return `path:line` of a function's or class's own line (not its decorators'); None where it has no file."""
        if thing not in self._things:
            self._things[thing] = _place(thing)
        return self._things[thing]

    def of_field(self, record: type[Record], name: str) -> str | None:
        """Return `path:line` of a field, on the record itself or on the base that declares it."""
        for declaring in record.__mro__:
            if declaring.__module__.startswith(("sqlalchemy.", "builtins")):
                continue
            if declaring not in self._fields:
                self._fields[declaring] = _fields_of(declaring)
            if name in self._fields[declaring]:
                return self._fields[declaring][name]
        return self.of(record)


def _place(thing: Any) -> str | None:
    written = _written(thing)
    if written is None:
        return None
    lines, first = written
    heads = ("def ", "async def ", "class ")
    below = next((at for at, line in enumerate(lines) if line.lstrip().startswith(heads)), 0)
    return f"{_path(thing)}:{first + below}"


def _fields_of(declaring: type) -> dict[str, str]:
    written = _written(declaring)
    if written is None:
        return {}
    lines, first = written
    body = ast.parse(textwrap.dedent("".join(lines))).body[0]
    found: dict[str, str] = {}
    for node in body.body if isinstance(body, ast.ClassDef) else []:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        for target in targets:
            if isinstance(target, ast.Name):
                found[target.id] = f"{_path(declaring)}:{first + node.lineno - 1}"
    return found


def _written(thing: Any) -> tuple[list[str], int] | None:
    try:
        return inspect.getsourcelines(thing)
    except (OSError, TypeError):
        return None


def _path(thing: Any) -> str:
    file = Path(inspect.getsourcefile(thing) or "?")
    depth = thing.__module__.count(".") + 1 + (file.name == "__init__.py")
    return "/".join(file.parts[-depth:])
