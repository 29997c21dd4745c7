"""What must be true of a database's approvals, whoever did what at once and whatever died meanwhile? Read from it.

The audit tells everything in one order, the order of the commits; `check` goes through it and keeps what was true at
each row: who was there, with which roles and keys, who stood for whom. So it sees for every decision whether whoever
made it had the right at that instant, and for every effect whether its line was complete and its record unchanged.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text

from daeri.canonical import digest
from daeri.operations.deciding import ledger
from daeri.operations.deciding.ledger import Document
from daeri.operations.deciding.model import PASSED
from daeri.operations.filing import is_intact
from daeri.records import audit

AUTOMATIC = ("draft", "apply", "apply_failed", "apply_unknown")
COMPLETE = ("approved", "applied", "apply_failed", "apply_unknown")
SIGNED = frozenset({"approve", "reject", "return_step", "hold", "release", "undo", "replace"})
_EFFECTS = text("SELECT approval_id, person_id, agent, arguments_digest FROM audit WHERE outcome = 'applied'")
_ERRANDS = text("SELECT approval_id FROM errand")
_AUDIT = text(
    "SELECT seq, person_id, agent, credential, action, outcome, records, approval_id, detail FROM audit ORDER BY seq"
)
_ABSENCES = text("SELECT id, person_id, deputy_id FROM absence")


@dataclass
class Facts:
    """What is true at one row of the audit."""

    roles: dict[int, set[str]]
    left: set[int] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    away: dict[str, tuple[int, int]] = field(default_factory=dict)
    taken_back: set[str] = field(default_factory=set)
    version: int = 1


def check_documents(connection: Connection, ids: Sequence[str]) -> dict[str, Document]:
    """I05, I07: content, form, line, acts are those that were sealed and audited; lines are complete; no own draft."""
    acts = ledger.acts(connection, ids)
    found = {}
    for key in ids:
        document = found[key] = _read(connection, key)
        assert is_intact(connection, document, acts[key]), key
        deciding = [seat for seat in document.state.seats if seat.decides]
        decided = [seat for seat in deciding if seat.state in ("approved", "rejected", "opposed")]
        assert all((seat.by or seat.person) != document.state.drafter or seat.alone for seat in decided), key
        if document.state.status in COMPLETE:
            assert all(seat.state in PASSED or not seat.blocking or seat.quorum for seat in deciding), key
            assert any(seat.state == "approved" for seat in deciding), key
        numbered = document.row["number"] is not None
        assert numbered == (document.state.status == "applied"), key
    return found


def check_effects(connection: Connection, documents: Mapping[str, Document]) -> None:
    """I05, I06, I08, I17: once each, as the drafter and their agent, with exactly the arguments that were approved."""
    effects = connection.execute(_EFFECTS).all()
    sent = {row.approval_id for row in connection.execute(_ERRANDS)}  # applied here, and on its way outside
    applied = {key for key, document in documents.items() if document.state.status == "applied"}
    assert sorted(row.approval_id for row in effects) == sorted(applied | sent)
    for row in effects:
        document = documents[row.approval_id]
        assert (row.person_id, row.agent) == (document.state.drafter, document.row["agent"])
        assert row.arguments_digest == digest(document.row["arguments"])


def check_numbers(documents: Mapping[str, Document]) -> None:
    """Numbers are unique and have no gaps."""
    numbers = sorted(int(document.row["number"][-6:]) for document in documents.values() if document.row["number"])
    assert numbers == list(range(1, len(numbers) + 1))


def check(connection: Connection, roles: Mapping[int, Sequence[str]], start: int) -> dict[str, Document]:
    """Check all of it in a house of `racing.py`; `roles` are those at first, `start` the budget that was spent."""
    audit.verify(connection)
    ids = [row.id for row in connection.execute(text("SELECT id FROM approval ORDER BY id"))]
    documents = check_documents(connection, ids)
    check_effects(connection, documents)
    check_numbers(documents)
    _check_instants(connection, documents, Facts({person: set(held) for person, held in roles.items()}))
    applied = [one for one in documents.values() if one.state.status == "applied"]
    spent = sum(one.row["arguments"]["amount"] for one in applied if one.operation == "books.spend")
    assert connection.execute(text("SELECT cost FROM w_project WHERE id = 1")).scalar_one() == start + spent  # I25
    added = connection.execute(text("SELECT name FROM w_project WHERE id > 3")).scalars().all()
    wanted = [one.row["arguments"]["title"] for one in applied if one.operation.startswith("papers.")]
    at_once = text("SELECT count(*) FROM audit WHERE action = 'work.add_project' AND outcome = 'done'")  # no approval
    assert not Counter(wanted) - Counter(added)
    assert len(added) == len(wanted) + connection.execute(at_once).scalar_one()  # I15
    booked = connection.execute(text("SELECT count(*) FROM w_leave")).scalar_one()
    assert booked == sum(one.operation == "work.request" for one in applied)
    return documents


def check_runs(connection: Connection) -> None:
    """I02, I13: every run has ended well, its events have no gap, and what was said in pieces is the answer."""
    runs = {row.id: row for row in connection.execute(text("SELECT id, status, answer FROM run"))}
    assert {row.status for row in runs.values()} <= {"succeeded"}
    said, numbers = dict.fromkeys(runs, ""), {key: list[int]() for key in runs}
    for row in connection.execute(text("SELECT run_id, seq, type, data FROM event ORDER BY run_id, seq")):
        numbers[row.run_id].append(row.seq)
        if row.type in ("message.delta", "message.restarted"):
            data = json.loads(row.data) if isinstance(row.data, str) else row.data
            said[row.run_id] = ("" if row.type == "message.restarted" else said[row.run_id]) + data["text"]
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())
    assert said == {key: row.answer for key, row in runs.items()}


def _check_instants(connection: Connection, documents: Mapping[str, Document], facts: Facts) -> None:
    absences = {row.id: (row.person_id, row.deputy_id) for row in connection.execute(_ABSENCES)}
    ends = {row.id: row for row in connection.execute(text("SELECT id, starts_at, ends_at FROM absence"))}
    acts = ledger.acts(connection, list(documents))
    people = {key: iter([act for act in rows if act["act"] not in AUTOMATIC]) for key, rows in acts.items()}
    for row in connection.execute(_AUDIT).all():
        detail = json.loads(row.detail)
        if row.outcome in ("done", "applied"):
            _learn(facts, row, detail, absences)
        if row.outcome == "applied":
            _check_effect(facts, documents[row.approval_id])
        kind = row.action.removeprefix("approval.")
        if row.outcome == "done" and kind != row.action and kind not in AUTOMATIC and row.approval_id in people:
            act = next(people[row.approval_id])
            assert (f"approval.{act['act']}", act["person_id"]) == (row.action, row.person_id)
            if act["act"] in SIGNED:
                _check_decision(facts, documents[row.approval_id], act, row, ends)


def _learn(facts: Facts, row: Any, detail: Mapping[str, Any], absences: Mapping[str, tuple[int, int]]) -> None:
    """Take over what a row of the audit changes."""
    touched = [key for kind, key in json.loads(row.records) if kind == "w_employee" and isinstance(key, int)]
    for person in touched:
        if row.action == "books.take_roles":
            facts.roles[person] = set()
        elif row.action == "books.give_roles":
            facts.roles[person] = {"returned"}
        elif row.action == "books.leave":
            facts.left.add(person)
        elif row.action == "books.come_back":
            facts.left.discard(person)
    if row.action == "key.revoke":
        facts.revoked.add(detail["key"])
    elif row.action == "consent.revoke":
        facts.taken_back.add(detail["consent"])
    elif row.action == "absence.set":
        facts.away[detail["absence"]] = absences[detail["absence"]]
    elif row.action == "absence.end":
        del facts.away[detail["absence"]]
    elif row.action == "books.adjust":
        facts.version += 1


def _check_effect(facts: Facts, document: Document) -> None:
    """I05, I17: the record is as its approvers saw it, and the drafter is someone who works here."""
    assert document.state.drafter not in facts.left
    if document.operation == "books.spend":
        assert [item["version"] for item in document.row["bound"]] == [facts.version]
        facts.version += 1


def _check_decision(
    facts: Facts, document: Document, act: Mapping[str, Any], row: Any, ends: Mapping[str, Any]
) -> None:
    """I07: whoever decides works here, by a key that is in use, in their own seat or by a right that holds now."""
    person, told = act["person_id"], act["detail"] or {}
    assert act["agent"] is None
    assert person not in facts.left, (document.id, "left")
    assert row.credential not in facts.revoked, (document.id, "revoked")
    assert told.get("consent_id") not in facts.taken_back, (document.id, "consent taken back")
    if act["act"] == "replace":
        return
    for position in told.get("positions", ()):
        seat = document.state.seat(position)
        assert seat is not None
        holder = seat.person
        if person != holder and person not in seat.also:
            standing = [key for key, pair in facts.away.items() if pair == (holder, person)]
            assert standing, (document.id, "no deputy")
            assert any(_within(ends[key], act["at"]) for key in standing), (document.id, "after the period")
        if document.steps[position]["needs"] is not None and person not in seat.also:
            assert facts.roles[holder], (document.id, "no role")


def _within(period: Any, at: datetime) -> bool:
    return _instant(period.starts_at) <= _instant(at) < _instant(period.ends_at)


def _instant(value: str | datetime) -> datetime:
    """Return an instant as it is compared: raw SQL gives text on SQLite, without a zone where it is UTC."""
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _read(connection: Connection, key: str) -> Document:
    document = ledger.read(connection, key)
    assert document is not None
    return document
