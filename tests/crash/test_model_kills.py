"""Real servers killed at random moments while a model plans, many runs at a time: none lost, nothing done twice.

A server's life is short, and nobody waits for anything in it: new requests come, those whose answer was lost come again
with the same key, a lead approves whatever waits, and amid that the server is killed; some are killed while they start.
So each kill meets runs in all their states, and some of them were met by several. Two thousand kills at night, on both
databases.
"""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from approvals.racing import furnished
from crash.modelled import ADDS, LEAVES, House, housed
from crash.test_kills import SEED
from databases import look
from servers import Gone
from worlds import LEAD

AT_ONCE = 3
"""Requests that are new in each life."""
LIVES = 10
"""Lives after which a server lives until every run has ended, so that it is known which kill lost one."""
LONGEST = 0.9
"""Seconds in which such runs are begun, done and told of, by a server that has not much else to do."""
STARTING = 0.4
"""Seconds in which a server starts; every fifth is killed in them."""
PATIENCE = 90
"""Seconds in which all that was asked for must have ended."""
KILLS = [LIVES, pytest.param(2_000, marks=pytest.mark.night)]


@dataclass
class Asked:
    """What was asked for, which run came of it, and how many kills met it."""

    question: str
    run_id: str = ""
    kills: int = 0


@dataclass
class Siege:
    """A house whose server is killed again and again, and what was asked of it."""

    house: House
    chance: random.Random
    kills: int = 0
    asked: list[Asked] = field(default_factory=list)

    def life(self) -> None:
        """Let a server live for a moment."""
        if self.chance.random() < 1 / 5:
            self.house.server.begin()
            self._dies(STARTING)
        self.asked += [Asked(self.house.question(LEAVES if number % 2 else ADDS)) for number in range(AT_ONCE)]
        self.house.server.start()
        with ThreadPoolExecutor() as people:
            acts = [people.submit(self._ask, each) for each in self.asked if not each.run_id]
            acts.append(people.submit(self._lead))
            self._dies(LONGEST)
        for act in acts:
            act.result()

    def _ask(self, one: Asked) -> None:
        """Ask; who asks again gets the same run."""
        if one.run_id:
            return
        with suppress(Gone):
            answer = self.house.sends(one.question)
            assert answer.status == 202, answer.body
            one.run_id = answer.body["run_id"]

    def _lead(self) -> None:
        """Approve whatever waits, as long as somebody answers."""
        with suppress(Gone):
            while True:
                self._approve()
                time.sleep(0.1)

    def _approve(self) -> None:
        key = self.house.keys[LEAD].first
        waiting = self.house.server.call("GET", "/v1/approvals?box=waiting&limit=100", key=key)
        assert waiting.status == 200, waiting.body
        for each in waiting.body["data"]:
            self.house.approve(each["approval_id"])

    def peace(self) -> None:
        """Let the server live until everything that was asked for has happened, and happened once."""
        self.house.server.start()
        for each in self.asked:
            self._ask(each)
        deadline = time.monotonic() + PATIENCE
        while open_runs := look(self.house.folder / "data", "SELECT id, status FROM run WHERE status <> 'succeeded'"):
            assert time.monotonic() < deadline, open_runs
            self._approve()
            time.sleep(0.2)
        for each in self.asked:
            assert self.house.effects(each.question) == 1, each
        times = self.house.model.times_asked()
        # each kill can cost one reply of a run that it meets, of which a run has two
        assert [each for each in self.asked if not 2 <= times[each.question] <= 2 + each.kills] == []
        self.asked.clear()
        self.house.model.server.requests.clear()

    def _dies(self, longest: float) -> None:
        time.sleep(self.chance.uniform(0, longest))
        self.house.server.kill()
        self.kills += 1
        for each in self.asked:
            each.kills += 1


@pytest.mark.parametrize("kills", KILLS)
def test_kills_while_a_model_plans_lose_nothing_and_repeat_nothing(tmp_path: Path, kills: int) -> None:
    folder = tmp_path / "data"
    with housed(folder, furnished(folder)) as house:
        house.server.kill()
        siege = Siege(house, random.Random(SEED))  # noqa: S311 - which moment, not which secret
        while siege.kills < kills:
            for _ in range(LIVES):
                siege.life()
            siege.peace()
            house.server.kill()
        house.check()
