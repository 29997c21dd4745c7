"""Do conversations hold together? Their turns, titles, searches, forks; and they are their person's alone."""

from datetime import timedelta
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
from sqlalchemy import text

from daeri.app import MIGRATIONS
from daeri.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from daeri.records.store import Store
from daeri.runs.conversations import TITLE_MADE, TITLE_MAX, title_of
from daeri.runs.journal import Note
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import SUMMARY, WORTH_A_SUMMARY, Ending, Work, Workbench
from databases import address
from worlds import COLLEAGUE, HR, LEAD, OWNER, STRANGER, World

pytestmark = pytest.mark.anyio


async def ask(world: World, words: str, answer: str | None = "답", **more: Any) -> dict[str, Any]:
    """Ask as the owner; the agent answers at once unless there is no answer."""
    run = await world.runs.create(await world.actor(OWNER), words, **more)
    if answer is not None:
        await reply(world, run["run_id"], answer)
    return run


async def taken(world: World, run_id: str) -> Work:
    work = await Workbench(world.store, world.clock, Wakeups()).claim(run_id, 1)
    assert work is not None
    return work


async def reply(world: World, run_id: str, answer: str) -> Work:
    work = await taken(world, run_id)
    ending = Ending(answer, "answer", [{"n": 1, "untrusted": True}], [], {})
    await Workbench(world.store, world.clock, Wakeups()).succeed(work.lease, ending)
    return work


async def listed(world: World, person: int = OWNER, **more: Any) -> list[dict[str, Any]]:
    return (await world.runs.conversations.page(await world.actor(person), **more))["data"]


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("김대리 휴가 며칠 남았어?", "김대리 휴가 며칠 남았어?"),
        ("\n  첫 줄이에요 \n둘째 줄", "첫 줄이에요"),
        ("가나다라 " * 20, ("가나다라 " * 8).strip() + "…"),
        ("가" * 200, "가" * TITLE_MADE + "…"),
    ],
)
def test_a_conversation_is_called_by_how_it_begins(words: str, title: str) -> None:
    assert title_of(words) == title


async def test_requests_of_one_conversation_are_its_turns(world: World) -> None:
    first = await ask(world, "휴가 며칠 남았어?")
    await ask(world, "그럼 작년에는?", session_id=first["session_id"])
    other = await ask(world, "매출 알려줘")
    conversations = await listed(world)
    assert {(each["session_id"], each["title"], each["turns"]) for each in conversations} == {
        (first["session_id"], "휴가 며칠 남았어?", 2),
        (other["session_id"], "매출 알려줘", 1),
    }


