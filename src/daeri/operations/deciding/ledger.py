"""How do states and acts become rows, and rows states? The only writer of documents, steps, acts and notices.

`approval_act` is appended to and never changed. Everything else follows from it and is written in the same
transaction. The document's row is locked before anything of it is read, so that on PostgreSQL, too, the second of two
simultaneous acts sees what the first did.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import BindParameter, Connection, Row, bindparam, delete, insert, select, update
from ulid import ULID

from daeri.operations.deciding.calendar import due_after
from daeri.operations.deciding.model import DECIDING, OPEN, SPACING, Act, Kind, Policy, Seat, State
from daeri.operations.documents import approval, approval_act, approval_extra, approval_step, notice
from daeri.wording import Text

_KEY: BindParameter[str] = bindparam("key")
_DOCUMENT = select(approval).where(approval.c.id == _KEY)
_LOCKED = _DOCUMENT.with_for_update()
_STEPS = select(approval_step).where(approval_step.c.approval_id == _KEY).order_by(approval_step.c.position)
_ACTS = (
    select(approval_act)
    .where(approval_act.c.approval_id.in_(bindparam("keys", expanding=True)))
    .order_by(approval_act.c.approval_id, approval_act.c.seq)
)
_MANY_STEPS = (
    select(approval_step)
    .where(approval_step.c.approval_id.in_(bindparam("keys", expanding=True)))
    .order_by(approval_step.c.approval_id, approval_step.c.position)
)
# fmt: off
_MUTABLE = (
    "person_id", "status", "manner", "by_id", "also", "stage", "track", "turn", "needs", "box", "opened_at", "due_at",
    "decided_at", "comment",
)
# fmt: on
_UPDATE_STEP = (
    update(approval_step)
    .where(approval_step.c.approval_id == _KEY, approval_step.c.position == bindparam("at_position"))
    .values({name: bindparam(f"new_{name}", type_=approval_step.c[name].type) for name in _MUTABLE})
)
_INSERT_STEPS = insert(approval_step)
_INSERT_ACT = insert(approval_act)
_INSERT_NOTICES = insert(notice)
_DROP_EXTRA = delete(approval_extra).where(approval_extra.c.approval_id == _KEY)
_INSERT_EXTRA = insert(approval_extra)
_SEAT_FIELDS = tuple(field.name for field in fields(Seat))
PROGRESS = "progress"
"""Where a document lies for those who decided on it while others still have to."""
_DECIDED = frozenset({"approved", "rejected", "opposed", "objected", "read", "received", "returned", "answered"})


@dataclass(frozen=True, slots=True)
class Label:
    """What a seat is called and why it is there, beside what the machine knows of it."""

    role: Text
    why: Text
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read: its row, the rows of its steps, and the state they tell."""

    row: Mapping[str, Any]
    steps: Mapping[int, Mapping[str, Any]]
    state: State

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.row["id"])

    @property
    def operation(self) -> str:
        """The operation that it would carry out."""
        return str(self.row["operation"])

    @property
    def items(self) -> Sequence[Mapping[str, Any]]:
        """The calls that it decides, each with its columns: its own, and those bundled with it."""
        return [self.row, *self.row["bundled"]]

    @property
    def operations(self) -> Sequence[str]:
        """The operations that it would carry out, one for each call."""
        return operations_of(self.operation, self.row["bundled"])

    @property
    def form(self) -> Mapping[str, Any]:
        """What it keeps of its form."""
        return cast("Mapping[str, Any]", self.row["form"])


def read(connection: Connection, approval_id: str, *, lock: bool = False) -> Document | None:
    """Return a document; locked until the end of the transaction where it is going to change."""
    row = connection.execute(_LOCKED if lock else _DOCUMENT, {"key": approval_id}).one_or_none()
    if row is None:
        return None
    return document_of(cells(row), list(map(cells, connection.execute(_STEPS, {"key": approval_id}))))


