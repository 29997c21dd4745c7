"""Real servers killed at random moments between "run accepted" and "leave booked".

Every run ends, every leave is booked exactly once, no approval is used twice. Six kills in `make test`, two hundred
in `make night`.
"""

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from daeri.app import Daeri
from daeri.errors import Refused
from daeri.records import Actor
from daeri.sample import hanbit
from daeri.sample.build import build
from daeri.settings import Settings
from databases import look, settings_for
from servers import Gone, Server

SEED = 20261121


@dataclass
class Worker:
    """Someone who asks for leave, and the lead who approves it."""

    person_id: int
    key: str
    lead_key: str


async def _can_take(daeri: Daeri, person_id: int) -> bool:
    """Say whether the company's rules let this person off next Wednesday: some have leave, or none left."""
    today = daeri.clock.today()
    day = (today + timedelta(days=9 - today.weekday())).isoformat()
    actor = await daeri.identity.actor_of_person(person_id, "test")
    with suppress(Refused):
        await daeri.door.dry_run(actor, "leave.request", {"start": day, "end": day})
        return True
    return False


async def _make(folder: Path, workers: int) -> list[Worker]:
    """Build the sample company and give keys to employees (not leads) and to their leads."""
    daeri = Daeri(hanbit(), Settings(dir=folder, demo=True, **settings_for(folder)))
    await daeri.open(working=False)
    await build(daeri.door, Actor.system("demo"), daeri.clock, lambda *_: None)
    rows = look(
        folder,
        "SELECT e.id, t.lead_id FROM employee e JOIN department t ON t.id = e.team_id "
        "WHERE e.left_on IS NULL AND t.lead_id IS NOT NULL AND t.lead_id <> e.id AND e.title = '' ORDER BY e.id",
    )
    leads: dict[int, str] = {}
    made: list[Worker] = []
    for person_id, lead_id in rows:
        if len(made) == workers or not await _can_take(daeri, person_id):
            continue
        if lead_id not in leads:
            leads[lead_id] = (await daeri.identity.add_key(lead_id, "test", decides=True)).secret
        key = (await daeri.identity.add_key(person_id, "test", decides=False)).secret
        made.append(Worker(person_id, key, leads[lead_id]))
    assert len(made) == workers
    await daeri.close()
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    yield server
    server.stop()


def killed_during(server: Server, chance: random.Random, act: "threading.Thread") -> None:
    """Let something happen and kill the server at a random moment of it."""
    act.start()
    time.sleep(chance.uniform(0, 0.12))
    server.kill()
    act.join()


def accept(server: Server, worker: Worker, run_key: str) -> str | None:
    """Send the request; the answer may be lost, so it is sent again with the same key until it is not."""
    with suppress(Gone):
        headers = {"Idempotency-Key": run_key}
        answer = server.call(
            "POST", "/v1/runs", {"input": "다음 주 수요일 연차 올려줘"}, key=worker.key, headers=headers
        )
        assert answer.status == 202, answer.body
        return str(answer.body["run_id"])
    return None


def approve(server: Server, worker: Worker, approval_id: str) -> None:
    with suppress(Gone):
        answer = server.call(
            "POST", f"/v1/approvals/{approval_id}/decisions", {"decision": "approve"}, key=worker.lead_key
        )
        assert answer.status in (200, 409), answer.body


def one_leave(server: Server, chance: random.Random, worker: Worker, name: str) -> int:
    """Take one request through filing and approval, with a kill in each; return how many kills there were."""
    server.start()
    killed_during(server, chance, threading.Thread(target=accept, args=(server, worker, name)))
    server.start()
    run_id = accept(server, worker, name)
    assert run_id is not None
    waiting = server.until(f"/v1/runs/{run_id}", worker.key, lambda run: run["status"] == "waiting_approval")
    approval_id = waiting["approvals"][0]
    killed_during(server, chance, threading.Thread(target=approve, args=(server, worker, approval_id)))
    server.start()
    approve(server, worker, approval_id)
    ended = server.until(f"/v1/runs/{run_id}", worker.key, lambda run: run["status"] not in ("queued", "running"))
    assert ended["status"] == "succeeded", ended
    server.kill()
    return 3


def booked(folder: Path) -> dict[int, int]:
    return dict(look(folder, 'SELECT employee_id, count(*) FROM "leave" GROUP BY employee_id'))


def check_everything(folder: Path, before: dict[int, int], workers: list[Worker]) -> None:
    after = booked(folder)
    for worker in workers:
        assert after.get(worker.person_id, 0) == before.get(worker.person_id, 0) + 1
    open_runs = look(folder, "SELECT id, status FROM run WHERE status <> 'succeeded'")
    used = look(
        folder,
        "SELECT approval_id, count(*) FROM audit WHERE outcome = 'applied' GROUP BY approval_id HAVING count(*) > 1",
    )
    gaps = look(folder, "SELECT run_id FROM event GROUP BY run_id HAVING max(seq) <> count(*) OR min(seq) <> 1")
    numbers = look(folder, "SELECT number FROM approval WHERE number IS NOT NULL")
    spoken = look(folder, "SELECT run_id, data FROM event WHERE type = 'message.delta' ORDER BY run_id, seq")
    texts: dict[str, str] = {}
    for run_id, data in spoken:
        texts[run_id] = texts.get(run_id, "") + json.loads(data)["text"]
    answers = dict(look(folder, "SELECT id, answer FROM run"))
    assert open_runs == []
    assert used == []
    assert gaps == []
    assert len(set(numbers)) == len(workers)
    assert texts == answers


def run_kills(folder: Path, server: Server, kills: int) -> None:
    chance = random.Random(SEED)  # noqa: S311 - which moment, not which secret
    workers = asyncio.run(_make(folder, (kills + 2) // 3))
    before = booked(folder)
    done = sum(one_leave(server, chance, worker, f"kill-{number}") for number, worker in enumerate(workers))
    assert done >= kills
    check_everything(folder, before, workers)


def test_six_kills_lose_nothing_and_repeat_nothing(folder: Path, server: Server) -> None:
    run_kills(folder, server, 6)


@pytest.mark.night
def test_two_hundred_kills_lose_nothing_and_repeat_nothing(folder: Path, server: Server) -> None:
    run_kills(folder, server, 200)
