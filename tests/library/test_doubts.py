"""Is "I found nothing good enough" said where nothing answers, and not where something does? The tables of bench."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection

from daeri.app import Daeri
from daeri.library.queries import read_query
from daeri.library.reading import GOOD, Reader, Where
from daeri.operations.sense import Sense
from daeri.records import Actor
from daeri.records.access import Records
from daeri.records.trail import Trail

pytestmark = pytest.mark.anyio

TABLES = tomllib.loads((Path(__file__).parents[2] / "bench" / "documents.toml").read_text(encoding="utf-8"))
MOST = {"ask": (5, 0), "near": (5, 7), "unseen": (4, 3)}
"""Of each table: answered questions that may be taken for unanswered, and the other way round. They only fall."""


@pytest.mark.parametrize("name", MOST)
async def test_few_answers_are_withheld_and_few_weak_matches_are_told(name: str, hanbit_library: Daeri) -> None:
    asks = TABLES[name]
    sure = await _sure(hanbit_library, [ask["text"] for ask in asks])
    withheld = [ask["text"] for ask in asks if "file" in ask and sure[ask["text"]] < GOOD]
    told = [ask["text"] for ask in asks if "file" not in ask and sure[ask["text"]] >= GOOD]
    assert len(withheld) <= MOST[name][0], withheld
    assert len(told) <= MOST[name][1], told


async def _sure(daeri: Daeri, texts: Sequence[str]) -> dict[str, float]:
    reader, keeper = Reader(), Actor.system("test")

    def look(connection: Connection) -> dict[str, float]:
        records = Records(connection, daeri.company.rules, keeper, Trail())
        found = {text: reader.search(records, text, 1, Where(), Sense()) for text in texts}
        return {text: hits[0].sure if hits else 0.0 for text, hits in found.items()}

    return await daeri.store.read(look)


@pytest.mark.parametrize(
    ("asked", "weights"),
    [
        ("결혼하면 회사에서 돈 나와?", {"결혼": 1.0, "회사": 0.4, "돈": 0.35, "나와": 0.35}),
        ("청구할 수 있는 육아휴직 급여", {"청구": 1.0, "육아휴직": 1.0, "급여": 1.0}),
        ("화면은 어디에 있어?", {"화면": 1.0}),
        ("the company's dress code", {"company": 0.4, "dress": 1.0, "code": 1.0}),
    ],
)
def test_verbs_and_whose_it_is_weigh_less_than_what_is_asked_about(asked: str, weights: dict[str, float]) -> None:
    read = read_query(asked)
    own = [read_query(word).ideas[0][0] for word in weights]
    shares = {ways[0]: share for ways, share in zip(read.ideas, read.shares, strict=True)}
    assert [shares[tokens] for tokens in own] == list(weights.values())
