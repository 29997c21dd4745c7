"""Do runs without a model answer from documents: quoted, with their place, beside records, and only where it fits?"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from daeri.app import Daeri, application
from daeri.records import Actor
from daeri.sample import hanbit
from daeri.settings import Settings
from databases import copied, forget, settings_for

pytestmark = pytest.mark.anyio

COMBINED = "김대리 휴가 며칠 남았고 연차 규정이 어떻게 돼?"


@dataclass
class Office:
    """A server without a model, its REST door, and who knocks."""

    daeri: Daeri
    client: AsyncClient
    deputy: Actor
    keys: dict[str, str]

    async def ask(self, question: str) -> dict[str, Any]:
        """Ask, and wait for the end."""
        run = await self.daeri.runs.create(self.deputy, question)
        return await self.daeri.runs.wait(self.deputy, run["run_id"], 30)

    async def get(self, path: str, who: str = "deputy", **parameters: Any) -> Any:
        """Look at a resource."""
        headers = {"Authorization": f"Bearer {self.keys[who]}"}
        answer = await self.client.get(path, params=parameters, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(self, content: bytes, name: str, who: str = "deputy", **fields: str) -> Any:
        """Bring a file in."""
        headers = {"Authorization": f"Bearer {self.keys[who]}"}
        return await self.client.post("/v1/documents", files={"file": (name, content)}, data=fields, headers=headers)


@pytest.fixture
async def office(furnished_library: Path, tmp_path: Path) -> AsyncIterator[Office]:
    folder = copied(furnished_library, tmp_path / "hanbit")
    daeri = Daeri(hanbit(), Settings(dir=folder, demo=True, **settings_for(folder)))
    keys, people = {}, {}
    async with daeri:
        for login, name in {"deputy": "김하은", "stranger": "김도현"}.items():
            found = next(
                each for each in await daeri.door.mentions(Actor.system("test"), [name]) if each.record == "employee"
            )
            keys[login] = (await daeri.identity.add_key(found.id, "test", decides=True)).secret
            people[login] = await daeri.identity.actor_of_key(keys[login], "rest")
        transport = ASGITransport(application(daeri))
        async with AsyncClient(transport=transport, base_url="http://127.0.0.1:8787") as client:
            yield Office(daeri, client, people["deputy"], keys)
    forget(folder)


async def test_an_answer_quotes_the_passage_with_its_file_and_place(office: Office) -> None:
    run = await office.ask("보안 규정에서 USB는 어떻게 돼?")
    assert run["status"] == "succeeded", run
    assert "정보보안규정.pdf, p.1" in run["answer"]
    assert "“USB 메모리와 외장하드의 사용은 금지한다." in run["answer"]
    assert run["answer"].endswith("[1]")
    (source,) = run["citations"]
    cited = source["passages"][0]
    assert (cited["name"], source["untrusted"]) == ("정보보안규정.pdf", True)
    assert "제8조(이동식 저장장치)" in cited["locator"]
    text = await office.get(f"/v1/documents/{cited['document']}", passage=cited["passage"])
    assert cited["text"] in [row["text"] for row in text["rows"]]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("사내 수영장 이용 규정 알려줘", "볼 수 있는 문서에서 이 질문에 충분히 맞는 내용을 찾지 못했어요."),
        ("What is the policy on swimming pools?", "I found nothing good enough for this in the documents"),
    ],
)
async def test_an_answer_says_when_nothing_good_enough_is_written(office: Office, question: str, said: str) -> None:
    run = await office.ask(question)
    assert run["answer"].startswith(said)
    assert run["citations"] == []


async def test_a_combined_question_is_answered_from_the_record_and_the_document_with_both_sources(
    office: Office,
) -> None:
    run = await office.ask(COMBINED)
    assert run["status"] == "succeeded", run
    assert "남은 연차는 7.5일이에요" in run["answer"]
    assert "취업규칙.hwpx, 제4장 휴일과 휴가 › 제26조(연차유급휴가)" in run["answer"]
    marks = {int(number): line for line in run["answer"].splitlines() for number in re.findall(r"\[(\d)\]$", line)}
    cited = {source["n"]: source for source in run["citations"]}
    assert marks.keys() == cited.keys()
    record = next(n for n, source in cited.items() if source["operation"] == "leave.balance")
    document = next(n for n, source in cited.items() if source["operation"] == "documents.search")
    assert "7.5일" in marks[record]
    assert cited[record]["records"][0]["title"].startswith("김하은")
    assert "취업규칙.hwpx" in marks[document]
    assert cited[document]["passages"][0]["text"] in marks[document]
    assert run["answer"].count("김대리") == 1, "it says whom it took"


async def test_a_file_sent_over_rest_is_a_run_to_watch_and_then_found_in_the_shape_that_was_promised(
    office: Office,
) -> None:
    sent = await office.send(
        "# 주차 안내\n\n지하 2층 주차장은 은행나무 구역을 쓴다.\n".encode(), "주차.md", folder="안내"
    )
    assert sent.status_code == 202, sent.text
    run = sent.json()
    assert sent.headers["location"] == f"/v1/runs/{run['run_id']}"
    assert (run["document"]["name"], run["document"]["folder"], run["document"]["level"]) == (
        "주차.md",
        "안내",
        "confidential",
    )
    ended = await office.get(f"/v1/runs/{run['run_id']}", wait=20)
    assert ended["status"] == "succeeded", ended
    found = await office.get("/v1/search", q="은행나무 구역", limit=5)
    assert set(found) == {"data", "found"}
    assert found["found"] is True
    assert len(found["data"]) <= 5
    best = found["data"][0]
    assert {"document", "name", "locator", "text", "score"} <= best.keys()
    assert (best["document"], best["name"]) == (run["document"]["document"], "주차.md")
    assert best["locator"] == "L3 · 주차 안내"
    assert best["text"] == "지하 2층 주차장은 은행나무 구역을 쓴다."
    assert 0 < best["score"] <= 1
    listed = await office.get("/v1/documents", folder="안내")
    assert "주차.md" in [row["name"] for row in listed["data"]]
    assert {"data", "next_cursor", "has_more"} <= listed.keys()
    unseen = await office.get("/v1/documents", "stranger", folder="안내")
    assert "주차.md" not in [row["name"] for row in unseen["data"]]
    assert "주차.md" not in [row["name"] for row in (await office.get("/v1/search", "stranger", q="은행나무"))["data"]]


@pytest.mark.parametrize(
    ("fields", "pointer"), [({"level": "top"}, "/level"), ({"in_force_from": "soon"}, "/in_force_from")]
)
async def test_a_file_with_a_field_that_does_not_fit_is_refused_where_it_does_not(
    office: Office, fields: dict[str, str], pointer: str
) -> None:
    refused = await office.send(b"# x\n\ny\n", "x.md", **fields)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


async def test_an_original_comes_back_as_it_was_and_never_as_a_page_of_ours(office: Office) -> None:
    content = b"<html><script>alert(1)</script><p>\xeb\xac\xb8\xec\x84\x9c</p></html>"
    run = (await office.send(content, "x.html")).json()
    headers = {"Authorization": f"Bearer {office.keys['deputy']}"}
    place = f"/v1/documents/{run['document']['document']}/original"
    original = await office.client.get(place, headers=headers)
    assert original.content == content
    assert original.headers["content-disposition"].startswith("attachment")
    assert original.headers["content-type"] == "application/octet-stream"
    stranger = {"Authorization": f"Bearer {office.keys['stranger']}"}
    assert (await office.client.get(place, headers=stranger)).status_code == 404
