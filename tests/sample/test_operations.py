"""Each operation of the sample company, called for real; and each subject as owner, colleague and stranger."""

import pytest

from daeri.errors import FieldHidden, NotFound, PermissionDenied, Refused, ValidationFailed
from daeri.operations import Change
from daeri.operations.outcome import Done, Held
from daeri.sample import hanbit

pytestmark = pytest.mark.anyio

DEPUTY, LEAD, DIRECTOR, HR, FINANCE, CEO = "김하은", "박서연", "최현우", "이지후", "송유진", "한서준"
STRANGER = "김도현"

READS = {
    "customer.find": {"team": "영업1팀"},
    "customer.profile": {"customer": "가온유통"},
    "employee.by_rank": {"team": "영업본부"},
    "employee.count": {"rank": "대리"},
    "employee.find": {"team": "영업1팀"},
    "employee.joined": {},
    "employee.profile": {"employee": "박서연"},
    "employee.salary": {},
    "employee.superiors": {},
    "expense.by_category": {"start": "2026-01-01", "end": "2026-11-21"},
    "expense.history": {"start": "2026-01-01", "end": "2026-11-21"},
    "expense.total": {"category": "교통비"},
    "leave.away": {"start": "2026-11-23", "end": "2026-11-29"},
    "leave.balance": {},
    "leave.holidays": {"start": "2026-12-01", "end": "2026-12-31"},
    "leave.rules": {"on": "2027-07-01"},
    "leave.used": {},
    "product.find": {"group": "전산용품"},
    "product.price": {"product": "한빛 모니터 27"},
    "purchase.history": {},
    "purchase.total": {},
    "sales.by_employee": {"team": "영업1팀"},
    "sales.by_month": {"team": "영업1팀"},
    "sales.by_team": {},
    "sales.orders": {"customer": "가온유통", "start": "2026-01-01", "end": "2026-11-21"},
    "sales.top_customers": {},
    "sales.top_products": {},
    "sales.total": {"team": "영업1팀", "start": "2026-10-01", "end": "2026-10-31"},
    "team.lead": {"team": "영업2팀"},
    "team.overview": {"team": "영업본부"},
    "memory.list": {},
    "schedules.list": {},
    "query.run": {"sql": "SELECT count(*) AS people FROM employee"},
    "query.schema": {},
    "documents.search": {"query": "출장비 한도"},
    "files.list": {},
}
ELSEWHERE = {
    "customer.create",
    "customer.delete",
    "customer.update",
    "product.cost",
    "leave.cancel",
    "leave.request",
    "expense.request",
    "purchase.request",
    "customer.reprice",
    "employee.transfer",
    "security.exempt",
    "memory.correct",
    "memory.forget",
    "memory.remember",
    "schedules.create",
    "schedules.delete",
    "schedules.pause",
}
WITH_WORKERS = {"code.run"}
"""Tried where there are parts beside the records: `tests/tools`, `tests/agent/test_working.py`."""
WITH_FILES = {
    "documents.read",
    "documents.change",
    "documents.remove",
    "files.read",
    "files.write",
    "files.delete",
}
"""Tried where there are files: `tests/library`, `tests/tools`."""
BY_SCREEN = {"documents.add", "file_grant.create", "file_grant.delete"}
"""Nobody says these: they come with a file, or from a form."""


def spoken() -> set[str]:
    return {name for name in hanbit().operations if not name.split(".")[1].startswith("load")} - BY_SCREEN


def test_every_operation_people_can_call_is_tried_here() -> None:
    assert spoken() == set(READS) | ELSEWHERE | WITH_FILES | WITH_WORKERS


def test_every_operation_says_how_people_ask_for_it_in_both_languages() -> None:
    company = hanbit()
    for name in spoken():
        operation = company.operations[name]
        korean = [one for one in operation.examples if any("가" <= letter <= "힣" for letter in one)]
        assert len(korean) >= 4, name
        assert len(operation.examples) - len(korean) >= 4, name
        assert len(operation.words) >= 4, name


def test_every_parameter_is_described_in_both_languages() -> None:
    for name, operation in hanbit().operations.items():
        for parameter, field in operation.input.model_fields.items():
            assert "(" in (field.description or ""), f"{name}: {parameter}"


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("operation", sorted(READS))
async def test_reading_answers_in_a_sentence(house, operation: str, lang: str) -> None:
    done = await house.door.call(await house.named(DEPUTY), operation, READS[operation], lang=lang)
    assert isinstance(done, Done)
    assert done.say
    assert "(으)로" not in done.say
    assert "None" not in done.say


