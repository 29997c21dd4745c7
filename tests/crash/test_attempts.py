"""A server dies while OpenAI's library waits: the library asks again by itself, and what it asked for is done once.

The library is as it comes, but for its patience: a server takes longer to start again than two attempts do.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest

from approvals.racing import furnished
from crash.modelled import ADDS, LEAVES, House, housed
from daeri.crash import VARIABLE
from databases import look, only_postgres
from servers import Server
from worlds import OWNER

BEFORE = ("run.accepted", "run.claimed", "plan.made", "plan.noted", "call.committed")
POINTS = {LEAVES: BEFORE, ADDS: (*BEFORE, "run.ending", "run.ended")}
"""Where the server dies: a run that waits for people has not ended when its caller is answered."""
ANSWERS = {ADDS: "처리해 두었어요", LEAVES: "결재를 올렸어요"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("attempts") / "data"
    with housed(folder, furnished(folder)) as one:
        yield one


def asks(house: House, question: str, max_retries: int = 8, **more: Any) -> str:
    key = house.keys[OWNER].first
    with openai.OpenAI(api_key=key, base_url=f"{house.server.url}/v1", max_retries=max_retries) as client:
        messages = [{"role": "user", "content": question}]
        reply = client.chat.completions.create(model="agent/assistant", messages=messages, **more)
        return str(reply.choices[0].message.content)


@pytest.mark.parametrize(
    ("what", "point"),
    [
        pytest.param(what, point, marks=() if point == "call.committed" else pytest.mark.night)
        for what, points in POINTS.items()
        for point in points
    ],
)
def test_the_library_gets_its_answer_from_the_one_run_wherever_the_server_dies(
    house: House, what: str, point: str
) -> None:
    question = house.question(what)
    house.dies_at(point)
    with ThreadPoolExecutor(1) as beside:
        reply = beside.submit(asks, house, question)
        house.dies()
        house.server.start()
        assert ANSWERS[what] in reply.result(60)
    runs = look(house.server.folder, "SELECT id FROM run WHERE input = :question", question=question)
    assert len(runs) == 1
    if what == LEAVES:
        (approval_id,) = house.comes_to(runs[0][0], "waiting_approval")["approvals"]
        house.approve(approval_id)
        house.comes_to(runs[0][0], "succeeded")
    assert house.effects(question) == 1
    house.check()


@pytest.mark.night
def test_a_server_that_is_started_anew_in_order_lets_the_library_wait_for_its_answer(house: House) -> None:
    question = house.question(ADDS)
    house.model.pause(question, 1)
    with ThreadPoolExecutor(1) as beside:
        reply = beside.submit(asks, house, question)
        house.model.until_asked(question)
        house.server.stop()
        house.server.start()
        assert ANSWERS[ADDS] in reply.result(60)
    assert look(house.server.folder, "SELECT count(*) FROM run WHERE input = :question", question=question) == [(1,)]
    assert house.effects(question) == 1


@pytest.mark.night
@only_postgres("one server works on a file")
def test_another_server_gives_the_answer_that_one_which_died_owed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with housed(folder, furnished(folder)) as house:
        more = {name: value for name, value in house.server.more.items() if name != VARIABLE}
        other = Server(tmp_path / "beside", more=more, beside=house.server)
        question = house.question(ADDS)
        house.dies_at("call.committed")
        try:
            other.start()
            with pytest.raises(openai.APIConnectionError):
                asks(house, question, max_retries=0)
            house.dies()
            headers = {"X-Stainless-Retry-Count": "1"}
            assert ANSWERS[ADDS] in asks(replace(house, server=other), question, extra_headers=headers)
        finally:
            other.stop()
        assert look(folder, "SELECT count(*) FROM run WHERE input = :question", question=question) == [(1,)]
        assert house.effects(question) == 1
        house.check()
