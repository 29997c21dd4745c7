"""Is any gap special while one agent waits for another? A kill -9 in each, of the asking run and of the asked one.

Where a point lies in both runs, the model sets the trap: it knows who asks it, and how far that run has come. The other
agent is asked once, its answer is told once, what it files is decided and happens once.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from approvals.racing import furnished
from crash.asking import CHIEF, CLERK
from crash.modelled import LEAVES, SPEAKS, THINKS, House, Model, housed, leave
from crash.test_gaps import most_at_night
from daeri.testing.model_server import Asked, Received, Reply, calls, says
from databases import look
from servers import Gone

FINDS = "동료를 찾아줘"
HAS_DONE = "서기에게 맡겨줘"
Moment = tuple[str, int]
"""Who asks the model, and how many results that run has."""
MOMENTS: dict[str, Moment] = {"asks": (CHIEF, 0), "works": (CLERK, 0), "answers": (CLERK, 1), "ends": (CHIEF, 1)}
"""The chief asks; the clerk works; it answers; the chief passes the answer on."""


class Agency(Model):
    """The model of both agents: the chief has the clerk do what is asked for, and says what it heard."""

    def __init__(self, point: Path) -> None:
        """Take the file that says where the server is to die."""
        super().__init__()
        self.point = point
        self.trap: tuple[Moment, str] | None = None
        self.asked_at: list[tuple[int, Moment]] = []
        self.heard: list[str] = []

    def decide(self, received: Received) -> Reply:
        asked = received.last_question
        number = int("".join(letter for letter in asked if letter.isdigit()))
        results = [message["content"] for message in received.body["messages"] if message["role"] == "tool"]
        moment = (CHIEF if HAS_DONE in asked else CLERK, len(results))
        self.asked_at.append((number, moment))
        if self.trap is not None and self.trap[0] == moment:
            self.point.write_text(self.trap[1])
            self.trap = None
        if moment == MOMENTS["asks"]:
            task = f"{number}번 {LEAVES if LEAVES in asked else FINDS}"
            return calls(Asked("agents__ask", {"agent": CLERK, "request": task}), characters=50).slowly(THINKS)
        if moment == MOMENTS["works"] and LEAVES in asked:
            return calls(leave(number), characters=50).slowly(THINKS)
        if moment == MOMENTS["works"]:
            return calls(Asked("work__find", {"employee": "김하은"}), characters=50).slowly(THINKS)
        if moment == MOMENTS["ends"]:
            self.heard += results
            return says(f"{number}번은 서기가 처리했어요.", characters=4).slowly(SPEAKS)
        return says(answer(number), characters=4).slowly(SPEAKS)

    def lies_in_wait(self, gap: str) -> None:
        """Let the server die at a point, the first time that it comes after a moment."""
        moment, _, point = gap.partition(" ")
        self.trap = MOMENTS[moment], point

    def times(self, number: int) -> list[int]:
        """How often it was asked at each moment."""
        return [self.asked_at.count((number, moment)) for moment in MOMENTS.values()]


def answer(number: int) -> str:
    return f"{number}번 일을 끝냈어요."


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Agency:
    return Agency(tmp_path_factory.mktemp("agents") / "point")


@pytest.fixture(scope="module")
def house(agency: Agency) -> Iterator[House]:
    folder = agency.point.parent / "data"
    with housed(folder, furnished(folder), agency, DAERI_COMPANY="crash.asking:company") as one:
        yield one


AGAIN = ("plan.made", "text.stored", "run.ending")
"""Points at which the reply under way was not in the journal yet, so it is asked for again."""
BEGUN = ("plan.made", "plan.noted", "read.whole", "read.committed")
ENDED = ("plan.made", "text.stored", "run.ending", "run.ended")
NEXT = ("run.due", "run.claimed")
"""Points of the other run, which is begun or goes on."""
GAPS = [
    *(f"asks {point}" for point in BEGUN + NEXT),
    *(f"works {point}" for point in BEGUN),
    *(f"answers {point}" for point in ENDED + NEXT),
    *(f"ends {point}" for point in ENDED),
]


def once(gap: str) -> list[int]:
    """How often the model is asked at each moment, where the server dies in a gap."""
    return [1 + (gap in {f"{name} {point}" for point in AGAIN}) for name in MOMENTS]


def check(house: House, agency: Agency, question: str, run_id: str, clerk: str) -> None:
    """The chief asked once and heard the one answer; every row of both runs says so."""
    folder, number = house.server.folder, house.number
    told = look(folder, "SELECT answer FROM run WHERE parent_id = :id", id=run_id)
    assert told == [(answer(number),)], question
    for kind in ("agent.asked", "agent.answered"):
        assert look(folder, "SELECT count(*) FROM event WHERE run_id = :id AND type = :kind", id=run_id, kind=kind) == [
            (1,)
        ]
    steps = "SELECT status FROM step WHERE run_id = :id AND kind = 'execute'"
    assert look(folder, steps, id=run_id) == look(folder, steps, id=clerk) == [("done",)]
    assert len([each for each in agency.heard if answer(number) in each]) == agency.times(number)[-1]
    house.check()


def clerk_of(house: House, run_id: str) -> str:
    ((clerk,),) = look(house.server.folder, "SELECT id FROM run WHERE parent_id = :id", id=run_id)
    return str(clerk)


@pytest.mark.parametrize("gap", most_at_night(*GAPS, by_day="asks read.committed"))
def test_an_agent_is_asked_once_and_its_answer_told_once_wherever_the_server_dies(
    house: House, agency: Agency, gap: str
) -> None:
    question = house.question(HAS_DONE)
    agency.lies_in_wait(gap)
    with suppress(Gone):
        house.sends(question)
    house.dies()
    house.server.start()
    run_id = house.asks(question)
    house.comes_to(run_id, "succeeded")
    assert agency.times(house.number) == once(gap)
    check(house, agency, question, run_id, clerk_of(house, run_id))


def waits(house: House, run_id: str) -> tuple[str, str]:
    """Wait until the clerk waits for a decision; return its run and the document."""
    deadline = time.monotonic() + 30
    while True:
        found = look(house.server.folder, "SELECT id FROM run WHERE parent_id = :id", id=run_id)
        if found:
            (approval_id,) = house.comes_to(found[0][0], "waiting_approval")["approvals"]
            return found[0][0], approval_id
        assert time.monotonic() < deadline
        time.sleep(0.02)


def check_filed(house: House, question: str, clerk: str) -> None:
    assert house.effects(question) == 1
    assert look(house.server.folder, "SELECT count(*) FROM approval WHERE run_id = :id", id=clerk) == [(1,)]


FILED = ("plan.made", "plan.noted", "call.whole", "call.committed")
DECIDED = (
    "decision.begun",
    "decision.written",
    "effect.done",
    "decision.whole",
    "decision.committed",
    "run.due",
    "run.claimed",
)


@pytest.mark.night
@pytest.mark.parametrize("point", FILED)
def test_what_an_agent_that_was_asked_files_is_filed_once_wherever_the_server_dies(
    house: House, agency: Agency, point: str
) -> None:
    question = house.question(f"{HAS_DONE}, {LEAVES}")
    agency.lies_in_wait(f"works {point}")
    with suppress(Gone):
        house.sends(question)
    house.dies()
    house.server.start()
    run_id = house.asks(question)
    clerk, approval_id = waits(house, run_id)
    assert house.comes_to(run_id, "waiting_approval")["approvals"] == [approval_id]
    house.approve(approval_id)
    house.comes_to(run_id, "succeeded")
    assert agency.times(house.number) == once(f"works {point}")
    check(house, agency, question, run_id, clerk)
    check_filed(house, question, clerk)


@pytest.mark.parametrize("point", most_at_night(*DECIDED, by_day="decision.committed"))
def test_what_an_agent_that_was_asked_waits_for_is_decided_once_wherever_the_server_dies(
    house: House, agency: Agency, point: str
) -> None:
    question = house.question(f"{HAS_DONE}, {LEAVES}")
    run_id = house.asks(question)
    clerk, approval_id = waits(house, run_id)
    house.dies_at(point)
    with suppress(Gone):
        house.approve(approval_id)
    house.dies()
    house.server.start()
    house.approve(approval_id)
    house.comes_to(run_id, "succeeded")
    assert agency.times(house.number) == [1, 1, 1, 1]
    check(house, agency, question, run_id, clerk)
    check_filed(house, question, clerk)
