"""Is any gap between accepting a request, filing, deciding, the effect and the answer special? A kill -9 in each.

The process kills itself at a named point (`daeri.crash`); then a server is started as if nothing had been. What was not
decided is decided again and what was is not; every run ends, every document is used once, and the whole database is
checked (`approvals/invariants.py`).
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from approvals import invariants
from approvals.racing import FIRST_ROLES, Keys, furnished
from daeri.crash import VARIABLE, crash_at
from databases import NOTE, POSTGRES, engine_of, look, only_postgres
from servers import Answer, Gone, Server
from worlds import LEAD, OWNER

POINT, OUTSIDE_FILE = "point", "outside"
HERE = str(Path(__file__).parents[1])
LONG_AGO = "2026-01-01 00:00:00.000000"
"""When a call was begun that nobody waits for any more."""


def most_at_night(*points: str, by_day: str) -> list[Any]:
    """Return points of which one is tried with every change, and the others at night."""
    return [each if each == by_day else pytest.param(each, marks=pytest.mark.night) for each in points]


@dataclass
class House:
    """A server that is killed and started again, and everyone's keys."""

    server: Server
    keys: dict[int, Keys]
    folder: Path
    days: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def dies_at(self, point: str) -> None:
        """Tell the server where to kill itself."""
        (self.folder / POINT).write_text(point)

    def dies(self) -> None:
        """Wait until the server has killed itself, as it was told to."""
        assert self.server.process is not None
        assert self.server.process.wait(30) == -9
        assert not (self.folder / POINT).exists()

    def call(self, person: int, path: str, body: Any = None, *, method: str = "POST", **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.server.call(method, path, body, key=self.keys[person].first, headers=sent)

    def asks(self, day: int, **how: Any) -> Answer:
        words = {"input": f"2027년 1월 {day}일 하루 휴가 신청해줘"}
        return self.call(OWNER, "/v1/runs", words, Idempotency_Key=f"day-{day}", **how)

    def files(self, day: int) -> tuple[str, str]:
        """Let an agent file a leave; return its run and the document."""
        run_id = self.asks(day).body["run_id"]
        return run_id, self.waits(run_id)

    def waits(self, run_id: str) -> str:
        body = self.server.until(
            f"/v1/runs/{run_id}", self.keys[OWNER].first, lambda run: run["status"] == "waiting_approval"
        )
        (approval_id,) = body["approvals"]
        return str(approval_id)

    def ends(self, run_id: str, seconds: float = 30) -> None:
        self.server.until(
            f"/v1/runs/{run_id}", self.keys[OWNER].first, lambda run: run["status"] == "succeeded", seconds
        )

    def approve(self, approval_id: str) -> int:
        path = f"/v1/approvals/{approval_id}/decisions"
        return self.call(LEAD, path, {"decision": "approve"}).status

    def approve_and_die(self, approval_id: str) -> None:
        """Approve; the server dies of it, so the answer may not come."""
        with suppress(Gone):
            self.approve(approval_id)
        self.dies()

    def status(self, approval_id: str) -> str:
        return str(self.call(OWNER, f"/v1/approvals/{approval_id}", method="GET").body["status"])

    def booked(self, day: int) -> list[tuple[Any, ...]]:
        return look(self.server.folder, "SELECT count(*) FROM w_leave WHERE start = :day", day=f"2027-01-{day:02}")

    def sent(self, number: int) -> list[str]:
        outside = self.folder / OUTSIDE_FILE
        lines = outside.read_text().splitlines() if outside.exists() else []
        return [line.partition(" ")[2] for line in lines if line.startswith(f"{number} ")]

    def check(self) -> None:
        folder = self.server.folder
        engine = engine_of(folder / NOTE if POSTGRES else folder / "daeri.db")
        try:
            with engine.connect() as connection:
                invariants.check(connection, FIRST_ROLES, start=100)
                invariants.check_runs(connection)
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("gaps") / "data"
    more = {
        "DAERI_COMPANY": "approvals.racing:company",
        "PYTHONPATH": f"{HERE}:{os.environ.get('PYTHONPATH', '')}",
        "RACING_OUTSIDE": str(folder.parent / OUTSIDE_FILE),
        VARIABLE: str(folder.parent / POINT),
    }
    keys = furnished(folder)
    server = Server(folder, more=more)
    yield House(server.start(), keys, folder.parent)
    server.stop()


REQUESTED = most_at_night("run.accepted", "run.claimed", "call.whole", "call.committed", by_day="call.committed")
UNDECIDED = most_at_night(
    "decision.begun", "decision.written", "effect.done", "decision.whole", by_day="decision.whole"
)
DECIDED = most_at_night(
    "decision.committed", "run.due", "run.claimed", "run.ending", "run.ended", by_day="decision.committed"
)
OUTSIDE = most_at_night("errand.claimed", "errand.called", "errand.written", by_day="errand.called")


def test_nothing_dies_where_nobody_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    crash_at("decision.begun")
    monkeypatch.setenv(VARIABLE, str(tmp_path / POINT))
    crash_at("decision.begun")
    (tmp_path / POINT).write_text("decision.whole")
    crash_at("decision.begun")
    assert (tmp_path / POINT).exists()


@pytest.mark.parametrize("point", REQUESTED)
def test_a_request_whose_server_dies_while_it_is_filed_becomes_one_document(house: House, point: str) -> None:
    day = next(house.days)
    house.dies_at(point)
    with suppress(Gone):
        house.asks(day)
    house.dies()
    house.server.start()
    run_id = house.asks(day).body["run_id"]
    approval_id = house.waits(run_id)
    assert house.approve(approval_id) == 200
    house.ends(run_id)
    assert look(house.server.folder, "SELECT count(*) FROM approval WHERE run_id = :id", id=run_id) == [(1,)]
    assert house.booked(day) == [(1,)]
    house.check()


@pytest.mark.parametrize("point", UNDECIDED)
def test_a_decision_whose_server_dies_before_the_commit_was_not_made(house: House, point: str) -> None:
    day = next(house.days)
    run_id, approval_id = house.files(day)
    house.dies_at(point)
    house.approve_and_die(approval_id)
    house.server.start()
    assert (house.status(approval_id), house.booked(day)) == ("in_progress", [(0,)])
    assert (house.approve(approval_id), house.approve(approval_id)) == (200, 409)
    house.ends(run_id)
    assert (house.status(approval_id), house.booked(day)) == ("applied", [(1,)])
    house.check()


@pytest.mark.parametrize("point", DECIDED)
def test_a_decision_whose_server_dies_after_the_commit_stands_and_its_run_goes_on(house: House, point: str) -> None:
    day = next(house.days)
    run_id, approval_id = house.files(day)
    house.dies_at(point)
    house.approve_and_die(approval_id)
    house.server.start()
    assert (house.status(approval_id), house.booked(day)) == ("applied", [(1,)])
    assert house.approve(approval_id) == 409
    house.ends(run_id)
    assert house.booked(day) == [(1,)]
    house.check()


@pytest.mark.parametrize("point", OUTSIDE)
@pytest.mark.parametrize("operation", ["send", pytest.param("send_safely", marks=pytest.mark.night)])
def test_a_call_outside_whose_server_dies_is_made_again_only_where_that_is_safe(
    house: House, operation: str, point: str
) -> None:
    number = next(house.days)
    house.dies_at(point)
    filed = house.call(OWNER, f"/v1/ops/books.{operation}", {"number": number})
    approval_id = filed.body["approval_id"]
    house.approve_and_die(approval_id)
    before = house.sent(number)
    assert len(before) == (0 if point == "errand.claimed" else 1)
    look(house.server.folder, f"UPDATE errand SET called_at = '{LONG_AGO}' WHERE state = 'calling'")
    house.server.start()
    wanted = "applied" if point == "errand.written" or operation == "send_safely" else "apply_unknown"
    path = f"/v1/approvals/{approval_id}"
    house.server.until(path, house.keys[OWNER].first, lambda body: body["status"] == wanted)
    if wanted == "apply_unknown":
        assert house.sent(number) == before
        outcome = {"decision": "settle", "comment": "확인했어요", "outcome": "applied" if before else "apply_failed"}
        assert house.call(OWNER, f"{path}/decisions", outcome).status == 200
        if not before:
            assert house.call(OWNER, f"{path}/decisions", {"decision": "retry"}).status == 200
    house.server.until(path, house.keys[OWNER].first, lambda body: body["status"] == "applied")
    assert house.approve(approval_id) == 409
    assert len(set(house.sent(number))) == 1  # one key: the other side acts once
    assert len(house.sent(number)) == (2 if before and point == "errand.called" and operation == "send_safely" else 1)
    house.check()


@pytest.mark.night
@only_postgres("one server works on a file; on PostgreSQL another one is there already")
@pytest.mark.parametrize("point", ["decision.committed", "run.due", "run.claimed", "run.ending"])
def test_another_server_goes_on_with_what_a_killed_one_had_decided(house: House, point: str) -> None:
    day = next(house.days)
    run_id, approval_id = house.files(day)
    more = {name: value for name, value in house.server.more.items() if name != VARIABLE}
    other = Server(house.folder / f"beside-{point}", more=more, beside=house.server)
    with ExitStack() as running:
        running.callback(other.stop)
        other.start()
        house.dies_at(point)
        house.approve_and_die(approval_id)
        second = House(other, house.keys, house.folder)
        second.ends(run_id, 30)
        assert second.approve(approval_id) == 409
    house.server.start()
    assert house.booked(day) == [(1,)]
    house.check()