FILTERED = {
    "customer.find": {"team": "영업1팀", "region": "부산", "grade": "A등급"},
    "employee.count": {"team": "영업1팀", "rank": "대리", "title": "팀장"},
    "leave.away": {"team": "영업1팀", "employee": "김하은", "start": "2026-11-23", "end": "2026-11-29"},
    "leave.holidays": {"start": "2026-11-01", "end": "2026-11-30"},
    "leave.used": {"team": "영업1팀"},
    "product.find": {"name": "monitor"},
    "sales.by_month": {"product": "한빛 모니터 27", "start": "2020-01-01", "end": "2020-12-31"},
    "sales.by_team": {"customer": "가온유통", "start": "2020-01-01", "end": "2020-12-31"},
    "sales.orders": {"employee": "김하은", "start": "2020-01-01", "end": "2020-12-31"},
    "sales.total": {"team": "영업1팀", "employee": "김하은", "product": "A4 복사지", "customer": "가온유통"},
    "employee.find": {"name": "없는이름"},
    "expense.by_category": {"start": "2020-01-01", "end": "2020-12-31"},
    "expense.history": {"start": "2020-01-01", "end": "2020-12-31"},
    "employee.superiors": {"employee": "한서준"},
}


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("operation", sorted(FILTERED))
async def test_filters_and_empty_answers_read_well(house, operation: str, lang: str) -> None:
    done = await house.door.call(await house.named(DEPUTY), operation, FILTERED[operation], lang=lang)
    assert done.say
    assert "None" not in done.say


async def test_a_filter_keeps_what_fits_only(house) -> None:
    rows = (await house.ask(DEPUTY, "customer.find", team="영업1팀", grade="A등급")).result["rows"]
    assert rows
    assert {(row["team"], row["grade"]) for row in rows} == {("영업1팀", "A등급")}
    away = (await house.ask(HR, "leave.away", team="영업1팀", start="2026-11-23", end="2026-11-29")).result["rows"]
    everyone = (await house.ask(HR, "leave.away", start="2026-11-23", end="2026-11-29")).result["rows"]
    assert 2 <= len(away) < len(everyone)


async def test_the_build_tells_its_progress(built) -> None:
    last = {what: (done, of) for what, done, of in built[1]}
    assert list(last) == ["조직", "직원", "휴가 계정", "휴가", "경비", "구매", "상품", "거래처", "주문"]
    assert all(done == of for done, of in last.values())


async def test_nobody_but_the_loader_loads(house) -> None:
    for who in (DEPUTY, HR, "정도윤", CEO):
        with pytest.raises(PermissionDenied):
            await house.ask(who, "employee.load", rows=[])


# Leave


async def test_the_deputy_has_seven_and_a_half_days_left(house) -> None:
    done = await house.ask(DEPUTY, "leave.balance")
    assert done.result["days"] == "7.5"
    assert done.say.startswith("김하은 대리님의 남은 연차는 7.5일이에요.")
    assert {"type": "employee", "id": done.result["employee_id"], "title": "김하은 대리"} in done.sources[0]["records"]


@pytest.mark.parametrize("who", [DEPUTY, LEAD, DIRECTOR, CEO, HR])
async def test_those_in_charge_and_hr_see_what_someone_has_left(house, who: str) -> None:
    assert (await house.ask(who, "leave.balance", employee=DEPUTY)).result["days"] == "7.5"


@pytest.mark.parametrize("who", [STRANGER, "정도윤", FINANCE])
async def test_strangers_do_not_see_what_someone_has_left(house, who: str) -> None:
    with pytest.raises(PermissionDenied, match="superiors and HR"):
        await house.ask(who, "leave.balance", employee=DEPUTY)


async def test_the_deputy_does_not_see_the_leave_of_her_namesake(house) -> None:
    with pytest.raises(PermissionDenied):
        await house.ask(DEPUTY, "leave.balance", employee=STRANGER)
    with pytest.raises(PermissionDenied):
        await house.ask(DEPUTY, "leave.away", employee=STRANGER)
    with pytest.raises(PermissionDenied):
        await house.ask(DEPUTY, "leave.used", team="재무팀")


