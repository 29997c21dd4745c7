"""Does a run keep to its caller's terms over a kill -9? The form of its answer is asked for and checked as before."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from approvals.racing import furnished
from crash.modelled import ADDS, House, Model, housed
from crash.test_gaps import most_at_night
from daeri.testing.model_server import Asked, Received, Reply, calls, says
from servers import Gone
from worlds import OWNER

FORM = {
    "type": "json_schema",
    "json_schema": {"name": "done", "schema": {"type": "object", "required": ["done"], "properties": {"done": {}}}},
}


class Wordy(Model):
    """A model that answers in words, and in JSON only where it was told to mend them."""

    def decide(self, received: Received) -> Reply:
        messages = received.body["messages"]
        if messages[-1]["role"] == "user" and messages[-1]["content"].startswith("That was not"):
            return says('{"done": true}')
        if any(message["role"] == "tool" for message in messages):
            return says("처리해 두었어요.")
        return calls(Asked("work__add_project", {"name": "과제 1"}))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("terms") / "data"
    with housed(folder, furnished(folder), Wordy()) as one:
        yield one


POINTS = ("run.accepted", "run.claimed", "plan.made", "plan.noted", "run.ending")


@pytest.mark.parametrize("point", most_at_night(*POINTS, by_day="plan.made"))
def test_an_answer_has_the_form_that_was_asked_for_wherever_the_server_dies(house: House, point: str) -> None:
    question, key = house.question(ADDS), {"Idempotency-Key": f"form-{point}"}
    house.dies_at(point)
    asked = {"input": question, "response_format": FORM}
    with suppress(Gone):
        house.call(OWNER, "/v1/runs", asked, key)
    house.dies()
    house.server.start()
    body = house.call(OWNER, "/v1/runs", asked, key).body
    ended = house.comes_to(body["run_id"], "succeeded", "failed")
    assert (ended["status"], ended["answer"], ended["response_format"]) == ("succeeded", '{"done": true}', FORM)
