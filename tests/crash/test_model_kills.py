"""Real servers killed at random moments while a model plans, several runs at a time: none lost, nothing done twice.

Two thousand kills at night, on both databases.
"""

import random
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from approvals.racing import furnished
from crash.modelled import ADDS, LEAVES, House, housed
from crash.test_kills import SEED
from servers import Gone

AT_ONCE = 4
"""Runs under way when the server is killed."""
LONGEST = 0.9
"""Seconds in which such runs are begun, done and told of, by a server that has not much else to do."""


def a_round(house: House, chance: random.Random) -> list[str]:
    """Ask, be killed, go on; approve, be killed, go on. Two kills."""
    questions = [house.question(LEAVES if number % 2 else ADDS) for number in range(AT_ONCE)]

    def ask(question: str) -> None:
        with suppress(Gone):
            house.sends(question)

    killed_amid(house, chance, [threading.Thread(target=ask, args=(question,)) for question in questions])
    house.server.start()
    runs = {question: house.asks(question) for question in questions}
    waiting = [house.comes_to(runs[each], "waiting_approval")["approvals"][0] for each in questions if LEAVES in each]

    def approve(approval_id: str) -> None:
        with suppress(Gone):
            house.approve(approval_id)

    killed_amid(house, chance, [threading.Thread(target=approve, args=(each,)) for each in waiting])
    house.server.start()
    for each in waiting:
        house.approve(each)
    for run_id in runs.values():
        house.comes_to(run_id, "succeeded")
    return questions


def killed_amid(house: House, chance: random.Random, acts: list[threading.Thread]) -> None:
    for act in acts:
        act.start()
    time.sleep(chance.uniform(0, LONGEST))
    house.server.kill()
    for act in acts:
        act.join()


@pytest.mark.night
@pytest.mark.parametrize("kills", [8, 2_000])
def test_kills_while_a_model_plans_lose_nothing_and_repeat_nothing(tmp_path: Path, kills: int) -> None:
    folder = tmp_path / "data"
    chance = random.Random(SEED)  # noqa: S311 - which moment, not which secret
    asked: list[str] = []
    with housed(folder, furnished(folder)) as house:
        for _ in range(kills // 2):
            asked += a_round(house, chance)
        times = house.model.times_asked()
        assert [question for question in asked if house.effects(question) != 1] == []
        # two kills at most lie on a run's way, and each can cost one reply, of which a run has two
        assert [question for question in asked if not 2 <= times[question] <= 4] == []
        house.check()
