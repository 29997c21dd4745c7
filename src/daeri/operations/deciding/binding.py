"""Is the world still what the approvers saw? Compares the rows that an approved effect writes with what was filed.

Each row that the rehearsal at filing wrote is bound with its version. At execution it must still have that version,
and the effect must write exactly those rows: what was approved is done, or the document goes back with the difference.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from daeri.canonical import plain
from daeri.errors import Conflict
from daeri.records.record import label_of, mark_of
from daeri.records.trail import Write
from daeri.wording import Text


class Changed(Conflict):
    """A record is not what it was when the document was filed; `differences` says what of it."""

    def __init__(self, differences: Sequence[Mapping[str, Any]] = ()) -> None:
        """Take what differs, as JSON values."""
        self.differences = list(differences)
        super().__init__(
            Text(
                "결재하는 동안 대상이 바뀌어서 반영하지 않았어요. 바뀐 내용을 보고 다시 기안해 주세요",
                "What it would change has changed meanwhile, so nothing was done; see the difference and draft anew",
            )
        )


def check_writes(bound: Sequence[Mapping[str, Any]], writes: Sequence[Write]) -> None:
    """Refuse an effect that wrote other rows than the approvers saw, or rows that were changed since.

    The versions are those that the effect's own transaction read, so nothing lies between this check and the effect.

    Raises:
        Changed: it did; the caller rolls it back.
    """
    approved = sorted((item["type"], item["act"], str(item["id"] or "")) for item in bound)
    written = sorted((write.record.__tablename__, write.act, _key(write)) for write in writes)
    if approved != written:
        raise Changed
    by_key = {(write.record.__tablename__, _key(write)): write for write in writes if write.act != "add"}
    moved = [
        (item, write)
        for item in bound
        if item["act"] != "add"
        if (write := by_key[item["type"], str(item["id"])]).version != item["version"]
    ]
    if moved:
        raise Changed([difference for item, write in moved for difference in _differences(item, write)])


def _key(write: Write) -> str:
    return str(write.key) if write.act != "add" else ""


def _differences(item: Mapping[str, Any], write: Write) -> list[dict[str, Any]]:
    """Return which of the fields to be changed hold another value than when the document was filed."""
    label = label_of(write.record)
    title = item["title"] or f"#{item['id']}"
    found = []
    for name, (before, _) in item["fields"].items():
        now = stored(write.fields[name][0]) if name in write.fields else None
        if now == before:
            continue
        field = mark_of(write.record.__table__.columns[name].info).label or Text(name, name)
        labels = [f"{label.ko} {title} · {field.ko}", f"{label.en} {title} · {field.en}"]
        found.append({"type": item["type"], "field": name, "label": labels, "before": before, "after": now})
    return found


def stored(value: Any) -> Any:
    """Return a field's value as JSON; what has no JSON form as text."""
    try:
        return plain(value)
    except TypeError:
        return str(value)