async def test_a_name_that_two_people_share_is_not_guessed(house) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await house.ask(DEPUTY, "leave.balance", employee="김대리")
    assert {one["title"] for one in caught.value.extra["candidates"]} == {"김하은 대리", "김도현 대리"}


async def test_two_days_go_to_the_team_lead_with_the_effect_shown(house) -> None:
    held = await house.ask(DEPUTY, "leave.request", start="2026-11-26", end="2026-11-27")
    assert isinstance(held, Held)
    assert [step["person"]["name"] for step in held.line] == [LEAD]
    assert shown(held.preview[0]) == ("7.5일", "5.5일")
    assert held.because.ko == "2일까지는 바로 위 조직장 전결이에요"


async def test_three_days_go_on_to_the_head_of_division(house) -> None:
    draft = await house.door.dry_run(
        await house.named(DEPUTY), "leave.request", {"start": "2026-12-01", "end": "2026-12-03"}
    )
    assert [step["person"]["name"] for step in draft.line] == [LEAD, DIRECTOR]
    assert draft.rule == "leave-long"


async def test_weekends_and_holidays_cost_no_leave(house) -> None:
    draft = await house.door.dry_run(
        await house.named(DEPUTY), "leave.request", {"start": "2026-12-24", "end": "2026-12-28"}
    )
    assert shown(draft.preview[0])[1] == "5.5일"


async def test_waiting_requests_are_shown_and_counted(house) -> None:
    await house.ask(DEPUTY, "leave.request", start="2026-11-26", end="2026-11-27")
    balance = await house.ask(DEPUTY, "leave.balance")
    assert [one["days"] for one in balance.result["waiting"]] == ["2"]
    assert "2일은 결재를 기다리고" in balance.say
    with pytest.raises(Refused, match="already leave"):
        await house.ask(DEPUTY, "leave.request", start="2026-11-27")
    held = await house.ask(DEPUTY, "leave.request", start="2026-11-30", kind="반차")
    assert shown(held.preview[0]) == ("5.5일", "5일")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"start": "2026-11-28"}, "Nobody works"),
        ({"start": "2026-11-26", "end": "2026-11-25"}, "before it starts"),
        ({"start": "2026-11-26", "end": "2026-11-27", "kind": "반차"}, "one day only"),
        ({"start": "2026-12-01", "end": "2026-12-11"}, "shorten it"),
        ({"start": "2026-12-01", "end": "2027-03-01"}, "60 days"),
        ({"start": "2026-11-20"}, "past"),
    ],
)
async def test_requests_against_the_rules_are_refused_before_they_are_filed(house, arguments, says: str) -> None:
    with pytest.raises(Refused, match=says):
        await house.ask(DEPUTY, "leave.request", **arguments)


async def test_booked_leave_is_taken_off_and_given_back_when_cancelled(house) -> None:
    held = await house.ask(DEPUTY, "leave.request", start="2026-11-26", end="2026-11-27")
    await house.approve(held.approval_id, LEAD)
    assert (await house.ask(DEPUTY, "leave.balance")).result["days"] == "5.5"
    away = await house.ask(LEAD, "leave.away", start="2026-11-26", end="2026-11-26")
    assert "김하은 대리" in {row["name"] for row in away.result["rows"]}
    cancelled = await house.ask(DEPUTY, "leave.cancel", start="2026-11-27")
    assert cancelled.result["days"] == "2"
    assert (await house.ask(DEPUTY, "leave.balance")).result["days"] == "7.5"
    with pytest.raises(Refused, match="no leave booked"):
        await house.ask(DEPUTY, "leave.cancel", start="2026-11-27")


async def test_the_reason_of_leave_is_for_the_person_and_hr(house) -> None:
    deputy = (await house.named(DEPUTY)).person_id
    for who, hidden in ((LEAD, True), (DEPUTY, False), (HR, False)):
        page = await house.listed(who, "leave", filters=[("employee_id", "eq", str(deputy))])
        assert page["data"]
        assert all(("reason" in row["_hidden"]) is hidden for row in page["data"])


# Money spent


