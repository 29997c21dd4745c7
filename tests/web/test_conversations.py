"""Conversations on the ask page, without JavaScript: the list, a search, a title, asking again, a fork, the end."""

import re

import pytest

from web.conftest import text_of

pytestmark = pytest.mark.anyio


async def asked(browser, words, **fields):
    answer = await browser.post("/ask", {"input": words, **fields}, seen="/ask", **{"X-Daeri-Live": "1"})
    return answer.headers["location"]


async def test_earlier_conversations_are_listed_and_found_by_their_words(people):
    owner = people["owner"]
    leave, sales = await asked(owner, "휴가 며칠 남았어?"), await asked(owner, "매출 알려줘")
    page = (await owner.get("/ask")).text
    assert f'href="{leave}"' in page
    assert f'href="{sales}"' in page
    found = (await owner.get("/ask?q=휴가")).text
    assert f'href="{leave}"' in found
    assert f'href="{sales}"' not in found
    assert "그 말이 나온 대화가 없어요" in text_of(await owner.get("/ask?q=없는말"))


async def test_a_conversation_gets_another_title(people):
    owner = people["owner"]
    here = await asked(owner, "휴가 며칠 남았어?")
    answer = await owner.post(f"{here}/rename", {"title": "올해 <휴가>"}, seen=here)
    assert answer.headers["location"] == here
    assert "<title>올해 &lt;휴가&gt;" in (await owner.get(here)).text


async def test_a_request_that_is_asked_again_gives_way_to_its_new_words(people):
    owner = people["owner"]
    here = await asked(owner, "김대리 찾아줘")
    run_id = re.search(r'id="(run_\w+)"', (await owner.get(here)).text)[1]
    answer = await owner.post(f"/runs/{run_id}/edit", {"input": "김과장 찾아줘"}, seen=here, **{"X-Daeri-Live": "1"})
    assert answer.headers["location"] == here
    page = await owner.get(here)
    assert re.findall(r'<p class="bubble">(.*?)</p>', page.text) == ["김과장 찾아줘"]
    assert f'<a href="/runs/{run_id}">김대리 찾아줘</a>' in page.text


async def test_a_fork_and_the_end_of_a_conversation(people):
    owner = people["owner"]
    here = await asked(owner, "휴가 며칠 남았어?")
    fork = (await owner.post(f"{here}/fork", {}, seen=here)).headers["location"]
    assert f'href="{here}"' in (await owner.get(fork)).text
    assert (await owner.post(f"{here}/delete", {}, seen=here)).headers["location"] == "/ask"
    assert (await owner.get(here)).status_code == 404
    assert f'href="{here}"' not in (await owner.get("/ask")).text
    assert (await owner.get(fork)).status_code == 200


@pytest.mark.parametrize("who", ["colleague", "stranger", "lead", "hr"])
async def test_nobody_else_sees_or_changes_a_conversation(people, who):
    here, other = await asked(people["owner"], "휴가 며칠 남았어?"), people[who]
    run_id = re.search(r'id="(run_\w+)"', (await people["owner"].get(here)).text)[1]
    assert (await other.get(here)).status_code == 404
    for act in (f"{here}/rename", f"{here}/delete", f"{here}/fork", f"/runs/{run_id}/edit"):
        answer = await other.post(act, {"title": "내 것", "input": "내 말"}, seen="/ask")
        assert answer.status_code == 404, act
    assert here not in (await other.get("/ask?q=휴가")).text
