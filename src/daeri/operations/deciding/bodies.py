"""What does a document look like on every protocol? Renders documents as their readers may see them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from daeri.clock import rfc3339
from daeri.operations.arguments import parameter_label
from daeri.operations.company import Company
from daeri.operations.deciding.absences import ADMIN
from daeri.operations.deciding.authority import Present, is_stuck
from daeri.operations.deciding.ledger import Document
from daeri.operations.deciding.machine import aim, step
from daeri.operations.deciding.model import Act, Basis, Kind, Refusal, Seat, State
from daeri.operations.deciding.proofs import code_of
from daeri.operations.deciding.turns import ordered
from daeri.operations.provenance import THE_ACT, WORDS
from daeri.records.actor import Actor, sight
from daeri.records.people import Someone, person_body
from daeri.records.record import Record, label_of, mark_of
from daeri.records.rules import Rules
from daeri.wording import Lang, Text

OFFERED: tuple[Kind, ...] = (
    "approve",
    "reject",
    "return_step",
    "hold",
    "release",
    "consult",
    "assign",
    "change_line",
    "answer",
    "read",
    "accept",
    "send_back",
)
"""What a reader may be offered, by the seats within their reach."""
DRAFTABLE = ("rejected", "withdrawn", "apply_failed")
"""States from which a document may be drafted anew (재기안)."""
HIDDEN = Text("가려짐", "hidden")
_THE_ACT = Text("하려는 일", "The act itself")


@dataclass(frozen=True, slots=True)
class Reading:
    """One reader at one instant: who they are now, and in which language they read.

    Attributes:
        revoked: the keys that documents at hand were filed with and that were revoked since.
    """

    company: Company
    present: Present
    people: Mapping[int, Someone]
    lang: Lang
    revoked: frozenset[str] = frozenset()

    @property
    def which(self) -> int:
        """The place of the language in stored pairs."""
        return 0 if self.lang == "ko" else 1


def people_in(documents: Iterable[tuple[Document, Sequence[Mapping[str, Any]]]]) -> set[int]:
    """Return the ids of everyone who is named on documents."""
    found: set[int] = set()
    for document, acts in documents:
        found.add(document.state.drafter)
        found |= {act["person_id"] for act in acts}
        for seat in document.state.seats:
            found |= {seat.person, *seat.also} | ({seat.by} if seat.by else set())
    return found


def document_body(
    reading: Reading, document: Document, acts: Sequence[Mapping[str, Any]], *, next_id: str | None = None
) -> dict[str, Any]:
    """Render a document for one reader."""
    row, lang, which = document.row, reading.lang, reading.which
    company = reading.company
    mine = offered(reading.present, document)
    return {
        "approval_id": document.id,
        "number": row["number"],
        "verification_code": code_of(row),
        "operation": document.operation,
        "title": company.title(document.operations).to(lang),
        "status": document.state.status,
        "version": row["version"],
        "drafter": person_body(reading.people[document.state.drafter]),
        "agent": row["agent"],
        "agent_label": company.agent_label(row["agent"], lang),
        "drafted_at": rfc3339(row["drafted_at"]),
        "key_revoked": row["credential"] in reading.revoked and document.state.status == "in_progress",
        **_item_body(reading, row),
        "bundled": [
            {"operation": item["operation"], "title": company.title([item["operation"]]).to(lang)}
            | _item_body(reading, item)
            for item in row["bundled"]
        ],
        "rule": row["rule"],
        "line": [
            _step_body(document.steps[seat.position], seat, reading)
            for seat in ordered(document.state.seats)
            if seat.decides
        ],
        "beside": [
            _step_body(document.steps[seat.position], seat, reading)
            for seat in document.state.seats
            if not seat.decides
        ],
        "history": [_act_body(act, reading) for act in acts],
        "run_id": row["run_id"],
        "question": row["question"],
        "digest": row["digest"],
        "form": {name: (row["form"] or {}).get(name) for name in ("version", "since", "deadline")},
        "round": row["round"],
        "previous_id": row["previous_id"],
        "next_id": next_id,
        "result_say": row["result_say"],
        "failure": row["failure"][which] if row["failure"] else None,
        "difference": [
            {"label": item["label"][which], "before": item["before"], "after": item["after"]}
            for item in row["difference"] or ()
            if _reads(company.rules, reading.present.actor, item)
        ],
        "acts": mine,
        "may": {
            "decide": "approve" in mine,
            "withdraw": "withdraw" in mine,
        },
        "completed_at": rfc3339(row["completed_at"]) if row["completed_at"] else None,
    }


def _item_body(reading: Reading, item: Mapping[str, Any]) -> dict[str, Any]:
    """Render one call that a document decides."""
    return {
        "arguments": item["worded"][reading.lang],
        "raw_arguments": item["arguments"],
        "preview": item["preview"][reading.lang],
        "fields": _written(reading.company.rules, reading.present.actor, item["bound"] or [], reading.lang),
        "provenance": _provenance(reading, item),
        "because": item["because"][reading.which],
    }


def offered(present: Present, document: Document) -> list[str]:
    """Return what a reader may do to a document now, by the machine's own word."""
    state, me, actor = document.state, present.person.id, present.actor
    found: list[str] = []
    if present.in_person and not actor.everything:
        reach = present.reach(document)
        found += _possible(*_numbered(state, reach, me)) if reach else ()
        if present.decided_last(document) and state.policy.undo:
            found.append("undo")
        if me == state.drafter or any(seat.person == me and seat.decides for seat in state.seats):
            found.append("share")
        found.append("comment")
        if (me == state.drafter or actor.has(ADMIN)) and state.status == "apply_failed":
            found.append("retry")
        if (me == state.drafter or actor.has(ADMIN)) and state.status == "apply_unknown":
            found.append("settle")
        if actor.has(ADMIN) and state.status == "in_progress":
            found.append("replace")
    if me == state.drafter and actor.agent is None:
        if not isinstance(step(state, Act("withdraw", me, stuck=is_stuck(document, present.left))), Refusal):
            found.append("withdraw")
        if state.status in DRAFTABLE and not document.row["bundled"]:
            found.append("redraft")
    return found


