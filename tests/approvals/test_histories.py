"""Does the engine do what a simple oracle says, whatever people do, in whatever order? Whole histories, made at random.

After every step the invariants of the project are checked in the database: what was applied is what was approved
(I05), once (I06), by a complete line of people with the right (I07), never for what was turned down (I08), as the
person it was drafted for (I17), and the budget is spent exactly once for each (I25).
"""

import itertools
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule
from sqlalchemy import Connection, text

from approvals.house import WHY
from approvals.invariants import check_documents
from approvals.oracle import Document, Seat, Stage, seats
from approvals.oracle import World as Facts
from daeri.canonical import digest
from daeri.clock import FixedClock
from daeri.errors import DaeriError, Refused
from daeri.operations import Catalog, Company, Form, Line, Won, agree, anyone, holder, superior
from daeri.operations.approval import Approvals
from daeri.operations.invoke import Door
from daeri.operations.outcome import Held
from daeri.records import Actor, Records
from daeri.records.store import Store
from daeri.runs.runs import Runs
from daeri.runs.wakeups import Wakeups
from daeri.wording import Text
from databases import address, forget
from worlds import (
    AGENTS,
    AUDITOR,
    CHIEF,
    COLLEAGUE,
    DIRECTOR,
    FINANCE,
    HR,
    LEAD,
    NOW,
    OTHER_LEAD,
    OWNER,
    PEOPLE,
    ROLES,
    Project,
    Said,
    company,
    furnish,
    work,
)

T = TypeVar("T")
BUDGET = 400
SPENT = 100
ACTING = (OWNER, LEAD, DIRECTOR, CHIEF, FINANCE, HR, AUDITOR, OTHER_LEAD, COLLEAGUE)
ABOVE = {
    OWNER: [LEAD, DIRECTOR, CHIEF],
    LEAD: [DIRECTOR, CHIEF],
    DIRECTOR: [CHIEF],
    CHIEF: [],
    FINANCE: [CHIEF],
    HR: [CHIEF],
    AUDITOR: [CHIEF],
}
FORMS: dict[str, tuple[tuple[Any, ...], Callable[[], list[Stage]], dict[str, Any]]] = {
    "plain": ((superior(1), superior(2), superior(3)), lambda: seats(LEAD, DIRECTOR, CHIEF), {}),
    "quorum": (
        (
            agree(holder("finance"), holder("hr"), holder("auditor"), parallel=True, quorum=2),
            superior(1),
            superior(2),
        ),
        lambda: seats(
            Stage(
                [
                    Seat(FINANCE, "agree", role="finance"),
                    Seat(HR, "agree", role="hr"),
                    Seat(AUDITOR, "agree", role="auditor"),
                ],
                quorum=2,
            ),
            LEAD,
            DIRECTOR,
        ),
        {},
    ),
    "early": (
        (superior(1), superior(2), superior(3)),
        lambda: seats(LEAD, DIRECTOR, CHIEF),
        {"early": True, "recall": "in_progress"},
    ),
    "opinion": (
        (superior(1), agree(holder("hr"), may_reject=False), agree(holder("finance"), blocking=False), superior(2)),
        lambda: seats(
            LEAD,
            Seat(HR, "agree", may_reject=False, role="hr"),
            Seat(FINANCE, "agree", blocking=False, role="finance"),
            DIRECTOR,
        ),
        {"agree_early": True},
    ),
}
EFFECTS = text("select approval_id, person_id, agent, arguments_digest from audit where outcome = 'applied'")
COST = text("select cost from w_project where id = 1")
spending = Catalog("spending", Text("지출", "Spending"))


def declare(name: str, steps: tuple[Any, ...], policies: dict[str, Any]) -> None:
    """Declare an operation that spends from the one budget, by a form."""

    def line(amount: Won) -> Line:
        """Give the form's steps."""
        del amount
        return Line(*steps, rule=name, because=WHY)

    async def spend(records: Records, actor: Actor, amount: Won) -> Said:
        """Spend from the budget of the first project."""
        del actor
        row = await records.get(Project, 1)
        if row.cost + amount > BUDGET:
            raise Refused(Text("예산이 모자라요", "The budget does not suffice"))
        await records.change(row, cost=row.cost + amount)
        return Said(value=str(amount))

    spend.__name__ = name
    spending.write(label=Text(name, name), allow=anyone, approval=Form(line, **policies))(spend)


for _name, (_steps, _, _policies) in FORMS.items():
    declare(_name, _steps, _policies)


