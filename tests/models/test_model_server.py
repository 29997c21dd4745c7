"""Does the scripted server play what it was told?"""

import pytest

from daeri.models.wire import ModelRefused
from daeri.testing.model_server import calls, event, says
from models.talking import ANSWER, BALANCE, QUESTION, calls_in, reply, text_of

pytestmark = pytest.mark.anyio


async def test_scripts_are_chosen_by_the_question_and_played_in_turn(server, client, model):
    server.always(says("모르겠어요."))
    server.when("연차", calls(BALANCE), says(ANSWER))
    assert calls_in(await reply(client, model))
    assert text_of(await reply(client, model)) == ANSWER
    assert text_of(await reply(client, model)) == ANSWER
    assert server.requests[0].last_text == QUESTION[0]["content"]


async def test_a_question_without_a_script_is_refused(server, client, model):
    server.when("예산", says(ANSWER))
    with pytest.raises(ModelRefused) as caught:
        await reply(client, model)
    assert "no script fits" in caught.value.upstream


def test_an_event_keeps_korean_as_utf_8():
    assert "연차".encode() in event({"content": "연차"}).data
