"""Which of several named models answers, and when is the next one asked?"""

from dataclasses import replace

import pytest

from daeri.errors import ModelUnavailable, NotFound
from daeri.models.route import Models
from daeri.models.wire import EndpointFailed
from daeri.testing.model_server import ModelServer, fails, fails_midway, says, silent
from models.talking import ANSWER, QUESTION, text_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def spare(model):
    async with ModelServer() as running:
        running.always(says("예비 모델이에요."))
        yield replace(model, name="spare", base_url=running.base_url)


async def test_the_next_model_answers_when_the_first_does_not_begin(server, client, model, spare):
    server.always(fails(401))
    items = [item async for item in Models(client, [model, spare]).stream(QUESTION)]
    assert text_of(items) == "예비 모델이에요."
    assert items[-1].name == "spare"


async def test_there_is_no_fallback_after_the_first_item(server, client, model, spare):
    server.always(fails_midway("절반"))
    with pytest.raises(EndpointFailed, match="model main"):
        [item async for item in Models(client, [model, spare]).stream(QUESTION)]


async def test_a_silent_model_leaves_time_for_the_next(server, client, model, spare):
    server.always(silent())
    models = Models(client, [replace(model, idle_seconds=0.05), spare])
    assert text_of([item async for item in models.stream(QUESTION)]) == "예비 모델이에요."


async def test_the_named_model_is_asked_first(server, client, model, spare):
    server.always(says(ANSWER))
    models = Models(client, [model, spare])
    assert models.names == ("main", "spare")
    assert text_of([item async for item in models.stream(QUESTION, name="spare")]) == "예비 모델이에요."
    assert server.requests == []


async def test_an_unknown_name_and_no_model_at_all_are_told_apart(client, model):
    with pytest.raises(NotFound):
        [item async for item in Models(client, [model]).stream(QUESTION, name="none")]
    with pytest.raises(ModelUnavailable, match="No AI model is configured"):
        [item async for item in Models(client, []).stream(QUESTION)]
    with pytest.raises(ValueError, match="same name"):
        Models(client, [model, model])
