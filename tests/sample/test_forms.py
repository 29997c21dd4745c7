"""The forms of 한빛상사 that use what a line can do: 합의, 전결, 선결과 후결, 검토, 병렬 합의, 열람, 수신, 참조."""

import pytest

from daeri.errors import PermissionDenied, Refused

pytestmark = pytest.mark.anyio

DEPUTY, LEAD, DIRECTOR, HR, FINANCE, ADMIN, STRANGER = (
    "김하은",
    "박서연",
    "최현우",
    "이지후",
    "송유진",
    "정도윤",
    "김도현",
)
PRICE = {"customer": "온새유통", "product": "모니터 암"}


async def filed(house, who: str, operation: str, **arguments: object):
    held = await house.ask(who, operation, **arguments)
    return held.approval_id, [(step["person"]["name"], step["part"], step["status"]) for step in held.line]


async def decided(house, who: str, approval_id: str, act: str = "approve", comment: str = "확인했어요") -> dict:
    return await house.approvals.decide(await house.named(who), approval_id, act, comment)


async def shown(house, who: str, approval_id: str) -> dict:
    return await house.approvals.show(await house.named(who), approval_id, "ko")


async def test_a_small_price_is_the_leads_to_decide_and_finance_agrees(house) -> None:
    approval_id, line = await filed(house, DEPUTY, "customer.reprice", **PRICE, price=45_000)
    decides = [(name, status) for name, part, status in line if part in ("approve", "agree")]
    assert (LEAD, "skipped") not in decides
    assert (DIRECTOR, "skipped") in decides
    for who in (FINANCE, LEAD):
        body = await decided(house, who, approval_id)
    assert (body["status"], body["number"]) == ("applied", "PC-2026-000001")
    (row,) = (await house.listed(DEPUTY, "customer_price"))["data"]
    assert row["price"] == 45_000


async def test_the_head_of_division_may_decide_first_and_the_lead_keeps_it_in_the_box(house) -> None:
    approval_id, _ = await filed(house, DEPUTY, "customer.reprice", **PRICE, price=500_000)
    await decided(house, FINANCE, approval_id)
    body = await decided(house, DIRECTOR, approval_id)
    assert body["status"] == "applied"
    passed = next(step for step in body["line"] if step["person"]["name"] == LEAD)
    assert passed["status"] == "after"
    box = await house.approvals.box(await house.named(LEAD), "waiting", limit=20, cursor=None, lang="ko")
    assert approval_id in {document["approval_id"] for document in box["data"]}


async def test_finance_says_no_to_a_price_and_it_stays(house) -> None:
    approval_id, _ = await filed(house, DEPUTY, "customer.reprice", **PRICE, price=1)
    body = await decided(house, FINANCE, approval_id, "reject", "밑지고 팔 수 없어요")
    assert body["status"] == "rejected"
    assert not (await house.listed(DEPUTY, "customer_price"))["data"]


async def test_prices_are_for_those_who_sell(house) -> None:
    with pytest.raises(PermissionDenied):
        await house.ask(STRANGER, "customer.reprice", **PRICE, price=45_000)


async def test_a_transfer_moves_the_person_once_the_new_team_and_general_affairs_have_agreed(house) -> None:
    approval_id, line = await filed(house, HR, "employee.transfer", employee="조민경", team="브랜드팀")
    assert [part for _, part, _ in line] == ["review", "agree", "agree", "approve"]
    body = await shown(house, HR, approval_id)
    while body["status"] == "in_progress":
        asked = next(step for step in body["line"] if step["status"] == "waiting")
        body = await decided(house, asked["person"]["name"], approval_id)
    assert body["status"] == "applied"
    assert [step["status"] for step in body["line"] if step["part"] == "agree"] == ["approved", "approved"]
    assert (await house.ask(HR, "employee.profile", employee="조민경")).result["team"] == "브랜드팀"
    assert (await shown(house, "조민경", approval_id))["status"] == "applied"


async def test_transfers_are_drafted_by_hr_only_and_to_another_team(house) -> None:
    with pytest.raises(PermissionDenied):
        await house.ask(LEAD, "employee.transfer", employee="조민경", team="브랜드팀")
    with pytest.raises(Refused, match="already"):
        await house.ask(HR, "employee.transfer", employee="조민경", team="영업2팀")


async def test_an_exception_needs_security_and_hrs_no_is_an_opinion(house) -> None:
    arguments = {"what": "USB 저장장치", "until": "2026-12-31", "reason": "감사 자료 제출"}
    approval_id, line = await filed(house, DEPUTY, "security.exempt", **arguments)
    await decided(house, line[1][0], approval_id, "reject", "기한이 길어요")
    await decided(house, ADMIN, approval_id)
    body = await decided(house, LEAD, approval_id)
    assert body["status"] == "applied"
    (row,) = (await house.listed(DEPUTY, "security_exception"))["data"]
    assert row["what"] == "USB 저장장치"
    assert not (await house.listed(STRANGER, "security_exception"))["data"]


async def test_securitys_no_ends_an_exception(house) -> None:
    approval_id, _ = await filed(house, DEPUTY, "security.exempt", what="관리자 권한", until="2026-12-01")
    assert (await decided(house, ADMIN, approval_id, "reject", "필요 없어 보여요"))["status"] == "rejected"


@pytest.mark.parametrize("until", ["2026-11-20", "2027-06-01"])
async def test_an_exception_ends_within_ninety_days(house, until: str) -> None:
    with pytest.raises(Refused, match="90 days"):
        await house.ask(DEPUTY, "security.exempt", what="원격 접속", until=until)
