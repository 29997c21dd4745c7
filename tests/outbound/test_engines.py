"""Do the search engines take what they are asked, and is what they answer read right? Each by its documented words.

Brave and Tavily are played by a real HTTP server here, which refuses what their documents say that they refuse.
"""

import gzip
import json
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from daeri.cli import main
from daeri.errors import Unreachable
from daeri.outbound.engines import Engine, Kind
from daeri.outbound.guard import Unsent
from daeri.tools.web import Searched, Web, web_catalog
from upstream.stock import Asked, Stock, answer
from worlds import OWNER, World, open_world

pytestmark = pytest.mark.anyio
KEY = "key-of-the-company"
FOUND = [
    {
        "title": "환율 &amp; <b>관세</b>",
        "url": "https://a.kr/1",
        "said": "오늘 <strong>환율</strong>은 &#x27;1,400&#x27;원",
    },
    {"title": "Second", "url": "https://b.example/2?x=1", "said": "More of it."},
]


def brave(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    """Answer as Brave's Web Search API does."""
    sent = {name: values[0] for name, values in parse_qs(urlsplit(asked.path).query).items()}
    limit, question = int(sent.get("count", 20)), sent.get("q", "")
    if (asked.method, urlsplit(asked.path).path) != ("GET", "/res/v1/web/search"):
        answer(handler, 404, {"type": "ErrorResponse"})
    elif asked.headers.get("X-Subscription-Token") != KEY:
        problem = {"code": "SUBSCRIPTION_TOKEN_INVALID", "status": 422, "detail": f"{KEY} is not valid"}
        answer(handler, 422, {"id": "1", "type": "ErrorResponse", "error": problem})
    elif not (1 <= len(question) <= 400 and len(question.split()) <= 50 and 1 <= limit <= 20):
        answer(handler, 422, {"type": "ErrorResponse", "error": {"code": "VALIDATION", "status": 422}})
    else:
        korean = (sent.get("country"), sent.get("search_lang")) == ("KR", "ko")
        results = [
            {
                "type": "search_result",
                "title": each["title"],
                "url": each["url"],
                "description": each["said"],
                "is_source_local": False,
                "profile": {"name": "A", "url": each["url"]},
                "language": "ko" if korean else "en",
                "meta_url": {"scheme": "https", "hostname": "a.kr"},
                "extra_snippets": ["more"],
            }
            for each in FOUND[:limit]
        ]
        query = {"original": question, "more_results_available": True, "country": sent.get("country", "us").lower()}
        body = {
            "type": "search",
            "query": query,
            "mixed": {"type": "mixed"},
            "web": {"type": "search", "results": results},
        }
        if korean:
            body["news"] = {"results": []}
        _squeezed(handler, asked, body)


def _squeezed(handler: BaseHTTPRequestHandler, asked: Asked, body: Any) -> None:
    """Send it compressed where the caller takes that, as Brave does."""
    content = json.dumps(body).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    if "gzip" in asked.headers.get("Accept-Encoding", ""):
        content = gzip.compress(content)
        handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def tavily(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    """Answer as Tavily's search endpoint does."""
    sent = asked.body if isinstance(asked.body, dict) else {}
    if (asked.method, asked.path) != ("POST", "/search"):
        answer(handler, 405, {"detail": "Method Not Allowed"})
    elif asked.headers.get("Authorization") != f"Bearer {KEY}":
        answer(handler, 401, {"detail": {"error": f"Unauthorized: {KEY} is missing or invalid."}})
    elif not (0 < len(sent.get("query", "")) <= 400 and 0 < sent.get("max_results", 5) <= 20):
        answer(handler, 400, {"detail": {"error": "Invalid request."}})
    else:
        results = [
            {"title": each["title"], "url": each["url"], "content": each["said"], "score": 0.9, "raw_content": None}
            for each in FOUND[: sent["max_results"]]
        ]
        more = {"follow_up_questions": None, "answer": None, "images": [], "response_time": 1.09, "request_id": "r"}
        answer(handler, 200, {"query": sent["query"], "results": results, **more})


PLAYED = {"brave": (brave, "/res/v1/web/search"), "tavily": (tavily, "/search")}


@pytest.fixture(params=PLAYED)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def server(kind: Kind) -> Iterator[Stock]:
    server = Stock(PLAYED[kind][0])
    yield server
    server.stop()


@pytest.fixture
def engine(kind: Kind, server: Stock) -> Engine:
    return Engine(kind, server.url + PLAYED[kind][1], KEY)


@pytest.fixture
async def world(furnished: Path, tmp_path: Path, engine: Engine) -> AsyncIterator[World]:
    async with open_world(furnished, tmp_path, web_catalog(fetch=False, search=True)) as world:
        world.door.parts |= {Searched: Web(None, None, engine).search}
        yield world


async def test_what_an_engine_finds_is_told_as_plain_text_with_its_addresses(world: World, server: Stock) -> None:
    done = await world.done(await world.actor(OWNER), "web.search", {"query": "오늘 환율", "limit": 2})
    assert done.result["rows"] == [
        {"url": "https://a.kr/1", "title": "환율 & 관세", "text": "오늘 환율은 '1,400'원"},
        {"url": "https://b.example/2?x=1", "title": "Second", "text": "More of it."},
    ]
    assert [page["url"] for page in done.sources[0]["pages"]] == ["https://a.kr/1", "https://b.example/2?x=1"]
    assert done.sources[0]["untrusted"] is True
    assert len(server.asked) == 1
    assert KEY not in json.dumps(await world.audited(), default=str)


async def test_an_engine_is_asked_for_no_more_than_is_wanted(engine: Engine) -> None:
    assert [each.url for each in await engine.find("환율", 1)] == ["https://a.kr/1"]


async def test_the_longest_question_is_one_that_it_takes(engine: Engine, server: Stock) -> None:
    for question in ("가 " * 150, "환율" * 150):
        assert len(await engine.find(question, 10)) == 2
    assert len(server.asked) == 2


async def test_a_key_that_is_refused_is_told_without_the_engines_own_words(
    world: World, kind: Kind, engine: Engine
) -> None:
    with pytest.raises(Unsent, match=r"^HTTP 4\d\d$"):
        await Engine(kind, engine.url, "other").find("환율", 1)
    world.door.parts |= {Searched: Web(None, None, Engine(kind, engine.url, "other")).search}
    with pytest.raises(Unreachable) as told:
        await world.door.call(await world.actor(OWNER), "web.search", {"query": "환율"})
    assert KEY not in json.dumps(told.value.problem("en"))


async def test_brave_is_told_that_a_korean_question_is_one() -> None:
    server = Stock(brave)
    engine = Engine("brave", f"{server.url}/res/v1/web/search", KEY)
    for question in ("오늘 환율", "exchange rate"):
        await engine.find(question, 1)
    server.stop()
    asked = [parse_qs(urlsplit(each.path).query) for each in server.asked]
    assert [(each.get("country"), each.get("search_lang")) for each in asked] == [(["KR"], ["ko"]), (None, None)]


def test_the_doctor_asks_the_engine_and_tells_what_of_the_web_may_be_read(
    kind: Kind, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(**settings: str) -> str:
        for name, value in settings.items():
            monkeypatch.setenv(f"DAERI_{name}", value)
        main(["doctor", "--dir", str(tmp_path), "--lang", "en"])
        return capsys.readouterr().out

    assert "the web" not in told()
    assert "DAERI_WEB_HOSTS is set, but the web is off" in told(WEB_HOSTS="wiki.example.com")
    said = told(WEB="true", SEARCH_KIND=kind, SEARCH_URL=engine.url, SEARCH_KEY=KEY)
    assert "addresses that people give, wiki.example.com by themselves (8 MB, 20 s)" in said
    assert f"✓ Web search: {kind} (127.0.0.1)" in said
    said = told(SEARCH_KEY="other")
    assert f"✗ Web search by {kind} (127.0.0.1): HTTP 4" in said
    assert "Check DAERI_SEARCH_URL and DAERI_SEARCH_KEY" in said
    assert KEY not in said
