"""Is any gap in a run that a model plans special? A kill -9 in each; the model counts how often it is asked.

No run is lost and nothing happens twice; of what the model said at most the reply under way is asked for again, and
that only where it was not in the journal yet.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from approvals.racing import furnished
from crash.modelled import ADDS, LEAVES, House, housed
from crash.test_gaps import most_at_night
from daeri.crash import VARIABLE
from daeri.errors import KeyRevoked
from databases import look, only_postgres
from servers import Gone, Server
from worlds import OWNER

ONCE = {
    "run.accepted": 2,
    "run.claimed": 2,
    "plan.made": 3,
    "plan.noted": 2,
    "call.whole": 2,
    "call.committed": 2,
    "text.stored": 3,
    "run.ending": 3,
    "run.ended": 2,
}
"""How often the model is asked in all, by where the server dies: a run of one call asks it twice."""
SILENCE = 30
"""Seconds after which the other servers count a silent one as gone."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("modelled") / "data"
    with housed(folder, furnished(folder)) as one:
        yield one


@pytest.mark.parametrize("point", most_at_night(*ONCE, by_day="plan.made"))
def test_what_a_model_asked_for_is_done_once_wherever_the_server_dies(house: House, point: str) -> None:
    question = house.question(ADDS)
    house.dies_at(point)
    with suppress(Gone):
        house.sends(question)
    house.dies()
    house.server.start()
    ended = house.comes_to(house.asks(question), "succeeded", "failed")
    assert ended["status"] == "succeeded", ended
    assert house.effects(question) == 1
    assert house.model.times_asked()[question] == ONCE[point]
    house.check()


HELD = {"plan.made": 3, "plan.noted": 2, "call.whole": 2, "call.committed": 2}
SETTLED = {"decision.committed": 2, "run.due": 2, "run.claimed": 2, "plan.made": 3, "text.stored": 3, "run.ending": 3}


@pytest.mark.parametrize("point", most_at_night(*HELD, by_day="call.committed"))
def test_what_a_model_asked_for_is_filed_once_wherever_the_server_dies(house: House, point: str) -> None:
    question = house.question(LEAVES)
    house.dies_at(point)
    with suppress(Gone):
        house.sends(question)
    house.dies()
    house.server.start()
    run_id = house.asks(question)
    (approval_id,) = house.comes_to(run_id, "waiting_approval")["approvals"]
    house.approve(approval_id)
    house.comes_to(run_id, "succeeded")
    assert house.effects(question) == 1
    assert look(house.server.folder, "SELECT count(*) FROM approval WHERE run_id = :id", id=run_id) == [(1,)]
    assert house.model.times_asked()[question] == HELD[point]
    house.check()


@pytest.mark.night
@pytest.mark.parametrize("point", SETTLED)
def test_a_model_is_told_of_a_decision_wherever_the_server_dies(house: House, point: str) -> None:
    question = house.question(LEAVES)
    run_id = house.asks(question)
    (approval_id,) = house.comes_to(run_id, "waiting_approval")["approvals"]
    house.dies_at(point)
    with suppress(Gone):
        house.approve(approval_id)
    house.dies()
    house.server.start()
    house.approve(approval_id)
    house.comes_to(run_id, "succeeded")
    assert house.effects(question) == 1
    assert house.model.times_asked()[question] == SETTLED[point]
    house.check()


@pytest.mark.parametrize("moment", ["while the model thinks", pytest.param("while it speaks", marks=pytest.mark.night)])
def test_a_run_that_is_cancelled_does_nothing_more_and_its_model_is_left(house: House, moment: str) -> None:
    question = house.question(ADDS)
    run_id = house.asks(question)
    house.model.until_asked(question, 1 if moment == "while the model thinks" else 2)
    assert house.call(OWNER, f"/v1/runs/{run_id}/cancel", None).status == 200
    (last,) = [each for each in house.model.server.requests if each.last_question == question][-1:]
    house.model.wait(last.left, 1)
    assert house.comes_to(run_id, "cancelled")["status"] == "cancelled"
    assert house.effects(question) == (0 if moment == "while the model thinks" else 1)


@pytest.mark.night
@only_postgres("one server works on a file; where several share a database a paused one is not the only one")
def test_a_server_that_was_paused_past_its_lease_writes_nothing_more(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with housed(folder, furnished(folder)) as house:
        more = {name: value for name, value in house.server.more.items() if name != VARIABLE}
        other = Server(tmp_path / "beside", more=more, beside=house.server)
        question = house.question(ADDS)
        house.model.pause(question, SILENCE / 10)
        try:
            other.start()
            run_id = house.asks(question)
            house.model.until_asked(question)
            house.server.pause()
            second = replace(house, server=other)
            second.comes_to(run_id, "succeeded", seconds=3 * SILENCE)
            before = look(folder, "SELECT max(seq) FROM event WHERE run_id = :id", id=run_id)
            house.server.go_on()
            time.sleep(SILENCE / 3)  # it has its model's reply, and would write it now
            assert house.effects(question) == 1
            assert look(folder, "SELECT max(seq) FROM event WHERE run_id = :id", id=run_id) == before
            ends = "SELECT count(*) FROM event WHERE run_id = :id AND type = 'stream.end'"
            assert look(folder, ends, id=run_id) == [(1,)]
            again = house.question(ADDS)
            house.comes_to(house.asks(again), "succeeded")
            assert house.effects(again) == 1
            house.check()
        finally:
            other.stop()


REVOKED = ("run.claimed", "plan.made", "plan.noted", "call.whole", "call.committed", "text.stored")


@pytest.mark.parametrize("point", most_at_night(*REVOKED, by_day="plan.noted"))
def test_a_run_does_nothing_more_once_its_key_is_revoked_wherever_the_server_died(house: House, point: str) -> None:
    question = house.question(ADDS)
    lent = house.call(OWNER, "/v1/keys", {"name": "lent"}).body
    house.dies_at(point)
    with suppress(Gone):
        house.server.call("POST", "/v1/runs", {"input": question}, key=lent["key"])
    house.dies()
    done, asked = house.effects(question), house.model.times_asked()[question]
    look(house.server.folder, "UPDATE api_key SET revoked_at = '2026-11-22 00:00:00' WHERE id = :id", id=lent["id"])
    house.server.start()
    ((run_id,),) = look(house.server.folder, "SELECT id FROM run WHERE input = :said", said=question)
    ended = house.comes_to(run_id, "succeeded", "failed")
    assert (ended["status"], ended["error"]["detail"]) == ("failed", KeyRevoked().problem("ko")["detail"])
    assert (house.effects(question), house.model.times_asked()[question]) == (done, asked)
