"""A request that gives an address and asks for nothing else is one to read that page, without any model."""

import pytest

from daeri.agent.addressed import pages_to_read
from daeri.agent.analyzer import analyze
from daeri.agent.origins import origins_of
from daeri.agent.planner import Call, Happened, Situation
from daeri.operations.outcome import Done
from daeri.records import Actor
from daeri.tools.web import web_catalog
from worlds import NOW, work

TOOLS = [*work.operations.values(), *web_catalog(fetch=True, search=True).operations.values()]


async def _none(_: object) -> list[object]:
    return []


def _read(text: str) -> list[str]:
    analysis = analyze(text, NOW.date())
    situation = Situation(
        actor=Actor.system("test"),
        lang=analysis.lang,
        input=text,
        analysis=analysis,
        tools=TOOLS,
        find_mentions=_none,  # type: ignore[arg-type]
        say=_none,  # type: ignore[arg-type]
    )
    return [call.arguments["url"] for call in pages_to_read(situation, analysis)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://a.kr/x 읽어줘", ["https://a.kr/x"]),
        ("https://a.kr/x를 읽어줘", ["https://a.kr/x"]),
        ("https://a.kr/x?q=1&b=2#c 요약해 줄래?", ["https://a.kr/x?q=1&b=2#c"]),
        ("이 링크 뭐라고 써 있어? https://a.kr/x.", ["https://a.kr/x"]),
        ("summarize the page https://a.kr/x please", ["https://a.kr/x"]),
        ("What does https://a.kr say?", ["https://a.kr"]),
        ("https://a.kr/x https://b.kr/y 읽어줘", ["https://a.kr/x", "https://b.kr/y"]),
        ("https://a.kr/x 읽지 마", []),
        ("https://a.kr/x 읽고 내일 휴가 올려줘", []),
        ("https://a.kr/x 김하은 연봉이랑 비교해줘", []),
        ("페이지 읽어줘", []),
        ("ftp://a.kr/x 읽어줘", []),
    ],
)
def test_addresses_are_read_where_nothing_else_is_asked(text: str, found: list[str]) -> None:
    assert _read(text) == found


@pytest.mark.anyio
@pytest.mark.parametrize(("name", "is_informed"), [("web.fetch", True), ("web.search", False)])
async def test_a_page_may_be_the_companys_own_and_what_a_search_found_is_not(name: str, is_informed: bool) -> None:
    operations = {each.name: each for each in TOOLS}
    read = Happened(Call(name, {}), Done(name, {}, None, [], [], 0.0))
    origins = await origins_of([], [read], operations, operations["web.search"], _none)  # type: ignore[arg-type]
    assert origins.informed is is_informed
