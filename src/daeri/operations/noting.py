"""What does the audit keep of a call? Which rows and personal fields, whose they are, what was asked for; no values.

Of a call that was refused it keeps what was asked after: the rows that its arguments name, and of all other arguments
only that they were there, for what people type may be anybody's secret.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from daeri.operations.operation import Operation
from daeri.records.mentions import Mention
from daeri.records.record import Person, Record, mark_of
from daeri.records.trail import Trail

ASKED_MAX: Final = 10
"""Arguments of a refused call that the audit keeps."""
TEXT_MAX: Final = 60


def told(seen: Trail, **more: Any) -> dict[str, Any]:
    """Return an entry's `records` and `detail` for what was seen and written."""
    return {"records": seen.rows_named(), "detail": {**more, **seen.told()}}


def asked(arguments: Mapping[str, Any], operation: Operation | None) -> dict[str, str]:
    """Return what a refused call asked for: whose salary it was after, say, but not which amount it named."""
    references = {} if operation is None else operation.signature.references
    few = list(arguments.items())[:ASKED_MAX]
    return {_short(name): _short(value) if name in references else f"({type(value).__name__})" for name, value in few}


def mentioned(records: Mapping[str, type[Record]], found: Iterable[Mention]) -> Trail:
    """Return which personal fields the names of rows tell, and whose they are."""
    seen = Trail()
    for mention in found:
        record = records[mention.record]
        columns = record.__table__.columns
        names = [name for name in record.__title__ if name in columns and mark_of(columns[name].info).is_about_people]
        if names:
            whom = mention.id if issubclass(record, Person) and isinstance(mention.id, int) else None
            seen.read(mention.record, mention.id, names, whom)
    return seen


def _short(value: Any) -> str:
    return str(value)[:TEXT_MAX].encode(errors="replace").decode()
