import re

import pytest

from daeri.sample import hanbit
from daeri.web.ask import suggestions
from web.conftest import text_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def asked(people):
    """A question that the owner has sent from the page."""
    live = {"X-Daeri-Live": "1"}
    answer = await people["owner"].post("/ask", {"input": "김대리 휴가 며칠 남았어?"}, seen="/ask", **live)
    return answer.headers["location"]


async def test_a_question_leads_to_its_conversation(people, asked):
    page = await people["owner"].get(asked)
    assert "김대리 휴가 며칠 남았어?" in text_of(page)
    assert "답을 찾고 있어요" in text_of(page)
    assert re.search(r'data-live="run_\w+"', page.text)


async def test_the_next_question_joins_the_conversation(people, asked):
    owner = people["owner"]
    fields = {"input": "그럼 김민준은?", "session_id": asked.rpartition("/")[2]}
    answer = await owner.post("/ask", fields, seen=asked, **{"X-Daeri-Live": "1"})
    assert answer.headers["location"] == asked
    said = text_of(await owner.get(asked))
    assert said.index("김대리 휴가") < said.index("그럼 김민준은?")


async def test_a_form_sent_twice_asks_once(people):
    owner, live = people["owner"], {"X-Daeri-Live": "1"}
    for _ in range(2):
        await owner.post("/ask", {"input": "안녕?", "key": "one-form"}, seen="/ask", **live)
    page = await owner.get("/runs")
    assert page.text.count("안녕?") == 1


async def test_a_form_sent_again_with_other_words_asks_those_too(people):
    owner, live = people["owner"], {"X-Daeri-Live": "1"}
    for words in ("안녕?", "거기 있어?"):
        answer = await owner.post("/ask", {"input": words, "key": "one-form"}, seen="/ask", **live)
        assert words in text_of(await owner.get(answer.headers["location"]))


async def test_an_empty_question_asks_nothing(people):
    answer = await people["owner"].post("/ask", {"input": "  \u200b "}, seen="/ask")
    assert answer.headers["location"] == "/ask"


async def test_nobody_else_sees_a_conversation_or_its_runs(people, asked):
    run = re.search(r'data-live="(run_\w+)"', (await people["owner"].get(asked)).text)
    for path in (asked, f"/runs/{run[1]}"):
        answer = await people["colleague"].get(path)
        assert answer.status_code == 404
        assert "휴가" not in text_of(answer)
    assert "김대리" not in text_of(await people["colleague"].get("/runs"))


async def test_a_run_is_stopped_by_its_own_button(people, asked):
    owner = people["owner"]
    stop = re.search(r'formaction="(/runs/run_\w+/cancel)"', (await owner.get(asked)).text)
    answer = await owner.post(stop[1], {}, seen=asked)
    assert answer.headers["location"] == asked
    assert "멈췄어요." in text_of(await owner.get(asked))


async def test_a_run_whose_agent_asked_another_one_is_shown_at_work_and_can_be_stopped(world, people, asked):
    await world.sql("UPDATE run SET status = 'waiting_run'")
    page = await people["owner"].get(asked)
    assert "답을 찾고 있어요" in text_of(page)
    assert re.search(r'id="stop" formaction="/runs/run_\w+/cancel"', page.text)


async def test_the_run_list_and_the_run_say_unknown_and_never_zero(people, asked):
    owner = people["owner"]
    said = text_of(await owner.get("/runs"))
    assert "알 수 없음" in said
    assert "$0" not in said
    run = re.search(r'data-live="(run_\w+)"', (await owner.get(asked)).text)
    assert "대기 중" in text_of(await owner.get(f"/runs/{run[1]}"))


async def test_a_question_that_looks_like_markup_is_only_text(people):
    answer = await people["owner"].post(
        "/ask", {"input": "<script>alert(1)</script>"}, seen="/ask", **{"X-Daeri-Live": "1"}
    )
    page = await people["owner"].get(answer.headers["location"])
    assert "<script>alert" not in page.text


async def test_examples_are_questions_this_person_may_ask(people):
    assert (await people["owner"].get("/ask")).status_code == 200


def test_suggestions_are_what_people_ask_the_most_and_never_act():
    company = hanbit()
    permitted = {name for name, item in company.operations.items() if item.examples}
    assert suggestions(company, permitted, "ko") == [
        company.operations[name].examples[0]
        for name in ("sales.total", "employee.find", "leave.balance", "documents.search")
    ]
    assert len(suggestions(company, permitted, "en")) == 4
    assert suggestions(company, {"leave.request"}, "ko") == []
    assert suggestions(company, set(), "ko") == []
