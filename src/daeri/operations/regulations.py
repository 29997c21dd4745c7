"""Which tables of delegated decisions (위임전결규정) does the company follow? Its forms name them; all may read."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any

from daeri.clock import Clock
from daeri.errors import NotFound
from daeri.operations.company import Company
from daeri.operations.delegation import Delegation
from daeri.operations.operation import Operation
from daeri.wording import Lang, Text


class Regulations:
    """The tables of a company."""

    def __init__(self, company: Company, clock: Clock) -> None:
        """Take the declarations and the clock."""
        self._company = company
        self._clock = clock

    def page(self, lang: Lang = "ko") -> list[dict[str, Any]]:
        """Return every table as it holds today."""
        return [self.show(name, lang=lang) for name in sorted(self._tables)]

    def show(self, name: str, on: date | None = None, lang: Lang = "ko") -> dict[str, Any]:
        """Return a table as it holds, or held, on a day, with the operations that look it up.

        Raises:
            NotFound: there is no such table.
        """
        found = self._tables.get(name)
        if found is None:
            raise NotFound(Text(f"'{name}' 전결표가 없어요", f"There is no table '{name}'"))
        table, operations = found
        used = [{"name": each.name, "label": each.label.to(lang)} for each in operations]
        return table.body(on or self._clock.today(), lang) | {"operations": used}

    @cached_property
    def _tables(self) -> Mapping[str, tuple[Delegation, Sequence[Operation]]]:
        found: dict[str, tuple[Delegation, list[Operation]]] = {}
        for operation in self._company.operations.values():
            table = operation.form.delegation if operation.form else None
            if table is not None:
                found.setdefault(table.name, (table, []))[1].append(operation)
        return found
