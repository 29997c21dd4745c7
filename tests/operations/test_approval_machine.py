"""Do approvals stay true whatever people do, in whatever order? A random company against a simple oracle."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from daeri.errors import DaeriError
from daeri.records import Actor, audit
from daeri.records.store import Store
from databases import address, forget
from worlds import CHIEF, COLLEAGUE, DIRECTOR, HR, LEAD, OTHER_LEAD, OWNER, STRANGER, World, build, furnish

PEOPLE = (OWNER, COLLEAGUE, STRANGER, LEAD, OTHER_LEAD, DIRECTOR, CHIEF, HR)
DRAFTERS = {OWNER: LEAD, COLLEAGUE: LEAD, STRANGER: OTHER_LEAD}
FINAL = ("applied", "rejected", "withdrawn", "apply_failed")


@dataclass(slots=True)
class Expected:
    """What the oracle knows of a document."""

    drafter: int
    day: int
    line: tuple[int, ...]
    status: str = "in_progress"
    approved: int = 0
    version: int = 1
    history: list[str] = field(default_factory=lambda: ["draft"])


class Approving(RuleBasedStateMachine):
    """File, approve, reject, withdraw: by right and wrong people, as persons and through agents, in any order."""

    documents: Bundle[str] = Bundle("documents")
    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.template, self.folder / "daeri.db")
        self.world: World = build(Store(address(self.folder / "daeri.db")))
        self.expected: dict[str, Expected] = {}
        self.booked: set[tuple[int, int]] = set()
        self.numbers = 0

    def teardown(self) -> None:
        self.check_books()
        self.runner.run(self.world.store.read(audit.verify))
        self.runner.run(self.world.store.close())
        self.runner.close()
        forget(self.folder / "daeri.db")
        shutil.rmtree(self.folder)

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def actor(self, person: int, how: str) -> Actor:
        if how == "agent":
            return self.run(self.world.deputy(person))  # type: ignore[no-any-return]
        return self.run(self.world.actor(person, decides=how == "person"))  # type: ignore[no-any-return]

    @rule(
        target=documents,
        drafter=st.sampled_from(sorted(DRAFTERS)),
        day=st.integers(1, 4),
        days=st.sampled_from([1, 3]),
        how=st.sampled_from(["person", "agent"]),
    )
    def file(self, drafter: int, day: int, days: int, how: str) -> Any:
        arguments = {"start": f"2026-12-{day:02}", "days": str(days)}
        try:
            held = self.run(self.world.held(self.actor(drafter, how), "work.request", arguments))
        except DaeriError:
            assert (drafter, day) in self.booked
            return multiple()
        assert (drafter, day) not in self.booked
        line = (DRAFTERS[drafter],) if days == 1 else (DRAFTERS[drafter], DIRECTOR)
        self.expected[held.approval_id] = Expected(drafter, day, line)
        return held.approval_id

    @rule(
        approval_id=documents,
        person=st.sampled_from(PEOPLE),
        how=st.sampled_from(["person", "person", "person", "agent", "key"]),
        decision=st.sampled_from(["approve", "approve", "approve", "reject"]),
        comment=st.sampled_from(["네", "", None]),
        lag=st.sampled_from([None, 0, 0, 1]),
    )
    def decide(self, approval_id: str, person: int, how: str, decision: Any, comment: Any, lag: Any) -> None:
        self.attempt(approval_id, person, how, decision, comment, lag)

    @rule(approval_id=documents, comment=st.sampled_from(["네", None]), lag=st.sampled_from([None, 0, 0, 1]))
    def approve_in_turn(self, approval_id: str, comment: Any, lag: int | None) -> None:
        known = self.expected[approval_id]
        person = known.line[min(known.approved, len(known.line) - 1)]
        self.attempt(approval_id, person, "person", "approve", comment, lag)

    def attempt(self, approval_id: str, person: int, how: str, decision: Any, comment: Any, lag: int | None) -> None:
        known = self.expected[approval_id]
        right = (
            known.status == "in_progress"
            and how == "person"
            and person == known.line[known.approved]
            and (decision == "approve" or bool(comment))
            and lag in (None, 0)
        )
        version = None if lag is None else known.version - lag
        try:
            body = self.run(
                self.world.approvals.decide(self.actor(person, how), approval_id, decision, comment, version=version)
            )
        except DaeriError:
            assert not right
            return
        assert right
        self.decided(known, decision)
        assert body["status"] == known.status

    def decided(self, known: Expected, decision: str) -> None:
        known.history.append(decision)
        known.version += 1
        if decision == "reject":
            known.status = "rejected"
            return
        known.approved += 1
        if known.approved < len(known.line):
            return
        if (known.drafter, known.day) in self.booked:
            known.status = "apply_failed"
            known.history.append("apply_failed")
            return
        known.status = "applied"
        known.history.append("apply")
        self.booked.add((known.drafter, known.day))
        self.numbers += 1

    @rule(approval_id=documents, person=st.sampled_from(PEOPLE), how=st.sampled_from(["person", "person", "agent"]))
    def withdraw(self, approval_id: str, person: int, how: str) -> None:
        self.take_back(approval_id, person, how)

    @rule(approval_id=documents)
    def withdraw_as_drafter(self, approval_id: str) -> None:
        self.take_back(approval_id, self.expected[approval_id].drafter, "person")

    def take_back(self, approval_id: str, person: int, how: str) -> None:
        known = self.expected[approval_id]
        right = how == "person" and person == known.drafter and known.status == "in_progress" and known.approved == 0
        try:
            self.run(self.world.approvals.withdraw(self.actor(person, how), approval_id))
        except DaeriError:
            assert not right
            return
        assert right
        known.status = "withdrawn"
        known.version += 1
        known.history.append("withdraw")

    @rule(approval_id=consumes(documents))
    def decide_twice_at_once(self, approval_id: str) -> None:
        known = self.expected[approval_id]
        person = known.line[min(known.approved, len(known.line) - 1)]
        actor = self.actor(person, "person")

        async def both() -> list[Any]:
            acts = (self.world.approvals.decide(actor, approval_id, "approve") for _ in range(2))
            return await asyncio.gather(*acts, return_exceptions=True)

        outcomes = self.run(both())
        done = [outcome for outcome in outcomes if isinstance(outcome, dict)]
        assert len(done) == (1 if known.status == "in_progress" else 0), outcomes
        if done:
            self.decided(known, "approve")

    @invariant()
    def the_documents_are_as_expected(self) -> None:
        rows = self.run(self.world.sql("select id, status, version, number from approval"))
        assert {row["id"]: (row["status"], row["version"]) for row in rows} == {
            key: (known.status, known.version) for key, known in self.expected.items()
        }
        for row in rows:
            assert (row["number"] is not None) == (row["status"] == "applied")

    @invariant()
    def the_leave_booked_is_what_was_applied(self) -> None:
        rows = self.run(self.world.sql("select employee_id, start from w_leave"))
        booked = sorted((row["employee_id"], int(row["start"][-2:])) for row in rows)
        assert booked == sorted(self.booked)

    def check_books(self) -> None:
        numbers = self.run(self.world.sql("select number from approval where number is not null order by number"))
        assert [row["number"] for row in numbers] == [f"DR-2026-{one:06}" for one in range(1, self.numbers + 1)]
        effects = self.run(self.world.sql("select approval_id from audit where outcome = 'applied'"))
        applied = {key for key, known in self.expected.items() if known.status == "applied"}
        assert sorted(row["approval_id"] for row in effects) == sorted(applied)
        acts = self.run(self.world.sql("select approval_id, act from approval_act order by approval_id, seq"))
        steps = self.run(self.world.sql("select approval_id, status from approval_step order by approval_id, position"))
        for key, known in self.expected.items():
            assert [row["act"] for row in acts if row["approval_id"] == key] == known.history
            assert [row["status"] for row in steps if row["approval_id"] == key] == self.line_of(known)

    @staticmethod
    def line_of(known: Expected) -> list[str]:
        line = ["approved"] * known.approved
        if known.status == "rejected":
            line.append("rejected")
        rest = len(known.line) - len(line)
        if known.status == "in_progress":
            return [*line, "waiting", *["upcoming"] * (rest - 1)]
        return [*line, *["skipped"] * rest]


def test_approvals_hold_whatever_people_do(tmp_path: Path) -> None:
    Approving.template = furnish(tmp_path / "template.db")
    case = Approving.TestCase
    case.settings = settings(
        max_examples=40,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    result = case("runTest").run()
    assert result is not None
    if result.errors or result.failures:
        pytest.fail(str((result.errors + result.failures)[0][1]))