async def test_team_expenses_are_for_those_in_charge_and_finance(house) -> None:
    amounts = {
        (await house.ask(who, "expense.total", team="영업1팀")).result["amount"] for who in (LEAD, DIRECTOR, FINANCE)
    }
    assert len(amounts) == 1
    assert amounts != {0}
    for who in (DEPUTY, STRANGER, HR):
        with pytest.raises(PermissionDenied, match="superiors and Finance"):
            await house.ask(who, "expense.total", team="영업1팀")


async def test_ones_own_expenses_are_told_to_oneself_only(house) -> None:
    own = await house.ask(DEPUTY, "expense.total", start="2026-01-01", end="2026-11-21")
    assert own.result["about"] == "김하은 대리"
    with pytest.raises(PermissionDenied):
        await house.ask(STRANGER, "expense.total", employee=DEPUTY)
    with pytest.raises(PermissionDenied):
        await house.ask(DEPUTY, "purchase.total", employee=LEAD)


async def test_a_filter_names_what_was_added_up(house) -> None:
    done = await house.ask(
        LEAD, "expense.total", team="영업1팀", category="출장비", start="2026-10-01", end="2026-10-31"
    )
    assert done.say.startswith("영업1팀의 2026년 10월 출장비는 모두 ₩")


@pytest.mark.parametrize(
    ("amount", "rule", "people"),
    [
        (300_000, "expense-lead", [LEAD]),
        (300_001, "expense-director", [LEAD, DIRECTOR]),
        (2_000_000, "expense-director", [LEAD, DIRECTOR]),
        (2_000_001, "expense-finance", [LEAD, FINANCE, DIRECTOR]),
    ],
)
async def test_expenses_are_decided_by_amount(house, amount: int, rule: str, people: list[str]) -> None:
    arguments = {"amount": amount, "category": "출장비"}
    draft = await house.door.dry_run(await house.named(DEPUTY), "expense.request", arguments)
    assert (draft.rule, [step["person"]["name"] for step in draft.line]) == (rule, people)


@pytest.mark.parametrize(
    ("amount", "rule", "people"),
    [
        (500_000, "purchase-lead", [LEAD]),
        (500_001, "purchase-director", [LEAD, FINANCE, DIRECTOR]),
        (5_000_000, "purchase-director", [LEAD, FINANCE, DIRECTOR]),
        (5_000_001, "purchase-ceo", [LEAD, FINANCE, DIRECTOR, CEO]),
    ],
)
async def test_purchases_are_decided_by_amount(house, amount: int, rule: str, people: list[str]) -> None:
    draft = await house.door.dry_run(
        await house.named(DEPUTY), "purchase.request", {"item": "노트북", "amount": amount}
    )
    assert (draft.rule, [step["person"]["name"] for step in draft.line]) == (rule, people)


async def test_an_approved_expense_is_counted_once(house) -> None:
    before = (await house.ask(DEPUTY, "expense.total")).result["amount"]
    held = await house.ask(DEPUTY, "expense.request", amount=32_000, category="교통비", spent_on="2026-11-20")
    assert (await house.ask(DEPUTY, "expense.total")).result["amount"] == before
    await house.approve(held.approval_id, LEAD)
    assert (await house.ask(DEPUTY, "expense.total")).result["amount"] == before + 32_000


async def test_a_purchase_needs_its_whole_line(house) -> None:
    held = await house.ask(DEPUTY, "purchase.request", item="서버", amount=12_000_000)
    await house.approve(held.approval_id, LEAD, FINANCE, DIRECTOR)
    assert (await house.ask(DEPUTY, "purchase.total")).result["amount"] == 0
    await house.approve(held.approval_id, CEO)
    assert (await house.ask(DEPUTY, "purchase.total")).result["amount"] == 12_000_000