Reach = tuple[tuple[int, Basis], ...]


def _numbered(state: State, reach: Mapping[int, Basis], me: int) -> tuple[State, Reach, int]:
    """Number people as they come: the machine only asks who is whom, so documents on one line are like each other."""
    numbers: dict[int, int] = {}

    def number(person: int) -> int:
        return numbers.setdefault(person, len(numbers) + 1)

    seats = tuple(
        replace(
            seat,
            person=number(seat.person),
            also=tuple(map(number, seat.also)),
            by=None if seat.by is None else number(seat.by),
        )
        for seat in state.seats
    )
    return replace(state, drafter=number(state.drafter), seats=seats), tuple(reach.items()), number(me)


@lru_cache(maxsize=4_096)
def _possible(state: State, reach: Reach, me: int) -> tuple[Kind, ...]:
    """Return what somebody may do by their seats; a box shows many documents that are like each other."""
    return tuple(kind for kind in OFFERED if _is_possible(state, kind, dict(reach), me))


def _is_possible(state: State, kind: Kind, reach: Mapping[int, Basis], me: int) -> bool:
    aimed = aim(state, kind, reach)
    if isinstance(aimed, Refusal):
        return False
    positions, basis = aimed
    added: tuple[Seat, ...] = ()
    if kind in ("consult", "assign", "change_line"):
        first = max((seat.position for seat in state.seats), default=0) + 1
        seat = state.seat(positions[0])
        part = "consult" if kind == "consult" else "receive" if seat and seat.part == "receive" else "review"
        added = (Seat(first, -1, part),)  # type: ignore[arg-type]  # one of Part
    return not isinstance(step(state, Act(kind, me, positions, basis, "-", added=added)), Refusal)


def _step_body(row: Mapping[str, Any], seat: Seat, reading: Reading) -> dict[str, Any]:
    which, people = reading.which, reading.people
    return {
        "position": seat.position,
        "person": person_body(people[seat.person]),
        "role": row["role"][which],
        "status": seat.state,
        "decided_at": rfc3339(row["decided_at"]) if row["decided_at"] else None,
        "comment": row["comment"],
        "part": seat.part,
        "stage": seat.stage,
        "why": row["why"][which] if row["why"] else None,
        "manner": seat.manner,
        "by": person_body(people[seat.by]) if seat.by is not None else None,
        "also": [person_body(people[person]) for person in seat.also],
        "due_at": rfc3339(row["due_at"]) if row["due_at"] else None,
    }


def _act_body(act: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    detail = act["detail"] or {}
    told = {name: detail[name] for name in ("positions", "basis", "consent", "note") if name in detail}
    return {
        "act": act["act"],
        "person": person_body(reading.people[act["person_id"]]),
        "agent": act["agent"],
        "at": rfc3339(act["at"]),
        "comment": act["comment"],
        **({"detail": told} if told else {}),
    }


def _provenance(reading: Reading, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Render where an agent's arguments came from; empty for what a person filed."""
    lang, operation = reading.lang, reading.company.operations.get(row["operation"])
    fields = operation.input.model_fields if operation is not None else {}
    labels = {name: parameter_label(name, field.description).to(lang) for name, field in fields.items()}
    labels |= {item["name"]: item["label"] for item in row["worded"][lang]} | {THE_ACT: _THE_ACT.to(lang)}
    return [
        {
            "name": name,
            "label": labels.get(name, name),
            "source": traced["source"],
            "says": WORDS[traced["source"]].to(lang),
            "by": traced["by"],
            "control": traced["control"],
            "vouched": traced["vouched"],
        }
        for name, traced in (row["provenance"] or {}).items()
    ]


def _record(rules: Rules, kind: str) -> type[Record] | None:
    known = (*rules.rows, *rules.changes)
    return next((record for record in known if record.__tablename__ == kind), None)


def _reads(rules: Rules, actor: Actor, item: Mapping[str, Any]) -> bool:
    record = _record(rules, item["type"])
    if record is None or item["field"] not in record.__table__.columns:
        return True
    return sight(actor, mark_of(record.__table__.columns[item["field"]].info)) == "open"


def _written(rules: Rules, actor: Actor, bound: Sequence[Mapping[str, Any]], lang: Lang) -> list[dict[str, Any]]:
    """Render which rows would be written, field by field; a field that the reader may not see shows no value."""
    found: list[dict[str, Any]] = []
    for item in bound:
        record = _record(rules, item["type"])
        if record is None:
            continue
        columns = record.__table__.columns
        fields = []
        for name, (before, after) in item["fields"].items():
            mark = mark_of(columns[name].info) if name in columns else None
            label = mark.label.to(lang) if mark and mark.label else name
            seen = mark is None or sight(actor, mark) == "open"
            told = {"before": before, "after": after} if seen else dict.fromkeys(("before", "after"), HIDDEN.to(lang))
            fields.append({"name": name, "label": label, **told})
        found.append(
            {
                "type": item["type"],
                "label": label_of(record).to(lang),
                "id": item["id"],
                "act": item["act"],
                "title": item["title"],
                "fields": fields,
            }
        )
    return found
