"""Does a run keep to its caller's terms over a kill -9? The form of its answer, and the functions that it was lent."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import openai
import pytest

from approvals.racing import furnished
from crash.modelled import ADDS, House, Model, housed
from crash.test_gaps import most_at_night
from daeri.crash import VARIABLE
from daeri.testing.model_server import Asked, Received, Reply, calls, says
from databases import look, only_postgres
from servers import Gone, Server
from worlds import OWNER

FORM = {
    "type": "json_schema",
    "json_schema": {"name": "done", "schema": {"type": "object", "required": ["done"], "properties": {"done": {}}}},
}


WEATHER = {"type": "function", "function": {"name": "weather"}}
LOOKS = "날씨를 봐줘"
TELLS = "이야기를 해줘"
STORY = "옛날 어느 마을에 결재를 좋아하는 호랑이가 살았어요. 호랑이는 날마다 도장을 닦았어요."


class Wordy(Model):
    """A model that answers in words, and in JSON only where it has to mend them; it asks others for the weather."""

    def decide(self, received: Received) -> Reply:
        messages = received.body["messages"]
        if TELLS in received.last_question:
            return says(STORY, characters=2).slowly(0.05)
        if LOOKS in received.last_question:
            looked = any("맑음" in message["content"] for message in messages if message["role"] == "tool")
            return says("맑아요.") if looked else calls(Asked("weather", {"city": "서울"}))
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


HANDS = ("run.claimed", "plan.made", "plan.noted", "call.handed")
TAKES = ("results.taken", "run.due", "plan.made", "run.ending", "run.ended")


def looks(house: House, messages: list[dict[str, Any]], key: str) -> dict[str, Any]:
    """Send a conversation, and again where the server dies meanwhile; return the choice."""
    sent = {"model": "agent/assistant", "messages": messages, "tools": [WEATHER]}
    for _ in range(2):
        with suppress(Gone):
            answer = house.call(OWNER, "/v1/chat/completions", sent, {"Idempotency-Key": key})
            assert answer.status == 200, answer.body
            choice: dict[str, Any] = answer.body["choices"][0]
            return choice
        house.dies()
        house.server.start()
    raise AssertionError("it was never answered")


@pytest.mark.parametrize(
    ("hands", "takes"),
    [
        ("call.handed", "results.taken"),
        *(pytest.param(point, "", marks=pytest.mark.night) for point in HANDS),
        *(pytest.param("", point, marks=pytest.mark.night) for point in TAKES),
    ],
)
def test_what_a_function_returned_wakes_its_run_once_wherever_the_server_dies(house: House, hands, takes) -> None:
    question = house.question(LOOKS)
    asked: list[dict[str, Any]] = [{"role": "user", "content": question}]
    if hands:
        house.dies_at(hands)
    choice = looks(house, asked, f"looks-{hands}-{takes}")
    [call] = choice["message"]["tool_calls"]
    if takes:
        house.dies_at(takes)
    else:  # it waits for its caller through a kill, too
        house.server.kill()
        house.server.start()
    told = [*asked, choice["message"], {"role": "tool", "tool_call_id": call["id"], "content": "맑음"}]
    choice = looks(house, told, "none")
    assert (choice["finish_reason"], choice["message"]["content"]) == ("stop", "맑아요.")
    steps = look(house.server.folder, "SELECT run_id, status FROM step WHERE name = 'weather'")
    assert [status for run, status in steps if run.removeprefix("run_") in call["id"]] == ["done"]
    house.check()


def told(stream: Any, most: int = 10_000) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    for event in stream:
        heard.append(event.model_dump())
        if len(heard) == most:
            break
    return heard


@pytest.mark.parametrize("background", [True, pytest.param(False, marks=pytest.mark.night)])
def test_a_response_goes_on_for_who_comes_back_after_a_kill_with_the_same_numbers(house: House, background) -> None:
    client = openai.OpenAI(api_key=house.keys[OWNER].first, base_url=f"{house.server.url}/v1", max_retries=0)
    create, retrieve = client.responses.create, client.responses.retrieve
    stream = create(model="agent/assistant", input=TELLS, background=background, stream=True)
    first = told(stream, 8)
    house.server.kill()
    stream.close()
    house.server.start()
    response = first[0]["response"]["id"]
    rest = told(retrieve(response, stream=True, starting_after=first[-1]["sequence_number"]))
    assert [event["sequence_number"] for event in first + rest] == list(range(len(first + rest)))
    pieces = [event["delta"] for event in first + rest if event["type"] == "response.output_text.delta"]
    assert "".join(pieces) == rest[-1]["response"]["output"][0]["content"][0]["text"] == STORY
    assert told(retrieve(response, stream=True)) == first + rest
    run = {"id": response.replace("resp_", "run_")}
    anew = look(
        house.server.folder, "SELECT count(*) FROM event WHERE type = 'message.restarted' AND run_id = :id", **run
    )
    assert anew == [(1,)], "it was worded anew, and who came back did not notice"
    client.close()
    house.check()


@pytest.mark.night
@only_postgres("one server works on a file")
def test_any_server_takes_what_a_function_returned_and_tells_a_response_from_where_it_was_left(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with housed(folder, furnished(folder), Wordy()) as house:
        more = {name: value for name, value in house.server.more.items() if name != VARIABLE}
        other = Server(tmp_path / "beside", more=more, beside=house.server).start()
        try:
            asked: list[dict[str, Any]] = [{"role": "user", "content": house.question(LOOKS)}]
            choice = looks(house, asked, "one")
            [call] = choice["message"]["tool_calls"]
            result = {"role": "tool", "tool_call_id": call["id"], "content": "맑음"}
            sent = {"model": "agent/assistant", "messages": [*asked, choice["message"], result], "tools": [WEATHER]}
            answer = other.call("POST", "/v1/chat/completions", sent, key=house.keys[OWNER].first)
            assert answer.body["choices"][0]["message"]["content"] == "맑아요."
            clients = [
                openai.OpenAI(api_key=house.keys[OWNER].first, base_url=f"{each.url}/v1", max_retries=0)
                for each in (house.server, other)
            ]
            here, there = (client.responses for client in clients)
            stream = here.create(model="agent/assistant", input=TELLS, background=True, stream=True)
            first = told(stream, 6)
            response = first[0]["response"]["id"]
            rest = told(there.retrieve(response, stream=True, starting_after=first[-1]["sequence_number"]))
            assert first + rest == told(here.retrieve(response, stream=True))
            assert rest[-1]["response"]["status"] == "completed"
            for client in clients:
                client.close()
        finally:
            other.stop()
