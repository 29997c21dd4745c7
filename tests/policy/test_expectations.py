"""A company's expectations of its own rules, tried as a test."""

import pytest

from daeri.clock import FixedClock
from daeri.errors import NotFound, ValidationFailed
from daeri.operations.policy import Policies
from worlds import COLLEAGUE, HR, LEAVER, NOW, OWNER, STRANGER

pytestmark = pytest.mark.anyio


@pytest.fixture
async def policies(world):
    for login, person in (("owner", OWNER), ("colleague", COLLEAGUE), ("hr", HR), ("gone", LEAVER)):
        await world.identity.add_account(login, person, demo=True)
    return Policies(world.door, world.store, FixedClock(NOW))


EMPLOYEE = {"type": "w_employee"}
HELD = [
    {"person": "owner", "operation": "work.request", "expect": "allow"},
    {"person": "owner", "operation": "work.headcount", "expect": "deny"},
    {"person": "hr", "operation": "work.headcount", "expect": "allow"},
    {"person": "hr", "agent": "reader", "operation": "work.headcount", "expect": "deny"},
    {"person": "gone", "operation": "work.find", "expect": "deny"},
    {"person": "owner", **EMPLOYEE, "id": COLLEAGUE, "expect": "allow"},
    {"person": "owner", **EMPLOYEE, "id": STRANGER, "expect": "deny"},
    {"person": "owner", **EMPLOYEE, "id": OWNER, "field": "salary", "expect": "allow"},
    {"person": "owner", **EMPLOYEE, "id": COLLEAGUE, "field": "salary", "expect": "hidden"},
    {"person": "owner", **EMPLOYEE, "id": STRANGER, "field": "salary", "expect": "deny"},
    {"person": "owner", **EMPLOYEE, "field": "salary", "expect": "hidden"},
    {"person": "hr", **EMPLOYEE, "field": "salary", "expect": "allow"},
    {"person": "hr", **EMPLOYEE, "id": OWNER, "change": True, "expect": "allow"},
    {"person": "owner", **EMPLOYEE, "id": OWNER, "change": True, "expect": "deny"},
]


async def test_what_holds_passes(policies):
    outcomes = await policies.test(HELD, "ko")
    assert [outcome.body("ko")["about"] for outcome in outcomes if not outcome.passed] == []


async def test_every_other_expectation_fails(policies):
    wrong = [
        {**case, "expect": other}
        for case in HELD
        for other in ("allow", "deny", "hidden")
        if other != case["expect"] and (other != "hidden" or "field" in case)
    ]
    assert not [outcome for outcome in await policies.test(wrong, "ko") if outcome.passed]


async def test_what_is_not_there_passes_nothing(policies):
    missing = [
        {"person": "nobody", "operation": "work.find", "expect": "deny"},
        {"person": "owner", **EMPLOYEE, "id": 9999, "expect": "deny"},
        {"person": "owner", **EMPLOYEE, "id": OWNER, "field": "wage", "expect": "hidden"},
    ]
    assert [outcome.got for outcome in await policies.test(missing, "ko")] == ["missing"] * 3
    with pytest.raises(NotFound):
        await policies.test([{"person": "owner", "operation": "no.such", "expect": "deny"}], "ko")


@pytest.mark.parametrize(
    "case",
    [
        {"person": "owner", "operation": "work.find", "expect": "maybe"},
        {"person": "owner", "expect": "deny"},
        {"person": "owner", "operation": "work.find", "type": "w_employee", "expect": "deny"},
        {"person": "owner", "operation": "work.find", "field": "salary", "expect": "deny"},
        {"person": "owner", "type": "w_employee", "expect": "hidden"},
        {"person": "owner", "type": "w_employee", "id": "1", "expect": "deny"},
        {"person": "owner", "typ": "w_employee", "expect": "deny"},
        {"person": "owner", "type": "w_employee", "field": "name", "change": True, "expect": "deny"},
    ],
)
async def test_a_vague_expectation_is_refused_with_its_number(policies, case):
    with pytest.raises(ValidationFailed) as refused:
        await policies.test([HELD[0], case], "ko")
    assert refused.value.errors[0].pointer.startswith("/case/1")
