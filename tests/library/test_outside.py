"""Are documents found by an outside model's vectors, without sending it what may not leave or depending on it?

The endpoint is a real HTTP server on loopback. It knows one thing that words do not tell: 바다 and ocean are the same.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, get_args
from unittest.mock import Mock

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from daeri.app import Daeri
from daeri.library import meaning
from daeri.library.blocks import Place
from daeri.library.cut import Passage, windows_of
from daeri.library.files import LEVELS
from daeri.library.librarian import LIBRARIAN, Brought
from daeri.operations.outcome import Done
from daeri.operations.provenance import Origins
from daeri.records import Actor
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Workbench
from daeri.sample import hanbit
from daeri.settings import OutLevel, Settings
from daeri.testing.model_server import ModelServer, Received, Reply, fails, whole
from databases import copied, forget, settings_for
from library.conftest import read_due

pytestmark = pytest.mark.anyio

KEY = "sk-embedding-very-secret"
LENGTH = 96
"""Of vectors; no multiple of 64 on purpose."""
SAME = {"바다": "ocean", "바다에서": "ocean"}
OCEAN = "# 휴양 안내\n\n여름에는 바다에서 쉬는 사람이 많다.\n\n# 겨울\n\n산장 난로는 저녁에 켠다.\n"


def vector_of(said: str, length: int) -> list[float]:
    numbers = [-0.05] * length
    for word in re.findall(r"\w+", said.lower()):
        own = SAME.get(word, word)
        numbers[sum(own.encode()) * 7 % (length - 1)] += 1.0
        numbers[-1] += 5.0 if own == "ocean" else 0.0
    return numbers


def embeds(length: int = LENGTH, most: int = 10**6) -> Callable[[Received], Reply]:
    """Answer as an endpoint does; texts longer than `most` are refused."""

    def reply(received: Received) -> Reply:
        texts = received.body["input"]
        if any(len(said) > most for said in texts):
            return fails(400, "input is too long")
        data = [
            {"object": "embedding", "index": at, "embedding": vector_of(said, length)} for at, said in enumerate(texts)
        ]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        return whole({"object": "list", "data": data[::-1], "model": received.body["model"], "usage": usage})

    return reply


@pytest.fixture
async def endpoint() -> AsyncIterator[ModelServer]:
    async with ModelServer(api_key=KEY) as server:
        server.decides(embeds())
        yield server


class House:
    """The company with its documents, and an endpoint for embeddings configured."""

    def __init__(self, folder: Path, endpoint: ModelServer) -> None:
        self.folder = folder
        self.endpoint = endpoint
        self.daeri: Daeri

    async def open(self, **more: Any) -> "House":
        configured = {
            "embedding_url": self.endpoint.base_url,
            "embedding_model": "maker/embed-1",
            "embedding_api_key": KEY,
            "embedding_dimensions": LENGTH,
            "embedding_batch": 16,
        }
        settings = Settings(dir=self.folder, demo=True, **settings_for(self.folder), **(configured | more))
        self.daeri = Daeri(hanbit(), settings)
        await self.daeri.open(working=False)
        return self

    async def close(self) -> None:
        self.daeri.librarian.close()
        await self.daeri.close()

    async def person(self, name: str) -> Actor:
        found = await self.daeri.door.mentions(Actor.system("test"), [name])
        return await self.daeri.identity.actor_of_person(found[0].id, "test")

    async def add(self, name: str, content: str, by: str = "정도윤", **more: Any) -> dict[str, Any]:
        async def pieces() -> AsyncIterator[bytes]:
            yield content.encode()

        keeper = await self.person(by)
        run = await self.daeri.librarian.add(
            keeper, Brought(name, **({"folder": "시험", "level": "internal"} | more)), pieces()
        )
        await read_due(self.daeri)
        return await self.daeri.runs.get(keeper, run["run_id"])

    async def search(self, query: str, actor: Actor | None = None) -> dict[str, Any]:
        asker = actor or await self.person("정도윤")
        outcome = await self.daeri.door.call(asker, "documents.search", {"query": query})
        assert isinstance(outcome, Done)
        return outcome.result

    async def models(self) -> dict[str, set[str]]:
        """The names of the vectors that passages have, by the level of their files."""
        statement = text("SELECT DISTINCT f.level, p.model FROM passage p JOIN company_file f ON f.id = p.file_id")
        found: dict[str, set[str]] = {}
        for level, model in await self.daeri.store.read(lambda connection: connection.execute(statement).all()):
            found.setdefault(level, set()).add(model)
        return found

    @property
    def sent(self) -> list[str]:
        return [said for received in self.endpoint.requests for said in received.body["input"]]


@pytest.fixture
async def house(furnished_library: Path, tmp_path: Path, endpoint: ModelServer) -> AsyncIterator[House]:
    opened = await House(copied(furnished_library, tmp_path / "hanbit"), endpoint).open()
    yield opened
    await opened.close()
    forget(opened.folder)


NAME = f"maker/embed-1/{LENGTH}"


async def test_a_change_of_the_model_embeds_anew_in_a_run_what_may_be_sent_and_nothing_else(house: House) -> None:
    assert await house.models() == {level: {"use3"} for level in ("confidential", "secret", "internal")}
    run_id = await house.daeri.librarian.see_to_meaning()
    assert run_id is not None
    assert await house.daeri.librarian.see_to_meaning() is None, "one run at a time"
    await read_due(house.daeri)
    run = await house.daeri.runs.get(Actor.system(LIBRARIAN), run_id)
    assert run["status"] == "succeeded", run
    assert (run["usage"]["model"], run["usage"]["input_tokens"] > 100) == (NAME, True)
    found = await house.models()
    assert found["internal"] == {NAME}
    assert found["confidential"] == found["secret"] == {"use3"}
    hidden = text(
        "SELECT p.text FROM passage p JOIN company_file f ON f.id = p.file_id "
        "WHERE f.level IN ('confidential', 'secret')"
    )
    everything = json.dumps(house.sent, ensure_ascii=False)
    for row in await house.daeri.store.read(lambda connection: connection.execute(hidden).all()):
        assert row.text.split(". ")[0][:40] not in everything
    assert max(len(each.body["input"]) for each in house.endpoint.requests) == 16
    assert await house.daeri.librarian.see_to_meaning() is None, "nothing is lacking any more"
    asked = await house.search("출장비 한도 얼마야?")
    assert (asked["found"], asked["by_meaning"]) == (True, True)
    secret = await house.search("다온테크 인수 검토", Actor.system("test"))
    assert "다온테크" in secret["rows"][0]["text"], "by words, and by Daeri's own vectors"


async def test_what_words_do_not_tell_is_found_by_the_outside_model(house: House) -> None:
    await house.add("휴양.md", OCEAN)
    rows = (await house.search("ocean"))["rows"]
    assert rows[0]["name"] == "휴양.md", rows
    assert "바다" in rows[0]["text"]


async def test_what_a_run_searches_for_is_sent_only_where_all_that_it_read_may_be(house: House) -> None:
    await house.add("휴양.md", OCEAN)
    asker, before = await house.person("정도윤"), len(house.sent)
    for classes, is_sent in (
        (frozenset({"personal"}), False),
        (frozenset({"confidential"}), False),
        (frozenset(), True),
    ):
        journal: Any = Mock(run_id="run_1", step=1, origins=Origins(classes=classes), beside=())
        outcome = await house.daeri.door.call(asker, "documents.search", {"query": "ocean"}, journal=journal)
        assert isinstance(outcome, Done)
        assert ("ocean" in house.sent[before:]) is is_sent


async def test_what_an_agent_without_a_run_searches_for_is_sent_nowhere_as_nobody_knows_what_it_read(
    house: House,
) -> None:
    await house.add("휴양.md", OCEAN)
    person, before = await house.person("정도윤"), len(house.sent)
    agent = house.daeri.company.agent(None).acting_for(person)
    for asker, is_sent in ((agent, False), (person, True)):
        assert isinstance(await house.daeri.door.call(asker, "documents.search", {"query": "ocean"}), Done)
        assert ("ocean" in house.sent[before:]) is is_sent
    assert await house.daeri.door.would_find(agent, "documents.search", {"query": "sea"}, frozenset()) >= 0
    assert await house.daeri.door.would_find(agent, "documents.search", {"query": "lake"}, frozenset({"secret"})) >= 0
    assert ("sea" in house.sent, "lake" in house.sent) == (True, False), "a run's planner says what the run has read"


async def test_owner_and_colleague_find_a_file_by_outside_vectors_and_a_stranger_learns_nothing(house: House) -> None:
    await house.close()
    await house.open(embedding_levels=("public", "internal", "confidential"))
    await house.daeri.librarian.see_to_meaning()
    await read_due(house.daeri)
    owner, stranger = await house.person("김하은"), await house.person("김도현")
    statement = text("SELECT id FROM employee WHERE team_id = :team AND title = '' AND id != :me AND left_on IS NULL")
    values = {"team": owner.team_id, "me": owner.person_id}
    near = await house.daeri.store.read(lambda connection: connection.execute(statement, values).scalars().first())
    colleague = await house.daeri.identity.actor_of_person(near, "test")
    before = await house.search("ocean", stranger)
    run = await house.add("휴양.md", OCEAN, "김하은", level="confidential")
    assert run["status"] == "succeeded", run
    assert "여름에는 바다에서" in json.dumps(house.sent, ensure_ascii=False)
    for seer in (owner, colleague):
        assert (await house.search("ocean", seer))["rows"][0]["name"] == "휴양.md"
    assert await house.search("ocean", stranger) == before


async def test_only_what_changed_of_a_new_edition_is_sent(house: House) -> None:
    await house.daeri.librarian.see_to_meaning()
    await read_due(house.daeri)
    await house.add("휴양.md", OCEAN)
    before = len(house.sent)
    await house.add("휴양.md", OCEAN.replace("저녁에", "아침에"))
    assert house.sent[before:] == ["겨울 산장 난로는 아침에 켠다."]


async def test_a_dead_endpoint_costs_no_search_and_no_file(house: House) -> None:
    house.endpoint.always(fails(503, "down for maintenance"))
    run = await house.add("휴양.md", OCEAN)
    assert run["status"] == "succeeded"
    assert "나중에 다시 해요" in run["answer"]
    assert KEY not in json.dumps(run, ensure_ascii=False)
    found = await house.search("바다에서 쉬는 사람")
    assert (found["rows"][0]["name"], found["by_meaning"]) == ("휴양.md", False)
    asked = len(house.endpoint.requests)
    assert (await house.search("산장 난로"))["by_meaning"] is False
    assert len(house.endpoint.requests) == asked, "it is left alone for a while"
    assert await house.daeri.librarian.see_to_meaning() is None, "no run is begun while it does not answer"
    house.endpoint.decides(embeds())
    assert await house.daeri.librarian.see_to_meaning() is not None
    await read_due(house.daeri)
    assert (await house.models())["internal"] == {NAME}


async def test_what_was_made_before_the_endpoint_failed_is_not_asked_again(house: House) -> None:
    answers = embeds()

    def breaks(received: Received) -> Reply:
        return answers(received) if len(house.endpoint.requests) < 6 else fails(401, "no credit left")

    house.endpoint.decides(breaks)
    run_id = await house.daeri.librarian.see_to_meaning()
    await read_due(house.daeri)
    run = await house.daeri.runs.get(Actor.system(LIBRARIAN), run_id)
    assert run["status"] == "failed", run
    assert (await house.models())["internal"] == {NAME, "use3"}
    made = [said for each in house.endpoint.requests[1:5] for said in each.body["input"]]
    house.endpoint.requests.clear()
    house.endpoint.decides(answers)
    assert await house.daeri.librarian.see_to_meaning() is not None
    await read_due(house.daeri)
    assert (await house.models())["internal"] == {NAME}
    whole_passages = set(made[:40])  # the last one may have been cut by the failure
    assert not whole_passages & set(house.sent)


async def test_vectors_of_another_model_are_kept_from_the_question_until_they_are_made_anew(house: House) -> None:
    await house.daeri.librarian.see_to_meaning()
    await read_due(house.daeri)
    await house.close()
    house.endpoint.decides(embeds(64))
    await house.open(embedding_model="maker/embed-2", embedding_dimensions=64)
    found = await house.search("출장비 한도 얼마야?")
    assert (found["found"], found["rows"][0]["name"]) == (True, "여비규정.pdf"), "by words, and by its own vectors"
    await house.daeri.librarian.see_to_meaning()
    await read_due(house.daeri)
    assert (await house.models())["internal"] == {"maker/embed-2/64"}
    await house.close()
    await house.open(embedding_url="", embedding_model="", embedding_dimensions=0)
    await house.daeri.librarian.see_to_meaning()
    await read_due(house.daeri)
    assert set().union(*(await house.models()).values()) == {"use3"}, "without an endpoint Daeri makes them itself"
    assert (await house.search("출장비 한도 얼마야?"))["by_meaning"] is True


async def test_making_vectors_stops_when_it_is_cancelled_and_goes_on_after_the_next_start(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meaning, "LOT", 20)
    run_id = await house.daeri.librarian.see_to_meaning()
    librarian, system = house.daeri.librarian, Actor.system(LIBRARIAN)
    written: Any = librarian.meaning._write
    lots = []

    async def cancelled_after_two(*arguments: Any) -> None:
        lots.append(arguments)
        if len(lots) == 3:
            await house.daeri.runs.cancel(system, run_id)
        await written(*arguments)

    monkeypatch.setattr(librarian.meaning, "_write", cancelled_after_two)
    bench = Workbench(house.daeri.store, house.daeri.clock, Wakeups())
    ((due, segment),) = await house.daeri.runs.dispatch.due()
    work = await bench.claim(due, segment)
    await librarian.work(work, bench)
    run = await house.daeri.runs.get(system, run_id)
    assert run["status"] == "cancelled"
    assert [step["kind"] for step in run["steps"]].count("embed") == 2
    assert await librarian.see_to_meaning() is None, "somebody stopped it"
    await house.close()
    await house.open()
    assert await house.daeri.librarian.see_to_meaning() is not None


async def test_a_run_that_a_crash_ended_goes_on_where_it_was(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "LOT", 20)
    run_id = await house.daeri.librarian.see_to_meaning()
    librarian, lots = house.daeri.librarian, []
    written: Any = librarian.meaning._write

    async def crashes_at_the_third(*arguments: Any) -> None:
        lots.append(arguments)
        if len(lots) == 3:
            raise asyncio.CancelledError
        await written(*arguments)

    monkeypatch.setattr(librarian.meaning, "_write", crashes_at_the_third)
    bench = Workbench(house.daeri.store, house.daeri.clock, Wakeups())
    ((due, segment),) = await house.daeri.runs.dispatch.due()
    with pytest.raises(asyncio.CancelledError):
        await librarian.work(await bench.claim(due, segment), bench)
    before, kept = len(house.sent), [each for lot in lots[:2] for each in lot[2][1]]
    await read_due(house.daeri)
    run = await house.daeri.runs.get(Actor.system(LIBRARIAN), run_id)
    assert run["status"] == "succeeded", run
    assert (await house.models())["internal"] == {NAME}
    statement = text("SELECT id, section, text FROM passage")
    rows = await house.daeri.store.read(lambda connection: connection.execute(statement).all())
    done = {window for row in rows if row.id in kept for window in windows_of(Passage(row.text, row.section, Place()))}
    assert len(done) > 20
    assert not done & set(house.sent[before:]), "what was written before the crash is not asked again"


async def test_a_server_sees_to_it_by_itself_when_it_starts(
    furnished_library: Path, tmp_path: Path, endpoint: ModelServer
) -> None:
    place = House(copied(furnished_library, tmp_path / "hanbit"), endpoint)
    await place.open()
    await place.daeri.close()
    async with place.daeri.__class__(hanbit(), place.daeri.settings) as daeri:
        place.daeri = daeri
        for _ in range(400):
            if (await place.models())["internal"] == {NAME}:
                break
            await asyncio.sleep(0.05)
        assert (await place.models())["internal"] == {NAME}
        assert (await place.search("출장비 한도 얼마야?"))["by_meaning"] is True
    forget(place.folder)


async def test_a_text_that_is_too_long_for_the_endpoint_is_shortened_and_holds_up_no_other(house: House) -> None:
    house.endpoint.decides(embeds(most=250))
    run = await house.add("긴글.md", "# 긴 글\n\n" + "아주 긴 문장이 끝나지 않고 이어진다 " * 30)
    assert run["status"] == "succeeded"
    assert "나중에" not in run["answer"]
    assert (await house.models())["internal"] == {NAME}


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"index": 0, "embedding": [1.0, 2.0]}],
        [{"index": 0, "embedding": ["x"] * LENGTH}],
        [{"index": 0, "embedding": [0.0] * LENGTH}],
        [{"index": 1, "embedding": [1.0] * LENGTH}],
        {"index": 0},
        None,
    ],
)
async def test_an_odd_reply_is_no_vector(house: House, data: Any) -> None:
    house.endpoint.always(whole({"data": data}))
    outside: Any = house.daeri.librarian.meaning.outside
    told = await outside.sense("연차")
    assert (told.vector, bool(told.why)) == (b"", True)


def test_only_levels_that_there_are_can_be_let_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert get_args(OutLevel) == tuple(LEVELS)
    monkeypatch.setenv("DAERI_EMBEDDING_LEVELS", "public, confidential")
    assert Settings().embedding_levels == ("public", "confidential")
    monkeypatch.setenv("DAERI_EMBEDDING_LEVELS", "public,internl")
    with pytest.raises(ValidationError, match="internl"):
        Settings()


def test_an_endpoint_needs_a_name_and_a_length_and_its_key_is_never_shown() -> None:
    with pytest.raises(ValidationError, match="DAERI_EMBEDDING_MODEL and DAERI_EMBEDDING_DIMENSIONS"):
        Settings(embedding_url="http://127.0.0.1:9/v1", embedding_model="maker/embed-1")
    assert KEY not in repr(Settings(embedding_api_key=KEY))