class Inline:
    """A store whose visits run at once on one connection, in a transaction that is never committed."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def read(self, work: Callable[[Connection], T]) -> T:
        return work(self.connection)

    async def write(self, work: Callable[[Connection], T]) -> T:
        with self.connection.begin_nested():
            return work(self.connection)

    note = write


def now(waiting: Coroutine[Any, Any, T]) -> T:
    """Run what never really waits."""
    try:
        waiting.send(None)
    except StopIteration as finished:
        return finished.value  # type: ignore[no-any-return]
    raise AssertionError


@dataclass
class Bench:
    """One database for all histories; each is rolled back."""

    store: Store
    company: Company

    @contextmanager
    def history(self) -> Iterator[Connection]:
        engine = self.store._backend.writing.engine
        with engine.connect() as connection:
            transaction = connection.begin()
            try:
                yield connection
            finally:
                transaction.rollback()


class Histories(RuleBasedStateMachine):
    """File, decide, go away, leave, lose roles, meddle: in any order, by anyone."""

    documents: Bundle[str] = Bundle("documents")
    bench: Bench

    def __init__(self) -> None:
        super().__init__()
        self.open = self.bench.history()
        self.connection = self.open.__enter__()
        store: Any = Inline(self.connection)
        self.clock = FixedClock(NOW)
        self.door = Door(self.bench.company, store, self.clock)
        runs = Runs(self.bench.company, store, self.clock, Wakeups())
        self.approvals = Approvals(self.bench.company, store, self.clock, self.door.execute_approved, runs.dispatch)
        roles = {"finance": {FINANCE}, "hr": {HR}, "auditor": {AUDITOR}}
        self.facts = Facts(roles=roles, above=ABOVE)
        self.expected: dict[str, Document] = {}
        self.amounts: dict[str, int] = {}
        self.bound: dict[str, int] = {}
        self.touched: set[str] = set()
        self.last: dict[str, int] = {}
        self.cost, self.row_version, self.numbers = SPENT, 1, 0
        self.absences = itertools.count(1)

    def teardown(self) -> None:
        try:
            self.check_boxes()
            self.check_numbers()
        finally:
            self.open.__exit__(None, None, None)

    def actor(self, person: int, *, decides: bool = True) -> Actor:
        one = next(each for each in PEOPLE if each["id"] == person)
        roles = frozenset(role for role, people in self.facts.roles.items() if person in people)
        return Actor(person, one["name"], team_id=one["team_id"], roles=roles, decides=decides, door="test")

    def sql(self, statement: str, **values: Any) -> None:
        self.connection.execute(text(statement), values)

    # ---- what happens

    @initialize(
        away=st.sampled_from([None, None, (LEAD, OTHER_LEAD), (LEAD, DIRECTOR), (DIRECTOR, LEAD), (FINANCE, HR)])
    )
    def someone_may_be_away(self, away: tuple[int, int] | None) -> None:
        if away is not None:
            self.goes_away_to(*away)

    @initialize(target=documents, form=st.sampled_from(sorted(FORMS)), amount=st.sampled_from([50, 100, 250]))
    def it_begins_with_a_document(self, form: str, amount: int) -> Any:
        return self.filed(form, amount)

    @rule(target=documents, form=st.sampled_from(sorted(FORMS)), amount=st.sampled_from([50, 100, 250]))
    def another_is_filed(self, form: str, amount: int) -> Any:
        return self.filed(form, amount) if len(self.expected) < 3 else multiple()

    def filed(self, form: str, amount: int) -> Any:
        if LEAD in self.facts.left or any(not people for people in self.facts.roles.values()):
            return multiple()  # another line; seating has tests of its own
        try:
            held = now(self.door.call(self.actor(OWNER), f"spending.{form}", {"amount": amount}))
        except Refused:
            assert self.cost + amount > BUDGET
            return multiple()
        assert isinstance(held, Held)
        assert self.cost + amount <= BUDGET
        _, line, policies = FORMS[form]
        known = {name: value for name, value in policies.items() if name in ("early", "agree_early", "recall")}
        self.expected[held.approval_id] = Document(OWNER, line(), self.facts, **known)
        self.amounts[held.approval_id], self.bound[held.approval_id] = amount, self.row_version
        self.touched.add(held.approval_id)
        return held.approval_id

    @rule(key=documents, which=st.integers(0, 2))
    def someone_approves_in_turn(self, key: str, which: int) -> None:
        self.act_in_turn(key, "approve", which, deputy=False)

    @rule(key=documents, which=st.integers(0, 2), deputy=st.booleans())
    def someone_or_their_deputy_approves(self, key: str, which: int, deputy: bool) -> None:
        self.act_in_turn(key, "approve", which, deputy=deputy)

    @rule(
        key=documents,
        person=st.sampled_from(ACTING),
        act=st.sampled_from(["approve", "reject", "hold", "release", "return_step", "undo", "withdraw"]),
        comment=st.sampled_from(["네", ""]),
    )
    def anyone_acts(self, key: str, person: int, act: str, comment: str) -> None:
        self.attempt(key, person, act, comment)

    @rule(
        key=documents,
        act=st.sampled_from(["approve", "approve", "reject", "hold", "return_step"]),
        which=st.integers(0, 2),
        deputy=st.booleans(),
    )
    def someone_acts_in_turn(self, key: str, act: str, which: int, deputy: bool) -> None:
        self.act_in_turn(key, act, which, deputy=deputy)

    @rule(key=documents, which=st.integers(0, 2))
    def a_line_goes_on_and_comes_back(self, key: str, which: int) -> None:
        self.act_in_turn(key, "approve", which, deputy=False)
        self.act_in_turn(key, "return_step", which, deputy=False)

    def act_in_turn(self, key: str, act: str, which: int, *, deputy: bool) -> None:
        asked = self.expected[key].asked()
        if not asked:
            return
        seat = asked[which % len(asked)]
        person = seat.also[-1] if seat.also else seat.person
        if deputy:
            person = self.facts.deputy_of(person) or person
        self.attempt(key, person, act, "네")

    @rule(key=documents, act=st.sampled_from(["approve", "approve", "reject"]), which=st.integers(0, 3))
    def someone_decides_before_or_after_their_turn(self, key: str, act: str, which: int) -> None:
        seats_of = self.expected[key].seats
        asked = self.expected[key].asked()
        others = [seat for seat in seats_of if seat not in asked and seat.verdict in (None, "after")]
        if others:
            self.attempt(key, others[-1 - which % len(others)].person, act, "네")

    @rule(key=documents)
    def the_last_to_decide_takes_it_back(self, key: str) -> None:
        if key in self.last:
            self.attempt(key, self.last[key], "undo", "")

    @rule(key=documents, act=st.sampled_from(["approve", "reject"]), how=st.sampled_from(["agent", "key"]))
    def no_person_acts(self, key: str, act: Any, how: str) -> None:
        asked = self.expected[key].asked()
        actor = self.actor(asked[0].person if asked else LEAD, decides=how == "agent")
        actor = replace(actor, agent="assistant") if how == "agent" else actor
        with pytest.raises(DaeriError):
            now(self.approvals.decide(actor, key, act, "네"))

    @rule(person=st.sampled_from([LEAD, DIRECTOR, FINANCE]), deputy=st.sampled_from([OTHER_LEAD, DIRECTOR, OWNER, HR]))
    def goes_away(self, person: int, deputy: int) -> None:
        if person != deputy and person not in self.facts.deputies:
            self.goes_away_to(person, deputy)

    def goes_away_to(self, person: int, deputy: int) -> None:
        self.facts.deputies[person] = deputy
        self.sql(
            "insert into absence (id, person_id, deputy_id, starts_at, ends_at, reason, set_by, created_at) "
            "values (:id, :person, :deputy, :starts, :ends, '', :person, :starts)",
            id=f"abs_{next(self.absences)}",
            person=person,
            deputy=deputy,
            starts=(NOW - timedelta(days=1)).replace(tzinfo=None),
            ends=(NOW + timedelta(days=9)).replace(tzinfo=None),
        )

    @precondition(lambda self: self.facts.deputies)
    @rule()
    def everyone_is_back(self) -> None:
        self.facts.deputies.clear()
        self.sql("delete from absence")

    @precondition(lambda self: LEAD not in self.facts.left)
    @rule()
    def the_lead_leaves(self) -> None:
        self.facts.left.add(LEAD)
        self.sql("update w_employee set left_on = '2026-11-20' where id = :id", id=LEAD)

    @rule(role=st.sampled_from(["finance", "hr"]))
    def a_role_is_taken_away(self, role: str) -> None:
        for person in self.facts.roles[role]:
            self.sql("update w_employee set roles = '[]' where id = :id", id=person)
        self.facts.roles[role] = set()

    @rule()
    def turns_are_looked_after(self) -> None:
        now(self.approvals.tend())
        for key, known in self.expected.items():
            moved = known.tend()
            known.version += moved
            if moved:
                self.touched.add(key)

    @rule()
    def someone_changes_the_record(self) -> None:
        self.sql("update w_project set version = version + 1 where id = 1")
        self.row_version += 1

    # ---- comparing

    def attempt(self, key: str, person: int, act: Any, comment: str) -> None:
        known = self.expected[key]
        does = getattr(known, act)
        should = does(person, comment) if act in ("reject", "hold", "return_step") else does(person)
        try:
            body = now(self.approvals.decide(self.actor(person), key, act, comment))
        except DaeriError as error:
            assert not should, (act, person, error)  # noqa: PT017 - either outcome is right, as the oracle says
            return
        assert should, (act, person, body["line"])
        self.last[key] = person
        self.touched.add(key)
        known.version += 1
        if known.status == "approved":
            self.carried_out(key, known)
        assert body["status"] == known.status
        assert body["version"] == known.version
        assert [(step["person"]["id"], step["status"]) for step in body["line"]] == known.shown()

    def carried_out(self, key: str, known: Document) -> None:
        if self.cost + self.amounts[key] > BUDGET or self.bound[key] != self.row_version:
            known.status = "apply_failed"
            return
        known.status = "applied"
        self.cost += self.amounts[key]
        self.row_version += 1
        self.numbers += 1

    def check_boxes(self) -> None:
        """The boxes hold what waits for each person, by their own seat or because it came up to them."""
        boxes = "select approval_id, person_id from {} where box = 'waiting'"
        statement = text(f"{boxes.format('approval_step')} union {boxes.format('approval_extra')}")
        found = {(row.approval_id, row.person_id) for row in self.connection.execute(statement)}
        expected = {
            (key, person) for key, known in self.expected.items() for person in ACTING if self.waits_for(known, person)
        }
        assert found == expected

    def check_numbers(self) -> None:
        found = self.connection.execute(text("select number from approval where number is not null order by number"))
        assert [row.number for row in found] == [f"DR-2026-{one:06}" for one in range(1, self.numbers + 1)]

    @staticmethod
    def waits_for(known: Document, person: int) -> bool:
        after = [] if known.status in ("rejected", "withdrawn") else known.seats
        asked = known.asked() + [seat for seat in after if seat.verdict == "after"]
        own = any(person == seat.person or person in seat.also for seat in asked)
        return own or (person == known.drafter and known.follow_ups > 0)

    # ---- invariants

    @invariant()
    def documents_stand_as_their_acts_say(self) -> None:
        """I05, I07: content, form, line and acts are those that were sealed and audited, and lead to this state."""
        for key, document in check_documents(self.connection, sorted(self.touched)).items():
            assert document.state.status == self.expected[key].status
        self.touched.clear()

    @invariant()
    def effects_are_those_of_applied_documents(self) -> None:
        """I05, I06, I08, I17, I25: once each, as its drafter, of exactly the arguments that were approved."""
        effects = self.connection.execute(EFFECTS).all()
        applied = {key for key, known in self.expected.items() if known.status == "applied"}
        assert sorted(row.approval_id for row in effects) == sorted(applied)
        for row in effects:
            assert (row.person_id, row.agent) == (OWNER, None)
            assert row.arguments_digest == digest({"amount": self.amounts[row.approval_id]})
        spent = sum(self.amounts[key] for key in applied)
        cost = self.connection.execute(COST).scalar_one()
        assert SPENT + spent == cost == self.cost <= BUDGET


def run_histories(folder: Path, count: int, steps: int, *, alike: bool = False) -> None:
    """Try so many histories: `alike` the same ones each time."""
    template = furnish(folder / "histories.db")
    store = Store(address(template))
    Histories.bench = Bench(store, Company(company.name, [work, spending], AGENTS, ROLES))
    case = Histories.TestCase
    case.settings = settings(
        max_examples=count,
        stateful_step_count=steps,
        derandomize=alike,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    try:
        result = case("runTest").run()
    finally:
        store._close()
        forget(template)
    assert result is not None
    if result.errors or result.failures:
        pytest.fail(str((result.errors + result.failures)[0][1]))


def test_four_hundred_histories_are_as_the_oracle_says(tmp_path: Path) -> None:
    run_histories(tmp_path, 400, 10, alike=True)


@pytest.mark.night
def test_twenty_thousand_long_histories_are_as_the_oracle_says(tmp_path: Path) -> None:
    run_histories(tmp_path, 20_000, 20)
