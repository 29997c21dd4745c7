"""Is a document decided once, by people who may, whoever acts in the same instant? Real servers, real threads.

On PostgreSQL two servers share the database and the threads are spread over both. After every race the whole database
is checked (`invariants.py`): one effect at most, by a complete line of people who had the right at the instant.
"""

import itertools
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from approvals import invariants
from approvals.racing import FIRST_ROLES, Keys, furnished
from databases import NOTE, POSTGRES, engine_of
from servers import Answer, Server
from worlds import AUDITOR, COLLEAGUE, DIRECTOR, FINANCE, HR, LEAD, OTHER_LEAD, OWNER, STRANGER

ROUNDS = [3, pytest.param(60, marks=pytest.mark.night)]
CLICKS = 50
LOST = {403, 404, 409, 412}
"""What whoever came too late is told."""
HERE = str(Path(__file__).parents[1])


@dataclass(frozen=True)
class Request:
    """One request that is sent in the same instant as others."""

    key: str
    path: str
    body: Any = None
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    late: float = 0.0


@dataclass
class House:
    """Servers on one database, and everyone's keys."""

    servers: list[Server]
    keys: dict[int, Keys]
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def call(self, person: int, path: str, body: Any = None, *, method: str = "POST") -> Answer:
        return self.servers[0].call(method, path, body, key=self.keys[person].first)

    def file(self, form: str, by: int = OWNER) -> str:
        title = f"{form} {next(self.numbers)}"
        return self._filed(self.call(by, f"/v1/ops/papers.{form}", {"title": title}))

    def spend(self, amount: int) -> str:
        return self._filed(self.call(OWNER, "/v1/ops/books.spend", {"amount": amount}))

    @staticmethod
    def _filed(answer: Answer) -> str:
        assert answer.status == 202, answer.body
        return str(answer.body["approval_id"])

    def do(self, operation: str, **arguments: Any) -> None:
        answer = self.call(HR, f"/v1/ops/books.{operation}", arguments)
        assert answer.status == 200, answer.body

    def decision(self, person: int, approval_id: str, decision: str = "approve", **more: Any) -> Request:
        comment = {} if decision in ("approve", "withdraw") else {"comment": "네"}
        return Request(
            more.pop("key", self.keys[person].first),
            f"/v1/approvals/{approval_id}/decisions",
            {"decision": decision, **comment},
            **more,
        )

    def status(self, approval_id: str) -> str:
        return str(self.call(OWNER, f"/v1/approvals/{approval_id}", method="GET").body["status"])

    def at_once(self, *requests: Request) -> list[Answer]:
        """Send requests in the same instant, each on a connection of its own that is open already."""
        start = threading.Barrier(len(requests))
        answers: list[Answer | None] = [None] * len(requests)

        def send(number: int, request: Request) -> None:
            server = self.servers[number % len(self.servers)]
            line = HTTPConnection("127.0.0.1", server.port, timeout=60)
            line.connect()
            headers = {"Authorization": f"Bearer {request.key}", "Content-Type": "application/json", **request.headers}
            body = None if request.body is None else json.dumps(request.body)
            start.wait()
            time.sleep(request.late)
            line.request(request.method, request.path, body, headers)
            response = line.getresponse()
            read = response.read()
            answers[number] = Answer(response.status, dict(response.headers), json.loads(read) if read else None)
            line.close()

        threads = [threading.Thread(target=send, args=each) for each in enumerate(requests)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = [answer for answer in answers if answer is not None]
        assert len(found) == len(requests)
        assert not [answer.body for answer in found if answer.status >= 500]
        return found

    def check(self, statement: str = "", roles: Mapping[int, Sequence[str]] = FIRST_ROLES) -> None:
        """Check everything, as if a statement had been carried out."""
        folder = self.servers[0].folder
        engine = engine_of(folder / NOTE if POSTGRES else folder / "daeri.db")
        try:
            with engine.connect() as connection:  # nothing of it is committed
                if statement:
                    connection.execute(text(statement))
                invariants.check(connection, roles, start=100)
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("racing") / "data"
    keys = furnished(folder)
    more = {
        "DAERI_COMPANY": "approvals.racing:company",
        "PYTHONPATH": f"{HERE}:{os.environ.get('PYTHONPATH', '')}",
        "RACING_OUTSIDE": str(folder.parent / "outside"),
    }
    servers = [Server(folder, more=more)]
    if POSTGRES:
        servers.append(Server(folder.parent / "other", more=more, beside=servers[0]))
    with ExitStack() as running:
        for server in servers:
            running.callback(server.stop)
            server.start()
        yield House(servers, keys)


def told(answers: Sequence[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_two_approvers_of_one_stage_both_count_once(house: House, rounds: int) -> None:
    for _ in range(rounds):
        key = house.file("quorum")
        answers = house.at_once(*(house.decision(person, key) for person in (FINANCE, AUDITOR, HR)))
        assert told(answers) == {200: 2, 409: 1}
        assert house.status(key) == "applied"
    house.check()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_fifty_clicks_with_a_version_and_without_one_approve_once(house: House, rounds: int) -> None:
    for number in range((rounds + 2) // 3):
        version = {"If-Match": '"1"'} if number % 2 else {}
        keys = house.keys[LEAD]
        key, other = house.file("one"), house.file("two")
        answers = house.at_once(*(house.decision(LEAD, key, headers=version) for _ in range(CLICKS)))
        assert told(answers)[200] == 1
        assert set(told(answers)) <= {200, 409, 412}
        both = [house.decision(LEAD, other, key=(keys.first, keys.second)[one % 2]) for one in range(8)]
        assert told(house.at_once(*both)) == {200: 1, 409: 7}
        assert (house.status(key), house.status(other)) == ("applied", "in_progress")
    house.check()


def test_fifty_clicks_of_someone_with_an_early_say_do_not_decide_twice(house: House) -> None:
    key = house.file("early")
    answers = house.at_once(*(house.decision(DIRECTOR, key) for _ in range(CLICKS)))
    assert told(answers) == {200: 1, 409: CLICKS - 1}
    assert house.status(key) == "applied"
    house.check()


def test_a_second_click_does_not_pass_over_whoever_sits_between_ones_own_two_seats(house: House) -> None:
    key = house.file("twice")
    answers = house.at_once(*(house.decision(LEAD, key) for _ in range(CLICKS)))
    assert told(answers) == {200: 1, 409: CLICKS - 1}
    assert house.status(key) == "in_progress"
    meant = house.decision(LEAD, key, headers={"If-Match": '"2"'})  # who has seen that it is finance's turn means it
    assert told(house.at_once(*[meant] * CLICKS)) == {200: 1, 412: CLICKS - 1}
    assert house.status(key) == "applied"
    house.check()


@pytest.mark.parametrize(
    ("who", "once", "again"),
    [
        (OWNER, {"decision": "share", "people": [COLLEAGUE]}, {"people": [STRANGER]}),
        (OWNER, {"decision": "comment", "comment": "급해요"}, {"comment": "정말 급해요"}),
        (LEAD, {"decision": "consult", "people": [COLLEAGUE], "comment": "어때요?"}, {"people": [STRANGER]}),
        (LEAD, {"decision": "change_line", "people": [FINANCE]}, {"people": [AUDITOR]}),
    ],
)
def test_fifty_clicks_that_add_something_to_a_document_add_it_once(
    house: House, who: int, once: dict[str, Any], again: dict[str, Any]
) -> None:
    key = house.file("open")
    for act in (once, once | again):
        request = Request(house.keys[who].first, f"/v1/approvals/{key}/decisions", act)
        answers = house.at_once(*[request] * CLICKS)
        assert told(answers) == {200: 1, 409: CLICKS - 1}, act
    house.check()


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("ends", ["reject", "withdraw", "hold"])
def test_an_approval_and_its_opposite_at_once_leave_one_of_them(house: House, ends: str, rounds: int) -> None:
    for number in range(rounds):
        key = house.file("one")
        second = {"key": house.keys[LEAD].second} if ends != "withdraw" else {}
        other = house.decision(OWNER if ends == "withdraw" else LEAD, key, ends, late=0.002 * (number % 3), **second)
        approved, ended = house.at_once(house.decision(LEAD, key), other)
        status = house.status(key)
        if ends == "hold" and ended.status == 200:
            assert (approved.status, status) == (200, "applied")  # held, then approved: one after the other
            continue
        assert sorted((approved.status, ended.status)) == [200, 409]
        assert status == ("applied" if approved.status == 200 else {"reject": "rejected"}.get(ends, "withdrawn"))
    house.check()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_withdrawal_between_two_approvals_ends_the_document_or_comes_too_late(house: House, rounds: int) -> None:
    for _ in range(rounds):
        key = house.file("free")
        lead, director, drafter = house.at_once(
            house.decision(LEAD, key), house.decision(DIRECTOR, key), house.decision(OWNER, key, "withdraw")
        )
        assert drafter.status == 200 or {lead.status, director.status} == {200}
        assert (house.status(key) == "withdrawn") == (drafter.status == 200)
        assert {lead.status, director.status, drafter.status} <= {200, 409}
    house.check()


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("change", ["take_roles", "leave"])
def test_a_right_that_is_taken_in_the_same_instant_decides_before_or_not_at_all(
    house: House, change: str, rounds: int
) -> None:
    back = {"take_roles": "give_roles", "leave": "come_back"}[change]
    for number in range(rounds):
        key = house.file("hidden")
        taken = Request(house.keys[HR].first, f"/v1/ops/books.{change}", {"employee": FINANCE})
        decision = house.decision(FINANCE, key, late=0.002 * (number % 3))
        decided, _ = house.at_once(decision, taken)
        assert decided.status == 200 or decided.status in {401, *LOST}
        assert (house.status(key) == "applied") == (decided.status == 200)
        house.do(back, employee=FINANCE)
    house.check()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_who_is_moved_keeps_the_seat_and_decides_once(house: House, rounds: int) -> None:
    for number in range(rounds):
        key = house.file("one")
        moved = Request(house.keys[HR].first, "/v1/ops/books.move", {"employee": LEAD, "team": 1 + number % 2})
        decided, done = house.at_once(house.decision(LEAD, key), moved)
        assert (decided.status, done.status, house.status(key)) == (200, 200, "applied")
    house.do("move", employee=LEAD, team=1)
    house.check()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_key_that_is_revoked_in_the_same_instant_decides_before_or_not_at_all(house: House, rounds: int) -> None:
    for number in range(rounds):
        key = house.file("one")
        made = house.call(LEAD, "/v1/keys", {"name": "곧 끝나요", "decides": True}).body
        revoked = Request(house.keys[LEAD].first, f"/v1/keys/{made['id']}", method="DELETE")
        decided, ended = house.at_once(house.decision(LEAD, key, key=made["key"], late=0.002 * (number % 3)), revoked)
        assert ended.status in (200, 204), ended.body
        assert decided.status in (200, 401, 403)
        assert (house.status(key) == "applied") == (decided.status == 200)
    house.check()


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("how", ["ended", "over"])
def test_a_deputy_decides_within_the_period_or_not_at_all(house: House, how: str, rounds: int) -> None:
    for number in range(rounds):
        key = house.file("one")
        now = datetime.now(UTC)
        until = now + (timedelta(days=1) if how == "ended" else timedelta(seconds=0.3))
        period = {"starts_at": f"{now:%FT%T.%f}Z", "ends_at": f"{until:%FT%T.%f}Z"}
        absence = house.call(LEAD, "/v1/absences", {"deputy": OTHER_LEAD, **period})
        assert absence.status == 201, absence.body
        decision = house.decision(OTHER_LEAD, key, late=0.002 * (number % 3))
        if how == "ended":
            path = f"/v1/absences/{absence.body['absence_id']}/end"
            decided, ended = house.at_once(decision, Request(house.keys[LEAD].first, path, {}))
            assert ended.status == 200
        else:
            time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds() - 0.006))
            (decided,) = house.at_once(decision)
        assert decided.status in (200, 404, 409)
        assert (house.status(key) == "applied") == (decided.status == 200)
    house.check()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_record_that_changes_in_the_same_instant_is_as_it_was_seen_or_nothing_is_done(
    house: House, rounds: int
) -> None:
    for number in range(rounds):
        key = house.spend(10)
        name = f"가을 판촉 {next(house.numbers)}"
        changed = Request(house.keys[OWNER].first, "/v1/ops/books.adjust", {"name": name})
        decided, done = house.at_once(house.decision(LEAD, key, late=0.002 * (number % 3)), changed)
        assert (decided.status, done.status) == (200, 200)
        assert house.status(key) in ("applied", "apply_failed")
    house.check()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_documents_that_change_one_record_are_not_both_carried_out(house: House, rounds: int) -> None:
    for _ in range(rounds):
        keys = [house.spend(10) for _ in range(4)]
        answers = house.at_once(*(house.decision(LEAD, key) for key in keys))
        assert told(answers) == {200: 4}
        assert Counter(map(house.status, keys)) == {"applied": 1, "apply_failed": 3}
    house.check()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_consent_covers_what_it_says_however_many_file_at_once(house: House, rounds: int) -> None:
    for _ in range((rounds + 2) // 3):
        until = datetime.now(UTC) + timedelta(days=1)
        wish = {"operation": "papers.agreed", "ends_at": f"{until:%FT%T}Z", "count": 2}
        given = house.call(LEAD, "/v1/consents", wish)
        assert given.status == 201, given.body
        titles = [{"title": f"agreed {next(house.numbers)}"} for _ in range(6)]
        key = house.keys[OWNER].first
        answers = house.at_once(*(Request(key, "/v1/ops/papers.agreed", title) for title in titles))
        assert told(answers) == {200: 2, 202: 4}
    house.check()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_consent_that_is_taken_back_in_the_same_instant_covers_nothing_after(house: House, rounds: int) -> None:
    for number in range(rounds):
        until = datetime.now(UTC) + timedelta(days=1)
        wish = {"operation": "papers.agreed", "ends_at": f"{until:%FT%T}Z", "count": 1}
        given = house.call(LEAD, "/v1/consents", wish).body["consent_id"]
        title = {"title": f"agreed {next(house.numbers)}"}
        filing = Request(house.keys[OWNER].first, "/v1/ops/papers.agreed", title, late=0.002 * (number % 3))
        filed, back = house.at_once(filing, Request(house.keys[LEAD].first, f"/v1/consents/{given}/revoke", {}))
        assert (filed.status, back.status) in {(200, 200), (202, 200)}
    house.check()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_run_that_is_stopped_while_its_document_is_approved_ends_once_and_so_does_the_document(
    house: House, rounds: int
) -> None:
    owner = house.keys[OWNER].first
    for number in range(rounds):
        day = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=next(house.numbers))
        words = {"input": f"{day:%Y년 %m월 %d일} 하루 휴가 신청해줘"}
        run = house.call(OWNER, "/v1/runs?wait=20", words).body
        assert run["status"] == "waiting_approval", run
        (key,) = run["approvals"]
        path = f"/v1/runs/{run['run_id']}"
        decided, stopped = house.at_once(
            house.decision(LEAD, key, late=0.002 * (number % 3)), Request(owner, f"{path}/cancel", {})
        )
        assert (decided.status, house.status(key)) == (200, "applied")
        assert stopped.status in (200, 409)
        ended = house.servers[0].until(path, owner, lambda run: run["status"] in ("succeeded", "cancelled"))
        assert (ended["status"] == "cancelled") == (stopped.status == 200)
    house.check()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_what_goes_outside_is_sent_once_whichever_server_sends_it(house: House, rounds: int) -> None:
    for _ in range((rounds + 2) // 3):
        numbers = [next(house.numbers) for _ in range(6)]
        keys = [house._filed(house.call(OWNER, "/v1/ops/books.send", {"number": number})) for number in numbers]
        assert told(house.at_once(*(house.decision(LEAD, key) for key in keys))) == {200: 6}
        for key in keys:
            path = f"/v1/approvals/{key}"
            house.servers[0].until(path, house.keys[OWNER].first, lambda body: body["status"] == "applied")
        lines = (house.servers[0].folder.parent / "outside").read_text().splitlines()
        sent = {number: sum(line.startswith(f"{number} ") for line in lines) for number in numbers}
        assert sent == dict.fromkeys(numbers, 1)
    house.check()


def test_the_checks_see_what_is_wrong(house: House) -> None:
    key = house.file("hidden")
    assert told(house.at_once(house.decision(FINANCE, key))) == {200: 1}
    wrong = (
        "UPDATE w_project SET cost = cost + 1 WHERE id = 1",
        "DELETE FROM w_project WHERE id = (SELECT max(id) FROM w_project)",
        "UPDATE approval SET question = '다른 것' WHERE id = :key",
        "UPDATE approval SET status = 'rejected' WHERE id = :key",
        "UPDATE approval SET number = 'DR-2026-999999' WHERE id = :key",
        "UPDATE approval_step SET status = 'waiting' WHERE approval_id = :key",
        f"UPDATE approval_step SET by_id = {OWNER} WHERE approval_id = :key",
        "UPDATE approval_act SET digest = 'x' WHERE approval_id = :key",
    )
    for statement in wrong:
        with pytest.raises(AssertionError):
            house.check(statement.replace(":key", f"'{key}'"))
    nobody: dict[int, list[str]] = {person: [] for person in FIRST_ROLES}
    with pytest.raises(AssertionError, match="no role"):
        house.check(roles=nobody)
    house.check()
