"""The audit over REST and JSON-RPC: for auditors only, by whom and about whom one asks, and proved on demand."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from daeri.gateway import Options
from daeri.records import audit
from gateway.gateway_house import House, Keys, opened
from worlds import AUDITOR, COLLEAGUE, HR, NOW, OWNER

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(keyed: Keys, tmp_path: Path) -> AsyncIterator[House]:
    """The house with a key for an auditor, and something that happened."""
    async with opened(keyed, tmp_path, Options()) as one:
        await one.identity.add_account("auditor", AUDITOR)
        key = await one.identity.add_key(AUDITOR, "auditor", decides=False)
        one.keys = {**one.keys, "auditor": key.secret}
        await one.post("owner", "/v1/ops/work.salary", {"employee": OWNER})
        await one.post("hr", "/v1/ops/work.salary", {"employee": COLLEAGUE})
        await one.post("colleague", "/v1/ops/work.salary", {"employee": OWNER})  # refused
        await one.rpc("owner", "work.find", {"employee": OWNER})
        yield one


async def rows(house: House, query: str = "", who: str = "auditor") -> list[dict[str, Any]]:
    response = await house.get(who, f"/v1/audit{query}")
    assert response.status_code == 200, response.text
    return list(response.json()["data"])


async def acts(house: House, query: str) -> list[tuple[str, str, int]]:
    found = await rows(house, query)
    return [(row["action"], row["outcome"], row["person"]["id"]) for row in found]


@pytest.mark.parametrize("who", ["owner", "colleague", "stranger", "lead", "hr"])
@pytest.mark.parametrize("path", ["", "?person=1", "?type=w_vault&id=99", "/verify"])
async def test_nobody_but_an_auditor_opens_it_whatever_they_ask_for(house: House, who: str, path: str) -> None:
    response = await house.get(who, f"/v1/audit{path}")
    assert (response.status_code, response.json()["code"]) == (403, "permission-denied")
    assert response.json()["detail"] == "감사 기록은 감사 담당만 볼 수 있어요"
    told = await house.rpc(who, "audit.list", {"person": "1"})
    assert told["error"]["code"] == -32063


async def test_an_auditor_sees_who_did_what_for_whom_by_which_door_newest_first(house: House) -> None:
    newest, refused, read, own, *_ = await rows(house)
    assert (newest["action"], newest["door"], newest["person"]["name"]) == ("work.find", "rpc", "김하은")
    assert (refused["outcome"], refused["code"], refused["person"]["id"]) == ("refused", "permission-denied", COLLEAGUE)
    assert (read["person"]["id"], read["people"], read["personal"]) == (HR, [COLLEAGUE], ["w_employee.salary"])
    assert (own["door"], own["from"], own["records"]) == ("rest", "127.0.0.1", [{"type": "w_employee", "id": OWNER}])
    assert own["credential"].startswith("key_")
    assert own["label"] == "연봉"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?person=2", [("work.salary", "done", HR)]),
        ("?person=1&actor=1", [("work.find", "done", OWNER), ("work.salary", "done", OWNER)]),
        ("?actor=2&outcome=refused", [("work.salary", "refused", COLLEAGUE)]),
        ("?actor=hr&operation=work.salary", [("work.salary", "done", HR)]),
        ("?actor=정유진&operation=work.salary", [("work.salary", "done", HR)]),
        ("?operation=work.find", [("work.find", "done", OWNER)]),
        ("?operation=work.&actor=6", [("work.salary", "done", HR)]),
        ("?type=w_employee&id=2", [("work.salary", "done", HR)]),
        ("?type=w_employee&id=999", []),
        ("?type=w_vault&id=1", []),
        ("?person=999", []),
        ("?since=2027-01-01", []),
        ("?until=2026-11-20", []),
        ("?since=2026-11-21&until=2026-11-21&operation=work.find", [("work.find", "done", OWNER)]),
    ],
)
async def test_it_is_asked_by_whose_data_who_acted_what_which_row_and_when(
    house: House, query: str, expected: list[tuple[str, str, int]]
) -> None:
    assert [act for act in await acts(house, query) if not act[0].startswith(("account", "key"))] == expected


@pytest.mark.parametrize(
    "query", ["?id=1", "?since=soon", "?cursor=x", "?person=아무개", "?person=김하은", "?nothing=1", "?limit=0"]
)
async def test_what_makes_no_sense_or_names_nobody_they_may_see_is_refused_in_words(house: House, query: str) -> None:
    response = await house.get("auditor", f"/v1/audit{query}")
    assert response.status_code == 422
    assert response.json()["errors"]


async def test_it_is_read_page_by_page_to_its_end(house: House) -> None:
    seen: list[int] = []
    path: str | None = "/v1/audit?limit=3"
    while path:
        response = await house.get("auditor", path)
        seen += [row["seq"] for row in response.json()["data"]]
        link = response.headers.get("link", "")
        path = link[1:].split(">")[0] if link else None
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == 1


async def test_looking_is_on_record_too_with_whom_it_was_about(house: House) -> None:
    await rows(house, "?person=2")
    row = (await house.world.audited())[-1]
    assert (row["action"], row["person_id"]) == ("audit.list", AUDITOR)
    assert (row["detail"]["people"], row["detail"]["asked"]) == ([COLLEAGUE], {"person": "2"})
    await house.get("auditor", "/v1/audit/verify")
    assert (await house.world.audited())[-1]["action"] == "audit.verify"


async def test_json_rpc_answers_the_same(house: House) -> None:
    rest = await rows(house, "?actor=6")
    told = (await house.rpc("auditor", "audit.list", {"actor": "6"}))["result"]["data"]
    assert told[1:] == rest or told == rest


async def test_a_key_without_the_right_to_it_does_not_open_it(house: House) -> None:
    key = await house.identity.add_key(AUDITOR, "narrow", decides=False, scopes=["work.*"])
    house.keys = {**house.keys, "narrow": key.secret}
    assert (await house.get("narrow", "/v1/audit")).status_code == 403


async def test_a_whole_chain_verifies_with_its_signed_notes(house: House) -> None:
    await house.world.anchors.open()
    proof = (await house.get("auditor", "/v1/audit/verify")).json()
    assert proof["verified"]
    assert (proof["first"], proof["signed_to"]) == (1, proof["last"] - 1)
    assert proof["keys"][0]["public"] == house.world.anchors.public


async def test_a_changed_row_is_named_in_the_readers_language(house: House) -> None:
    await house.world.sql("update audit set outcome = 'failed' where seq = 5")
    told = (await house.get("auditor", "/v1/audit/verify", headers={"Accept-Language": "en"})).json()
    assert (told["verified"], told["row"], told["reason"]) == (False, 5, "its content was changed")
    assert (await house.rpc("auditor", "audit.verify"))["result"]["row"] == 5
    assert await rows(house)


async def test_a_forged_row_that_cannot_be_read_does_not_stop_the_list(house: House) -> None:
    await house.world.sql("update audit set records = 'no json', at = 'yesterday' where seq = 5")
    forged = next(row for row in await rows(house) if row["seq"] == 5)
    assert (forged["at"], forged["records"]) == ("yesterday", [])


async def test_a_long_audit_is_looked_through_in_parts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = audit.Entry(NOW, HR, None, "rest", "work.find", "done", records=[["w_employee", 3]])
    await house.world.store.write(lambda connection: audit.append_all(connection, [entry] * 50))
    monkeypatch.setattr("daeri.records.inquiry.STRETCH", 10)
    monkeypatch.setattr("daeri.records.inquiry.SECONDS", 0.0)
    page = (await house.get("auditor", "/v1/audit?person=2")).json()
    assert (page["data"], page["has_more"]) == ([], True)
    found: list[int] = []
    while page["next_cursor"]:
        monkeypatch.setattr("daeri.records.inquiry.SECONDS", 5.0)
        page = (await house.get("auditor", f"/v1/audit?person=2&cursor={page['next_cursor']}")).json()
        found += [row["person"]["id"] for row in page["data"] if row["action"] == "work.salary"]
    assert found == [HR]


async def test_it_holds_no_value_of_any_field(house: House) -> None:
    await house.post("hr", "/v1/ops/work.request", {"start": "2026-12-01", "days": "99", "reason": "비밀스러운 까닭"})
    response = await house.get("auditor", "/v1/audit?limit=200")
    assert "비밀스러운" not in response.text
    assert "47000001" not in response.text
    stored = await house.world.sql("select * from audit")
    assert "비밀스러운" not in repr(stored)
