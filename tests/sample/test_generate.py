"""The invented company: the same for a seed and a day, lawful, and with the people that examples name."""

from collections import Counter
from datetime import date, timedelta

import pytest

from daeri.sample.generate import Hanbit, generate
from daeri.sample.leave_law import Bucket, YearAttendance, allocate, buckets
from daeri.sample.leave_records import uses_of
from daeri.sample.workdays import is_workday, workdays

TODAY = date(2026, 11, 21)
DAYS = [TODAY, date(2027, 1, 1), date(2028, 2, 29), date(2025, 10, 1), date(2026, 3, 31)]


@pytest.fixture(scope="module")
def hanbit() -> Hanbit:
    return generate(TODAY)


@pytest.fixture(scope="module", params=DAYS, ids=str)
def some_day(request: pytest.FixtureRequest) -> tuple[date, Hanbit]:
    return request.param, generate(request.param)


def working(company: Hanbit):
    return [one for one in company.employees if one.left_on is None]


def allocation(company: Hanbit, employee_id: int, day: date):
    account = next(one for one in company.accounts if one.employee_id == employee_id)
    attendance = {int(year): YearAttendance(low[0], frozenset(low[1:])) for year, low in account.attendance.items()}
    given = buckets(account.counted_from, day + timedelta(days=60), attendance=attendance)
    given += [
        Bucket("회사", one.quarters, one.given_on, one.usable_until)
        for one in company.grants
        if one.employee_id == employee_id
    ]
    own = [one for one in company.leaves if one.employee_id == employee_id]
    return allocate(given, [use for one in own for use in uses_of(one.kind, one.start_on, one.end_on)])


def test_the_same_seed_and_day_give_the_same_company(hanbit: Hanbit) -> None:
    assert generate(TODAY) == hanbit
    assert generate(TODAY, seed=7) != hanbit


def test_240_people_work_in_21_teams_of_5_divisions(hanbit: Hanbit) -> None:
    assert len(working(hanbit)) == 240
    assert Counter(one.parent_id for one in hanbit.teams)[1] == 5
    assert len([one for one in hanbit.teams if one.parent_id not in (None, 1)]) == 21


def test_only_two_deputies_are_called_kim_on_any_day(some_day: tuple[date, Hanbit]) -> None:
    _, company = some_day
    found = {one.name for one in company.employees if one.rank == "대리" and one.name.startswith("김")}
    assert found == {"김하은", "김도현"}


def test_names_numbers_and_addresses_are_unique(some_day: tuple[date, Hanbit]) -> None:
    _, company = some_day
    for values in zip(*((one.name, one.number, one.email, one.id) for one in company.employees), strict=True):
        assert len(set(values)) == len(company.employees)


def test_every_unit_has_a_lead_who_works_in_it(some_day: tuple[date, Hanbit]) -> None:
    _, company = some_day
    people = {one.id: one for one in working(company)}
    assert all(people[unit.lead_id].team_id == unit.id and people[unit.lead_id].title for unit in company.teams)


def test_the_demo_accounts_are_who_they_should_be(hanbit: Hanbit) -> None:
    units = {one.id: one.name for one in hanbit.teams}
    found = {one.login: (one.name, one.rank, units[one.team_id], one.roles) for one in hanbit.employees if one.login}
    assert found == {
        "deputy": ("김하은", "대리", "영업1팀", ["sales"]),
        "lead": ("박서연", "부장", "영업1팀", ["sales"]),
        "director": ("최현우", "상무", "영업본부", ["executive", "sales"]),
        "hr": ("이지후", "과장", "인사팀", ["hr"]),
        "admin": ("정도윤", "차장", "정보시스템팀", ["admin", "auditor"]),
    }


def test_one_person_holds_finance_and_one_lead_is_called_park(hanbit: Hanbit) -> None:
    assert [one.name for one in working(hanbit) if "finance" in one.roles] == ["송유진"]
    assert [one.name for one in working(hanbit) if one.title == "팀장" and one.name.startswith("박")] == ["박서연"]


def test_the_deputy_has_seven_and_a_half_days_left_and_none_ahead(some_day: tuple[date, Hanbit]) -> None:
    today, company = some_day
    deputy = next(one for one in company.employees if one.login == "deputy")
    left = allocation(company, deputy.id, today)
    assert left.quarters_on(today) == left.quarters_on(today + timedelta(days=30)) == 30
    assert all(one.end_on < today for one in company.leaves if one.employee_id == deputy.id)


def test_nobody_took_leave_the_law_does_not_give(some_day: tuple[date, Hanbit]) -> None:
    today, company = some_day
    assert all(allocation(company, one.employee_id, today).short == () for one in company.accounts)


def test_someone_in_the_deputys_team_is_away_next_week(some_day: tuple[date, Hanbit]) -> None:
    today, company = some_day
    monday = today + timedelta(days=7 - today.weekday())
    days = workdays(monday, monday + timedelta(days=4))
    deputy = next(one for one in company.employees if one.login == "deputy")
    team = {one.id for one in working(company) if one.team_id == deputy.team_id}
    away = [one for one in company.leaves if one.employee_id in team and one.start_on <= monday + timedelta(days=4)]
    assert not days or any(one.end_on >= monday for one in away)


def test_orders_are_taken_on_working_days_by_people_of_the_team(some_day: tuple[date, Hanbit]) -> None:
    today, company = some_day
    people = {one.id: one for one in company.employees}
    for order in company.orders:
        seller = people[order.employee_id]
        assert seller.team_id == order.team_id
        assert seller.hired_on <= order.ordered_on <= today
        assert is_workday(order.ordered_on)
    assert (today - min(one.ordered_on for one in company.orders)).days >= 725


def test_the_present_month_has_sales_of_the_deputy(hanbit: Hanbit) -> None:
    deputy = next(one for one in hanbit.employees if one.login == "deputy")
    assert any(one.employee_id == deputy.id and one.ordered_on >= date(2026, 11, 1) for one in hanbit.orders)


def test_no_mobile_number_belongs_to_a_real_telephone(hanbit: Hanbit) -> None:
    assert all(one.mobile.startswith("010-0") for one in hanbit.employees)
