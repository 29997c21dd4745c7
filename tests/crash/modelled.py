"""A server that plans with a model, and the model beside it, which outlives every kill and remembers each request."""

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Self

from approvals import invariants
from approvals.racing import FIRST_ROLES, Keys
from daeri.crash import VARIABLE
from daeri.testing.model_server import Asked, ModelServer, Received, Reply, calls, says
from databases import NOTE, POSTGRES, engine_of, look
from servers import Answer, Gone, Server
from worlds import LEAD, OWNER

HERE = str(Path(__file__).parents[1])
ADDS, LEAVES = "과제를 등록해줘", "휴가를 신청해줘"
"""What is asked for: something that is done at once, something that a lead decides about."""
THINKS, SPEAKS = 0.05, 0.02
"""How long the model takes before it asks for a call (so that its plan is written at once), and between its words."""
FIRST_DAY = date(2027, 1, 1)


class Model:
    """The model: asks for the one call, then says that it is done. It runs in a thread of its own."""

    def __init__(self) -> None:
        self.server = ModelServer()
        self._paused: dict[str, float] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.__aenter__(), self._loop).result(10)
        self.server.decides(self.decide)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.__aexit__(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def decide(self, received: Received) -> Reply:
        asked = received.last_question
        number = int("".join(letter for letter in asked if letter.isdigit()))
        if any(message["role"] == "tool" for message in received.body["messages"]):
            return says(f"{number}번 요청을 말씀하신 대로 처리해 두었어요.", characters=4).slowly(SPEAKS)
        thinks = self._paused.pop(asked, THINKS)
        if ADDS in asked:
            return calls(Asked("work__add_project", {"name": f"과제 {number}"}), characters=50).slowly(thinks)
        return calls(leave(number), characters=50).slowly(thinks)

    def pause(self, question: str, seconds: float) -> None:
        """Let the first reply to a question take its time."""
        self._paused[question] = seconds

    def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for something that happens to the model.

        Raises:
            TimeoutError: it does not.
        """
        waiting = asyncio.wait_for(event.wait(), seconds)
        asyncio.run_coroutine_threadsafe(waiting, self._loop).result(seconds + 5)

    def times_asked(self) -> Counter[str]:
        """How often it was asked each question."""
        return Counter(received.last_question for received in list(self.server.requests))

    def until_asked(self, question: str, times: int = 1, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while self.times_asked()[question] < times:
            assert time.monotonic() < deadline, f"{question} was not asked"
            time.sleep(0.01)


def leave(number: int) -> Asked:
    """Return the call that asks for leave."""
    start = (FIRST_DAY + timedelta(days=number)).isoformat()
    return Asked("work__request", {"start": start, "reason": f"휴가 {number}"})


@dataclass
class House:
    """A server that is killed and started again, the model that it asks, and everyone's keys."""

    server: Server
    model: Model
    keys: dict[int, Keys]
    folder: Path
    number: int = 0

    def dies_at(self, point: str) -> None:
        (self.folder / "point").write_text(point)

    def dies(self) -> None:
        """Wait until the server has killed itself, as it was told to."""
        assert self.server.process is not None
        assert self.server.process.wait(30) == -9
        assert not (self.folder / "point").exists()

    def question(self, what: str) -> str:
        self.number += 1
        return f"{self.number}번 {what}"

    def asks(self, question: str) -> str:
        """Ask, again and again until it is accepted; return the run."""
        for _ in range(3):
            with suppress(Gone):
                answer = self.sends(question)
                assert answer.status == 202, answer.body
                return str(answer.body["run_id"])
            self.server.start()
        raise AssertionError("it was never accepted")

    def sends(self, question: str) -> Answer:
        """Ask once: who asks again with the same key gets the same run."""
        key = f"ask-{question.partition('번')[0]}"
        return self.call(OWNER, "/v1/runs", {"input": question}, {"Idempotency-Key": key})

    def call(self, person: int, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
        return self.server.call("POST", path, body, key=self.keys[person].first, headers=headers)

    def approve(self, approval_id: str) -> None:
        path = f"/v1/approvals/{approval_id}/decisions"
        assert self.call(LEAD, path, {"decision": "approve"}).status in (200, 409)

    def comes_to(self, run_id: str, *statuses: str, seconds: float = 30) -> dict[str, Any]:
        body: dict[str, Any] = self.server.until(
            f"/v1/runs/{run_id}", self.keys[OWNER].first, lambda run: run["status"] in statuses, seconds
        )
        return body

    def effects(self, question: str) -> int:
        """How often what was asked for has happened."""
        number = question.partition("번")[0]
        if ADDS in question:
            rows = look(self.server.folder, "SELECT count(*) FROM w_project WHERE name = :name", name=f"과제 {number}")
        else:
            rows = look(self.server.folder, "SELECT count(*) FROM w_leave WHERE reason = :name", name=f"휴가 {number}")
        return int(rows[0][0])

    def check(self) -> None:
        engine = engine_of(self.server.folder / NOTE if POSTGRES else self.server.folder / "daeri.db")
        try:
            with engine.connect() as connection:
                invariants.check(connection, FIRST_ROLES, start=100)
                invariants.check_runs(connection)
        finally:
            engine.dispose()


@contextmanager
def housed(folder: Path, keys: dict[int, Keys], own: Model | None = None, **more: str) -> Iterator[House]:
    """Serve a furnished folder with the model, or one of the test's own."""
    with own or Model() as model:
        told = {
            "DAERI_COMPANY": "approvals.racing:company",
            "PYTHONPATH": f"{HERE}:{os.environ.get('PYTHONPATH', '')}",
            "RACING_OUTSIDE": str(folder.parent / "outside"),
            "DAERI_MODEL_URL": model.server.base_url,
            "DAERI_MODEL": "scripted",
            VARIABLE: str(folder.parent / "point"),
            **more,
        }
        server = Server(folder, more=told)
        try:
            yield House(server.start(), model, keys, folder.parent)
        finally:
            server.stop()
