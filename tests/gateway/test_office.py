"""Drafts, absences, consents, tables, several at once, printed documents, and every act: by REST and JSON-RPC."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from approvals.claims import claims
from daeri.gateway import Options
from daeri.records.credentials import Loan
from gateway.gateway_house import House, Keys, opened
from worlds import COLLEAGUE, DIRECTOR, LEAD, OWNER

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office(keyed: Keys, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(keyed, tmp_path, Options(), catalogs=[claims]) as house:
        yield house


async def filed(house: House, amount: int = 100) -> str:
    response = await house.post("owner", "/v1/ops/claims.claim", {"amount": amount})
    assert response.status_code == 202, response.text
    return str(response.json()["approval_id"])


async def act(house: House, who: str, approval_id: str, decision: str, status: int = 200, **more: Any) -> Any:
    response = await house.post(who, f"/v1/approvals/{approval_id}/decisions", {"decision": decision, **more})
    assert response.status_code == status, response.text
    return response.json()


async def completed(house: House) -> dict[str, Any]:
    approval_id = await filed(house)
    await act(house, "lead", approval_id, "approve")
    return dict(await act(house, "director", approval_id, "approve"))


async def box(house: House, who: str, name: str) -> list[str]:
    body = (await house.get(who, f"/v1/approvals?box={name}")).json()
    return [document["approval_id"] for document in body["data"]]


# Drafts and 재기안


async def test_a_draft_is_kept_changed_filed_once_and_gone(office: House) -> None:
    made = await office.post("owner", "/v1/drafts", {"operation": "claims.claim", "arguments": {"amount": 70}})
    assert made.status_code == 201
    path = made.headers["location"]
    assert (await office.call("owner", "PATCH", path, json={"arguments": {"amount": 80}})).status_code == 200
    assert [one["arguments"] for one in (await office.get("owner", "/v1/drafts")).json()["data"]] == [{"amount": 80}]
    first = await office.post("owner", f"{path}/file")
    again = await office.post("owner", f"{path}/file")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["approval_id"] == again.json()["approval_id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert (await office.get("owner", path)).status_code == 404
    assert await box(office, "owner", "drafted") == [first.json()["approval_id"]]


async def test_a_draft_that_the_operation_refuses_stays(office: House) -> None:
    made = await office.post("owner", "/v1/drafts", {"operation": "claims.claim", "arguments": {"amount": "much"}})
    assert (await office.post("owner", f"{made.headers['location']}/file")).status_code == 422
    assert (await office.get("owner", made.headers["location"])).status_code == 200


@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/file")])
@pytest.mark.parametrize("who", ["colleague", "stranger", "lead"])
async def test_a_draft_is_nobody_elses(office: House, who: str, method: str, end: str) -> None:
    made = await office.post("owner", "/v1/drafts", {"operation": "claims.claim", "arguments": {"amount": 70}})
    body = {"arguments": {}} if method == "PATCH" else None
    answered = await office.call(who, method, made.headers["location"] + end, json=body)
    missing = await office.call(who, method, "/v1/drafts/drf_0" + end, json=body)
    assert answered.status_code == missing.status_code == 404
    assert answered.json()["detail"] == missing.json()["detail"]
    assert (await office.get("owner", made.headers["location"])).json()["arguments"] == {"amount": 70}


async def test_a_rejected_document_is_drafted_anew_with_all_that_stood_in_it(office: House) -> None:
    old = await filed(office, 900)
    await act(office, "lead", old, "reject", comment="너무 많아요")
    draft = await office.post("owner", f"/v1/approvals/{old}/redraft")
    assert (draft.status_code, draft.json()["arguments"], draft.json()["previous_id"]) == (201, {"amount": 900}, old)
    again = await office.post("owner", f"/v1/approvals/{old}/redraft")
    assert again.json()["draft_id"] == draft.json()["draft_id"]
    await office.call("owner", "PATCH", draft.headers["location"], json={"arguments": {"amount": 90}})
    new = (await office.post("owner", f"{draft.headers['location']}/file")).json()["approval_id"]
    body = (await office.get("lead", f"/v1/approvals/{new}")).json()
    assert (body["round"], body["previous_id"]) == (2, old)
    assert [step["status"] for step in body["line"]] == ["waiting", "upcoming"]
    assert (await office.post("owner", f"/v1/approvals/{old}/redraft")).status_code == 409


async def test_only_its_drafter_drafts_a_document_anew_and_only_when_it_ended_badly(office: House) -> None:
    approval_id = await filed(office)
    assert (await office.post("owner", f"/v1/approvals/{approval_id}/redraft")).status_code == 409
    await act(office, "lead", approval_id, "reject", comment="아니요")
    for who in ("colleague", "stranger", "lead"):
        assert (await office.post(who, f"/v1/approvals/{approval_id}/redraft")).status_code == 404


# 진행함


async def test_what_one_decided_on_is_in_progress_until_it_is_complete(office: House) -> None:
    approval_id = await filed(office)
    assert await box(office, "owner", "in_progress") == [approval_id]
    assert await box(office, "lead", "in_progress") == []
    await act(office, "lead", approval_id, "approve")
    assert (await box(office, "lead", "in_progress"), await box(office, "lead", "done")) == ([approval_id], [])
    await act(office, "director", approval_id, "approve")
    for who in ("owner", "lead"):
        assert (await box(office, who, "in_progress"), await box(office, who, "done")) == ([], [approval_id])
    for who in ("colleague", "stranger"):
        assert await box(office, who, "in_progress") == await box(office, who, "done") == []


# Every act by the one address


async def test_a_document_is_held_and_released(office: House) -> None:
    approval_id = await filed(office)
    await act(office, "lead", approval_id, "hold", 422)
    held = await act(office, "lead", approval_id, "hold", comment="확인 중")
    assert held["line"][0]["status"] == "held"
    assert (await act(office, "lead", approval_id, "release"))["line"][0]["status"] == "waiting"


async def test_an_opinion_is_asked_of_someone_by_name_and_answered(office: House) -> None:
    approval_id = await filed(office)
    asked = await act(office, "lead", approval_id, "consult", comment="어때요?", people=["김민준"])
    assert [(each["person"]["id"], each["part"]) for each in asked["beside"]] == [(COLLEAGUE, "consult")]
    await act(office, "stranger", approval_id, "answer", 404, comment="저요")
    answered = await act(office, "colleague", approval_id, "answer", comment="좋아요")
    assert answered["beside"][0]["status"] == "answered"


async def test_a_name_that_nobody_or_nobody_visible_has_is_refused_alike(office: House) -> None:
    approval_id = await filed(office)
    for name in ("없는사람", "이서준"):
        refused = await act(office, "lead", approval_id, "consult", 422, comment="어때요?", people=[name])
        assert refused["errors"][0]["pointer"] == "/people"
        assert refused["detail"] == f"'{name}'에 해당하는 직원을 찾을 수 없어요"


async def test_a_document_is_returned_one_step_and_decided_again(office: House) -> None:
    approval_id = await filed(office)
    await act(office, "lead", approval_id, "approve")
    returned = await act(office, "director", approval_id, "return_step", comment="다시 봐 주세요")
    assert [step["status"] for step in returned["line"]] == ["waiting", "upcoming"]


async def test_a_decision_is_undone_until_the_next_one_acts(office: House) -> None:
    approval_id = await filed(office)
    await act(office, "lead", approval_id, "approve")
    undone = await act(office, "lead", approval_id, "undo")
    assert [step["status"] for step in undone["line"]] == ["waiting", "upcoming"]


async def test_a_document_is_shared_commented_and_read(office: House) -> None:
    approval_id = await filed(office)
    await act(office, "owner", approval_id, "share", people=[COLLEAGUE])
    await act(office, "colleague", approval_id, "read")
    told = await act(office, "colleague", approval_id, "comment", comment="봤어요")
    assert [each["act"] for each in told["history"]] == ["draft", "share", "read", "comment"]
    await act(office, "stranger", approval_id, "comment", 404, comment="저도")


async def test_an_approver_changes_what_remains_of_the_line(office: House) -> None:
    approval_id = await filed(office)
    changed = await act(office, "lead", approval_id, "change_line", people=[COLLEAGUE], part="agree")
    assert [(step["person"]["id"], step["part"]) for step in changed["line"]] == [
        (LEAD, "approve"),
        (COLLEAGUE, "agree"),
        (DIRECTOR, "approve"),
    ]


@pytest.mark.parametrize("decision", ["replace", "retry", "settle", "accept", "send_back", "assign"])
async def test_an_act_that_is_not_ones_to_do_is_refused(office: House, decision: str) -> None:
    approval_id = await filed(office)
    more = {"comment": "-", "people": [COLLEAGUE], "position": 1, "outcome": "applied"}
    response = await office.post("lead", f"/v1/approvals/{approval_id}/decisions", {"decision": decision, **more})
    assert response.status_code in {403, 409, 422}
    assert (await office.get("owner", f"/v1/approvals/{approval_id}")).json()["version"] == 1


# Several at once


async def shown(house: House, *ids: str) -> list[dict[str, Any]]:
    bodies = [(await house.get("lead", f"/v1/approvals/{one}")).json() for one in ids]
    return [{"approval_id": body["approval_id"], "version": body["version"]} for body in bodies]


async def test_several_documents_of_one_kind_are_approved_each_by_itself(office: House) -> None:
    ids = [await filed(office, amount) for amount in (10, 20, 30)]
    chosen = await shown(office, *ids)
    await act(office, "owner", ids[1], "withdraw")
    body = {"approvals": chosen, "comment": "모두 확인했어요"}
    refused = await office.post("lead", "/v1/approvals/several", body)
    assert refused.status_code == 409
    chosen = await shown(office, ids[0], ids[2])
    chosen[1]["version"] += 5
    done = (await office.post("lead", "/v1/approvals/several", {"approvals": chosen})).json()["data"]
    assert [(one["status"], (one["error"] or {}).get("code")) for one in done] == [
        ("in_progress", None),
        (None, "stale-version"),
    ]
    assert await box(office, "lead", "waiting") == [ids[2]]


async def test_documents_of_two_kinds_none_too_many_or_someone_elses_are_not_decided_together(office: House) -> None:
    one, other = await filed(office), await office.held("owner")
    for ids in ([one, other], [], [one] * 21):
        chosen = [{"approval_id": each, "version": 1} for each in ids]
        assert (await office.post("lead", "/v1/approvals/several", {"approvals": chosen})).status_code == 422
    chosen = [{"approval_id": one, "version": 1}]
    for who, status in (("owner", 409), ("director", 409), ("colleague", 404), ("stranger", 404)):
        assert (await office.post(who, "/v1/approvals/several", {"approvals": chosen})).status_code == status
    assert (await office.get("lead", f"/v1/approvals/{one}")).json()["version"] == 1


# Absences


AWAY = {"deputy": "김민준", "starts_at": "2026-11-20", "ends_at": "2026-11-30"}


async def test_a_deputy_decides_in_the_absent_ones_name_until_the_absence_ends(office: House) -> None:
    approval_id = await filed(office)
    made = await office.post("lead", "/v1/absences", AWAY)
    assert (made.status_code, made.json()["deputy"]["id"], made.json()["active"]) == (201, COLLEAGUE, True)
    assert made.json()["ends_at"] == "2026-11-30T14:59:59.999Z"
    assert await box(office, "colleague", "waiting") == [approval_id]
    ended = await office.post("lead", f"/v1/absences/{made.json()['absence_id']}/end")
    assert (ended.status_code, ended.json()["active"]) == (200, False)
    assert await box(office, "colleague", "waiting") == []


async def test_an_absence_is_seen_by_whom_it_concerns_and_ended_by_oneself(office: House) -> None:
    made = (await office.post("lead", "/v1/absences", AWAY)).json()
    for who, count in (("lead", 1), ("colleague", 1), ("stranger", 0), ("owner", 0)):
        assert len((await office.get(who, "/v1/absences")).json()["data"]) == count
    for who in ("stranger", "colleague", "owner"):
        assert (await office.post(who, f"/v1/absences/{made['absence_id']}/end")).status_code == 404
    assert (await office.post("owner", "/v1/absences", AWAY | {"person": LEAD})).status_code == 403


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"deputy": LEAD}, "/deputy_id"),
        ({"starts_at": "soon"}, "/starts_at"),
        ({"ends_at": "2026-11-01"}, "/ends_at"),
        ({"deputy": "없는사람"}, "/deputy"),
    ],
)
async def test_an_absence_that_makes_no_sense_names_the_field(
    office: House, more: dict[str, Any], pointer: str
) -> None:
    response = await office.post("lead", "/v1/absences", AWAY | more)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == pointer


# Standing consents


WISH = {"operation": "claims.claim", "ends_at": "2026-11-30", "count": 2, "amount_each": 500, "amount_total": 900}


async def test_a_consent_is_given_once_for_a_key_used_and_revoked(office: House) -> None:
    wish = WISH | {"rows": 5}
    key = {"Idempotency-Key": "consent-1"}
    one = await office.post("lead", "/v1/consents", wish, headers=key)
    same = await office.post("lead", "/v1/consents", wish, headers=key)
    other = await office.post("lead", "/v1/consents", wish | {"count": 1}, headers=key)
    assert (one.status_code, same.status_code, other.status_code) == (201, 201, 422)
    assert one.json() == same.json()
    (shown_one,) = (await office.get("lead", "/v1/consents")).json()["data"]
    assert shown_one["limits"] == {"count": 2, "amount_each": 500, "amount_total": 900, "rows": 5}
    body = (await office.get("owner", f"/v1/approvals/{await filed(office)}")).json()
    assert [step["manner"] for step in body["line"]] == ["consent", None]
    path = f"/v1/consents/{one.json()['consent_id']}/revoke"
    for who in ("owner", "stranger"):
        assert (await office.post(who, path)).status_code == 404
    assert (await office.post("lead", path)).json()["active"] is False
    assert (await office.post("lead", path)).status_code == 409


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"count": 6}, 422),
        ({"amount_total": 9_000}, 422),
        ({"rows": None}, 422),
        ({"operation": "work.request"}, 409),
        ({"operation": "no.such"}, 404),
        ({"surprise": 1}, 422),
    ],
)
async def test_a_consent_wider_than_its_form_allows_is_refused(
    office: House, more: dict[str, Any], status: int
) -> None:
    assert (await office.post("lead", "/v1/consents", WISH | {"rows": 5} | more)).status_code == status
    assert (await office.get("lead", "/v1/consents")).json()["data"] == []


# 위임전결표


async def test_the_table_of_delegated_decisions_is_shown_as_it_holds_and_as_it_held(office: House) -> None:
    (today,) = (await office.get("stranger", "/v1/delegations")).json()["data"]
    assert (today["name"], today["since"], len(today["rows"])) == ("claims", "2026-01-01", 3)
    assert today["operations"] == [{"name": "claims.claim", "label": "청구"}]
    then = (await office.get("owner", "/v1/delegations/claims?on=2025-06-01")).json()
    assert [row["upto"] for row in then["rows"]] == [500, None]
    assert (await office.get("owner", "/v1/delegations/claims?on=then")).status_code == 422
    assert (await office.get("owner", "/v1/delegations/none")).status_code == 404


# Printed documents


async def test_the_code_of_a_printed_document_is_confirmed_without_its_people_or_content(office: House) -> None:
    body = await completed(office)
    answer = await office.http.get(f"/verify/{body['verification_code']}")
    told = {"verification_code", "number", "title", "status", "digest", "drafted_at", "completed_at"}
    assert set(answer.json()) == told
    assert (answer.json()["number"], answer.json()["status"]) == ("CL-2026-000001", "applied")
    loosely = body["verification_code"].replace("-", " ").lower().replace("cl ", "CL ")
    assert (await office.http.get(f"/verify/{loosely}")).json() == answer.json()
    for lang in ("ko", "en"):
        page = await office.http.get(
            f"/verify/{body['verification_code']}", headers={"Accept": "text/html", "Accept-Language": lang}
        )
        assert "CL-2026-000001" in page.text
        assert not any(name in page.text for name in ("김하은", "박서연", "최지우", "amount"))


async def test_a_wrong_code_answers_like_one_that_never_was(office: House) -> None:
    body = await completed(office)
    wrong = body["verification_code"][:-1] + ("A" if body["verification_code"][-1] != "A" else "B")
    answers = [await office.http.get(f"/verify/{code}") for code in (wrong, "CL-2026-000009-AAAA-BBBB-CCCC", "x")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert len({answer.json()["detail"] for answer in answers}) == 1


async def test_a_document_that_is_not_complete_has_no_code(office: House) -> None:
    assert (await office.get("owner", f"/v1/approvals/{await filed(office)}")).json()["verification_code"] is None


# JSON-RPC


async def test_json_rpc_has_the_same_under_the_same_names(office: House) -> None:
    async def result(who: str, method: str, **params: Any) -> Any:
        answered = await office.rpc(who, method, params)
        assert "result" in answered, answered
        return answered["result"]

    draft = await result("owner", "drafts.create", operation="claims.claim", arguments={"amount": 5})
    await result("owner", "drafts.update", draft_id=draft["draft_id"], arguments={"amount": 6})
    assert len((await result("owner", "drafts.list"))["data"]) == 1
    held = await result("owner", "drafts.file", draft_id=draft["draft_id"])
    await result("lead", "approvals.decide", approval_id=held["approval_id"], decision="reject", comment="아니요")
    again = await result("owner", "approvals.redraft", approval_id=held["approval_id"])
    assert (await result("owner", "drafts.get", draft_id=again["draft_id"]))["arguments"] == {"amount": 6}
    assert await result("owner", "drafts.delete", draft_id=again["draft_id"]) is None
    absence = await result("lead", "absences.set", **AWAY)
    assert (await result("lead", "absences.end", absence_id=absence["absence_id"]))["active"] is False
    assert len((await result("lead", "absences.list"))["data"]) == 1
    wish = WISH | {"rows": 5, "idempotency_key": "one"}
    consent = await result("lead", "consents.give", **wish)
    assert await result("lead", "consents.give", **wish) == consent
    assert (await result("lead", "consents.revoke", consent_id=consent["consent_id"]))["active"] is False
    assert len((await result("lead", "consents.list"))["data"]) == 1
    assert (await result("lead", "delegations.list"))["data"] == [
        await result("lead", "delegations.get", name="claims")
    ]
    chosen = [{"approval_id": await filed(office), "version": 1}]
    several = await result("lead", "approvals.approve_several", approvals=chosen)
    assert several["data"][0]["status"] == "in_progress"


@pytest.mark.parametrize("method", ["drafts.list", "drafts.create", "drafts.file", "approvals.redraft"])
async def test_an_agent_neither_reads_nor_writes_drafts(office: House, method: str) -> None:
    draft = await office.post("owner", "/v1/drafts", {"operation": "claims.claim", "arguments": {"amount": 7}})
    rejected = await filed(office)
    await act(office, "lead", rejected, "reject", comment="아니요")
    owner = await office.world.actor(OWNER)
    lent = await office.services.keys.exchange(owner, Loan("assistant"))
    office.keys = office.keys | {"agent": lent.secret}
    params: dict[str, Any] = {
        "drafts.list": {},
        "drafts.create": {"operation": "claims.claim", "arguments": {"amount": 1}},
        "drafts.file": {"draft_id": draft.json()["draft_id"]},
        "approvals.redraft": {"approval_id": rejected},
    }[method]
    assert (await office.rpc("agent", method, params))["error"]["data"]["code"] == "permission-denied"
    assert len((await office.get("owner", "/v1/drafts")).json()["data"]) == 1


@pytest.mark.parametrize("method", ["absences.set", "consents.give", "approvals.approve_several"])
async def test_an_agent_does_none_of_what_only_a_person_does(office: House, method: str) -> None:
    lent = await office.services.keys.exchange(await office.world.actor(LEAD), Loan("assistant"))
    office.keys = office.keys | {"agent": lent.secret}
    approval_id = await filed(office)
    params = {
        "absences.set": AWAY,
        "consents.give": WISH | {"rows": 5},
        "approvals.approve_several": {"approvals": [{"approval_id": approval_id, "version": 1}]},
    }[method]
    answered = await office.rpc("agent", method, params)
    assert answered["error"]["data"]["code"] in {"permission-denied", "conflict"}
    assert (await office.get("owner", f"/v1/approvals/{approval_id}")).json()["version"] == 1