def operations_of(first: str, bundled: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the operations of a document's calls."""
    return [first, *(item["operation"] for item in bundled)]


def cells(row: Row[Any]) -> dict[str, Any]:
    """Return a row's values by column."""
    return row._asdict()


def document_of(row: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> Document:
    """Make a document of its rows."""
    state = State(
        drafter=row["drafter_id"],
        seats=tuple(map(_seat, steps)),
        policy=policy_of(row["form"]),
        status=row["status"],
        undoable=tuple(row["undoable"] or ()),
    )
    return Document(row, {step["position"]: step for step in steps}, state)


def policy_of(form: Mapping[str, Any]) -> Policy:
    """Return what the machine needs to know of a frozen form."""
    return Policy(**form.get("machine", {}))


def _seat(row: Mapping[str, Any]) -> Seat:
    return Seat(
        position=row["position"],
        person=row["person_id"],
        part=row["part"],
        stage=row["stage"],
        track=row["track"],
        turn=row["turn"],
        state=row["status"],
        quorum=row["quorum"],
        may_reject=row["may_reject"],
        blocking=row["blocking"],
        fixed=row["fixed"],
        delegated=row["delegated"],
        alone=row["alone"],
        team=row["team_id"],
        also=tuple(row["also"] or ()),
        by=row["by_id"],
        manner=row["manner"],
    )


def seat_body(seat: Seat) -> dict[str, Any]:
    """Return a seat as JSON values, as a document keeps its line."""
    return asdict(seat) | {"also": list(seat.also)}


def seat_of(body: Mapping[str, Any]) -> Seat:
    """Return a seat from its JSON values; what else stands beside it is left out."""
    values = {name: body[name] for name in _SEAT_FIELDS if name in body}
    return Seat(**(values | {"also": tuple(values.get("also", ()))}))


def filed_state(document: Document) -> State:
    """Return the state in which a document was filed, before anyone was asked."""
    row = document.row
    line = row["line"] or legacy_line(document.steps.values())
    return State(row["drafter_id"], tuple(map(seat_of, line)), policy_of(row["form"]))


def acts(connection: Connection, approval_ids: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the acts on documents, each in order; the first is its filing."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in connection.execute(_ACTS, {"keys": list(approval_ids)}):
        found.setdefault(row.approval_id, []).append(cells(row))
    return found


def act_of(row: Mapping[str, Any]) -> Act:
    """Return an act from its row."""
    detail = row["detail"] or {}
    return Act(
        kind=cast("Kind", row["act"]),
        by=row["person_id"],
        positions=tuple(detail.get("positions", ())),
        basis=detail.get("basis", "own"),
        comment=row["comment"] or "",
        added=tuple(map(seat_of, detail.get("added", ()))),
        dropped=tuple(detail.get("dropped", ())),
        person=detail.get("person"),
        stuck=detail.get("stuck", False),
        consent=detail.get("consent", False),
        outcome=detail.get("outcome"),
    )


def _detail(act: Act, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of an act has no column of its own; only what says something."""
    told: dict[str, Any] = {
        "positions": list(act.positions),
        "basis": act.basis if act.basis != "own" else None,
        "added": [seat_body(seat) for seat in act.added],
        "dropped": list(act.dropped),
        "person": act.person,
        "stuck": act.stuck,
        "consent": act.consent,
        "outcome": act.outcome,
    }
    return {name: value for name, value in told.items() if value} | dict(more)


def box_of(seat: Seat, status: str) -> str:
    """Return in which box of its person a seat puts the document; "" = in none."""
    if seat.decides:
        if seat.state in OPEN or (seat.state == "after" and status not in ("rejected", "withdrawn")):
            return "waiting"
        if seat.state == "upcoming":
            return "upcoming" if status == "in_progress" else ""
        if seat.state == "rejected":
            return "rejected"
        if status == "in_progress" and seat.state in _DECIDED:
            return PROGRESS
        return "done" if seat.state in _DECIDED else ""
    if seat.part in ("cc", "view", "post_read"):
        return "cc" if seat.state in ("waiting", "read") else ""
    if seat.state == "waiting":
        return "waiting"
    return "done" if seat.state in _DECIDED else ""


def step_row(seat: Seat, label: Label, approval_id: str, status: str, opened_at: datetime | None) -> dict[str, Any]:
    """Return the row of a new seat."""
    return {
        "approval_id": approval_id,
        "position": seat.position,
        "person_id": seat.person,
        "role": [label.role.ko, label.role.en],
        "why": [label.why.ko, label.why.en],
        "needs": label.needs,
        "part": seat.part,
        "stage": seat.stage,
        "track": seat.track,
        "turn": seat.turn,
        "quorum": seat.quorum,
        "may_reject": seat.may_reject,
        "blocking": seat.blocking,
        "fixed": seat.fixed,
        "delegated": seat.delegated,
        "alone": seat.alone,
        "team_id": seat.team,
        "also": list(seat.also),
        "status": seat.state,
        "manner": seat.manner,
        "by_id": seat.by,
        "box": box_of(seat, status),
        "opened_at": opened_at if seat.state == "waiting" else None,
        "due_at": None,
        "decided_at": None,
        "comment": None,
    }


@dataclass(frozen=True, slots=True)
class Written:
    """One act to write down, and what follows from it.

    Attributes:
        after: the state it leads to.
        labels: of the seats it brings in, by position.
        detail: further facts of the act, for people to read.
        values: columns of the document that change besides the state.
        quiet: it changes nothing that a decision rests on, so the version stays.
    """

    act: Act
    after: State
    at: datetime
    labels: Mapping[int, Label] | None = None
    detail: Mapping[str, Any] | None = None
    agent: str | None = None
    quiet: bool = False


class Writer:
    """Writes acts on one document, one after the other, and its row at the end: once a transaction."""

    def __init__(self, connection: Connection, document: Document) -> None:
        """Take a document that was read under its lock."""
        self._connection = connection
        self._document = document
        self._seq = int(document.row["acts"])
        self._loud = False
        self.state = document.state
        self.acts: list[dict[str, Any]] = []
        self._steps = {position: dict(row) for position, row in document.steps.items()}
        self._changed: set[int] = set()
        self._new: set[int] = set()
        self._notices: list[dict[str, Any]] = []
        self._also = any(seat.also for seat in document.state.seats)

    @property
    def document(self) -> Document:
        """The document as it was read."""
        return self._document

    def write(self, written: Written) -> None:
        """Append an act and take its state over."""
        act, at = written.act, written.at
        self._seq += 1
        self._loud = self._loud or not written.quiet
        row = {
            "approval_id": self._document.id,
            "seq": self._seq,
            "act": act.kind,
            "person_id": act.by,
            "agent": written.agent,
            "at": at,
            "comment": act.comment or None,
            "detail": _detail(act, written.detail or {}),
            "digest": self._document.row["digest"],
        }
        self._connection.execute(_INSERT_ACT, row)
        self.acts.append(row)
        before = {seat.position: seat for seat in self.state.seats}
        for seat in written.after.seats:
            earlier = before.get(seat.position)
            if earlier != seat or self.state.status != written.after.status:
                self._seat_changed(earlier, seat, written)
        self._also = self._also or any(seat.also for seat in written.after.seats)
        self.state = written.after

    def _seat_changed(self, earlier: Seat | None, seat: Seat, written: Written) -> None:
        act, status = written.act, written.after.status
        opens = seat.state in ("waiting", "after") and (earlier is None or earlier.state != seat.state)
        if earlier is None:
            label = (written.labels or {}).get(seat.position) or self._inherited(seat)
            row = self._steps[seat.position] = step_row(seat, label, self._document.id, status, written.at)
            self._new.add(seat.position)
        else:
            row = self._steps[seat.position]
            self._changed.add(seat.position)
            acted = seat.position in act.positions
            row |= {"person_id": seat.person, "status": seat.state, "manner": seat.manner, "by_id": seat.by}
            row |= {"stage": seat.stage, "track": seat.track, "turn": seat.turn, "also": list(seat.also)}
            row["box"] = box_of(seat, status)
            if seat.person != earlier.person:
                row["needs"] = None
            if acted and seat.state in _DECIDED:
                row |= {"decided_at": written.at, "comment": act.comment or None, "due_at": None}
            elif acted and seat.state == "held":
                row["comment"] = act.comment or None
            elif seat.state != earlier.state:
                row |= {"decided_at": None, "comment": None, "due_at": None}
        if opens:
            row["opened_at"] = written.at
            row["due_at"] = _due(self._document.form, seat.state, seat.part, written.at)
            self._tell(seat.person, "after" if seat.state == "after" else f"{seat.part}", written.at)
        for person in seat.also:
            if earlier is not None and person not in earlier.also:
                self._tell(person, "escalated", written.at)

    def _inherited(self, seat: Seat) -> Label:
        """Name a seat that the machine itself made: what a deputy decided, or what an objection left to answer."""
        if seat.part == "post_read":
            return Label(Text("후열", "read later"), Text("대결한 내용을 나중에 봐요", "a deputy decided for them"))
        return Label(Text("기안자", "drafter"), Text("답해야 할 의견이 있어요", "an objection needs an answer"))

    def _tell(self, person: int, kind: str, at: datetime) -> None:
        row = {"id": f"ntc_{ULID()}", "person_id": person, "approval_id": self._document.id, "kind": kind, "at": at}
        self._notices.append(row)

    def finish(self, at: datetime, **values: Any) -> Document:
        """Write what the acts led to: the steps that changed, the document's row, whom to tell; return it as it is."""
        key, state, before = self._document.id, self.state, self._document.row
        changed = sorted(self._changed - self._new)
        if changed:
            rows = [self._steps[position] for position in changed]
            new = [{f"new_{name}": row[name] for name in _MUTABLE} for row in rows]
            self._connection.execute(
                _UPDATE_STEP,
                [{"key": key, "at_position": row["position"]} | each for row, each in zip(rows, new, strict=True)],
            )
        if self._new:
            self._connection.execute(_INSERT_STEPS, [self._steps[position] for position in sorted(self._new)])
        if self._also:
            self._write_extra()
        if state.status != before["status"]:
            self._tell(state.drafter, state.status, at)
        told = {"acts": self._seq, "status": state.status, "undoable": list(state.undoable), **values}
        told["version"] = before["version"] + (1 if self._loud else 0)
        self._connection.execute(update(approval).where(approval.c.id == key).values(**told))
        if self._notices:
            self._connection.execute(_INSERT_NOTICES, self._notices)
        return Document({**before, **told}, self._steps, state)

    def _write_extra(self) -> None:
        key = self._document.id
        rows = [
            {"approval_id": key, "position": seat.position, "person_id": person, "box": box}
            for seat in self.state.seats
            for person in seat.also
            if (box := box_of(seat, self.state.status))
        ]
        self._connection.execute(_DROP_EXTRA, {"key": key})
        if rows:
            self._connection.execute(_INSERT_EXTRA, rows)


def _due(form: Mapping[str, Any], state: str, part: str, at: datetime) -> datetime | None:
    if state == "after":
        days = form.get("after_days")
        return due_after(at, days) if days else None
    deadline = form.get("deadline")
    return due_after(at, deadline["days"]) if deadline and part in DECIDING else None


def set_due(steps: Iterable[dict[str, Any]], form: Mapping[str, Any], at: datetime) -> None:
    """Set when the turns end that open with the filing."""
    for step in steps:
        if step["status"] == "waiting":
            step["due_at"] = _due(form, step["status"], step["part"], at)


def notices_of_filing(approval_id: str, seats: Iterable[Seat], at: datetime) -> list[dict[str, Any]]:
    """Return whom to tell that a document was filed: whose turn it is, and who may read."""
    return [
        {"id": f"ntc_{ULID()}", "person_id": seat.person, "approval_id": approval_id, "kind": seat.part, "at": at}
        for seat in seats
        if seat.state == "waiting"
    ]


def legacy_line(steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the line of a document that was filed before lines were kept: its steps, in order, undecided."""
    return [seat_body(Seat(step["position"], step["person_id"], stage=step["position"] * SPACING)) for step in steps]


def with_turns(document: Document, played: Sequence[Act]) -> list[Act]:
    """Return acts of a document that was filed before acts named their turns, each with the turn it took."""
    turns: dict[int, list[int]] = {}
    for seat in document.state.seats:
        turns.setdefault(seat.person, []).append(seat.position)
    return [
        replace(act, positions=(turns[act.by].pop(0),)) if not act.positions and turns.get(act.by) else act
        for act in played
    ]


def steps_of(connection: Connection, approval_ids: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the steps of documents, each in order."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in connection.execute(_MANY_STEPS, {"keys": list(approval_ids)}):
        found.setdefault(row.approval_id, []).append(cells(row))
    return found