async def test_conversations_are_listed_page_by_page_the_last_used_first(world: World) -> None:
    made = []
    for n in range(5):
        made.append((await ask(world, f"질문 {n}", None))["session_id"])
        world.clock.at += timedelta(seconds=1)
    seen, cursor, actor = list[str](), None, await world.actor(OWNER)
    while True:
        page = await world.runs.conversations.page(actor, limit=2, cursor=cursor)
        seen += [each["session_id"] for each in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert seen == made[::-1]


@pytest.mark.parametrize("cursor", ["", "x", "~", "2026-01-01~ses_1", "9999-99-99T00:00:00+00:00~"])
async def test_a_cursor_of_elsewhere_is_refused(world: World, cursor: str) -> None:
    with pytest.raises(ValidationFailed):
        await world.runs.conversations.page(await world.actor(OWNER), cursor=cursor)


async def test_a_search_finds_words_of_titles_requests_and_answers(world: World) -> None:
    first = await ask(world, "여비 규정 알려줘", "Hotels cost 120,000원 at most.")
    await ask(world, "매출 알려줘", "지난달은 3억 원이에요.")
    for words in ("규정", "hotels", "120,000", "규정 HOTELS"):
        assert [each["session_id"] for each in await listed(world, search=words)] == [first["session_id"]], words
    assert "Hotels" in (await listed(world, search="hotels"))[0]["found"]["text"]
    assert await listed(world, search="규정 지난달") == []
    assert await listed(world, search="%") == []
    assert len(await listed(world, search="  ")) == 2


@pytest.mark.parametrize("person", [COLLEAGUE, STRANGER, LEAD, HR])
async def test_somebody_elses_conversation_is_like_a_missing_one(world: World, person: int) -> None:
    run = await ask(world, "휴가 며칠 남았어?")
    other, mine = await world.actor(person), world.runs.conversations
    for session_id in (run["session_id"], "ses_nothing"):
        for attempt in (
            mine.get(other, session_id),
            mine.rename(other, session_id, "내 것"),
            mine.delete(other, session_id),
            mine.fork(other, session_id),
            world.runs.create(other, "이어서", session_id=session_id),
        ):
            with pytest.raises(NotFound) as missing:
                await attempt
            assert missing.value.detail.en == "No such conversation"
    with pytest.raises(NotFound):
        await world.runs.edit(other, run["run_id"], "다른 말")
    assert await listed(world, person) == []
    assert await listed(world, person, search="휴가") == []
    assert (await listed(world))[0]["title"] == "휴가 며칠 남았어?"


async def test_a_key_that_may_not_handle_conversations_is_refused(world: World) -> None:
    run = await ask(world, "휴가 며칠 남았어?")
    narrow = await world.actor(OWNER, scopes=(("leave.*", "run.*"),))
    with pytest.raises(PermissionDenied):
        await world.runs.conversations.page(narrow)
    with pytest.raises(PermissionDenied):
        await world.runs.conversations.delete(narrow, run["session_id"])


async def test_a_conversation_can_be_called_otherwise(world: World) -> None:
    run, actor = await ask(world, "휴가 며칠 남았어?"), await world.actor(OWNER)
    assert (await world.runs.conversations.rename(actor, run["session_id"], " 내  휴가 "))["title"] == "내 휴가"
    for title in ("", " \u200b ", "가" * (TITLE_MAX + 1)):
        with pytest.raises(ValidationFailed):
            await world.runs.conversations.rename(actor, run["session_id"], title)
    assert (await listed(world))[0]["title"] == "내 휴가"


async def test_a_deleted_conversation_is_gone_for_its_person_and_stays_in_the_audit(world: World) -> None:
    run, actor = await ask(world, "비밀 이야기"), await world.actor(OWNER)
    going_on = await ask(world, "아직 하는 중", None, session_id=run["session_id"])
    await world.runs.conversations.delete(actor, run["session_id"])
    for attempt in (
        world.runs.conversations.get(actor, run["session_id"]),
        world.runs.get(actor, run["run_id"]),
        world.runs.wait(actor, run["run_id"], 0),
        world.runs.create(actor, "이어서", session_id=run["session_id"]),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await listed(world) == []
    assert await listed(world, search="비밀") == []
    assert (await world.runs.page(actor))["data"] == []
    rows = await world.sql("SELECT status FROM run WHERE id = :id", id=going_on["run_id"])
    assert [row["status"] for row in rows] == ["cancelled"]
    assert [row["action"] for row in await world.audited()][-1] == "conversation.delete"


async def test_a_request_asked_again_leaves_the_context_with_all_after_it(world: World) -> None:
    first = await ask(world, "하나", "1")
    session = first["session_id"]
    second = await ask(world, "둘", "2", session_id=session)
    third = await ask(world, "셋", None, session_id=session)
    actor = await world.actor(OWNER)
    again = await world.runs.edit(actor, second["run_id"], "둘 말고 넷")
    assert again["session_id"] == session
    work = await taken(world, again["run_id"])
    assert [turn.input for turn in work.history] == ["하나"]
    history = (await world.runs.page(actor, session_id=session))["data"]
    assert [(run["input"], run["replaced_by"]) for run in history] == [
        ("하나", None),
        ("둘", again["run_id"]),
        ("셋", again["run_id"]),
        ("둘 말고 넷", None),
    ]
    assert (await world.runs.get(actor, third["run_id"]))["status"] == "cancelled"
    assert (await world.runs.conversations.get(actor, session))["turns"] == 2
    with pytest.raises(Conflict):
        await world.runs.edit(actor, second["run_id"], "또")


async def test_a_fork_begins_with_the_turns_so_far_and_goes_its_own_way(world: World) -> None:
    first = await ask(world, "하나", "1")
    second = await ask(world, "둘", "2", session_id=first["session_id"])
    await ask(world, "셋", "3", session_id=first["session_id"])
    actor = await world.actor(OWNER)
    fork = await world.runs.conversations.fork(actor, first["session_id"], second["run_id"])
    assert fork["forked_from"] == first["session_id"]
    assert fork["turns"] == 2
    going_on = await ask(world, "다른 길", None, session_id=fork["session_id"])
    work = await taken(world, going_on["run_id"])
    assert [(turn.input, turn.answer, turn.untrusted) for turn in work.history] == [
        ("하나", "1", True),
        ("둘", "2", True),
    ]
    assert (await world.runs.conversations.get(actor, first["session_id"]))["turns"] == 3
    copied = (await world.runs.page(actor, session_id=fork["session_id"]))["data"]
    assert [run["copied_from"] for run in copied] == [first["run_id"], second["run_id"], None]
    heard = [event["type"] async for event in world.runs.events(actor, copied[0]["run_id"]) if event]
    assert heard[-1] == "stream.end"
    with pytest.raises(NotFound):
        await world.runs.conversations.fork(actor, first["session_id"], going_on["run_id"])


async def test_runs_from_before_get_their_conversations(tmp_path: Path) -> None:
    store = Store(address(tmp_path / "daeri.db"))
    await store.upgrade(MIGRATIONS, "daeri_version")
    statement = run_path(str(next((MIGRATIONS / "versions").glob("*_conversations.py"))))["FROM_RUNS"]
    columns = "id, session_id, person_id, agent, scopes, door, lang, input, status, segment, epoch, attempts, events"
    old = [
        ("run_1", "ses_1", 7, "assistant", "휴가 며칠 남았어?", "2026-01-01 09:00:00"),
        ("run_2", "ses_1", 7, "assistant", "그럼 작년은?", "2026-01-02 09:00:00"),
        ("run_3", "ses_2", 8, "assistant", "매출", "2026-01-03 09:00:00"),
        ("run_4", "ses_3", 8, "library", "문서 읽기", "2026-01-04 09:00:00"),
    ]

    def as_the_migration_found_them(connection: Any) -> None:
        for run, session, person, agent, words, at in old:
            values = f"'{run}', '{session}', {person}, '{agent}', '[]', 'rest', 'ko', '{words}', 'succeeded'"
            rest = f"1, 0, 0, 0, '[]', '[]', '{{}}', '{at}'"
            insert = f"INSERT INTO run ({columns}, choices, citations, usage, created_at) VALUES ({values}, {rest})"
            connection.execute(text(insert))
        connection.execute(text(statement))

    await store.write(as_the_migration_found_them)
    found = "SELECT id, person_id, title FROM conversation ORDER BY id"
    rows = await store.read(lambda connection: connection.execute(text(found)).all())
    assert [tuple(row) for row in rows] == [("ses_1", 7, "휴가 며칠 남았어?"), ("ses_2", 8, "매출")]
    await store.close()


async def test_what_another_agent_summed_up_is_not_told_to_this_one(world: World) -> None:
    first = await ask(world, "하나", "가" * WORTH_A_SUMMARY)
    second = await ask(world, "둘", None, session_id=first["session_id"])
    work = await taken(world, second["run_id"])
    summary = Note(SUMMARY, {"text": "요약", "until": first["run_id"], "untrusted": False, "classes": []}, "요약", 0)
    ending = Ending("답", "answer", [], [], {})
    await Workbench(world.store, world.clock, Wakeups()).succeed(work.lease, ending, [summary])
    third = await ask(world, "셋", None, session_id=first["session_id"])
    own = (await taken(world, third["run_id"])).summary
    assert own is not None
    assert own.text == "요약"
    await world.sql("UPDATE run SET agent = 'other' WHERE id = :id", id=second["run_id"])
    await world.sql("UPDATE run SET status = 'cancelled' WHERE id = :id", id=third["run_id"])
    fourth = await ask(world, "넷", None, session_id=first["session_id"])
    assert (await taken(world, fourth["run_id"])).summary is None