@pytest.mark.parametrize(("spent_on", "says"), [("2026-11-22", "not yet spent"), ("2026-08-01", "older than 90 days")])
async def test_expenses_of_the_future_and_of_long_ago_are_refused(house, spent_on: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        await house.ask(DEPUTY, "expense.request", amount=10_000, category="식비", spent_on=spent_on)


# Sales


async def test_the_sales_division_finance_and_executives_see_the_same_sales(house) -> None:
    totals = {
        (await house.ask(who, "sales.total", start="2026-10-01", end="2026-10-31")).result["amount"]
        for who in (DEPUTY, LEAD, DIRECTOR, FINANCE, CEO)
    }
    assert len(totals) == 1
    assert totals != {0}


@pytest.mark.parametrize("who", [STRANGER, HR, "정도윤"])
async def test_others_see_no_sales(house, who: str) -> None:
    for operation in ("sales.total", "sales.by_team", "customer.find"):
        with pytest.raises(PermissionDenied):
            await house.ask(who, operation)


async def test_teams_months_and_people_add_up_to_the_same_total(house) -> None:
    span = {"start": "2026-01-01", "end": "2026-10-31"}
    total = (await house.ask(CEO, "sales.total", **span)).result["amount"]
    for operation in ("sales.by_team", "sales.by_month"):
        rows = (await house.ask(CEO, operation, **span)).result["rows"]
        assert sum(row["amount"] for row in rows) == total
    division = (await house.ask(CEO, "sales.total", team="영업본부", **span)).result["amount"]
    assert division == total


async def test_finance_keeps_customers_without_an_operation_written_for_it(house) -> None:
    row = (await house.ask(FINANCE, "customer.find", team="영업1팀")).result["rows"][0]
    done = await house.ask(FINANCE, "customer.update", id=row["id"], grade="C", credit_limit=5_000_000)
    assert (done.result["fields"]["grade"], done.result["fields"]["credit_limit"]) == ("C", 5_000_000)
    for who in (DEPUTY, LEAD, STRANGER):
        with pytest.raises(PermissionDenied):
            await house.ask(who, "customer.update", id=row["id"], grade="C")


async def test_a_customer_is_removed_only_when_the_lead_agrees(house) -> None:
    row = (await house.ask(FINANCE, "customer.find", team="영업1팀")).result["rows"][0]
    held = await house.ask(FINANCE, "customer.delete", id=row["id"])
    assert isinstance(held, Held)
    await house.approve(held.approval_id, *[step["person"]["name"] for step in held.line])
    with pytest.raises(NotFound):
        await house.ask(FINANCE, "customer.profile", customer=row["id"])


async def test_costs_are_for_finance_and_executives(house) -> None:
    assert (await house.ask(FINANCE, "product.cost", product="한빛 모니터 27")).result["cost"] == 199_410
    with pytest.raises(FieldHidden, match="Only Finance and executives"):
        await house.ask(DEPUTY, "product.cost", product="한빛 모니터 27")


# People


async def test_a_salary_is_for_the_person_and_hr(house) -> None:
    assert (await house.ask(DEPUTY, "employee.salary")).result["salary"] == 47_000_000
    assert (await house.ask(HR, "employee.salary", employee=DEPUTY)).result["salary"] == 47_000_000
    for who in (LEAD, STRANGER, "정도윤", CEO):
        with pytest.raises(FieldHidden) as caught:
            await house.ask(who, "employee.salary", employee=DEPUTY)
        assert caught.value.detail.ko == "연봉은 본인 · 인사 담당만 볼 수 있어요"


async def test_people_who_left_are_known_to_hr_only(house) -> None:
    assert (await house.listed(HR, "employee", filters=[("left_on", "gt", "2000-01-01")]))["data"]
    assert not (await house.listed(DEPUTY, "employee", filters=[("left_on", "gt", "2000-01-01")]))["data"]


async def test_headcounts_agree(house) -> None:
    assert (await house.ask(STRANGER, "employee.count")).result["count"] == 240
    rows = (await house.ask(STRANGER, "employee.by_rank")).result["rows"]
    assert sum(row["count"] for row in rows) == 240


async def test_an_english_name_finds_a_person(house) -> None:
    assert (await house.ask(STRANGER, "employee.profile", employee="Kim Haeun")).result["name"] == "김하은"
    assert (await house.ask(STRANGER, "employee.find", name="haeun")).result["rows"][0]["name"] == "김하은"


async def test_a_unit_that_is_not_there_is_not_counted_as_empty(house) -> None:
    for who, operation in (
        (DEPUTY, "employee.count"),
        (DEPUTY, "sales.total"),
        (FINANCE, "expense.total"),
        (HR, "leave.used"),
    ):
        with pytest.raises(NotFound):
            await house.ask(who, operation, team=9999)


async def test_a_period_that_ends_before_it_starts_is_refused(house) -> None:
    with pytest.raises(Refused, match="before it starts"):
        await house.ask(DEPUTY, "sales.total", start="2026-11-02", end="2026-11-01")


def shown(change: Change) -> tuple[str, str]:
    body = change.body("ko")
    return body["before"], body["after"]
