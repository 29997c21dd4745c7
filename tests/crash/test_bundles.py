"""A bundle of a run whose servers are killed while it is filed and decided: every call is carried out once, or none."""

import asyncio
import random
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from crash.test_kills import SEED, killed_during
from daeri.app import Daeri
from daeri.records import Actor
from daeri.sample import hanbit
from daeri.sample.build import build
from daeri.settings import Settings
from databases import look, settings_for
from servers import Gone, Server

DRAFTER = "김하은"
ROUNDS = 3


@dataclass
class Office:
    """Who asks, who decides, one after the other, and what is asked."""

    drafter: str
    deciders: list[str]
    asked: str


async def _make(folder: Path) -> Office:
    daeri = Daeri(hanbit(), Settings(dir=folder, demo=True, **settings_for(folder)))
    await daeri.open(working=False)
    everyone = Actor.system("demo")
    await build(daeri.door, everyone, daeri.clock, lambda *_: None)
    found = await daeri.door.mentions(everyone, [DRAFTER])
    drafter = next(one.id for one in found if one.record == "employee")
    days = [daeri.clock.today() + timedelta(days=each) for each in (20, 30)]
    first, second = (f"{day.year}년 {day.month}월 {day.day}일" for day in days)
    actor = await daeri.identity.actor_of_person(drafter, "test")
    wish = {"what": "USB 저장장치", "until": days[0].isoformat()}
    line = (await daeri.door.dry_run(actor, "security.exempt", wish)).line
    key = (await daeri.identity.add_key(drafter, "test", decides=False)).secret
    deciders = [(await daeri.identity.add_key(step["person"]["id"], "test", decides=True)).secret for step in line]
    await daeri.close()
    asked = f"USB 저장장치 예외 {first}까지 신청하고 원격 접속 예외 {second}까지 신청해줘"
    return Office(key, deciders, asked)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    folder = tmp_path / "data"
    folder.mkdir()
    return Server(folder)


def accept(server: Server, office: Office, name: str) -> str | None:
    with suppress(Gone):
        headers = {"Idempotency-Key": name}
        answer = server.call("POST", "/v1/runs", {"input": office.asked}, key=office.drafter, headers=headers)
        assert answer.status == 202, answer.body
        return str(answer.body["run_id"])
    return None


def approve(server: Server, key: str, approval_id: str) -> None:
    with suppress(Gone):
        answer = server.call("POST", f"/v1/approvals/{approval_id}/decisions", {"decision": "approve"}, key=key)
        assert answer.status in (200, 409), answer.body


def one_bundle(server: Server, office: Office, chance: random.Random, name: str) -> None:
    """Take one request through filing and the last decision, with a kill in each."""
    server.start()
    killed_during(server, chance, threading.Thread(target=accept, args=(server, office, name)))
    server.start()
    run_id = accept(server, office, name)
    assert run_id is not None
    waiting = server.until(f"/v1/runs/{run_id}", office.drafter, lambda run: run["status"] == "waiting_approval")
    (approval_id,) = waiting["approvals"]
    for key in office.deciders[:-1]:
        approve(server, key, approval_id)
    last = office.deciders[-1]
    killed_during(server, chance, threading.Thread(target=approve, args=(server, last, approval_id)))
    server.start()
    approve(server, last, approval_id)
    ended = server.until(f"/v1/runs/{run_id}", office.drafter, lambda run: run["status"] not in ("queued", "running"))
    assert ended["status"] == "succeeded", ended
    server.kill()


def test_a_kill_leaves_a_bundle_carried_out_once_and_as_a_whole(server: Server) -> None:
    office = asyncio.run(_make(server.folder))
    chance = random.Random(SEED)  # noqa: S311 - which moment, not which secret
    try:
        for number in range(ROUNDS):
            one_bundle(server, office, chance, f"bundle-{number}")
    finally:
        server.stop()
    made = dict(look(server.folder, "SELECT what, count(*) FROM security_exception GROUP BY what"))
    assert made == {"USB 저장장치": ROUNDS, "원격 접속": ROUNDS}
    numbers = look(server.folder, "SELECT number FROM approval WHERE operation = 'security.exempt'")
    assert len(set(numbers)) == ROUNDS
    assert (None,) not in numbers
